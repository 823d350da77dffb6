"""Reads of requests, orders and visits: each asks first whether the actor may see."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import joinedload, selectinload

from assets.models import Asset
from assets.queries import asset_for
from core.errors import Forbidden, Gone, NotFound
from core.pages import Page, page
from core.unit import Unit
from people.permissions import is_customer_only, is_field_only, require
from work.models import (
    CLAIMABLE,
    CLOSED_ORDER,
    Attention,
    Comment,
    OrderState,
    PartUse,
    Photo,
    Reading,
    Request,
    RequestPhoto,
    RequestState,
    SignOff,
    TimeEntry,
    Visit,
    WorkOrder,
)


def orders(
    unit: Unit,
    *,
    state: str | None = None,
    open: str | None = None,
    asset_id: UUID | None = None,
    customer_id: UUID | None = None,
    search: str = "",
    limit: int = 50,
    cursor: str | None = None,
) -> Page[WorkOrder]:
    """Return orders, newest first."""
    require(unit.actor, "order.read")
    query = select(WorkOrder).where(WorkOrder.deleted_at.is_(None))
    if is_customer_only(unit.actor):
        query = query.where(WorkOrder.customer_id == unit.actor.customer_id)
    if is_field_only(unit.actor):
        query = query.where(WorkOrder.id.in_(_orders_of_technician(unit)))
    if state is not None:
        query = query.where(WorkOrder.state == OrderState(state))
    if open is not None:
        wanted = (
            WorkOrder.state.not_in(CLOSED_ORDER)
            if open == "true"
            else WorkOrder.state.in_(CLOSED_ORDER)
        )
        query = query.where(wanted)
    if asset_id is not None:
        query = query.where(WorkOrder.asset_id == asset_id)
    if customer_id is not None:
        query = query.where(WorkOrder.customer_id == customer_id)
    if search:
        query = query.where(
            or_(*(c.icontains(search, autoescape=True) for c in (WorkOrder.no, WorkOrder.title)))
        )
    return page(
        unit, query, (WorkOrder.opened_at.desc(), WorkOrder.id.desc()), limit=limit, cursor=cursor
    )


def _orders_of_technician(unit: Unit) -> Any:
    return select(Visit.order_id).where(Visit.technician_id == unit.actor.engineer)


def order_for(unit: Unit, order_id: UUID, *, change: bool = False) -> WorkOrder:
    """Return the order if this actor may see it; locked when it is going to change.

    Raises NotFound, Forbidden.
    """
    require(unit.actor, "order.read")
    order = unit.take(WorkOrder, order_id) if change else unit.get(WorkOrder, order_id)
    if order is None:
        raise NotFound("No such work order.")
    if is_customer_only(unit.actor) and order.customer_id != unit.actor.customer_id:
        raise NotFound("No such work order.")
    if is_field_only(unit.actor):
        mine = Visit.technician_id == unit.actor.engineer
        if not change and unit.actor.technician_id is not None:
            mine = or_(mine, in_pool())
        if (
            unit.session.scalar(select(Visit.id).where(Visit.order_id == order.id, mine).limit(1))
            is None
        ):
            raise Forbidden("This order belongs to another technician.")
    if order.deleted_at is not None:
        raise Gone("This order is not there any more.")
    return order


def in_pool() -> ColumnElement[bool]:
    """Return the condition under which a visit is anybody's to take."""
    return and_(
        Visit.technician_id.is_(None), Visit.state.in_(CLAIMABLE), Visit.deleted_at.is_(None)
    )


def visits_of(unit: Unit, order_id: UUID) -> Sequence[Visit]:
    """Return the visits of an order, first to last."""
    visits = unit.rows_of(Visit.order_id, order_id)
    return sorted((v for v in visits if v.deleted_at is None), key=lambda visit: visit.no)


def visits(
    unit: Unit,
    *,
    day: date | None = None,
    technician_id: UUID | None = None,
    order_id: UUID | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Visit]:
    """Return visits; those of a day in the order they will be made."""
    require(unit.actor, "visit.read")
    query = select(Visit).where(Visit.deleted_at.is_(None))
    if is_field_only(unit.actor):
        query = query.where(Visit.technician_id == unit.actor.engineer)
    if is_customer_only(unit.actor):
        theirs = select(WorkOrder.id).where(WorkOrder.customer_id == unit.actor.customer_id)
        query = query.where(Visit.order_id.in_(theirs))
    if day is not None:
        query = query.where(Visit.day == day)
    if technician_id is not None:
        query = query.where(Visit.technician_id == technician_id)
    if order_id is not None:
        query = query.where(Visit.order_id == order_id)
    return page(unit, query, (Visit.no, Visit.id), limit=limit, cursor=cursor)


def visit_for(unit: Unit, visit_id: UUID, *, change: bool = False) -> Visit:
    """Return the visit if this actor may see it; locked when it is going to change.

    Raises NotFound, Forbidden.
    """
    require(unit.actor, "visit.work" if change else "visit.read")
    visit = unit.take(Visit, visit_id) if change else unit.get(Visit, visit_id)
    if visit is None:
        raise NotFound("No such visit.")
    if is_field_only(unit.actor) and visit.technician_id != unit.actor.engineer:
        open_to_all = visit.technician_id is None and visit.state in CLAIMABLE
        if change or unit.actor.technician_id is None or not open_to_all:
            raise Forbidden("This visit belongs to another technician.")
    if is_customer_only(unit.actor):
        order_for(unit, visit.order_id)
    if visit.deleted_at is not None:
        raise Gone("This visit is not there any more.")
    return visit


def requests(
    unit: Unit, *, state: str | None = None, limit: int = 50, cursor: str | None = None
) -> Page[Request]:
    """Return what was reported, newest first."""
    require(unit.actor, "request.read")
    query = select(Request).options(joinedload(Request.asset), selectinload(Request.photos))
    if is_customer_only(unit.actor):
        query = query.where(
            Request.asset_id.in_(
                select(Asset.id).where(Asset.customer_id == unit.actor.customer_id)
            )
        )
    if state is not None:
        query = query.where(Request.state == RequestState(state))
    return page(
        unit, query, (Request.created_at.desc(), Request.id.desc()), limit=limit, cursor=cursor
    )


def request_for(unit: Unit, request_id: UUID, *, change: bool = False) -> Request:
    """Return one report.

    Raises NotFound.
    """
    require(unit.actor, "request.read")
    if change:
        unit.take(Request, request_id)
    request = unit.get(
        Request, request_id, options=[joinedload(Request.asset), selectinload(Request.photos)]
    )
    if request is None:
        raise NotFound("No such request.")
    unit.session.refresh(request, ["asset", "photos"])
    if is_customer_only(unit.actor) and request.asset.customer_id != unit.actor.customer_id:
        raise NotFound("No such request.")
    return request


def request_view(request: Request) -> dict[str, Any]:
    """Return a report with what its reader needs to see."""
    names = (
        "id",
        "version",
        "no",
        "asset_id",
        "symptom",
        "text",
        "reporter_name",
        "reporter_phone",
        "language",
        "state",
    )
    more = ("confirmations", "order_id", "rejection", "created_at")
    photos = [{"sha256": photo.sha256} for photo in request.photos]
    return {name: getattr(request, name) for name in (*names, *more)} | {
        "asset_name": request.asset.name,
        "photos": photos,
    }


def comments_of(unit: Unit, order_id: UUID) -> Sequence[Comment]:
    """Return what was said about an order, among ourselves: whoever may speak may listen."""
    require(unit.actor, "comment.add")
    return unit.session.scalars(
        select(Comment).where(Comment.order_id == order_id).order_by(Comment.at, Comment.id)
    ).all()


def readings(
    unit: Unit, asset_id: UUID, *, limit: int = 50, cursor: str | None = None
) -> Page[Reading]:
    """Return what a machine's meters showed, newest first.

    Raises NotFound.
    """
    asset_for(unit, asset_id)
    query = select(Reading).where(Reading.asset_id == asset_id)
    return page(unit, query, (Reading.at.desc(), Reading.id.desc()), limit=limit, cursor=cursor)


def times_of(unit: Unit, visit_id: UUID) -> Sequence[TimeEntry]:
    """Return how an engineer spent the time on a visit, among ourselves.

    Raises NotFound, Forbidden.
    """
    require(unit.actor, "comment.add")
    visit_for(unit, visit_id)
    return unit.session.scalars(
        select(TimeEntry)
        .where(TimeEntry.visit_id == visit_id)
        .order_by(TimeEntry.begun_at, TimeEntry.id)
    ).all()


def photos_of(unit: Unit, visit_id: UUID) -> Sequence[Photo]:
    """Return the pictures taken on a visit."""
    return unit.session.scalars(
        select(Photo).where(Photo.visit_id == visit_id).order_by(Photo.taken_at, Photo.id)
    ).all()


def parts_used_on(unit: Unit, order_id: UUID) -> Sequence[PartUse]:
    """Return the parts that an order's visits used."""
    return unit.session.scalars(
        select(PartUse).where(PartUse.order_id == order_id).order_by(PartUse.used_at, PartUse.id)
    ).all()


def signoff_of(unit: Unit, visit_id: UUID) -> SignOff | None:
    """Return the newest sign-off of a visit."""
    query = (
        select(SignOff).where(SignOff.visit_id == visit_id).order_by(SignOff.number.desc()).limit(1)
    )
    return unit.session.scalar(query)


def attention(unit: Unit, *, limit: int = 50, cursor: str | None = None) -> Page[Attention]:
    """Return what a person has to look at; a technician sees their own."""
    require(unit.actor, "attention.read")
    query = select(Attention).where(Attention.state == "open")
    if is_field_only(unit.actor):
        query = query.where(Attention.technician_id == unit.actor.engineer)
    return page(
        unit, query, (Attention.created_at.desc(), Attention.id.desc()), limit=limit, cursor=cursor
    )


def may_see_file(unit: Unit, sha256: str) -> None:
    """Let the actor have a file that hangs on anything they may see.

    Raises NotFound.
    """
    require(unit.actor, "file.read")
    of_photos = unit.session.scalars(
        select(Photo.order_id).where(Photo.sha256 == sha256).distinct()
    )
    if any(_seen(order_for, unit, order_id) for order_id in of_photos):
        return
    of_requests = unit.session.scalars(
        select(RequestPhoto.request_id).where(RequestPhoto.sha256 == sha256).distinct()
    )
    for request_id in of_requests:
        request = unit.must(Request, request_id, "No such file.")
        if request.order_id is not None and _seen(order_for, unit, request.order_id):
            return
        if _seen(request_for, unit, request_id):
            return
    raise NotFound("No such file.")


def _seen(read: Callable[[Unit, UUID], object], unit: Unit, row_id: UUID) -> bool:
    try:
        read(unit, row_id)
    except (Forbidden, NotFound):
        return False
    return True
