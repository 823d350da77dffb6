"""The promise on an order: policies and calendars as rows, the clock as `work.sla` works it out."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

from core.errors import Invalid
from core.models import Base, Identified
from core.unit import Unit
from work import sla
from work.models import CLOSED_ORDER, Hold, HoldReason, WorkOrder


class Promise(Identified, Base):
    """How soon an order of one priority is to be done, counted in which hours.

    `week` maps weekdays ("0" is Monday) to stretches such as `["08:00-12:00", "13:00-18:00"]`;
    none at all means around the clock. `country` brings its public holidays and make-up days.
    """

    __tablename__ = "promise"
    priority: Mapped[int] = mapped_column(sa.Integer)
    minutes: Mapped[int] = mapped_column(sa.Integer)
    warn_minutes: Mapped[int] = mapped_column(sa.Integer)
    timezone: Mapped[str]
    week: Mapped[dict[str, Any]]
    country: Mapped[str | None]
    pausing: Mapped[list[str]]
    __table_args__ = (sa.UniqueConstraint("org_id", "priority"),)


# The customer's side and the world's; what we lack ourselves does not stop our clock.
USUALLY_PAUSING = [HoldReason.CUSTOMER.value, HoldReason.ACCESS.value, HoldReason.WEATHER.value]


def make_promise(
    unit: Unit,
    *,
    priority: int,
    minutes: int,
    warn_minutes: int,
    timezone: str,
    week: dict[str, list[str]],
    country: str | None = None,
) -> Promise:
    """State how soon orders of this priority are to be done."""
    try:
        sla.SlaPolicy(timedelta(minutes=minutes), timedelta(minutes=warn_minutes))
        for stretches in week.values():
            for stretch in stretches:
                sla.opening(stretch)
    except (sla.PolicyError, ValueError) as error:
        raise Invalid("This promise cannot be kept: {why}", why=str(error)) from error
    return unit.add(
        Promise(
            priority=priority,
            minutes=minutes,
            warn_minutes=warn_minutes,
            timezone=timezone,
            week=week,
            country=country,
            pausing=USUALLY_PAUSING,
        )
    )


def promise_for(unit: Unit, priority: int) -> Promise | None:
    """Return the promise for a priority, if the company makes one."""
    kept: dict[tuple[UUID, int], Promise | None] = unit.session.info.setdefault("promises", {})
    key = (unit.org_id, priority)
    if key not in kept:
        kept[key] = unit.session.scalar(select(Promise).where(Promise.priority == priority))
    return kept[key]


_hours: dict[tuple[Any, ...], sla.OpeningHours] = {}


def hours_of(promise: Promise, around: datetime) -> sla.OpeningHours:
    """Return the calendar in which the promise's time counts."""
    if not promise.week:
        return sla.OpeningHours.always(promise.timezone)
    years = (around.year - 1, around.year, around.year + 1)
    key = (promise.timezone, str(promise.week), promise.country, years)
    if key not in _hours:
        week = {
            int(day): tuple(sla.opening(s) for s in stretches)
            for day, stretches in promise.week.items()
        }
        _hours[key] = (
            sla.country_hours(promise.country, promise.timezone, week, years)
            if promise.country
            else sla.OpeningHours(promise.timezone, week)
        )
    return _hours[key]


def policy_of(promise: Promise) -> sla.SlaPolicy:
    """Return the promise as the clock understands it."""
    return sla.SlaPolicy(
        timedelta(minutes=promise.minutes),
        timedelta(minutes=promise.warn_minutes),
        pausing=frozenset(promise.pausing),
    )


def rewind(unit: Unit, order: WorkOrder, *, now: datetime, holds: list[Hold] | None = None) -> None:
    """Work the order's clock out afresh from its start, its holds and its end."""
    promise = promise_for(unit, order.priority)
    if promise is None:
        order.due_at, order.sla = None, None
        return
    if holds is None:
        holds = sorted(unit.rows_of(Hold.order_id, order.id), key=lambda hold: hold.begun_at)
    events = list(_waits(holds, promise.pausing))
    if order.first_completed_at is not None and order.state in CLOSED_ORDER:
        events.append(sla.Met(order.first_completed_at))
    now = max(now, order.opened_at, order.first_completed_at or order.opened_at)
    clock = sla.run_clock(
        order.opened_at, policy_of(promise), hours_of(promise, order.opened_at), events, now=now
    )
    order.due_at = clock.due_at
    order.sla = {
        "due_at": _text(clock.due_at),
        "warn_at": _text(clock.warn_at),
        "breached_at": _text(clock.breached_at),
        "met_at": _text(clock.met_at),
        "segments": [
            {
                "since": _text(s.starts),
                "until": _text(s.ends),
                "state": s.state.value,
                "reason": s.reason,
            }
            for s in clock.segments
        ],
    }


def _waits(holds: Sequence[Hold], pausing: Collection[str]) -> Iterator[sla.ClockEvent]:
    """Return when the order begins to wait and goes on; where two holds overlap, one that stops the clock speaks."""
    edges = {hold.begun_at for hold in holds} | {hold.ended_at for hold in holds if hold.ended_at}
    for edge in sorted(edges):
        waiting = [
            hold
            for hold in holds
            if hold.begun_at <= edge and (hold.ended_at is None or edge < hold.ended_at)
        ]
        if waiting:
            speaks = min(waiting, key=lambda hold: (hold.reason not in pausing, hold.begun_at))
            yield sla.Paused(edge, speaks.reason.value)
        else:
            yield sla.Resumed(edge)


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
