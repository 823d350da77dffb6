"""Orders that find their engineer by themselves: by rules of the office, with stand-by and contractors.

A rule says which orders it means and what it may do; the best candidate is taken only when no rule
of the plan is broken. Whatever is decided leaves a trace with the reason, and can be taken back.
"""

import enum
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

from assets.models import Site
from core import clock
from core.errors import Conflict, Invalid, NotFound
from core.ids import new_id
from core.languages import say
from core.models import Base, Identified, Versioned, refers_to
from core.unit import Unit
from dispatch.actions import move_visits
from dispatch.engine.problem import Place
from dispatch.engine.travel import travel_matrix
from dispatch.questions import candidates, check_placing
from dispatch.travel.roads import KNOWN_ONLY_S
from dispatch.wishes import wishes_for
from people.models import Technician, TechnicianKind
from people.permissions import require
from people.queries import organisation_of, technician_for, territories
from work.actions import edit_visit
from work.models import CLOSED_ORDER, WAITING, OrderKind, OrderState, Visit, VisitState, WorkOrder
from work.queries import visit_for, visits_of

# Nobody looks further ahead than a week by rule; that is what plans are for.
MOST_HOURS = 168
SHOWN = 50


class AssignmentRule(Versioned, Base):
    """Which orders find their engineer by themselves, and how far that may go.

    Empty `kinds` and `territories` mean all. `urgency` is the least urgent priority it means (1 is the
    most urgent). The visit must begin within `within_hours` of the order, and before the order is due;
    it may add at most `most_added_min` minutes of driving, overtime and lateness to a day.
    """

    __tablename__ = "assignment_rule"
    name: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    rank: Mapped[int] = mapped_column(sa.Integer)
    kinds: Mapped[list[str]]
    urgency: Mapped[int] = mapped_column(sa.Integer)
    territories: Mapped[list[str]]
    within_hours: Mapped[int] = mapped_column(sa.Integer)
    most_added_min: Mapped[int] = mapped_column(sa.Integer)
    use_standby: Mapped[bool] = mapped_column(default=True)
    use_contractors: Mapped[bool] = mapped_column(default=True)
    __table_args__ = (sa.UniqueConstraint("org_id", "name"),)


class Standby(Identified, Base):
    """Somebody is on call from one moment to another, also outside their shift."""

    __tablename__ = "standby"
    technician_id: Mapped[UUID] = refers_to("technician")
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    __table_args__ = (sa.Index("ix_standby_span", "org_id", "ends_at", "begins_at"),)


class How(enum.StrEnum):
    """By which way an order found somebody, or that it found nobody."""

    OWN = "own"
    STANDBY = "standby"
    CONTRACTOR = "contractor"
    NOBODY = "nobody"


class Assignment(Identified, Base):
    """What a rule decided about an order: who and why, who came next, or what stood against everybody.

    `reasons` are codes and figures, said in the reader's words when they are read.
    """

    __tablename__ = "assignment"
    order_id: Mapped[UUID] = refers_to("work_order")
    visit_id: Mapped[UUID] = refers_to("visit")
    rule_id: Mapped[UUID] = refers_to("assignment_rule")
    technician_id: Mapped[UUID | None] = refers_to("technician")
    runner_up_id: Mapped[UUID | None] = refers_to("technician")
    how: Mapped[How]
    starts_at: Mapped[datetime | None]
    added_min: Mapped[int | None] = mapped_column(sa.Integer)
    runner_up_added_min: Mapped[int | None] = mapped_column(sa.Integer)
    reasons: Mapped[list[dict[str, Any]]]
    decided_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[UUID | None]
    __table_args__ = (
        sa.UniqueConstraint("org_id", "order_id"),
        sa.Index("ix_assignment_decided", "org_id", "decided_at"),
    )


def make_rule(unit: Unit, **details: Any) -> AssignmentRule:
    """State a rule; the last one made is asked last.

    Raises Invalid for a kind or a territory that there is not, Conflict for a name that is taken.
    """
    require(unit.actor, "rule.change")
    _check(unit, details)
    last = unit.session.scalar(select(sa.func.max(AssignmentRule.rank))) or 0
    return unit.add(AssignmentRule(id=new_id(), rank=last + 1, **({"active": True} | details)))


def change_rule(unit: Unit, rule_id: UUID, **changes: Any) -> AssignmentRule:
    """Change a rule, or switch it off.

    Raises NotFound, Invalid, Conflict for a name that is taken.
    """
    require(unit.actor, "rule.change")
    rule = unit.take(AssignmentRule, rule_id)
    if rule is None:
        raise NotFound("No such rule.")
    _check(unit, changes, rule_id)
    for name, value in changes.items():
        setattr(rule, name, value)
    return rule


def _check(unit: Unit, details: dict[str, Any], own: UUID | None = None) -> None:
    same = select(AssignmentRule.id).where(AssignmentRule.name == details.get("name"))
    if unit.session.scalar(same) not in (None, own):
        raise Conflict("There is a rule of this name already.", name=details["name"])
    if unknown := set(details.get("kinds") or ()) - {kind.value for kind in OrderKind}:
        raise Invalid("There is no kind of order named {kind}.", kind=sorted(unknown)[0])
    known = {territory.name for territory in territories(unit)}
    if strange := set(details.get("territories") or ()) - known:
        raise Invalid("There is no territory named {territory}.", territory=sorted(strange)[0])


def rules(unit: Unit) -> list[AssignmentRule]:
    """Return the rules in the order in which they are asked."""
    require(unit.actor, "rule.read")
    query = select(AssignmentRule).order_by(AssignmentRule.rank, AssignmentRule.name)
    return list(unit.session.scalars(query))


def put_on_call(
    unit: Unit, *, technician_id: UUID, begins_at: datetime, ends_at: datetime
) -> Standby:
    """Put somebody on call.

    Raises NotFound, Invalid for a span that ends before it begins, lasts over a fortnight, is over or
    is far away, Conflict when they are on call already.
    """
    require(unit.actor, "rule.change")
    technician_for(unit, technician_id)
    if not begins_at < ends_at <= begins_at + timedelta(days=14):
        message = "A stand-by ends after it begins, and within a fortnight."
        raise Invalid(message, fields={"ends_at": [message]})
    if ends_at <= unit.happened_at:
        message = "This stand-by is over already."
        raise Invalid(message, fields={"ends_at": [message]})
    if begins_at > unit.happened_at + timedelta(days=366):
        message = "A stand-by begins within a year."
        raise Invalid(message, fields={"begins_at": [message]})
    same = (
        Standby.technician_id == technician_id,
        Standby.begins_at < ends_at,
        Standby.ends_at > begins_at,
    )
    if unit.session.scalar(select(Standby.id).where(*same).limit(1)):
        raise Conflict("They are on call then already.")
    return unit.add(
        Standby(id=new_id(), technician_id=technician_id, begins_at=begins_at, ends_at=ends_at)
    )


def take_off_call(unit: Unit, standby_id: UUID) -> None:
    """Take somebody off call.

    Raises NotFound.
    """
    require(unit.actor, "rule.change")
    standby = unit.take(Standby, standby_id)
    if standby is None:
        raise NotFound("No such stand-by.")
    unit.session.delete(standby)


def roster(unit: Unit) -> list[Standby]:
    """Return who is or will be on call, by time."""
    require(unit.actor, "rule.read")
    query = select(Standby).where(Standby.ends_at > clock.now())
    return list(unit.session.scalars(query.order_by(Standby.begins_at, Standby.id)))


@dataclass(frozen=True, slots=True)
class _Offer:
    """Somebody who can go, when, at which cost to their day; None where nobody plans that day."""

    technician_id: UUID
    starts_at: datetime
    added_min: int | None
    fee_micro: int = 0


def assign(unit: Unit, order_id: UUID) -> Assignment | None:
    """Find an order's engineer by the first rule that means it; decided once, None where no rule does.

    Nobody is sent against a rule of the plan. Own engineers come first, then who is on call, then
    contractors; where nobody fits, the visit stays unplaced and the reasons are kept.
    """
    if known := unit.session.scalar(select(Assignment).where(Assignment.order_id == order_id)):
        return known
    order = unit.get(WorkOrder, order_id)
    visit = next(iter(visits_of(unit, order_id)), None) if order else None
    if order is None or visit is None or order.state in {*CLOSED_ORDER, OrderState.ON_HOLD}:
        return None
    # Somebody who has taken it meanwhile keeps it.
    if visit.state not in WAITING or visit.technician_id is not None or visit.day is not None:
        return None
    site = unit.must(Site, order.site_id, "No such site.")
    rule = next((one for one in rules(unit) if _means(one, order, site)), None)
    if rule is None:
        return None
    until = order.opened_at + timedelta(hours=rule.within_hours)
    until = min(until, order.due_at) if order.due_at else until
    own, contractors, reasons = _offers(unit, visit, rule, until)
    for how, offers in (
        (How.OWN, own),
        (How.STANDBY, _on_call(unit, order, until) if rule.use_standby else []),
        (How.CONTRACTOR, contractors if rule.use_contractors else []),
    ):
        if offers:
            return _take(unit, rule, order, visit, how, offers)
    return unit.add(_trace(unit, rule, order, visit, How.NOBODY, reasons=reasons))


def _means(rule: AssignmentRule, order: WorkOrder, site: Site) -> bool:
    return (
        rule.active
        and order.priority <= rule.urgency
        and (not rule.kinds or order.kind.value in rule.kinds)
        and (not rule.territories or site.territory in rule.territories)
    )


def _offers(
    unit: Unit, visit: Visit, rule: AssignmentRule, until: datetime
) -> tuple[list[_Offer], list[_Offer], list[dict[str, Any]]]:
    """Return who can go without breaking a rule, the best first, and what stands against the others."""
    zone = ZoneInfo(organisation_of(unit).timezone)
    hired = {
        row.id: row
        for row in unit.session.scalars(select(Technician).where(Technician.deleted_at.is_(None)))
    }
    own: list[_Offer] = []
    contractors: list[_Offer] = []
    reasons: list[dict[str, Any]] = []
    day, last = clock.now().astimezone(zone).date(), until.astimezone(zone).date()
    while day <= last:
        reasons = []
        for one in candidates(unit, visit.id, day=day, patience_s=KNOWN_ONLY_S)["candidates"]:
            offer, against = _judged(one, rule, until, hired[one["technician_id"]])
            if offer is None:
                reasons.append(against)
            elif hired[offer.technician_id].kind is TechnicianKind.CONTRACTOR:
                contractors.append(offer)
            else:
                own.append(offer)
        if own:
            break
        day += timedelta(days=1)
    own.sort(key=lambda one: (one.added_min or 0, one.starts_at))
    contractors.sort(key=lambda one: (one.fee_micro, one.added_min or 0, one.starts_at))
    return own, contractors, reasons


def _judged(
    one: dict[str, Any], rule: AssignmentRule, until: datetime, technician: Technician
) -> tuple[_Offer | None, dict[str, Any]]:
    against: dict[str, Any] = {"technician_id": str(technician.id), "name": technician.name}
    if not one["fits"] or one["starts_at"] is None:
        first = one["reasons"][0] if one["reasons"] else {"message": "", "code": "rule"}
        return None, against | {"code": first["code"], "message": first["message"]}
    added = -(-max(0, one["added_cost"] or 0) // 60)
    if one["starts_at"] > until:
        return None, against | {"code": "too_late"}
    if added > rule.most_added_min:
        return None, against | {"code": "too_far", "minutes": added}
    fee = technician.hourly_cost_micro
    return _Offer(technician.id, one["starts_at"], added, fee), against


def _on_call(unit: Unit, order: WorkOrder, until: datetime) -> list[_Offer]:
    """Return who is on call before the order is due, can do the work, and is nowhere else."""
    now = clock.now()
    query = (
        select(Standby, Technician)
        .join(
            Technician,
            (Technician.org_id == Standby.org_id) & (Technician.id == Standby.technician_id),
        )
        .where(Standby.ends_at > now, Standby.begins_at <= until, Technician.deleted_at.is_(None))
        .order_by(Standby.begins_at, Technician.name)
    )
    site = unit.must(Site, order.site_id, "No such site.")
    _, unwanted = wishes_for(unit).of(order.customer_id, order.site_id)
    offers = []
    for standby, technician in unit.session.execute(query):
        starts_at = max(now, standby.begins_at) + _drive(technician, site)
        zone = ZoneInfo(organisation_of(unit).timezone)
        if starts_at > until or str(technician.id) in unwanted:
            continue
        if _can(technician, order, site, starts_at.astimezone(zone).date()) and _is_free(
            unit, technician.id, starts_at, order.duration_min
        ):
            offers.append(_Offer(technician.id, starts_at, None))
    return offers


def _drive(technician: Technician, site: Site) -> timedelta:
    """Return the way from home by the stated model, in whole minutes."""
    ends = [Place(technician.home_lat, technician.home_lng), Place(site.lat, site.lng)]
    return timedelta(minutes=-(-int(travel_matrix(ends)[0][1]) // 60))


def _can(technician: Technician, order: WorkOrder, site: Site, day: date) -> bool:
    has = {
        skill["code"]: skill["level"]
        for skill in technician.skills
        if not skill.get("expires_on") or date.fromisoformat(str(skill["expires_on"])) >= day
    }
    able = all(has.get(skill["code"], 0) >= skill.get("level", 1) for skill in order.skills)
    there = not technician.territories or site.territory in (None, *technician.territories)
    return able and there


def _is_free(unit: Unit, technician_id: UUID, starts_at: datetime, minutes: int) -> bool:
    ends_at = starts_at + timedelta(minutes=minutes)
    query = select(Visit).where(
        Visit.technician_id == technician_id,
        Visit.deleted_at.is_(None),
        Visit.completed_at.is_(None),
        Visit.state != VisitState.CANCELLED,
        Visit.arrives_at.is_not(None),
        Visit.arrives_at < ends_at,
    )
    return all(
        visit.arrives_at is None
        or visit.arrives_at + timedelta(minutes=visit.duration_min) <= starts_at
        for visit in unit.session.scalars(query)
    )


def _take(
    unit: Unit,
    rule: AssignmentRule,
    order: WorkOrder,
    visit: Visit,
    how: How,
    offers: list[_Offer],
) -> Assignment:
    best, *others = offers
    zone = ZoneInfo(organisation_of(unit).timezone)
    day = best.starts_at.astimezone(zone).date()
    if how is How.STANDBY:
        edit_visit(
            unit,
            visit.id,
            technician_id=best.technician_id,
            day=day,
            arrives_at=best.starts_at,
        )
    else:
        _lay_in(unit, visit, best.technician_id, day)
    runner_up = next((one for one in others if one.technician_id != best.technician_id), None)
    return unit.add(_trace(unit, rule, order, visit, how, best=best, runner_up=runner_up))


def _lay_in(unit: Unit, visit: Visit, technician_id: UUID, day: date) -> None:
    """Put the visit where it fits best, and what it pushes a little later, as a dispatcher's hand does."""
    said = check_placing(
        unit,
        visit_id=visit.id,
        technician_id=technician_id,
        day=day,
        patience_s=KNOWN_ONLY_S,
    )
    pushed = {note["visit_id"] for note in said["notes"] if note["code"] == "pushed"}
    moves = [
        {
            "visit_id": UUID(stop["visit_id"]),
            "version": stop["version"],
            "technician_id": technician_id,
            "day": day,
            "arrives_at": stop["starts_at"],
            "departs_at": stop["departs_at"],
            "travel_s": stop["travel_s"],
            "position": None,
        }
        for stop in said["stops"]
        if stop["visit_id"] in {str(visit.id), *pushed}
    ]
    move_visits(unit, moves=moves)


def _trace(
    unit: Unit,
    rule: AssignmentRule,
    order: WorkOrder,
    visit: Visit,
    how: How,
    *,
    best: _Offer | None = None,
    runner_up: _Offer | None = None,
    reasons: list[dict[str, Any]] | None = None,
) -> Assignment:
    return Assignment(
        id=new_id(),
        order_id=order.id,
        visit_id=visit.id,
        rule_id=rule.id,
        technician_id=best.technician_id if best else None,
        runner_up_id=runner_up.technician_id if runner_up else None,
        how=how,
        starts_at=best.starts_at if best else None,
        added_min=best.added_min if best else None,
        runner_up_added_min=runner_up.added_min if runner_up else None,
        reasons=reasons or [],
        decided_at=unit.happened_at,
    )


def undo(unit: Unit, assignment_id: UUID) -> Assignment:
    """Take back what a rule decided: the visit waits again, and no rule decides it a second time.

    Raises NotFound, Conflict when nobody was sent, when it was taken back already, when the engineer is
    under way, or when somebody has since put the visit elsewhere.
    """
    require(unit.actor, "order.change")
    assignment = unit.take(Assignment, assignment_id)
    if assignment is None:
        raise NotFound("No such assignment.")
    if assignment.technician_id is None or assignment.undone_at is not None:
        raise Conflict("There is nothing to take back.")
    visit = visit_for(unit, assignment.visit_id, change=True)
    if visit.technician_id != assignment.technician_id:
        raise Conflict("Somebody has put this visit elsewhere since.")
    edit_visit(unit, visit.id, technician_id=None, day=None, arrives_at=None)
    assignment.undone_at, assignment.undone_by = unit.happened_at, unit.actor.account_id
    return assignment


HOW = {
    How.OWN: "{name} breaks no rule and adds {minutes} min.",
    How.STANDBY: "Nobody on shift can be there in time; {name} is on call.",
    How.CONTRACTOR: "No engineer of our own can be there in time; {name} is the cheapest contractor.",
    How.NOBODY: "Nobody can be there in time without breaking a rule.",
}
AGAINST = {
    "too_late": "{name} could only come later.",
    "too_far": "{name} would add {minutes} min, more than the rule allows.",
}


def assignments(unit: Unit, *, since: datetime | None = None) -> list[dict[str, Any]]:
    """Return what rules decided lately, newest first, in the reader's words."""
    require(unit.actor, "rule.read")
    query = select(Assignment).order_by(Assignment.decided_at.desc(), Assignment.id.desc())
    if since is not None:
        query = query.where(Assignment.decided_at >= since)
    rows = list(unit.session.scalars(query.limit(SHOWN)))
    names = {row.id: row.name for row in unit.session.execute(_names(Technician))}
    ruled = {row.id: row.name for row in unit.session.execute(_names(AssignmentRule))}
    return [assignment_view(unit, row, names, ruled) for row in rows]


def _names(model: Any) -> Any:
    return select(model.id, model.name)


def assignment_view(
    unit: Unit, row: Assignment, names: dict[UUID, str], ruled: dict[UUID, str]
) -> dict[str, Any]:
    """Return one decision with its reason in words."""
    language = unit.actor.language
    order = unit.get(WorkOrder, row.order_id)
    figures = {
        "name": names.get(row.technician_id, "") if row.technician_id else "",
        "minutes": row.added_min or 0,
    }
    return {
        "id": row.id,
        "order_id": row.order_id,
        "order_no": order.no if order else "",
        "title": order.title if order else "",
        "visit_id": row.visit_id,
        "rule": ruled.get(row.rule_id, ""),
        "how": row.how.value,
        "technician_id": row.technician_id,
        "runner_up_id": row.runner_up_id,
        "runner_up": names.get(row.runner_up_id) if row.runner_up_id else None,
        "runner_up_added_min": row.runner_up_added_min,
        "starts_at": row.starts_at,
        "added_min": row.added_min,
        "message": say(HOW[row.how], language, figures),
        "reasons": [
            {
                "technician_id": UUID(one["technician_id"]),
                "code": one["code"],
                "message": say(AGAINST.get(one["code"], one.get("message", "")), language, one),
            }
            for one in row.reasons
        ],
        "decided_at": row.decided_at,
        "undone_at": row.undone_at,
    }
