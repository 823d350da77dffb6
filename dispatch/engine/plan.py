"""What the planner answers: routes, what was left out and why, and the cost term by term."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from operator import add, attrgetter


class ReasonCode(StrEnum):
    """The first thing that keeps one engineer from one visit, in the order they are tried."""

    NO_ENGINEER = "no_engineer"
    LOCKED_ELSEWHERE = "locked_elsewhere"
    FORBIDDEN = "forbidden"
    SKILL_MISSING = "skill_missing"
    SKILL_LEVEL = "skill_level"
    PART_MISSING = "part_missing"
    WINDOW_OUTSIDE_SHIFT = "window_outside_shift"
    NO_TIME_LEFT = "no_time_left"
    TOO_COSTLY = "too_costly"
    SKILL_EXPIRED = "skill_expired"
    NOT_AMONG = "not_among"
    TERRITORY = "territory"
    TOOL_MISSING = "tool_missing"
    CAPACITY = "capacity"
    MOST_VISITS = "most_visits"
    MOST_WORK = "most_work"
    MOST_TRAVEL = "most_travel"
    CREW = "crew"
    AFTER = "after"
    LINKED_ELSEWHERE = "linked_elsewhere"


class WhyCode(StrEnum):
    """What settled the choice of an engineer for a placed visit."""

    RUNNING = "running"
    LOCKED = "locked"
    ONLY_ONE_ABLE = "only_one_able"
    ONLY_ONE_FREE = "only_one_free"
    PREFERRED = "preferred"
    KEPT = "kept"
    CHEAPEST = "cheapest"
    WHOLE_PLAN = "whole_plan"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one engineer cannot take a visit; `details` holds the numbers for the sentence."""

    engineer_id: str | None
    code: ReasonCode
    details: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Why:
    """Why this engineer: what the visit adds to the day, and who comes next at which extra cost.

    `WHOLE_PLAN` says that another engineer would be cheaper for this visit alone, given the day as
    it is, but that the search found no cheaper day that way.
    """

    code: WhyCode
    added_cost: int = 0
    runner_up_id: str | None = None
    runner_up_extra_cost: int | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """One visit on a route. Between arrival and start there may be waiting or a break.

    From start to departure it is the visit's duration and, where it is due, the setup.
    """

    visit_id: str
    travel_s: int
    arrives_s: int
    starts_s: int
    departs_s: int
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """A break as it was laid into the day."""

    starts_s: int
    ends_s: int


@dataclass(frozen=True, slots=True)
class DepotCall:
    """The stop at a depot: before the stop at `position` (their number: before the way home)."""

    depot: int
    position: int
    travel_s: int
    arrives_s: int
    starts_s: int
    departs_s: int


@dataclass(frozen=True, slots=True)
class Route:
    """One engineer's day. `return_travel_s` is the last drive, home.

    A visit that takes a crew stands on the route of each of them.
    """

    engineer_id: str
    leaves_s: int
    returns_s: int
    stops: tuple[Stop, ...] = ()
    rests: tuple[Rest, ...] = ()
    return_travel_s: int = 0
    depot: DepotCall | None = None

    @property
    def travel_s(self) -> int:
        """Return the seconds on the road."""
        to_depot = 0 if self.depot is None else self.depot.travel_s
        return sum(stop.travel_s for stop in self.stops) + to_depot + self.return_travel_s

    @property
    def work_s(self) -> int:
        """Return the seconds of work at the visits."""
        return sum(stop.departs_s - stop.starts_s for stop in self.stops)


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The smallest change of the question that would make room: what, for whom, by how much."""

    code: str
    engineer_id: str | None
    details: Mapping[str, str | int] = field(default_factory=dict)
    added_cost: int = 0


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A visit that is left out, with the first obstacle for every engineer."""

    visit_id: str
    penalty: int
    reasons: tuple[Reason, ...]
    relaxation: Relaxation | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What the plan costs, in seconds of driving, term by term as `Weights` names them."""

    travel: int = 0
    overtime: int = 0
    late: int = 0
    not_preferred: int = 0
    moved: int = 0
    unplaced: int = 0
    promise: int = 0
    same_person: int = 0
    balance: int = 0
    moved_time: int = 0
    span: int = 0
    fixed: int = 0

    @property
    def total(self) -> int:
        """Return the sum of the terms."""
        return int(sum(TERMS(self)))

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*map(add, TERMS(self), TERMS(other)))


TERMS = attrgetter(*(one.name for one in fields(Cost)))


@dataclass(frozen=True, slots=True)
class Plan:
    """A proposal for the day: a route for every engineer, and what fits nowhere."""

    routes: tuple[Route, ...]
    unplaced: tuple[Unplaced, ...]
    cost: Cost
