"""The planner's door: `solve` takes a problem and returns the best plan found."""

import random
from collections.abc import Callable, Mapping, Sequence

from dispatch.engine import routing
from dispatch.engine.cost import route_cost
from dispatch.engine.day import Day, days_of
from dispatch.engine.insertion import best_insertion, part_short, parts_used, rule_against
from dispatch.engine.plan import Cost, Plan, Route, Stop, Unplaced
from dispatch.engine.problem import Problem, StoppingRule, Visit
from dispatch.engine.reasons import reasons_against, why_placed
from dispatch.engine.timetable import timetable

# Told how far the search is, from 0 to 1.
Progress = Callable[[float], None]


def solve(
    problem: Problem, stop: StoppingRule, *, seed: int = 0, progress: Progress | None = None
) -> Plan:
    """Return the best plan found; what fits nowhere is named in `plan.unplaced`, with reasons.

    With `stop.iterations` the same problem and seed always give the same plan.
    """
    days = days_of(problem)
    waiting = [visit for visit in problem.visits if not visit.running]
    candidates = _candidates(problem, days, waiting)
    shuffled = [visit for visit in waiting if candidates[visit.id]]
    # The search itself has no seed. The order of the visits decides between equals.
    if seed:
        random.Random(seed).shuffle(shuffled)  # noqa: S311

    start = _known_plan(problem, days, shuffled)
    found = routing.search(problem, days, shuffled, candidates, stop, start, progress)
    routes = _repaired(problem, days, found)
    _fill(problem, days, routes, waiting)
    return _plan(problem, days, routes)


def _candidates(
    problem: Problem, days: Mapping[str, Day], visits: Sequence[Visit]
) -> dict[str, list[str]]:
    """Return who could make each visit if it were the only one of the day."""
    return {
        visit.id: [
            engineer_id
            for engineer_id, day in days.items()
            if rule_against(day, visit) is None
            and part_short(day, (), visit) is None
            and timetable(problem, day, [visit]).overrun_s == 0
        ]
        for visit in visits
    }


def _known_plan(
    problem: Problem, days: Mapping[str, Day], visits: Sequence[Visit]
) -> dict[str, list[Visit]] | None:
    """Return the routes people already know, as far as they still hold; None without any."""
    if not any(visit.planned for visit in visits):
        return None
    routes: dict[str, list[Visit]] = {engineer_id: [] for engineer_id in days}
    for visit in sorted(visits, key=lambda visit: visit.planned.start_s if visit.planned else 0):
        if visit.planned is not None and visit.planned.engineer in routes:
            routes[visit.planned.engineer].append(visit)
    routes = _repaired(problem, days, routes)
    _fill(problem, days, routes, visits)
    return routes


def _repaired(
    problem: Problem, days: Mapping[str, Day], routes: Mapping[str, Sequence[Visit]]
) -> dict[str, list[Visit]]:
    """Return the routes without the visits that break a rule there."""
    repaired: dict[str, list[Visit]] = {}
    for engineer_id, day in days.items():
        kept: list[Visit] = []
        wanted = routes.get(engineer_id, ())
        if _holds(problem, day, wanted):
            kept = list(wanted)
        else:
            for visit in wanted:
                if _holds(problem, day, [*kept, visit]):
                    kept.append(visit)
        repaired[engineer_id] = kept
    return repaired


def _holds(problem: Problem, day: Day, visits: Sequence[Visit]) -> bool:
    if any(rule_against(day, visit) for visit in visits):
        return False
    used = parts_used(visits)
    if any(day.parts.get(part, 0) < quantity for part, quantity in used.items()):
        return False
    return timetable(problem, day, visits).overrun_s == 0


def _fill(
    problem: Problem,
    days: Mapping[str, Day],
    routes: dict[str, list[Visit]],
    visits: Sequence[Visit],
) -> None:
    """Put in what still fits and is worth it, the most expensive to leave out first."""
    placed = {visit.id for route in routes.values() for visit in route}
    left = [visit for visit in visits if visit.id not in placed]
    for visit in sorted(left, key=problem.weights.penalty, reverse=True):
        offers: list[tuple[int, str, int]] = []
        for engineer_id, day in days.items():
            route = routes[engineer_id]
            if rule_against(day, visit) is None and part_short(day, route, visit) is None:
                offer = best_insertion(problem, day, route, visit)
                if offer.overrun_s == 0:
                    offers.append((offer.added_cost, engineer_id, offer.position))
        if offers:
            cost, engineer_id, position = min(offers)
            if cost <= problem.weights.penalty(visit):
                routes[engineer_id].insert(position, visit)


def _plan(problem: Problem, days: Mapping[str, Day], routes: dict[str, list[Visit]]) -> Plan:
    placed = {visit.id for route in routes.values() for visit in route}
    out = [visit for visit in problem.visits if not visit.running and visit.id not in placed]
    unplaced = tuple(
        Unplaced(
            visit.id,
            problem.weights.penalty(visit),
            reasons_against(problem, days, routes, visit),
        )
        for visit in out
    )
    cost = Cost(unplaced=sum(left.penalty for left in unplaced))
    drawn: list[Route] = []
    for day in days.values():
        visits = routes[day.engineer.id]
        cost += route_cost(problem, day, visits, timetable(problem, day, visits))
        drawn.append(_route(problem, days, routes, day))
    return Plan(tuple(drawn), unplaced, cost)


def _route(
    problem: Problem, days: Mapping[str, Day], routes: dict[str, list[Visit]], day: Day
) -> Route:
    engineer_id = day.engineer.id
    visits = routes[engineer_id]
    table = timetable(problem, day, visits)
    stops: list[Stop] = []
    leaves = table.leaves_s
    if day.running is not None and day.running.lock_start_s is not None:
        leaves = began = day.running.lock_start_s
        why = why_placed(problem, days, routes, engineer_id, day.running)
        ends = began + day.running.duration_s
        stops.append(Stop(day.running.id, 0, began, began, ends, why))
    at = day.start
    for visit, arrives, starts in zip(visits, table.arrives, table.starts, strict=True):
        why = why_placed(problem, days, routes, engineer_id, visit)
        travel = problem.travel_s[at][visit.place]
        stops.append(Stop(visit.id, travel, arrives, starts, starts + visit.duration_s, why))
        at = visit.place
    end = day.engineer.end
    home = problem.travel_s[at][end] if stops and end is not None else 0
    return Route(engineer_id, leaves, table.returns_s, tuple(stops), table.rests, home)
