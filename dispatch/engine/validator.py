"""The judge: checks a plan against every rule, from the problem alone.

It is written apart from the search and shares none of its code, so that one mistake cannot hide in
both. An empty list of violations means that the plan can be driven.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from dispatch.engine.plan import Cost, Plan, Route, Stop
from dispatch.engine.problem import Break, Engineer, Problem, Visit


class Rule(StrEnum):
    """What a plan can break."""

    ENGINEER_UNKNOWN = "engineer_unknown"
    ENGINEER_TWICE = "engineer_twice"
    ROUTE_MISSING = "route_missing"
    VISIT_UNKNOWN = "visit_unknown"
    VISIT_TWICE = "visit_twice"
    VISIT_MISSING = "visit_missing"
    SKILL = "skill"
    PARTS = "parts"
    WINDOW = "window"
    SHIFT = "shift"
    TRAVEL = "travel"
    DURATION = "duration"
    BREAK = "break"
    FORBIDDEN = "forbidden"
    LOCK_ENGINEER = "lock_engineer"
    LOCK_START = "lock_start"
    RUNNING = "running"
    REASONS = "reasons"
    COST = "cost"


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: by whom, at which visit, in words."""

    rule: Rule
    detail: str
    engineer_id: str | None = None
    visit_id: str | None = None


def violations(problem: Problem, plan: Plan) -> list[Violation]:
    """Return every rule the plan breaks."""
    return [
        *_headcount(problem, plan),
        *_routes(problem, plan),
        *_unplaced(problem, plan),
        *_cost(problem, plan),
    ]


def _headcount(problem: Problem, plan: Plan) -> Iterator[Violation]:
    known = {visit.id for visit in problem.visits}
    people = {engineer.id for engineer in problem.engineers}
    seen = Counter(stop.visit_id for route in plan.routes for stop in route.stops)
    seen.update(left.visit_id for left in plan.unplaced)
    for visit_id, times in seen.items():
        if visit_id not in known:
            yield Violation(Rule.VISIT_UNKNOWN, "nobody asked for it", visit_id=visit_id)
        elif times > 1:
            yield Violation(Rule.VISIT_TWICE, f"it is there {times} times", visit_id=visit_id)
    for visit_id in sorted(known - set(seen)):
        yield Violation(Rule.VISIT_MISSING, "neither placed nor left out", visit_id=visit_id)
    drawn = Counter(route.engineer_id for route in plan.routes)
    for engineer_id, times in drawn.items():
        if engineer_id not in people:
            yield Violation(Rule.ENGINEER_UNKNOWN, "nobody by that name", engineer_id)
        elif times > 1:
            yield Violation(Rule.ENGINEER_TWICE, f"{times} routes", engineer_id)
    for engineer_id in sorted(people - set(drawn)):
        yield Violation(Rule.ROUTE_MISSING, "no route, not even an empty one", engineer_id)


def _routes(problem: Problem, plan: Plan) -> Iterator[Violation]:
    engineers = {engineer.id: engineer for engineer in problem.engineers}
    visits = {visit.id: visit for visit in problem.visits}
    for route in plan.routes:
        engineer = engineers.get(route.engineer_id)
        if engineer is None:
            continue
        stops = [(stop, visits[stop.visit_id]) for stop in route.stops if stop.visit_id in visits]
        for stop, visit in stops:
            yield from _stop(engineer, stop, visit)
        yield from _parts(engineer, [visit for _, visit in stops])
        yield from _driving(problem, engineer, route, stops)
        yield from _working_day(problem, engineer, route, stops)
        yield from _breaks(engineer, route, stops)


def _stop(engineer: Engineer, stop: Stop, visit: Visit) -> Iterator[Violation]:
    def broken(rule: Rule, detail: str) -> Violation:
        return Violation(rule, detail, engineer.id, visit.id)

    if stop.departs_s - stop.starts_s != visit.duration_s or stop.starts_s < stop.arrives_s:
        yield broken(Rule.DURATION, f"{stop.arrives_s}, {stop.starts_s}, {stop.departs_s}")
    if visit.lock_engineer not in (None, engineer.id):
        yield broken(Rule.LOCK_ENGINEER, f"it belongs to {visit.lock_engineer}")
    if visit.lock_start_s is not None and stop.starts_s != visit.lock_start_s:
        yield broken(Rule.LOCK_START, f"{stop.starts_s} is not {visit.lock_start_s}")
    if visit.running:
        return
    if engineer.id in visit.forbidden:
        yield broken(Rule.FORBIDDEN, "this engineer must not go there")
    for skill, level in visit.skills.items():
        # Having no entry is less than having it at level 0.
        if engineer.skills.get(skill, -1) < level:
            yield broken(Rule.SKILL, f"{skill} at level {level}")
    promised = visit.lock_start_s is not None or not visit.windows
    if not promised and not any(w.from_s <= stop.starts_s <= w.to_s for w in visit.windows):
        yield broken(Rule.WINDOW, f"{stop.starts_s} is in none of its windows")


def _parts(engineer: Engineer, visits: list[Visit]) -> Iterator[Violation]:
    van = dict(engineer.parts)
    for visit in sorted(visits, key=lambda visit: not visit.running):
        for part, quantity in visit.parts.items():
            van[part] = van.get(part, 0) - quantity
            if visit.running:
                van[part] = max(0, van[part])
    for part, left in van.items():
        if left < 0:
            yield Violation(Rule.PARTS, f"{-left} of {part} too few", engineer.id)


def _driving(
    problem: Problem, engineer: Engineer, route: Route, stops: list[tuple[Stop, Visit]]
) -> Iterator[Violation]:
    at, free = engineer.start, route.leaves_s
    for number, (stop, visit) in enumerate(stops):
        drive = problem.travel_s[at][visit.place]
        if visit.running:
            drive = 0
            if number or stop.arrives_s != stop.starts_s:
                yield Violation(Rule.RUNNING, "it must come first", engineer.id, visit.id)
        if stop.travel_s != drive:
            detail = f"the drive takes {drive}, not {stop.travel_s}"
            yield Violation(Rule.TRAVEL, detail, engineer.id, visit.id)
        if stop.arrives_s - free < drive + _resting(route, free, stop.arrives_s):
            detail = f"it cannot be reached by {stop.arrives_s} from {free}"
            yield Violation(Rule.TRAVEL, detail, engineer.id, visit.id)
        if stop.starts_s - free < drive + _resting(route, free, stop.starts_s):
            detail = f"it cannot begin at {stop.starts_s}"
            yield Violation(Rule.TRAVEL, detail, engineer.id, visit.id)
        at, free = visit.place, stop.departs_s
    home = problem.travel_s[at][engineer.end] if stops and engineer.end is not None else 0
    if route.return_travel_s != home:
        detail = f"the way home takes {home}, not {route.return_travel_s}"
        yield Violation(Rule.TRAVEL, detail, engineer.id)
    if route.returns_s - free < home + _resting(route, free, route.returns_s):
        yield Violation(Rule.TRAVEL, f"home cannot be reached by {route.returns_s}", engineer.id)


def _resting(route: Route, from_s: int, to_s: int) -> int:
    overlaps = (min(r.ends_s, to_s) - max(r.starts_s, from_s) for r in route.rests)
    return sum(max(0, overlap) for overlap in overlaps)


def _working_day(
    problem: Problem, engineer: Engineer, route: Route, stops: list[tuple[Stop, Visit]]
) -> Iterator[Violation]:
    for visit in problem.visits:
        mine = visit.running and visit.lock_engineer == engineer.id
        if mine and (not stops or stops[0][1].id != visit.id):
            yield Violation(Rule.RUNNING, "it was taken away", engineer.id, visit.id)
    planned = [stop for stop, visit in stops if not visit.running]
    if not planned:
        return
    under_way = len(planned) < len(stops)
    if not under_way and route.leaves_s < engineer.shifts[0].from_s:
        yield Violation(Rule.SHIFT, f"leaves at {route.leaves_s}, before the shift", engineer.id)
    if route.returns_s > engineer.shifts[-1].to_s + engineer.max_overtime_s:
        yield Violation(Rule.SHIFT, f"returns at {route.returns_s}, after the shift", engineer.id)
    for earlier, later in zip(engineer.shifts, engineer.shifts[1:], strict=False):
        for stop in planned:
            if stop.starts_s < later.from_s and stop.departs_s > earlier.to_s:
                detail = f"work at {stop.starts_s} falls between two shifts"
                yield Violation(Rule.SHIFT, detail, engineer.id, stop.visit_id)


def _breaks(
    engineer: Engineer, route: Route, stops: list[tuple[Stop, Visit]]
) -> Iterator[Violation]:
    for rest in route.rests:
        for stop, _ in stops:
            if stop.starts_s < rest.ends_s and stop.departs_s > rest.starts_s:
                detail = f"the break at {rest.starts_s} is taken at work"
                yield Violation(Rule.BREAK, detail, engineer.id, stop.visit_id)
    for rest, after in zip(route.rests, route.rests[1:], strict=False):
        if after.starts_s < rest.ends_s:
            yield Violation(Rule.BREAK, "two breaks at once", engineer.id)

    begins = engineer.shifts[0].from_s
    if stops and stops[0][1].running:
        ended = stops[0][0].departs_s
        begins = min(
            (max(ended, s.from_s) for s in engineer.shifts if ended < s.to_s), default=ended
        )
    due = [pause for pause in engineer.breaks if pause.latest_s >= begins]
    due += [
        Break(earlier.to_s, earlier.to_s, later.from_s - earlier.to_s)
        for earlier, later in zip(engineer.shifts, engineer.shifts[1:], strict=False)
        if later.from_s > earlier.to_s >= begins
    ]
    taken = list(route.rests)
    # The most pressing break takes the first rest that suits it.
    for pause in sorted(due, key=lambda pause: pause.latest_s):
        suits = [
            rest
            for rest in taken
            if pause.earliest_s <= rest.starts_s <= pause.latest_s
            and rest.ends_s - rest.starts_s == pause.duration_s
        ]
        if suits:
            taken.remove(suits[0])
        elif any(not visit.running for _, visit in stops):
            detail = f"no break of {pause.duration_s} s begins by {pause.latest_s}"
            yield Violation(Rule.BREAK, detail, engineer.id)


def _unplaced(problem: Problem, plan: Plan) -> Iterator[Violation]:
    visits = {visit.id: visit for visit in problem.visits}
    people: set[str | None] = {engineer.id for engineer in problem.engineers}
    people = people or {None}
    for left in plan.unplaced:
        if {reason.engineer_id for reason in left.reasons} != people:
            detail = "every engineer needs a reason"
            yield Violation(Rule.REASONS, detail, visit_id=left.visit_id)
        visit = visits.get(left.visit_id)
        if visit is not None and visit.running:
            detail = "what is under way was left out"
            yield Violation(Rule.RUNNING, detail, visit_id=left.visit_id)


def _cost(problem: Problem, plan: Plan) -> Iterator[Violation]:
    weights = problem.weights
    engineers = {engineer.id: engineer for engineer in problem.engineers}
    visits = {visit.id: visit for visit in problem.visits}
    travel = overtime = late = strange = moved = 0
    for route in plan.routes:
        travel += sum(stop.travel_s for stop in route.stops) + route.return_travel_s
        engineer = engineers.get(route.engineer_id)
        planned = [
            s for s in route.stops if s.visit_id in visits and not visits[s.visit_id].running
        ]
        if engineer is not None and planned:
            ends = engineer.shifts[-1].to_s
            if len(planned) < len(route.stops):
                ends = max(ends, route.stops[0].departs_s)
            overtime += max(0, route.returns_s - ends)
        for stop in planned:
            visit = visits[stop.visit_id]
            if visit.due_s is not None and stop.starts_s > visit.due_s:
                late += (stop.starts_s - visit.due_s) * weights.late[visit.priority]
            if visit.preferred and route.engineer_id not in visit.preferred:
                strange += weights.not_preferred
            if visit.planned is not None and visit.planned.engineer != route.engineer_id:
                moved += weights.moved
    unplaced = sum(
        weights.penalty(visits[left.visit_id]) for left in plan.unplaced if left.visit_id in visits
    )
    right = Cost(
        travel * weights.travel, overtime * weights.overtime, late, strange, moved, unplaced
    )
    if plan.cost != right:
        yield Violation(Rule.COST, f"{plan.cost} should be {right}")
