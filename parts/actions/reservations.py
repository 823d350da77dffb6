"""Pieces that are kept for something, until they are used, let go, or overtaken by facts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from core.errors import Invalid
from core.ids import new_id
from core.unit import Unit
from parts.actions.accounts import Held, check_free, hold, let_expired_go, use_up
from parts.actions.ledger import write_van_stock
from parts.models import (
    Part,
    Place,
    PlaceKind,
    Reservation,
    StockAccount,
    account_id_of,
)


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
    let_expired_go(unit, account)
    check_free(account, part, place, qty)
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
        write_van_stock(unit, place, part.id, held)
    return reservation


def release(
    unit: Unit, reservation: Reservation, *, place: Place, part_id: UUID, held: Held | None = None
) -> None:
    """Let go what was kept; a second time changes nothing."""
    held = held if held is not None else hold(unit, [(place, part_id)])
    use_up(reservation, held[account_id_of(place.id, part_id)], reservation.qty_open)
    if place.kind is PlaceKind.VAN:
        write_van_stock(unit, place, part_id, held)


def break_reservations(unit: Unit, account: StockAccount, part: Part, *, spare: int) -> None:
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
            use_up(reservation, account, account.reserved - spare)
    unit.notice(
        "stock",
        "{qty} of {sku} were kept for something else and are used now.",
        qty=broken,
        sku=part.sku,
    )
