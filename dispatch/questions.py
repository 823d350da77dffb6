"""What would happen if: a visit put into a day by hand, and who could take it. Nothing is written."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import joinedload, load_only

from assets.models import Site
from core import clock
from core.errors import Conflict
from core.unit import Unit
from dispatch.actuals import learned_for
from dispatch.days import Day, problem_of
from dispatch.placing import Day as Hand
from dispatch.placing import Finding, Placed
from dispatch.queries import today_of
from dispatch.sentences import finding
from parts.models import Part, VanStock
from people.models import Technician
from people.permissions import require
from people.queries import organisation_of, technician_for
from work.models import FINISHED, OPEN_VISIT, UNDER_WAY, Visit, VisitState, WorkOrder
from work.queries import visit_for


def check_placing(
    unit: Unit,
    *,
    visit_id: UUID,
    technician_id: UUID,
    day: date,
    starts_at: datetime | None = None,
) -> dict[str, Any]:
    """Return the technician's day with the visit in it, and every rule that this would break.

    With no start it is put where it fits best.
    Raises NotFound, Conflict when the visit is over.
    """
    require(unit.actor, "board.read")
    visit = _visit(unit, visit_id)
    technician = technician_for(unit, technician_id)
    return _Desk(unit, visit, day).check(technician, starts_at)


def candidates(unit: Unit, visit_id: UUID, *, day: date | None = None) -> dict[str, Any]:
    """Return every technician, those who can take the visit first and by what it adds to their day.

    Raises NotFound, Conflict when the visit is over.
    """
    require(unit.actor, "board.read")
    visit = _visit(unit, visit_id)
    day = day or visit.day or today_of(unit)
    desk = _Desk(unit, visit, max(day, today_of(unit)))
    people = unit.session.scalars(
        select(Technician).where(Technician.deleted_at.is_(None)).order_by(Technician.name)
    ).all()
    found = desk.rank(people)
    return {"visit_id": visit_id, "day": desk.day.day, "candidates": found}


def _visit(unit: Unit, visit_id: UUID) -> Visit:
    visit = visit_for(unit, visit_id)
    if visit.state in FINISHED or visit.state is VisitState.CANCELLED:
        raise Conflict("This visit is over.", state=visit.state.value)
    return visit


class _Desk:
    """One visit in hand, and the days of those who might take it."""

    def __init__(self, unit: Unit, visit: Visit, day: date) -> None:
        self.unit = unit
        self.day = Day(day, ZoneInfo(organisation_of(unit).timezone))
        self.visit = unit.session.scalars(_loaded().where(Visit.id == visit.id)).one()
        self._skus: dict[str, str] | None = None
        self._learned = learned_for(unit)

    def check(self, technician: Technician, starts_at: datetime | None) -> dict[str, Any]:
        rows = self._rows([technician]).get(technician.id, [])
        vans = self._vans([technician])
        hand, cannot = self._hand(technician, rows, vans)
        if hand is None:
            return self._answer(technician, rows, None, [cannot] if cannot else [])
        asked = max(1, self.day.seconds(starts_at)) if starts_at else None
        placed = hand.cheapest() if asked is None else hand.at(asked)
        return self._answer(technician, rows, placed, self._of_visit(placed))

    def rank(self, people: Sequence[Technician]) -> list[dict[str, Any]]:
        rows, vans = self._rows(people), self._vans(people)
        found = []
        for technician in people:
            mine = rows.get(technician.id, [])
            hand, cannot = self._hand(technician, mine, vans)
            placed = hand.cheapest() if hand else None
            more = [cannot] if cannot else self._of_visit(placed) if placed else []
            broken = (
                [*more, *(one for one in placed.broken if not one.standing)] if placed else more
            )
            stop = self._mine(placed)
            found.append(
                {
                    "technician_id": technician.id,
                    "name": technician.name,
                    "fits": not broken,
                    "added_cost": placed.added_cost if placed else None,
                    "added_travel_s": placed.added_travel_s if placed else None,
                    "starts_at": self.day.moment(stop.starts_s) if stop else None,
                    "visits": len(mine),
                    "reasons": [self._said(one, technician, mine) for one in broken],
                    "notes": [self._said(one, technician, mine) for one in placed.notes]
                    if placed
                    else [],
                }
            )
        found.sort(
            key=lambda one: (not one["fits"], one["added_cost"] is None, one["added_cost"] or 0)
        )
        return found

    def _rows(self, people: Sequence[Technician]) -> dict[UUID, list[Visit]]:
        """Return what else stands on the day, by technician."""
        query = _loaded().where(
            Visit.technician_id.in_([one.id for one in people]),
            Visit.day == self.day.day,
            Visit.deleted_at.is_(None),
            Visit.state.in_(OPEN_VISIT),
            Visit.id != self.visit.id,
        )
        rows: dict[UUID, list[Visit]] = {}
        for row in self.unit.session.scalars(query.order_by(Visit.no)):
            if row.technician_id is not None:
                rows.setdefault(row.technician_id, []).append(row)
        return rows

    def _vans(self, people: Sequence[Technician]) -> dict[UUID, dict[str, int]]:
        places = [one.van_place_id for one in people if one.van_place_id]
        vans: dict[UUID, dict[str, int]] = {}
        for stock in self.unit.session.scalars(
            select(VanStock).where(VanStock.place_id.in_(places), VanStock.on_hand > 0)
        ):
            vans.setdefault(stock.place_id, {})[str(stock.part_id)] = stock.on_hand
        return vans

    def _hand(
        self, technician: Technician, rows: Sequence[Visit], vans: dict[UUID, dict[str, int]]
    ) -> tuple[Hand | None, Finding | None]:
        """Return the technician's day with the visit in hand, or why there is none."""
        visit, name = self.visit, str(self.visit.id)
        if visit.state in UNDER_WAY:
            return None, Finding("under_way", name)
        now = clock.now()
        problem = problem_of(
            self.day, [technician], [*rows, visit], vans, now=now, learned=self._learned
        )
        if not problem.engineers:
            works = self.day.day.weekday() in technician.days
            return None, Finding("shift_over" if works else "not_working")
        if all(one.id != name for one in problem.visits):
            return None, Finding("window_day", name)
        if visit.start_locked and visit.day != self.day.day:
            return None, Finding("locked_day", name)
        if visit.locked and visit.technician_id is not None:
            holder = str(visit.technician_id)
            visits = tuple(
                replace(one, lock_engineer=holder) if one.id == name else one
                for one in problem.visits
            )
            problem = replace(problem, visits=visits)
        return Hand(problem, name), None

    def _of_visit(self, placed: Placed) -> list[Finding]:
        """Return what a day cannot know: that the customer's window was on an earlier day."""
        stop, closes = self._mine(placed), self.visit.window_to
        if stop is None or closes is None or self.day.seconds(closes) > 0:
            return []
        return [Finding("window_over", str(self.visit.id))]

    def _mine(self, placed: Placed | None) -> Any:
        stops = placed.route.stops if placed else ()
        return next((stop for stop in stops if stop.visit_id == str(self.visit.id)), None)

    def _answer(
        self,
        technician: Technician,
        rows: Sequence[Visit],
        placed: Placed | None,
        more: Sequence[Finding],
    ) -> dict[str, Any]:
        versions = {str(row.id): row for row in (*rows, self.visit)}
        broken = [*more, *(placed.broken if placed else ())]
        stops = placed.route.stops if placed else ()
        mine = self._mine(placed)
        return {
            "visit_id": self.visit.id,
            "technician_id": technician.id,
            "day": self.day.day,
            "fits": placed is not None and not more and placed.fits,
            "starts_at": self.day.moment(mine.starts_s) if mine else None,
            "added_cost": placed.added_cost if placed else None,
            "added_travel_s": placed.added_travel_s if placed else None,
            "violations": [
                self._said(one, technician, rows) | {"standing": one.standing} for one in broken
            ],
            "notes": [
                self._said(one, technician, rows) for one in (placed.notes if placed else ())
            ],
            "stops": [
                {
                    "visit_id": stop.visit_id,
                    "version": versions[stop.visit_id].version,
                    "planned_at": versions[stop.visit_id].arrives_at,
                    "arrives_at": self.day.moment(stop.arrives_s),
                    "starts_at": self.day.moment(stop.starts_s),
                    "departs_at": self.day.moment(stop.departs_s),
                    "travel_s": stop.travel_s,
                }
                for stop in stops
            ],
        }

    def _said(self, one: Finding, technician: Technician, rows: Sequence[Visit]) -> dict[str, Any]:
        """Return a finding in the reader's words, its moments as the clock at the company shows them."""
        names = {str(row.id): row.order.title for row in (*rows, self.visit)}
        figures: dict[str, Any] = {}
        for name, value in one.details.items():
            if name.endswith("_s"):
                figures[name.removesuffix("_s")] = self._clock(int(value))
            else:
                figures[name] = self._sku(str(value)) if name == "part" else value
        figures |= {"name": technician.name, "visit": names.get(one.visit_id or "", "")}
        message = finding(one.code, figures, self.unit.actor.language)
        return {
            "code": one.code,
            "visit_id": one.visit_id,
            "message": message,
            "details": figures,
        }

    def _clock(self, seconds: int) -> str:
        return f"{self.day.moment(seconds).astimezone(self.day.zone):%H:%M}"

    def _sku(self, part_id: str) -> str:
        if self._skus is None:
            wanted = {UUID(str(item["part_id"])) for item in self.visit.order.parts}
            query = select(Part.id, Part.sku).where(Part.id.in_(wanted))
            self._skus = {str(key): sku for key, sku in self.unit.session.execute(query)}
        return self._skus.get(part_id, "")


def _loaded() -> Any:
    """Return visits with what the planner has to know of them, and no more."""
    order = joinedload(Visit.order)
    return select(Visit).options(
        load_only(
            Visit.no,
            Visit.version,
            Visit.order_id,
            Visit.technician_id,
            Visit.state,
            Visit.day,
            Visit.arrives_at,
            Visit.duration_min,
            Visit.window_from,
            Visit.window_to,
            Visit.locked,
            Visit.start_locked,
            Visit.travel_started_at,
            Visit.arrived_at,
            Visit.work_started_at,
        ),
        order.load_only(
            WorkOrder.title,
            WorkOrder.kind,
            WorkOrder.priority,
            WorkOrder.due_at,
            WorkOrder.skills,
            WorkOrder.parts,
        ),
        order.joinedload(WorkOrder.site).load_only(Site.lat, Site.lng, Site.territory),
    )
