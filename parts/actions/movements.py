"""Movements that people make: goods come in, go from place to place, are counted, and taken back."""

from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import func, select

from core.errors import Conflict, Invalid
from core.unit import Unit
from parts.actions.accounts import hold, reused
from parts.actions.catalogue import house_place
from parts.actions.ledger import post
from parts.models import (
    Part,
    Place,
    PlaceKind,
    StockAccount,
    StockEntry,
    StockTransfer,
    account_id_of,
    unexplained_place_id,
)
from parts.queries import part_for, place_for
from people.permissions import require

# What pieces of ours are worth is one average over all these.
_POOL = (PlaceKind.BIN, PlaceKind.VAN, PlaceKind.TRANSIT, PlaceKind.UNEXPLAINED)


def receive_goods(
    unit: Unit,
    *,
    id: UUID,
    place_id: UUID,
    part_id: UUID,
    qty: int,
    unit_cost_micro: int | None = None,
    reason: str | None = None,
) -> StockTransfer:
    """Take in goods from a supplier; their price moves the part's average cost."""
    require(unit.actor, "stock.change")
    part = part_for(unit, part_id)
    place = _ours(unit, place_id)
    value = None if unit_cost_micro is None else qty * unit_cost_micro
    if unit_cost_micro is not None:
        unit.session.refresh(part, with_for_update={"key_share": True})
        known = unit.get(StockTransfer, id)
        if known is None:
            part.cost_micro = _average(unit, part, qty, unit_cost_micro)
        elif known.value_micro != value:
            raise reused(id)
    supplier = house_place(unit, PlaceKind.SUPPLIER, "Suppliers")
    return post(
        unit,
        id=id,
        part=part,
        source=supplier,
        target=place,
        qty=qty,
        kind="receive",
        reason=reason,
        value_micro=value,
    )


def _average(unit: Unit, part: Part, qty: int, unit_cost_micro: int) -> int:
    """Return the moving average after these goods: half up, in the order of commits."""
    query = (
        select(func.coalesce(func.sum(StockAccount.on_hand), 0))
        .join(StockAccount.place)
        .where(StockAccount.part_id == part.id, Place.kind.in_(_POOL))
    )
    pool = max(int(unit.session.scalar(query) or 0), 0)
    return (2 * (pool * part.cost_micro + qty * unit_cost_micro) + pool + qty) // (2 * (pool + qty))


def _ours(unit: Unit, place_id: UUID, *more: PlaceKind) -> Place:
    place = place_for(unit, place_id)
    if place.kind not in (PlaceKind.BIN, PlaceKind.VAN, *more):
        raise Invalid("Stock is kept on shelves and in vans, not here.", place=place.name)
    return place


def open_balance(unit: Unit, *, place_id: UUID, part_id: UUID, qty: int) -> StockTransfer:
    """Say what was there when the books began. Said again, nothing changes.

    Raises Conflict when it was said otherwise before.
    """
    require(unit.actor, "stock.change")
    part, place = part_for(unit, part_id), _ours(unit, place_id)
    opening = house_place(unit, PlaceKind.OPENING, "Opening balance")
    entry = uuid5(account_id_of(place.id, part.id), "opening")
    return post(unit, id=entry, part=part, source=opening, target=place, qty=qty, kind="opening")


def transfer_stock(
    unit: Unit,
    *,
    id: UUID,
    from_place_id: UUID,
    to_place_id: UUID,
    part_id: UUID,
    qty: int,
    reason: str | None = None,
) -> StockTransfer:
    """Move pieces between shelves and vans, or throw them away.

    Raises Conflict when too few are free.
    """
    require(unit.actor, "stock.change")
    part = part_for(unit, part_id)
    source, target = (
        _ours(unit, from_place_id, PlaceKind.TRANSIT),
        _ours(unit, to_place_id, PlaceKind.SCRAP),
    )
    kind = "transfer"
    if target.kind is PlaceKind.SCRAP:
        kind = "scrap"
    elif source.kind is PlaceKind.VAN and target.kind is PlaceKind.BIN:
        kind = "return"
    return post(
        unit, id=id, part=part, source=source, target=target, qty=qty, kind=kind, reason=reason
    )


def adjust_stock(
    unit: Unit,
    *,
    id: UUID,
    place_id: UUID,
    part_id: UUID,
    reason: str,
    qty: int | None = None,
    counted: int | None = None,
) -> StockTransfer | None:
    """Make the books follow what somebody saw: `counted` pieces there, or `qty` more (or fewer).

    A count speaks of the moment it was made: what moved since stays as it is. None when the books
    were right. Raises Invalid without one of the two, Conflict when too few are free.
    """
    require(unit.actor, "stock.change")
    if (qty is None) == (counted is None):
        raise Invalid("Say either how many were counted or how many there are more or fewer.")
    part, place = part_for(unit, part_id), _ours(unit, place_id, PlaceKind.TRANSIT)
    beyond = house_place(unit, PlaceKind.COUNT, "Counts")
    held = hold(unit, [(place, part.id), (beyond, part.id)])
    account = held[account_id_of(place.id, part.id)]
    if (known := unit.get(StockTransfer, id)) is not None:
        if account.id not in (known.source_id, known.target_id) or known.kind != "adjust":
            raise reused(id)
        return known
    delta = (
        counted - _position_at(unit, account, place, unit.happened_at)
        if counted is not None
        else qty or 0
    )
    if delta == 0:
        return None
    source, target = (beyond, place) if delta > 0 else (place, beyond)
    return post(
        unit,
        id=id,
        part=part,
        source=source,
        target=target,
        qty=abs(delta),
        kind="adjust",
        reason=reason,
        held=held,
    )


def _position_at(unit: Unit, account: StockAccount, place: Place, moment: datetime) -> int:
    """Return what the books said at that moment: what was there, less what was used beyond it."""
    ids = [account.id]
    if place.kind is PlaceKind.VAN:
        ids.append(account_id_of(unexplained_place_id(place.id), account.part_id))
    total = 0
    for account_id in ids:
        newest = (
            select(StockEntry.balance_after)
            .where(
                StockEntry.org_id == unit.org_id,
                StockEntry.account_id == account_id,
                StockEntry.recorded_at <= moment,
            )
            .order_by(StockEntry.account_seq.desc())
            .limit(1)
        )
        total += unit.session.scalar(newest) or 0
    return total


def correct_transfer(unit: Unit, transfer_id: UUID, *, reason: str) -> StockTransfer:
    """Take a movement back, whole, by an opposite one. Done again, nothing changes.

    Raises NotFound, Conflict when the pieces are gone or the movement only follows from another.
    """
    require(unit.actor, "stock.change")
    wrong = unit.must(StockTransfer, transfer_id, "No such movement.")
    if wrong.kind == "explain" or wrong.corrects_id is not None:
        raise Conflict("This movement follows from another one; correct that one.", kind=wrong.kind)
    part = part_for(unit, wrong.part_id)
    source, target = (_place_of(unit, side) for side in (wrong.target_id, wrong.source_id))
    if target.kind is PlaceKind.UNEXPLAINED:
        # The pieces were never used: they are in the van, and make good what it owes.
        if target.parent_id is None:
            raise RuntimeError("An unexplained account belongs to no van.")
        target = place_for(unit, target.parent_id)
    return post(
        unit,
        id=uuid5(wrong.id, "correction"),
        part=part,
        source=source,
        target=target,
        qty=wrong.qty,
        kind="correct",
        group_id=wrong.group_id,
        reference_kind=wrong.reference_kind,
        reference_id=wrong.reference_id,
        reason=reason,
        corrects_id=wrong.id,
        value_micro=wrong.value_micro,
    )


def _place_of(unit: Unit, account_id: UUID) -> Place:
    return place_for(unit, unit.must(StockAccount, account_id, "No such place.").place_id)
