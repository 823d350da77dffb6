"""The ledger moves stock, whatever arrives in whatever order, and never gives out what is not there."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from core import clock
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.feed import Document
from core.ids import new_id
from core.unit import perform, unit_of_work
from parts import actions, queries
from parts.models import (
    Discrepancy,
    Place,
    StockTransfer,
    asset_place_id,
    unexplained_place_id,
)
from tests.parts.conftest import Store


def test_goods_received_lie_on_the_shelf(store: Store) -> None:
    store.receive(5)

    assert store.on_hand() == 5


def test_the_same_receipt_sent_twice_counts_once(store: Store) -> None:
    receipt = new_id()
    store.receive(5, id=receipt, unit_cost_micro=10)
    store.receive(5, id=receipt, unit_cost_micro=10)

    assert store.on_hand() == 5


@pytest.mark.parametrize("other", [{"qty": 6}, {"unit_cost_micro": 11}])
def test_an_id_stands_for_one_movement(store: Store, other: dict[str, int]) -> None:
    receipt = new_id()
    store.receive(5, id=receipt, unit_cost_micro=10)

    with pytest.raises(Conflict, match="already used"):
        store.receive(**({"qty": 5, "id": receipt, "unit_cost_micro": 10} | other))  # type: ignore[arg-type]


def test_a_shelf_gives_no_more_than_it_has(store: Store) -> None:
    store.receive(3)

    with pytest.raises(Conflict, match="are available") as refusal:
        store.do(
            actions.transfer_stock,
            id=new_id(),
            from_place_id=store.shelf.id,
            to_place_id=store.van,
            part_id=store.part.id,
            qty=4,
        )
    assert refusal.value.details["available"] == 3
    assert (store.on_hand(), store.on_hand(store.van)) == (3, 0)


def test_what_is_kept_for_somebody_is_not_given_to_another(store: Store) -> None:
    store.receive(3)
    store.do(
        actions.reserve,
        place=store.shelf,
        part=store.part,
        qty=2,
        reference_kind="order",
        reference_id=new_id(),
    )

    with pytest.raises(Conflict):
        store.do(
            actions.transfer_stock,
            id=new_id(),
            from_place_id=store.shelf.id,
            to_place_id=store.van,
            part_id=store.part.id,
            qty=2,
        )


def test_a_reservation_ends_with_its_time(store: Store) -> None:
    store.receive(3)
    past = clock.now() - timedelta(minutes=1)
    store.do(
        actions.reserve,
        place=store.shelf,
        part=store.part,
        qty=3,
        reference_kind="order",
        reference_id=new_id(),
        expires_at=past,
    )

    store.do(
        actions.transfer_stock,
        id=new_id(),
        from_place_id=store.shelf.id,
        to_place_id=store.van,
        part_id=store.part.id,
        qty=3,
    )

    assert store.van_row().on_hand == 3


def test_a_released_reservation_is_free_again(store: Store) -> None:
    store.receive(3)
    kept = store.do(
        actions.reserve,
        place=store.shelf,
        part=store.part,
        qty=3,
        reference_kind="order",
        reference_id=new_id(),
    )
    for _ in range(2):
        perform(
            store.keeper,
            lambda unit: actions.release(
                unit,
                unit.must(type(kept), kept.id, "gone"),
                place=store.shelf,
                part_id=store.part.id,
            ),
        )

    account = store.account()
    assert account is not None
    assert account.reserved == 0


def test_stock_is_neither_kept_with_suppliers_nor_moved_on_the_spot(store: Store) -> None:
    store.receive(3)
    with store.reading() as unit:
        supplier = unit.session.scalars(select(Place).where(Place.kind == "supplier")).one()

    with pytest.raises(Invalid):
        store.receive(1, at=supplier.id)
    with pytest.raises(Invalid):
        store.do(
            actions.transfer_stock,
            id=new_id(),
            from_place_id=store.shelf.id,
            to_place_id=store.shelf.id,
            part_id=store.part.id,
            qty=1,
        )
    with pytest.raises(Invalid):
        store.receive(0)


def test_opening_balances_may_be_loaded_again(store: Store) -> None:
    for _ in range(2):
        store.do(actions.open_balance, place_id=store.van, part_id=store.part.id, qty=7)

    assert store.van_row().on_hand == 7
    with pytest.raises(Conflict):
        store.do(actions.open_balance, place_id=store.van, part_id=store.part.id, qty=8)


def test_the_price_of_goods_moves_the_average(store: Store) -> None:
    part = store.make.part(cost_micro=0)
    store.receive(2, part=part, unit_cost_micro=100)
    store.receive(1, part=part, unit_cost_micro=101)

    with store.reading() as unit:
        assert queries.part_for(unit, part.id).cost_micro == 100  # 301 / 3, half up
    store.receive(3, part=part, unit_cost_micro=103)
    with store.reading() as unit:
        assert queries.part_for(unit, part.id).cost_micro == 102  # (300 + 309) / 6 is 101.5


def test_goods_of_unknown_price_leave_the_average_alone(store: Store) -> None:
    store.receive(2)

    with store.reading() as unit:
        assert queries.part_for(unit, store.part.id).cost_micro == store.part.cost_micro


def test_a_count_makes_the_books_follow(store: Store) -> None:
    store.receive(5)
    store.do(
        actions.adjust_stock,
        id=new_id(),
        place_id=store.shelf.id,
        part_id=store.part.id,
        counted=3,
        reason="count",
    )

    assert store.on_hand() == 3


def test_a_count_that_agrees_moves_nothing(store: Store) -> None:
    store.receive(5)

    assert (
        store.do(
            actions.adjust_stock,
            id=new_id(),
            place_id=store.shelf.id,
            part_id=store.part.id,
            counted=5,
            reason="",
        )
        is None
    )


def test_a_count_speaks_of_its_moment(store: Store) -> None:
    store.receive(5)
    counted_at = clock.now()
    store.receive(10)

    perform(
        store.keeper,
        lambda unit: actions.adjust_stock(
            unit,
            id=new_id(),
            place_id=store.shelf.id,
            part_id=store.part.id,
            counted=4,
            reason="count",
        ),
        happened_at=counted_at,
    )

    assert store.on_hand() == 14


def test_a_count_in_the_van_settles_what_was_open(store: Store) -> None:
    store.use(2)
    store.do(
        actions.adjust_stock,
        id=new_id(),
        place_id=store.van,
        part_id=store.part.id,
        counted=3,
        reason="count",
    )

    assert (store.van_row().on_hand, store.van_row().unexplained, store.open_discrepancies()) == (
        3,
        0,
        [],
    )


def test_an_adjustment_says_one_thing(store: Store) -> None:
    with pytest.raises(Invalid):
        store.do(
            actions.adjust_stock,
            id=new_id(),
            place_id=store.shelf.id,
            part_id=store.part.id,
            reason="",
        )
    with pytest.raises(Invalid):
        store.do(
            actions.adjust_stock,
            id=new_id(),
            place_id=store.shelf.id,
            part_id=store.part.id,
            reason="",
            qty=1,
            counted=1,
        )


def test_a_used_part_goes_from_the_van_into_the_machine(store: Store) -> None:
    machine = store.make.asset()
    store.receive(5, at=store.van)
    used = store.use(2, asset_id=machine.id)

    assert (used.from_van, used.unexplained, used.cost_micro) == (2, 0, 2 * store.part.cost_micro)
    assert store.van_row().on_hand == 3
    assert store.on_hand(asset_place_id(machine.id)) == 2


def test_a_use_beyond_the_books_is_taken_and_left_open(store: Store) -> None:
    store.receive(1, at=store.van)
    with unit_of_work(store.driver) as unit:
        used = actions.consume_part(
            unit,
            id=new_id(),
            part_id=store.part.id,
            qty=3,
            van_place_id=store.van,
            reference_kind="work_order",
            reference_id=new_id(),
        )
        assert [notice.kind for notice in unit.notices] == ["stock"]

    row = store.van_row()
    assert (used.from_van, used.unexplained) == (1, 2)
    assert (row.on_hand, row.unexplained) == (0, 2)
    assert store.open_discrepancies() == [2]
    assert used.cost_micro == 3 * store.part.cost_micro


def test_a_second_use_beyond_the_books_extends_the_open_discrepancy(store: Store) -> None:
    first, second = store.use(1), store.use(2)

    assert first.discrepancy_id == second.discrepancy_id
    assert store.open_discrepancies() == [3]


def test_a_use_sent_twice_counts_once_and_is_answered_the_same(store: Store) -> None:
    store.receive(1, at=store.van)
    use = new_id()
    first = store.use(3, id=use)
    store.receive(9, at=store.van)
    again = store.use(3, id=use)

    assert again == first
    assert len(first.transfer_ids) == 2
    assert store.van_row().on_hand == 7
    with pytest.raises(Conflict):
        store.use(4, id=use)
    with pytest.raises(Conflict):
        store.use(3, id=use, reference_id=new_id())


@pytest.mark.parametrize("how", ["receipt", "transfer", "return", "adjustment"])
def test_what_reaches_the_van_later_explains_what_was_open(store: Store, how: str) -> None:
    store.use(2)
    if how == "receipt":
        store.receive(3, at=store.van)
    elif how == "transfer":
        store.receive(3)
        store.do(
            actions.transfer_stock,
            id=new_id(),
            from_place_id=store.shelf.id,
            to_place_id=store.van,
            part_id=store.part.id,
            qty=3,
        )
    elif how == "return":
        store.receive(3)
        sent = store.do(
            actions.transfer_stock,
            id=new_id(),
            from_place_id=store.shelf.id,
            to_place_id=store.van,
            part_id=store.part.id,
            qty=1,
        )
        assert store.open_discrepancies() == [1]
        assert sent.kind == "transfer"
        store.receive(2, at=store.van)
    else:
        store.do(
            actions.adjust_stock,
            id=new_id(),
            place_id=store.van,
            part_id=store.part.id,
            qty=3,
            reason="found",
        )

    row = store.van_row()
    assert (row.on_hand, row.unexplained, store.open_discrepancies()) == (1, 0, [])
    with store.reading() as unit:
        assert unit.session.scalars(select(Discrepancy.state)).all() == ["resolved"]


def test_facts_beat_reservations(store: Store) -> None:
    store.receive(3, at=store.van)
    with store.reading() as unit:
        van = queries.place_for(unit, store.van)
    store.do(
        actions.reserve,
        place=van,
        part=store.part,
        qty=2,
        reference_kind="order",
        reference_id=new_id(),
    )
    store.use(2)

    row = store.van_row()
    assert (row.on_hand, row.reserved, row.unexplained) == (1, 1, 0)


def test_nobody_takes_parts_from_anothers_van(store: Store) -> None:
    other = store.make.technician()
    with pytest.raises(Forbidden):
        store.use(1, van_place_id=other.van_place_id)
    with pytest.raises(NotFound):
        store.use(1, part_id=new_id())
    with pytest.raises(Invalid):
        store.use(1, van_place_id=store.shelf.id)


def test_a_technician_neither_receives_goods_nor_corrects(store: Store) -> None:
    move = store.receive(1)
    with pytest.raises(Forbidden):
        store.do(
            actions.receive_goods,
            by=store.driver,
            id=new_id(),
            place_id=store.van,
            part_id=store.part.id,
            qty=1,
        )
    with pytest.raises(Forbidden):
        store.do(actions.correct_transfer, move, by=store.driver, reason="wrong")


def test_a_wrong_movement_is_taken_back_by_an_opposite_one(store: Store) -> None:
    move = store.receive(5)
    for _ in range(2):
        opposite = store.do(actions.correct_transfer, move, reason="typed twice")

    assert store.on_hand() == 0
    assert (opposite.corrects_id, opposite.kind) == (move, "correct")
    with pytest.raises(Conflict):
        store.do(actions.correct_transfer, opposite.id, reason="and again")


def test_pieces_that_are_gone_cannot_be_taken_back(store: Store) -> None:
    move = store.receive(5)
    store.do(
        actions.transfer_stock,
        id=new_id(),
        from_place_id=store.shelf.id,
        to_place_id=store.van,
        part_id=store.part.id,
        qty=1,
    )

    with pytest.raises(Conflict, match="available"):
        store.do(actions.correct_transfer, move, reason="never came")


def test_a_use_that_never_was_closes_its_discrepancy(store: Store) -> None:
    used = store.use(2)
    store.do(actions.correct_transfer, used.transfer_ids[0], reason="wrong part noted")

    row = store.van_row()
    assert (row.on_hand, row.unexplained, store.open_discrepancies()) == (0, 0, [])
    with store.reading() as unit:
        followed = unit.session.scalars(
            select(StockTransfer).where(StockTransfer.kind == "explain")
        ).one()
    with pytest.raises(Conflict):
        store.do(actions.correct_transfer, followed.id, reason="wrong")


def test_a_use_explained_meanwhile_comes_back_into_the_van(store: Store) -> None:
    used = store.use(2)
    store.receive(2, at=store.van)
    store.do(actions.correct_transfer, used.transfer_ids[0], reason="wrong part noted")

    assert (store.van_row().on_hand, store.on_hand(unexplained_place_id(store.van))) == (2, 0)


def test_the_phone_hears_of_its_van_stock(store: Store) -> None:
    store.receive(2, at=store.van)
    first = store.van_row()
    store.use(1)

    assert first.technician_id == store.technician.id
    assert store.van_row().version == first.version + 1
    with store.reading() as unit:
        in_feed = select(Document.version).where(
            Document.org_id == unit.org_id, Document.id == first.id
        )
        assert unit.session.scalars(in_feed).all() == [first.version + 1]


def test_a_van_changes_hands_with_all_that_is_in_it(store: Store) -> None:
    store.receive(2, at=store.van)
    slip = store.slip()
    other = store.make.technician(van=False)
    store.do(actions.assign_van, store.van, technician_id=other.id)

    assert store.van_row().technician_id == other.id
    with store.reading() as unit:
        assert queries.slip_for(unit, slip.id).technician_id == other.id


def test_stock_is_listed_by_place_and_part(store: Store) -> None:
    second = store.make.part(sku="A-first")
    store.receive(5, unit_cost_micro=10)
    store.receive(1, part=second)
    store.receive(2, at=store.van)
    store.do(actions.set_van_level, place_id=store.van, part_id=store.part.id, min=1, max=4)

    with store.reading() as unit:
        first = queries.stock(unit, limit=2)
        rest = queries.stock(unit, limit=2, cursor=first.next)
        rows = [*first.items, *rest.items]
    assert [(row["place_name"], row["sku"], row["on_hand"]) for row in rows] == sorted(
        [
            (store.shelf.name, "A-first", 1),
            (store.shelf.name, store.part.sku, 5),
            (f"Van of {store.technician.no}", store.part.sku, 2),
        ]
    )
    assert rest.next is None
    van = next(row for row in rows if row["place_id"] == store.van)
    assert (van["min"], van["max"], van["available"], van["unexplained"]) == (1, 4, 2, 0)


def test_movements_are_listed_newest_first(store: Store) -> None:
    store.receive(5)
    store.do(
        actions.transfer_stock,
        id=new_id(),
        from_place_id=store.shelf.id,
        to_place_id=store.van,
        part_id=store.part.id,
        qty=2,
        reason="x",
    )

    with store.reading() as unit:
        page = queries.moves(unit, part_id=store.part.id, limit=1)
        later = queries.moves(unit, place_id=store.shelf.id, limit=1, cursor=page.next)
    (newest,), (oldest,) = page.items, later.items
    assert (newest["kind"], newest["from_place_id"], newest["to_place_id"]) == (
        "transfer",
        store.shelf.id,
        store.van,
    )
    assert oldest["kind"] == "receive"


def test_a_technician_sees_the_discrepancies_of_their_own_van(store: Store) -> None:
    store.use(1)
    with store.reading() as unit:
        (row,) = queries.discrepancies(unit).items
    assert (row["qty_open"], row["sku"]) == (1, store.part.sku)

    other = store.make.as_technician(store.make.technician())
    assert perform(other, lambda unit: queries.discrepancies(unit)).items == []
    assert len(perform(store.driver, lambda unit: queries.discrepancies(unit)).items) == 1


def test_parts_are_found_by_number_name_and_code(store: Store) -> None:
    part = store.make.part(
        sku="SEAL-7", name="Pump seal", name_zh="泵密封", codes=["6901234567892"]
    )
    for word in ("seal-7", "pump SEAL", "密封", "6901234567892"):
        with store.reading() as unit:
            assert part.id in {
                found.id for found in queries.parts(unit, search=word, limit=200).items
            }, word


def test_a_number_means_one_part(store: Store) -> None:
    with pytest.raises(Conflict):
        store.make.part(sku=store.part.sku)


def test_parts_do_not_replace_one_another_in_a_circle(store: Store) -> None:
    second = store.make.part(successor_id=store.part.id)
    with pytest.raises(Invalid):
        store.do(actions.replace_part, store.part.id, successor_id=second.id)
    store.do(actions.replace_part, second.id, successor_id=None)


def test_another_company_sees_nothing_of_the_store(store: Store) -> None:
    store.receive(5)
    stranger = store.make.organisation()
    actor = type(store.make.system).system(stranger.id)

    assert perform(actor, lambda unit: queries.stock(unit)).items == []
    with pytest.raises(NotFound):
        perform(actor, lambda unit: queries.part_for(unit, store.part.id))
