"""Each invariant of the ledger is broken on purpose, and the audit must see it."""

from collections.abc import Callable
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import select

from core.database import Database
from core.ids import new_id
from parts import actions
from parts.models import (
    Discrepancy,
    IssueLine,
    Part,
    StockAccount,
    StockEntry,
    StockTransfer,
    VanStock,
    account_id_of,
    unexplained_place_id,
)
from tests.parts.conftest import Store

Vandal = Callable[[Store, sa.Connection], object]


def _account(store: Store, place_id: UUID | None = None) -> UUID:
    return account_id_of(place_id or store.shelf.id, store.part.id)


def _stray_entry(
    store: Store, connection: sa.Connection, *, seq: int, balance: int, account: UUID | None = None
) -> None:
    transfer = connection.execute(select(StockTransfer.id, StockTransfer.recorded_at)).first()
    assert transfer is not None
    values = {
        "org_id": store.make.org.id,
        "account_id": account or _account(store),
        "account_seq": seq,
        "transfer_id": transfer.id,
        "delta": 1,
        "balance_after": balance,
        "recorded_at": transfer.recorded_at,
    }
    connection.execute(sa.insert(StockEntry).values(values))


def _set(model: type, **values: object) -> Callable[[Store, sa.Connection], object]:
    def change(store: Store, connection: sa.Connection) -> object:
        return connection.execute(
            sa.update(model).where(model.org_id == store.make.org.id).values(values)
        )  # type: ignore[attr-defined]

    return change


def _make_pieces(store: Store, connection: sa.Connection) -> None:
    connection.execute(
        sa.update(StockAccount).where(StockAccount.id == _account(store)).values(on_hand=9)
    )


def _go_below_zero(store: Store, connection: sa.Connection) -> None:
    connection.execute(
        sa.update(StockAccount)
        .where(StockAccount.id == _account(store))
        .values(on_hand=-1, may_owe=True)
    )


def _lose_a_reservation(store: Store, connection: sa.Connection) -> None:
    connection.execute(
        sa.update(StockAccount).where(StockAccount.id == _account(store)).values(reserved=1)
    )


def _owe_and_have(store: Store, connection: sa.Connection) -> None:
    connection.execute(
        sa.update(StockAccount)
        .where(StockAccount.id == _account(store, store.van))
        .values(on_hand=1)
    )


def _owe_alone(store: Store, connection: sa.Connection) -> None:
    behind = _account(store, unexplained_place_id(store.van))
    connection.execute(sa.update(StockAccount).where(StockAccount.id == behind).values(on_hand=-9))


BREAKS: list[tuple[str, Vandal]] = [
    ("S1 conservation", _make_pieces),
    (
        "S2 double entry",
        lambda store, connection: _stray_entry(store, connection, seq=2, balance=6),
    ),
    ("S2 double entry", _set(StockTransfer, qty=77)),
    ("S3 chain", lambda store, connection: _stray_entry(store, connection, seq=3, balance=6)),
    ("S3 chain", lambda store, connection: _stray_entry(store, connection, seq=2, balance=60)),
    ("S4 balances", _make_pieces),
    ("S4 balances", _lose_a_reservation),
    ("S5 not negative", _go_below_zero),
    ("S8 unexplained", _set(Discrepancy, qty_open=1)),
    ("S8 unexplained", _set(Discrepancy, state="resolved")),
    ("S8 unexplained", _owe_and_have),
    ("S8 unexplained", _owe_alone),
    ("van rows", _set(VanStock, on_hand=5)),
    ("van rows", _set(VanStock, unexplained=0)),
    ("slips", _set(IssueLine, qty_asked=99)),
]


@pytest.mark.parametrize(
    ("name", "vandal"), BREAKS, ids=[f"{name} {n}" for n, (name, _) in enumerate(BREAKS)]
)
def test_the_audit_sees(name: str, vandal: Vandal, store: Store, database: Database) -> None:
    store.receive(5)
    store.use(2)
    store.slip(1)
    assert store.broken() == {}

    store.may_break = True
    with database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(
                sa.text(
                    "SELECT set_config('app.org', :org, true), set_config('app.unit', '1', true)"
                ),
                {"org": str(store.make.org.id)},
            )
        vandal(store, connection)

    assert name in store.broken()


def test_the_audit_looks_at_one_company_alone(store: Store) -> None:
    part: Part = store.make.part()
    store.receive(5, part=part)
    neighbour = type(store.make)()
    other = Store(neighbour)
    other.receive(3)
    other.do(
        actions.adjust_stock,
        id=new_id(),
        place_id=other.shelf.id,
        part_id=other.part.id,
        qty=-1,
        reason="broken",
    )

    assert other.broken() == {}
