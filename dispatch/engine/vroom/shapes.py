"""What VROOM's JSON is made of: the names it may use, and what they became on the way in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dispatch.engine.problem import Break, Matrix, Problem, StoppingRule

TOP = {"jobs", "shipments", "vehicles", "matrices", "matrix", "depots", "weights", "now", "options"}
TOP |= {"frozen_until"}
OPTIONS = {"seconds", "seed", "iterations", "language", "g"}
PLACE = {"location", "location_index"}
TASK = {"id", "description", "setup", "service", "time_windows", *PLACE}
TASK |= {"setup_per_type", "service_per_type"}
WISHES = {"urgency", "penalty", "due", "promised", "preferred", "forbidden", "only", "group"}
WISHES |= {"territory", "tools", "parts", "lock", "running", "crew", "after", "gap", "planned"}
JOB = TASK | WISHES | {"amount", "delivery", "pickup", "skills", "priority", "same_vehicle_as"}
SHIPMENT = {"pickup", "delivery", "amount", "skills", "priority"}
VEHICLE = {"id", "profile", "description", "start", "start_index", "end", "end_index", "capacity"}
VEHICLE |= {
    "costs",
    "skills",
    "type",
    "time_window",
    "breaks",
    "speed_factor",
    "max_tasks",
    "steps",
}
VEHICLE |= {"max_travel_time", "max_distance", "time_windows", "max_overtime", "skills_until"}
VEHICLE |= {"territories", "tools", "parts", "max_work_time"}
BREAK = {"id", "time_windows", "service", "description", "max_load"}
COSTS = {"fixed", "per_hour", "per_task_hour", "per_km"}
STEP = {"type", "id", "service_at", "service_after", "service_before"}
DEPOT = {"id", "service", "time_window", "parts", "tools", "description", *PLACE}
LOCK = {"vehicle", "start"}


@dataclass(frozen=True, slots=True)
class Table:
    """Driving seconds and metres between places, and what is to be told about them."""

    seconds: Matrix
    metres: Matrix | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something is, as the JSON said it."""

    index: int
    shown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Task:
    """A job, pickup or delivery as the JSON names it, beside the visit that it became."""

    type: str
    id: int | str
    description: str | None
    spot: Spot
    setup: int
    service: int
    priority: int
    delivery: tuple[int, ...] = ()
    pickup: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle as the JSON names it, beside the engineer that it became."""

    id: int | str
    description: str | None
    start: Spot | None
    end: Spot | None
    capacity: tuple[int, ...]
    profile: str
    breaks: tuple[tuple[int | str | None, str | None, Break], ...]
    costs: Mapping[str, int]
    max_distance: int | None


@dataclass(frozen=True, slots=True)
class Question:
    """The problem, how long to search, and what the answer needs to speak of it in VROOM's words.

    `base` is the moment in the JSON's clock that is the planner's second 0.
    """

    problem: Problem
    stop: StoppingRule
    seed: int
    base: int
    tasks: Mapping[str, Task]
    vehicles: Mapping[str, Vehicle]
    depots: tuple[tuple[int | str, Spot], ...]
    metres: Mapping[str, Matrix | None]
    notes: tuple[str, ...]
