"""What open matters are about, as the office reads it: which order or thing, where, and whose word."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from assets.models import Asset, Site
from core.unit import Unit
from people.models import Device, Technician
from people.permissions import is_field_only
from work.models import Attention, Visit, WorkOrder

R = TypeVar("R", Asset, Device, Site, Technician, Visit)


def abouts(unit: Unit, rows: Sequence[Attention]) -> dict[UUID, dict[str, Any]]:
    """Return what each matter is about, by its id.

    A technician is told nothing more: their matters may speak of orders that are another's by now.
    """
    if is_field_only(unit.actor):
        return {}
    subjects: dict[str, set[UUID]] = {}
    for row in rows:
        subjects.setdefault(row.entity, set()).add(row.entity_id)
    visits = _found(unit, Visit, subjects.get("visit", ()))
    orders = _orders(
        unit, {visit.order_id for visit in visits.values()} | subjects.get("work_order", set())
    )
    assets = _found(unit, Asset, subjects.get("asset", ()))
    sites = _found(unit, Site, (asset.site_id for asset in assets.values()))
    devices = _found(unit, Device, subjects.get("device", ()))
    engineers = _found(unit, Technician, (row.technician_id for row in rows if row.technician_id))

    found: dict[UUID, dict[str, Any]] = {}
    for row in rows:
        about: dict[str, Any] = {}
        visit = visits.get(row.entity_id)
        if (order := orders.get(visit.order_id if visit else row.entity_id)) is not None:
            about = {
                "order_id": order.id,
                "order_no": order.no,
                "title": order.title,
                "customer_name": order.customer.name,
                "site_name": order.site.name,
            }
        elif (asset := assets.get(row.entity_id)) is not None:
            about = {"title": asset.name, "site_name": sites[asset.site_id].name}
        elif (device := devices.get(row.entity_id)) is not None:
            about = {"title": device.name}
        if row.technician_id in engineers:
            about["technician_name"] = engineers[row.technician_id].name
        found[row.id] = about
    return found


def _found(unit: Unit, model: type[R], ids: Iterable[UUID]) -> dict[UUID, R]:
    wanted = set(ids)
    if not wanted:
        return {}
    return {row.id: row for row in unit.session.scalars(select(model).where(model.id.in_(wanted)))}


def _orders(unit: Unit, ids: set[UUID]) -> dict[UUID, WorkOrder]:
    if not ids:
        return {}
    query = (
        select(WorkOrder)
        .where(WorkOrder.id.in_(ids))
        .options(joinedload(WorkOrder.customer), joinedload(WorkOrder.site))
    )
    return {order.id: order for order in unit.session.scalars(query)}
