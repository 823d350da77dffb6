"""Questions about a plan that stands: who could take a visit, at what price, and when.

Constant-time insertion over all routes: the plan is laid into the search's arrays once, and one
visit is tried everywhere. Nothing here changes the plan it is asked about, but `emergency` returns
another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dispatch.engine.arrays import Compiled, Copy, State, compiled, room_for, routes_of
from dispatch.engine.day import days_of
from dispatch.engine.drawing import drawn
from dispatch.engine.kernel import search
from dispatch.engine.kernel.layout import NEVER
from dispatch.engine.plan import Cost, Plan, Unplaced
from dispatch.engine.pricing import priced
from dispatch.engine.problem import Problem, ProblemError, Visit, Window

# A visit of this priority or less may be left out for an emergency.
MAY_WAIT = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """An engineer who could take a visit as well, and what that adds to the plan's cost."""

    engineer_id: str
    added_cost: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A window that could be offered to a customer: what it adds at least, and with whom.

    Both are None where nobody can come then.
    """

    window: Window
    added_cost: int | None
    engineer_id: str | None


def candidates(problem: Problem, plan: Plan, visit_id: str) -> tuple[Candidate, ...]:
    """Return who could take the visit without moving anything else, the cheapest first.

    Raises ProblemError for a visit that is not in the problem.
    """
    made, state = _laid(problem, plan, without=visit_id)
    return _candidates(made, state, _number(made, visit_id))


def offers(
    problem: Problem, plan: Plan, visit: Visit, windows: Sequence[Window]
) -> tuple[Offer, ...]:
    """Return for each window what it would add to the plan to promise it for this visit.

    The visit need not be in the problem; what else it asks for holds in every window.
    """
    others = tuple(one for one in problem.visits if one.id != visit.id)
    asked = [
        replace(visit, id=f"{visit.id} in window {k}", windows=(window,), planned=None)
        for k, window in enumerate(windows)
    ]
    wider = replace(problem, visits=(*others, *asked))
    made, state = _laid(wider, plan, without=visit.id)
    found: list[Offer] = []
    for window, one in zip(windows, asked, strict=True):
        best = _candidates(made, state, _number(made, one.id))
        first = best[0] if best else None
        found.append(
            Offer(window, None, None)
            if first is None
            else Offer(window, first.added_cost, first.engineer_id)
        )
    return tuple(found)


def emergency(problem: Problem, plan: Plan, visit_id: str) -> Plan:
    """Return the plan with one visit more, put in where it costs least.

    Where it fits nowhere, one visit of low priority makes room: it moves to another route, or is
    left out. Nobody else's visits change hands. Reasons are not worked out.
    """
    made, state = _laid(problem, plan, without=visit_id)
    u = _number(made, visit_id)
    q = made.question
    best = _best(made, state, u)
    if best is not None:
        search.keep(q.memory, q.drives, state.memory, best[1], u)
    else:
        _make_room(made, state, u)
    search.start(q.memory, q.drives, state.memory)
    return _plan(problem, made, state)


def _laid(problem: Problem, plan: Plan, *, without: str) -> tuple[Compiled, State]:
    days = list(days_of(problem).values())
    waiting = [visit for visit in problem.visits if not visit.running]
    number = {day.engineer.id: v for v, day in enumerate(days)}
    # Who goes together stays together, and at that moment.
    crew = [
        Copy(k, number[route.engineer_id], stop.starts_s)
        for k, visit in enumerate(waiting)
        if visit.crew > 1 and visit.id != without
        for route in plan.routes
        for stop in route.stops
        if stop.visit_id == visit.id and route.engineer_id in number
    ]
    made = compiled(problem, days, waiting, crew=crew, brief=True)
    q = made.question
    held = set(made.crew)
    nodes: dict[str, list[int]] = {}
    for k, visit in enumerate(made.visits):
        nodes.setdefault(visit.id, []).append(k)
    state = room_for(q, 0, pooled=False)
    routes: list[list[int]] = [[] for _ in days]
    for route in plan.routes:
        if route.engineer_id in number:
            v = number[route.engineer_id]
            mine = [
                (place, k)
                for place, stop in enumerate(route.stops)
                if stop.visit_id != without
                for k in nodes.get(stop.visit_id, ())
                if made.visits[k].crew == 1 or (k, v) in held
            ]
            stops = [k for _, k in mine]
            if route.depot is not None:
                position = sum(place < route.depot.position for place, _ in mine)
                stops.insert(position, len(made.visits) + route.depot.depot)
            routes[v] = stops
    for v, stops in enumerate(routes):
        state.route[v, : len(stops)] = stops
        state.length[v] = len(stops)
    search.start(q.memory, q.drives, state.memory)
    return made, state


def _number(made: Compiled, visit_id: str) -> int:
    for k, visit in enumerate(made.visits):
        if visit.id == visit_id:
            return k
    raise ProblemError(
        f"Visit {visit_id} is not waiting to be planned by one engineer.", "unknown_visit"
    )


def _candidates(made: Compiled, state: State, u: int) -> tuple[Candidate, ...]:
    q = made.question
    found: list[Candidate] = []
    for v, day in enumerate(made.days):
        if q.allowed[v, u]:
            price, code = search.best_place(q.memory, q.drives, state.memory, u, v, 0.0, NEVER)
            if code >= 0:
                found.append(Candidate(day.engineer.id, int(price)))
    return tuple(sorted(found, key=lambda one: (one.added_cost, one.engineer_id)))


def _best(made: Compiled, state: State, u: int) -> tuple[int, int] | None:
    q = made.question
    best: tuple[int, int] | None = None
    for v in range(len(made.days)):
        if q.allowed[v, u]:
            price, code = search.best_place(q.memory, q.drives, state.memory, u, v, 0.0, NEVER)
            if code >= 0 and (best is None or price < best[0]):
                best = (int(price), v)
    return best


def _make_room(made: Compiled, state: State, u: int) -> None:
    """Take out the one visit whose leaving costs least, and put it elsewhere if it fits there."""
    q = made.question
    may = np.array([_may_leave(visit) for visit in made.visits], np.int64)
    node, v = search.room_for_one(q.memory, q.drives, state.memory, u, may)
    if node < 0:
        return
    route = [k for k in state.route[v, : state.length[v]].tolist() if k != node]
    state.route[v, : len(route)] = route
    state.length[v] = len(route)
    search.start(q.memory, q.drives, state.memory)
    search.keep(q.memory, q.drives, state.memory, v, u)
    other = _best(made, state, node)
    if other is not None:
        search.keep(q.memory, q.drives, state.memory, other[1], node)


def _may_leave(visit: Visit) -> bool:
    locked = visit.lock_engineer is not None or visit.lock_start_s is not None
    return visit.priority >= MAY_WAIT and not locked and visit.crew == 1


def _plan(problem: Problem, made: Compiled, state: State) -> Plan:
    routes = drawn(problem, made, routes_of(state))
    placed = {stop.visit_id for route in routes for stop in route.stops}
    unplaced = tuple(
        Unplaced(visit.id, problem.weights.penalty(visit), ())
        for visit in problem.visits
        if visit.id not in placed
    )
    plan = Plan(routes, unplaced, Cost())
    return replace(plan, cost=priced(problem, plan))
