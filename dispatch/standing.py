"""The plan that runs, as the planner's own; a proposal laid over it, whole or in part; what that breaks."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from dispatch.engine.plan import Cost, Plan, Route, Stop, Unplaced
from dispatch.engine.pricing import priced
from dispatch.engine.problem import LATEST_S, Engineer, Planned, Problem, Visit, Window
from dispatch.engine.validator import Rule
from dispatch.placing import Finding, broken_by, findings, walk

# Whoever begins by so much later than was meant is put off.
PUT_OFF_S = 60
# Whoever comes later by more than that has to be told, and that has its price.
TOLD_S = 5 * 60
# An hour that nobody has been told of yet may slip by so much while a proposal is looked at.
UNTOLD_S = 15 * 60


@dataclass(frozen=True, slots=True)
class Broken:
    """What an engineer's day would break that it does not break now."""

    engineer_id: str
    finding: Finding


def standing(problem: Problem, holders: Mapping[str, str]) -> Plan:
    """Return the plan that runs: every visit with its engineer, begun as planned or as soon as can be.

    `holders` says in whose day a visit stands that has no hour yet.
    """
    mine: dict[str, list[Visit]] = {engineer.id: [] for engineer in problem.engineers}
    for visit in problem.visits:
        who = visit.planned.engineer if visit.planned is not None else holders.get(visit.id)
        who = visit.lock_engineer if visit.running else who
        if who in mine:
            mine[who].append(visit)
    routes = tuple(
        walk(problem, engineer, sorted(mine[engineer.id], key=_in_order))
        for engineer in problem.engineers
    )
    return with_cost(problem, routes)


def _in_order(visit: Visit) -> tuple[bool, int]:
    if visit.running:
        return False, visit.lock_start_s or 0
    return True, visit.planned.start_s if visit.planned is not None else 2**31


def overlaid(
    problem: Problem, live: Plan, proposal: Plan, chosen: Collection[str] | None = None
) -> Plan:
    """Return the plan that runs with a proposal, or with the chosen visits of it, in their place.

    What is not of the proposal stays where it is, and is put off only where it must be. So does what
    the office has locked to somebody: a proposal that has no room for it does not take it away.
    """
    visits = {visit.id: visit for visit in problem.visits}
    engineers = {engineer.id: engineer for engineer in problem.engineers}
    scope = {stop.visit_id for route in proposal.routes for stop in route.stops}
    scope |= {left.visit_id for left in proposal.unplaced}
    scope &= visits.keys()
    scope -= {left.visit_id for left in proposal.unplaced if is_settled(visits, left.visit_id)}
    if chosen is not None:
        scope &= set(chosen)
    offered = {route.engineer_id: route for route in proposal.routes}
    routes = []
    for route in live.routes:
        other = offered.get(route.engineer_id)
        kept = [stop for stop in route.stops if stop.visit_id not in scope]
        new = [stop for stop in other.stops if stop.visit_id in scope] if other else []
        if not new and len(kept) == len(route.stops):
            routes.append(route)
        elif (
            other is not None
            and not kept
            and len(new) == len(other.stops)
            and not _slips(problem, engineers[route.engineer_id], other)
        ):
            routes.append(other)
        else:
            together = sorted([*kept, *new], key=lambda stop: stop.starts_s)
            order = sorted(
                (visits[stop.visit_id] for stop in together), key=lambda visit: not visit.running
            )
            starts = {stop.visit_id: stop.starts_s for stop in together}
            routes.append(walk(problem, engineers[route.engineer_id], order, starts))
    return with_cost(problem, tuple(routes))


def is_settled(visits: Mapping[str, Visit], visit_id: str) -> bool:
    """Tell whether the office has locked a visit to somebody who is there, or to its hour."""
    visit = visits.get(visit_id)
    if visit is None:
        return False
    return visit.lock_engineer is not None or (
        visit.lock_start_s is not None and visit.planned is not None
    )


def _slips(problem: Problem, engineer: Engineer, route: Route) -> bool:
    """Tell whether a route that was worked out a while ago is left for a little later than it says."""
    late = engineer.shifts[0].from_s - route.leaves_s
    first = route.stops[0].visit_id if route.stops else None
    return 0 < late <= UNTOLD_S and all(
        not visit.running for visit in problem.visits if visit.id == first
    )


def with_cost(problem: Problem, routes: tuple[Route, ...]) -> Plan:
    """Return the plan of these routes; what is on none of them is left out, without reasons."""
    made = {stop.visit_id for route in routes for stop in route.stops}
    left = tuple(
        Unplaced(visit.id, problem.weights.penalty(visit), ())
        for visit in problem.visits
        if visit.id not in made
    )
    plan = Plan(routes, left, Cost())
    return replace(plan, cost=priced(problem, plan))


def settled(problem: Problem, live: Plan) -> Problem:
    """Return the question with every visit planned for when it can begin, and what is about to begin locked."""
    where = places_of(live)

    def known(visit: Visit) -> Visit:
        if visit.running or visit.planned is None or visit.id not in where:
            return visit
        engineer_id, stop = where[visit.id]
        soon = stop.starts_s < problem.frozen_until_s
        return replace(
            visit,
            planned=Planned(engineer_id, stop.starts_s),
            lock_engineer=engineer_id if soon else visit.lock_engineer,
        )

    return replace(problem, visits=tuple(known(visit) for visit in problem.visits))


def as_told(problem: Problem, wanted: Collection[str] = ()) -> Problem:
    """Return the question in which nobody comes before the hour that people know, and coming later is told."""

    def told(visit: Visit) -> Visit:
        if visit.planned is None or visit.running or visit.id in wanted:
            return visit
        since = visit.planned.start_s
        ahead = [
            Window(max(one.from_s, since), one.to_s) for one in visit.windows if one.to_s >= since
        ]
        return replace(visit, windows=tuple(ahead) or (Window(since, LATEST_S),))

    tolerance = min(problem.weights.moved_tolerance_s, TOLD_S)
    return replace(
        problem,
        visits=tuple(told(visit) for visit in problem.visits),
        weights=replace(problem.weights, moved_tolerance_s=tolerance),
    )


def fresh_breaks(
    problem: Problem, live: Plan, meant: Plan, after: Plan, *, hours: bool = True
) -> Iterator[Broken]:
    """Return what would be broken that is not broken now, and with `hours` who is put off.

    `meant` says when the visits of a proposal were to begin; for the others the plan that runs does.
    """
    engineers = {engineer.id: engineer for engineer in problem.engineers}
    before = {route.engineer_id: route for route in live.routes}
    told, starts = _starts(live), _starts(live) | _starts(meant)
    for route in after.routes:
        if route == before[route.engineer_id]:
            continue
        alone, order = alone_with(problem, engineers[route.engineer_id], route)
        known_alone, _ = alone_with(
            problem, engineers[route.engineer_id], before[route.engineer_id]
        )
        known = {
            (one.rule, one.visit_id) for one in broken_by(known_alone, before[route.engineer_id])
        }
        for violation in broken_by(alone, route):
            # The hours of a proposal may be a router's, which are not asked for again here.
            if violation.rule is Rule.TRAVEL:
                continue
            if (violation.rule, violation.visit_id) not in known:
                for finding in findings(alone, route, order, violation):
                    yield Broken(route.engineer_id, finding)
        for stop in route.stops if hours else ():
            meant_s = starts.get(stop.visit_id, stop.starts_s)
            late = stop.starts_s - meant_s
            if late >= (PUT_OFF_S if told.get(stop.visit_id) == meant_s else UNTOLD_S):
                pushed = Finding("pushed", stop.visit_id, {"minutes": late // 60})
                yield Broken(route.engineer_id, pushed)


def alone_with(problem: Problem, engineer: Engineer, route: Route) -> tuple[Problem, list[Visit]]:
    """Return the question with one engineer and what is on this route alone, and that in order."""
    visits = {visit.id: visit for visit in problem.visits}
    order = [visits[stop.visit_id] for stop in route.stops]
    return replace(problem, engineers=(engineer,), visits=tuple(order)), order


def _starts(plan: Plan) -> dict[str, int]:
    return {stop.visit_id: stop.starts_s for route in plan.routes for stop in route.stops}


def places_of(plan: Plan) -> dict[str, tuple[str, Stop]]:
    """Return where each visit is: with which engineer, and its stop."""
    return {
        stop.visit_id: (route.engineer_id, stop) for route in plan.routes for stop in route.stops
    }
