"""Scopes by time: a visit enters a phone and leaves it because a day passes, without anybody writing.

A day that begins moves two edges: visits come into sight at the far one, and finished ones fall
behind the near one. Only visits on the days between the old edges and the new ones are looked at,
and only those whose scopes really changed are put into the feed again, at the version they have.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import select

from core import feed
from core.actor import Actor
from core.database import retried
from core.unit import Unit, reading, unit_of_work
from people.models import Organisation
from people.zones import today
from sync.models import Horizon
from sync.spans import kept
from work.models import Visit

BATCH_ROWS = 200

# The day this process last saw an organisation's scopes brought up to: a pull asks at no cost.
_seen: dict[UUID, date] = {}


def keep_up(org_id: UUID) -> bool:
    """Bring the organisation's scopes up to today, when its day changed since this process last looked; tell whether it did."""
    if _seen.get(org_id) == today(org_id):
        return False
    refresh(Actor.system(org_id, "horizon"))
    return True


def refresh(actor: Actor) -> int:
    """Move visits in and out of scopes as the days since the last time ask; return how many moved.

    Safe to run at any time, any number of times, in any number of processes.
    """
    day = today(actor.org_id)
    with reading(actor) as unit:
        known = unit.session.get(Horizon, actor.org_id)
        before = known.day if known else _first_day(unit)
    moved = 0
    if before != day:
        for first, last in _edges(before, day):
            moved += _sweep(actor, first, last)
    if known is None or before != day:
        retried(lambda: _note(actor, day))
    _seen[actor.org_id] = day
    return moved


def _first_day(unit: Unit) -> date:
    # Before its first refresh, every visit was rendered on some day since the company began.
    organisation = unit.session.get(Organisation, unit.org_id)
    begun = organisation.created_at.date() if organisation else today(unit.org_id)
    return min(begun - timedelta(days=1), today(unit.org_id))


def _edges(before: date, day: date) -> list[tuple[date, date]]:
    """Return the stretches of days, first and last, whose visits may have come or gone."""
    early, late = min(before, day), max(before, day)
    return [
        (early - kept.back, late - kept.back),
        (early + kept.ahead, late + kept.ahead),
    ]


def _sweep(actor: Actor, first: date, last: date) -> int:
    moved = 0
    after: tuple[date, UUID] = (first - timedelta(days=1), UUID(int=2**128 - 1))
    while True:
        with reading(actor) as unit:
            found = unit.session.scalars(
                select(Visit)
                .where(
                    Visit.day.between(first, last),
                    sa.or_(
                        Visit.day > after[0],
                        sa.and_(Visit.day == after[0], Visit.id > after[1]),
                    ),
                )
                .order_by(Visit.day, Visit.id)
                .limit(BATCH_ROWS)
            ).all()
            wrong = _misplaced(unit, found)
        if wrong:
            moved += retried(lambda ids=wrong: _put_right(actor, ids))  # type: ignore[misc]
        if len(found) < BATCH_ROWS:
            return moved
        assert found[-1].day is not None  # noqa: S101 - the query asked for visits with a day
        after = (found[-1].day, found[-1].id)


def _misplaced(unit: Unit, visits: Sequence[Visit]) -> list[UUID]:
    """Return the ids of the visits that the feed holds in other scopes than the rule says."""
    entity = feed.ENTITIES[Visit]
    should = {visit.id: sorted(set(entity.scopes(visit))) for visit in visits}
    rows = unit.session.execute(
        select(feed.Document.id, feed.Document.scopes).where(
            feed.Document.org_id == unit.org_id,
            feed.Document.entity == entity.name,
            feed.Document.id.in_(should),
        )
    )
    return [row_id for row_id, scopes in rows if sorted(scopes) != should[row_id]]


def _put_right(actor: Actor, ids: list[UUID]) -> int:
    with unit_of_work(actor, action="horizon.refresh") as unit:
        # Under the rows' locks, or an older body could overtake somebody's change.
        visits = unit.session.scalars(
            select(Visit)
            .where(Visit.id.in_(ids))
            .order_by(Visit.id)
            .with_for_update(key_share=True)
        ).all()
        wrong = set(_misplaced(unit, visits))
        again = [feed.render(visit) for visit in visits if visit.id in wrong]
        feed.write(unit.session.connection(), unit.org_id, again)
        return len(again)


def _note(actor: Actor, day: date) -> None:
    with unit_of_work(actor, action="horizon.refresh") as unit:
        horizon = unit.session.get(Horizon, unit.org_id, with_for_update=True)
        if horizon is None:
            unit.add(Horizon(day=day))
        else:
            horizon.day = day
