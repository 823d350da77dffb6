"""Promises to customers, measured in working time: calendars, policies and their clocks.

Instants are UTC going in and coming out; only a calendar's intervals are local. Nothing here is
counted up and kept: a clock is worked out afresh from its events each time someone looks.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import holidays

# A calendar that has not opened within this time, or a promise due later, is a mistake in settings.
FARTHEST_PROMISE = timedelta(days=3660)

DAY = timedelta(days=1)
NOTHING = timedelta(0)


class NoWorkingTime(ValueError):
    """The calendar never opens long enough for the promise to fall due."""


class PolicyError(ValueError):
    """The promise cannot be kept by anybody, whatever the calendar says."""


class NaiveTime(ValueError):
    """A moment was given without its offset, so nobody can tell when it was."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One stretch of a working day, in local wall time.

    A stretch that closes at or before the time it opens ends on the next day: 22:00-06:00 is a
    night shift, 00:00-00:00 a whole day.
    """

    opens: time
    closes: time

    def length(self) -> timedelta:
        """Return how long this is on a day without a clock change."""
        opens = timedelta(hours=self.opens.hour, minutes=self.opens.minute)
        closes = timedelta(hours=self.closes.hour, minutes=self.closes.minute)
        return closes - opens if closes > opens else closes - opens + DAY


WHOLE_DAY = (Opening(time(0), time(0)),)


def opening(text: str) -> Opening:
    """Return the stretch written as `"08:00-12:00"`; `24:00` is midnight."""
    opens, _, closes = text.partition("-")
    return Opening(
        time.fromisoformat(opens), time(0) if closes == "24:00" else time.fromisoformat(closes)
    )


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When somebody works: a week, and the days that are unlike it.

    `week` is keyed by weekday, Monday 0. A date in `exceptions` replaces its weekday: no stretch
    for a holiday, one for a half day, the usual ones for a make-up working day.
    """

    zone: str
    week: Mapping[int, tuple[Opening, ...]]
    exceptions: Mapping[date, tuple[Opening, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ZoneInfo(self.zone)
        if strange := set(self.week) - set(range(7)):
            raise PolicyError(f"A week has no day {min(strange)}.")

    @classmethod
    def weekly(cls, zone: str, days: Iterable[int], *stretches: str) -> "OpeningHours":
        """Return the calendar that opens alike on each of `days`."""
        openings = tuple(opening(stretch) for stretch in stretches)
        return cls(zone, dict.fromkeys(days, openings))

    @classmethod
    def always(cls, zone: str = "UTC") -> "OpeningHours":
        """Return the calendar of an emergency service: every hour of every day."""
        return cls(zone, dict.fromkeys(range(7), WHOLE_DAY))

    def with_days(self, days: Mapping[date, tuple[Opening, ...]]) -> "OpeningHours":
        """Return this calendar with further exceptions, which win over those it had."""
        return replace(self, exceptions={**self.exceptions, **days})

    def openings_on(self, day: date) -> tuple[Opening, ...]:
        """Return the stretches that begin on this local day."""
        return self.exceptions.get(day, self.week.get(day.weekday(), ()))

    def usual_day(self) -> timedelta:
        """Return the working time of an ordinary day: the commonest in the week, longest on a tie."""
        lengths = Counter(
            sum((stretch.length() for stretch in stretches), NOTHING)
            for stretches in self.week.values()
            if stretches
        )
        if not lengths:
            raise NoWorkingTime("The week has no open day.")
        return max(lengths, key=lambda length: (lengths[length], length))

    def days(self, count: int) -> timedelta:
        """Return `count` working days as working time, each worth the usual day."""
        return count * self.usual_day()

    def spans(self, start: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the open spans between two instants, in order, joined where they touch."""
        zone = ZoneInfo(self.zone)
        start, until = _utc(start), _utc(until)
        joined: tuple[datetime, datetime] | None = None
        # Two days early: yesterday's night shift may still be running, and zones differ by a day.
        day = start.date() - 2 * DAY
        while day <= until.date() + DAY:
            for opens, closes in sorted(self._instants(day, zone)):
                opens, closes = max(opens, start), min(closes, until)
                if opens >= closes:
                    continue
                if joined is None:
                    joined = (opens, closes)
                elif opens <= joined[1]:
                    joined = (joined[0], max(joined[1], closes))
                else:
                    yield joined
                    joined = (opens, closes)
            day += DAY
        if joined is not None:
            yield joined

    def add(self, start: datetime, work: timedelta) -> datetime:
        """Return the instant at which `work` of open time has passed since `start`.

        Work that ends with the day is done at closing time, not at the next opening.
        """
        start = _utc(start)
        if work <= NOTHING:
            return start
        for opens, closes in self.spans(start, start + FARTHEST_PROMISE):
            if work <= closes - opens:
                return opens + work
            work -= closes - opens
        raise NoWorkingTime(
            f"The calendar does not open long enough within {FARTHEST_PROMISE.days} days."
        )

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Return the open time between two instants; none if the end comes first."""
        return sum((closes - opens for opens, closes in self.spans(start, end)), NOTHING)

    def _instants(self, day: date, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        for stretch in self.openings_on(day):
            last = day if stretch.closes > stretch.opens else day + DAY
            yield _instant(day, stretch.opens, zone), _instant(last, stretch.closes, zone)


def country_hours(
    country: str,
    zone: str,
    week: Mapping[int, tuple[Opening, ...]],
    years: Iterable[int],
    *,
    subdivision: str | None = None,
) -> OpeningHours:
    """Return a country's calendar: closed on its public holidays, open on its make-up days.

    A make-up working day (China's 调休) opens like the commonest day of the week given. A year that
    the government has not decreed yet holds the statutory days only.
    """
    listed = holidays.country_holidays(country, subdiv=subdivision, years=years)
    closed: dict[date, tuple[Opening, ...]] = {day: () for day in listed if week.get(day.weekday())}
    usual = Counter(stretches for stretches in week.values() if stretches)
    if usual:
        makes_up = usual.most_common(1)[0][0]
        made_up = {day for day in listed.weekend_workdays if day.year in listed.years}
        closed |= dict.fromkeys(made_up, makes_up)
    return OpeningHours(zone, week, closed)


class Target(StrEnum):
    """What was promised."""

    RESPONSE = "response"
    ARRIVAL = "arrival"
    RESTORE = "restore"
    RESOLVE = "resolve"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class SlaPolicy:
    """A promise: how much working time may pass, and which holds stop the clock.

    `pausing` names the hold reasons that pause; `None` means that every hold does. A fault that
    comes back within `reopens_within` goes on with the old clock; later it deserves a new one.
    """

    work: timedelta
    warn_before: timedelta = NOTHING
    target: Target = Target.RESOLVE
    pausing: frozenset[str] | None = None
    reopens_within: timedelta = NOTHING

    def __post_init__(self) -> None:
        if self.work <= NOTHING:
            raise PolicyError("The promise would be broken as soon as it is made.")
        if not NOTHING <= self.warn_before < self.work:
            raise PolicyError("The warning must come after the start and not after the due time.")

    def pauses(self, reason: str) -> bool:
        """Tell whether a hold for this reason stops the clock."""
        return self.pausing is None or reason in self.pausing


@dataclass(frozen=True, slots=True)
class ClockEvent:
    """Something that happened to a promise."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Paused(ClockEvent):
    """Work was put on hold; a second hold before the first ends replaces its reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Resumed(ClockEvent):
    """The hold ended."""


@dataclass(frozen=True, slots=True)
class Reprioritised(ClockEvent):
    """Another policy holds, as if it had from the start: the holds so far keep their worth."""

    policy: SlaPolicy


@dataclass(frozen=True, slots=True)
class Met(ClockEvent):
    """What was promised has been done; a hold still open ends here."""


@dataclass(frozen=True, slots=True)
class Reopened(ClockEvent):
    """What was done did not last; the time it was thought done counts as paused."""


class SegmentState(StrEnum):
    """What the clock did for a while."""

    RUNNING = "running"
    PAUSED = "paused"
    OUT_OF_HOURS = "out_of_hours"


THOUGHT_DONE = "thought_done"


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch in which the clock did one thing.

    `reason` is the hold's: also while running, when the policy does not pause for it.
    """

    starts: datetime
    ends: datetime
    state: SegmentState
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """What a promise looks like at one moment.

    While on hold, `due_at` is what it would be if work went on now. Once the promise is broken it
    stays at the moment it broke.
    """

    policy: SlaPolicy
    started_at: datetime
    segments: tuple[Segment, ...]
    consumed: timedelta
    paused: timedelta
    due_at: datetime
    warn_at: datetime
    breached_at: datetime | None
    met_at: datetime | None


def breach_at(opened_at: datetime, policy: SlaPolicy, hours: OpeningHours) -> datetime:
    """Return the moment the promise breaks if nothing pauses it, counting open hours only."""
    return hours.add(opened_at, policy.work)


def run_clock(
    started_at: datetime,
    policy: SlaPolicy,
    hours: OpeningHours,
    events: Sequence[ClockEvent] = (),
    *,
    now: datetime,
) -> Clock:
    """Return the clock as it stands `now`, worked out from the start.

    Events may come in any order and count at the time they happened; those after `now` wait.
    """
    started_at, now = _utc(started_at), _utc(now)
    known = sorted((event for event in events if _utc(event.at) <= now), key=lambda e: _utc(e.at))
    policy = _policy_in_force(policy, known)
    holds, met_at = _holds(started_at, policy, known)
    end = max(started_at, met_at or now)

    segments = tuple(_segments(started_at, end, policy, hours, holds))
    consumed = _total(segments, SegmentState.RUNNING)
    due_at = _reached(policy.work, segments, end, hours)
    # Done on the stroke of the due time is still in time.
    breached = due_at < end
    return Clock(
        policy=policy,
        started_at=started_at,
        segments=segments,
        consumed=consumed,
        paused=_total(segments, SegmentState.PAUSED),
        due_at=due_at,
        warn_at=_reached(policy.work - policy.warn_before, segments, end, hours),
        breached_at=due_at if breached else None,
        met_at=met_at,
    )


def next_promise(clocks: Iterable[Clock]) -> Clock | None:
    """Return the promise to watch: the one due first among those neither met nor broken.

    An update can only be owed after a first response, so it never overrules one still open.
    """
    open_clocks = [clock for clock in clocks if clock.met_at is None and clock.breached_at is None]
    if any(clock.policy.target is Target.RESPONSE for clock in open_clocks):
        open_clocks = [c for c in open_clocks if c.policy.target is not Target.UPDATE]
    return min(open_clocks, key=lambda clock: clock.due_at, default=None)


def _policy_in_force(policy: SlaPolicy, events: Iterable[ClockEvent]) -> SlaPolicy:
    for event in events:
        if isinstance(event, Reprioritised):
            policy = event.policy
    return policy


# A hold: from, to (open when None), reason.
_Hold = tuple[datetime, datetime | None, str]


def _holds(
    started_at: datetime, policy: SlaPolicy, events: Iterable[ClockEvent]
) -> tuple[list[_Hold], datetime | None]:
    """Return the holds in order, and when the promise was met for good."""
    holds: list[_Hold] = []
    since: datetime | None = None
    reason = ""
    met_at: datetime | None = None
    for event in events:
        at = max(_utc(event.at), started_at)
        if met_at is not None:
            if isinstance(event, Reopened) and at - met_at <= policy.reopens_within:
                holds.append((met_at, at, THOUGHT_DONE))
                met_at = None
            continue
        if isinstance(event, Paused | Resumed | Met) and since is not None:
            holds.append((since, at, reason))
            since = None
        if isinstance(event, Paused):
            since, reason = at, event.reason
        elif isinstance(event, Met):
            met_at = at
    if since is not None:
        holds.append((since, None, reason))
    return holds, met_at


def _segments(
    start: datetime,
    end: datetime,
    policy: SlaPolicy,
    hours: OpeningHours,
    holds: Sequence[_Hold],
) -> Iterator[Segment]:
    at = start
    for opens, closes in hours.spans(start, end):
        if at < opens:
            yield Segment(at, opens, SegmentState.OUT_OF_HOURS)
        yield from _open_segments(opens, closes, policy, holds)
        at = closes
    if at < end:
        yield Segment(at, end, SegmentState.OUT_OF_HOURS)


def _open_segments(
    opens: datetime, closes: datetime, policy: SlaPolicy, holds: Sequence[_Hold]
) -> Iterator[Segment]:
    at = opens
    for since, until, reason in holds:
        since, until = max(since, at), min(until or closes, closes)
        if since >= until:
            continue
        if at < since:
            yield Segment(at, since, SegmentState.RUNNING)
        stops = reason == THOUGHT_DONE or policy.pauses(reason)
        state = SegmentState.PAUSED if stops else SegmentState.RUNNING
        yield Segment(since, until, state, reason)
        at = until
    if at < closes:
        yield Segment(at, closes, SegmentState.RUNNING)


def _reached(
    work: timedelta, segments: Sequence[Segment], end: datetime, hours: OpeningHours
) -> datetime:
    """Return when the running time reaches `work`, going on without a hold after `end`."""
    for segment in segments:
        if segment.state is SegmentState.RUNNING:
            length = segment.ends - segment.starts
            if work <= length:
                return segment.starts + work
            work -= length
    return hours.add(end, work)


def _total(segments: Iterable[Segment], state: SegmentState) -> timedelta:
    return sum((s.ends - s.starts for s in segments if s.state is state), NOTHING)


def _utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise NaiveTime(f"{moment.isoformat()} has no offset.")
    return moment.astimezone(UTC)


def _instant(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """Return the instant of a wall time: the first of two, or the end of the gap it falls in."""
    local = datetime.combine(day, wall, tzinfo=zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    # The wall time was skipped. The change lies between the readings by the old and the new offset.
    low, high = sorted((instant, local.replace(fold=1).astimezone(UTC)))
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
