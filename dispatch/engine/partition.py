"""Set partitioning: the best choice among all routes the search has come across, by CP-SAT."""

from collections.abc import Sequence
from dataclasses import dataclass

from ortools.sat.python import cp_model

from dispatch.engine.arrays import Question, State
from dispatch.engine.kernel import layout as at

MOST_COLUMNS = 6_000


@dataclass(frozen=True, slots=True)
class Column:
    """A route that was seen: whose kind of engineer, which visits (the depot among them), its cost."""

    kind: int
    engineer: int
    stops: tuple[int, ...]
    cost: int


def columns_of(question: Question, states: Sequence[State]) -> list[Column]:
    """Return the routes in all pools, each set of visits once; the pools are emptied."""
    best: dict[tuple[int, frozenset[int]], Column] = {}
    for state in states:
        used = (state.pool_cost >= 0).nonzero()[0]
        for slot in used:
            first, size, engineer = state.pool_at[slot].tolist()
            stops = tuple(state.pool_data[first : first + size].tolist())
            kind = int(question.engineers[engineer, at.KIND])
            column = Column(kind, engineer, stops, int(state.pool_cost[slot]))
            key = (kind, frozenset(stops))
            if key not in best or column.cost < best[key].cost:
                best[key] = column
        state.pool_cost[used] = -1
        state.memory[at.POOLED] = state.memory[at.POOL_USED] = 0
    return list(best.values())


def chosen_routes(
    question: Question,
    columns: Sequence[Column],
    incumbent: Sequence[Column],
    *,
    seconds: float,
    workers: int,
    repeatable: bool,
    seed: int,
) -> dict[int, tuple[int, ...]] | None:
    """Return the cheapest choice of routes, by engineer; None where none was found in time."""
    pool = {(c.kind, frozenset(c.stops)): c for c in (*columns[-MOST_COLUMNS:], *incumbent)}
    kept = {(c.kind, frozenset(c.stops)) for c in incumbent}
    n = int(question.memory[at.VISIT_COUNT])
    model = cp_model.CpModel()
    picks = []
    by_visit: dict[int, list[cp_model.IntVar]] = {}
    by_kind: dict[int, list[cp_model.IntVar]] = {}
    costs: list[int] = []
    for key, column in pool.items():
        pick = model.new_bool_var("")
        model.add_hint(pick, key in kept)
        picks.append((pick, column))
        costs.append(column.cost)
        by_kind.setdefault(column.kind, []).append(pick)
        for stop in column.stops:
            if stop < n:
                by_visit.setdefault(stop, []).append(pick)
    served = {stop for column in incumbent for stop in column.stops}
    left = []
    for visit, options in by_visit.items():
        out = model.new_bool_var("")
        model.add_hint(out, visit not in served)
        model.add_exactly_one([*options, out])
        left.append((out, int(question.visits[visit, at.PENALTY])))
    engineers: dict[int, list[int]] = {}
    for v, kind in enumerate(question.engineers[:, at.KIND].tolist()):
        engineers.setdefault(kind, []).append(v)
    for kind, options in by_kind.items():
        if len(options) > len(engineers[kind]):
            model.add(sum(options) <= len(engineers[kind]))
    price = sum(cost * pick for cost, (pick, _) in zip(costs, picks, strict=True))
    model.minimize(price + sum(cost * out for out, cost in left))
    solver = cp_model.CpSolver()
    solver.parameters.random_seed = seed % (1 << 30)
    solver.parameters.num_workers = 1 if repeatable else workers
    if repeatable:
        solver.parameters.max_deterministic_time = seconds
    else:
        solver.parameters.max_time_in_seconds = seconds
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    routes: dict[int, tuple[int, ...]] = {}
    for pick, column in picks:
        if solver.boolean_value(pick):
            routes[engineers[column.kind].pop()] = column.stops
    return routes
