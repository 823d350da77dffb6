"""What people do with the catalogue and with the places where parts lie."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from assets.models import Asset
from core.errors import Conflict, Invalid
from core.ids import new_id
from core.unit import Unit
from parts.models import (
    OPEN_SLIP,
    IssueSlip,
    Part,
    Place,
    PlaceKind,
    Tracking,
    VanStock,
    asset_place_id,
    house_place_id,
    unexplained_place_id,
)
from parts.queries import part_for, place_for
from people.permissions import require
from people.queries import technician_for


def add_part(
    unit: Unit,
    /,
    *,
    sku: str,
    name: str,
    name_zh: str = "",
    unit_name: str = "pcs",
    tracking: str = "none",
    codes: Sequence[str] = (),
    cost_micro: int = 0,
    id: UUID | None = None,
    successor_id: UUID | None = None,
) -> Part:
    """Add a part to the catalogue.

    Raises Conflict when another part has this number already.
    """
    require(unit.actor, "part.change")
    if unit.session.scalar(select(Part.id).where(Part.sku == sku)):
        raise Conflict("There is a part with this number already.", sku=sku)
    if successor_id is not None:
        part_for(unit, successor_id)
    return unit.add(
        Part(
            id=id or new_id(),
            sku=sku,
            name=name,
            name_zh=name_zh or name,
            unit=unit_name,
            tracking=Tracking(tracking),
            codes=list(dict.fromkeys(codes)),
            cost_micro=cost_micro,
            successor_id=successor_id,
        )
    )


def replace_part(unit: Unit, part_id: UUID, *, successor_id: UUID | None) -> Part:
    """Say which part is used instead of this one from now on.

    Raises Invalid when the parts would replace each other in a circle.
    """
    require(unit.actor, "part.change")
    part = unit.take(Part, part_id) or part_for(unit, part_id)
    after = part_for(unit, successor_id) if successor_id else None
    while after is not None:
        if after.id == part.id:
            raise Invalid("A part cannot come to replace itself.", sku=part.sku)
        after = part_for(unit, after.successor_id) if after.successor_id else None
    part.successor_id = successor_id
    return part


def add_place(
    unit: Unit,
    *,
    kind: PlaceKind | str,
    name: str,
    technician_id: UUID | None = None,
    parent_id: UUID | None = None,
    id: UUID | None = None,
) -> Place:
    """Add a place where parts can be.

    Raises Conflict when there is one of this kind and name.
    """
    require(unit.actor, "stock.change")
    kind = PlaceKind(kind)
    if technician_id is not None:
        if kind is not PlaceKind.VAN:
            raise Invalid("Only a van has a driver.")
        technician_for(unit, technician_id)
    if parent_id is not None:
        place_for(unit, parent_id)
    if unit.session.scalar(select(Place.id).where(Place.kind == kind, Place.name == name)):
        raise Conflict("There is a place of this kind and name already.", name=name)
    return unit.add(
        Place(
            id=id or new_id(),
            kind=kind,
            name=name,
            technician_id=technician_id,
            parent_id=parent_id,
        )
    )


def assign_van(unit: Unit, place_id: UUID, *, technician_id: UUID | None) -> Place:
    """Give a van to a technician, with all that is in it and on its way to it.

    Raises Invalid for a place that is no van.
    """
    require(unit.actor, "stock.change")
    van = unit.take(Place, place_id) or place_for(unit, place_id)
    if van.kind is not PlaceKind.VAN:
        raise Invalid("This place is not a van.")
    van.technician_id = technician_id
    if technician_id is not None:
        technician_for(unit, technician_id).van_place_id = van.id
    for row in unit.session.scalars(select(VanStock).where(VanStock.place_id == van.id)):
        row.technician_id = technician_id
    waiting = (IssueSlip.to_place_id == van.id, IssueSlip.state.in_(OPEN_SLIP))
    for slip in unit.session.scalars(select(IssueSlip).where(*waiting)):
        slip.technician_id = technician_id
    return van


def asset_place(unit: Unit, asset_id: UUID | None) -> Place:
    """Return the place that stands for a machine, or for all that was used elsewhere."""
    if asset_id is None:
        return house_place(unit, PlaceKind.ASSET, "Used")
    place = unit.get(Place, asset_place_id(asset_id))
    if place is not None:
        return place
    asset = unit.must(Asset, asset_id, "No such machine.")
    return _first_need(unit, PlaceKind.ASSET, asset.no, asset_place_id(asset_id))


def unexplained_place(unit: Unit, van: Place) -> Place:
    """Return the place that owes what the van used beyond the books."""
    return _first_need(
        unit, PlaceKind.UNEXPLAINED, van.name, unexplained_place_id(van.id), parent_id=van.id
    )


def house_place(unit: Unit, kind: PlaceKind, name: str) -> Place:
    """Return the one place of the organisation with this kind and name."""
    usual = house_place_id(unit.org_id, kind, name)
    if (known := unit.get(Place, usual)) is not None:
        return known
    known = unit.session.scalar(select(Place).where(Place.kind == kind, Place.name == name))
    return known or _first_need(unit, kind, name, usual)


def _first_need(
    unit: Unit, kind: PlaceKind, name: str, place_id: UUID, *, parent_id: UUID | None = None
) -> Place:
    """Return the place, made when it is needed for the first time."""
    if (known := unit.get(Place, place_id)) is not None:
        return known
    try:
        with unit.attempt():
            return unit.add(
                Place(id=place_id, kind=kind, name=name, parent_id=parent_id, technician_id=None)
            )
    except IntegrityError:
        # Somebody else needed it for the first time at this moment; then it is theirs and ours.
        unit.expect(Place, [place_id], again=True)
        if (known := unit.get(Place, place_id)) is None:
            raise
        return known
