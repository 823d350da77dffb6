"""What would happen if: a visit put into a day by hand, and who could take it. Nothing is written."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from core import clock
from core.errors import Conflict
from core.unit import Unit
from dispatch.days import part_ids, problem_of
from dispatch.desk import days_at, for_planning, terms_of, vans_of
from dispatch.engine.problem import Problem
from dispatch.lines import VisitLine, lines
from dispatch.placing import Day as Hand
from dispatch.placing import Finding, Glance, Placed, between
from dispatch.queries import ORDER_WAITS, today_of
from dispatch.sentences import said
from dispatch.travel.roads import HAND_S, KNOWN_ONLY_S, roads
from parts.models import Part
from people.models import Technician
from people.permissions import require
from people.queries import technician_for
from work.models import FINISHED, OPEN_VISIT, UNDER_WAY, OrderState, Visit, VisitState, WorkOrder
from work.queries import visit_for


def check_placing(
    unit: Unit,
    *,
    visit_id: UUID,
    technician_id: UUID,
    day: date,
    starts_at: datetime | None = None,
    patience_s: float = HAND_S,
) -> dict[str, Any]:
    """Return the technician's day with the visit in it, and every rule that this would break.

    With no start it is put where it fits best. A road router is waited for as long as `patience_s`.
    Raises NotFound, Conflict when the visit is over.
    """
    require(unit.actor, "board.read")
    visit = _visit(unit, visit_id)
    technician = technician_for(unit, technician_id)
    return _Held(unit, visit, day, patience_s).check(technician, starts_at)


def candidates(
    unit: Unit, visit_id: UUID, *, day: date | None = None, patience_s: float = HAND_S
) -> dict[str, Any]:
    """Return every technician, those who can take the visit first and by what it adds to their day.

    A road router is waited for as long as `patience_s`.
    Raises NotFound, Conflict when the visit is over or its order is on hold.
    """
    require(unit.actor, "board.read")
    visit = _visit(unit, visit_id)
    order = unit.must(WorkOrder, visit.order_id, "No such work order.")
    if order.state is OrderState.ON_HOLD:
        raise Conflict(ORDER_WAITS)
    day = day or visit.day or today_of(unit)
    desk = _Held(unit, visit, max(day, today_of(unit)), patience_s)
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


# How many of the best are judged by every rule; of the others what is seen at a glance is told.
MOST_JUDGED = 12


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A technician's day with the visit in hand as it looks at a glance."""

    hand: Hand | None
    glance: Glance | None
    cannot: Finding | None

    @property
    def order(self) -> tuple[bool, bool, int]:
        """Return who comes first: who fits, by what it adds."""
        if self.glance is None:
            return True, True, 0
        return not self.glance.fits, bool(self.glance.obstacles), self.glance.added_cost


@dataclass(frozen=True, slots=True)
class _Against:
    """What keeps a technician from the visit: `rules` of the two, or that there is no such day."""

    findings: tuple[Finding, ...]
    rules: bool


class _Held:
    """One visit in hand, and the days of those who might take it."""

    def __init__(self, unit: Unit, visit: Visit, day: date, patience_s: float) -> None:
        self.unit = unit
        self.day = days_at(unit, day)
        self.visit = unit.session.scalars(for_planning().where(Visit.id == visit.id)).one()
        self.terms = terms_of(unit, self.day)
        self.now = clock.now()
        self.patience_s = patience_s
        self.note = ""
        self._skus: dict[str, str] | None = None

    def check(self, technician: Technician, starts_at: datetime | None) -> dict[str, Any]:
        rows = self._rows([technician]).get(technician.id, [])
        vans = self._vans([technician], rows)
        hand, cannot = self._hand(technician, rows, vans, self.patience_s)
        if hand is None:
            return self._answer(technician, rows, None, [cannot] if cannot else [])
        asked = max(1, self.day.seconds(starts_at)) if starts_at else None
        placed = hand.cheapest() if asked is None else hand.at(asked)
        return self._answer(technician, rows, placed, self._of_visit(placed))

    def rank(self, people: Sequence[Technician]) -> list[dict[str, Any]]:
        """Return everybody by what the visit would add to their day, those who cannot take it last.

        Days are read of those alone against whom nothing is known before. The days of the best are
        judged by the validator; for the others a look at the clock and the van is enough.
        """
        against = self._against(people)
        able = [one for one in people if one.id not in against]
        # In a small company everybody is told all that speaks against them.
        hindered = [one for one in people if one.id in against and against[one.id].rules]
        asked = [*able, *hindered[: max(0, MOST_JUDGED - len(able))]]
        rows = self._rows(asked)
        vans = self._vans(asked, [row for mine in rows.values() for row in mine])
        found: list[tuple[tuple[bool, bool, int], Technician, _Ranked]] = []
        for technician in asked:
            hand, cannot = self._hand(technician, rows.get(technician.id, []), vans)
            ranked = _Ranked(hand, None if hand is None else hand.glance(), cannot)
            found.append((ranked.order, technician, ranked))
        found.sort(key=lambda one: (one[0], one[1].name))
        if roads().are_known:
            found = [*self._on_roads(found[:MOST_JUDGED], rows, vans), *found[MOST_JUDGED:]]
        shown = [
            self._shown(technician, rows.get(technician.id, []), ranked, judged=k < MOST_JUDGED)
            for k, (_, technician, ranked) in enumerate(found)
        ]
        shown.sort(
            key=lambda one: (not one["fits"], one["added_cost"] is None, one["added_cost"] or 0)
        )
        looked_at = {one.id for one in asked}
        busy = self._counts() if len(asked) < len(people) else {}
        return shown + [
            self._line(one, busy.get(one.id, 0), against[one.id].findings)
            for one in people
            if one.id not in looked_at
        ]

    def _against(self, people: Sequence[Technician]) -> dict[UUID, "_Against"]:
        """Return what keeps whom from the visit, whatever else is on their day."""
        problem = self._locked(
            problem_of(self.day, people, [self.visit], {}, now=self.now, terms=self.terms)
        )
        engineers = {engineer.id: engineer for engineer in problem.engineers}
        found = {}
        for technician in people:
            engineer = engineers.get(str(technician.id))
            cannot = self._cannot(technician, problem, works=engineer is not None)
            if cannot is not None:
                found[technician.id] = _Against((cannot,), rules=False)
            elif engineer and (rules := between(problem, engineer, problem.visits[0])):
                found[technician.id] = _Against(rules, rules=True)
        return found

    def _on_roads(
        self,
        best: Sequence[tuple[tuple[bool, bool, int], Technician, "_Ranked"]],
        rows: dict[UUID, list[VisitLine]],
        vans: dict[UUID, dict[str, int]],
    ) -> list[tuple[tuple[bool, bool, int], Technician, "_Ranked"]]:
        """Return the best by the model once more, with the router's ways in their days."""
        # One question for all of their places; each day then finds its ways remembered.
        mine = [row for _, technician, _ in best for row in rows.get(technician.id, [])]
        people = [technician for _, technician, _ in best]
        whole = problem_of(
            self.day, people, [*mine, self.visit], vans, now=self.now, terms=self.terms
        )
        note = roads().laid(whole, seconds=self.patience_s).note
        found = []
        for _, technician, _ in best:
            hand, cannot = self._hand(technician, rows.get(technician.id, []), vans, KNOWN_ONLY_S)
            ranked = _Ranked(hand, None if hand is None else hand.glance(), cannot)
            found.append((ranked.order, technician, ranked))
        self.note = note
        return found

    def _shown(
        self, technician: Technician, mine: Sequence[VisitLine], ranked: "_Ranked", *, judged: bool
    ) -> dict[str, Any]:
        hand, glance = ranked.hand, ranked.glance
        placed = None
        broken = [ranked.cannot] if ranked.cannot else []
        if hand is not None and glance is not None:
            if judged:
                placed = hand.judged(glance)
            elif glance.fits:
                placed = hand.believed(glance)
            else:
                broken += glance.obstacles or ([glance.hurdle] if glance.hurdle else [])
        if placed is not None:
            broken += self._of_visit(placed)
            broken += [one for one in placed.broken if not one.standing]
        return self._line(technician, len(mine), broken, placed, mine)

    def _line(
        self,
        technician: Technician,
        visits: int,
        broken: Sequence[Finding],
        placed: Placed | None = None,
        rows: Sequence[VisitLine] = (),
    ) -> dict[str, Any]:
        stop = self._mine(placed)
        return {
            "technician_id": technician.id,
            "name": technician.name,
            "fits": not broken,
            "added_cost": placed.added_cost if placed else None,
            "added_travel_s": placed.added_travel_s if placed else None,
            "starts_at": self.day.moment(stop.starts_s) if stop else None,
            "visits": visits,
            "reasons": [self._said(one, technician, rows) for one in broken],
            "notes": [self._said(one, technician, rows) for one in self._notes(placed)],
        }

    def _rows(self, people: Sequence[Technician]) -> dict[UUID, list[VisitLine]]:
        """Return what else stands on the day, by technician."""
        wanted = Visit.technician_id.in_([one.id for one in people])
        rows: dict[UUID, list[VisitLine]] = {}
        for row in lines(self.unit, *self._others(), wanted):
            if row.technician_id is not None:
                rows.setdefault(row.technician_id, []).append(row)
        return rows

    def _counts(self) -> dict[UUID, int]:
        """Return how many other visits everybody has on the day."""
        query = (
            select(Visit.technician_id, func.count())
            .where(*self._others())
            .group_by(Visit.technician_id)
        )
        return {who: count for who, count in self.unit.session.execute(query) if who is not None}

    def _others(self) -> list[ColumnElement[bool]]:
        return [
            Visit.day == self.day.day,
            Visit.deleted_at.is_(None),
            Visit.state.in_(OPEN_VISIT),
            Visit.id != self.visit.id,
        ]

    def _vans(
        self, people: Sequence[Technician], rows: Sequence[VisitLine]
    ) -> dict[UUID, dict[str, int]]:
        """Return what of the parts that are asked for is on each van."""
        wanted = part_ids([*rows, self.visit])
        return vans_of(self.unit, people, parts=wanted) if wanted else {}

    def _hand(
        self,
        technician: Technician,
        rows: Sequence[VisitLine],
        vans: dict[UUID, dict[str, int]],
        seconds: float | None = None,
    ) -> tuple[Hand | None, Finding | None]:
        """Return the technician's day with the visit in hand, or why there is none.

        With `seconds` the ways are the router's, if it tells them within that.
        """
        asked = [*rows, self.visit]
        problem = problem_of(self.day, [technician], asked, vans, now=self.now, terms=self.terms)
        if seconds is not None:
            ways = roads().laid(problem, seconds=seconds)
            problem, self.note = ways.problem, ways.note
        if cannot := self._cannot(technician, problem, works=bool(problem.engineers)):
            return None, cannot
        return Hand(self._locked(problem), str(self.visit.id)), None

    def _cannot(self, technician: Technician, problem: Problem, *, works: bool) -> Finding | None:
        """Return why there is no such day of the technician, or no such visit on it."""
        visit, name = self.visit, str(self.visit.id)
        if visit.state in UNDER_WAY:
            return Finding("under_way", name)
        if not works:
            meant_to = self.day.day.weekday() in technician.days
            away = meant_to and str(technician.id) in self.terms.away
            return Finding("absent" if away else "shift_over" if meant_to else "not_working")
        if all(one.id != name for one in problem.visits):
            return Finding("window_day", name)
        if visit.start_locked and visit.day != self.day.day:
            return Finding("locked_day", name)
        return None

    def _locked(self, problem: Problem) -> Problem:
        """Return the question with the visit locked to whom the office has settled it with."""
        holder = self.visit.technician_id
        if not self.visit.locked or holder is None:
            return problem
        visits = tuple(
            replace(one, lock_engineer=str(holder)) if one.id == str(self.visit.id) else one
            for one in problem.visits
        )
        return replace(problem, visits=visits)

    def _of_visit(self, placed: Placed) -> list[Finding]:
        """Return what a day cannot know: that the customer's window was on an earlier day."""
        stop, closes = self._mine(placed), self.visit.window_to
        if stop is None or closes is None or self.day.seconds(closes) > 0:
            return []
        return [Finding("window_over", str(self.visit.id))]

    def _notes(self, placed: Placed | None) -> list[Finding]:
        """Return what is good to know of a day, and of its ways."""
        if placed is None:
            return []
        return [*placed.notes, *([Finding("estimated")] if self.note else [])]

    def _mine(self, placed: Placed | None) -> Any:
        stops = placed.route.stops if placed else ()
        return next((stop for stop in stops if stop.visit_id == str(self.visit.id)), None)

    def _answer(
        self,
        technician: Technician,
        rows: Sequence[VisitLine],
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
            "notes": [self._said(one, technician, rows) for one in self._notes(placed)],
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

    def _said(
        self, one: Finding, technician: Technician, rows: Sequence[VisitLine]
    ) -> dict[str, Any]:
        """Return a finding in the reader's words."""
        return said(
            one,
            self.unit.actor.language,
            name=technician.name,
            titles={str(row.id): row.order.title for row in (*rows, self.visit)},
            clock=self._clock,
            sku=self._sku,
        )

    def _clock(self, seconds: int) -> str:
        return f"{self.day.moment(seconds).astimezone(self.day.zone):%H:%M}"

    def _sku(self, part_id: str) -> str:
        if self._skus is None:
            wanted = {UUID(str(item["part_id"])) for item in self.visit.order.parts}
            query = select(Part.id, Part.sku).where(Part.id.in_(wanted))
            self._skus = {str(key): sku for key, sku in self.unit.session.execute(query)}
        return self._skus.get(part_id, "")
