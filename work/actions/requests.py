"""From a fault report to an order, or to a clear no."""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from assets.models import Asset, AssetState
from assets.queries import asset_for
from core.errors import Conflict
from core.ids import hashed, new_id, new_secret
from core.numbers import next_number
from core.unit import Unit
from people import doors
from people.permissions import require
from work.actions.orders import open_order
from work.events import FaultReported
from work.models import CLOSED_ORDER, Confirmation, Request, RequestPhoto, RequestState, WorkOrder
from work.queries import request_for

OPEN_REQUEST = (RequestState.SUBMITTED, RequestState.TRIAGED, RequestState.ACCEPTED)


def report_fault(
    unit: Unit,
    asset: Asset,
    *,
    symptom: str,
    text: str = "",
    reporter_name: str | None = None,
    reporter_phone: str | None = None,
    language: str = "en",
    photos: list[str] | None = None,
    id: UUID | None = None,
) -> tuple[Request, str]:
    """Report a fault; one that is open already is joined. Return the request and the secret of its status page."""
    if unit.actor.kind != "public":
        require(unit.actor, "request.add")
    secret = new_secret()
    doors.open_door(unit, "status", secret)
    # Reports of one machine wait for one another, or two of the same fault would both be first.
    unit.take(Asset, asset.id)
    request = _open_request(unit, asset, symptom)
    details = {"text": text, "reporter_name": reporter_name, "reporter_phone": reporter_phone}
    if request is not None:
        request.confirmations += 1
        unit.add(
            Confirmation(
                id=id or new_id(),
                request_id=request.id,
                status_hash=hashed(secret),
                created_at=unit.happened_at,
                **details,
            )
        )
    else:
        request = unit.add(
            Request(
                id=id or new_id(),
                no=next_number(unit, "RQ"),
                asset_id=asset.id,
                symptom=symptom,
                language=language,
                state=RequestState.SUBMITTED,
                confirmations=0,
                status_hash=hashed(secret),
                created_at=unit.happened_at,
                **details,
            )
        )
        if asset.state is AssetState.OPERATING:
            asset.state = AssetState.DEGRADED
        unit.record(FaultReported(request.id))
    for sha256 in photos or []:
        unit.add(
            RequestPhoto(
                id=new_id(), request_id=request.id, sha256=sha256, created_at=unit.happened_at
            )
        )
    unit.session.flush()
    return request, secret


def _open_request(unit: Unit, asset: Asset, symptom: str) -> Request | None:
    """Return the open report of the same fault: same machine, same symptom, its order not done yet."""
    query = (
        select(Request)
        .outerjoin(
            WorkOrder, (WorkOrder.org_id == Request.org_id) & (WorkOrder.id == Request.order_id)
        )
        .where(
            Request.asset_id == asset.id,
            Request.symptom == symptom,
            Request.state.in_(OPEN_REQUEST),
            (Request.order_id.is_(None)) | (WorkOrder.state.not_in(CLOSED_ORDER)),
        )
        .order_by(Request.created_at)
        .limit(1)
    )
    return unit.session.scalar(query)


def accept_request(
    unit: Unit, request_id: UUID, *, id: UUID | None = None, **plan: Any
) -> WorkOrder:
    """Turn a report into an order with a visit to plan.

    Raises NotFound, Conflict.
    """
    require(unit.actor, "request.change")
    request = request_for(unit, request_id, change=True)
    if request.state not in (RequestState.SUBMITTED, RequestState.TRIAGED):
        raise Conflict("This request was dealt with already.", state=request.state.value)
    asset = asset_for(unit, request.asset_id)
    plan.setdefault("title", f"{asset.name}: {request.symptom.replace('_', ' ')}")
    plan.setdefault("description", request.text)
    order = open_order(unit, id=id, asset_id=asset.id, symptom=request.symptom, **plan)
    # The promise runs from when the customer spoke, not from when we listened.
    order.opened_at = min(request.created_at, order.opened_at)
    request.state = RequestState.ACCEPTED
    unit.session.flush()
    request.order_id = order.id
    return order


def reject_request(unit: Unit, request_id: UUID, *, reason: str) -> Request:
    """Say no to a report, with the reason the reporter will read.

    Raises NotFound, Conflict.
    """
    require(unit.actor, "request.change")
    request = request_for(unit, request_id, change=True)
    if request.state not in (RequestState.SUBMITTED, RequestState.TRIAGED):
        raise Conflict("This request was dealt with already.", state=request.state.value)
    request.state, request.rejection = RequestState.REJECTED, reason
    return request
