"""How long removals and receipts are remembered: long enough for a phone on a long leave, not for ever.

A phone that was away for longer is told to start over, because nobody can tell it any more what
left its scopes. Its unsent work is its own and stays.
"""

from datetime import datetime

import sqlalchemy as sa

from core import clock, feed
from core.actor import Actor
from core.database import retried
from core.receipts import Receipt
from core.unit import reading, unit_of_work
from people.models import Device
from sync.spans import kept

# What was refused or reviewed is worth keeping whole; what was applied is in the rows.
KEPT_WHOLE = frozenset({"review", "refused", "blocked", "quarantined"})
BATCH_ROWS = 1000

_entries, _scopes = feed.FeedEntry, feed.Scope


def forget_removals(actor: Actor) -> int:
    """Forget the organisation's removals that are older than we promise to remember; return how many."""
    before = clock.now() - kept.removals
    with reading(actor) as unit:
        numbers = unit.session.scalars(
            sa.select(_scopes.no).where(_scopes.org_id == unit.org_id).order_by(_scopes.no)
        ).all()
    forgotten = 0
    for scope_no in numbers:
        while batch := retried(lambda no=scope_no: _forget(actor, no, before)):  # type: ignore[misc]
            forgotten += batch
    return forgotten


def forget_receipts(actor: Actor) -> int:
    """Forget receipts of what was applied, confirmed by the phone, and long ago; return how many."""
    before = clock.now() - kept.receipts
    forgotten = 0
    while batch := retried(lambda: _forget_receipts(actor, before)):
        forgotten += batch
    return forgotten


def _forget_receipts(actor: Actor, before: datetime) -> int:
    with unit_of_work(actor, action="receipts.forget") as unit:
        old = unit.session.execute(
            sa.select(Receipt.sender_id, Receipt.key)
            .join(Device, (Device.org_id == Receipt.org_id) & (Device.id == Receipt.sender_id))
            .where(
                Receipt.received_at < before,
                Receipt.seq <= Device.confirmed_seq,
                Receipt.status.not_in(KEPT_WHOLE),
            )
            .limit(BATCH_ROWS)
        ).all()
        for sender_id in {row.sender_id for row in old}:
            unit.session.execute(
                sa.delete(Receipt)
                .where(
                    Receipt.sender_id == sender_id,
                    Receipt.key.in_([row.key for row in old if row.sender_id == sender_id]),
                )
                .execution_options(synchronize_session=False)
            )
        return len(old)


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
