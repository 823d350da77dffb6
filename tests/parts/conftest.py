"""A company with a shelf and a van, and what tests of stock ask again and again."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from uuid import UUID

import pytest
import sqlalchemy as sa

from core.actor import Actor
from core.ids import new_id
from core.unit import Unit, perform, reading
from parts import actions, audit
from parts.models import Discrepancy, IssueSlip, Part, Place, StockAccount, VanStock, account_id_of
from people.models import Technician
from tests.makers import Maker

T = TypeVar("T")


class Store:
    """One shelf, one technician with a van, and the actions done by the company's own hand."""

    def __init__(self, make: Maker) -> None:
        self.make = make
        self.technician: Technician = make.technician()
        assert self.technician.van_place_id is not None
        self.van: UUID = self.technician.van_place_id
        self.shelf: Place = make.warehouse()
        self.part: Part = make.part()
        self.driver: Actor = make.as_technician(self.technician)
        self.keeper: Actor = make.actor("storekeeper")

    def do(
        self, action: Callable[..., T], *args: Any, by: Actor | None = None, **details: Any
    ) -> T:
        """Run an action in a unit of its own."""
        return perform(by or self.keeper, lambda unit: action(unit, *args, **details))

    def receive(
        self, qty: int, *, at: UUID | None = None, part: Part | None = None, **details: Any
    ) -> UUID:
        """Take in goods, on the shelf unless another place is named."""
        given = {
            "id": new_id(),
            "place_id": at or self.shelf.id,
            "part_id": (part or self.part).id,
            "qty": qty,
        }
        return self.do(actions.receive_goods, **(given | details)).id

    def use(
        self, qty: int, *, id: UUID | None = None, part: Part | None = None, **details: Any
    ) -> actions.Consumption:
        """Use pieces from the van."""
        given = {
            "id": id or new_id(),
            "part_id": (part or self.part).id,
            "qty": qty,
            "van_place_id": self.van,
            "reference_kind": "work_order",
            "reference_id": self.make.org.id,
        }
        return self.do(actions.consume_part, by=self.driver, **(given | details))

    def slip(self, qty: int = 4, *, ready: bool = False, **details: Any) -> IssueSlip:
        """Ask for pieces; approved, picked and ready when asked for."""
        lines = [{"part_id": self.part.id, "qty": qty}]
        slip = self.do(
            actions.create_slip,
            to_place_id=self.van,
            from_place_id=self.shelf.id,
            lines=lines,
            **details,
        )
        if ready:
            self.do(actions.approve_slip, slip.id)
            self.do(
                actions.pick_line, slip.id, UUID(slip.lines[0]["id"]), code=self.part.sku, qty=qty
            )
            slip = self.do(actions.make_ready, slip.id)
        return slip

    def on_hand(self, place_id: UUID | None = None, part: Part | None = None) -> int:
        """Return what the books say lies there, on the shelf unless another place is named."""
        account = self.account(place_id, part)
        return account.on_hand if account else 0

    def account(
        self, place_id: UUID | None = None, part: Part | None = None
    ) -> StockAccount | None:
        """Return the account of the part at a place."""
        with self.reading() as unit:
            return unit.get(
                StockAccount, account_id_of(place_id or self.shelf.id, (part or self.part).id)
            )

    def van_row(self) -> VanStock:
        """Return the row that the phone holds."""
        with self.reading() as unit:
            return unit.must(
                VanStock, account_id_of(self.van, self.part.id), "The van has no row for this part."
            )

    def open_discrepancies(self) -> list[int]:
        """Return how many pieces are open, one number for each open discrepancy."""
        with self.reading() as unit:
            query = (
                sa.select(Discrepancy.qty_open)
                .where(Discrepancy.state == "open")
                .order_by(Discrepancy.part_id)
            )
            return list(unit.session.scalars(query))

    def reading(self) -> Any:
        """Open a read."""
        return reading(self.make.system)

    def broken(self) -> dict[str, Any]:
        """Return the invariants that do not hold."""

        def ask(unit: Unit) -> dict[str, Any]:
            return audit.broken(unit)

        with self.reading() as unit:
            return ask(unit)


@pytest.fixture
def store(make: Maker) -> Iterator[Store]:
    """Give a store whose ledger must be sound at the end of every test that does not break it itself."""
    built = Store(make)
    yield built
    if not getattr(built, "may_break", False):
        assert built.broken() == {}
