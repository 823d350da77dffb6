"""Parts that were used: facts, which no lack of stock refuses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import select

from core.errors import Invalid
from core.ids import new_id
from core.unit import Unit
from parts.actions.accounts import hold, locked, open_accounts, reused
from parts.actions.catalogue import asset_place, unexplained_place
from parts.actions.ledger import open_discrepancy, post, write_van_stock
from parts.actions.reservations import break_reservations
from parts.models import (
    Discrepancy,
    Part,
    Place,
    PlaceKind,
    StockAccount,
    StockTransfer,
    VanStock,
    account_id_of,
    asset_place_id,
    unexplained_place_id,
)
from parts.queries import check_own_van, part_for, place_for
from people.permissions import may, require


class Use(NamedTuple):
    """A part about to be used: the id of the use, which part, from which van, in which machine."""

    id: UUID
    part_id: UUID
    van_place_id: UUID
    asset_id: UUID | None


@dataclass(frozen=True, slots=True)
class Consumption:
    """What a use did to the books."""

    id: UUID
    transfer_ids: tuple[UUID, ...]
    from_van: int
    unexplained: int
    cost_micro: int
    discrepancy_id: UUID | None


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
    held = locked(unit, {*used, *vans})
    # The van's own accounts are opened by the use, which also tells the phone of them.
    if missing := sorted(set(used) - set(held)):
        open_accounts(unit, [used[account_id] for account_id in missing])
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
        break_reservations(unit, account, part, spare=account.on_hand - from_van)
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
        write_van_stock(unit, van, part.id, held)
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
        raise reused(use_id)
    opened = unit.session.scalar(
        select(Discrepancy.id).where(Discrepancy.opened_by_transfer == rest_id)
    )
    if opened is None and any(transfer.id == rest_id for transfer in done):
        extended = open_discrepancy(unit, van, part_id)
        opened = extended.id if extended else None
    return _consumption(use_id, done, opened)


def _owe(unit: Unit, van: Place, part: Part, qty: int, transfer: StockTransfer) -> Discrepancy:
    row = open_discrepancy(unit, van, part.id)
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
