"""How long removals are remembered: long enough for a phone on a long leave, not for ever.

A phone that was away for longer is told to start over, because nobody can tell it any more what
left its scopes. Its unsent work is its own and stays.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa

from core import clock, feed
from core.actor import Actor
from core.database import retried
from core.unit import reading, unit_of_work

REMOVALS_KEPT = timedelta(days=90)
BATCH_ROWS = 1000

_entries, _scopes = feed.FeedEntry, feed.Scope


def forget_removals(actor: Actor) -> int:
    """Forget the organisation's removals that are older than we promise to remember; return how many."""
    before = clock.now() - REMOVALS_KEPT
    with reading(actor) as unit:
        numbers = unit.session.scalars(
            sa.select(_scopes.no).where(_scopes.org_id == unit.org_id).order_by(_scopes.no)
        ).all()
    forgotten = 0
    for scope_no in numbers:
        while batch := retried(lambda no=scope_no: _forget(actor, no, before)):  # type: ignore[misc]
            forgotten += batch
    return forgotten


def _forget(actor: Actor, scope_no: int, before: datetime) -> int:
    with unit_of_work(actor, action="removals.forget") as unit:
        # The scope's lock comes first, as for whoever gives numbers in it.
        purged = unit.session.scalar(
            sa.select(_scopes.purged).where(_scopes.no == scope_no).with_for_update()
        )
        old = unit.session.execute(
            sa.select(_entries.document_no, _entries.seq)
            .where(
                _entries.scope_no == scope_no,
                _entries.seq > purged,
                _entries.present.is_(False),
                # A row that is gone may still be referred to; its reasons are counted here.
                _entries.reasons == 0,
                _entries.changed_at < before,
            )
            .order_by(_entries.seq)
            .limit(BATCH_ROWS)
        ).all()
        if not old:
            return 0
        unit.session.execute(
            sa.delete(_entries)
            .where(
                _entries.scope_no == scope_no,
                _entries.document_no.in_([row.document_no for row in old]),
            )
            .execution_options(synchronize_session=False)
        )
        unit.session.execute(
            sa.update(_scopes)
            .where(_scopes.no == scope_no)
            .values(purged=old[-1].seq)
            .execution_options(synchronize_session=False)
        )
        return len(old)
