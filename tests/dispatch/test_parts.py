"""Large days: planned in parts that fit together, and what is remembered of routes stays true."""

from dataclasses import replace

import numpy as np
import pytest

from bench.days import a_day
from dispatch.engine.arrays import Compiled, State, compiled, room_for, set_routes
from dispatch.engine.crews import chosen_crews
from dispatch.engine.day import days_of
from dispatch.engine.kernel import layout as at
from dispatch.engine.kernel import search
from dispatch.engine.parts import linked_sets, part_of
from dispatch.engine.problem import Problem, StoppingRule
from dispatch.engine.solver import solve
from dispatch.engine.validator import violations

LARGE = a_day(50, 320)


def searched(problem: Problem, steps: int) -> tuple[Compiled, State]:
    days, waiting = list(days_of(problem).values()), list(problem.visits)
    made = compiled(problem, days, waiting, crew=chosen_crews(problem, days, waiting))
    q, state = made.question, room_for(made.question, 3)
    search.start(q.memory, q.drives, state.memory)
    for visit, engineer in made.crew:
        search.keep(q.memory, q.drives, state.memory, engineer, visit)
    search.fill(q.memory, q.drives, state.memory, True)
    search.run(q.memory, q.drives, state.memory, steps, 400.0, 40.0, 10.0, 10.0, 0.01, -np.inf)
    return made, state


def test_a_large_day_with_linked_visits_is_planned_in_parts_twice_the_same() -> None:
    assert any(one.after for one in LARGE.visits)
    assert any(one.with_engineer_of for one in LARGE.visits)
    assert any(one.crew > 1 for one in LARGE.visits)
    stop = StoppingRule(seconds=600, iterations=30)
    plan = solve(LARGE, stop, seed=5, explain=False)
    assert [one for one in violations(LARGE, plan) if one.rule.value != "reasons"] == []
    assert solve(LARGE, stop, seed=5, explain=False) == plan


def test_what_is_remembered_of_a_route_is_what_it_would_be_today() -> None:
    # Where the pace changes, which places are judged exactly depends on what is known already.
    made, state = searched(replace(LARGE, paces=()), 600)
    q = made.question
    memory = (q.memory, q.drives, state.memory)
    known = np.argwhere((state.known_version == state.version) & (q.allowed.T == 1))
    assert len(known) > 1000
    wrong = []
    for u, v in known.tolist():
        if state.where[u] == v:
            continue
        price, place = int(state.known_cost[u, v]), int(state.known_place[u, v])
        state.known_version[u, v] = -1
        today, where = search.best_place(*memory, u, v, 0.0, price + (place >= 0))
        if (where >= 0) != (place >= 0) or (place >= 0 and today != price):
            wrong.append((u, v, price, place, int(today), int(where)))
    assert wrong == []


def test_the_cost_kept_up_to_date_is_the_cost_counted_afresh() -> None:
    made, state = searched(LARGE, 300)
    kept = int(state.memory[at.TOTAL])
    assert search.total(made.question.memory, state.memory) == kept
    people = (state.members > 0).sum(axis=1)
    assert people.tolist() == state.people.tolist()
    assert np.maximum(people - 1, 0).sum() == state.memory[at.APART]


@pytest.mark.parametrize("half", [0, 1])
def test_a_part_prices_its_routes_as_the_whole_does(half: int) -> None:
    made, state = searched(LARGE, 150)
    q = made.question
    n = int(q.memory[at.VISIT_COUNT])
    days = np.arange(half, len(LARGE.engineers), 2)
    routes = [state.route[v, : state.length[v]].tolist() for v in days]
    visits = np.array(sorted(u for route in routes for u in route if u < n))
    part = part_of(q, state, days, visits)
    own = room_for(part.question, 1, pooled=False)
    set_routes(own, [part.inward(route) for route in routes])
    search.start(part.question.memory, part.question.drives, own.memory)
    assert own.memory[at.ABSENT] == 0
    assert [part.outward(row[:k]) for row, k in zip(own.route, own.length, strict=True)] == routes
    assert (own.cost <= state.cost[days]).all()
    # Whoever is waited for outside stays, and ends before that begins.
    torn = [one for one in linked_sets(q) if 0 < len(set(one) & set(visits.tolist())) < len(one)]
    assert torn
    search.run(
        part.question.memory, part.question.drives, own.memory, 300, 400.0, 40.0, 10.0, 10.0, 0.01,
        -np.inf,
    )  # fmt: skip
    for v, row, size in zip(days, own.route, own.length, strict=True):
        found = part.outward(row[:size])
        state.route[v, : len(found)], state.length[v] = found, len(found)
    before = {u for u in range(n) if state.where[u] < 0}
    search.start(q.memory, q.drives, state.memory)
    left = set(part.outward(own.absent[: int(own.memory[at.ABSENT])]))
    assert {u for u in range(n) if state.where[u] < 0} <= before | left
