import json
import random
import subprocess
import sys
import time
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from dispatch.engine.codec import (
    plan_from_json,
    plan_to_json,
    problem_from_json,
    problem_to_json,
)
from dispatch.engine.plan import Plan, ReasonCode, Rest, Stop, WhyCode
from dispatch.engine.problem import (
    Break,
    Place,
    Planned,
    Problem,
    ProblemError,
    StoppingRule,
    Visit,
    Weights,
    Window,
)
from dispatch.engine.solver import solve
from dispatch.engine.travel import TravelModel, straight_km, travel_matrix
from dispatch.engine.validator import Rule, violations
from tests.dispatch.days import (
    HOUR,
    MINUTE,
    QUICK,
    between,
    day,
    engineer,
    small_days,
    visit,
)

ROOT = Path(__file__).parents[2]
NAN = float("nan")


def planned(problem: Problem) -> Plan:
    """Solve, and let the judge look at it."""
    plan = solve(problem, QUICK)
    assert violations(problem, plan) == []
    return plan


def stops(plan: Plan) -> dict[str, tuple[str, Stop]]:
    return {
        stop.visit_id: (route.engineer_id, stop) for route in plan.routes for stop in route.stops
    }


def reasons(plan: Plan) -> dict[str, dict[str | None, ReasonCode]]:
    return {left.visit_id: {r.engineer_id: r.code for r in left.reasons} for left in plan.unplaced}


# The promise.


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(small_days())
def test_every_plan_can_be_driven_and_explains_what_it_leaves_out(problem: Problem) -> None:
    plan = solve(problem, QUICK)
    assert violations(problem, plan) == []
    assert plan_from_json(json.loads(json.dumps(plan_to_json(plan)))) == plan
    assert problem_from_json(json.loads(json.dumps(problem_to_json(problem)))) == problem


def test_the_same_seed_and_rounds_give_the_same_plan() -> None:
    problem = busy_day(visits=25, engineers=4)
    stop = StoppingRule(seconds=30, iterations=40)
    assert solve(problem, stop, seed=7) == solve(problem, stop, seed=7)


def test_a_busy_day_is_planned_well_within_three_seconds() -> None:
    problem = busy_day(visits=60, engineers=8)
    began = time.monotonic()
    plan = solve(problem, StoppingRule(seconds=3))
    assert time.monotonic() - began < 8
    assert violations(problem, plan) == []
    assert sum(left.penalty for left in plan.unplaced) <= 20_000


def busy_day(visits: int, engineers: int) -> Problem:
    """A city, engineers with lunch and a van, appointments and promises; about all of it fits."""
    rnd = random.Random(42)

    def somewhere() -> Place:
        return Place(31.1 + rnd.random() * 0.25, 121.3 + rnd.random() * 0.3)

    places = tuple(somewhere() for _ in range(visits + engineers))
    people = [
        engineer(
            f"e{number}",
            start=number,
            end=number,
            shifts=(between(8, 17),),
            breaks=(Break(int(11.5 * HOUR), 13 * HOUR, HOUR // 2),),
            skills={"base": 2} | ({"special": 1} if number % 2 else {}),
            parts={"valve": 4},
            max_overtime_s=HOUR,
        )
        for number in range(engineers)
    ]
    jobs = []
    for number in range(visits):
        opens = rnd.choice([8, 10, 13, 14])
        jobs.append(
            visit(
                f"v{number}",
                place=engineers + number,
                duration_s=rnd.choice([20, 30, 45]) * MINUTE,
                windows=(between(opens, opens + 3),) if number % 3 == 0 else (),
                skills={"special": 1} if number % 5 == 0 else {"base": 1},
                parts={"valve": 1} if number % 4 == 0 else {},
                priority=1 + number % 4,
                due_s=12 * HOUR if number % 7 == 0 else None,
            )
        )
    return Problem(places, travel_matrix(places), tuple(people), tuple(jobs))


# Rules.


def test_a_visit_goes_to_the_engineer_who_has_the_skill() -> None:
    who = [engineer("ann"), engineer("bob", skills={"gas": 2})]
    plan = planned(day(who, [visit(skills={"gas": 2})]))
    who_goes, stop = stops(plan)["pump"]
    assert who_goes == "bob"
    assert stop.why is not None
    assert stop.why.code is WhyCode.ONLY_ONE_ABLE


def test_a_van_gives_no_more_parts_than_it_has() -> None:
    who = [engineer("ann", parts={"valve": 1}), engineer("bob", parts={"valve": 1})]
    jobs = [visit(f"v{n}", parts={"valve": 1}) for n in range(3)]
    plan = planned(day(who, jobs))
    assert sorted(len(route.stops) for route in plan.routes) == [1, 1]
    assert set(reasons(plan).popitem()[1].values()) == {ReasonCode.PART_MISSING}


def test_work_begins_in_one_of_its_windows() -> None:
    jobs = [
        visit("early", windows=(between(9, 9.5),)),
        visit("late", windows=(between(9, 10), between(15, 16))),
    ]
    plan = planned(day([engineer()], jobs))
    assert stops(plan)["late"][1].starts_s in (10 * HOUR, 15 * HOUR)


def test_nobody_works_beyond_the_shift_but_overtime_is_paid_for() -> None:
    long = visit(duration_s=8 * HOUR + HOUR // 2)
    left = reasons(planned(day([engineer()], [long])))
    assert left == {"pump": {"ann": ReasonCode.NO_TIME_LEFT}}
    plan = planned(day([engineer(max_overtime_s=HOUR)], [long]))
    assert plan.cost.overtime == HOUR // 2 * Weights().overtime


def test_lunch_is_taken_between_visits() -> None:
    lunch = Break(12 * HOUR, 12 * HOUR + HOUR // 2, HOUR)
    jobs = [visit("a", duration_s=3 * HOUR), visit("b", duration_s=4 * HOUR)]
    plan = planned(day([engineer(breaks=(lunch,))], jobs))
    assert plan.routes[0].rests == (Rest(12 * HOUR, 13 * HOUR),)
    assert {stop.starts_s for stop in plan.routes[0].stops} == {9 * HOUR, 13 * HOUR}


def test_nobody_works_between_two_shifts() -> None:
    split = engineer(shifts=(between(8, 12), between(14, 18)))
    plan = planned(day([split], [visit("a", duration_s=3 * HOUR), visit("b", duration_s=3 * HOUR)]))
    assert [stop.starts_s for stop in plan.routes[0].stops] == [8 * HOUR, 14 * HOUR]


def test_a_locked_visit_stays_with_its_engineer_at_its_hour() -> None:
    who = [engineer("ann"), engineer("bob", start=1, end=1)]
    job = visit(place=1, lock_engineer="ann", lock_start_s=15 * HOUR, windows=(between(9, 10),))
    name, stop = stops(planned(day(who, [job])))["pump"]
    assert (name, stop.starts_s) == ("ann", 15 * HOUR)


def test_a_running_visit_comes_first_and_the_day_goes_on_from_there() -> None:
    running = visit("now", place=2, running=True, lock_engineer="ann", lock_start_s=10 * HOUR)
    plan = planned(day([engineer(end=None)], [running, visit("next", place=1)]))
    assert [stop.visit_id for stop in plan.routes[0].stops] == ["now", "next"]
    assert plan.routes[0].stops[1].starts_s == 11 * HOUR + 20 * MINUTE


def test_somebody_forbidden_is_not_sent_and_somebody_preferred_is() -> None:
    who = [engineer("ann"), engineer("bob", start=1, end=1)]
    plan = planned(day(who, [visit(forbidden=frozenset({"ann"}))]))
    assert stops(plan)["pump"][0] == "bob"
    near_bob = visit(place=1, preferred=frozenset({"ann"}))
    assert (
        planned(replace(day(who, [near_bob]), weights=Weights(not_preferred=9000))).cost.travel
        == 2400
    )


def test_a_visit_known_to_people_moves_only_for_a_gain() -> None:
    who = [engineer("ann"), engineer("bob", start=1, end=1)]
    known = visit(place=1, planned=Planned("ann", 9 * HOUR))
    plan = planned(replace(day(who, [known]), weights=Weights(moved=3000)))
    name, stop = stops(plan)["pump"]
    assert name == "ann"
    assert stop.why is not None
    assert (stop.why.code, stop.why.runner_up_id) == (WhyCode.KEPT, "bob")
    moved = planned(replace(day(who, [known]), weights=Weights(moved=600)))
    assert stops(moved)["pump"][0] == "bob"


def test_what_matters_more_is_kept_when_not_all_fits() -> None:
    jobs = [visit(f"p{p}", duration_s=4 * HOUR, priority=p) for p in (4, 1, 3, 2)]
    plan = planned(day([engineer()], jobs))
    assert set(stops(plan)) == {"p1", "p2"}


def test_a_visit_names_its_runner_up() -> None:
    who = [engineer("ann"), engineer("bob", start=2, end=2)]
    _, stop = stops(planned(day(who, [visit(place=1, id="pump")])))["pump"]
    assert stop.why is not None
    assert stop.why.runner_up_id in {"ann", "bob"}
    assert stop.why.runner_up_extra_cost == 0


# Explanations.


@pytest.mark.parametrize(
    ("job", "code", "details"),
    [
        (visit(skills={"gas": 1}), ReasonCode.SKILL_MISSING, {"skill": "gas"}),
        (
            visit(skills={"base": 3}),
            ReasonCode.SKILL_LEVEL,
            {"skill": "base", "needs": 3, "has": 1},
        ),
        (
            visit(parts={"valve": 3}),
            ReasonCode.PART_MISSING,
            {"part": "valve", "needs": 3, "on_van": 2, "promised": 0},
        ),
        (visit(forbidden=frozenset({"ann"})), ReasonCode.FORBIDDEN, {}),
        (visit(lock_engineer="bob"), ReasonCode.LOCKED_ELSEWHERE, {"locked_to": "bob"}),
        (
            visit(windows=(between(18, 20),)),
            ReasonCode.WINDOW_OUTSIDE_SHIFT,
            {"shift_from_s": 9 * HOUR, "shift_to_s": 17 * HOUR},
        ),
        (visit(place=2, duration_s=7 * HOUR), ReasonCode.NO_TIME_LEFT, {"minutes": 20}),
        (visit(place=2, penalty=100), ReasonCode.TOO_COSTLY, {"cost": 4800, "penalty": 100}),
    ],
)
def test_the_first_obstacle_is_named(job: Visit, code: ReasonCode, details: dict[str, Any]) -> None:
    ann = engineer(skills={"base": 1}, parts={"valve": 2})
    (left,) = planned(day([ann], [job])).unplaced
    (reason,) = left.reasons
    assert (reason.code, dict(reason.details)) == (code, details)


def test_without_an_engineer_that_is_the_reason() -> None:
    assert reasons(planned(day([], [visit()]))) == {"pump": {None: ReasonCode.NO_ENGINEER}}


def test_a_full_day_tells_how_many_minutes_are_missing() -> None:
    jobs = [visit("long", duration_s=7 * HOUR, priority=1), visit("short", duration_s=90 * MINUTE)]
    (left,) = planned(day([engineer()], jobs)).unplaced
    assert (left.visit_id, left.reasons[0].details) == ("short", {"minutes": 30})


# The judge.


def test_the_judge_sees_what_is_wrong() -> None:
    problem = day([engineer(), engineer("bob", skills={"x": 1})], [visit("a"), visit("b", place=1)])
    # One engineer shall have both, for there is nothing to be had from sharing the work.
    problem = replace(problem, weights=Weights(balance=0))
    good = planned(problem)
    (route,) = [route for route in good.routes if route.stops]
    first, *others = route.stops

    def judged(problem: Problem = problem, **changes: Any) -> set[Rule]:
        routes = tuple(replace(r, **changes) if r is route else r for r in good.routes)
        return {violation.rule for violation in violations(problem, replace(good, routes=routes))}

    early = replace(first, arrives_s=0, starts_s=0, departs_s=HOUR)
    assert judged(stops=(early, *others), leaves_s=0) >= {Rule.SHIFT}
    assert judged(stops=(replace(first, departs_s=first.starts_s), *others)) >= {Rule.DURATION}
    assert judged(stops=(first, first, *others)) >= {Rule.VISIT_TWICE, Rule.TRAVEL}
    assert judged(stops=tuple(others)) >= {Rule.VISIT_MISSING}
    assert judged(engineer_id="eve") >= {Rule.ENGINEER_UNKNOWN, Rule.ROUTE_MISSING}
    assert judged(returns_s=23 * HOUR) >= {Rule.SHIFT}
    assert judged(rests=(Rest(first.starts_s, first.departs_s),)) >= {Rule.BREAK}

    def changed(**changes: Any) -> set[Rule]:
        jobs = tuple(replace(v, **changes) for v in problem.visits)
        return judged(replace(problem, visits=jobs))

    assert changed(skills={"y": 1}) == {Rule.SKILL}
    assert changed(parts={"p": 1}) == {Rule.PARTS}
    assert changed(windows=(between(3, 4),)) == {Rule.WINDOW}
    assert changed(lock_engineer="eve") == {Rule.LOCK_ENGINEER}
    assert changed(lock_start_s=3 * HOUR) == {Rule.LOCK_START}
    assert changed(forbidden=frozenset({"ann", "bob"})) == {Rule.FORBIDDEN}
    assert changed(due_s=0) == {Rule.COST}
    hungry = tuple(
        replace(e, breaks=(Break(10 * HOUR, 11 * HOUR, HOUR),)) for e in problem.engineers
    )
    assert judged(replace(problem, engineers=hungry)) == {Rule.BREAK}


# Bad questions.


@pytest.mark.parametrize(
    "ask",
    [
        lambda: Place(NAN, 0),
        lambda: Place(91, 0),
        lambda: Place(0, -180.5),
        lambda: Window(5, 4),
        lambda: Window(-1, 4),
        lambda: Window(0, NAN),  # type: ignore[arg-type]
        lambda: Window(0, 10**9),
        lambda: visit(duration_s=-1),
        lambda: visit(duration_s=True),
        lambda: visit(priority=5),
        lambda: visit(penalty=-1),
        lambda: visit(parts={"p": -1}),
        lambda: visit(skills={"s": 1.5}),
        lambda: visit(running=True),
        lambda: engineer(shifts=()),
        lambda: engineer(shifts=(between(9, 12), between(11, 15))),
        lambda: engineer(max_overtime_s=-1),
        lambda: Break(10, 5, 1),
        lambda: day([engineer(), engineer()], []),
        lambda: day([], [visit(), visit()]),
        lambda: day([], [visit(place=3)]),
        lambda: day([engineer(start=-1)], []),
        lambda: day([], [visit(running=True, lock_engineer="eve", lock_start_s=0)]),
        lambda: Problem((), ((0, 1),), (), ()),
        lambda: Problem((), ((0, -1), (1, 0)), (), ()),
        lambda: Problem((Place(0, 0),), ((0, 1), (1, 0)), (), ()),
        lambda: StoppingRule(seconds=0),
        lambda: StoppingRule(seconds=NAN),
        lambda: StoppingRule(iterations=0),
        lambda: Weights(travel=-1),
        lambda: Weights(late={1: 1}),
        lambda: TravelModel(detour=NAN),
        lambda: TravelModel(speed_by_hour_kmh=(0.0,) * 24),
        lambda: problem_from_json({"engineers": []}),
        lambda: problem_from_json({"engineers": [{"id": "ann"}], "visits": []}),
        lambda: problem_from_json({"engineers": 3, "visits": []}),
    ],
    ids=map(str, count(1)),
)
def test_a_question_that_makes_no_sense_is_refused(ask: Any) -> None:
    with pytest.raises(ProblemError):
        ask()


# Driving times.


def test_distances_are_those_of_the_globe() -> None:
    shanghai, beijing = Place(31.2304, 121.4737), Place(39.9042, 116.4074)
    assert straight_km([shanghai, beijing])[0][1] == pytest.approx(1067.3, abs=0.5)
    assert straight_km([Place(0, 179.9), Place(0, -179.9)])[0][1] == pytest.approx(22.24, abs=0.01)


def test_the_rush_hour_is_slower_than_the_night() -> None:
    model = TravelModel()
    assert model.speed_kmh(7, 9) < model.speed_kmh(10, 15) < model.speed_kmh(0, 5)


def test_a_drive_has_a_detour_a_pace_and_an_arrival() -> None:
    model = TravelModel(detour=1.5, speed_by_hour_kmh=(30.0,) * 24, overhead_s=60)
    seconds = travel_matrix([Place(0, 0), Place(0, 0.1), Place(0, 0)], model)
    assert seconds[0][1] == seconds[1][0] == pytest.approx(11.1195 * 1.5 * 120 + 60, abs=1)
    assert seconds[0][2] == 0


# The process.


def run(question: str) -> tuple[int, list[dict[str, Any]]]:
    done = subprocess.run(
        [sys.executable, "-m", "dispatch.engine"],
        input=question,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_the_process_tells_its_progress_and_then_the_plan() -> None:
    problem = busy_day(visits=20, engineers=3)
    question = {"problem": problem_to_json(problem), "stop": {"seconds": 1}, "seed": 3}
    code, lines = run(json.dumps(question))
    assert code == 0
    shares = [line["progress"] for line in lines[:-1]]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 100)
    assert len(shares) > 2
    assert violations(problem, plan_from_json(lines[-1]["plan"])) == []


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("nonsense", "not_json"),
        ("[1]", "problem_error"),
        ('{"engineers": [], "visits": [], "places": [{"lat": NaN, "lng": 0}]}', "problem_error"),
        ('{"problem": {"engineers": [], "visits": []}, "stop": {"seconds": -1}}', "problem_error"),
    ],
)
def test_the_process_refuses_a_bad_question_by_name(question: str, code: str) -> None:
    status, (line,) = run(question)
    assert (status, line["error"]["code"]) == (2, code)


def test_the_process_can_be_stopped_in_the_middle() -> None:
    question = {"problem": problem_to_json(busy_day(60, 8)), "stop": {"seconds": 60}}
    with subprocess.Popen(
        [sys.executable, "-m", "dispatch.engine"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(question))
        child.stdin.close()
        assert child.stdout.readline()
        child.terminate()
        assert child.wait(timeout=30) != 0
