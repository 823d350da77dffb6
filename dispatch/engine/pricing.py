"""What a plan costs, worked out again from the problem and the moments in the plan alone."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from dispatch.engine.plan import Cost, Plan, Route, Stop
from dispatch.engine.problem import Engineer, Problem, Visit


def priced(problem: Problem, plan: Plan) -> Cost:
    """Return the cost of the plan, term by term as `Weights` describes them."""
    visits = {visit.id: visit for visit in problem.visits}
    engineers = {engineer.id: engineer for engineer in problem.engineers}
    cost = Cost(
        unplaced=sum(
            problem.weights.penalty(visits[left.visit_id])
            for left in plan.unplaced
            if left.visit_id in visits
        ),
        balance=_balance(problem, plan, visits),
        same_person=_same_person(problem, plan, visits),
    )
    for route in plan.routes:
        if route.engineer_id in engineers:
            cost += _of_route(problem, engineers[route.engineer_id], route, visits)
    for visit, stops in _made(plan, visits):
        cost += of_visit(problem, visit, stops)
    return cost


def of_visit(problem: Problem, visit: Visit, stops: Mapping[str, Stop]) -> Cost:
    """Return what it costs who makes the visit and when; `stops` holds a stop for each engineer."""
    weights = problem.weights
    starts = min(stop.starts_s for stop in stops.values())
    promised, known = visit.promised, visit.planned
    told = promised is None or promised.from_s <= starts <= promised.to_s
    strangers = sum(1 for name in stops if visit.preferred and name not in visit.preferred)
    moved = known is not None and known.engineer not in stops
    shifted = known is not None and abs(starts - known.start_s) > weights.moved_tolerance_s
    return Cost(
        late=weights.lateness(visit, starts),
        promise=0 if told else weights.promise_broken,
        not_preferred=strangers * weights.not_preferred,
        moved=weights.moved if moved else 0,
        moved_time=weights.moved_time if shifted else 0,
    )


def _of_route(
    problem: Problem, engineer: Engineer, route: Route, visits: Mapping[str, Visit]
) -> Cost:
    weights = problem.weights
    planned = any(not _running(stop, visits) for stop in route.stops)
    ends = engineer.shifts[-1].to_s
    if route.stops and _running(route.stops[0], visits):
        ends = max(ends, route.stops[0].departs_s)
    return Cost(
        travel=route.travel_s * weights.travel,
        overtime=max(0, route.returns_s - ends) * weights.overtime if planned else 0,
        span=(route.returns_s - route.leaves_s) * weights.span if planned else 0,
        fixed=engineer.fixed_cost * weights.fixed if planned else 0,
    )


def _made(plan: Plan, visits: Mapping[str, Visit]) -> Iterator[tuple[Visit, dict[str, Stop]]]:
    """Return the visits that are not under way with the stop of each engineer who goes there."""
    made: dict[str, dict[str, Stop]] = defaultdict(dict)
    for route in plan.routes:
        for stop in route.stops:
            if stop.visit_id in visits and not _running(stop, visits):
                made[stop.visit_id][route.engineer_id] = stop
    for visit_id, stops in made.items():
        yield visits[visit_id], stops


def _same_person(problem: Problem, plan: Plan, visits: Mapping[str, Visit]) -> int:
    groups: dict[str, set[str]] = defaultdict(set)
    for route in plan.routes:
        for stop in route.stops:
            visit = visits.get(stop.visit_id)
            if visit is not None and visit.same_person is not None:
                groups[visit.same_person].add(route.engineer_id)
    return sum(len(group) - 1 for group in groups.values()) * problem.weights.same_person


def _balance(problem: Problem, plan: Plan, visits: Mapping[str, Visit]) -> int:
    burdens = {engineer.id: 0 for engineer in problem.engineers}
    for route in plan.routes:
        if route.engineer_id in burdens:
            burdens[route.engineer_id] = route.travel_s + sum(
                stop.departs_s - stop.starts_s for stop in route.stops if not _running(stop, visits)
            )
    if not burdens:
        return 0
    return (max(burdens.values()) - min(burdens.values())) * problem.weights.balance // 100


def _running(stop: Stop, visits: Mapping[str, Visit]) -> bool:
    visit = visits.get(stop.visit_id)
    return visit is not None and visit.running
