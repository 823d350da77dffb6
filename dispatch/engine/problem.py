"""What the planner is asked: engineers and visits of one day or several, as plain data.

Every time is a whole number of seconds since a midnight the caller has chosen, every place an index
into the travel matrices. What a rule means exactly is said here, once, for the search, the
validator and the explanations, which share no code beyond this module.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.int32]

LATEST_S = 14 * 24 * 3600
LARGEST_PENALTY = 1_000_000_000
PRIORITIES = (1, 2, 3, 4)
MOST_VISITS = 5_000
MOST_ENGINEERS = 1_000
MOST_CREW = 8
# A factor of 1000 is the pace that the travel matrix speaks of.
USUAL_PACE = 1000


class ProblemError(ValueError):
    """The question cannot be asked: something in it is impossible or is no number at all.

    `code` names the kind for programs; the message is a sentence for people.
    """

    def __init__(self, message: str, code: str = "problem_error") -> None:
        super().__init__(message)
        self.code = code


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

    A drive may be interrupted for it. A break whose last chance lies before the working day begins,
    or before the present, is taken to be over.
    """

    earliest_s: int
    latest_s: int
    duration_s: int

    def __post_init__(self) -> None:
        Window(self.earliest_s, self.latest_s)
        _check_time("A break", self.duration_s)


@dataclass(frozen=True, slots=True)
class Engineer:
    """Somebody who can be sent: when, from where, with which skills and what is in the van.

    Between two shift windows nobody works or drives; whoever is away stays there. With no `end` the
    day ends at the last visit. `skills_until` says when a skill ends: work that needs it is over by
    then. No `territories` means everywhere. A drive takes `ceil(matrix / speed)` seconds.

    Limits: `max_work_s` on driving and work together, without waits and breaks; `max_travel_s` on
    driving; `max_visits` on stops, running work included. No `capacity` means no limit.
    """

    id: str
    shifts: tuple[Window, ...]
    start: int
    end: int | None = None
    breaks: tuple[Break, ...] = ()
    skills: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[str, int] = field(default_factory=dict)
    max_overtime_s: int = 0
    skills_until: Mapping[str, int] = field(default_factory=dict)
    territories: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()
    capacity: tuple[int, ...] = ()
    speed: float = 1.0
    profile: str | None = None
    max_work_s: int | None = None
    max_travel_s: int | None = None
    max_visits: int | None = None
    fixed_cost: int = 0

    def __post_init__(self) -> None:
        name = f"engineer {self.id}"
        if not self.shifts:
            raise ProblemError(f"Engineer {self.id} has no shift.", "no_shift")
        for earlier, later in zip(self.shifts, self.shifts[1:], strict=False):
            if later.from_s < earlier.to_s:
                raise ProblemError(
                    f"The shifts of engineer {self.id} overlap or are out of order.",
                    "shifts_overlap",
                )
        _check_time(f"The overtime of {name}", self.max_overtime_s)
        _check_amounts(name, self.skills, self.parts)
        for moment in self.skills_until.values():
            _check_time(f"The end of a skill of {name}", moment)
        for amount in self.capacity:
            _check_whole(f"The capacity of {name}", amount, LARGEST_PENALTY)
        if isinstance(self.speed, bool) or not isinstance(self.speed, (int, float)):
            raise ProblemError(f"The speed of {name} is no number.", "bad_speed")
        if not (isfinite(self.speed) and 0.01 <= self.speed <= 100):
            raise ProblemError(f"The speed of {name} must be between 0.01 and 100.", "bad_speed")
        for limit in (self.max_work_s, self.max_travel_s, self.max_visits):
            if limit is not None:
                _check_time(f"A limit of {name}", limit)
        _check_whole(f"The fixed cost of {name}", self.fixed_cost, LARGEST_PENALTY)

    @property
    def speed_per_mille(self) -> int:
        """Return the speed in thousandths, which is how exactly it counts."""
        return max(1, round(self.speed * 1000))

    def base_drive_s(self, matrix_s: int) -> int:
        """Return how long this engineer takes for a drive of the matrix at the usual pace."""
        return -(-int(matrix_s) * 1000 // self.speed_per_mille)


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

    `setup_s` comes on top of the duration, at its beginning, where the stop before (or the start, or
    the depot) is at another place; a start bounded by a window is the start of the setup.
    `penalty` is the price of leaving it out, by priority when not given. `due_s` is a soft promise
    on the start, `promised` the hours a customer was told: to begin outside them is dear.
    A locked start overrules the windows, because a person promised it. A running visit is under way:
    it needs both locks, stays where it is, breaks no rule, and its engineer goes on from there.

    `amount` is what it adds to the load of the vehicle, by dimension, perhaps below zero; at no stop
    may the load be above the capacity. `after` names visits that must have ended `gap_s` before this
    one starts, `with_engineer_of` one that the same engineer makes; where such a visit is left out,
    this one is left out as well. `only` names the engineers it may go to, None all of them.
    Visits of one `same_person` group would rather have one engineer.

    A `crew` of n means n engineers at once: each of their routes has a stop with this visit and the
    same start. Each needs the skills and must be allowed there; parts, tools and the amount come
    from the one who is first in `Problem.engineers`. A locked engineer is one of them.
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
    setup_s: int = 0
    tools: frozenset[str] = frozenset()
    territory: str | None = None
    amount: tuple[int, ...] = ()
    only: frozenset[str] | None = None
    same_person: str | None = None
    crew: int = 1
    after: tuple[str, ...] = ()
    gap_s: int = 0
    with_engineer_of: str | None = None
    promised: Window | None = None

    def __post_init__(self) -> None:
        name = f"Visit {self.id}"
        _check_time(f"{name}: the duration", self.duration_s)
        _check_time(f"{name}: the setup", self.setup_s)
        _check_time(f"{name}: the gap", self.gap_s)
        for moment in (self.due_s, self.lock_start_s):
            if moment is not None:
                _check_time(name, moment)
        if self.priority not in PRIORITIES or isinstance(self.priority, bool):
            raise ProblemError(
                f"{name} has priority {self.priority}; it must be 1 to 4.", "bad_priority"
            )
        if self.penalty is not None:
            _check_whole(f"{name}: the penalty", self.penalty, LARGEST_PENALTY)
        if self.running and (self.lock_engineer is None or self.lock_start_s is None):
            raise ProblemError(
                f"{name} is running, but not by whom or since when.", "running_unlocked"
            )
        _check_whole(f"{name}: the crew", self.crew, MOST_CREW)
        if self.crew < 1 or (self.running and self.crew > 1):
            raise ProblemError(f"{name} cannot have a crew of {self.crew}.", "bad_crew")
        for amount in self.amount:
            if not isinstance(amount, int) or isinstance(amount, bool):
                raise ProblemError(f"{name}: an amount is no whole number.", "bad_amount")
            _check_whole(f"{name}: an amount", abs(amount), LARGEST_PENALTY)
        _check_amounts(name, self.skills, self.parts)

    def start_windows(self) -> tuple[Window, ...]:
        """Return when work may begin, in order."""
        if self.lock_start_s is not None:
            return (Window(self.lock_start_s, self.lock_start_s),)
        return self.windows or (Window(0, LATEST_S),)


@dataclass(frozen=True, slots=True)
class Depot:
    """Where an engineer may stop once on the way to take parts and tools on board.

    Before it only what is in the van counts, after it also what the depot has: `parts` by number, or
    all there are in any number (None); `tools` by name, or all (None). The van's tools and parts
    stay, and tools are not used up. The window bounds the start.
    """

    place: int
    window: Window = field(default_factory=lambda: Window(0, LATEST_S))
    duration_s: int = 0
    parts: Mapping[str, int] | None = None
    tools: frozenset[str] | None = None

    def __post_init__(self) -> None:
        _check_time("The time at a depot", self.duration_s)
        _check_amounts("a depot", self.parts or {})


def _by_priority(*rates: int) -> dict[int, int]:
    return dict(zip(PRIORITIES, rates, strict=True))


@dataclass(frozen=True, slots=True)
class Weights:
    """What things cost, in seconds of driving.

    - `overtime`, `span`: a second after the last shift's end (or after running work that lasts
      longer); a second from leaving to returning. Neither counts where only running work is on
      the route.
    - `late`, by priority: a second that a visit starts after `due_s`; `late_steep` comes on top from
      `late_steep_after_s` on.
    - `promise_broken`: a visit that starts outside its promised window, or is left out.
    - `not_preferred`: an engineer who is not among those preferred.
    - `same_person`: each engineer beyond the first in a group.
    - `balance`: hundredths of a second for each second between the engineer with the most and the
      one with the least work (driving and work on the route together, running work left aside),
      rounded down.
    - `moved`: a visit that its planned engineer does not make; `moved_time`: one that starts more
      than `moved_tolerance_s` away from its planned start.
    - `fixed`: how often an engineer's `fixed_cost` counts, once anything beside running work is
      on the route.
    """

    travel: int = 1
    overtime: int = 2
    late: Mapping[int, int] = field(default_factory=lambda: _by_priority(8, 4, 2, 1))
    not_preferred: int = 1200
    moved: int = 1800
    unplaced: Mapping[int, int] = field(
        default_factory=lambda: _by_priority(100_000, 30_000, 10_000, 5_000)
    )
    unplaced_locked: int = 1_000_000
    late_steep: Mapping[int, int] = field(default_factory=lambda: _by_priority(8, 4, 2, 1))
    late_steep_after_s: int = 2 * 3600
    promise_broken: int = 15_000
    same_person: int = 900
    balance: int = 1
    moved_time: int = 300
    moved_tolerance_s: int = 1800
    span: int = 0
    fixed: int = 1

    def __post_init__(self) -> None:
        tables = (self.late, self.late_steep, self.unplaced)
        for one in fields(self):
            amount = getattr(self, one.name)
            for number in amount.values() if isinstance(amount, Mapping) else (amount,):
                _check_whole("A weight", number, LARGEST_PENALTY)
        if any(set(table) != set(PRIORITIES) for table in tables):
            raise ProblemError("A weight is missing for one of the priorities 1 to 4.")

    def penalty(self, visit: Visit) -> int:
        """Return the price of leaving this visit out, a broken promise included."""
        broken = self.promise_broken if visit.promised is not None else 0
        if visit.penalty is not None:
            return visit.penalty + broken
        if visit.lock_engineer is not None or visit.lock_start_s is not None:
            return self.unplaced_locked + broken
        return self.unplaced[visit.priority] + broken

    def lateness(self, visit: Visit, starts_s: int) -> int:
        """Return what it costs that the visit starts then."""
        if visit.due_s is None or starts_s <= visit.due_s:
            return 0
        late = starts_s - visit.due_s
        steep = max(0, late - self.late_steep_after_s)
        return late * self.late[visit.priority] + steep * self.late_steep[visit.priority]


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """When to be content: after so many seconds, or so many rounds of search.

    Only rounds make a plan repeatable, for a clock never strikes twice at the same place. With both
    the seconds are a safety net. With `patience_s` the search ends sooner, once so many seconds have
    brought nothing better.
    """

    seconds: float = 3.0
    iterations: int | None = None
    patience_s: float | None = None

    def __post_init__(self) -> None:
        if not (isfinite(self.seconds) and 0 < self.seconds <= 3600):
            raise ProblemError("The search needs between 0 and 3600 seconds.")
        if self.patience_s is not None and not (isfinite(self.patience_s) and self.patience_s > 0):
            raise ProblemError("Patience is a number of seconds above 0.")
        if self.iterations is not None and self.iterations < 1:
            raise ProblemError("The search needs at least one round.")


@dataclass(frozen=True, slots=True)
class Pace:
    """From a moment on drives take `per_mille` / 1000 of what the matrix says."""

    from_s: int
    per_mille: int

    def __post_init__(self) -> None:
        _check_time("A change of pace", self.from_s)
        _check_whole("A pace", self.per_mille, 100_000)
        if self.per_mille < 10:
            raise ProblemError("A pace must be at least 10 per mille.", "bad_pace")


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What is to be planned. `travel_s[i][j]` is the drive from place i to place j.

    `profiles` holds the matrices of engineers who travel in another way. `paces` say how the pace
    changes over time, in order. Visits planned to start before `frozen_until_s` keep their engineer
    (if that one is there) and start, and nothing new begins before `now_s`.
    """

    places: tuple[Place, ...]
    travel_s: Matrix
    engineers: tuple[Engineer, ...]
    visits: tuple[Visit, ...]
    weights: Weights = field(default_factory=Weights)
    depots: tuple[Depot, ...] = ()
    profiles: Mapping[str, Matrix] = field(default_factory=dict)
    paces: tuple[Pace, ...] = ()
    now_s: int = 0
    frozen_until_s: int = 0

    def __post_init__(self) -> None:
        if len(self.visits) > MOST_VISITS:
            raise ProblemError(
                f"{len(self.visits)} visits are more than the {MOST_VISITS} allowed.",
                "too_many_visits",
            )
        if len(self.engineers) > MOST_ENGINEERS:
            raise ProblemError(
                f"{len(self.engineers)} engineers are more than the {MOST_ENGINEERS} allowed.",
                "too_many_engineers",
            )
        object.__setattr__(self, "travel_s", _matrix(self.travel_s))
        tables = {name: _matrix(table) for name, table in self.profiles.items()}
        object.__setattr__(self, "profiles", tables)
        size = len(self.travel_s)
        if self.places and len(self.places) != size:
            raise ProblemError("The travel matrix does not fit the places.", "matrix_size")
        if any(len(table) != size for table in tables.values()):
            raise ProblemError("The travel matrices are not of one size.", "matrix_size")
        _check_unique("engineer", (engineer.id for engineer in self.engineers))
        _check_unique("visit", (visit.id for visit in self.visits))
        stops = [engineer.start for engineer in self.engineers]
        stops += [engineer.end for engineer in self.engineers if engineer.end is not None]
        stops += [visit.place for visit in self.visits]
        stops += [depot.place for depot in self.depots]
        for place in stops:
            _check_whole("A place", place, size - 1)
        for moment in (self.now_s, self.frozen_until_s):
            _check_time("The present", moment)
        if any(b.from_s <= a.from_s for a, b in zip(self.paces, self.paces[1:], strict=False)):
            raise ProblemError("The changes of pace are out of order.", "paces_order")
        self._check_profiles()
        self._check_amounts()
        self._check_links()
        self._check_running({engineer.id for engineer in self.engineers})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Problem):
            return NotImplemented
        return all(_same(getattr(self, one.name), getattr(other, one.name)) for one in fields(self))

    __hash__ = None  # type: ignore[assignment]

    def matrix_of(self, engineer: Engineer) -> Matrix:
        """Return the drives at the usual pace and speed of one who travels like this engineer."""
        return self.travel_s if engineer.profile is None else self.profiles[engineer.profile]

    def drive_s(self, engineer: Engineer, a: int, b: int, leaves_s: int) -> int:
        """Return how long the drive takes for one who leaves then.

        Every second eats `10**6 // per_mille` thousandths of a second of the drive at the usual
        pace, so whoever leaves later never arrives earlier (Ichoua, Gendreau and Potvin 2003).
        """
        base = engineer.base_drive_s(self.matrix_of(engineer)[a][b])
        if not self.paces:
            return base
        left, time = base * 1000, leaves_s
        for number in range(-1, len(self.paces)):
            ends = self.paces[number + 1].from_s if number + 1 < len(self.paces) else None
            if ends is not None and time >= ends:
                continue
            eats = 10**6 // (self.paces[number].per_mille if number >= 0 else USUAL_PACE)
            needs = -(-left // eats)
            if ends is None or time + needs <= ends:
                return time + needs - leaves_s
            left -= (ends - time) * eats
            time = ends
        return base

    def locks_of(self, visit: Visit) -> tuple[str | None, int | None]:
        """Return the engineer and the start that are settled: by a lock, or by the frozen hours."""
        engineer, start_s = visit.lock_engineer, visit.lock_start_s
        known = visit.planned
        if known is not None and known.start_s < self.frozen_until_s and not visit.running:
            here = any(one.id == known.engineer for one in self.engineers)
            if here and engineer in (None, known.engineer):
                return known.engineer, known.start_s if start_s is None else start_s
        return engineer, start_s

    def _check_profiles(self) -> None:
        for engineer in self.engineers:
            if engineer.profile is not None and engineer.profile not in self.profiles:
                raise ProblemError(
                    f"Engineer {engineer.id} travels by {engineer.profile}, for which there is no"
                    " matrix.",
                    "unknown_profile",
                )

    def _check_amounts(self) -> None:
        sizes = {len(visit.amount) for visit in self.visits if visit.amount}
        sizes |= {len(engineer.capacity) for engineer in self.engineers if engineer.capacity}
        if len(sizes) > 1:
            raise ProblemError("Amounts and capacities differ in their dimensions.", "amount_size")

    def _check_links(self) -> None:
        if not any(visit.after or visit.with_engineer_of for visit in self.visits):
            return
        known = {visit.id: visit for visit in self.visits}
        for visit in self.visits:
            for other in linked_to(visit):
                if other not in known or other == visit.id:
                    raise ProblemError(
                        f"Visit {visit.id} speaks of visit {other}, which is not there.",
                        "unknown_visit",
                    )
        done: set[str] = set()
        for visit in self.visits:
            self._check_order(visit.id, known, done)

    def _check_order(self, first: str, known: Mapping[str, Visit], done: set[str]) -> None:
        trail: list[tuple[str, Iterator[str]]] = [(first, iter(known[first].after))]
        open_ids = {first}
        while trail:
            name, rest = trail[-1]
            step = next((other for other in rest if other not in done), None)
            if step is None:
                trail.pop()
                open_ids.discard(name)
                done.add(name)
            elif step in open_ids:
                raise ProblemError(f"Visit {step} would have to wait for itself.", "circle")
            else:
                open_ids.add(step)
                trail.append((step, iter(known[step].after)))

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


def linked_to(visit: Visit) -> tuple[str, ...]:
    """Return the visits without which this one cannot be."""
    own = visit.with_engineer_of
    return visit.after if own is None or own in visit.after else (*visit.after, own)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)


def _matrix(table: Any) -> Matrix:
    """Return the table as a square of whole seconds that nobody can change."""
    if isinstance(table, np.ndarray) and table.dtype == np.int32 and not table.flags.writeable:
        return table
    try:
        numbers = np.asarray(table)
    except ValueError as error:
        raise ProblemError("The travel matrix is not square.", "matrix_size") from error
    if numbers.size == 0 and len(table) == 0:
        numbers = np.zeros((0, 0), dtype=np.int32)
    if numbers.ndim != 2 or numbers.shape[0] != numbers.shape[1]:
        raise ProblemError("The travel matrix is not square.", "matrix_size")
    if not np.issubdtype(numbers.dtype, np.integer):
        raise ProblemError("A drive is not a whole number.", "bad_drive")
    if numbers.size and (int(numbers.min()) < 0 or int(numbers.max()) > LATEST_S):
        raise ProblemError(f"A drive must be between 0 and {LATEST_S} seconds.", "bad_drive")
    drives: Matrix = numbers.astype(np.int32)
    drives.setflags(write=False)
    return drives


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
