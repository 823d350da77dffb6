"""When an engineer will be there, worked out from what is known of their day: values in, values out."""

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)
# How far an expectation may be off: on the way, with a position, and for each stop that comes before.
ON_THE_WAY_OFF = 10 * MINUTE
SEEN_OFF = 5 * MINUTE
PLANNED_OFF = 20 * MINUTE
EACH_STOP_OFF = 10 * MINUTE
# Later than planned by less is nothing to tell a customer.
LATE = 15 * MINUTE
ROUNDED = 5 * MINUTE


class Stage(enum.StrEnum):
    """How near the engineer is, in a customer's words."""

    UNPLANNED = "unplanned"
    PLANNED = "planned"
    ON_THE_WAY = "on_the_way"
    HERE = "here"
    DONE = "done"
    CALLED_OFF = "called_off"


@dataclass(frozen=True, slots=True)
class Leg:
    """A drive and the work at its end, as far as it is planned and as far as it has happened."""

    travel: timedelta
    work: timedelta
    planned_at: datetime | None = None
    set_out_at: datetime | None = None
    arrived_at: datetime | None = None
    begun_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """When the engineer will be there: most likely, and from when to when in five-minute steps."""

    at: datetime
    earliest: datetime
    latest: datetime
    late: bool


def expected(
    now: datetime, legs: Sequence[Leg], *, left_to_drive: timedelta | None = None
) -> Expected | None:
    """Return when the last of the legs arrives; the others are what the engineer does before, in order.

    `left_to_drive` is what a position says of the drive that is under way to the last one. None when
    nothing is known to go by: no plan, and nobody under way.
    """
    mine = legs[-1]
    free: datetime | None = None
    arrives: datetime | None = None
    for leg in legs:
        arrives = _arrival(now, leg, free, left_to_drive if leg is mine else None)
        if arrives is not None:
            free = max(now, (leg.begun_at or arrives) + leg.work)
    if arrives is None:
        return None
    off = _off(legs, left_to_drive)
    # What lies before the present is over: nobody is expected in the past.
    earliest = max(arrives - off, now)
    late = mine.planned_at is not None and arrives - mine.planned_at > LATE
    return Expected(arrives, _down(earliest), _up(max(arrives + off, now + ROUNDED)), late)


def _arrival(
    now: datetime, leg: Leg, free: datetime | None, left: timedelta | None
) -> datetime | None:
    if leg.arrived_at is not None:
        return leg.arrived_at
    if leg.set_out_at is not None:
        there = now + left if left is not None else leg.set_out_at + leg.travel
        return max(there, now + MINUTE)
    if leg.planned_at is None and free is None:
        return None
    ready = max(now, free or now) + leg.travel
    return max(ready, leg.planned_at) if leg.planned_at is not None else ready


def _off(legs: Sequence[Leg], left: timedelta | None) -> timedelta:
    if legs[-1].set_out_at is not None:
        return SEEN_OFF if left is not None else ON_THE_WAY_OFF
    return PLANNED_OFF + EACH_STOP_OFF * (len(legs) - 1)


def _down(moment: datetime) -> datetime:
    return moment - timedelta(seconds=moment.timestamp() % ROUNDED.total_seconds())


def _up(moment: datetime) -> datetime:
    over = moment.timestamp() % ROUNDED.total_seconds()
    return moment + timedelta(seconds=ROUNDED.total_seconds() - over) if over else moment


def called(name: str, language: str) -> str:
    """Return what a customer may call an engineer: a first name, or in Chinese the family name as is usual.

    The full name is nobody's business before the door is opened.
    """
    chinese = re.search("[\u4e00-\u9fff]", name)
    latin = re.match("[^\\s\u4e00-\u9fff]+", name)
    if language == "zh-CN" and chinese:
        return f"{chinese[0]}师傅"
    return latin[0] if latin else chinese[0] if chinese else ""
