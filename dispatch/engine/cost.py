"""What a route costs, term by term."""

from collections.abc import Sequence

from dispatch.engine.day import Day
from dispatch.engine.plan import Cost
from dispatch.engine.problem import Problem, Visit
from dispatch.engine.timetable import Timetable


def route_cost(problem: Problem, day: Day, visits: Sequence[Visit], table: Timetable) -> Cost:
    """Return what one engineer's day adds to the plan's cost."""
    weights = problem.weights
    overtime = max(0, table.returns_s - day.to_s) if visits else 0
    late = 0
    for visit, starts in zip(visits, table.starts, strict=True):
        if visit.due_s is not None:
            late += max(0, starts - visit.due_s) * weights.late[visit.priority]
    extras = [assignment_cost(problem, day.engineer.id, visit) for visit in visits]
    return Cost(
        travel=route_travel_s(problem, day, visits) * weights.travel,
        overtime=overtime * weights.overtime,
        late=late,
        not_preferred=sum(extra.not_preferred for extra in extras),
        moved=sum(extra.moved for extra in extras),
    )


def assignment_cost(problem: Problem, engineer_id: str, visit: Visit) -> Cost:
    """Return what it costs that this engineer and no other makes the visit."""
    strange = bool(visit.preferred) and engineer_id not in visit.preferred
    moved = visit.planned is not None and visit.planned.engineer != engineer_id
    return Cost(
        not_preferred=problem.weights.not_preferred if strange else 0,
        moved=problem.weights.moved if moved else 0,
    )


def route_travel_s(problem: Problem, day: Day, visits: Sequence[Visit]) -> int:
    """Return the seconds on the road; who has nowhere to go stays where they are."""
    if not visits and day.running is None:
        return 0
    at, seconds = day.start, 0
    for visit in visits:
        seconds += problem.travel_s[at][visit.place]
        at = visit.place
    end = day.engineer.end
    return seconds if end is None else seconds + problem.travel_s[at][end]
