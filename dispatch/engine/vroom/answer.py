"""From the planner's plan to VROOM's JSON, with a reason for every task that is left out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dispatch.engine.plan import Plan, Reason, Relaxation, Rest, Route, Stop, Unplaced
from dispatch.engine.vroom.question import HOUR_S
from dispatch.engine.vroom.shapes import Question, Spot, Task, Vehicle

Json = dict[str, Any]
# From a code and its figures to a sentence.
Say = Callable[[str, Mapping[str, Any]], str]


def answered(
    question: Question,
    plan: Plan,
    *,
    say: Say | None = None,
    times: Mapping[str, int] | None = None,
) -> Json:
    """Return the plan as VROOM answers; `times` are milliseconds of loading and solving."""
    routes = [_Route(question, route).shown() for route in plan.routes if route.stops]
    unassigned = [_unassigned(question, left, say) for left in plan.unplaced]
    summary: Json = {
        "cost": sum(route["cost"] for route in routes),
        "routes": len(routes),
        "unassigned": len(unassigned),
    }
    for key in ("setup", "service", "duration", "waiting_time", "priority", "distance"):
        if all(key in route for route in routes):
            summary[key] = sum(route[key] for route in routes)
    for key in ("delivery", "pickup"):
        columns = [route[key] for route in routes if key in route]
        if columns:
            summary[key] = [sum(column) for column in zip(*columns, strict=True)]
    summary |= {"violations": [], "computing_times": dict(times or {})}
    summary["terms"] = {
        name: getattr(plan.cost, name) for name in plan.cost.__dataclass_fields__
    } | {"total": plan.cost.total}
    return {
        "code": 0,
        "summary": summary,
        "unassigned": unassigned,
        "routes": routes,
        "notes": list(question.notes),
    }


class _Route:
    """One route on its way into JSON, step by step."""

    def __init__(self, question: Question, route: Route) -> None:
        self.question = question
        self.route = route
        self.vehicle: Vehicle = question.vehicles[route.engineer_id]
        self.metres = question.metres.get(self.vehicle.profile)
        self.visits = {visit.id: visit for visit in question.problem.visits}
        self.rests = list(route.rests)
        self.steps: list[Json] = []
        self.travel = 0
        self.distance = 0
        self.at: int | None = None
        self.tasks = [question.tasks[stop.visit_id] for stop in route.stops]
        axes = max((len(task.delivery) or len(task.pickup) for task in self.tasks), default=0)
        self.axes = max(axes, len(self.vehicle.capacity))
        jobs = [task for task in self.tasks if task.type == "job"]
        self.load = [sum(_axis(task.delivery, axis) for task in jobs) for axis in range(self.axes)]

    def shown(self) -> Json:
        """Return the route."""
        route, vehicle = self.route, self.vehicle
        if vehicle.start is not None:
            self.step("start", vehicle.start, route.leaves_s)
        for number, (stop, task) in enumerate(zip(route.stops, self.tasks, strict=True)):
            self.call(number)
            self.rest_until(stop.arrives_s)
            self.task(stop, task)
        self.call(len(route.stops))
        self.rest_until(route.returns_s)
        if vehicle.end is not None:
            self.drive(vehicle.end, route.return_travel_s)
            self.step("end", vehicle.end, route.returns_s)
        self.rest_until(None)
        body: Json = {"vehicle": vehicle.id, "cost": self.cost()}
        if vehicle.description is not None:
            body["description"] = vehicle.description
        if self.axes:
            body["delivery"] = self.moved("delivery")
            body["pickup"] = self.moved("pickup")
        for key in ("setup", "service", "waiting_time"):
            works = [step for step in self.steps if step["type"] != "break"]
            body[key] = sum(step[key] for step in works)
        body["duration"] = self.travel
        body["priority"] = sum(task.priority for task in self.tasks)
        if self.metres is not None:
            body["distance"] = self.distance
        return body | {"steps": self.steps, "violations": []}

    def task(self, stop: Stop, task: Task) -> None:
        visit = self.visits[stop.visit_id]
        here = self.at == task.spot.index
        self.drive(task.spot, stop.travel_s)
        lasts = stop.departs_s - stop.starts_s
        setup = 0 if here else min(lasts, max(0, lasts - visit.duration_s))
        for axis in range(self.axes):
            # Deliveries of jobs are on board from the start, those of shipments since their pickup.
            self.load[axis] += _axis(task.pickup, axis) - _axis(task.delivery, axis)
        resting = sum(
            max(0, min(rest.ends_s, stop.starts_s) - max(rest.starts_s, stop.arrives_s))
            for rest in self.route.rests
        )
        step = self.step(task.type, task.spot, stop.arrives_s)
        step |= {
            "id": task.id,
            "setup": setup,
            "service": lasts - setup,
            "waiting_time": stop.starts_s - stop.arrives_s - resting,
        }
        if task.type == "job":
            step["job"] = task.id
        if task.description is not None:
            step["description"] = task.description
        if stop.why is not None:
            step["why"] = self.why(stop)
        self.rest_until(stop.starts_s)

    def why(self, stop: Stop) -> Json:
        why = stop.why
        assert why is not None  # noqa: S101 - asked before
        body: Json = {"code": why.code.value, "added_cost": why.added_cost}
        if why.runner_up_id is not None:
            body["runner_up"] = self.question.vehicles[why.runner_up_id].id
            body["runner_up_extra_cost"] = why.runner_up_extra_cost
        return body

    def call(self, position: int) -> None:
        """Stop at the depot, where the route does so before this position."""
        call = self.route.depot
        if call is None or call.position != position:
            return
        name, spot = self.question.depots[call.depot]
        self.rest_until(call.arrives_s)
        self.drive(spot, call.travel_s)
        step = self.step("depot", spot, call.arrives_s)
        step |= {
            "id": name,
            "service": call.departs_s - call.starts_s,
            "waiting_time": call.starts_s - call.arrives_s,
        }

    def rest_until(self, moment: int | None) -> None:
        """Put the breaks that begin by then into the route."""
        while self.rests and (moment is None or self.rests[0].starts_s < moment):
            rest = self.rests.pop(0)
            step = self.step("break", None, rest.starts_s)
            step["service"] = rest.ends_s - rest.starts_s
            name, description = self.named(rest)
            if name is not None:
                step["id"] = name
            if description is not None:
                step["description"] = description

    def named(self, rest: Rest) -> tuple[int | str | None, str | None]:
        for name, description, pause in self.vehicle.breaks:
            begins = pause.earliest_s <= rest.starts_s <= pause.latest_s
            taken = any(s.get("id") == name for s in self.steps if s["type"] == "break")
            if begins and not taken and rest.ends_s - rest.starts_s == pause.duration_s:
                return name, description
        return None, "between two shifts"

    def step(self, kind: str, spot: Spot | None, arrival: int) -> Json:
        step: Json = {"type": kind, **(spot.shown if spot is not None else {})}
        step |= {"setup": 0, "service": 0, "waiting_time": 0}
        if self.axes:
            step["load"] = list(self.load)
        step |= {
            "arrival": arrival + self.question.base,
            "duration": self.travel,
            "violations": [],
        }
        if self.metres is not None:
            step["distance"] = self.distance
        self.steps.append(step)
        if spot is not None:
            self.at = spot.index
        return step

    def drive(self, spot: Spot, seconds: int) -> None:
        self.travel += seconds
        if self.metres is not None and self.at is not None:
            self.distance += int(self.metres[self.at, spot.index])

    def moved(self, key: str) -> list[int]:
        rows = [getattr(task, key) for task in self.tasks]
        return [sum(_axis(row, axis) for row in rows) for axis in range(self.axes)]

    def cost(self) -> int:
        """Return the cost as VROOM counts it: what the vehicle costs, an hour of driving and of work."""
        costs, works = self.vehicle.costs, self.route.work_s
        driven = self.travel * costs["per_hour"] + works * costs["per_task_hour"]
        return round(costs["fixed"] + driven / HOUR_S + self.distance * costs["per_km"] / 1000)


def distance_of(question: Question, route: Route) -> int:
    """Return the metres of a route."""
    drawn = _Route(question, route)
    drawn.shown()
    return drawn.distance


def _axis(amounts: Sequence[int], axis: int) -> int:
    return amounts[axis] if axis < len(amounts) else 0


def _unassigned(question: Question, left: Unplaced, say: Say | None) -> Json:
    task = question.tasks[left.visit_id]
    body: Json = {"id": task.id, **task.spot.shown, "type": task.type}
    if task.description is not None:
        body["description"] = task.description
    body["reasons"] = [_reason(question, reason, say) for reason in left.reasons]
    body["change"] = _change(question, left.relaxation) if left.relaxation is not None else None
    return body


def _reason(question: Question, reason: Reason, say: Say | None) -> Json:
    vehicle = question.vehicles.get(reason.engineer_id or "")
    name = vehicle.id if vehicle is not None else None
    details = _told(question, reason.details)
    body: Json = {"vehicle": name, "code": reason.code.value, "details": details}
    if say is not None:
        body["message"] = say(reason.code.value, details | {"name": _called(vehicle)})
    return body


def _called(vehicle: Vehicle | None) -> str:
    if vehicle is None:
        return ""
    return vehicle.description or f"Vehicle {vehicle.id}"


def _told(question: Question, details: Mapping[str, str | int]) -> Json:
    """Return the figures in the words and on the clock of the question."""
    told: Json = dict(details)
    for key in ("shift_from_s", "shift_to_s", "until_s"):
        if key in told:
            told[key] = int(told[key]) + question.base
    if "locked_to" in told and str(told["locked_to"]) in question.vehicles:
        told["locked_to"] = question.vehicles[str(told["locked_to"])].id
    if "visit" in told:
        told["visit"] = question.tasks[str(told["visit"])].id
    return told


def _change(question: Question, change: Relaxation) -> Json:
    vehicle = question.vehicles.get(change.engineer_id or "")
    return {
        "code": change.code,
        "vehicle": vehicle.id if vehicle is not None else None,
        "details": dict(change.details),
        "added_cost": change.added_cost,
    }
