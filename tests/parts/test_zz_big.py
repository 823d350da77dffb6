"""In which order facts and goods arrive decides nothing, and rivals never share a piece."""

import threading
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.errors import Conflict
from core.ids import new_id
from core.unit import perform
from parts import actions
from parts.models import Discrepancy, StockAccount, StockTransfer
from tests.makers import Maker
from tests.parts.conftest import Store

# What may happen to one van, each with how many pieces: used by a technician, or come from a
# supplier, from a shelf that always has enough, or found by somebody.
HAPPENINGS = st.lists(
    st.tuples(st.sampled_from(["use", "receipt", "transfer", "found"]), st.integers(1, 4)),
    min_size=2,
    max_size=6,
)


def happen(store: Store, kind: str, qty: int, key: UUID) -> None:
    """Let one thing arrive; twice, as after a lost answer."""
    for _ in range(2):
        if kind == "use":
            store.use(qty, id=key)
        elif kind == "receipt":
            store.receive(qty, id=key, at=store.van)
        elif kind == "transfer":
            place = store.shelf.id
            store.do(
                actions.transfer_stock,
                id=key,
                from_place_id=place,
                to_place_id=store.van,
                part_id=store.part.id,
                qty=qty,
            )
        else:
            store.do(
                actions.adjust_stock,
                id=key,
                place_id=store.van,
                part_id=store.part.id,
                qty=qty,
                reason="found",
            )


def outcome(store: Store) -> tuple[Any, ...]:
    row = store.van_row()
    with store.reading() as unit:
        kinds = dict(
            unit.session.execute(
                select(StockAccount.may_owe, StockAccount.on_hand).where(
                    StockAccount.place_id == store.shelf.id
                )
            ).all()
        )
        used = unit.session.scalars(
            select(StockTransfer.qty).where(StockTransfer.kind.in_(("consume", "unexplained")))
        ).all()
    return row.on_hand, row.unexplained, store.open_discrepancies(), kinds, sum(used)


@pytest.mark.usefixtures("database")
@settings(
    max_examples=250,
    deadline=None,
    derandomize=False,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(happenings=HAPPENINGS, data=st.data())
def test_the_order_of_arrival_does_not_matter(
    happenings: list[tuple[str, int]], data: st.DataObject
) -> None:
    ends = []
    for order in (happenings, data.draw(st.permutations(happenings))):
        store = Store(Maker())
        store.receive(100)
        for kind, qty in order:
            happen(store, kind, qty, new_id())
        assert store.broken() == {}
        ends.append(outcome(store))

    assert ends[0] == ends[1]
    came = sum(qty for kind, qty in happenings if kind != "use")
    used = sum(qty for kind, qty in happenings if kind == "use")
    assert ends[0][:2] == (max(came - used, 0), max(used - came, 0))


def at_once(work: list[Any]) -> list[BaseException]:
    """Run all at the same time and return what was raised."""
    failures: list[BaseException] = []
    start = threading.Barrier(len(work))

    def one(task: Any) -> None:
        start.wait()
        try:
            task()
        except BaseException as failure:  # noqa: BLE001 - the test looks at what was raised
            failures.append(failure)

    threads = [threading.Thread(target=one, args=(task,)) for task in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_rivals_never_get_more_than_there_is(store: Store) -> None:
    store.receive(40)
    vans = [store.make.technician().van_place_id for _ in range(3)]
    commands = [(new_id(), vans[n % 3]) for n in range(60)]
    posted: set[UUID] = set()
    refused: set[UUID] = set()

    def issue(share: list[tuple[UUID, UUID]]) -> None:
        for key, van in share:
            try:
                store.do(
                    actions.transfer_stock,
                    id=key,
                    from_place_id=store.shelf.id,
                    to_place_id=van,
                    part_id=store.part.id,
                    qty=1,
                )
                posted.add(key)
            except Conflict:
                refused.add(key)

    # Every command is sent by two of the eight writers, one of them from the end.
    shares = [commands[n::4] for n in range(4)] + [commands[n::4][::-1] for n in range(4)]
    failures = at_once([lambda share=share: issue(share) for share in shares])

    assert failures == []
    assert (len(posted), store.on_hand()) == (40, 0)
    assert sum(store.on_hand(van) for van in vans if van) == 40


def test_rivals_reserve_no_more_than_there_is(store: Store) -> None:
    store.receive(10)
    kept: list[int] = []

    def reserve() -> None:
        for _ in range(4):
            try:
                store.do(
                    actions.reserve,
                    place=store.shelf,
                    part=store.part,
                    qty=1,
                    reference_kind="order",
                    reference_id=new_id(),
                )
                kept.append(1)
            except Conflict:
                pass

    assert at_once([reserve] * 6) == []
    account = store.account()
    assert account is not None
    assert (sum(kept), account.reserved) == (10, 10)


def test_a_new_van_is_used_by_many_at_once(store: Store) -> None:
    def use(qty: int) -> None:
        store.use(qty)
        store.receive(qty, at=store.van)

    assert at_once([lambda: use(2)] * 6) == []
    row = store.van_row()
    assert (row.on_hand, row.unexplained, store.open_discrepancies()) == (0, 0, [])


def test_two_scans_at_the_same_moment_move_the_parts_once(store: Store) -> None:
    store.receive(10)
    slip = store.slip(4, ready=True)
    failures = at_once(
        [
            lambda: store.do(actions.hand_over, slip.id),
            lambda: store.do(actions.receive_slip, slip.id, token=slip.token, by=store.driver),
        ]
        * 2
    )

    assert failures == []
    assert (store.on_hand(), store.van_row().on_hand) == (6, 4)


def test_two_proposals_at_the_same_moment_are_one(store: Store) -> None:
    store.receive(10)
    store.do(actions.set_van_level, place_id=store.van, part_id=store.part.id, min=2, max=5)
    found: list[UUID] = []

    def propose() -> None:
        slip = perform(store.keeper, lambda unit: actions.propose_replenishment(unit, store.van))
        assert slip is not None
        found.append(slip.id)

    assert at_once([propose] * 4) == []
    assert len(set(found)) == 1


@pytest.mark.parametrize("late", [0, 1])
def test_a_discrepancy_is_opened_once_and_closed_once(store: Store, late: int) -> None:
    store.use(2)
    store.receive(2, at=store.van)
    store.use(1 + late)
    with store.reading() as unit:
        states = unit.session.scalars(select(Discrepancy.state).order_by(Discrepancy.id)).all()
    assert states == ["resolved", "open"]
    assert store.open_discrepancies() == [1 + late]
