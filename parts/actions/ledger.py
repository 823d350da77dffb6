"""The ledger: what moves stock, and what follows from it.

What a van used is a fact: where the books had too little, the rest comes from the van's unexplained
account and a discrepancy is open, until pieces that the books had not yet seen reach the van.
A van therefore never has stock and something unexplained of one part at once, and the order in
which the facts arrive does not matter.
"""

from uuid import UUID, uuid5

from sqlalchemy import select

from core import clock
from core.errors import Invalid
from core.unit import Unit
from parts.actions.accounts import Held, check_free, hold, let_expired_go, reused, use_up
from parts.events import VanRanLow
from parts.models import (
    Discrepancy,
    Part,
    Place,
    PlaceKind,
    Reservation,
    StockAccount,
    StockEntry,
    StockTransfer,
    VanStock,
    account_id_of,
    unexplained_place_id,
)
from parts.queries import driver_of


def post(
    unit: Unit,
    *,
    id: UUID,
    part: Part,
    source: Place,
    target: Place,
    qty: int,
    kind: str,
    group_id: UUID | None = None,
    reference_kind: str | None = None,
    reference_id: UUID | None = None,
    reason: str | None = None,
    corrects_id: UUID | None = None,
    value_micro: int | None = None,
    reservation: Reservation | None = None,
    held: Held | None = None,
    fresh: bool = False,
) -> StockTransfer:
    """Move stock: the one function that does. The same id again changes nothing and answers the same.

    `reservation` is what the pieces were kept for; it is used up. `fresh` says that the caller has
    looked for the id under the lock and found nothing. Raises Invalid for no pieces or
    one place alone, Conflict when the source has too few or the id stands for another movement.
    """
    if qty < 1:
        raise Invalid("A movement is of at least one piece.")
    if source.id == target.id:
        raise Invalid("A movement needs two places.")
    if held is None:
        held = hold(unit, [(source, part.id), (target, part.id)])
    give, take = held[account_id_of(source.id, part.id)], held[account_id_of(target.id, part.id)]
    if not fresh and (known := unit.get(StockTransfer, id)) is not None:
        said = (
            known.part_id,
            known.source_id,
            known.target_id,
            known.qty,
            known.kind,
            known.reference_id,
        )
        if said != (part.id, give.id, take.id, qty, kind, reference_id):
            raise reused(id)
        return known
    if reservation is not None:
        use_up(reservation, give, qty)
    if not give.may_owe and give.on_hand - give.reserved < qty:
        let_expired_go(unit, give)
        check_free(give, part, source, qty)

    transfer = unit.append(
        StockTransfer,
        id=id,
        part_id=part.id,
        source_id=give.id,
        target_id=take.id,
        qty=qty,
        kind=kind,
        group_id=group_id or id,
        reference_kind=reference_kind,
        reference_id=reference_id,
        reason=reason,
        corrects_id=corrects_id,
        value_micro=qty * part.cost_micro if value_micro is None else value_micro,
        occurred_at=unit.happened_at,
        recorded_at=clock.now(),
        actor_id=unit.actor.account_id,
        device_id=unit.actor.device_id,
    )
    _enter(unit, transfer, give, -qty)
    _enter(unit, transfer, take, qty)
    if target.kind is PlaceKind.VAN:
        _explain(unit, part, target, transfer, held)
    for place in (source, target):
        if place.kind is PlaceKind.VAN:
            write_van_stock(unit, place, part.id, held)
    return transfer


def _enter(unit: Unit, transfer: StockTransfer, account: StockAccount, delta: int) -> None:
    account.on_hand += delta
    account.last_seq += 1
    unit.append(
        StockEntry,
        account_id=account.id,
        account_seq=account.last_seq,
        transfer_id=transfer.id,
        delta=delta,
        balance_after=account.on_hand,
        recorded_at=transfer.recorded_at,
    )


def _explain(unit: Unit, part: Part, van: Place, cause: StockTransfer, held: Held) -> None:
    """Let what has reached the van make good what it owes."""
    account = held[account_id_of(van.id, part.id)]
    owing = held.get(account_id_of(unexplained_place_id(van.id), part.id))
    if owing is None or owing.on_hand >= 0:
        return
    qty = min(account.on_hand, -owing.on_hand)
    transfer = unit.append(
        StockTransfer,
        id=uuid5(cause.id, "explain"),
        part_id=part.id,
        source_id=account.id,
        target_id=owing.id,
        qty=qty,
        kind="explain",
        group_id=cause.group_id,
        reference_kind="transfer",
        reference_id=cause.id,
        reason=None,
        corrects_id=None,
        value_micro=qty * part.cost_micro,
        occurred_at=cause.occurred_at,
        recorded_at=cause.recorded_at,
        actor_id=cause.actor_id,
        device_id=cause.device_id,
    )
    _enter(unit, transfer, account, -qty)
    _enter(unit, transfer, owing, qty)
    discrepancy = open_discrepancy(unit, van, part.id)
    if discrepancy is None:
        raise RuntimeError("A van owes pieces for which no discrepancy is open.")
    discrepancy.qty_open -= qty
    if discrepancy.qty_open == 0:
        discrepancy.state, discrepancy.resolution = "resolved", cause.kind


def open_discrepancy(unit: Unit, van: Place, part_id: UUID) -> Discrepancy | None:
    """Return what a van owes of a part, while that is not explained."""
    # One at a time for each part of a van; the van's account is locked, so nobody opens another.
    query = select(Discrepancy).where(
        Discrepancy.van_place_id == van.id,
        Discrepancy.part_id == part_id,
        Discrepancy.state == "open",
    )
    return unit.session.scalar(query)


def write_van_stock(unit: Unit, van: Place, part_id: UUID, held: Held) -> VanStock:
    """Write what the books say into the row that the technician's phone holds."""
    account = held[account_id_of(van.id, part_id)]
    owing = held.get(account_id_of(unexplained_place_id(van.id), part_id))
    row = unit.get(VanStock, account.id)
    if row is None:
        row = unit.add(
            VanStock(
                id=account.id,
                place_id=van.id,
                part_id=part_id,
                technician_id=driver_of(unit, van),
                on_hand=0,
                reserved=0,
                unexplained=0,
                min=0,
                max=0,
            )
        )
    elif row.technician_id is None:
        row.technician_id = driver_of(unit, van)
    owed = -owing.on_hand if owing else 0
    fewer = account.on_hand - owed < row.on_hand - row.unexplained
    row.on_hand, row.reserved, row.unexplained = account.on_hand, account.reserved, owed
    low = VanRanLow(van.id)
    if fewer and row.on_hand < row.min and low not in unit.events:
        unit.record(low)
    return row


def keep_van_stock(unit: Unit, van: Place, part_id: UUID) -> VanStock:
    """Return the van's row for this part, in step with the books and locked with them."""
    return write_van_stock(unit, van, part_id, hold(unit, [(van, part_id)]))
