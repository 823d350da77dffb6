"""The compiled search: every rule together, questions about a plan, repeatable and in time."""

import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dispatch.bench import main as bench
from dispatch.bench import solved
from dispatch.engine.instances import read_instance
from dispatch.engine.offers import candidates, emergency, offers
from dispatch.engine.plan import Plan
from dispatch.engine.problem import (
    Break,
    Depot,
    Pace,
    Planned,
    Problem,
    ProblemError,
    StoppingRule,
    Visit,
    Weights,
)
from dispatch.engine.solver import solve
from dispatch.engine.validator import violations
from tests.dispatch.days import HOUR, MINUTE, between, day, engineer, visit

SHORT = StoppingRule(seconds=30, iterations=10)
SOLOMON_LIKE = """TINY

VEHICLE
NUMBER     CAPACITY
  3         20

CUSTOMER
CUST NO.  XCOORD.   YCOORD.    DEMAND   READY TIME  DUE DATE   SERVICE   TIME

    0      0         0          0          0       200          0
    1      0         10         10         0       200          10
    2      0         20         10         0       200          10
    3      10        0          10         0       200          10
"""


def a_rich_day(seed: int) -> Problem:
    """Six engineers and twenty visits; each rule is somewhere."""
    rnd = random.Random(seed)
    size = 12
    spots = [(rnd.random() * 60, rnd.random() * 60) for _ in range(size)]
    drives = tuple(
        tuple(int((abs(a - c) + abs(b - d)) * MINUTE * (1 + 0.1 * (i > j))) for j, (c, d) in enumerate(spots))
        for i, (a, b) in enumerate(spots)
    )  # fmt: skip
    names = [f"e{n}" for n in range(6)]
    people = tuple(
        engineer(
            name,
            start=n % 4,
            end=None if n == 5 else n % 4,
            shifts=(between(8, 12), between(13, 17)) if n == 1 else (between(8, 17),),
            breaks=(Break(int(11.5 * HOUR), 13 * HOUR, HOUR // 2),) if n % 2 == 0 else (),
            skills={"a": 2, "b": n % 3},
            skills_until={"b": 14 * HOUR} if n == 2 else {},
            parts={"valve": 2},
            tools=frozenset({"crane"} if n % 2 else set()),
            territories=frozenset({"north"}) if n == 3 else frozenset(),
            capacity=(6,),
            speed=1.25 if n == 4 else 1.0,
            max_overtime_s=HOUR,
            max_visits=5,
            max_travel_s=6 * HOUR,
            max_work_s=8 * HOUR,
            fixed_cost=300,
        )
        for n, name in enumerate(names)
    )
    jobs: list[Visit] = []
    for n in range(20):
        opens = rnd.choice([8, 9, 11, 13])
        windows = (between(opens, opens + 2), between(15, 16)) if n % 3 == 0 else ()
        jobs.append(
            visit(
                f"v{n}",
                place=rnd.randrange(size),
                duration_s=rnd.choice([20, 40, 60]) * MINUTE,
                setup_s=5 * MINUTE if n % 4 == 0 else 0,
                windows=windows,
                skills={rnd.choice("ab"): 1},
                parts={"valve": 1} if n % 5 == 0 else {},
                tools=frozenset({"crane"}) if n % 7 == 0 else frozenset(),
                territory="south" if n % 6 == 0 else None,
                amount=(1,),
                priority=1 + n % 4,
                due_s=12 * HOUR if n % 4 == 1 else None,
                promised=between(13, 14) if n in (2, 8) else None,
                preferred=frozenset({"e1"}) if n % 5 == 1 else frozenset(),
                only=frozenset({"e0", "e2", "e4"}) if n == 7 else None,
                same_person="family" if n in (4, 9, 14) else None,
                planned=Planned(rnd.choice(names), 10 * HOUR) if n % 5 == 2 else None,
                after=("v1",) if n == 11 else (),
                gap_s=10 * MINUTE,
                with_engineer_of="v3" if n == 13 else None,
                crew=2 if n == 17 else 1,
            )
        )
    jobs.append(
        visit("now", place=5, running=True, lock_engineer="e0", lock_start_s=8 * HOUR, amount=(1,))
    )
    return Problem(
        (),
        drives,  # type: ignore[arg-type]
        people,
        tuple(jobs),
        depots=(Depot(6, between(8, 18), 600, {"valve": 5}, frozenset({"crane"})),),
        paces=(Pace(16 * HOUR, 1300),) if seed % 3 == 0 else (),
        now_s=8 * HOUR if seed % 2 else 0,
        frozen_until_s=0,
    )


@pytest.mark.parametrize("seed", range(6))
def test_a_day_with_every_rule_breaks_none(seed: int) -> None:
    problem = a_rich_day(seed)
    plan = solve(problem, SHORT, seed=seed, explain=False)
    broken = [one for one in violations(problem, plan) if one.rule.value != "reasons"]
    assert broken == []
    assert len(plan.unplaced) < 12


def test_days_that_are_paid_by_their_length_begin_late() -> None:
    weights = Weights(travel=0, span=1, balance=0)
    jobs = [visit("a", windows=(between(14, 15),)), visit("b", place=1, windows=(between(9, 16),))]
    problem = replace(day([engineer()], jobs), weights=weights)
    plan = solve(problem, SHORT)
    assert violations(problem, plan) == []
    assert plan.cost.span == 2 * HOUR + 40 * MINUTE


def test_a_depot_is_called_at_only_where_something_is_short() -> None:
    depots = (Depot(1),)
    needs = visit("a", place=2, parts={"valve": 1})
    short = replace(day([engineer()], [needs]), depots=depots)
    plan = solve(short, SHORT)
    assert violations(short, plan) == []
    assert plan.routes[0].depot is not None
    rich = replace(day([engineer(parts={"valve": 1})], [needs]), depots=depots)
    assert solve(rich, SHORT).routes[0].depot is None


def test_a_crew_starts_together() -> None:
    who = [engineer("ann"), engineer("bob", start=2, end=2), engineer("cho")]
    problem = day(who, [visit("lift", place=1, crew=2), visit("other", place=2)])
    plan = solve(problem, SHORT)
    assert violations(problem, plan) == []
    starts = [s.starts_s for r in plan.routes for s in r.stops if s.visit_id == "lift"]
    assert len(starts) == 2
    assert starts[0] == starts[1]


def test_what_comes_after_waits_on_whichever_route_it_is() -> None:
    jobs = [
        visit("dig", place=1, duration_s=3 * HOUR, only=frozenset({"ann"})),
        visit("lay", place=1, after=("dig",), gap_s=HOUR, only=frozenset({"bob"})),
    ]
    problem = day([engineer("ann"), engineer("bob")], jobs)
    plan = solve(problem, SHORT)
    assert violations(problem, plan) == []
    assert plan.unplaced == ()


def settled(problem: Problem) -> Plan:
    return solve(problem, SHORT, explain=False)


def test_candidates_are_those_who_can_the_cheapest_first() -> None:
    who = [
        engineer("ann"),
        engineer("bob", start=2, end=2),
        engineer("cho", shifts=(between(9, 9.5),)),
    ]
    problem = replace(
        day(who, [visit("a", place=0), visit("b", place=1)]), weights=Weights(balance=0)
    )
    found = candidates(problem, settled(problem), "b")
    assert {one.engineer_id for one in found} == {"ann", "bob"}
    assert [one.added_cost for one in found] == sorted(one.added_cost for one in found)
    with pytest.raises(ProblemError):
        candidates(problem, settled(problem), "nobody asked")


def test_an_offer_names_its_price_or_says_that_nobody_can() -> None:
    problem = replace(day([engineer()], [visit("a", place=1)]), weights=Weights(balance=0))
    asked = visit("new", place=2)
    free, never = offers(problem, settled(problem), asked, [between(9, 17), between(20, 21)])
    assert free.added_cost == 40 * MINUTE
    assert (never.added_cost, never.engineer_id) == (None, None)


def test_an_emergency_moves_one_other_visit_at_most() -> None:
    jobs = [visit(f"v{n}", duration_s=HOUR, priority=3) for n in range(8)]
    problem = day([engineer()], jobs)
    plan = settled(problem)
    more = replace(problem, visits=(*problem.visits, visit("gas", priority=1)))
    rescued = emergency(more, plan, "gas")
    broken = [one for one in violations(more, rescued) if one.rule.value != "reasons"]
    assert broken == []
    assert len(rescued.unplaced) == len(plan.unplaced) + 1
    assert "gas" not in {left.visit_id for left in rescued.unplaced}


def test_a_search_that_is_called_off_still_has_a_plan() -> None:
    problem = a_rich_day(1)
    solve(problem, SHORT, explain=False)
    began = time.monotonic()
    plan = solve(problem, StoppingRule(seconds=60), cancelled=lambda: True, explain=False)
    assert time.monotonic() - began < 20
    assert sum(len(route.stops) for route in plan.routes) > 5


def test_a_benchmark_file_is_read_solved_and_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tiny.txt"
    path.write_text(SOLOMON_LIKE)
    row = solved(read_instance(path), SHORT, 0)
    assert (row.cost, row.vehicles, row.unserved, row.valid) == (60.0, 2, 0, True)
    assert bench([str(path), "--seconds", "1", "--json"]) == 0
    assert '"cost": 60.0' in capsys.readouterr().out
    nonsense = tmp_path / "nonsense.txt"
    nonsense.write_text("nothing of the kind")
    assert bench([str(nonsense)]) == 2


def test_the_check_of_a_benchmark_sees_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "tiny.txt"
    path.write_text(SOLOMON_LIKE)
    instance = read_instance(path)
    assert instance.check({"v1": [1, 2, 3]}).broken == ("v1 is overloaded",)
    assert instance.check({"v1": [1], "v2": [1]}).unserved == 2


def test_two_ends_of_a_road_that_take_turns_get_an_engineer_each() -> None:
    # Everything fits on one day, to and fro: eleven times as much driving as two days need.
    jobs = [
        visit(f"v{k}", place=k % 2, duration_s=5 * MINUTE, windows=(between(at, at + 0.5),))
        for k, at in enumerate(9 + 0.5 * n for n in range(12))
    ]
    people = [engineer(name, start=2, end=2) for name in ("ann", "bob", "cho")]
    problem = day(people, jobs, minutes=(0, 20, 10))
    problem = replace(problem, weights=Weights(balance=0, overtime=0))
    plan = solve(problem, SHORT, seed=3)
    assert violations(problem, plan) == []
    assert plan.cost.travel == 2 * 20 * MINUTE
    assert plan == solve(problem, SHORT, seed=3)


def test_a_search_without_progress_ends_before_its_time() -> None:
    problem = day([engineer()], [visit("a", place=1), visit("b", place=2)])
    solve(problem, SHORT, explain=False)
    began = time.monotonic()
    plan = solve(problem, StoppingRule(seconds=60, patience_s=0.2), explain=False)
    assert time.monotonic() - began < 20
    assert violations(problem, plan) == []
    with pytest.raises(ProblemError):
        StoppingRule(patience_s=0)
