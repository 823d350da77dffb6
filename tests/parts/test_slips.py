"""Parts go from the shelf to the van on a slip, by two scans."""

from uuid import UUID

import pytest
from sqlalchemy import func, select

from core import jobs
from core.database import Database
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.ids import new_id
from core.unit import perform
from parts import actions, queries
from parts.models import IssueLine, IssueSlip, SlipState
from tests.parts.conftest import Store


@pytest.fixture
def stocked(store: Store) -> Store:
    """Give a store with ten pieces on the shelf."""
    store.receive(10)
    return store


def line_of(slip: IssueSlip) -> UUID:
    return UUID(slip.lines[0]["id"])


def test_a_slip_goes_from_request_to_the_van(stocked: Store) -> None:
    slip = stocked.slip(4, ready=True)
    assert (stocked.on_hand(), slip.state, slip.no) == (10, SlipState.READY, "IS-000001")

    slip = stocked.do(actions.hand_over, slip.id)
    assert (stocked.on_hand(), slip.state) == (6, SlipState.HANDED_OVER)

    slip = stocked.do(actions.receive_slip, slip.id, token=slip.token, by=stocked.driver)
    assert (stocked.van_row().on_hand, slip.state) == (4, SlipState.CLOSED)
    assert (slip.handed_by, slip.received_by) == (
        stocked.keeper.account_id,
        stocked.driver.account_id,
    )


def test_the_scans_may_come_in_either_order(stocked: Store) -> None:
    slip = stocked.slip(4, ready=True)
    slip = stocked.do(actions.receive_slip, slip.id, token=slip.token, by=stocked.driver)
    assert (stocked.on_hand(), stocked.van_row().on_hand, slip.state) == (
        6,
        4,
        SlipState.HANDED_OVER,
    )

    slip = stocked.do(actions.hand_over, slip.id)
    assert (stocked.on_hand(), stocked.van_row().on_hand, slip.state) == (6, 4, SlipState.CLOSED)


def test_every_step_may_be_sent_twice(stocked: Store) -> None:
    slip = stocked.slip(4)
    for _ in range(2):
        stocked.do(actions.approve_slip, slip.id)
    for _ in range(2):
        stocked.do(actions.pick_line, slip.id, line_of(slip), code=stocked.part.sku, qty=4)
    for _ in range(2):
        stocked.do(actions.make_ready, slip.id)
    for _ in range(2):
        stocked.do(actions.hand_over, slip.id)
    for _ in range(2):
        stocked.do(actions.receive_slip, slip.id, token=slip.token.lower(), by=stocked.driver)

    account = stocked.account()
    assert account is not None
    assert (account.on_hand, account.reserved, stocked.van_row().on_hand) == (6, 0, 4)


def test_an_approved_slip_keeps_what_is_there(stocked: Store) -> None:
    stocked.do(actions.approve_slip, stocked.slip(7).id)
    stocked.do(actions.approve_slip, stocked.slip(7).id)

    account = stocked.account()
    assert account is not None
    assert account.reserved == 10


def test_a_slip_that_is_called_off_frees_what_it_kept(stocked: Store) -> None:
    slip = stocked.slip(7)
    stocked.do(actions.approve_slip, slip.id)
    for _ in range(2):
        slip = stocked.do(actions.void_slip, slip.id, reason="van sold")

    account = stocked.account()
    assert account is not None
    assert (account.reserved, slip.state) == (0, SlipState.VOID)
    with pytest.raises(Conflict):
        stocked.do(
            actions.approve_slip, stocked.do(actions.void_slip, stocked.slip(1).id, reason="").id
        )


def test_what_left_the_shelf_is_not_called_off(stocked: Store) -> None:
    slip = stocked.do(actions.hand_over, stocked.slip(ready=True).id)
    with pytest.raises(Conflict):
        stocked.do(actions.void_slip, slip.id, reason="late")


@pytest.mark.parametrize("code", ["6900000000001", "SEAL-1", "seal-1", "SEAL-2", "6900000000002"])
def test_a_line_is_picked_by_the_parts_own_code_or_its_successors(
    stocked: Store, code: str
) -> None:
    newer = stocked.make.part(sku="SEAL-2", codes=["6900000000002"])
    part = stocked.make.part(sku="SEAL-1", codes=["6900000000001"], successor_id=newer.id)
    for each in (part, newer):
        stocked.receive(2, part=each)
    slip = stocked.do(
        actions.create_slip, to_place_id=stocked.van, lines=[{"part_id": part.id, "qty": 2}]
    )
    stocked.do(actions.approve_slip, slip.id)
    slip = stocked.do(actions.pick_line, slip.id, line_of(slip), code=code, qty=2)
    stocked.do(actions.make_ready, slip.id)
    stocked.do(actions.hand_over, slip.id)

    taken, left = (newer, part) if code.endswith("2") else (part, newer)
    assert slip.lines[0]["part_id"] == str(taken.id)
    assert (stocked.on_hand(part=taken), stocked.on_hand(part=left)) == (0, 2)


@pytest.mark.parametrize("code", [None, "", "  "])
def test_a_line_that_is_picked_by_hand_is_of_the_part_on_it(
    stocked: Store, code: str | None
) -> None:
    slip = stocked.slip()
    stocked.do(actions.approve_slip, slip.id)
    slip = stocked.do(actions.pick_line, slip.id, line_of(slip), code=code, qty=4)
    assert slip.lines[0]["qty_picked"] == 4
    assert slip.lines[0]["part_id"] == str(stocked.part.id)


def test_a_wrong_code_says_what_was_scanned_and_what_is_expected(stocked: Store) -> None:
    slip = stocked.slip()
    stocked.do(actions.approve_slip, slip.id)
    other = stocked.make.part()
    with pytest.raises(Conflict) as refusal:
        stocked.do(actions.pick_line, slip.id, line_of(slip), code=other.sku, qty=4)

    assert refusal.value.details == {"scanned": other.sku, "expected": stocked.part.sku}


def test_fewer_pieces_need_a_reason_and_more_are_refused(stocked: Store) -> None:
    slip = stocked.slip(4)
    stocked.do(actions.approve_slip, slip.id)
    with pytest.raises(Invalid):
        stocked.do(actions.pick_line, slip.id, line_of(slip), code=stocked.part.sku, qty=3)
    with pytest.raises(Conflict):
        stocked.do(actions.pick_line, slip.id, line_of(slip), code=stocked.part.sku, qty=5)

    slip = stocked.do(
        actions.pick_line,
        slip.id,
        line_of(slip),
        code=stocked.part.sku,
        qty=3,
        short_reason="box damaged",
    )
    assert slip.lines[0] | {"id": ""} == {
        "id": "",
        "part_id": str(stocked.part.id),
        "qty_asked": 4,
        "qty_picked": 3,
        "short_reason": "box damaged",
    }


def test_no_more_is_picked_than_the_shelf_has(stocked: Store) -> None:
    slip = stocked.slip(12)
    stocked.do(actions.approve_slip, slip.id)
    with pytest.raises(Conflict, match="are available"):
        stocked.do(actions.pick_line, slip.id, line_of(slip), code=stocked.part.sku, qty=12)


def test_an_empty_shelf_is_said_without_a_scan(stocked: Store) -> None:
    gone = stocked.make.part()
    lines = [{"part_id": stocked.part.id, "qty": 1}, {"part_id": gone.id, "qty": 1}]
    slip = stocked.do(actions.create_slip, to_place_id=stocked.van, lines=lines)
    stocked.do(actions.approve_slip, slip.id)
    by_part = {line["part_id"]: UUID(line["id"]) for line in slip.lines}
    stocked.do(actions.pick_line, slip.id, by_part[str(gone.id)], qty=0, short_reason="none left")
    with pytest.raises(Conflict, match="not picked yet"):
        stocked.do(actions.make_ready, slip.id)
    stocked.do(
        actions.pick_line, slip.id, by_part[str(stocked.part.id)], code=stocked.part.codes[0], qty=1
    )

    assert stocked.do(actions.make_ready, slip.id).state is SlipState.READY


def test_nothing_at_all_is_not_handed_over(stocked: Store) -> None:
    slip = stocked.slip(1)
    stocked.do(actions.approve_slip, slip.id)
    stocked.do(actions.pick_line, slip.id, line_of(slip), qty=0, short_reason="none left")
    with pytest.raises(Conflict):
        stocked.do(actions.make_ready, slip.id)


def test_no_step_is_taken_too_early(stocked: Store) -> None:
    slip = stocked.slip()
    with pytest.raises(Conflict):
        stocked.do(actions.pick_line, slip.id, line_of(slip), code=stocked.part.sku, qty=4)
    for action in (actions.make_ready, actions.hand_over):
        with pytest.raises(Conflict):
            stocked.do(action, slip.id)
    with pytest.raises(Conflict):
        stocked.do(actions.receive_slip, slip.id, token=slip.token, by=stocked.driver)


def test_only_the_right_code_and_the_right_van_receive(stocked: Store) -> None:
    slip = stocked.slip(ready=True)
    stranger = stocked.make.as_technician(stocked.make.technician())
    with pytest.raises(Forbidden):
        stocked.do(actions.receive_slip, slip.id, token="guessed", by=stocked.driver)
    with pytest.raises(Forbidden):
        stocked.do(actions.receive_slip, slip.id, token=slip.token, by=stranger)
    with pytest.raises(NotFound):
        stocked.do(actions.receive_slip, new_id(), token=slip.token, by=stocked.driver)


def test_a_technician_asks_for_their_own_van_and_sees_only_its_slips(stocked: Store) -> None:
    lines = [{"part_id": stocked.part.id, "qty": 1}]
    slip = stocked.do(actions.create_slip, by=stocked.driver, to_place_id=stocked.van, lines=lines)
    other = stocked.make.technician()
    with pytest.raises(Forbidden):
        stocked.do(
            actions.create_slip, by=stocked.driver, to_place_id=other.van_place_id, lines=lines
        )
    with pytest.raises(Forbidden):
        stocked.do(actions.approve_slip, slip.id, by=stocked.driver)

    assert perform(stocked.make.as_technician(other), lambda unit: queries.slips(unit)).items == []
    assert [row.id for row in perform(stocked.driver, lambda unit: queries.slips(unit)).items] == [
        slip.id
    ]


def test_a_slip_received_explains_what_the_van_owed(stocked: Store) -> None:
    stocked.use(1)
    slip = stocked.slip(4, ready=True)
    stocked.do(actions.receive_slip, slip.id, token=slip.token, by=stocked.driver)

    assert (stocked.van_row().on_hand, stocked.open_discrepancies()) == (3, [])


def test_a_van_that_runs_low_gets_a_proposal(stocked: Store, database: Database) -> None:
    stocked.receive(3, at=stocked.van)
    stocked.do(actions.set_van_level, place_id=stocked.van, part_id=stocked.part.id, min=2, max=5)
    stocked.use(1)
    jobs.drain(database)
    assert proposals(stocked) == []

    stocked.use(1)
    jobs.drain(database)
    (slip,) = proposals(stocked)
    assert (slip.state, slip.from_place_id, slip.reason) == (
        SlipState.DRAFT,
        stocked.shelf.id,
        "below minimum",
    )
    assert [line["qty_asked"] for line in slip.lines] == [4]
    assert slip.technician_id == stocked.technician.id


def proposals(store: Store) -> list[IssueSlip]:
    with store.reading() as unit:
        return list(unit.session.scalars(select(IssueSlip).order_by(IssueSlip.no)))


def test_a_van_has_one_open_proposal(stocked: Store, database: Database) -> None:
    second = stocked.make.part()
    for part, qty in ((stocked.part, 3), (second, 2)):
        stocked.receive(qty, at=stocked.van, part=part)
        stocked.do(actions.set_van_level, place_id=stocked.van, part_id=part.id, min=2, max=5)
    stocked.use(2)
    jobs.drain(database)
    stocked.use(2, part=second)
    stocked.use(1)
    jobs.drain(database)

    (slip,) = proposals(stocked)
    assert {line["part_id"]: line["qty_asked"] for line in slip.lines} == {
        str(stocked.part.id): 5,
        str(second.id): 5,
    }


def test_what_open_slips_bring_is_not_proposed_again(stocked: Store) -> None:
    stocked.do(actions.set_van_level, place_id=stocked.van, part_id=stocked.part.id, min=2, max=5)
    first = stocked.do(actions.propose_replenishment, stocked.van)
    assert first is not None
    assert [line["qty_asked"] for line in first.lines] == [5]
    stocked.do(actions.approve_slip, first.id)

    assert stocked.do(actions.propose_replenishment, stocked.van) is None
    stocked.do(
        actions.pick_line,
        first.id,
        line_of(first),
        code=stocked.part.sku,
        qty=1,
        short_reason="rest damaged",
    )
    again = stocked.do(actions.propose_replenishment, stocked.van)
    assert again is not None
    assert [line["qty_asked"] for line in again.lines] == [4]
    with stocked.reading() as unit:
        assert [row.part_id for row in queries.van_low(unit, stocked.van)] == [stocked.part.id]


def test_an_empty_shelf_hides_no_need(store: Store) -> None:
    store.do(actions.set_van_level, place_id=store.van, part_id=store.part.id, min=1, max=2)
    slip = store.do(actions.propose_replenishment, store.van)

    assert slip is not None
    assert slip.from_place_id == store.shelf.id


def test_levels_make_sense(store: Store) -> None:
    with pytest.raises(Invalid):
        store.do(actions.set_van_level, place_id=store.van, part_id=store.part.id, min=3, max=2)
    with pytest.raises(Invalid):
        store.do(
            actions.set_van_level, place_id=store.shelf.id, part_id=store.part.id, min=1, max=2
        )


def test_the_slip_itself_changes_with_its_lines(stocked: Store) -> None:
    slip = stocked.slip(4)
    stocked.do(actions.approve_slip, slip.id)
    before = stocked.do(
        actions.pick_line,
        slip.id,
        line_of(slip),
        code=stocked.part.sku,
        qty=3,
        short_reason="one broken",
    )
    after = stocked.do(actions.pick_line, slip.id, line_of(slip), code=stocked.part.sku, qty=4)

    assert after.version == before.version + 1
    with stocked.reading() as unit:
        assert unit.session.scalar(select(func.sum(IssueLine.qty_picked))) == 4
        view = queries.slip_view(unit, queries.slip_for(unit, slip.id))
    assert view["lines"][0]["sku"] == stocked.part.sku
    assert view["to_place_name"] == f"Van of {stocked.technician.no}"


def test_an_empty_van_that_uses_even_more_gets_a_proposal(
    stocked: Store, database: Database
) -> None:
    stocked.do(actions.set_van_level, place_id=stocked.van, part_id=stocked.part.id, min=1, max=2)
    stocked.use(1)
    jobs.drain(database)

    (slip,) = proposals(stocked)
    assert [line["qty_asked"] for line in slip.lines] == [2]
