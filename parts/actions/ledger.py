"""The ledger: what moves stock, what keeps it for somebody, and what follows from both.

Accounts are locked in the order of their ids before anything is decided; a rival waits. What a
van used is a fact: where the books had too little, the rest comes from the van's unexplained
account and a discrepancy is open, until pieces that the books had not yet seen reach the van.
A van therefore never has stock and something unexplained of one part at once, and the order in
which the facts arrive does not matter.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite

from core import clock
from core.errors import Conflict, Invalid
from core.ids import new_id
from core.unit import Unit
from parts.actions.catalogue import asset_place, house_place, unexplained_place
from parts.events import VanRanLow
from parts.models import (
    GOOD,
    MAY_OWE,
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
    asset_place_id,
    unexplained_place_id,
)
from parts.queries import check_own_van, driver_of, part_for, place_for
from people.permissions import may, require

# What pieces of ours are worth is one average over all these.
_POOL = (PlaceKind.BIN, PlaceKind.VAN, PlaceKind.TRANSIT, PlaceKind.UNEXPLAINED)
_REUSED = "This id was already used for something else."
_TOO_FEW = "Only {available} are available."

Held = dict[UUID, StockAccount]


@dataclass(frozen=True, slots=True)
class Consumption:
    """What a use did to the books."""

    id: UUID
    transfer_ids: tuple[UUID, ...]
    from_van: int
    unexplained: int
    cost_micro: int
    discrepancy_id: UUID | None


def hold(unit: Unit, wanted: Iterable[tuple[Place, UUID]]) -> Held:
    """Lock the accounts of these places and parts until the end of the unit; open those that are missing.

    The unexplained account of a van comes along when there is one.
    """
    pairs = {account_id_of(place.id, part_id): (place, part_id) for place, part_id in wanted}
    behind = {
        account_id_of(unexplained_place_id(place.id), part_id)
        for place, part_id in pairs.values()
        if place.kind is PlaceKind.VAN
    }
    held = _locked(unit, {*pairs, *behind})
    if missing := sorted(set(pairs) - set(held)):
        _open_accounts(unit, [pairs[account_id] for account_id in missing])
        unit.expect(StockAccount, missing, lock=True, again=True)
        held |= _locked(unit, missing)
    return held


def _locked(unit: Unit, ids: Iterable[UUID]) -> Held:
    wanted = sorted(ids)
    unit.expect(StockAccount, wanted, lock=True)
    accounts = [unit.take(StockAccount, account_id) for account_id in wanted]
    return {account.id: account for account in accounts if account is not None}


def _open_accounts(unit: Unit, pairs: Iterable[tuple[Place, UUID]]) -> None:
    dialect = unit.session.get_bind().dialect.name
    insert = (postgresql if dialect == "postgresql" else sqlite).insert(StockAccount)
    rows = [
        {
            "org_id": unit.org_id,
            "id": account_id_of(place.id, part_id),
            "part_id": part_id,
            "place_id": place.id,
            "condition": GOOD,
            "may_owe": place.kind in MAY_OWE,
            "on_hand": 0,
            "reserved": 0,
            "last_seq": 0,
        }
        for place, part_id in pairs
    ]
    # Somebody else may open the same one at this moment; then it is theirs and ours.
    unit.session.execute(insert.values(rows).on_conflict_do_nothing())


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
            raise Conflict(_REUSED, code="key_reused", id=str(id))
        return known
    if reservation is not None:
        _use_up(reservation, give, qty)
    if not give.may_owe and give.on_hand - give.reserved < qty:
        _let_expired_go(unit, give)
        if give.on_hand - give.reserved < qty:
            raise Conflict(
                _TOO_FEW,
                available=give.on_hand - give.reserved,
                wanted=qty,
                sku=part.sku,
                place=source.name,
            )

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
            _keep_van_stock(unit, place, part.id, held)
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
    discrepancy = _open_discrepancy(unit, van, part.id)
    if discrepancy is None:
        raise RuntimeError("A van owes pieces for which no discrepancy is open.")
    discrepancy.qty_open -= qty
    if discrepancy.qty_open == 0:
        discrepancy.state, discrepancy.resolution = "resolved", cause.kind


def _open_discrepancy(unit: Unit, van: Place, part_id: UUID) -> Discrepancy | None:
    # One at a time for each part of a van; the van's account is locked, so nobody opens another.
    query = select(Discrepancy).where(
        Discrepancy.van_place_id == van.id,
        Discrepancy.part_id == part_id,
        Discrepancy.state == "open",
    )
    return unit.session.scalar(query)


def _keep_van_stock(unit: Unit, van: Place, part_id: UUID, held: Held) -> VanStock:
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
    return _keep_van_stock(unit, van, part_id, hold(unit, [(van, part_id)]))


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
            raise Conflict(_REUSED, code="key_reused", id=str(id))
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
            raise Conflict(_REUSED, code="key_reused", id=str(id))
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


class Use(NamedTuple):
    """A part about to be used: the id of the use, which part, from which van, in which machine."""

    id: UUID
    part_id: UUID
    van_place_id: UUID
    asset_id: UUID | None


def expect_uses(unit: Unit, uses: Sequence[Use]) -> None:
    """Read and lock together what the use of many parts needs."""
    unit.expect(Part, [use.part_id for use in uses])
    machines = [asset_place_id(use.asset_id) for use in uses if use.asset_id]
    unit.expect(Place, [*(use.van_place_id for use in uses), *machines])
    known = [
        use
        for use in uses
        if unit.get(Part, use.part_id) and unit.get(Place, use.van_place_id) is not None
    ]
    used = {
        account_id_of(place.id, use.part_id): (place, use.part_id)
        for use in known
        for place in [asset_place(unit, use.asset_id)]
    }
    vans = {
        account_id_of(place_id, use.part_id)
        for use in known
        for place_id in (use.van_place_id, unexplained_place_id(use.van_place_id))
    }
    held = _locked(unit, {*used, *vans})
    # The van's own accounts are opened by the use, which also tells the phone of them.
    if missing := sorted(set(used) - set(held)):
        _open_accounts(unit, [used[account_id] for account_id in missing])
        unit.expect(StockAccount, missing, lock=True, again=True)
    unit.expect(VanStock, [account_id_of(use.van_place_id, use.part_id) for use in uses])
    unit.expect(
        StockTransfer,
        [transfer_id for use in uses for transfer_id in (use.id, uuid5(use.id, "unexplained"))],
    )


def consume_part(
    unit: Unit,
    *,
    id: UUID,
    part_id: UUID,
    qty: int,
    van_place_id: UUID,
    reference_kind: str,
    reference_id: UUID,
    asset_id: UUID | None = None,
) -> Consumption:
    """Book what a technician used: the part is in the machine already, so that no lack of stock refuses it.

    Sent again under its id it answers the same. Raises NotFound for an unknown part, van or
    machine, Forbidden for somebody else's van, Conflict when the id stands for another use.
    """
    if not may(unit.actor, "stock.change"):
        require(unit.actor, "visit.work")
    if qty < 1:
        raise Invalid("A movement is of at least one piece.")
    part = part_for(unit, part_id)
    van = place_for(unit, van_place_id)
    if van.kind is not PlaceKind.VAN:
        raise Invalid("This place is not a van.", place=van.name)
    check_own_van(unit, van)
    used = asset_place(unit, asset_id)
    held = hold(unit, [(van, part.id), (used, part.id)])
    rest_id = uuid5(id, "unexplained")
    said: dict[str, Any] = {
        "part": part,
        "target": used,
        "group_id": id,
        "reference_kind": reference_kind,
        "reference_id": reference_id,
    }
    if (earlier := _used_before(unit, id, rest_id, van, qty, said)) is not None:
        return earlier

    account = held[account_id_of(van.id, part.id)]
    from_van = min(qty, account.on_hand)
    rest = qty - from_van
    done: list[StockTransfer] = []
    discrepancy_id = None
    if from_van:
        _break_reservations(unit, account, part, spare=account.on_hand - from_van)
        done.append(
            post(
                unit, id=id, source=van, qty=from_van, kind="consume", held=held, fresh=True, **said
            )
        )
    if rest:
        behind = unexplained_place(unit, van)
        held |= hold(unit, [(van, part.id), (used, part.id), (behind, part.id)])
        done.append(
            post(
                unit,
                id=rest_id,
                source=behind,
                qty=rest,
                kind="unexplained",
                held=held,
                fresh=True,
                **said,
            )
        )
        discrepancy_id = _owe(unit, van, part, rest, done[-1]).id
        _keep_van_stock(unit, van, part.id, held)
        unit.notice(
            "stock",
            "The books had only {had} of {sku} in the van; where the others came from is open.",
            had=from_van,
            missing=rest,
            sku=part.sku,
            part_id=str(part.id),
            place_id=str(van.id),
        )
    return _consumption(id, done, discrepancy_id)


def _consumption(
    use_id: UUID, done: list[StockTransfer], discrepancy_id: UUID | None
) -> Consumption:
    return Consumption(
        id=use_id,
        transfer_ids=tuple(transfer.id for transfer in done),
        from_van=sum(transfer.qty for transfer in done if transfer.kind == "consume"),
        unexplained=sum(transfer.qty for transfer in done if transfer.kind == "unexplained"),
        cost_micro=sum(transfer.value_micro for transfer in done),
        discrepancy_id=discrepancy_id,
    )


def _used_before(
    unit: Unit, use_id: UUID, rest_id: UUID, van: Place, qty: int, said: dict[str, Any]
) -> Consumption | None:
    unit.expect(StockTransfer, [use_id, rest_id])
    transfers = [unit.get(StockTransfer, transfer_id) for transfer_id in (use_id, rest_id)]
    done = [transfer for transfer in transfers if transfer is not None]
    if not done:
        return None
    part_id, target_id = said["part"].id, account_id_of(said["target"].id, said["part"].id)
    sources = {
        account_id_of(place_id, part_id) for place_id in (van.id, unexplained_place_id(van.id))
    }
    same = all(
        transfer.source_id in sources
        and transfer.target_id == target_id
        and transfer.kind in ("consume", "unexplained")
        and transfer.reference_id == said["reference_id"]
        for transfer in done
    )
    if not same or sum(transfer.qty for transfer in done) != qty:
        raise Conflict(_REUSED, code="key_reused", id=str(use_id))
    opened = unit.session.scalar(
        select(Discrepancy.id).where(Discrepancy.opened_by_transfer == rest_id)
    )
    if opened is None and any(transfer.id == rest_id for transfer in done):
        extended = _open_discrepancy(unit, van, part_id)
        opened = extended.id if extended else None
    return _consumption(use_id, done, opened)


def _owe(unit: Unit, van: Place, part: Part, qty: int, transfer: StockTransfer) -> Discrepancy:
    row = _open_discrepancy(unit, van, part.id)
    if row is None:
        return unit.add(
            Discrepancy(
                id=new_id(),
                part_id=part.id,
                van_place_id=van.id,
                qty_open=qty,
                opened_by_transfer=transfer.id,
                opened_at=unit.happened_at,
                state="open",
                resolution=None,
            )
        )
    row.qty_open += qty
    return row


def _break_reservations(unit: Unit, account: StockAccount, part: Part, *, spare: int) -> None:
    """Let go what was kept, newest first, until no more is kept than is left: facts beat plans."""
    if account.reserved <= spare:
        return
    query = (
        select(Reservation)
        .where(Reservation.account_id == account.id, Reservation.qty_open > 0)
        .order_by(Reservation.id.desc())
    )
    broken = account.reserved - spare
    for reservation in unit.session.scalars(query).all():
        if account.reserved > spare:
            _use_up(reservation, account, account.reserved - spare)
    unit.notice(
        "stock",
        "{qty} of {sku} were kept for something else and are used now.",
        qty=broken,
        sku=part.sku,
    )


def _use_up(reservation: Reservation, account: StockAccount, qty: int) -> None:
    gone = min(qty, reservation.qty_open)
    reservation.qty_open -= gone
    account.reserved -= gone


def _let_expired_go(unit: Unit, account: StockAccount) -> None:
    query = select(Reservation).where(
        Reservation.account_id == account.id,
        Reservation.qty_open > 0,
        Reservation.expires_at <= clock.now(),
    )
    for reservation in unit.session.scalars(query).all():
        _use_up(reservation, account, reservation.qty_open)


def reserve(
    unit: Unit,
    *,
    place: Place,
    part: Part,
    qty: int,
    reference_kind: str,
    reference_id: UUID,
    expires_at: datetime | None = None,
    held: Held | None = None,
) -> Reservation:
    """Keep pieces for something.

    Raises Conflict when too few are free.
    """
    if qty < 1:
        raise Invalid("A movement is of at least one piece.")
    held = held if held is not None else hold(unit, [(place, part.id)])
    account = held[account_id_of(place.id, part.id)]
    _let_expired_go(unit, account)
    if account.on_hand - account.reserved < qty:
        raise Conflict(
            _TOO_FEW,
            available=account.on_hand - account.reserved,
            wanted=qty,
            sku=part.sku,
            place=place.name,
        )
    account.reserved += qty
    reservation = unit.add(
        Reservation(
            id=new_id(),
            account_id=account.id,
            reference_kind=reference_kind,
            reference_id=reference_id,
            qty_open=qty,
            expires_at=expires_at,
        )
    )
    if place.kind is PlaceKind.VAN:
        _keep_van_stock(unit, place, part.id, held)
    return reservation


def release(
    unit: Unit, reservation: Reservation, *, place: Place, part_id: UUID, held: Held | None = None
) -> None:
    """Let go what was kept; a second time changes nothing."""
    held = held if held is not None else hold(unit, [(place, part_id)])
    _use_up(reservation, held[account_id_of(place.id, part_id)], reservation.qty_open)
    if place.kind is PlaceKind.VAN:
        _keep_van_stock(unit, place, part_id, held)


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
