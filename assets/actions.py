"""What people do with customers, sites and machines."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select

from assets.models import (
    Asset,
    AssetState,
    AssetTag,
    CodeLevel,
    Criticality,
    Customer,
    FailureCode,
    FunctionalLocation,
    Repair,
    Site,
    TagState,
)
from assets.queries import asset_for, customer_for, site_for
from core.errors import Conflict, Invalid
from core.ids import hashed, new_id, new_label
from core.unit import Unit
from people import doors
from people.permissions import require
from people.queries import organisation_of, territories, territory_for, working_in

# As many repairs as an engineer reads on the way from the van to the machine.
RECENT_REPAIRS = 8


def add_customer(unit: Unit, *, name: str, id: UUID | None = None, **details: Any) -> Customer:
    """Add a customer."""
    require(unit.actor, "customer.change")
    if unit.session.scalar(select(Customer.id).where(Customer.name == name)):
        raise Conflict("There is a customer of this name already.", name=name)
    return unit.add(Customer(id=id or new_id(), name=name, **details))


def add_site(
    unit: Unit,
    *,
    customer_id: UUID,
    name: str,
    id: UUID | None = None,
    timezone: str | None = None,
    **details: Any,
) -> Site:
    """Add a site of a customer; it lies in the company's time zone unless another is named."""
    require(unit.actor, "customer.change")
    customer = customer_for(unit, customer_id)
    zone = timezone or organisation_of(unit).timezone
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise Invalid("There is no time zone named {zone}.", zone=zone) from error
    if unit.session.scalar(
        select(Site.id).where(Site.customer_id == customer.id, Site.name == name)
    ):
        raise Conflict("This customer has a site of this name already.", name=name)
    return unit.add(
        Site(id=id or new_id(), customer_id=customer.id, name=name, timezone=zone, **details)
    )


def move_site(unit: Unit, site_id: UUID, *, lat: float, lng: float) -> Site:
    """Say where a site is on the map.

    Raises NotFound.
    """
    require(unit.actor, "customer.change")
    site = site_for(unit, site_id)
    site.lat, site.lng = lat, lng
    return site


def place_in_territory(unit: Unit, site_id: UUID, *, territory: str | None) -> Site:
    """Say in which territory a site lies; none means that anybody may be sent there.

    Raises NotFound, Invalid for a territory that is not on the map.
    """
    require(unit.actor, "territory.change")
    site = site_for(unit, site_id)
    if territory is not None and territory not in {one.name for one in territories(unit)}:
        raise Invalid("There is no territory named {territory}.", territory=territory)
    site.territory = territory
    return site


def drop_territory(unit: Unit, territory_id: UUID) -> None:
    """Take a territory off the map once no site lies in it.

    Raises NotFound, Conflict for a territory with sites, or with an engineer who works there alone
    and would then be sent everywhere.
    """
    require(unit.actor, "territory.change")
    territory = territory_for(unit, territory_id)
    site = unit.session.scalar(select(Site.name).where(Site.territory == territory.name).limit(1))
    if site is not None:
        raise Conflict("{name} lies in this territory; move it first.", name=site)
    for technician in working_in(unit, territory.name):
        if technician.territories == [territory.name]:
            raise Conflict(
                "{name} works in this territory alone; give them another one first.",
                name=technician.name,
            )
        technician.territories = [one for one in technician.territories if one != territory.name]
    unit.session.delete(territory)


def add_asset(
    unit: Unit,
    *,
    no: str,
    name: str,
    site_id: UUID,
    id: UUID | None = None,
    parent_id: UUID | None = None,
    public_name: str | None = None,
    location_path: str = "",
    criticality: str = "B",
    **details: Any,
) -> Asset:
    """Add a machine at a site."""
    require(unit.actor, "asset.change")
    site = site_for(unit, site_id)
    if parent_id is not None:
        asset_for(unit, parent_id)
    if unit.session.scalar(select(Asset.id).where(Asset.no == no)):
        raise Conflict("There is a machine with this number already.", no=no)
    same = (
        Asset.maker == details["maker"],
        Asset.model == details["model"],
        Asset.serial == details["serial"],
    )
    if unit.session.scalar(select(Asset.id).where(*same)):
        raise Conflict(
            "This maker's model with this serial number is known already.", serial=details["serial"]
        )
    location = _location(unit, site, location_path) if location_path else None
    return unit.add(
        Asset(
            id=id or new_id(),
            no=no,
            name=name,
            public_name=public_name or name,
            site_id=site.id,
            customer_id=site.customer_id,
            parent_id=parent_id,
            location_id=location.id if location else None,
            location_path=location_path,
            criticality=Criticality(criticality),
            state=AssetState.OPERATING,
            recent_repairs=[],
            **details,
        )
    )


def _location(unit: Unit, site: Site, path: str) -> FunctionalLocation:
    query = select(FunctionalLocation).where(
        FunctionalLocation.site_id == site.id, FunctionalLocation.path == path
    )
    found = unit.session.scalar(query)
    return found or unit.add(
        FunctionalLocation(
            id=new_id(), site_id=site.id, path=path, name=path.rsplit("/", 1)[-1].strip()
        )
    )


def stick_tag(unit: Unit, asset_id: UUID, token: str | None = None) -> str:
    """Stick a new label on a machine and return its code, which is shown this once."""
    require(unit.actor, "asset.change")
    asset = asset_for(unit, asset_id)
    token = token or new_label()
    doors.open_door(unit, "tag", token)
    unit.add(
        AssetTag(
            id=new_id(),
            asset_id=asset.id,
            token_hash=hashed(token),
            state=TagState.ACTIVE,
            bound_at=unit.happened_at,
        )
    )
    return token


def add_failure_code(
    unit: Unit,
    *,
    level: CodeLevel,
    code: str,
    label: dict[str, str],
    rank: int,
    asset_kind: str | None = None,
) -> FailureCode:
    """Add a word to one of the lists people pick from."""
    require(unit.actor, "asset.change")
    return unit.add(
        FailureCode(
            id=new_id(), level=level, code=code, label=label, rank=rank, asset_kind=asset_kind
        )
    )


def expect_repairs(unit: Unit, order_nos: Iterable[str], asset_ids: Iterable[UUID | None]) -> None:
    """Read together what the history of many finished orders needs."""
    unit.expect(Asset, asset_ids, lock=True)
    unit.expect_rows(Repair.order_no, order_nos)


def record_repair(
    unit: Unit,
    asset: Asset,
    *,
    order_no: str,
    day: date,
    finished_at: datetime,
    kind: str,
    title: str,
    parts: Sequence[dict[str, Any]] = (),
    cost_micro: int | None = None,
    cost_doubted: bool = False,
    **details: Any,
) -> Repair:
    """Write a line into the machine's history. The same order again replaces its line."""
    line = details | {
        "day": day,
        "finished_at": finished_at,
        "kind": kind,
        "title": title,
        "parts": list(parts),
        "cost_micro": cost_micro,
        "cost_doubted": cost_doubted,
    }
    repair = next(iter(unit.rows_of(Repair.order_no, order_no)), None)
    if repair is None:
        repair = unit.bring(Repair, order_no=order_no, asset_id=asset.id, **line)
    else:
        for name, value in line.items():
            setattr(repair, name, value)
    _refresh_recent(asset, repair)
    return repair


def _refresh_recent(asset: Asset, repair: Repair) -> None:
    line = {
        "id": str(repair.id),
        "order_no": repair.order_no,
        "day": str(repair.day),
        "title": repair.title,
        "failure_mode": repair.failure_mode,
        "cause": repair.cause,
        "remedy": repair.remedy,
        "parts": repair.parts,
        "cost_micro": repair.cost_micro,
        "technician": repair.technician,
    }
    others = [old for old in asset.recent_repairs if old["order_no"] != repair.order_no]
    newest = sorted([*others, line], key=lambda item: (item["day"], item["order_no"]), reverse=True)
    asset.recent_repairs = newest[:RECENT_REPAIRS]
