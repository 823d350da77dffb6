"""What to do now that something has happened: the least change of the plan that runs, worked out at once.

What must find another place is put in where it costs least, one visit after the other, the most urgent
first; others move within a budget. What is about to begin, and every day that nobody has to touch, stays
to the minute.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import hypot
from typing import Any
from uuid import UUID

from core.errors import Conflict, Invalid
from core.unit import Unit
from dispatch import planner
from dispatch.asking import Asking
from dispatch.desk import Desk, days_at, laid_out
from dispatch.engine.explanations import Desk as Explanations
from dispatch.engine.plan import Plan, Route, Stop, Unplaced
from dispatch.engine.problem import Engineer, Problem, Visit
from dispatch.engine.rules import obstacles
from dispatch.models import PlanKind
from dispatch.placing import broken_by, walk
from dispatch.queries import ORDER_WAITS, planning_rules, today_of
from dispatch.standing import (
    PUT_OFF_S,
    alone_with,
    as_told,
    places_of,
    settled,
    standing,
    with_cost,
)
from dispatch.travel.roads import ANSWER_S
from people.permissions import require
from people.queries import technician_for
from work.models import FINISHED, UNDER_WAY, VisitState
from work.models import Visit as Row
from work.queries import visit_for

# So many engineers are looked at for an answer at once: those nearest to what needs a place.
MOST_ENGINEERS = 60
# A place that comes free is offered to so many of the visits that wait.
MOST_WAITING = 40


@dataclass(frozen=True, slots=True)
class Replan:
    """An answer to an event: the routes that change, what found no place, and the versions that were seen."""

    kind: PlanKind
    day: date
    days: int
    asking: Asking
    plan: Plan
    seen: dict[str, int]
    note: str = ""


def asking_for(unit: Unit, budget: int | None, **about: UUID | None) -> Asking:
    """Return on which terms an event is answered: how much may move, what stays, and what it is about."""
    rules = planning_rules(unit)
    return Asking(
        budget=rules.budget if budget is None else budget,
        frozen_min=rules.frozen_min,
        event={name: str(one) for name, one in about.items() if one is not None},
    )


def answer(
    unit: Unit,
    kind: PlanKind,
    *,
    day: date,
    days: int = 1,
    visit_id: UUID | None = None,
    technician_id: UUID | None = None,
    budget: int | None = None,
) -> Replan:
    """Return the answer to an event of this kind, at once.

    Raises as `asked` does, and NotReady.
    """
    asking, desk = asked(
        unit,
        kind,
        day=day,
        days=days,
        visit_id=visit_id,
        technician_id=technician_id,
        budget=budget,
    )
    if kind is PlanKind.EMERGENCY:
        return _answered(desk, kind, asking, wanted=[str(visit_id)])
    if kind is PlanKind.ABSENCE:
        return _answered(desk, kind, asking, lost=_lost(desk, technician_id))
    return _answered(desk, kind, asking, gains=_waiting(desk))


def answer_together(
    unit: Unit,
    kind: PlanKind,
    *,
    day: date,
    days: int = 1,
    wanted: Collection[str] = (),
    held_up: Collection[str] = (),
    fill: bool = False,
    event: Mapping[str, Any],
) -> Replan:
    """Return one answer to several events: visits that are `wanted` now, and people who are `held_up`.

    What the latter cannot make in time goes to others. With `fill` what waits may take what has come
    free; nobody is moved for that. `event` is kept with the proposal.
    Raises NotReady.
    """
    require(unit.actor, "plan.change")
    asking = replace(asking_for(unit, None), event=dict(event))
    desk = laid_out(unit, days_at(unit, day, days), asking)
    lost = [name for one in sorted(held_up) for name in _lost(desk, UUID(one))]
    asked_for = {visit.id for visit in desk.pieces().visits}
    return _answered(
        desk,
        kind,
        asking,
        wanted=[name for name in wanted if name in asked_for],
        lost=lost,
        gains=_waiting(desk) if fill else (),
    )


def _waiting(desk: Desk) -> list[str]:
    return [str(row.id) for row in desk.visits if row.technician_id is None]


def asked(
    unit: Unit,
    kind: PlanKind,
    *,
    day: date,
    days: int = 1,
    visit_id: UUID | None = None,
    technician_id: UUID | None = None,
    budget: int | None = None,
) -> tuple[Asking, Desk]:
    """Return on which terms an event is answered, and the days it is about, once it can be answered.

    Raises Invalid when it is not said which visit or who, for a day that is over and for somebody who
    is not away; NotFound; Conflict for a visit that is under way, over, waiting or of another day.
    """
    require(unit.actor, "plan.change")
    if day < today_of(unit):
        raise Invalid("A day that is over cannot be planned.", fields={"day": ["Over."]})
    visit = visit_for(unit, visit_id) if visit_id is not None else None
    if technician_id is not None:
        technician_for(unit, technician_id)
    if kind is PlanKind.EMERGENCY:
        if visit is None:
            raise Invalid("Say which visit it is.", fields={"visit_id": ["Missing."]})
        asking = asking_for(unit, budget, visit_id=visit_id)
        desk = laid_out(unit, days_at(unit, day, days), asking)
        _check_placeable(desk, visit)
    elif kind is PlanKind.ABSENCE:
        if technician_id is None:
            raise Invalid("Say who is away.", fields={"technician_id": ["Missing."]})
        asking = asking_for(unit, budget, technician_id=technician_id)
        desk = laid_out(unit, days_at(unit, day, days), asking)
        if str(technician_id) not in desk.terms.away:
            raise Invalid("Nobody is noted as away on these days.")
    else:
        asking = asking_for(unit, 0)
        desk = laid_out(unit, days_at(unit, day, days), asking)
    return asking, desk


def _check_placeable(desk: Desk, visit: Row) -> None:
    if visit.state in FINISHED or visit.state in UNDER_WAY or visit.state is VisitState.CANCELLED:
        raise Conflict("This visit has begun or is over.", state=visit.state.value)
    if any(row.id == visit.id for row in desk.visits):
        if str(visit.id) not in {one.id for one in desk.pieces().visits}:
            raise Conflict("This visit is promised for a later day.")
        return
    if visit.day is not None and visit.day > desk.day.dates[-1]:
        raise Conflict("This visit is planned for a later day.", day=visit.day.isoformat())
    if (
        visit.day is not None
        and desk.day.date_of(desk.day.seconds(desk.now)) <= visit.day < desk.day.day
    ):
        raise Conflict("This visit is planned for an earlier day.", day=visit.day.isoformat())
    raise Conflict(ORDER_WAITS)


def emergency(
    unit: Unit, visit_id: UUID, *, day: date, days: int = 1, budget: int | None = None
) -> Replan:
    """Return where a visit could go now, with as little moved as can be.

    Raises as `answer` does.
    """
    return answer(unit, PlanKind.EMERGENCY, day=day, days=days, visit_id=visit_id, budget=budget)


def _lost(desk: Desk, technician_id: UUID | None) -> list[str]:
    """Return what stands with an engineer at an hour and has not begun."""
    return [
        str(row.id)
        for row in desk.visits
        if row.technician_id == technician_id
        and row.state not in UNDER_WAY
        and row.day is not None
        and row.arrives_at is not None
    ]


def _answered(
    desk: Desk,
    kind: PlanKind,
    asking: Asking,
    *,
    wanted: Sequence[str] = (),
    lost: Sequence[str] = (),
    gains: Sequence[str] = (),
) -> Replan:
    ways = desk.laid(seconds=ANSWER_S)
    problem = ways.problem
    known = {visit.id: visit for visit in problem.visits}
    begun, known_at = standing(problem, desk.holders()), _known(problem)
    live, failing = _without_failing(problem, begun, set(lost))
    placed = places_of(live).keys()
    urgent = _by_urgency(known, {*wanted, *failing, *(one for one in lost if one not in placed)})
    waiting = _by_urgency(known, set(gains) - set(urgent))[:MOST_WAITING]
    sought = [*urgent, *waiting]
    problem = _freed(settled(problem, live), set(sought))
    live = _taken_out(problem, live, set(sought))
    told = as_told(problem, set(sought))
    near = _nearest(problem, live, sought)
    small, found = _cut_down(told, live, near - _overrun(told, live, near), sought)
    if urgent and small.engineers:
        found = planner.inserted(small, found, urgent, asking.budget or 0)
    if waiting and small.engineers:
        # What waits may fill a gap; nobody is moved for it.
        found = planner.inserted(small, found, waiting, 0)
    routes = _least_changed(problem, live, found)
    late = {who for name in lost if name in known_at for who in [known_at[name][0]]}
    changed = [
        route
        for route, before in zip(routes, begun.routes, strict=True)
        if route.stops != before.stops
        or (route.engineer_id in late and _is_put_off(route, known_at))
    ]
    whole = with_cost(problem, routes)
    dropped = {left.visit_id for left in whole.unplaced} & (set(places_of(live)) | set(urgent))
    plan = _explained(told, whole, changed, dropped, set(sought))
    versions = {str(row.id): row.version for row in desk.visits}
    shown = {stop.visit_id for route in plan.routes for stop in route.stops} | dropped
    return Replan(
        kind,
        desk.day.day,
        desk.day.days,
        asking,
        plan,
        {name: versions[name] for name in sorted(shown)},
        ways.note,
    )


def _by_urgency(known: Mapping[str, Visit], names: Collection[str]) -> list[str]:
    return sorted(
        (name for name in names if name in known),
        key=lambda name: (known[name].priority, known[name].due_s or 2**31, name),
    )


def _freed(problem: Problem, wanted: set[str]) -> Problem:
    """Return the question with these visits bound to no engineer by the plan that runs."""
    visits = tuple(
        replace(one, planned=None) if one.id in wanted else one for one in problem.visits
    )
    return replace(problem, visits=visits)


def _without_failing(problem: Problem, live: Plan, suspects: set[str]) -> tuple[Plan, list[str]]:
    """Take out of the day of whoever is late what they cannot make in time any more."""
    engineers = {engineer.id: engineer for engineer in problem.engineers}
    visits = {visit.id: visit for visit in problem.visits}
    failing: list[str] = []
    routes = []
    for route in live.routes:
        theirs = any(stop.visit_id in suspects for stop in route.stops)
        while theirs and route.stops:
            engineer = engineers[route.engineer_id]
            alone, order = alone_with(problem, engineer, route)
            broken = broken_by(alone, route)
            if not broken:
                break
            named = next((one.visit_id for one in broken if one.visit_id in suspects), None)
            last = next((one.id for one in reversed(order) if _may_go(visits[one.id])), None)
            gone = named if named is not None and _may_go(visits[named]) else last
            if gone is None:
                break
            failing.append(gone)
            route = walk(problem, engineer, [visit for visit in order if visit.id != gone])
        routes.append(route)
    return with_cost(problem, tuple(routes)), failing


def _may_go(visit: Visit) -> bool:
    return not visit.running and visit.lock_engineer is None


def _taken_out(problem: Problem, live: Plan, gone: set[str]) -> Plan:
    """Return the plan that runs without these visits; everybody else's hours stay."""
    engineers = {engineer.id: engineer for engineer in problem.engineers}
    visits = {visit.id: visit for visit in problem.visits}
    starts = {stop.visit_id: stop.starts_s for route in live.routes for stop in route.stops}
    routes = []
    for route in live.routes:
        kept = [visits[stop.visit_id] for stop in route.stops if stop.visit_id not in gone]
        if len(kept) < len(route.stops):
            route = walk(problem, engineers[route.engineer_id], kept, starts)
        routes.append(route)
    return with_cost(problem, tuple(routes))


def _nearest(problem: Problem, live: Plan, wanted: Iterable[str]) -> set[str]:
    """Return the engineers to look at: all, or on large days those who pass nearest to what is wanted."""
    if len(problem.engineers) <= MOST_ENGINEERS:
        return {engineer.id for engineer in problem.engineers}
    visits = {visit.id: visit for visit in problem.visits}
    stops = {route.engineer_id: route.stops for route in live.routes}
    near: set[str] = set()
    names = list(wanted)
    for name in names:
        visit = visits[name]
        able = [one for one in problem.engineers if not any(obstacles(problem, one, visit))]

        def away(engineer: Engineer, visit: Visit = visit) -> float:
            passes = [engineer.start, *(visits[stop.visit_id].place for stop in stops[engineer.id])]
            there = problem.places[visit.place]
            return min(
                hypot(problem.places[k].lat - there.lat, problem.places[k].lng - there.lng)
                for k in passes
            )

        near |= {one.id for one in sorted(able, key=away)[: max(3, MOST_ENGINEERS // len(names))]}
    return near


def _overrun(problem: Problem, live: Plan, among: Collection[str]) -> set[str]:
    """Return who cannot keep the day they have already: they take nothing more, and it stays as it is."""
    engineers = {engineer.id: engineer for engineer in problem.engineers}
    return {
        route.engineer_id
        for route in live.routes
        if route.engineer_id in among
        and route.stops
        and broken_by(alone_with(problem, engineers[route.engineer_id], route)[0], route)
    }


def _cut_down(
    problem: Problem, live: Plan, near: set[str], wanted: Sequence[str]
) -> tuple[Problem, Plan]:
    if len(near) == len(problem.engineers):
        return problem, live
    routes = tuple(route for route in live.routes if route.engineer_id in near)
    made = {stop.visit_id for route in routes for stop in route.stops} | set(wanted)
    small = replace(
        problem,
        engineers=tuple(one for one in problem.engineers if one.id in near),
        visits=tuple(one for one in problem.visits if one.id in made),
    )
    return small, with_cost(small, routes)


def _least_changed(problem: Problem, live: Plan, found: Plan) -> tuple[Route, ...]:
    """Return the routes that were found, at the hours that people know wherever those can be kept."""
    engineers = {engineer.id: engineer for engineer in problem.engineers}
    visits = {visit.id: visit for visit in problem.visits}
    offered = {route.engineer_id: route for route in found.routes}
    routes = []
    for route in live.routes:
        new = offered.get(route.engineer_id, route)
        order = [stop.visit_id for stop in new.stops]
        if order == [stop.visit_id for stop in route.stops]:
            routes.append(route)
            continue
        starts = {stop.visit_id: stop.starts_s for stop in route.stops}
        kept = walk(
            problem,
            engineers[route.engineer_id],
            [visits[name] for name in order],
            {name: starts.get(name, 0) for name in order},
        )
        alone, _ = alone_with(problem, engineers[route.engineer_id], kept)
        routes.append(new if broken_by(alone, kept) else kept)
    return tuple(routes)


def _known(problem: Problem) -> dict[str, tuple[str, int]]:
    """Return with whom and at what hour people know each visit to be."""
    return {
        visit.id: (visit.planned.engineer, visit.planned.start_s)
        for visit in problem.visits
        if visit.planned is not None
    }


def _is_put_off(route: Route, known: Mapping[str, tuple[str, int]]) -> bool:
    """Return whether somebody on the route begins later than people know."""
    return any(
        stop.starts_s - known[stop.visit_id][1] >= PUT_OFF_S
        for stop in route.stops
        if stop.visit_id in known
    )


def _explained(
    problem: Problem, whole: Plan, changed: Sequence[Route], dropped: set[str], asked: set[str]
) -> Plan:
    """Return the changed routes, with why for what was asked about, and every reason for what found no place."""
    desk = Explanations(problem, whole)

    def told(engineer_id: str, stop: Stop) -> Stop:
        if stop.visit_id not in asked:
            return stop
        return replace(stop, why=desk.why(engineer_id, stop))

    routes = tuple(
        replace(route, stops=tuple(told(route.engineer_id, stop) for stop in route.stops))
        for route in changed
    )
    unplaced = tuple(
        Unplaced(left.visit_id, left.penalty, desk.reasons(left.visit_id))
        for left in whole.unplaced
        if left.visit_id in dropped
    )
    return Plan(routes, unplaced, whole.cost)
