"""The change feed keeps its promises: order of commits, membership, checksums, nothing silent."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from core import clock, feed
from core.actor import Actor
from core.database import Database, bound
from core.ids import new_id
from core.tenancy import announce
from core.unit import perform, unit_of_work
from people.models import Technician
from sync import cursor
from sync.pull import pull
from sync.scopes import CATALOGUE
from tests.makers import Maker
from work import actions as work
from work.models import Comment, Visit, VisitState, WorkOrder


@pytest.fixture(autouse=True)
def _signed_cursors() -> None:
    cursor.configure(b"a key for tests that is long enough")


class Reader:
    """A phone's replica, fed by pulls."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.cursor: str | None = None
        self.rows: dict[tuple[str, str], int] = {}
        self.members: dict[str, set[tuple[str, str]]] = {}

    def pull(self, limit: int = 1000) -> list[dict[str, Any]]:
        import orjson

        assert self.actor.device_id is not None
        seen: list[dict[str, Any]] = []
        while True:
            page = pull(
                self.actor,
                device_id=self.actor.device_id,
                schema=1,
                cursor=self.cursor,
                limit=limit,
            )
            if page is None:
                return seen
            answer = orjson.loads(page)
            for change in answer["changes"]:
                key = (change["entity"], change["id"])
                members = self.members.setdefault(change["scope"], set())
                if change["op"] == "put":
                    members.add(key)
                    self.rows[key] = change["version"]
                else:
                    members.discard(key)
                    if not any(key in others for others in self.members.values()):
                        self.rows.pop(key, None)
            seen += answer["changes"]
            self.cursor = answer["cursor"]
            if answer["complete"]:
                self.check(answer["checkpoint"]["scopes"])
                return seen

    def check(self, scopes: dict[str, Any]) -> None:
        for name, said in scopes.items():
            members = self.members.get(name, set())
            total = (
                sum(
                    feed.digest(entity, UUID(row), self.rows[(entity, row)])
                    for entity, row in members
                )
                % 2**64
            )
            assert (len(members), f"{total:016x}") == (said["count"], said["checksum"])


def reader(make: Maker, technician: Technician) -> Reader:
    return Reader(make.as_technician(technician, device_id=new_id()))


def entities(rows: dict[tuple[str, str], int]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entity, _ in rows:
        counts[entity] = counts.get(entity, 0) + 1
    return counts


def test_a_visit_brings_its_order_machine_site_and_customer_and_takes_them_away(
    make: Maker,
) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    machine = make.asset()
    visit = make.visit(by=ann, order=make.order(machine))
    other = make.visit(by=ann, order=make.order(machine))
    phone = reader(make, ann)
    phone.pull()
    assert entities(phone.rows) == {
        "visit": 2,
        "work_order": 2,
        "asset": 1,
        "site": 1,
        "customer": 1,
        "technician": 1,
    }

    perform(make.system, lambda unit: work.edit_visit(unit, visit.id, technician_id=ben.id))
    phone.pull()
    assert entities(phone.rows) == {
        "visit": 1,
        "work_order": 1,
        "asset": 1,
        "site": 1,
        "customer": 1,
        "technician": 1,
    }
    perform(make.system, lambda unit: work.edit_visit(unit, other.id, technician_id=ben.id))
    phone.pull()
    assert entities(phone.rows) == {"technician": 1}
    bens = reader(make, ben)
    bens.pull()
    assert entities(bens.rows)["visit"] == 2


def test_h11_a_reassigned_order_takes_its_comments_along_though_nothing_changed_on_them(
    make: Maker,
) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    order = make.order()
    visit = make.visit(by=ann, order=order)
    perform(
        make.system, lambda unit: work.add_comment(unit, order.id, text="Bring the long ladder")
    )
    anns, bens = reader(make, ann), reader(make, ben)
    anns.pull()
    assert entities(anns.rows)["comment"] == 1
    perform(make.system, lambda unit: work.edit_visit(unit, visit.id, technician_id=ben.id))
    anns.pull()
    bens.pull()
    assert "comment" not in entities(anns.rows)
    assert entities(bens.rows)["comment"] == 1


def test_h12_reassigned_and_back_before_the_pull_leaves_one_live_copy(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    visit = make.visit(by=ann)
    phone = reader(make, ann)
    phone.pull()
    for who in (ben, ann):
        perform(
            make.system, lambda unit, who=who: work.edit_visit(unit, visit.id, technician_id=who.id)
        )
    phone.pull()
    assert entities(phone.rows)["visit"] == 1
    assert entities(phone.rows)["work_order"] == 1


def test_h13_what_two_visits_share_stays_while_one_is_left(make: Maker) -> None:
    ann = make.technician()
    part = make.part()
    orders = [make.order(parts=[{"part_id": part.id, "qty": 1}]) for _ in range(2)]
    visits = [make.visit(by=ann, order=order) for order in orders]
    phone = reader(make, ann)
    phone.pull()
    perform(make.system, lambda unit: work.cancel_order(unit, orders[0].id, reason="Sold"))
    changes = phone.pull()
    assert {(c["op"], c["entity"]) for c in changes if c["id"] == str(visits[0].id)} == {
        ("remove", "visit")
    }
    assert ("part", str(part.id)) in phone.rows
    perform(make.system, lambda unit: work.cancel_order(unit, orders[1].id, reason="Sold"))
    changes = phone.pull()
    assert [c["op"] for c in changes if c["id"] == str(part.id)] == ["leave"], (
        "the catalogue still holds it"
    )
    assert ("part", str(part.id)) in phone.rows


def test_h3_ten_thousand_rows_of_one_transaction_are_paged_exactly_once(make: Maker) -> None:
    ann = make.technician()
    order = make.order()
    make.visit(by=ann, order=order)
    phone = reader(make, ann)
    phone.pull()
    with unit_of_work(make.system, action="comments") as unit:
        for number in range(2_000):
            work.add_comment(unit, order.id, text=f"Line {number}")
    changes = phone.pull(limit=100)
    comments = [c["id"] for c in changes if c["entity"] == "comment"]
    assert len(comments) == len(set(comments)) == 2_000


def test_h4_a_server_clock_that_steps_back_changes_nothing_about_the_order(
    make: Maker, at: Any
) -> None:
    ann = make.technician()
    order = make.order()
    make.visit(by=ann, order=order)
    phone = reader(make, ann)
    phone.pull()
    now = clock.now()
    for step in (timedelta(), timedelta(hours=-1), timedelta(hours=-2)):
        at(now + step)
        perform(make.system, lambda unit: work.add_comment(unit, order.id, text="A word"))
        assert [c["entity"] for c in phone.pull()].count("comment") == 1


def test_h10_a_transaction_that_took_numbers_and_rolled_back_leaves_nothing_and_stalls_nobody(
    make: Maker,
) -> None:
    ann = make.technician()
    order = make.order()
    make.visit(by=ann, order=order)
    phone = reader(make, ann)
    phone.pull()
    with bound().writing() as session:
        from core.unit import Unit

        unit = Unit(session, make.system, happened_at=clock.now(), action="broken")
        row = work.add_comment(unit, order.id, text="Never said")
        session.flush()
        feed.write(session.connection(), make.org.id, [feed.render(row)])
        session.rollback()
    assert phone.pull() == []
    perform(make.system, lambda unit: work.add_comment(unit, order.id, text="Said"))
    assert [c["doc"]["text"] for c in phone.pull() if c["entity"] == "comment"] == ["Said"]


def comment_slowly(make: Maker, order_id: UUID, hold: Callable[[], object]) -> UUID:
    """Add a comment, and do something between the feed's numbers and the commit."""
    with bound().writing() as session:
        from core.unit import Unit

        unit = Unit(session, make.system, happened_at=clock.now(), action="slow")
        row = work.add_comment(unit, order_id, text="Slow")
        session.flush()
        connection = session.connection()
        feed.write(connection, make.org.id, [feed.render(row)])
        hold()
        session.commit()
        return row.id


def test_h1_eight_writers_with_a_wide_window_and_a_reader_that_never_pauses_lose_nothing(
    make: Maker,
) -> None:
    ann = make.technician()
    orders = [make.order() for _ in range(4)]
    for order in orders:
        make.visit(by=ann, order=order)
    phone = reader(make, ann)
    phone.pull()
    acknowledged: list[UUID] = []
    done = threading.Event()

    def write(number: int) -> None:
        for turn in range(5):
            order = orders[(number + turn) % 4]
            hold_s = 0.005 * ((number * 7 + turn * 3) % 8)
            acknowledged.append(comment_slowly(make, order.id, lambda s=hold_s: time.sleep(s)))

    def read() -> None:
        while not done.is_set():
            phone.pull(limit=50)

    reading = threading.Thread(target=read)
    reading.start()
    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reading.join()
    phone.pull()
    assert len(acknowledged) == 40
    assert {("comment", str(row)) for row in acknowledged} <= set(phone.rows)


# SQLite has one writer at a time: the window cannot be open beside another.
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_h2_a_long_transaction_is_not_stepped_over_and_holds_nobody_up_before_it_numbers(
    make: Maker,
) -> None:
    ann = make.technician()
    slow_order, fast_order = make.order(), make.order()
    for order in (slow_order, fast_order):
        make.visit(by=ann, order=order)
    phone = reader(make, ann)
    phone.pull()
    flushed, release = threading.Event(), threading.Event()

    def slow() -> None:
        with unit_of_work(make.system, action="slow") as unit:
            work.add_comment(unit, slow_order.id, text="Slow")
            unit.session.flush()
            flushed.set()
            release.wait(30)

    thread = threading.Thread(target=slow)
    thread.start()
    flushed.wait(10)
    for number in range(50):
        perform(
            make.system,
            lambda unit, number=number: work.add_comment(unit, fast_order.id, text=str(number)),
        )
    texts = [c["doc"]["text"] for c in phone.pull() if c["entity"] == "comment"]
    assert texts == [str(number) for number in range(50)], "the short ones did not wait"
    release.set()
    thread.join()
    assert [c["doc"]["text"] for c in phone.pull() if c["entity"] == "comment"] == ["Slow"]


# SQLite has one writer at a time: the window cannot be open beside another.
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_numbers_that_are_taken_but_not_committed_are_waited_for(make: Maker) -> None:
    ann = make.technician()
    slow_order, fast_order = make.order(), make.order()
    for order in (slow_order, fast_order):
        make.visit(by=ann, order=order)
    phone = reader(make, ann)
    phone.pull()
    numbered, release, said = threading.Event(), threading.Event(), threading.Event()

    def slow() -> None:
        def hold() -> None:
            numbered.set()
            release.wait(30)

        comment_slowly(make, slow_order.id, hold)

    def fast() -> None:
        perform(make.system, lambda unit: work.add_comment(unit, fast_order.id, text="Fast"))
        said.set()

    threads = [threading.Thread(target=slow), threading.Thread(target=fast)]
    threads[0].start()
    assert numbered.wait(30)
    threads[1].start()
    assert not said.wait(0.3), "the same scope's next number waits for the commit before it"
    assert [c for c in phone.pull() if c["entity"] == "comment"] == []
    release.set()
    for thread in threads:
        thread.join()
    texts = [c["doc"]["text"] for c in phone.pull() if c["entity"] == "comment"]
    assert texts == ["Slow", "Fast"]


def test_h5_a_bulk_statement_on_a_synced_table_fails_loudly(make: Maker) -> None:
    order = make.order()
    with pytest.raises(RuntimeError, match="change feed"), unit_of_work(make.system) as unit:
        unit.session.execute(
            sa.update(WorkOrder).where(WorkOrder.id == order.id).values(title="Round the back")
        )
    with pytest.raises(RuntimeError, match="change feed"), unit_of_work(make.system) as unit:
        unit.session.bulk_insert_mappings(Comment, [{"id": new_id()}])


def test_h5_a_foreign_tool_that_writes_to_a_synced_table_fails_loudly(
    make: Maker, database: Database
) -> None:
    order = make.order()
    engine = sa.create_engine(database.url, poolclass=sa.NullPool)
    for statement in (
        "UPDATE work_order SET title = 'x'",
        f"DELETE FROM visit WHERE order_id = '{order.id.hex if database.sqlite else order.id}'",
    ):
        with pytest.raises(sa.exc.DBAPIError), engine.begin() as connection:
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_a_row_is_never_deleted_only_marked_as_gone(make: Maker) -> None:
    order = make.order()
    with pytest.raises(RuntimeError, match="never deleted"), unit_of_work(make.system) as unit:
        unit.session.delete(unit.must(WorkOrder, order.id, "gone"))


def test_a_row_marked_as_gone_leaves_the_phone_though_others_refer_to_it(make: Maker) -> None:
    ann = make.technician()
    order = make.order()
    visit = make.visit(by=ann, order=order)
    perform(make.system, lambda unit: work.add_comment(unit, order.id, text="A word"))
    phone = reader(make, ann)
    phone.pull()
    with unit_of_work(make.system) as unit:
        for comment in unit.session.scalars(sa.select(Comment)):
            comment.deleted_at = clock.now()
    changes = phone.pull()
    assert [(c["op"], c["entity"]) for c in changes] == [("remove", "comment")]
    assert ("visit", str(visit.id)) in phone.rows


def test_a_first_download_brings_no_removals_from_before_it(make: Maker) -> None:
    ann, ben = make.technician(), make.technician()
    visit = make.visit(by=ann)
    perform(make.system, lambda unit: work.edit_visit(unit, visit.id, technician_id=ben.id))
    assert {c["op"] for c in reader(make, ann).pull()} == {"put"}


def test_every_scope_equals_what_is_worked_out_from_nothing(make: Maker) -> None:
    ann, ben = make.technician(), make.technician()
    visits = [make.visit(by=ann) for _ in range(4)]
    part = make.part()
    make.stock(ann.van_place_id, part, 3)
    perform(make.system, lambda unit: work.edit_visit(unit, visits[0].id, technician_id=ben.id))
    perform(make.system, lambda unit: work.cancel_order(unit, visits[1].order_id, reason="Sold"))
    perform(make.system, lambda unit: work.add_comment(unit, visits[2].order_id, text="A word"))
    with bound().reading() as session:
        connection = session.connection()
        announce(connection, make.org.id)
        assert stored_memberships(connection) == memberships_from_nothing(connection)


def stored_memberships(connection: sa.Connection) -> set[tuple[str, str, UUID]]:
    query = (
        sa.select(feed.scopes.c.name, feed.documents.c.entity, feed.documents.c.id)
        .join(feed.entries, feed.entries.c.scope_no == feed.scopes.c.no)
        .join(feed.documents, feed.documents.c.no == feed.entries.c.document_no)
        .where(feed.entries.c.present)
    )
    return {tuple(row) for row in connection.execute(query)}


def memberships_from_nothing(connection: sa.Connection) -> set[tuple[str, str, UUID]]:
    rows = {(row.entity, row.id): row for row in connection.execute(sa.select(feed.documents))}
    found: set[tuple[str, str, UUID]] = set()
    keys = {row.no: key for key, row in rows.items()}
    children: dict[tuple[str, UUID], list[tuple[str, UUID]]] = {}
    for row in connection.execute(sa.select(feed.hangings)):
        children.setdefault(keys[row.parent_no], []).append(keys[row.child_no])

    def hold(scope: str, key: tuple[str, UUID]) -> None:
        row = rows[key]
        if row.gone or (scope, *key) in found:
            return
        found.add((scope, *key))
        for target in (
            *((name, UUID(row_id)) for name, row_id in row.links),
            *children.get(key, []),
        ):
            hold(scope, target)

    for key, row in rows.items():
        for scope in row.scopes:
            hold(scope, key)
    return found


def test_the_catalogue_reaches_every_technician(make: Maker) -> None:
    part = make.part()
    phone = reader(make, make.technician())
    assert [(c["scope"], c["id"]) for c in phone.pull() if c["entity"] == "part"] == [
        (CATALOGUE, str(part.id))
    ]


def test_a_proposal_that_is_not_published_stays_in_the_office(make: Maker) -> None:
    ann = make.technician()
    visit = make.visit(by=ann)
    with unit_of_work(make.system) as unit:
        unit.must(Visit, visit.id, "gone").state = VisitState.PROPOSED
    phone = reader(make, ann)
    phone.pull()
    assert "visit" not in entities(phone.rows)
