"""What happened to an order, from what the rooms keep: visits, comments, holds, photos, signatures."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from core.unit import Unit
from parts.models import Part
from people.models import Technician
from people.permissions import is_customer_only
from work.models import Hold, Photo, SignOff, Visit, WorkOrder
from work.queries import comments_of, order_for, parts_used_on, visits_of

STEPS = (
    ("travel_started_at", "travelled"),
    ("arrived_at", "arrived"),
    ("work_started_at", "started"),
    ("completed_at", "completed"),
)


def timeline_of(unit: Unit, order_id: UUID) -> list[dict[str, Any]]:
    """Return everything that happened to an order, oldest first."""
    order = order_for(unit, order_id)
    return sorted(_items(unit, order), key=lambda item: (item["at"], item["kind"]))


def _item(at: datetime, kind: str, who: str, what: str, **details: Any) -> dict[str, Any]:
    return {"at": at, "kind": kind, "who": who, "what": what, "details": details}


def _items(unit: Unit, order: WorkOrder) -> Iterator[dict[str, Any]]:
    yield _item(order.opened_at, "opened", "", order.title)
    for visit in visits_of(unit, order.id):
        yield from _visit_items(unit, visit)
    # What we say among ourselves is not the customer's to read.
    said = [] if is_customer_only(unit.actor) else comments_of(unit, order.id)
    for comment in said:
        yield _item(comment.at, "comment", comment.author, comment.text)
    for hold in unit.session.scalars(select(Hold).where(Hold.order_id == order.id)):
        yield _item(hold.begun_at, "held", "", hold.reason.value)
        if hold.ended_at is not None:
            yield _item(hold.ended_at, "released", "", hold.reason.value)
    for use in parts_used_on(unit, order.id):
        part = unit.must(Part, use.part_id, "No such part.")
        yield _item(use.used_at, "part", "", part.name, qty=use.qty, sku=part.sku)
    for photo in unit.session.scalars(select(Photo).where(Photo.order_id == order.id)):
        yield _item(
            photo.taken_at, "photo", "", photo.kind, sha256=photo.sha256, state=photo.state.value
        )
    for signoff in unit.session.scalars(select(SignOff).where(SignOff.order_id == order.id)):
        yield _item(
            signoff.sealed_at_device,
            "signed",
            signoff.signer_name or "",
            signoff.refusal or "",
            number=signoff.number,
        )
        if signoff.verdict_at is not None:
            yield _item(
                signoff.verdict_at, "verdict", "", signoff.verdict or "", rating=signoff.rating
            )
    if order.closed_at is not None:
        yield _item(order.closed_at, "closed", "", order.cancelled_because or order.state.value)


def _visit_items(unit: Unit, visit: Visit) -> Iterator[dict[str, Any]]:
    technician = unit.get(Technician, visit.technician_id) if visit.technician_id else None
    who = technician.name if technician else ""
    for name, kind in STEPS:
        moment = getattr(visit, name)
        if moment is not None:
            what = visit.findings or "" if kind == "completed" else ""
            yield _item(moment, kind, who, what, visit_no=visit.no, state=visit.state.value)
