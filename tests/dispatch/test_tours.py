"""The fast search where a tour's length, tools, parts and a depot count: it counts as the other does."""

import random

import pytest

from dispatch.engine.arrays import Compiled, compiled, room_for, routes_of, set_routes
from dispatch.engine.day import days_of
from dispatch.engine.kernel import layout as at
from dispatch.engine.kernel import plain, search
from dispatch.engine.problem import Depot, Problem, Visit, Weights, Window
from dispatch.engine.solver import solve
from dispatch.engine.validator import violations
from tests.dispatch.days import HOUR, MINUTE, QUICK, between, engineer, visit


def a_day_of_tours(seed: int) -> Problem:
    """Eight engineers and thirty visits: windows, overtime, parts, tools and up to two depots."""
    rnd = random.Random(seed)
    size = 14
    spots = [(rnd.random() * 40, rnd.random() * 40) for _ in range(size)]
    drives = tuple(
        tuple(
            0
            if i == j
            else int((abs(a - c) + abs(b - d)) * MINUTE) + rnd.randrange(600) * (seed % 2)
            for j, (c, d) in enumerate(spots)
        )
        for i, (a, b) in enumerate(spots)
    )
    people = tuple(
        engineer(
            f"e{n}",
            start=rnd.randrange(size),
            end=rnd.choice([None, 0, n]),
            shifts=(between(8, rnd.choice([12, 15, 17])),),
            max_overtime_s=rnd.choice([0, HOUR]),
            parts={"valve": rnd.randrange(3), "seal": rnd.randrange(2)},
            tools=frozenset(rnd.sample(["crane", "press"], rnd.randrange(3))),
            capacity=(rnd.randint(3, 8),),
            fixed_cost=rnd.choice([0, 900]),
            max_visits=rnd.choice([None, 4]),
        )
        for n in range(8)
    )
    jobs = []
    for n in range(30):
        opens = rnd.randint(8, 15)
        jobs.append(
            visit(
                f"v{n}",
                place=rnd.randrange(size),
                duration_s=rnd.choice([0, 20, 40]) * MINUTE,
                windows=(between(opens, opens + rnd.choice([0, 1, 4])),) if n % 3 else (),
                parts={"valve": rnd.randrange(3)} if n % 2 else {"seal": 1},
                tools=frozenset(rnd.sample(["crane", "press"], rnd.choice([0, 0, 1, 2]))),
                amount=(rnd.randrange(2),),
                priority=1 + n % 4,
                preferred=frozenset({"e1", "e2"}) if n % 5 == 0 else frozenset(),
            )
        )
    jobs.append(visit("now", running=True, lock_engineer="e0", lock_start_s=7 * HOUR, amount=(1,)))
    depots = (
        Depot(3, between(9, 14), 600, {"valve": 3, "seal": 2}, frozenset({"crane"})),
        Depot(5, Window(0, 20 * HOUR), 0, None, None),
    )
    return Problem(
        (),
        drives,  # type: ignore[arg-type]
        people,
        tuple(jobs),
        weights=Weights(
            travel=rnd.choice([0, 1]), span=1 + seed % 2, overtime=seed % 3, balance=seed % 2
        ),
        depots=depots[: rnd.randrange(3)],
    )


def laid_out(problem: Problem) -> Compiled:
    waiting: list[Visit] = [one for one in problem.visits if not one.running]
    return compiled(problem, list(days_of(problem).values()), waiting)


@pytest.mark.parametrize("seed", range(12))
def test_the_fast_search_counts_as_the_exact_one_does(seed: int) -> None:
    made = laid_out(a_day_of_tours(seed))
    q = made.question
    assert q.is_plain
    state = room_for(q, seed)
    search.start(q.memory, q.drives, state.memory)
    search.fill(q.memory, q.drives, state.memory, True)
    for heat in (3000.0, 300.0, 1.0):
        plain.run(
            q.memory, q.drives, q.turned, state.memory, 400, heat, heat, 10.0, 10.0, 0.01, 1e9
        )
    found, cost = routes_of(state), int(state.memory[at.BEST])
    again = room_for(q, seed)
    set_routes(again, found)
    search.start(q.memory, q.drives, again.memory)
    assert [row for row in routes_of(again) if row] == [row for row in found if row]
    assert int(again.memory[at.TOTAL]) == cost


@pytest.mark.parametrize("seed", range(12))
def test_tours_break_no_rule(seed: int) -> None:
    problem = a_day_of_tours(seed)
    plan = solve(problem, QUICK, seed=seed)
    assert violations(problem, plan) == []
