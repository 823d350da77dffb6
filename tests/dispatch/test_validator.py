"""The judge: a plan that holds is left in peace, and each broken rule is called by its name."""

from dataclasses import replace
from typing import Any

import pytest

from dispatch.engine.plan import Cost, DepotCall, Plan, Rest, Route, Stop, Unplaced
from dispatch.engine.pricing import priced
from dispatch.engine.problem import (
    Break,
    Depot,
    Pace,
    Planned,
    Problem,
    Visit,
    Weights,
    Window,
)
from dispatch.engine.validator import Rule, Wish, violations, wishes
from tests.dispatch.days import HOUR, MINUTE, between, day, engineer, visit

NINE = 9 * HOUR


def stop(
    name: str, travel: int, starts: int, lasts: int = HOUR, arrives: int | None = None
) -> Stop:
    arrives = starts if arrives is None else arrives
    return Stop(name, travel, arrives, starts, starts + lasts)


def route(*stops: Stop, home: int = 0, name: str = "ann", **more: Any) -> Route:
    leaves = stops[0].arrives_s - stops[0].travel_s if stops else NINE
    returns = stops[-1].departs_s + home if stops else NINE
    return Route(
        name,
        **{
            "leaves_s": leaves,
            "returns_s": returns,
            "stops": stops,
            "return_travel_s": home,
            **more,
        },
    )


def plan_of(problem: Problem, *routes: Route) -> Plan:
    """A plan of these routes, with the right cost and everything else left out."""
    placed = {one.visit_id for r in routes for one in r.stops}
    left = tuple(
        Unplaced(v.id, problem.weights.penalty(v), ()) for v in problem.visits if v.id not in placed
    )
    idle = [
        Route(e.id, NINE, NINE)
        for e in problem.engineers
        if e.id not in {r.engineer_id for r in routes}
    ]
    plan = Plan((*routes, *idle), left, Cost())
    return replace(plan, cost=priced(problem, plan))


def judged(problem: Problem, *routes: Route) -> set[Any]:
    found = violations(problem, plan_of(problem, *routes))
    return {one.rule for one in found} - {Rule.REASONS}


# One visit twenty minutes away, made at ten past eleven or so: what it asks, and whether it is met.
ROUTE = route(stop("pump", 1200, 11 * HOUR), home=1200)


@pytest.mark.parametrize(
    ("who", "job", "more", "rules"),
    [
        ({}, {}, {}, set()),
        ({}, {"skills": {"gas": 1}}, {}, {Rule.SKILL}),
        ({"skills": {"gas": 1}}, {"skills": {"gas": 2}}, {}, {Rule.SKILL}),
        (
            {"skills": {"gas": 2}, "skills_until": {"gas": 12 * HOUR}},
            {"skills": {"gas": 2}},
            {},
            set(),
        ),
        (
            {"skills": {"gas": 2}, "skills_until": {"gas": 12 * HOUR - 1}},
            {"skills": {"gas": 2}},
            {},
            {Rule.SKILL_EXPIRED},
        ),
        ({"territories": frozenset("n")}, {"territory": "s"}, {}, {Rule.TERRITORY}),
        ({}, {"territory": "s"}, {}, set()),
        ({}, {"only": frozenset({"bob"})}, {}, {Rule.NOT_AMONG}),
        ({}, {"forbidden": frozenset({"ann"})}, {}, {Rule.FORBIDDEN}),
        ({}, {"tools": frozenset({"press"})}, {}, {Rule.TOOLS}),
        ({}, {"parts": {"seal": 1}}, {}, {Rule.PARTS}),
        ({"capacity": (3,)}, {"amount": (4,)}, {}, {Rule.LOAD}),
        ({"max_visits": 0}, {}, {}, {Rule.MAX_VISITS}),
        ({"max_travel_s": 2399}, {}, {}, {Rule.MAX_TRAVEL}),
        ({"max_work_s": HOUR + 2399}, {}, {}, {Rule.MAX_WORK}),
        ({"shifts": (between(12, 17),)}, {}, {}, {Rule.SHIFT}),
        ({"shifts": (between(9, 12),)}, {}, {}, {Rule.SHIFT}),
        ({"shifts": (between(9, 12),), "max_overtime_s": HOUR}, {}, {}, set()),
        ({"shifts": (between(9, 11.5), between(11.75, 17))}, {}, {}, {Rule.SHIFT, Rule.BREAK}),
        ({"breaks": (Break(11 * HOUR, 12 * HOUR, 60),)}, {}, {}, {Rule.BREAK}),
        ({"speed": 0.5}, {}, {}, {Rule.TRAVEL}),
        ({}, {"duration_s": HOUR + 60}, {}, {Rule.DURATION}),
        ({}, {"duration_s": HOUR - 60, "setup_s": 60}, {}, set()),
        ({}, {"windows": (between(12, 13),)}, {}, {Rule.WINDOW}),
        ({}, {"windows": (between(9, 10), between(10, 11))}, {}, set()),
        ({}, {"lock_engineer": "bob"}, {}, {Rule.LOCK_ENGINEER}),
        ({}, {"lock_start_s": 12 * HOUR}, {}, {Rule.LOCK_START}),
        ({}, {}, {"now_s": 11 * HOUR + 1}, {Rule.PAST}),
        (
            {},
            {"planned": Planned("ann", 10 * HOUR)},
            {"frozen_until_s": 11 * HOUR},
            {Rule.LOCK_START},
        ),
        (
            {},
            {"planned": Planned("bob", 11 * HOUR)},
            {"frozen_until_s": 12 * HOUR},
            {Rule.LOCK_ENGINEER},
        ),
        ({}, {"crew": 2}, {}, {Rule.CREW}),
    ],
)
def test_each_rule_is_called_by_its_name(
    who: dict[str, Any], job: dict[str, Any], more: dict[str, Any], rules: set[Rule]
) -> None:
    people = [engineer("ann", **who), engineer("bob")]
    problem = replace(day(people, [visit(place=1, **job)]), **more)
    assert judged(problem, ROUTE) == rules


def test_setup_is_due_once_at_a_place() -> None:
    jobs = [visit("a", place=1, setup_s=600), visit("b", place=1, setup_s=600)]
    first = stop("a", 1200, 10 * HOUR, HOUR + 600)
    right = route(first, stop("b", 0, first.departs_s), home=1200)
    twice = route(first, stop("b", 0, first.departs_s, HOUR + 600), home=1200)
    problem = day([engineer()], jobs)
    assert judged(problem, right) == set()
    assert judged(problem, twice) == {Rule.DURATION}


def test_parts_are_used_up_and_tools_are_not() -> None:
    ann = engineer(parts={"seal": 1}, tools=frozenset({"press"}))
    needs: dict[str, Any] = {"tools": frozenset({"press"})}
    both = route(stop("a", 0, 10 * HOUR), stop("b", 0, 11 * HOUR))
    assert judged(day([ann], [visit("a", **needs), visit("b", **needs)]), both) == set()
    needs = {"parts": {"seal": 1}}
    assert judged(day([ann], [visit("a", **needs), visit("b", **needs)]), both) == {Rule.PARTS}


def test_a_load_that_is_brought_back_in_between_leaves_room() -> None:
    ann = engineer(capacity=(1,))
    jobs = [visit("a", amount=(1,)), visit("b", amount=(-1,)), visit("c", amount=(1,))]
    stops = [stop(name, 0, hour * HOUR) for name, hour in (("a", 9), ("b", 10), ("c", 11))]
    assert judged(day([ann], jobs), route(*stops)) == set()
    swapped = [stop(name, 0, hour * HOUR) for name, hour in (("a", 9), ("c", 10), ("b", 11))]
    assert judged(day([ann], jobs), route(*swapped)) == {Rule.LOAD}


DEPOT = Depot(place=2, window=between(9, 12), duration_s=300, parts={"seal": 1})


@pytest.mark.parametrize(
    ("depot", "call", "rules"),
    [
        (DEPOT, DepotCall(0, 0, 2400, 10 * HOUR, 10 * HOUR, 10 * HOUR + 300), set()),
        (DEPOT, DepotCall(0, 0, 2400, 10 * HOUR, 10 * HOUR, 10 * HOUR), {Rule.DURATION}),
        (DEPOT, DepotCall(3, 0, 2400, 10 * HOUR, 10 * HOUR, 10 * HOUR), {Rule.DEPOT}),
        (
            replace(DEPOT, window=between(11, 12)),
            DepotCall(0, 0, 2400, 10 * HOUR, 10 * HOUR, 10 * HOUR + 300),
            {Rule.DEPOT},
        ),
        (
            replace(DEPOT, parts={}),
            DepotCall(0, 0, 2400, 10 * HOUR, 10 * HOUR, 10 * HOUR + 300),
            {Rule.PARTS},
        ),
    ],
)
def test_a_depot_gives_what_it_has_after_it_was_called_at(
    depot: Depot, call: DepotCall, rules: set[Rule]
) -> None:
    problem = replace(day([engineer()], [visit(place=1, parts={"seal": 1})]), depots=(depot,))
    drawn = route(stop("pump", 1200, 11 * HOUR), home=1200, depot=call, leaves_s=NINE)
    found = judged(problem, drawn)
    assert found >= rules if call.depot else found == rules


def test_a_part_is_missing_before_the_depot() -> None:
    problem = replace(day([engineer()], [visit(parts={"seal": 1})]), depots=(DEPOT,))
    call = DepotCall(0, 1, 2400, 11 * HOUR, 11 * HOUR, 11 * HOUR + 300)
    drawn = route(stop("pump", 0, NINE), home=2400, depot=call, returns_s=13 * HOUR)
    assert judged(problem, drawn) == {Rule.PARTS}


def test_a_crew_begins_together_and_one_van_gives_the_parts() -> None:
    people = [engineer("ann", parts={"seal": 1}), engineer("bob")]
    problem = day(people, [visit(crew=2, parts={"seal": 1})])
    ann, bob = (route(stop("pump", 0, 10 * HOUR), name=name) for name in ("ann", "bob"))
    late = route(stop("pump", 0, 11 * HOUR), name="bob")
    assert judged(problem, ann, bob) == set()
    assert judged(problem, ann, late) == {Rule.CREW}
    locked = replace(problem, visits=(replace(problem.visits[0], lock_engineer="cho"),))
    three = replace(locked, engineers=(*people, engineer("cho")))
    assert judged(three, ann, bob) == {Rule.LOCK_ENGINEER}


def test_one_visit_follows_another_after_its_gap_and_with_its_engineer() -> None:
    people = [engineer("ann"), engineer("bob")]
    jobs = [visit("a"), visit("b", after=("a",), gap_s=600, with_engineer_of="a")]
    problem = day(people, jobs)
    first = stop("a", 0, 10 * HOUR)
    assert judged(problem, route(first, stop("b", 0, 11 * HOUR + 600))) == set()
    assert judged(problem, route(first, stop("b", 0, 11 * HOUR + 599))) == {Rule.AFTER}
    apart = route(stop("b", 0, 12 * HOUR), name="bob")
    assert judged(problem, route(first), apart) == {Rule.SAME_ENGINEER}
    assert judged(problem, apart) == {Rule.AFTER}


def test_a_drive_is_as_long_as_its_hour_makes_it() -> None:
    problem = replace(day([engineer()], [visit(place=1)]), paces=(Pace(10 * HOUR, 2000),))
    early = route(stop("pump", 1200, 9 * HOUR + 1200), home=1200 * 2)
    assert judged(problem, early) == set()
    assert judged(problem, route(stop("pump", 1200, 11 * HOUR), home=2400)) == {Rule.TRAVEL}
    slow = route(stop("pump", 2400, 11 * HOUR), home=2400)
    assert judged(problem, slow) == set()


def test_a_rest_on_the_road_makes_the_drive_end_later() -> None:
    lunch = Break(9 * HOUR + 600, 10 * HOUR, 1800)
    problem = day([engineer(breaks=(lunch,))], [visit(place=1)])
    rest = Rest(9 * HOUR + 600, 9 * HOUR + 2400)
    right = route(stop("pump", 1200, 9 * HOUR + 3000), home=1200, rests=(rest,), leaves_s=NINE)
    hasty = route(stop("pump", 1200, 9 * HOUR + 2400), home=1200, rests=(rest,), leaves_s=NINE)
    assert judged(problem, right) == set()
    assert Rule.TRAVEL in judged(problem, hasty)


# What is wished, and what it costs.

DEAR = Weights(balance=100, span=1, moved_tolerance_s=60)


@pytest.mark.parametrize(
    ("job", "wish", "term", "amount"),
    [
        ({"due_s": 11 * HOUR - 60, "priority": 2}, Wish.LATE, "late", 240),
        ({"due_s": 8 * HOUR, "priority": 2}, Wish.LATE, "late", 3 * HOUR * 4 + HOUR * 4),
        ({"promised": Window(0, 10 * HOUR)}, Wish.PROMISE, "promise", 15_000),
        ({"preferred": frozenset({"bob"})}, Wish.NOT_PREFERRED, "not_preferred", 1200),
        ({"planned": Planned("bob", 11 * HOUR)}, Wish.MOVED, "moved", 1800),
        ({"planned": Planned("ann", 10 * HOUR)}, Wish.MOVED_TIME, "moved_time", 300),
    ],
)
def test_a_missed_wish_is_named_and_has_its_price(
    job: dict[str, Any], wish: Wish, term: str, amount: int
) -> None:
    problem = replace(
        day([engineer("ann"), engineer("bob")], [visit(place=1, **job)]), weights=DEAR
    )
    plan = plan_of(problem, ROUTE)
    assert violations(problem, plan) == []
    assert {one.wish for one in wishes(problem, plan)} == {wish}
    spread = HOUR + 2400
    assert plan.cost == replace(Cost(travel=2400, balance=spread, span=spread), **{term: amount})


def test_each_further_engineer_of_a_group_costs() -> None:
    jobs = [visit("a", same_person="plant"), visit("b", same_person="plant")]
    problem = day([engineer("ann"), engineer("bob", fixed_cost=70)], jobs)
    ann, bob = route(stop("a", 0, NINE)), route(stop("b", 0, NINE), name="bob")
    plan = plan_of(problem, ann, bob)
    assert plan.cost == Cost(same_person=900, fixed=70)
    assert {one.wish for one in wishes(problem, plan)} == {Wish.SAME_PERSON}


def test_a_promise_to_a_visit_that_is_left_out_is_broken_too() -> None:
    problem = day([engineer()], [visit(promised=Window(0, HOUR), priority=4)])
    assert plan_of(problem).cost == Cost(unplaced=5000 + 15_000)


def test_a_wrong_cost_is_told_term_by_term() -> None:
    problem = day([engineer()], [visit(place=1)])
    right = plan_of(problem, ROUTE)
    wrong = replace(right, cost=replace(right.cost, travel=1))
    (found,) = violations(problem, wrong)
    assert found.rule is Rule.COST
    assert "travel=1," in found.detail
    assert "travel=2400" in found.detail


def test_running_work_breaks_no_rule_and_costs_nothing_but_the_way_home() -> None:
    running = visit(
        place=1,
        running=True,
        lock_engineer="ann",
        lock_start_s=7 * HOUR,
        skills={"gas": 3},
        due_s=0,
    )
    problem = day([engineer()], [running])
    plan = plan_of(problem, route(stop("pump", 0, 7 * HOUR), home=1200))
    assert violations(problem, plan) == []
    assert plan.cost.total == plan.cost.travel + plan.cost.balance
    assert {one.rule for one in violations(problem, plan_of(problem))} >= {Rule.RUNNING}


def test_every_visit_and_every_engineer_is_accounted_for() -> None:
    problem = day([engineer("ann"), engineer("bob")], [visit("a"), visit("b")])
    a = stop("a", 0, NINE)
    plan = plan_of(problem, route(a), route(a, name="bob"), route(name="eve"))
    assert {v.rule for v in violations(problem, plan)} - {Rule.REASONS} == {
        Rule.VISIT_TWICE,
        Rule.ENGINEER_UNKNOWN,
    }
    nothing = Plan((), (Unplaced("c", 0, ()),), Cost())
    assert {v.rule for v in violations(problem, nothing)} >= {
        Rule.VISIT_MISSING,
        Rule.VISIT_UNKNOWN,
        Rule.ROUTE_MISSING,
        Rule.REASONS,
    }


def test_a_visit_of_many_minutes_is_judged_by_the_second() -> None:
    problem = day(
        [engineer()], [Visit("pump", 1, 90 * MINUTE, windows=(Window(NINE, NINE + 1200),))]
    )
    assert judged(problem, route(stop("pump", 1200, NINE + 1200, 5400), home=1200)) == set()
    late = route(stop("pump", 1200, NINE + 1201, 5400), home=1200)
    assert judged(problem, late) == {Rule.WINDOW}
