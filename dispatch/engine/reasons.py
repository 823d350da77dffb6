"""Why a visit is where it is, and why another is nowhere: found by trying, on the actual plan."""

from collections.abc import Mapping, Sequence

from dispatch.engine.day import Day
from dispatch.engine.insertion import best_insertion, part_short, rule_against
from dispatch.engine.plan import Reason, ReasonCode, Why, WhyCode
from dispatch.engine.problem import Problem, Visit

Sequences = Mapping[str, Sequence[Visit]]


def reasons_against(
    problem: Problem, days: Mapping[str, Day], routes: Sequences, visit: Visit
) -> tuple[Reason, ...]:
    """Return the first obstacle for every engineer to take this visit as well."""
    if not days:
        return (Reason(None, ReasonCode.NO_ENGINEER),)
    return tuple(
        reason_against(problem, day, routes[engineer_id], visit)
        for engineer_id, day in days.items()
    )


def reason_against(problem: Problem, day: Day, visits: Sequence[Visit], visit: Visit) -> Reason:
    """Return the first obstacle for one engineer, with the numbers that explain it."""
    broken = rule_against(day, visit) or part_short(day, visits, visit)
    if broken is not None:
        return broken
    last_start = day.latest_s - visit.duration_s
    if not any(w.from_s <= last_start and w.to_s >= day.from_s for w in visit.start_windows()):
        details: dict[str, str | int] = {"shift_from_s": day.from_s, "shift_to_s": day.latest_s}
        return Reason(day.engineer.id, ReasonCode.WINDOW_OUTSIDE_SHIFT, details)
    insertion = best_insertion(problem, day, visits, visit)
    if insertion.overrun_s:
        minutes = -(-insertion.overrun_s // 60)
        return Reason(day.engineer.id, ReasonCode.NO_TIME_LEFT, {"minutes": minutes})
    added = {"cost": insertion.added_cost, "penalty": problem.weights.penalty(visit)}
    return Reason(day.engineer.id, ReasonCode.TOO_COSTLY, added)


def why_placed(
    problem: Problem, days: Mapping[str, Day], routes: Sequences, engineer_id: str, visit: Visit
) -> Why:
    """Return why this engineer has the visit, and who would be next."""
    if visit.running:
        return Why(WhyCode.RUNNING)
    without = [other for other in routes[engineer_id] if other.id != visit.id]
    mine = best_insertion(problem, days[engineer_id], without, visit).added_cost
    if visit.lock_engineer is not None:
        return Why(WhyCode.LOCKED, mine)

    able = [
        day
        for other, day in days.items()
        if other != engineer_id and rule_against(day, visit) is None
    ]
    if not able:
        return Why(WhyCode.ONLY_ONE_ABLE, mine)
    offers: list[tuple[int, str]] = []
    for day in able:
        if part_short(day, routes[day.engineer.id], visit) is None:
            offer = best_insertion(problem, day, routes[day.engineer.id], visit)
            if offer.overrun_s == 0:
                offers.append((offer.added_cost, day.engineer.id))
    if not offers:
        return Why(WhyCode.ONLY_ONE_FREE, mine)
    cost, runner_up = min(offers)
    extra = cost - mine
    return Why(_choice(problem, engineer_id, visit, extra), mine, runner_up, extra)


def _choice(problem: Problem, engineer_id: str, visit: Visit, extra: int) -> WhyCode:
    if extra < 0:
        return WhyCode.WHOLE_PLAN
    if engineer_id in visit.preferred and extra < problem.weights.not_preferred:
        return WhyCode.PREFERRED
    kept = visit.planned is not None and visit.planned.engineer == engineer_id
    if kept and extra < problem.weights.moved:
        return WhyCode.KEPT
    return WhyCode.CHEAPEST
