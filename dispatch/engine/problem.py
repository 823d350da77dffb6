"""What the planner is asked: one day of engineers and visits, as plain data.

Every time is a whole number of seconds since a midnight the caller has chosen, every place an index
into `Problem.places`. Skills are those valid on the day: who builds the problem leaves expired
certificates out.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite

LATEST_S = 14 * 24 * 3600
LARGEST_PENALTY = 1_000_000_000
PRIORITIES = (1, 2, 3, 4)


class ProblemError(ValueError):
    """The question cannot be asked: something in it is impossible or is no number at all."""


@dataclass(frozen=True, slots=True)
class Place:
    """A point on the globe (WGS-84)."""

    lat: float
    lng: float

    def __post_init__(self) -> None:
        if not (isfinite(self.lat) and isfinite(self.lng)):
            raise ProblemError("A coordinate is not a number.")
        if not (-90 <= self.lat <= 90 and -180 <= self.lng <= 180):
            raise ProblemError(f"({self.lat}, {self.lng}) is off the globe.")


@dataclass(frozen=True, slots=True)
class Window:
    """From one moment to another, both included."""

    from_s: int
    to_s: int

    def __post_init__(self) -> None:
        _check_time("A window", self.from_s)
        _check_time("A window", self.to_s)
        if self.from_s > self.to_s:
            raise ProblemError(f"A window ends ({self.to_s}) before it begins ({self.from_s}).")


@dataclass(frozen=True, slots=True)
class Break:
    """A pause such as lunch: it begins within its window, and no visit runs into it.

    A drive may be interrupted for it. A break whose last chance lies before the working day begins
    is taken to be over.
    """

    earliest_s: int
    latest_s: int
    duration_s: int

    def __post_init__(self) -> None:
        Window(self.earliest_s, self.latest_s)
        _check_time("A break", self.duration_s)


@dataclass(frozen=True, slots=True)
class Engineer:
    """Somebody who can be sent: when, from where, with which skills and which parts in the van.

    Between two shift windows nobody works. With no `end` the day ends at the last visit.
    """

    id: str
    shifts: tuple[Window, ...]
    start: int
    end: int | None = None
    breaks: tuple[Break, ...] = ()
    skills: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[str, int] = field(default_factory=dict)
    max_overtime_s: int = 0

    def __post_init__(self) -> None:
        if not self.shifts:
            raise ProblemError(f"Engineer {self.id} has no shift.")
        for earlier, later in zip(self.shifts, self.shifts[1:], strict=False):
            if later.from_s < earlier.to_s:
                raise ProblemError(f"The shifts of engineer {self.id} overlap or are out of order.")
        _check_time(f"The overtime of engineer {self.id}", self.max_overtime_s)
        _check_amounts(f"engineer {self.id}", self.skills, self.parts)


@dataclass(frozen=True, slots=True)
class Planned:
    """Where a visit stands in the plan that people already know."""

    engineer: str
    start_s: int

    def __post_init__(self) -> None:
        _check_time("A planned start", self.start_s)


@dataclass(frozen=True, slots=True)
class Visit:
    """A job at a place. Its windows bound the start of work; none means any time.

    `penalty` is the price of leaving it out, by priority when not given. `due_s` is a soft promise.
    A locked start overrules the windows, because a person promised it. A running visit is under way:
    it needs both locks, stays where it is, and its engineer goes on from there.
    """

    id: str
    place: int
    duration_s: int
    windows: tuple[Window, ...] = ()
    skills: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[str, int] = field(default_factory=dict)
    priority: int = 3
    penalty: int | None = None
    due_s: int | None = None
    preferred: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()
    lock_engineer: str | None = None
    lock_start_s: int | None = None
    running: bool = False
    planned: Planned | None = None

    def __post_init__(self) -> None:
        name = f"Visit {self.id}"
        _check_time(f"{name}: the duration", self.duration_s)
        for moment in (self.due_s, self.lock_start_s):
            if moment is not None:
                _check_time(name, moment)
        if self.priority not in PRIORITIES:
            raise ProblemError(f"{name} has priority {self.priority}; it must be 1 to 4.")
        if self.penalty is not None:
            _check_whole(f"{name}: the penalty", self.penalty, LARGEST_PENALTY)
        if self.running and (self.lock_engineer is None or self.lock_start_s is None):
            raise ProblemError(f"{name} is running, but not by whom or since when.")
        _check_amounts(name, self.skills, self.parts)

    def start_windows(self) -> tuple[Window, ...]:
        """Return when work may begin, in order."""
        if self.lock_start_s is not None:
            return (Window(self.lock_start_s, self.lock_start_s),)
        return self.windows or (Window(0, LATEST_S),)


@dataclass(frozen=True, slots=True)
class Weights:
    """What things cost, in seconds of driving."""

    travel: int = 1
    overtime: int = 2
    late: Mapping[int, int] = field(default_factory=lambda: {1: 8, 2: 4, 3: 2, 4: 1})
    not_preferred: int = 1200
    moved: int = 1800
    unplaced: Mapping[int, int] = field(
        default_factory=lambda: {1: 100_000, 2: 30_000, 3: 10_000, 4: 5_000}
    )
    unplaced_locked: int = 1_000_000

    def __post_init__(self) -> None:
        amounts = (self.travel, self.overtime, self.not_preferred, self.moved, self.unplaced_locked)
        for amount in (*amounts, *self.late.values(), *self.unplaced.values()):
            _check_whole("A weight", amount, LARGEST_PENALTY)
        if set(self.late) != set(PRIORITIES) or set(self.unplaced) != set(PRIORITIES):
            raise ProblemError("A weight is missing for one of the priorities 1 to 4.")

    def penalty(self, visit: Visit) -> int:
        """Return the price of leaving this visit out."""
        if visit.penalty is not None:
            return visit.penalty
        if visit.lock_engineer is not None or visit.lock_start_s is not None:
            return self.unplaced_locked
        return self.unplaced[visit.priority]


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """When to be content: after so many seconds, or so many rounds of search.

    Only rounds make a plan repeatable, for a clock never strikes twice at the same place. With both
    the seconds are a safety net.
    """

    seconds: float = 3.0
    iterations: int | None = None

    def __post_init__(self) -> None:
        if not (isfinite(self.seconds) and 0 < self.seconds <= 3600):
            raise ProblemError("The search needs between 0 and 3600 seconds.")
        if self.iterations is not None and self.iterations < 1:
            raise ProblemError("The search needs at least one round.")


@dataclass(frozen=True, slots=True)
class Problem:
    """One day to plan. `travel_s[i][j]` is the drive from place i to place j."""

    places: tuple[Place, ...]
    travel_s: tuple[tuple[int, ...], ...]
    engineers: tuple[Engineer, ...]
    visits: tuple[Visit, ...]
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        size = len(self.travel_s)
        if self.places and len(self.places) != size:
            raise ProblemError("The travel matrix does not fit the places.")
        for row in self.travel_s:
            if len(row) != size:
                raise ProblemError("The travel matrix is not square.")
            for seconds in row:
                _check_time("A drive", seconds)
        _check_unique("engineer", (engineer.id for engineer in self.engineers))
        _check_unique("visit", (visit.id for visit in self.visits))
        stops = [engineer.start for engineer in self.engineers]
        stops += [engineer.end for engineer in self.engineers if engineer.end is not None]
        stops += [visit.place for visit in self.visits]
        for place in stops:
            _check_whole("A place", place, size - 1)
        self._check_running({engineer.id for engineer in self.engineers})

    def _check_running(self, engineers: Collection[str]) -> None:
        busy: set[str] = set()
        for visit in self.visits:
            if not visit.running or visit.lock_engineer is None:
                continue
            if visit.lock_engineer not in engineers:
                raise ProblemError(
                    f"Visit {visit.id} is run by somebody who is not in the problem."
                )
            if visit.lock_engineer in busy:
                raise ProblemError(f"Engineer {visit.lock_engineer} runs two visits at once.")
            busy.add(visit.lock_engineer)


def _check_time(what: str, seconds: int) -> None:
    _check_whole(what, seconds, LATEST_S)


def _check_whole(what: str, number: object, most: int) -> None:
    if not isinstance(number, int) or isinstance(number, bool):
        raise ProblemError(f"{what} is {number!r}, not a whole number.")
    if not 0 <= number <= most:
        raise ProblemError(f"{what} is {number}; it must be between 0 and {most}.")


def _check_amounts(whose: str, *tables: Mapping[str, int]) -> None:
    for table in tables:
        for name, amount in table.items():
            _check_whole(f"{name} of {whose}", amount, 1_000_000)


def _check_unique(kind: str, ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise ProblemError(f"The {kind} {name} is there twice.")
        seen.add(name)
