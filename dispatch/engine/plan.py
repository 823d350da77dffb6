"""What the planner answers: routes, what was left out and why, and the cost term by term."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


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
    """One visit on a route. Between arrival and start there may be waiting or a break."""

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
class Route:
    """One engineer's day. `return_travel_s` is the last drive, home."""

    engineer_id: str
    leaves_s: int
    returns_s: int
    stops: tuple[Stop, ...] = ()
    rests: tuple[Rest, ...] = ()
    return_travel_s: int = 0

    @property
    def travel_s(self) -> int:
        """Return the seconds on the road."""
        return sum(stop.travel_s for stop in self.stops) + self.return_travel_s

    @property
    def work_s(self) -> int:
        """Return the seconds of work at the visits."""
        return sum(stop.departs_s - stop.starts_s for stop in self.stops)


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A visit that is left out, with the first obstacle for every engineer."""

    visit_id: str
    penalty: int
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """What the plan costs, in seconds of driving."""

    travel: int = 0
    overtime: int = 0
    late: int = 0
    not_preferred: int = 0
    moved: int = 0
    unplaced: int = 0

    @property
    def total(self) -> int:
        """Return the sum of the terms."""
        driving = self.travel + self.overtime + self.late
        return driving + self.not_preferred + self.moved + self.unplaced

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.travel + other.travel,
            self.overtime + other.overtime,
            self.late + other.late,
            self.not_preferred + other.not_preferred,
            self.moved + other.moved,
            self.unplaced + other.unplaced,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """A proposal for the day: a route for every engineer, and what fits nowhere."""

    routes: tuple[Route, ...]
    unplaced: tuple[Unplaced, ...]
    cost: Cost
