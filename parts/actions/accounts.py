"""Accounts of stock: locked before anything is decided, opened when first asked for, and what of them is kept.

They are locked in the order of their ids, so that a rival waits and nobody waits for ever.
"""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from core import clock
from core.errors import Conflict
from core.unit import Unit
from parts.models import (
    GOOD,
    MAY_OWE,
    Part,
    Place,
    PlaceKind,
    Reservation,
    StockAccount,
    account_id_of,
    unexplained_place_id,
)

Held = dict[UUID, StockAccount]


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
    held = locked(unit, {*pairs, *behind})
    if missing := sorted(set(pairs) - set(held)):
        open_accounts(unit, [pairs[account_id] for account_id in missing])
        unit.expect(StockAccount, missing, lock=True, again=True)
        held |= locked(unit, missing)
    return held


def locked(unit: Unit, ids: Iterable[UUID]) -> Held:
    """Lock those of the accounts that are there."""
    wanted = sorted(ids)
    unit.expect(StockAccount, wanted, lock=True)
    accounts = [unit.take(StockAccount, account_id) for account_id in wanted]
    return {account.id: account for account in accounts if account is not None}


def open_accounts(unit: Unit, pairs: Iterable[tuple[Place, UUID]]) -> None:
    """Open accounts that are not there yet, with nothing in them."""
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


def use_up(reservation: Reservation, account: StockAccount, qty: int) -> None:
    """Take so many pieces off what is kept, and no more than is kept."""
    gone = min(qty, reservation.qty_open)
    reservation.qty_open -= gone
    account.reserved -= gone


def let_expired_go(unit: Unit, account: StockAccount) -> None:
    """Let go what was kept for longer than was asked."""
    query = select(Reservation).where(
        Reservation.account_id == account.id,
        Reservation.qty_open > 0,
        Reservation.expires_at <= clock.now(),
    )
    for reservation in unit.session.scalars(query).all():
        use_up(reservation, account, reservation.qty_open)


def check_free(account: StockAccount, part: Part, place: Place, qty: int) -> None:
    """Raise Conflict when fewer pieces than that are there and kept for nothing."""
    free = account.on_hand - account.reserved
    if free < qty:
        raise Conflict(
            "Only {available} are available.",
            available=free,
            wanted=qty,
            sku=part.sku,
            place=place.name,
        )


def reused(id: UUID) -> Conflict:
    """Return the refusal of an id that stands for another movement."""
    return Conflict("This id was already used for something else.", code="key_reused", id=str(id))
