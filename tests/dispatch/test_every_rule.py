"""Whatever is asked, in whatever combination: a plan that breaks nothing, in time, twice the same."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dispatch import searching
from dispatch.engine.codec import problem_to_json
from dispatch.engine.explanations import explained
from dispatch.engine.kernel import CACHE
from dispatch.engine.offers import emergency
from dispatch.engine.plan import Plan
from dispatch.engine.problem import Break, StoppingRule
from dispatch.engine.solver import solve
from dispatch.engine.validator import Rule, violations
from dispatch.engine.warm import READY, prepare
from dispatch.models import PlanState
from tests.dispatch.chaos import a_day_by_lot
from tests.dispatch.days import HOUR, QUICK, between, day, engineer, visit
from tests.dispatch.test_planning import planned
from tests.makers import Maker

ROUNDS = StoppingRule(seconds=30, iterations=3)


def left_out(plan: Plan) -> set[str]:
    return {left.visit_id for left in plan.unplaced}


def made(plan: Plan) -> set[tuple[str, str]]:
    return {(stop.visit_id, route.engineer_id) for route in plan.routes for stop in route.stops}


@pytest.mark.parametrize("seed", range(24))
def test_no_mixture_of_rules_makes_a_plan_that_breaks_one(seed: int) -> None:
    problem = a_day_by_lot(seed)
    plan = solve(problem, ROUNDS, seed=seed)
    assert violations(problem, plan) == []
    assert solve(problem, ROUNDS, seed=seed) == plan


@pytest.mark.parametrize("seed", [1000, 1009, 1010, 1022, 1024, 1066, 1089, 1103])
def test_an_emergency_breaks_nothing_and_moves_one_other_visit_at_most(seed: int) -> None:
    problem = a_day_by_lot(seed, people=8, visits=40)
    plan = solve(problem, ROUNDS, seed=seed, explain=False)
    gas = visit("gas", duration_s=HOUR // 2, priority=1, due_s=11 * HOUR)
    more = replace(problem, visits=(*problem.visits, gas))
    rescued = emergency(more, plan, "gas")
    broken = [one for one in violations(more, rescued) if one.rule is not Rule.REASONS]
    assert broken == []
    assert len({name for name, _ in made(plan) - made(rescued)}) <= 1
    urgent = {one.id for one in problem.visits if one.priority < 3}
    assert not (left_out(rescued) - left_out(plan)) & urgent


@pytest.mark.parametrize("seed", range(100, 104))
def test_a_search_by_the_clock_ends_by_the_clock(seed: int) -> None:
    prepare()
    problem = a_day_by_lot(seed, people=10, visits=60)
    began = time.monotonic()
    plan = solve(problem, StoppingRule(seconds=0.5))
    assert time.monotonic() - began < 8
    assert violations(problem, plan) == []


def test_a_break_that_is_over_is_not_asked_for_again() -> None:
    who = engineer(breaks=(Break(10 * HOUR, 10 * HOUR, HOUR),))
    problem = replace(day([who], [visit()]), now_s=13 * HOUR)
    plan = solve(problem, QUICK)
    assert violations(problem, plan) == []
    assert left_out(plan) == set()


def test_a_break_is_over_too_for_who_should_have_been_done_by_now() -> None:
    who = engineer(breaks=(Break(10 * HOUR, 10 * HOUR, HOUR),))
    run = visit("now", running=True, lock_engineer="ann", lock_start_s=8 * HOUR)
    problem = replace(day([who], [run, visit(windows=(between(13, 14),))]), now_s=12 * HOUR)
    plan = solve(problem, QUICK)
    assert violations(problem, plan) == []
    assert left_out(plan) == set()


def test_work_may_go_on_from_one_shift_into_the_next() -> None:
    who = engineer(shifts=(between(8, 12), between(12, 15)))
    problem = day([who], [visit(windows=(between(11.5, 11.5),))])
    plan = solve(problem, QUICK)
    assert violations(problem, plan) == []
    assert left_out(plan) == set()


def test_visits_for_chosen_engineers_are_left_out_where_there_is_nobody() -> None:
    problem = day([], [visit(only=frozenset({"ann"}))])
    assert violations(problem, solve(problem, QUICK)) == []


def test_what_waits_for_a_crew_that_cannot_be_is_left_out_with_it() -> None:
    jobs = [visit("lift", crew=3), visit("paint", after=("lift",)), visit("other")]
    problem = day([engineer("ann"), engineer("bob")], jobs)
    plan = solve(problem, QUICK)
    assert violations(problem, plan) == []
    assert left_out(plan) == {"lift", "paint"}


@pytest.mark.parametrize(
    ("links", "who", "starts"),
    [({"with_engineer_of": "now"}, "bob", None), ({"after": ("now",), "gap_s": HOUR}, None, 13)],
)
def test_work_under_way_is_waited_for_and_followed(
    links: dict[str, object], who: str | None, starts: int | None
) -> None:
    run = visit("now", place=2, running=True, lock_engineer="bob", lock_start_s=11 * HOUR)
    problem = day([engineer("ann"), engineer("bob")], [run, visit("next", **links)])
    plan = solve(problem, QUICK)
    assert violations(problem, plan) == []
    (found,) = ((r, s) for r in plan.routes for s in r.stops if s.visit_id == "next")
    assert who in (None, found[0].engineer_id)
    assert starts is None or found[1].starts_s >= starts * HOUR


def test_a_vehicle_that_is_too_full_already_goes_nowhere_else() -> None:
    run = visit("now", running=True, lock_engineer="ann", lock_start_s=9 * HOUR, amount=(2,))
    problem = day([engineer(capacity=(1,))], [run, visit("light")])
    plan = solve(problem, QUICK)
    assert violations(problem, plan) == []
    assert left_out(plan) == {"light"}


def test_without_time_left_every_visit_left_out_still_has_its_reasons() -> None:
    problem = day([engineer("ann"), engineer("bob")], [visit(f"v{n}") for n in range(30)])
    plan = solve(problem, QUICK, explain=False)
    hurried = explained(problem, plan, seconds=0.0)
    assert violations(problem, hurried) == []
    assert len(hurried.unplaced) > 5
    assert all(left.relaxation is None for left in hurried.unplaced)


# The first search on a machine.


@contextmanager
def being_compiled(folder: Path) -> Iterator[Path]:
    """Make believe that another process compiles the search; give the file that says it is done."""
    prepare()
    mine = folder / CACHE.name
    shutil.copytree(CACHE, mine, ignore=lambda *_: [READY.name])
    with (mine / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield mine / READY.name


def test_the_planner_says_that_it_is_being_prepared_and_then_searches(tmp_path: Path) -> None:
    question = {"problem": problem_to_json(day([engineer()], [visit()])), "stop": {"seconds": 0.3}}
    with being_compiled(tmp_path) as done:
        child = subprocess.Popen(
            [sys.executable, "-m", "dispatch.engine"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        )
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(question))
        child.stdin.close()
        said = [json.loads(child.stdout.readline()) for _ in range(2)]
        assert said[-1]["state"] == "preparing"
        done.touch()
    said = [json.loads(line) for line in child.stdout]
    child.stdout.close()
    assert child.wait() == 0
    assert said[0]["state"] == "searching"
    assert len(said[-1]["plan"]["routes"][0]["stops"]) == 1


def test_a_plan_waits_for_the_planner_to_be_prepared(
    make: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.technician()
    make.visit()
    monkeypatch.setattr(searching, "GRACE_S", 10)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    ready = threading.Event()

    def compile_slowly() -> None:
        with being_compiled(tmp_path) as done:
            ready.set()
            time.sleep(14)
            done.touch()

    other = threading.Thread(target=compile_slowly)
    other.start()
    ready.wait()
    plan = planned(make)
    other.join()
    assert plan.state is PlanState.PROPOSED, plan.message
    assert plan.message == ""
