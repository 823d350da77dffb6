"""The oracle finds what the feed says wrongly, and phones converge without a full download."""

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from core import feed, jobs
from core.actor import Actor
from core.database import bound
from core.ids import new_id
from core.tenancy import announce
from core.unit import perform, reading
from people.models import Account, Technician
from sync import mending, oracle
from sync.jobs import scrub
from tests.doors import Phone
from tests.makers import Maker
from work import actions as work
from work.models import Attention, Visit

entries, documents, scopes = feed.entries, feed.documents, feed.scopes


@pytest.fixture
def account(make: Maker) -> Account:
    return make.account("technician")


@pytest.fixture
def ann(make: Maker, account: Account) -> Technician:
    return make.technician("Ann", account=account)


@pytest.fixture
def day(make: Maker, ann: Technician) -> list[Visit]:
    """Give Ann three visits of one machine, with words and parts around them."""
    for _ in range(3):
        make.part()
    machine = make.asset()
    visits = [make.visit(by=ann, order=make.order(machine)) for _ in range(3)]
    for visit in visits:
        perform(make.system, lambda unit, v=visit: work.add_comment(unit, v.order_id, text="Mind"))
    return visits


def behind(make: Maker, statement: Any) -> int:
    """Change the feed behind everybody's back; return how many rows."""
    with bound().engine.begin() as connection:
        announce(connection, make.org.id)
        return connection.execute(statement).rowcount


def lose(document: Any) -> Any:
    """Lose what says that a document is somewhere."""
    return sa.delete(entries).where(entries.c.document_no == document.no, entries.c.present)


def document_of(make: Maker, entity: str) -> Any:
    with bound().engine.connect() as connection:
        announce(connection, make.org.id)
        query = sa.select(documents).where(
            documents.c.org_id == make.org.id, documents.c.entity == entity
        )
        return connection.execute(query.order_by(documents.c.no)).first()


def test_a_feed_that_nobody_touched_is_whole_whatever_happened(
    make: Maker, ann: Technician, day: list[Visit]
) -> None:
    ben = make.technician("Ben")
    perform(make.system, lambda unit: work.edit_visit(unit, day[0].id, technician_id=ben.id))
    perform(make.system, lambda unit: work.edit_visit(unit, day[1].id, technician_id=None))
    perform(make.system, lambda unit: work.cancel_order(unit, day[2].order_id, reason="No need"))
    assert oracle.differences(make.system) == []


def test_h44_an_entry_that_was_lost_is_found_mended_and_comes_with_the_next_pull_alone(
    make: Maker, day: list[Visit], account: Account, phone: Callable[..., Phone]
) -> None:
    mobile = phone(account)
    mobile.pull()
    fresh = phone(account, device_id=new_id())
    lost = document_of(make, "visit")
    assert behind(make, lose(lost)) == 1
    found = oracle.differences(make.system)
    assert [(one.kind, one.what) for one in found] == [("entry", "it is missing")]
    assert mending.mend(make.system) == found
    assert oracle.differences(make.system) == []
    page = mobile.pull_page()
    assert page is not None
    assert [(c["op"], c["id"]) for c in page["changes"]] == [("put", str(lost.id))]
    mobile.check(page["checkpoint"])
    fresh.pull()
    assert fresh.held == mobile.held


WRONGS: dict[str, Callable[[Any], list[Any]]] = {
    "a document that says something else": lambda doc: [
        sa.update(documents).where(documents.c.no == doc.no).values(body=b'{"op":"put","doc":{}}')
    ],
    "a document that is no JSON": lambda doc: [
        sa.update(documents).where(documents.c.no == doc.no).values(body=b"{rotten")
    ],
    "a document of another version": lambda doc: [
        sa.update(documents).where(documents.c.no == doc.no).values(version=77)
    ],
    "a document that forgot whom it names": lambda doc: [
        sa.update(documents).where(documents.c.no == doc.no).values(scopes=[], links=[])
    ],
    "a member that is said to be gone": lambda doc: [
        sa.update(entries).where(entries.c.document_no == doc.no).values(present=False)
    ],
    "a member counted twice": lambda doc: [
        sa.update(entries).where(entries.c.document_no == doc.no).values(reasons=9)
    ],
    "a member of an older version": lambda doc: [
        sa.update(entries).where(entries.c.document_no == doc.no).values(version=0)
    ],
    "a checksum of something else": lambda _: [sa.update(scopes).values(sum_low=1, rows=7)],
    "a counter that went back": lambda _: [sa.update(scopes).values(counter=1)],
    "a document that was lost": lambda doc: [
        sa.delete(entries).where(entries.c.document_no == doc.no),
        sa.delete(documents).where(documents.c.no == doc.no),
    ],
}


@pytest.mark.parametrize("entity", ["visit", "asset"])
@pytest.mark.parametrize("wrong", WRONGS)
def test_h44_whatever_went_wrong_is_found_and_mended_and_phones_converge(
    wrong: str,
    entity: str,
    make: Maker,
    day: list[Visit],
    account: Account,
    phone: Callable[..., Phone],
) -> None:
    mobile = phone(account)
    mobile.pull()
    before = dict(mobile.held)
    for statement in WRONGS[wrong](document_of(make, entity)):
        assert behind(make, statement) > 0
    assert oracle.differences(make.system) != []
    mending.mend(make.system)
    assert oracle.differences(make.system) == []
    mobile.pull()
    assert mobile.held == before
    visit = day[0]
    perform(make.system, lambda unit: work.add_comment(unit, visit.order_id, text="Goes on"))
    assert oracle.differences(make.system) == []
    mobile.pull()
    fresh = phone(account, device_id=new_id())
    fresh.pull()
    assert fresh.held == mobile.held


def test_h44_a_stranger_in_a_scope_is_taken_off_the_phone(
    make: Maker, day: list[Visit], account: Account, phone: Callable[..., Phone]
) -> None:
    other = make.visit(by=make.technician("Ben"))
    mobile = phone(account)
    with bound().engine.begin() as connection:
        announce(connection, make.org.id)
        stranger = connection.scalar(sa.select(documents.c.no).where(documents.c.id == other.id))
        mine = connection.execute(
            sa.select(entries)
            .join(documents, documents.c.no == entries.c.document_no)
            .where(documents.c.id == day[0].id, entries.c.present)
        ).one()
        connection.execute(
            sa.update(scopes)
            .where(scopes.c.no == mine.scope_no)
            .values(counter=scopes.c.counter + 1)
        )
        counter = connection.scalar(sa.select(scopes.c.counter).where(scopes.c.no == mine.scope_no))
        row = mine._asdict() | {"document_no": stranger, "seq": counter, "version": 1}
        connection.execute(sa.insert(entries).values(row))
    page = mobile.pull_page()
    assert page is not None
    assert str(other.id) in {doc["id"] for doc in mobile.docs("visit")}
    mending.mend(make.system)
    mobile.pull()
    assert str(other.id) not in {doc["id"] for doc in mobile.docs("visit")}


def test_the_nightly_scrub_mends_and_asks_people_to_look(make: Maker, day: list[Visit]) -> None:
    lost = document_of(make, "visit")
    behind(make, lose(lost))
    perform(make.system, lambda unit: unit.enqueue(scrub, {}))
    jobs.drain()
    assert oracle.differences(make.system) == []
    with reading(make.system) as unit:
        raised = unit.session.scalars(sa.select(Attention).where(Attention.kind == "scrub")).all()
    assert len(raised) == 1
    perform(make.system, lambda unit: unit.enqueue(scrub, {}))
    jobs.drain()
    with reading(make.system) as unit:
        count = sa.select(sa.func.count()).select_from(Attention).where(Attention.kind == "scrub")
        assert unit.session.scalar(count) == 1


def test_the_oracle_sees_one_company_at_a_time(make: Maker, day: list[Visit]) -> None:
    other = Maker()
    other.visit(by=other.technician())
    lost = document_of(make, "visit")
    behind(make, lose(lost))
    assert oracle.differences(other.system) == []
    assert len(oracle.differences(make.system)) == 1


def test_an_administrator_audits_and_repairs_from_the_command_line(
    app: Flask, make: Maker, day: list[Visit]
) -> None:
    run = app.test_cli_runner()
    assert run.invoke(args=["sync", "audit"]).exit_code == 0
    lost = document_of(make, "visit")
    behind(make, lose(lost))
    named = ["--organisation", make.org.name]
    told = run.invoke(args=["sync", "audit", *named])
    assert (told.exit_code, "it is missing" in told.output) == (1, True)
    mended = run.invoke(args=["sync", "audit", "--repair", *named])
    assert (mended.exit_code, "1 differences mended" in mended.output) == (0, True)
    assert run.invoke(args=["sync", "audit", *named]).exit_code == 0
    assert run.invoke(args=["sync", "audit", "--organisation", "Nobody"]).exit_code == 1


def test_people_who_go_on_working_while_the_feed_is_mended_lose_nothing(
    make: Maker, day: list[Visit]
) -> None:
    behind(make, sa.update(scopes).values(sum_low=1))
    done = threading.Event()
    failures: list[Exception] = []

    def talk() -> None:
        try:
            for number in range(15):
                perform(
                    Actor.system(make.org.id),
                    lambda unit, n=number: work.add_comment(unit, day[n % 3].order_id, text=str(n)),
                )
        except Exception as error:  # noqa: BLE001 - whatever it is, the test tells it
            failures.append(error)
        finally:
            done.set()

    speaker = threading.Thread(target=talk)
    speaker.start()
    while not done.is_set():
        with_luck(make)
    speaker.join()
    mending.mend(make.system)
    assert failures == []
    assert oracle.differences(make.system) == []


def with_luck(make: Maker) -> None:
    """Mend, unless a rival was quicker every time."""
    with contextlib.suppress(sa.exc.OperationalError):
        mending.mend(make.system)
