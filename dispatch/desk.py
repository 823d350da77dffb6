"""The rows of some days, read together for the planner: who works, what waits, on which terms."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import joinedload, load_only

from assets.models import Site
from core import clock
from core.unit import Unit
from dispatch.actuals import learned_for
from dispatch.asking import Asking
from dispatch.days import Away, Day, Pieces, Terms, name_of, part_ids, pieces_of
from dispatch.engine.problem import Place, Problem
from dispatch.lines import ORDER, SITE, VISIT
from dispatch.models import AbsenceKind, PlanningRules
from dispatch.queries import absences, planning_rules, today_of
from dispatch.travel.roads import KNOWN_ONLY_S, Laid, roads
from dispatch.weighing import weights_of
from dispatch.wishes import wishes_for
from parts.models import VanStock
from people.models import Technician
from people.queries import organisation_of
from work.models import (
    CLOSED_ORDER,
    FINISHED,
    OPEN_VISIT,
    UNDER_WAY,
    OrderState,
    Visit,
    WorkOrder,
)

NOTHING = Asking()


@dataclass(frozen=True, slots=True)
class Desk:
    """What is known of some days at one moment."""

    day: Day
    now: datetime
    technicians: Sequence[Technician]
    visits: Sequence[Visit]
    vans: dict[UUID, dict[str, int]]
    terms: Terms
    rules: PlanningRules
    left_out: Sequence[Visit] = ()

    def pieces(self) -> Pieces:
        """Return what the planner's question is made of."""
        return pieces_of(
            self.day, self.technicians, self.visits, self.vans, now=self.now, terms=self.terms
        )

    def problem(self, *, seconds: float = KNOWN_ONLY_S) -> Problem:
        """Return the planner's question; see `laid`.

        Raises ProblemError for more than the planner takes at once.
        """
        return self.laid(seconds=seconds).problem

    def laid(self, *, seconds: float) -> Laid:
        """Return the planner's question with the driving times that a router tells within `seconds`.

        Raises ProblemError for more than the planner takes at once.
        """
        return roads().laid(self.pieces().problem(), seconds=seconds)

    @property
    def names(self) -> dict[str, str]:
        """Return what the technicians are called, by id."""
        return {str(one.id): one.name for one in self.technicians}

    def holders(self) -> dict[str, str]:
        """Return in whose day the visits stand that have a day and no hour, as the question calls them."""
        return {
            str(row.id): name_of(row.technician_id, max(0, (row.day - self.day.day).days))
            for row in self.visits
            if row.technician_id is not None and row.day is not None and row.arrives_at is None
        }


def days_at(unit: Unit, first: date, days: int = 1) -> Day:
    """Return some days in the company's zone."""
    return Day(first, ZoneInfo(organisation_of(unit).timezone), days)


def laid_out(unit: Unit, day: Day, asking: Asking = NOTHING, *, frozen: bool = False) -> Desk:
    """Read what a plan of these days has to know. `frozen` keeps what is about to begin where it is."""
    rules, now = planning_rules(unit), clock.now()
    people = unit.session.scalars(
        select(Technician).where(Technician.deleted_at.is_(None)).order_by(Technician.no)
    ).all()
    technicians = [
        one
        for one in people
        if str(one.id) not in asking.without
        and (asking.technician_ids is None or str(one.id) in asking.technician_ids)
    ]
    rows = _visits(unit, day)
    visits = [row for row in rows if _is_asked(row, asking)]
    left_out = [row for row in rows if str(row.id) in asking.left_out]
    terms = terms_of(unit, day, asking, frozen=frozen)
    vans = vans_of(unit, technicians, parts=part_ids(visits))
    return Desk(day, now, technicians, visits, vans, terms, rules, left_out)


def terms_of(unit: Unit, day: Day, asking: Asking = NOTHING, *, frozen: bool = False) -> Terms:
    """Return on which terms these days are planned."""
    rules = planning_rules(unit)
    frozen_min = rules.frozen_min if asking.frozen_min is None else asking.frozen_min
    overtime_min = rules.overtime_min if asking.overtime_min is None else asking.overtime_min
    return Terms(
        weights=weights_of(rules.weights, asking.weights),
        overtime_s=overtime_min * 60,
        frozen_s=frozen_min * 60 if frozen or asking.frozen_min is not None else 0,
        away=_away(unit, day),
        here=_here(unit, day, clock.now()),
        learned=learned_for(unit),
        wishes=wishes_for(unit),
    )


def _is_asked(row: Visit, asking: Asking) -> bool:
    if str(row.id) in asking.left_out:
        return False
    holder = str(row.technician_id) if row.technician_id else None
    others = asking.technician_ids is not None and holder is not None
    return not (
        others and holder not in (asking.technician_ids or ()) and holder not in asking.without
    )


def _visits(unit: Unit, day: Day) -> Sequence[Visit]:
    query = (
        for_planning()
        .join(WorkOrder, (WorkOrder.org_id == Visit.org_id) & (WorkOrder.id == Visit.order_id))
        .where(
            Visit.deleted_at.is_(None),
            Visit.state.in_(OPEN_VISIT),
            _is_of(day, today_of(unit)),
            WorkOrder.state.not_in({*CLOSED_ORDER, OrderState.ON_HOLD}),
        )
        .order_by(Visit.no)
    )
    rows: Sequence[Visit] = unit.session.scalars(query).all()
    return rows


def _is_of(day: Day, today: date) -> Any:
    """Return what tells the visits of these days, and those that wait or were left over, from all others.

    A visit of another day that is still to come belongs to that day's plan.
    """
    left_over = or_(Visit.day.is_(None), Visit.day < today)
    if today not in day.dates:
        # Who is at work now will have ended by then.
        left_over = and_(left_over, Visit.state.not_in(UNDER_WAY))
    return or_(Visit.day.between(day.dates[0], day.dates[-1]), left_over)


def for_planning() -> Any:
    """Return visits with what the planner has to know of them, and no more."""
    order = joinedload(Visit.order)
    return select(Visit).options(
        load_only(
            *VISIT, Visit.no, Visit.order_id, Visit.departs_at, Visit.travel_s, Visit.position
        ),
        order.load_only(*ORDER),
        order.joinedload(WorkOrder.site).load_only(*SITE),
    )


def vans_of(
    unit: Unit, technicians: Sequence[Technician], *, parts: Collection[UUID]
) -> dict[UUID, dict[str, int]]:
    """Return how many of these parts each van holds."""
    places = {one.van_place_id for one in technicians if one.van_place_id}
    vans: dict[UUID, dict[str, int]] = {}
    if not parts:
        return vans
    query = select(VanStock.place_id, VanStock.part_id, VanStock.on_hand).where(
        VanStock.part_id.in_(parts), VanStock.on_hand > 0
    )
    for place_id, part_id, on_hand in unit.session.execute(query):
        if place_id in places:
            vans.setdefault(place_id, {})[str(part_id)] = on_hand
    return vans


def _away(unit: Unit, day: Day) -> Mapping[str, Sequence[Away]]:
    away: dict[str, list[Away]] = {}
    for one in absences(unit, day):
        gone = one.kind is not AbsenceKind.LATE
        away.setdefault(str(one.technician_id), []).append(Away(one.begins_at, one.ends_at, gone))
    return away


def _here(unit: Unit, day: Day, now: datetime) -> dict[str, Place]:
    """Return where the visits that are over today have left their technicians."""
    if day.date_of(day.seconds(now)) != day.day:
        return {}
    query = (
        select(Visit.technician_id, Site.lat, Site.lng)
        .join(WorkOrder, (WorkOrder.org_id == Visit.org_id) & (WorkOrder.id == Visit.order_id))
        .join(Site, (Site.org_id == WorkOrder.org_id) & (Site.id == WorkOrder.site_id))
        .where(
            Visit.technician_id.is_not(None),
            Visit.state.in_(FINISHED),
            Visit.completed_at >= day.midnight,
            Visit.completed_at <= now,
        )
        .order_by(Visit.completed_at)
    )
    return {str(who): Place(lat, lng) for who, lat, lng in unit.session.execute(query)}
