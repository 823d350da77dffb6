"""Trying one more visit on a day: whether the rules allow it, where it fits best, what is short."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dispatch.engine.cost import assignment_cost, route_cost
from dispatch.engine.day import Day
from dispatch.engine.plan import Reason, ReasonCode
from dispatch.engine.problem import Problem, Visit
from dispatch.engine.timetable import timetable

NEVER_S = 10**9


@dataclass(frozen=True, slots=True)
class Insertion:
    """Where a visit fits best into a day and what that adds; or by how much it does not fit."""

    position: int
    added_cost: int
    overrun_s: int


def rule_against(day: Day, visit: Visit) -> Reason | None:
    """Return the rule that keeps this engineer from this visit on any day, or nothing."""
    engineer = day.engineer
    if visit.lock_engineer is not None and visit.lock_engineer != engineer.id:
        return Reason(engineer.id, ReasonCode.LOCKED_ELSEWHERE, {"locked_to": visit.lock_engineer})
    if engineer.id in visit.forbidden:
        return Reason(engineer.id, ReasonCode.FORBIDDEN)
    for skill in sorted(visit.skills):
        if skill not in engineer.skills:
            return Reason(engineer.id, ReasonCode.SKILL_MISSING, {"skill": skill})
    for skill, level in sorted(visit.skills.items()):
        if engineer.skills[skill] < level:
            held = engineer.skills[skill]
            details: dict[str, str | int] = {"skill": skill, "needs": level, "has": held}
            return Reason(engineer.id, ReasonCode.SKILL_LEVEL, details)
    return None


def part_short(day: Day, visits: Sequence[Visit], visit: Visit) -> Reason | None:
    """Return the part this van would lack for the visit, beside those already on its route."""
    used = parts_used(visits)
    for part, needs in sorted(visit.parts.items()):
        on_van = day.parts.get(part, 0)
        if on_van - used[part] < needs:
            details: dict[str, str | int] = {
                "part": part,
                "needs": needs,
                "on_van": on_van,
                "promised": used[part],
            }
            return Reason(day.engineer.id, ReasonCode.PART_MISSING, details)
    return None


def parts_used(visits: Sequence[Visit]) -> Counter[str]:
    """Return how many of each part these visits take."""
    used: Counter[str] = Counter()
    for visit in visits:
        used.update(visit.parts)
    return used


def best_insertion(
    problem: Problem, day: Day, visits: Sequence[Visit], visit: Visit, *, exact: bool = False
) -> Insertion:
    """Return the cheapest place for the visit that keeps every time; else the least broken one.

    Unless `exact`, the search stops at the shortest detour that works: lateness and overtime seldom
    turn that round, and a dispatcher is waiting.
    """
    before = route_cost(problem, day, visits, timetable(problem, day, visits)).total
    extra = assignment_cost(problem, day.engineer.id, visit).total
    detours = sorted(
        (_detour_s(problem, day, visits, visit, position), position)
        for position in range(len(visits) + 1)
    )
    best = Insertion(0, 0, NEVER_S)
    for detour, position in detours:
        at_least = detour * problem.weights.travel + extra
        if best.overrun_s == 0 and (not exact or at_least >= best.added_cost):
            break
        trial = [*visits[:position], visit, *visits[position:]]
        table = timetable(problem, day, trial)
        added = route_cost(problem, day, trial, table).total - before
        found = Insertion(position, added, table.overrun_s)
        if (found.overrun_s, found.added_cost) < (best.overrun_s, best.added_cost):
            best = found
    return best


def _detour_s(
    problem: Problem, day: Day, visits: Sequence[Visit], visit: Visit, position: int
) -> int:
    before = visits[position - 1].place if position else day.start
    to_it = problem.travel_s[before][visit.place]
    if position < len(visits):
        after: int | None = visits[position].place
    else:
        after = day.engineer.end
    if after is None:
        return to_it
    there = 0 if not visits and day.running is None else problem.travel_s[before][after]
    return to_it + problem.travel_s[visit.place][after] - there
