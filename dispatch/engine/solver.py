"""The planner's door: `solve` takes a problem and returns the best plan found."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from dispatch.engine.arrays import Compiled, compiled
from dispatch.engine.crews import chosen_crews
from dispatch.engine.day import Day, days_of
from dispatch.engine.drawing import drawn
from dispatch.engine.explanations import explained
from dispatch.engine.plan import Cost, Plan, Unplaced
from dispatch.engine.pricing import priced
from dispatch.engine.problem import Problem, StoppingRule, Visit
from dispatch.engine.team import Team
from dispatch.engine.warm import prepare

# Told how far the search is, from 0 to 1.
Progress = Callable[[float], None]
# Told of each better plan while the search goes on: the share of the time, and its cost.
Improved = Callable[[float, int], None]
SECONDS_BETWEEN_REPORTS = 0.1
LEAST_EXPLAINING_S, MOST_EXPLAINING_S = 1.0, 3.0


def solve(
    problem: Problem,
    stop: StoppingRule,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    improved: Improved | None = None,
    cancelled: Callable[[], bool] | None = None,
    explain: bool = True,
) -> Plan:
    """Return the best plan found; what fits nowhere is named in `plan.unplaced`, with reasons.

    With `stop.iterations` the same problem and seed always give the same plan. `cancelled` is asked
    often; once it says so, the best plan so far is returned. The first search on a machine compiles,
    which does not count as search.
    """
    prepare()
    began = time.monotonic()
    days = list(days_of(problem).values())
    waiting = [visit for visit in problem.visits if not visit.running]
    crews = chosen_crews(problem, days, waiting)
    made = compiled(problem, days, waiting, crew=crews)
    team = Team(
        made.question, stop, seed, _reporter(progress, improved), _asked(cancelled, progress, stop)
    )
    team.solve(_known(made, days), began)
    plan = _plan(problem, made, team.best or [[] for _ in days], waiting)
    if not explain:
        return plan
    return explained(problem, plan, seconds=explaining_s(stop))


def explaining_s(stop: StoppingRule) -> float | None:
    """Return how long explanations may take; None where the plan is to be the same on every machine."""
    if stop.iterations is not None:
        return None
    return min(MOST_EXPLAINING_S, max(LEAST_EXPLAINING_S, stop.seconds))


def _reporter(progress: Progress | None, improved: Improved | None) -> Improved | None:
    if progress is None and improved is None:
        return None

    def report(share: float, cost: int) -> None:
        if improved is not None:
            improved(share, cost)

    return report


def _asked(
    cancelled: Callable[[], bool] | None, progress: Progress | None, stop: StoppingRule
) -> Callable[[], bool] | None:
    """Return what the search asks between its slices; the progress is told on that occasion."""
    if progress is None:
        return cancelled
    began = told = time.monotonic()

    def ask() -> bool:
        nonlocal told
        now = time.monotonic()
        if now - told >= SECONDS_BETWEEN_REPORTS:
            told = now
            progress(min((now - began) / stop.seconds, 1.0))
        return cancelled is not None and cancelled()

    return ask


def _known(made: Compiled, days: Sequence[Day]) -> list[tuple[int, int]]:
    """Return the visits that people know to be with an engineer, as numbers, in their order."""
    number = {day.engineer.id: v for v, day in enumerate(days)}
    planned = [
        (visit.planned.start_s, k, number[visit.planned.engineer])
        for k, visit in enumerate(made.visits)
        if visit.planned is not None and visit.planned.engineer in number and visit.crew == 1
    ]
    # Nobody else's day may stand in the way of several people's.
    return [*made.crew, *((k, v) for _, k, v in sorted(planned))]


def _plan(
    problem: Problem, made: Compiled, routes: Sequence[Sequence[int]], waiting: Sequence[Visit]
) -> Plan:
    routes = _whole_crews(made, routes)
    plan = Plan(drawn(problem, made, routes), (), Cost())
    for _ in made.crew:
        # Who waits for a visit that is gone is gone as well, and with one member the whole crew.
        kept = _whole_crews(made, _nodes(made, plan, routes))
        if kept == routes:
            break
        routes = kept
        plan = Plan(drawn(problem, made, routes), (), Cost())
    placed = {stop.visit_id for route in plan.routes for stop in route.stops}
    unplaced = tuple(
        Unplaced(visit.id, problem.weights.penalty(visit), ())
        for visit in waiting
        if visit.id not in placed
    )
    plan = replace(plan, unplaced=unplaced)
    return replace(plan, cost=priced(problem, plan))


def _nodes(made: Compiled, plan: Plan, routes: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return what is left of the routes once they are drawn."""
    return [
        [
            node
            for node in nodes
            if node >= len(made.visits)
            or any(stop.visit_id == made.visits[node].id for stop in route.stops)
        ]
        for nodes, route in zip(routes, plan.routes, strict=True)
    ]


def _whole_crews(made: Compiled, routes: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the routes without visits that only a part of their crew could make."""
    there: dict[str, int] = {}
    for route in routes:
        for node in route:
            if node < len(made.visits):
                name = made.visits[node].id
                there[name] = there.get(name, 0) + 1
    torn = {visit.id for visit in made.visits if 0 < there.get(visit.id, 0) < visit.crew}
    return [
        [node for node in route if node >= len(made.visits) or made.visits[node].id not in torn]
        for route in routes
    ]
