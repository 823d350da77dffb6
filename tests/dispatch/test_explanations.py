"""Every visit that is left out has a reason for each engineer, and the smallest change that would place it."""

import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from dispatch.engine.changes import changed
from dispatch.engine.explanations import Desk, explained
from dispatch.engine.inventory import shortage
from dispatch.engine.plan import (
    Cost,
    Plan,
    ReasonCode,
    Relaxation,
    Route,
    Stop,
    Unplaced,
    WhyCode,
)
from dispatch.engine.pricing import priced
from dispatch.engine.problem import Break, Depot, Engineer, Planned, Problem, Visit, Weights, Window
from dispatch.engine.rules import obstacles
from dispatch.engine.validator import violations
from tests.dispatch.days import HOUR, MINUTE, between, day, engineer, small_days, visit

NOWHERE = Plan((), (), Cost())


def by_hand(problem: Problem, routes: Mapping[str, list[str]]) -> Plan:
    """The plan in which each engineer makes these visits, one after the other, as early as can be."""
    visits = {one.id: one for one in problem.visits}
    drawn = []
    for one in problem.engineers:
        at, time_s, stops = one.start, one.shifts[0].from_s, list[Stop]()
        for name in routes.get(one.id, []):
            job = visits[name]
            drive = problem.drive_s(one, at, job.place, time_s)
            arrives = time_s + drive
            starts = max(arrives, job.windows[0].from_s if job.windows else 0)
            time_s = starts + job.duration_s + (job.setup_s if at != job.place else 0)
            stops.append(Stop(name, drive, arrives, starts, time_s))
            at = job.place
        home = problem.drive_s(one, at, one.end, time_s) if stops and one.end is not None else 0
        drawn.append(Route(one.id, one.shifts[0].from_s, time_s + home, tuple(stops), (), home))
    placed = {name for names in routes.values() for name in names}
    left = tuple(
        Unplaced(v.id, problem.weights.penalty(v), ()) for v in problem.visits if v.id not in placed
    )
    plan = Plan(tuple(drawn), left, Cost())
    return replace(plan, cost=priced(problem, plan))


def first_reason(problem: Problem, routes: Mapping[str, list[str]] | None = None) -> Any:
    (left,) = explained(problem, by_hand(problem, routes or {})).unplaced
    return left.reasons[0].code, dict(left.reasons[0].details)


@pytest.mark.parametrize(
    ("who", "job", "code", "details"),
    [
        ({}, {"skills": {"gas": 1}}, ReasonCode.SKILL_MISSING, {"skill": "gas"}),
        (
            {"skills": {"gas": 1}},
            {"skills": {"gas": 2}},
            ReasonCode.SKILL_LEVEL,
            {"skill": "gas", "needs": 2, "has": 1},
        ),
        (
            {"skills": {"gas": 1}, "skills_until": {"gas": 9 * HOUR + 1800}},
            {"skills": {"gas": 1}},
            ReasonCode.SKILL_EXPIRED,
            {"skill": "gas", "until_s": 9 * HOUR + 1800, "minutes": 30},
        ),
        ({}, {"forbidden": frozenset({"ann"})}, ReasonCode.FORBIDDEN, {}),
        ({}, {"only": frozenset({"bob"})}, ReasonCode.NOT_AMONG, {}),
        (
            {"territories": frozenset({"north"})},
            {"territory": "south"},
            ReasonCode.TERRITORY,
            {"territory": "south"},
        ),
        ({}, {"tools": frozenset({"press"})}, ReasonCode.TOOL_MISSING, {"tool": "press"}),
        (
            {"parts": {"seal": 1}},
            {"parts": {"seal": 2}},
            ReasonCode.PART_MISSING,
            {"part": "seal", "needs": 2, "on_van": 1, "promised": 0},
        ),
        (
            {"capacity": (3,)},
            {"amount": (4,)},
            ReasonCode.CAPACITY,
            {"load": 4, "capacity": 3, "dimension": 0},
        ),
        ({"max_visits": 0}, {}, ReasonCode.MOST_VISITS, {"most": 0, "more": 1}),
        ({"max_travel_s": 600}, {"place": 1}, ReasonCode.MOST_TRAVEL, {"most": 600, "more": 1800}),
        ({"max_work_s": HOUR}, {"place": 1}, ReasonCode.MOST_WORK, {"most": HOUR, "more": 2400}),
        (
            {},
            {"windows": (between(18, 20),)},
            ReasonCode.WINDOW_OUTSIDE_SHIFT,
            {"shift_from_s": 9 * HOUR, "shift_to_s": 17 * HOUR},
        ),
        ({}, {"place": 2, "duration_s": 7 * HOUR}, ReasonCode.NO_TIME_LEFT, {"minutes": 20}),
        ({}, {"place": 2, "penalty": 100}, ReasonCode.TOO_COSTLY, {"cost": 4800, "penalty": 100}),
        ({}, {"crew": 2}, ReasonCode.CREW, {"needs": 2}),
    ],
)
def test_the_first_obstacle_is_told_with_its_figures(
    who: dict[str, Any], job: dict[str, Any], code: ReasonCode, details: dict[str, Any]
) -> None:
    assert first_reason(day([engineer("ann", **who)], [visit(**job)])) == (code, details)


def test_a_visit_after_one_that_is_left_out_says_so() -> None:
    jobs = [visit("first", skills={"gas": 1}), visit("second", after=("first",))]
    _, second = explained(day([engineer()], jobs), by_hand(day([engineer()], jobs), {})).unplaced
    assert (second.reasons[0].code, second.reasons[0].details) == (
        ReasonCode.AFTER,
        {"visit": "first"},
    )


def test_a_visit_stays_with_the_engineer_of_another() -> None:
    jobs = [visit("first"), visit("second", with_engineer_of="first", duration_s=8 * HOUR)]
    problem = day([engineer("ann"), engineer("bob")], jobs)
    (left,) = explained(problem, by_hand(problem, {"ann": ["first"]})).unplaced
    assert [reason.code for reason in left.reasons] == [
        ReasonCode.NO_TIME_LEFT,
        ReasonCode.LINKED_ELSEWHERE,
    ]


def test_a_part_that_only_a_depot_has_is_missing_where_the_route_does_not_pass_there() -> None:
    problem = replace(
        day([engineer()], [visit("a"), visit("b", parts={"seal": 1})]), depots=(Depot(place=0),)
    )
    plan = by_hand(problem, {"ann": ["a"]})
    (left,) = explained(problem, plan).unplaced
    assert left.reasons[0].code is ReasonCode.PART_MISSING


# The smallest change.


def relaxation(problem: Problem, routes: Mapping[str, list[str]] | None = None) -> Relaxation:
    (left,) = explained(problem, by_hand(problem, routes or {})).unplaced
    assert left.relaxation is not None
    return left.relaxation


@pytest.mark.parametrize(
    ("who", "job", "code", "change"),
    [
        ({}, {"duration_s": 8 * HOUR + 900}, "overtime_s", {"overtime_s": 900}),
        (
            {"end": None},
            {"place": 1, "windows": (between(9, 9.25),)},
            "window_later_s",
            {"window_later_s": 300},
        ),
        ({}, {"skills": {"gas": 2}}, "skill", {"skill:gas": 2}),
        ({"parts": {"seal": 1}}, {"parts": {"seal": 3}}, "part", {"part:seal": 2}),
        ({}, {"tools": frozenset({"press"})}, "tool", {"tool:press": 1}),
        ({"capacity": (3,)}, {"amount": (5,)}, "capacity", {"capacity:0": 2}),
        ({"max_visits": 0}, {}, "max_visits", {"max_visits": 1}),
        ({}, {"lock_engineer": "gone"}, "unlock_engineer", {"unlock_engineer": 1}),
        ({}, {"lock_start_s": 8 * HOUR}, "unlock_start", {"unlock_start": 1}),
        ({}, {"place": 2, "penalty": 100}, "penalty", {"penalty": 4700}),
        (
            {},
            {"skills": {"gas": 1}, "duration_s": 8 * HOUR + 60},
            "several",
            {"skill:gas": 1, "overtime_s": 60},
        ),
    ],
)
def test_the_smallest_change_is_told(
    who: dict[str, Any], job: dict[str, Any], code: str, change: dict[str, int]
) -> None:
    told = relaxation(day([engineer("ann", **who)], [visit(**job)]))
    assert (told.code, told.engineer_id) == (code, "ann")
    assert told.details == {"position": 0, **change}


def test_of_two_engineers_the_one_with_the_cheaper_change_is_named() -> None:
    who = [engineer("ann"), engineer("bob", skills={"gas": 1}, max_overtime_s=0)]
    told = relaxation(day(who, [visit(skills={"gas": 1}, duration_s=8 * HOUR + 600)]))
    assert (told.engineer_id, told.code) == ("bob", "overtime_s")


def fits(
    problem: Problem, plan: Plan, told: Relaxation, visit_id: str, change: Mapping[str, int]
) -> bool:
    """Tell whether the visit fits at the position once the question is changed so."""
    asked = changed(problem, visit_id, str(told.engineer_id), change)
    desk = Desk(asked, plan)
    who = desk.engineers[str(told.engineer_id)]
    job = desk.visits[visit_id]
    if any(True for _ in obstacles(asked, who, job)):
        return False
    route, position = desk.itinerary(who.id), int(told.details["position"])
    trial = route.trial(route.call(job), position)
    return (
        trial.end.overrun <= 0
        and trial.end.overtime <= 0
        and not trial.passed
        and route.short(job, position) is None
        and trial.added_cost <= asked.weights.penalty(job)
    )


def smaller(change: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """The change with one part of it a unit smaller, or left out."""
    for what, much in change.items():
        yield {name: value for name, value in change.items() if name != what}
        if much > 1:
            yield {**change, what: much - 1}


def greedy(problem: Problem) -> Plan:
    """A plan that puts every second visit where it fits first; the others are left out."""
    routes: dict[str, list[str]] = {one.id: [] for one in problem.engineers}
    running = {v.lock_engineer: v.id for v in problem.visits if v.running}
    for one in routes:
        routes[one] += [running[one]] if one in running else []
    for number, job in enumerate(problem.visits):
        for name in routes if number % 2 and not job.running else ():
            longer = {**routes, name: [*routes[name], job.id]}
            if not broken(problem, by_hand(problem, longer)):
                routes = longer
                break
    return by_hand(problem, routes)


def broken(problem: Problem, plan: Plan) -> list[Any]:
    return [v for v in violations(problem, plan) if v.rule.value not in ("reasons", "running")]


def without_breaks(problem: Problem) -> Problem:
    """The day with one shift for everybody, no pause and nothing under way: drawn by hand with ease."""
    return replace(
        problem,
        engineers=tuple(
            replace(one, breaks=(), shifts=(between(8, 16),)) for one in problem.engineers
        ),
        visits=tuple(replace(v, windows=v.windows[:1]) for v in problem.visits if not v.running),
    )


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(small_days())
def test_exactly_the_change_places_the_visit_and_nothing_smaller_does(problem: Problem) -> None:
    problem = without_breaks(problem)
    plan = greedy(problem)
    for left in explained(problem, plan).unplaced:
        told = left.relaxation
        if told is None:
            continue
        change = {name: int(much) for name, much in told.details.items() if name != "position"}
        assert fits(problem, plan, told, left.visit_id, change), (left, change)
        for less in smaller(change):
            assert not fits(problem, plan, told, left.visit_id, less), (left, less)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(small_days())
def test_the_judge_agrees_that_the_change_is_enough(problem: Problem) -> None:
    problem = without_breaks(problem)
    plan = greedy(problem)
    assume(not broken(problem, plan))
    routes = {route.engineer_id: [stop.visit_id for stop in route.stops] for route in plan.routes}
    for left in explained(problem, plan).unplaced:
        told = left.relaxation
        if told is None:
            continue
        change = {name: int(much) for name, much in told.details.items() if name != "position"}
        asked = changed(problem, left.visit_id, str(told.engineer_id), change)
        mine = routes[str(told.engineer_id)]
        position = int(told.details["position"])
        longer = [*mine[:position], left.visit_id, *mine[position:]]
        drawn = by_hand(asked, {**routes, str(told.engineer_id): longer})
        locked = next(v for v in asked.visits if v.id == left.visit_id).lock_start_s
        if locked is None and all(v.lock_start_s is None for v in asked.visits if v.id in longer):
            assert not broken(asked, drawn), (change, broken(asked, drawn))


# Why here.


def test_a_placed_visit_names_the_runner_up_and_the_difference() -> None:
    who = [engineer("ann"), engineer("bob", start=2, end=2)]
    problem = day(who, [visit(place=1)], minutes=(0, 10, 40))
    plan = explained(problem, by_hand(problem, {"ann": ["pump"]}))
    why = plan.routes[0].stops[0].why
    assert why is not None
    assert (why.code, why.added_cost) == (WhyCode.CHEAPEST, 1200)
    assert (why.runner_up_id, why.runner_up_extra_cost) == ("bob", 2400)


def test_a_visit_kept_where_people_know_it_says_so() -> None:
    who = [engineer("ann"), engineer("bob", start=1, end=1)]
    known = visit(place=1, planned=Planned("ann", 9 * HOUR + 20 * MINUTE))
    problem = replace(day(who, [known]), weights=Weights(moved=3000, balance=0))
    why = explained(problem, by_hand(problem, {"ann": ["pump"]})).routes[0].stops[0].why
    assert why is not None
    assert (why.code, why.runner_up_id) == (WhyCode.KEPT, "bob")


# How long it takes.


def crowded(engineers: int, visits: int, left: int) -> tuple[Problem, Plan]:
    """A day on which everybody is busy from morning to evening, and more work waits."""
    rnd = random.Random(7)
    places = engineers + visits + left
    spots = [(rnd.random(), rnd.random()) for _ in range(places)]
    travel = tuple(
        tuple(int(3000 * (abs(a[0] - b[0]) + abs(a[1] - b[1]))) for b in spots) for a in spots
    )
    people = tuple(
        Engineer(
            f"e{number}",
            (Window(8 * HOUR, 17 * HOUR),),
            number,
            number,
            breaks=(Break(11 * HOUR, 20 * HOUR, 0),),
            skills={"base": 1 + number % 3},
        )
        for number in range(engineers)
    )
    jobs = tuple(
        Visit(f"v{n}", engineers + n, HOUR, skills={"base": 1 + n % 2}, priority=1 + n % 4)
        for n in range(visits + left)
    )
    problem = Problem((), travel, people, jobs)  # type: ignore[arg-type]
    routes = {
        f"e{number}": [f"v{n}" for n in range(number, visits, engineers)]
        for number in range(engineers)
    }
    return problem, by_hand(problem, routes)


def test_twenty_left_out_of_thirty_busy_days_are_explained_in_moments() -> None:
    problem, plan = crowded(30, 180, 20)
    desk = Desk(problem, plan)
    began = time.process_time()
    for left in plan.unplaced:
        assert len(desk.reasons(left.visit_id)) == 30
        assert desk.relaxation(left.visit_id) is not None
    assert time.process_time() - began < 2


def test_a_large_day_is_explained_within_a_bound() -> None:
    problem, plan = crowded(200, 1400, 100)
    began = time.process_time()
    told = explained(problem, plan)
    assert time.process_time() - began < 60
    assert all(len(left.reasons) == 200 for left in told.unplaced)


def test_a_running_visit_uses_what_is_there_and_no_more() -> None:
    ann = engineer(parts={"seal": 1})
    running = visit("now", running=True, lock_engineer="ann", lock_start_s=0, parts={"seal": 5})
    assert shortage(ann, [running, visit(parts={})]) is None
    short = shortage(ann, [running, visit(parts={"seal": 1})])
    assert short is not None
    assert short.change == {"part:seal": 1}
