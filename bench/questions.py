"""Questions about a plan that stands, timed: emergencies, windows to offer, candidates, reasons."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from statistics import mean, median

from bench.days import HOUR, a_day
from bench.rivals import Routes, at_hand, vroom_routes
from dispatch.engine.explanations import explained
from dispatch.engine.instances import Instance
from dispatch.engine.offers import candidates, emergency, offers
from dispatch.engine.plan import Plan
from dispatch.engine.problem import Planned, Problem, StoppingRule, Visit, Window
from dispatch.engine.solver import solve
from dispatch.engine.validator import violations

EMERGENCIES = 10
URGENT = 100_000


def emergencies(instance: Instance, seconds: float, cores: int) -> None:
    """Put ten urgent visits, each by itself, into a plan of this instance, and print what that did."""
    problem = instance.problem
    plan = solve(problem, StoppingRule(seconds), seed=1, explain=False)
    base = _made(plan)
    rnd = Random(1)
    took: list[float] = []
    ours: list[float] = []
    later: list[float] = []
    theirs: list[float] = []
    moved: list[int] = []
    dropped = urgent_dropped = 0
    for _ in range(EMERGENCIES):
        gas = _urgent(rnd, problem)
        more = replace(problem, visits=(*problem.visits, gas))
        for _ in range(3):
            began = time.perf_counter()
            rescued = emergency(more, plan, gas.id)
            took.append((time.perf_counter() - began) * 1000)
        after = _made(rescued)
        moved.append(sum(1 for k, who in base.items() if after.get(k, who) != who))
        gone = [k for k in base if k not in after]
        dropped += len(gone)
        urgent_dropped += sum(1 for v in problem.visits if v.id in gone and v.priority < 3)
        assert not [one for one in violations(more, rescued) if one.rule.value != "reasons"]
        ours.append(rescued.cost.total)
        later.append(_after_a_second(more, rescued))
        if at_hand("vroom"):
            bigger = replace(instance, problem=more)
            known = {
                r.engineer_id: [_number(more, s.visit_id) for s in r.stops] for r in plan.routes
            }
            theirs.append(_cost(more, vroom_routes(bigger, cores, known=known)))
    took.sort()
    print(
        f"  emergencies in {instance.name}: median {median(took):.1f} ms, p95 {took[int(len(took) * 0.95)]:.1f} ms;"
        f" moved {mean(moved):.1f} (most {max(moved)}), dropped {dropped}, of priority 1 and 2 {urgent_dropped};"
        f" cost {mean(ours):,.0f}, after 1 s {mean(later):,.0f}"
        + (f"; VROOM warm {mean(theirs):,.0f}" if theirs else "")
    )


def _urgent(rnd: Random, problem: Problem) -> Visit:
    like = rnd.choice(problem.visits)
    opens = rnd.choice((9, 10, 11, 12, 13)) * HOUR
    return replace(
        like,
        id="emergency",
        place=rnd.choice(problem.visits).place,
        windows=(Window(opens, opens + 2 * HOUR),),
        duration_s=HOUR,
        parts={},
        priority=1,
        penalty=URGENT,
    )


def _after_a_second(problem: Problem, plan: Plan) -> float:
    at = {s.visit_id: Planned(r.engineer_id, s.starts_s) for r in plan.routes for s in r.stops}
    known = replace(
        problem,
        visits=tuple(replace(one, planned=at.get(one.id)) for one in problem.visits),
        weights=replace(problem.weights, moved=600, moved_time=0),
    )
    better = solve(known, StoppingRule(1.0), seed=1, explain=False)
    return min(plan.cost.total, better.cost.total - better.cost.moved)


def _made(plan: Plan) -> dict[str, str]:
    return {stop.visit_id: route.engineer_id for route in plan.routes for stop in route.stops}


def _number(problem: Problem, visit_id: str) -> int:
    return next(k for k, one in enumerate(problem.visits) if one.id == visit_id)


def _cost(problem: Problem, routes: Routes) -> float:
    """Return travel and penalties of routes, as the skills files count."""
    people = {one.id: one for one in problem.engineers}
    served = {k for route in routes.values() for k in route}
    cost = sum(v.penalty or 0 for k, v in enumerate(problem.visits) if k not in served)
    for name, route in routes.items():
        at = people[name].start
        for place in [*(problem.visits[k].place for k in route), people[name].start]:
            cost += int(problem.travel_s[at][place])
            at = place
    return float(cost)


def large_days(seconds: Sequence[float]) -> None:
    """Print what questions cost on days with every rule, and how plans of 200 x 1,500 grow."""
    small = a_day(30, 250)
    plan = solve(small, StoppingRule(5.0), seed=1, explain=False)
    asked = replace(small.visits[1], id="new", after=(), with_engineer_of=None, crew=1)
    windows = [Window(h * HOUR, (h + 2) * HOUR) for h in range(8, 18, 2)]
    offered = _median(lambda: offers(small, plan, asked, windows))
    print(f"  five windows to offer at 30 x 250 with every rule: {offered:.0f} ms")
    hundred = a_day(14, 100)
    told: list[float] = []
    began = time.perf_counter()
    solve(
        hundred, StoppingRule(2.0), seed=1, explain=False,
        improved=lambda *_: told.append(time.perf_counter() - began),
    )  # fmt: skip
    print(f"  first complete plan for 100 visits: {told[0]:.2f} s; {len(told)} plans in 2 s")
    large = a_day(200, 1500)
    costs = []
    for allowed in seconds:
        began = time.perf_counter()
        plan = solve(large, StoppingRule(allowed), seed=1, explain=False)
        took = time.perf_counter() - began
        broken = [one for one in violations(large, plan) if one.rule.value != "reasons"]
        costs.append(plan.cost.total)
        print(
            f"  200 x 1,500 with every rule, {allowed:.1f} s asked, {took:.1f} s taken:"
            f" {plan.cost.total:,}, {len(plan.unplaced)} left out, {broken[:3] if broken else 'valid'}"
        )
    if len(costs) > 1:
        print(f"  the first is {(costs[0] / costs[-1] - 1) * 100:.1f} % above the last")
    placed = next(s.visit_id for r in plan.routes for s in r.stops)
    waits = next((v.id for v in large.visits if v.crew == 1 and v.id != placed), placed)
    print(
        f"  candidates for a visit at 200 x 1,500: {_median(lambda: candidates(large, plan, waits)):.0f} ms"
    )
    standing = solve(small, StoppingRule(1.0), seed=1, explain=False)
    began = time.perf_counter()
    explained(small, standing, seconds=None)
    print(f"  reasons for all of 30 x 250: {time.perf_counter() - began:.1f} s")


def _median(ask: Callable[[], object]) -> float:
    took = []
    for _ in range(7):
        began = time.perf_counter()
        ask()
        took.append((time.perf_counter() - began) * 1000)
    return median(took)
