"""What the plan that runs can no longer keep, and the one proposal that answers it; nothing is moved.

What has happened is read from the rows as they are, not from what was heard: so a burst of events
makes one proposal, a look that was missed is made up for by the next, and what somebody has
settled by hand needs no answer any more.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select

from core import clock
from core.unit import Unit
from dispatch.causes import KINDS, Cause, What
from dispatch.days import MOST_DAYS
from dispatch.desk import Desk, days_at, for_planning, terms_of
from dispatch.models import Absence, DayPlan, OnEvents, PlanKind, PlanState
from dispatch.queries import planning_rules, today_of
from dispatch.replanning import Replan, answer_together
from dispatch.standing import standing
from dispatch.travel.roads import HAND_S
from people.models import Technician
from work.models import (
    CLOSED_ORDER,
    OPEN_VISIT,
    UNDER_WAY,
    WAITING,
    OrderState,
    Visit,
    VisitState,
    WorkOrder,
)

URGENT_PRIORITY = 1
# A promise that ends within that and has nobody yet is in danger.
DANGER = timedelta(hours=4)
# Whoever would break a promise by less may still catch up.
LATE_TOLD_S = 5 * 60
# A place that has come free is offered to what waits while it is news.
FREED_NEWS = timedelta(minutes=10)
ABSENCE_NEWS = timedelta(minutes=30)
# What was answered so long ago may be asked again.
REMEMBERED = timedelta(days=2)
MOST_WANTED = 40


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen: the answer to what is new, if anything is, and which proposals are past."""

    replan: Replan | None = None
    superseded: tuple[UUID, ...] = ()
    settled: tuple[UUID, ...] = ()


def look(unit: Unit) -> Look:
    """Look at what has happened, and work out the answer to what has none yet.

    What an undecided proposal of ours answers, and still holds, is answered anew with it.
    Raises NotReady.
    """
    if planning_rules(unit).on_events is OnEvents.OFF:
        return Look()
    now = clock.now()
    holding = {one.key: one for one in causes(unit, now)}
    known, open_ = _answered(unit, now)
    fresh = [one for key, one in holding.items() if key not in known]
    settled = tuple(
        plan_id
        for plan_id, theirs in open_.items()
        if not any(_holds(one, holding) for one in theirs)
    )
    if not fresh:
        return Look(settled=settled)
    still = [
        holding[one.key]
        for plan_id, theirs in open_.items()
        if plan_id not in settled
        for one in theirs
        if one.key in holding
    ]
    replan = _answer(unit, [*fresh, *still])
    if replan is None:
        return Look(settled=settled)
    return Look(replan, tuple(plan_id for plan_id in open_ if plan_id not in settled), settled)


def _holds(one: Cause, holding: Collection[str]) -> bool:
    # That a place came free is news for a while only; the proposal to fill it may stay on the table.
    return one.key in holding or one.what is What.CANCELLED


def causes(unit: Unit, now: datetime) -> Iterator[Cause]:
    """Return everything that holds now and may need an answer, answered or not."""
    yield from _without_anybody(unit, now)
    yield from _late(unit, now)
    yield from _absent(unit, now)
    yield from _freed(unit, now)


def _without_anybody(unit: Unit, now: datetime) -> Iterator[Cause]:
    """Return the visits that nobody has and that cannot wait for the next plan."""
    day = days_at(unit, today_of(unit))
    ends = func.coalesce(Visit.window_to, WorkOrder.due_at)
    query = (
        select(Visit.id, Visit.technician_id, WorkOrder.priority)
        .join(WorkOrder, (WorkOrder.org_id == Visit.org_id) & (WorkOrder.id == Visit.order_id))
        .where(
            Visit.deleted_at.is_(None),
            Visit.state.in_(WAITING),
            or_(Visit.technician_id.is_(None), Visit.state == VisitState.DECLINED),
            WorkOrder.state.not_in({*CLOSED_ORDER, OrderState.ON_HOLD}),
            or_(Visit.window_from.is_(None), Visit.window_from < day.moment(day.ends_s)),
            or_(
                WorkOrder.priority <= URGENT_PRIORITY,
                ends.between(now, now + DANGER),
                WorkOrder.due_at.between(now, now + DANGER),
            ),
        )
        .order_by(WorkOrder.priority, Visit.no)
        .limit(MOST_WANTED)
    )
    for visit_id, declined_by, priority in unit.session.execute(query):
        what = What.URGENT if priority <= URGENT_PRIORITY else What.IN_DANGER
        key = f"wanted:{visit_id}" + (f":{declined_by}" if declined_by else "")
        yield Cause(what, key, str(visit_id))


def _late(unit: Unit, now: datetime) -> Iterator[Cause]:
    """Return the promises that whoever has been heard of today would break as their day goes on."""
    day = days_at(unit, today_of(unit))
    heard = select(Visit.technician_id).where(
        Visit.day == day.day,
        Visit.deleted_at.is_(None),
        or_(Visit.state.in_(UNDER_WAY), Visit.completed_at.between(day.midnight, now)),
    )
    rows: dict[UUID, list[Visit]] = {}
    query = (
        for_planning()
        .join(WorkOrder, (WorkOrder.org_id == Visit.org_id) & (WorkOrder.id == Visit.order_id))
        .where(
            Visit.day == day.day,
            Visit.deleted_at.is_(None),
            Visit.state.in_(OPEN_VISIT),
            WorkOrder.state.not_in({*CLOSED_ORDER, OrderState.ON_HOLD}),
            Visit.technician_id.in_(heard),
        )
    )
    for row in unit.session.scalars(query.order_by(Visit.no)):
        if row.technician_id is not None:
            rows.setdefault(row.technician_id, []).append(row)
    people = {
        one.id: one
        for one in unit.session.scalars(
            select(Technician).where(Technician.id.in_(rows), Technician.deleted_at.is_(None))
        )
    }
    suspects = [
        technician_id
        for technician_id, theirs in rows.items()
        if technician_id in people and any(_is_promised(row) for row in theirs)
    ]
    if not suspects:
        return
    terms, rules = terms_of(unit, day), planning_rules(unit)
    for technician_id in suspects:
        desk = Desk(day, now, [people[technician_id]], rows[technician_id], {}, terms, rules)
        yield from _late_of(desk, technician_id)


def _is_promised(row: Visit) -> bool:
    promised = row.window_to is not None or row.order.due_at is not None
    return row.state in WAITING and promised


def _late_of(desk: Desk, technician_id: UUID) -> Iterator[Cause]:
    problem = desk.problem(seconds=HAND_S)
    visits = {visit.id: visit for visit in problem.visits}
    for route in standing(problem, desk.holders()).routes:
        for stop in route.stops:
            visit = visits[stop.visit_id]
            ends = [window.to_s for window in visit.windows[-1:]]
            ends += [visit.due_s] if visit.due_s is not None else []
            if visit.running or visit.planned is None or not ends:
                continue
            latest = min(ends)
            if stop.starts_s >= latest + LATE_TOLD_S and visit.planned.start_s <= latest:
                minutes = -(-(stop.starts_s - latest) // 60)
                yield Cause(What.LATE, f"late:{visit.id}", visit.id, str(technician_id), minutes)


def _absent(unit: Unit, now: datetime) -> Iterator[Cause]:
    """Return the absences that were noted lately and leave visits without their engineer."""
    query = (
        select(Absence)
        .where(
            Absence.called_off_at.is_(None),
            Absence.created_at > now - ABSENCE_NEWS,
            Absence.ends_at > now,
            Absence.begins_at < now + timedelta(days=MOST_DAYS - 1),
        )
        .order_by(Absence.created_at)
    )
    for absence in unit.session.scalars(query):
        hit = select(Visit.id).where(
            Visit.technician_id == absence.technician_id,
            Visit.deleted_at.is_(None),
            Visit.state.in_(WAITING),
            Visit.arrives_at < absence.ends_at,
            Visit.departs_at > absence.begins_at,
        )
        if unit.session.scalar(hit.limit(1)) is not None:
            yield Cause(
                What.ABSENT,
                f"absent:{absence.id}",
                technician_id=str(absence.technician_id),
            )


def _freed(unit: Unit, now: datetime) -> Iterator[Cause]:
    """Return what was called off just now and leaves somebody with time today."""
    query = (
        select(Visit.id, Visit.technician_id)
        .join(WorkOrder, (WorkOrder.org_id == Visit.org_id) & (WorkOrder.id == Visit.order_id))
        .where(
            Visit.state == VisitState.CANCELLED,
            Visit.deleted_at.is_(None),
            Visit.technician_id.is_not(None),
            Visit.day == today_of(unit),
            Visit.departs_at > now,
            WorkOrder.state == OrderState.CANCELLED,
            WorkOrder.closed_at > now - FREED_NEWS,
        )
        .order_by(Visit.no)
        .limit(MOST_WANTED)
    )
    for visit_id, technician_id in unit.session.execute(query):
        yield Cause(What.CANCELLED, f"cancelled:{visit_id}", str(visit_id), str(technician_id))


def _answered(unit: Unit, now: datetime) -> tuple[set[str], dict[UUID, list[Cause]]]:
    """Return what has been answered lately, and which answers of ours are still undecided."""
    query = select(
        DayPlan.id, DayPlan.by_itself, DayPlan.state, DayPlan.published, DayPlan.asked, DayPlan.kind
    ).where(DayPlan.created_at > now - REMEMBERED, DayPlan.kind.in_(set(KINDS.values())))
    known: set[str] = set()
    open_: dict[UUID, list[Cause]] = {}
    for plan_id, by_itself, state, published, asked, kind in unit.session.execute(query):
        event = asked.get("event", {})
        theirs = [Cause.read(one) for one in event.get("causes", ())]
        known |= {one.key for one in theirs}
        if by_itself and state is PlanState.PROPOSED and not published:
            open_[plan_id] = theirs
        if kind is PlanKind.EMERGENCY and "visit_id" in event:
            known.add(f"wanted:{event['visit_id']}")
        if kind is PlanKind.ABSENCE and "technician_id" in event:
            known |= {f"absent:{one}" for one in _absences_of(unit, event["technician_id"])}
    return known, open_


def is_answered(unit: Unit, replan: Replan) -> bool:
    """Tell whether all that this answers has been answered meanwhile."""
    known, _ = _answered(unit, clock.now())
    return {one["key"] for one in replan.asking.event["causes"]} <= known


def _absences_of(unit: Unit, technician_id: str) -> Iterable[UUID]:
    return unit.session.scalars(
        select(Absence.id).where(Absence.technician_id == UUID(technician_id))
    )


def _answer(unit: Unit, seen: Sequence[Cause]) -> Replan | None:
    """Return the one answer to all of this; None where a place came free and nothing fits it."""
    first, kinds = today_of(unit), list(KINDS.values())
    kind = min((KINDS[one.what] for one in seen), key=kinds.index)
    wanted = [
        one.visit_id
        for one in seen
        if one.visit_id and one.what in (What.URGENT, What.IN_DANGER, What.LATE)
    ]
    held_up = {
        one.technician_id
        for one in seen
        if one.technician_id and one.what in (What.LATE, What.ABSENT)
    }
    fill = any(one.what is What.CANCELLED for one in seen)

    def answered(days: int) -> Replan:
        return answer_together(
            unit,
            kind,
            day=first,
            days=days,
            wanted=wanted,
            held_up=held_up,
            fill=fill,
            event={"causes": [one.kept() for one in seen]},
        )

    days = _days(unit, seen, first)
    replan = answered(days)
    if replan.plan.unplaced and days == 1:
        # What today has no room for may find it tomorrow morning.
        tomorrow = answered(2)
        if len(tomorrow.plan.unplaced) < len(replan.plan.unplaced):
            replan = tomorrow
    nothing = not replan.plan.routes and not replan.plan.unplaced
    return None if nothing and not wanted else replan


def _days(unit: Unit, seen: Sequence[Cause], first: date) -> int:
    """Return over how many days somebody is missing; what is farther off is for a plan."""
    zone = days_at(unit, first).zone
    away = [UUID(one.key.partition(":")[2]) for one in seen if one.what is What.ABSENT]
    if not away:
        return 1
    ends = unit.session.scalar(select(func.max(Absence.ends_at)).where(Absence.id.in_(away)))
    if ends is None:
        return 1
    last = (ends - timedelta(seconds=1)).astimezone(zone).date()
    return min(MOST_DAYS, max(1, (last - first).days + 1))
