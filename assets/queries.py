"""Reads of customers, sites, machines and their history."""

from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select, or_, select

from assets.models import Asset, AssetTag, CodeLevel, Customer, FailureCode, Repair, Site, TagState
from core.errors import NotFound
from core.ids import hashed, typed_label
from core.models import Identified
from core.pages import Page, page
from core.unit import Unit
from people.permissions import is_customer_only, require

R = TypeVar("R", bound=Identified)


def customers(
    unit: Unit, *, search: str = "", limit: int = 50, cursor: str | None = None
) -> Page[Customer]:
    """Return customers by name."""
    require(unit.actor, "customer.read")
    query = select(Customer).where(Customer.deleted_at.is_(None))
    if is_customer_only(unit.actor):
        query = query.where(Customer.id == unit.actor.customer_id)
    if search:
        query = query.where(Customer.name.icontains(search, autoescape=True))
    return page(unit, query, (Customer.name, Customer.id), limit=limit, cursor=cursor)


def sites(
    unit: Unit,
    *,
    search: str = "",
    customer_id: UUID | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Site]:
    """Return sites by name."""
    require(unit.actor, "customer.read")
    query = _own(unit, select(Site).where(Site.deleted_at.is_(None)), Site.customer_id)
    if customer_id:
        query = query.where(Site.customer_id == customer_id)
    if search:
        query = query.where(
            or_(
                Site.name.icontains(search, autoescape=True),
                Site.address.icontains(search, autoescape=True),
            )
        )
    return page(unit, query, (Site.name, Site.id), limit=limit, cursor=cursor)


def assets(
    unit: Unit,
    *,
    search: str = "",
    site_id: UUID | None = None,
    customer_id: UUID | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[Asset]:
    """Return machines by number."""
    require(unit.actor, "asset.read")
    query = _own(unit, select(Asset).where(Asset.deleted_at.is_(None)), Asset.customer_id)
    if site_id:
        query = query.where(Asset.site_id == site_id)
    if customer_id:
        query = query.where(Asset.customer_id == customer_id)
    if search:
        wanted = (Asset.no, Asset.name, Asset.serial, Asset.model)
        query = query.where(or_(*(column.icontains(search, autoescape=True) for column in wanted)))
    return page(unit, query, (Asset.no, Asset.id), limit=limit, cursor=cursor)


def _own(unit: Unit, query: Select[Any], customer_id: Any) -> Select[Any]:
    return (
        query.where(customer_id == unit.actor.customer_id)
        if is_customer_only(unit.actor)
        else query
    )


def _seen(
    unit: Unit, row: Customer | Site | Asset | None, customer_id: UUID | None, missing: str
) -> None:
    if row is None or row.deleted_at is not None:
        raise NotFound(missing)
    if is_customer_only(unit.actor) and customer_id != unit.actor.customer_id:
        raise NotFound(missing)


def customer_for(unit: Unit, customer_id: UUID) -> Customer:
    """Return one customer.

    Raises NotFound, also for a customer who asks for another.
    """
    require(unit.actor, "customer.read")
    row = unit.get(Customer, customer_id)
    _seen(unit, row, customer_id, "No such customer.")
    assert row is not None  # noqa: S101 - seen above
    return row


def site_for(unit: Unit, site_id: UUID) -> Site:
    """Return one site.

    Raises NotFound.
    """
    require(unit.actor, "customer.read")
    row = unit.get(Site, site_id)
    _seen(unit, row, row.customer_id if row else None, "No such site.")
    assert row is not None  # noqa: S101 - seen above
    return row


def asset_for(unit: Unit, asset_id: UUID) -> Asset:
    """Return one machine.

    Raises NotFound.
    """
    require(unit.actor, "asset.read")
    row = unit.get(Asset, asset_id)
    _seen(unit, row, row.customer_id if row else None, "No such machine.")
    assert row is not None  # noqa: S101 - seen above
    return row


def asset_behind(unit: Unit, token: str) -> tuple[Asset, AssetTag]:
    """Return the machine on which the label with this code sticks.

    Raises NotFound in the same words for an unknown and a void label.
    """
    query = select(AssetTag).where(
        AssetTag.token_hash == hashed(typed_label(token)), AssetTag.state == TagState.ACTIVE
    )
    tag = unit.session.scalar(query)
    asset = unit.get(Asset, tag.asset_id) if tag else None
    if tag is None or asset is None or asset.deleted_at is not None:
        raise NotFound("This code is not known.")
    return asset, tag


def history(
    unit: Unit, asset_id: UUID, *, limit: int = 50, cursor: str | None = None
) -> Page[Repair]:
    """Return what was done to a machine, newest first."""
    asset_for(unit, asset_id)
    query = select(Repair).where(Repair.asset_id == asset_id)
    return page(
        unit, query, (Repair.day.desc(), Repair.order_no.desc()), limit=limit, cursor=cursor
    )


def failure_codes(
    unit: Unit, level: CodeLevel | None = None, asset_kind: str | None = None
) -> Sequence[FailureCode]:
    """Return the words to pick from, in the order people need them."""
    query = (
        select(FailureCode)
        .where(FailureCode.deleted_at.is_(None))
        .order_by(FailureCode.level, FailureCode.rank)
    )
    if level is not None:
        query = query.where(FailureCode.level == level)
    if asset_kind is not None:
        query = query.where(
            or_(FailureCode.asset_kind.is_(None), FailureCode.asset_kind == asset_kind)
        )
    return unit.session.scalars(query).all()
