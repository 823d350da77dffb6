"""The search: OR-Tools' routing library, set up the way that was measured to serve it best.

It is given matrices and vectors, never a Python function to call back, and holds the interpreter's
lock until it is done: run it in a process of its own (`python -m dispatch.engine`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ortools.constraint_solver import pywrapcp, routing_enums_pb2
from ortools.util import optional_boolean_pb2

from dispatch.engine.cost import assignment_cost
from dispatch.engine.day import Day
from dispatch.engine.problem import Problem, StoppingRule, Visit

Routes = dict[str, list[Visit]]

# Each of these costs more time than what it finds is worth: without them the gap to the best known
# plans fell from 12.7 to 2.5 % on RC208 in six seconds.
SLOW_OPERATORS = (
    "use_relocate_pair",
    "use_light_relocate_pair",
    "use_exchange_pair",
    "use_relocate_expensive_chain",
    "use_relocate_subtrip",
    "use_exchange_subtrip",
    "use_lin_kernighan",
    "use_make_chain_inactive",
    "use_swap_active_chain",
    "use_shortest_path_swap_active",
    "use_shortest_path_two_opt",
    "use_global_cheapest_insertion_path_lns",
    "use_local_cheapest_insertion_path_lns",
    "use_relocate_path_global_cheapest_insertion_insert_unperformed",
    "use_global_cheapest_insertion_visit_types_lns",
    "use_local_cheapest_insertion_visit_types_lns",
)
RUINED_VISITS = 12
LONGEST_RUINED_STRING = 10
SECONDS_BETWEEN_REPORTS = 0.2


@dataclass(slots=True)
class _Model:
    """The routing model and what is needed to talk about it."""

    routing: Any
    manager: Any
    engineers: list[str]
    visits: Sequence[Visit]


def search(
    problem: Problem,
    days: Mapping[str, Day],
    visits: Sequence[Visit],
    candidates: Mapping[str, Sequence[str]],
    stop: StoppingRule,
    start: Routes | None,
    progress: Callable[[float], None] | None,
) -> Routes:
    """Return good routes for the visits; each goes to one of its candidates or is left out.

    With a plan to start from the search stays near it; without one it starts from nothing.
    """
    if not visits or not days:
        return {}
    model = _model(problem, days, visits, candidates)
    parameters = _parameters(stop)
    if start is None:
        _watch(model, stop, progress)
        solution = model.routing.SolveWithIteratedLocalSearch(parameters)
    else:
        parameters.local_search_metaheuristic = (
            routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
        )
        # Closed without its parameters the model would forget the metaheuristic (or-tools #1841).
        model.routing.CloseModelWithParameters(parameters)
        _watch(model, stop, progress)
        known = model.routing.ReadAssignmentFromRoutes(_as_indices(model, start), True)
        if known is None:
            return start
        solution = model.routing.SolveFromAssignmentWithParameters(known, parameters)
    return (start or {}) if solution is None else _routes(model, solution)


def _model(
    problem: Problem,
    days: Mapping[str, Day],
    visits: Sequence[Visit],
    candidates: Mapping[str, Sequence[str]],
) -> _Model:
    # Nodes: the visits, then where each engineer starts, then where each ends.
    count, people = len(visits), len(days)
    starts = list(range(count, count + people))
    ends = list(range(count + people, count + 2 * people))
    manager = pywrapcp.RoutingIndexManager(count + 2 * people, people, starts, ends)
    routing = pywrapcp.RoutingModel(manager)
    model = _Model(routing, manager, list(days), visits)

    drives = _drives(problem, days, visits)
    _add_costs(model, problem, drives)
    _add_time(model, problem, days, drives)
    _add_parts(model, days)
    order = {engineer_id: vehicle for vehicle, engineer_id in enumerate(days)}
    for node, visit in enumerate(visits):
        index = manager.NodeToIndex(node)
        allowed = [order[engineer_id] for engineer_id in candidates[visit.id]]
        if len(allowed) < people:
            # -1 stands for nobody: a visit may always be left out, at its price.
            routing.VehicleVar(index).SetValues([-1, *allowed])
        routing.AddDisjunction([index], problem.weights.penalty(visit))
    return model


def _drives(problem: Problem, days: Mapping[str, Day], visits: Sequence[Visit]) -> list[list[int]]:
    places: list[int | None] = [visit.place for visit in visits]
    places += [day.start for day in days.values()]
    places += [day.engineer.end for day in days.values()]
    # A day that ends at its last visit ends wherever that is, at no distance.
    return [
        [0 if a is None or b is None else problem.travel_s[a][b] for b in places] for a in places
    ]


def _add_costs(model: _Model, problem: Problem, drives: list[list[int]]) -> None:
    weight = problem.weights.travel
    matrices: dict[tuple[int, ...], int] = {}
    rest = len(drives) - len(model.visits)
    for vehicle, engineer_id in enumerate(model.engineers):
        extras = (
            tuple(assignment_cost(problem, engineer_id, visit).total for visit in model.visits)
            + (0,) * rest
        )
        if extras not in matrices:
            costs = [
                [drive * weight + extra for drive, extra in zip(row, extras, strict=True)]
                for row in drives
            ]
            matrices[extras] = model.routing.RegisterTransitMatrix(costs)
        model.routing.SetArcCostEvaluatorOfVehicle(matrices[extras], vehicle)


def _add_time(
    model: _Model, problem: Problem, days: Mapping[str, Day], drives: list[list[int]]
) -> None:
    routing, manager, visits = model.routing, model.manager, model.visits
    work = [visit.duration_s for visit in visits] + [0] * (len(drives) - len(visits))
    spans = [[drive + work[i] for drive in row] for i, row in enumerate(drives)]
    transit = routing.RegisterTransitMatrix(spans)
    horizon = max(day.latest_s for day in days.values())
    horizon = max(horizon, *(day.from_s for day in days.values())) + 24 * 3600
    routing.AddDimension(transit, horizon, horizon, False, "time")
    dimension = routing.GetDimensionOrDie("time")

    for node, visit in enumerate(visits):
        index = manager.NodeToIndex(node)
        moment = dimension.CumulVar(index)
        windows = sorted(visit.start_windows(), key=lambda window: window.from_s)
        moment.SetRange(windows[0].from_s, min(max(w.to_s for w in windows), horizon))
        covered = windows[0].to_s
        for window in windows[1:]:
            if covered + 1 <= window.from_s - 1:
                moment.RemoveInterval(covered + 1, window.from_s - 1)
            covered = max(covered, window.to_s)
        if visit.due_s is not None:
            late = problem.weights.late[visit.priority]
            dimension.SetCumulVarSoftUpperBound(index, visit.due_s, late)

    for vehicle, day in enumerate(days.values()):
        first, last = routing.Start(vehicle), routing.End(vehicle)
        dimension.CumulVar(first).SetRange(day.from_s, max(day.latest_s, day.from_s))
        dimension.CumulVar(last).SetRange(day.from_s, max(day.latest_s, day.from_s))
        if day.engineer.max_overtime_s:
            dimension.SetCumulVarSoftUpperBound(last, day.to_s, problem.weights.overtime)
        if day.breaks:
            pauses = [
                routing.solver().FixedDurationIntervalVar(
                    max(pause.earliest_s, day.from_s),
                    pause.latest_s,
                    pause.duration_s,
                    False,
                    f"break {vehicle} {number}",
                )
                for number, pause in enumerate(day.breaks)
            ]
            by_index = [work[manager.IndexToNode(i)] for i in range(routing.Size())]
            dimension.SetBreakIntervalsOfVehicle(pauses, vehicle, by_index)


def _add_parts(model: _Model, days: Mapping[str, Day]) -> None:
    """Add a load for each part that two visits could quarrel about; one alone is a candidate's."""
    routing = model.routing
    for part in sorted({part for visit in model.visits for part in visit.parts}):
        needs = [visit.parts.get(part, 0) for visit in model.visits]
        vans = [day.parts.get(part, 0) for day in days.values()]
        if sum(1 for need in needs if need) < 2 or min(vans) >= sum(needs):
            continue
        load = routing.RegisterUnaryTransitVector(needs + [0] * (2 * len(days)))
        routing.AddDimensionWithVehicleCapacity(load, 0, vans, True, f"part {part}")


def _parameters(stop: StoppingRule) -> Any:
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.first_solution_strategy = (
        routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
    )
    for operator in SLOW_OPERATORS:
        setattr(parameters.local_search_operators, operator, optional_boolean_pb2.BOOL_FALSE)
    parameters.use_iterated_local_search = True
    ils = parameters.iterated_local_search_parameters
    ruin = ils.ruin_recreate_parameters.ruin_strategies.add()
    ruin.sisr.max_removed_sequence_size = LONGEST_RUINED_STRING
    ruin.sisr.avg_num_removed_visits = RUINED_VISITS
    ruin.sisr.bypass_factor = 0.01
    ils.improve_perturbed_solution = True
    ils.reference_solution_acceptance_strategy.simulated_annealing.automatic_temperatures = True
    parameters.time_limit.FromMilliseconds(int(stop.seconds * 1000))
    if stop.iterations is not None:
        parameters.solution_limit = stop.iterations
    return parameters


def _watch(model: _Model, stop: StoppingRule, progress: Callable[[float], None] | None) -> None:
    if progress is None:
        return
    began, told = time.monotonic(), [0.0]

    def report() -> None:
        elapsed = time.monotonic() - began
        if elapsed - told[0] >= SECONDS_BETWEEN_REPORTS:
            told[0] = elapsed
            progress(min(elapsed / stop.seconds, 1.0))

    # The iterated search announces no solutions, but enters a new search for every one it tries.
    model.routing.AddEnterSearchCallback(report)


def _as_indices(model: _Model, routes: Routes) -> list[list[int]]:
    place = {visit.id: node for node, visit in enumerate(model.visits)}
    return [[place[visit.id] for visit in routes[name]] for name in model.engineers]


def _routes(model: _Model, solution: Any) -> Routes:
    routes: Routes = {}
    for vehicle, engineer_id in enumerate(model.engineers):
        route: list[Visit] = []
        index = solution.Value(model.routing.NextVar(model.routing.Start(vehicle)))
        while not model.routing.IsEnd(index):
            route.append(model.visits[model.manager.IndexToNode(index)])
            index = solution.Value(model.routing.NextVar(index))
        routes[engineer_id] = route
    return routes
