"""Pages: bounded in bytes and rows, always forward, whole or not at all, whatever moves meanwhile."""

import base64
import contextlib
import gzip
import itertools
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast
from uuid import UUID

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core import database as databases
from core.database import Database
from core.ids import new_id
from core.tenancy import announce
from core.unit import perform, unit_of_work
from people.models import Account, Technician
from sync import cursor as cursors
from tests.doors import Phone
from tests.makers import Maker
from work import actions as work
from work.models import Visit


@pytest.fixture
def account(make: Maker) -> Account:
    return make.account("technician")


@pytest.fixture
def ann(make: Maker, account: Account) -> Technician:
    return make.technician("Ann", account=account)


def things(make: Maker, technician: Technician, count: int) -> None:
    """Put so many small rows into a technician's scope, in one transaction."""
    with unit_of_work(make.system, action="things") as unit:
        for number in range(count):
            work.raise_attention(
                unit,
                kind="review",
                entity="visit",
                entity_id=new_id(),
                message="The customer disputes the work.",
                technician_id=technician.id,
                phone_value=number,
            )


def pages_of(phone: Phone, **more: Any) -> Iterator[dict[str, Any]]:
    """Pull page by page to the checkpoint; each goes forward."""
    while (page := phone.pull_page(**more)) is not None:
        assert not page.get("reset")
        yield page
        if page["complete"]:
            phone.check(page["checkpoint"])
            return
        assert page["changes"], "a page that is not the last one moves on"


def raw_pull(phone: Phone, **more: Any) -> Any:
    body = {"device_id": str(phone.device_id), "schema": 2, "cursor": phone.cursor} | more
    return phone.call("POST", "/v1/sync/pull", body)


def test_h41_a_note_of_900_kb_comes_alone_and_the_next_pages_go_on(
    make: Maker, ann: Technician, account: Account, phone: Callable[..., Phone]
) -> None:
    visits = [make.visit(by=ann) for _ in range(4)]
    teller = phone(account)
    note = "x" * 900_000
    teller.say("visit.answer", {"visit_id": str(visits[1].id), "key": "note", "value": note})
    assert teller.push()["results"][0]["status"] == "applied"
    mobile = phone(account, device_id=new_id())
    sizes = []
    while True:
        answer = raw_pull(mobile, max_bytes=20_000)
        page = answer.json
        alone = len(page["changes"]) == 1
        assert len(answer.data) < 22_000 or alone, len(page["changes"])
        sizes.append(len(answer.data))
        for change in page["changes"]:
            mobile.apply(change)
        mobile.cursor = page["cursor"]
        if page["complete"]:
            break
    assert max(sizes) > 900_000
    assert len(mobile.docs("visit")) == 4
    mobile.check(page["checkpoint"])


def test_h41_an_order_with_5000_words_comes_and_goes_in_bounded_pages(
    make: Maker, ann: Technician, account: Account, phone: Callable[..., Phone]
) -> None:
    visit = make.visit(by=ann)
    with unit_of_work(make.system, action="words") as unit:
        for number in range(5000):
            work.add_comment(unit, visit.order_id, text=f"Word {number}")
    mobile = phone(account)
    for page in pages_of(mobile, limit=700):
        assert len(page["changes"]) <= 700
    assert len(mobile.docs("comment")) == 5000
    ben = make.technician("Ben")
    perform(make.system, lambda unit: work.edit_visit(unit, visit.id, technician_id=ben.id))
    count = 0
    for page in pages_of(mobile, limit=700):
        assert len(page["changes"]) <= 700
        count += 1
    assert count >= 8
    assert mobile.docs("comment") == []


def test_h41_the_smallest_pages_still_arrive(
    make: Maker, ann: Technician, account: Account, phone: Callable[..., Phone]
) -> None:
    things(make, ann, 40)
    mobile = phone(account)
    assert len(list(pages_of(mobile, limit=1, max_bytes=1000))) >= 40
    assert len(mobile.docs("attention")) == 40


def test_h15_a_change_of_role_takes_3000_rows_and_brings_2000_in_pages_that_resume(
    make: Maker, ann: Technician, account: Account, phone: Callable[..., Phone]
) -> None:
    ben = make.technician("Ben")
    things(make, ann, 3000)
    things(make, ben, 2000)
    mobile = phone(account)
    mobile.pull()
    assert len(mobile.docs("attention")) == 3000

    def take_over(unit: Any) -> None:
        unit.must(Technician, ann.id, "gone").account_id = None
        unit.session.flush()
        unit.must(Technician, ben.id, "gone").account_id = account.id

    perform(make.system, take_over)
    added = itertools.count()
    for page in pages_of(mobile, limit=300):
        assert len(page["changes"]) <= 300
        if next(added) < 3:
            # The same page once more, as after a cut, and somebody's edit in between.
            things(make, ben, 1)
    assert len(mobile.docs("attention")) == 2003
    fresh = phone(account, device_id=new_id())
    fresh.pull()
    assert fresh.held == mobile.held


def test_the_day_comes_before_the_catalogue_and_each_page_says_how_much_there_will_be(
    make: Maker, account: Account, ann: Technician, phone: Callable[..., Phone]
) -> None:
    make.visit(ann)
    make.visit()
    for _ in range(5):
        make.part()

    pages = list(pages_of(phone(account), limit=3))
    came = [change["scope"] for page in pages for change in page["changes"]]

    own = f"technician:{ann.id}"
    assert [scope for scope, _ in itertools.groupby(came)] == [own, "pool", "catalogue"]
    assert {page.get("rows") for page in pages[:-1]} == {len(came)}
    assert "rows" not in pages[-1]


def test_h37_a_page_that_was_lost_on_its_way_is_sent_again_and_nothing_is_there_twice(
    make: Maker, ann: Technician, account: Account, phone: Callable[..., Phone]
) -> None:
    things(make, ann, 100)
    mobile = phone(account)
    sent: list[str] = []
    while True:
        lost = raw_pull(mobile, limit=7).json
        page = mobile.pull_page(limit=7)
        assert page is not None
        assert [c["id"] for c in lost["changes"]] == [c["id"] for c in page["changes"]]
        sent += [change["id"] for change in page["changes"]]
        if page["complete"]:
            break
    assert len(sent) == len(set(sent)), "no restart from the beginning"
    assert len(mobile.docs("attention")) == 100


def test_h38_a_download_while_others_write_ends_and_sends_little_more(
    make: Maker, ann: Technician, account: Account, phone: Callable[..., Phone]
) -> None:
    things(make, ann, 1500)
    visit = make.visit(by=ann)
    mobile = phone(account)
    changed, sent = 0, 0
    for number, page in enumerate(pages_of(mobile, limit=100)):
        sent += len(page["changes"])
        if number < 12:
            things(make, ann, 5)
            perform(
                make.system,
                lambda unit, n=number: work.edit_visit(unit, visit.id, duration_min=30 + n),
            )
            changed += 6
    rows = len(mobile.held)
    assert len(mobile.docs("attention")) == 1500 + 12 * 5
    assert seen_duration(mobile, visit) == 41
    assert sent <= rows + changed


def seen_duration(phone: Phone, visit: Visit) -> int:
    duration: int = phone.held[("visit", str(visit.id))]["doc"]["duration_min"]
    return duration


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "br"])
def test_h42_an_answer_that_was_cut_on_its_way_is_no_answer(
    encoding: str,
    make: Maker,
    ann: Technician,
    account: Account,
    phone: Callable[..., Phone],
) -> None:
    things(make, ann, 60)
    mobile = phone(account)
    body = {"device_id": str(mobile.device_id), "schema": 2}
    answer = mobile.call("POST", "/v1/sync/pull", body, Accept_Encoding=encoding)
    assert answer.headers["Content-Encoding"] == encoding
    # The line says how much is to come: a client that gets less knows that it was cut.
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    if encoding == "gzip":
        whole = gzip.decompress(answer.data)
        assert json.loads(whole)["changes"]
        for share in (0.1, 0.5, 0.9, 0.999):
            with pytest.raises((EOFError, zlib.error)):
                gzip.decompress(answer.data[: int(len(answer.data) * share)])
    plain = raw_pull(mobile).data
    for end in range(1, len(plain), 997):
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(plain[:end])
    mobile.pull()
    assert len(mobile.docs("attention")) == 60


def test_h7_a_cursor_of_an_older_format_is_told_to_start_over(
    make: Maker, ann: Technician, account: Account, phone: Callable[..., Phone]
) -> None:
    mobile = phone(account)
    mobile.pull()
    said = [str(make.org.id), str(new_id()), str(account.id), 1, {"catalogue": [1, 1]}]
    older = [
        said[:4],
        [*said, "more"],
        {"org": said[0]},
        "12",
        [*said[:4], {"catalogue": 5}],
        [*said[:4], {"catalogue": [1]}],
        [*said[:4], {"catalogue": ["1", "1"]}],
        [*said[:4], [1, 1]],
    ]
    for content in older:
        body = orjson.dumps(content)
        text = base64.urlsafe_b64encode(cursors._sign(body) + body).decode().rstrip("=")
        answer = raw_pull(mobile, cursor=text)
        assert (answer.status_code, answer.json["code"]) == (409, "start_over"), content


class Lagging(Database):
    """A database whose reads can be answered by a copy that stood still at some moment."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.copy = self._read()
        self.lags = False

    def stand_still(self, org_id: UUID) -> None:
        """Let the copy be as of now."""
        announce(self.copy.connection(), org_id)
        self.copy.execute(sa.text("SELECT count(*) FROM scope"))

    @contextlib.contextmanager
    def snapshot(self, announcement: str = "SELECT 1") -> Iterator[sa.Connection]:
        if self.lags:
            yield self.copy.connection()
        else:
            with super().snapshot(announcement) as connection:
                yield connection

    def ask(self, statement: str) -> Sequence[Any]:
        if not self.lags:
            return super().ask(statement)
        # The driver's own words: of several statements in one message the last one's rows.
        driver: Any = self.copy.connection().connection.driver_connection
        cursor = driver.cursor()
        cursor.execute(statement)
        while not self.sqlite and cursor.nextset():
            pass
        return cast(Sequence[Any], cursor.fetchall())


def test_h9_a_copy_that_lags_behind_never_moves_a_phone_back(
    make: Maker,
    ann: Technician,
    account: Account,
    phone: Callable[..., Phone],
    database: Database,
) -> None:
    visit = make.visit(by=ann)
    mobile = phone(account)
    mobile.pull()
    lagging = Lagging(database.url)
    databases.bind(lagging)
    lagging.stand_still(make.org.id)
    perform(make.system, lambda unit: work.edit_visit(unit, visit.id, duration_min=99))
    mobile.pull()
    assert seen_duration(mobile, visit) == 99
    cursor = mobile.cursor
    lagging.lags = True
    behind = raw_pull(mobile)
    assert (behind.status_code, behind.json["code"]) == (503, "busy")
    assert int(behind.headers["Retry-After"]) >= 1
    lagging.lags = False
    assert raw_pull(mobile).status_code == 204
    assert mobile.cursor == cursor
    lagging.copy.close()
    lagging.close()
    databases.bind(database)


# Whatever somebody does, no byte of another engineer's rows comes their way.

SECRET = "secret of "


class Town:
    """Two companies with two engineers each; everything of an engineer carries the engineer's mark."""

    def __init__(self, make: Maker, phone: Callable[..., Phone]) -> None:
        self.phones: list[Phone] = []
        self.marks: list[str] = []
        self.visits: list[Visit] = []
        self.technicians: list[Technician] = []
        for company in (make, Maker()):
            for _ in range(2):
                account = company.account("technician")
                technician = company.technician(account=account)
                mark = f"{SECRET}{technician.id.hex}"
                customer = company.customer(name=mark)
                machine = company.asset(company.site(customer, name=mark), name=mark)
                order = company.order(machine, title=mark, description=mark)
                visit = company.visit(by=technician, order=order)
                perform(
                    company.system,
                    lambda unit, v=visit, m=mark: work.add_comment(unit, v.order_id, text=m),
                )
                self.technicians.append(technician)
                self.visits.append(visit)
                self.marks.append(mark)
                self.phones.append(phone(account))


def probes() -> st.SearchStrategy[tuple[str, int, int]]:
    kinds = ["pull", "repair", "repair all", "push", "edit", "comment", "cursor", "divergence"]
    kinds += ["visit", "order", "hold", "claim", "reading"]
    return st.tuples(st.sampled_from(kinds), st.integers(0, 3), st.integers(0, 3))


def probe(town: Town, kind: str, who: int, whom: int) -> Any:
    """Let somebody reach for somebody else's rows, and return the answer."""
    phone, visit = town.phones[who], town.visits[whom]
    device = {"device_id": str(phone.device_id), "schema": 2}
    scope = f"technician:{town.technicians[whom].id}"
    if kind == "pull":
        return phone.call("POST", "/v1/sync/pull", device | {"scopes": [scope], "scope": scope})
    if kind == "cursor":
        town.phones[whom].pull()
        stolen = device | {"cursor": town.phones[whom].cursor}
        return phone.call("POST", "/v1/sync/pull", stolen)
    if kind == "repair":
        return phone.call("POST", "/v1/sync/repair", device | {"scope": scope})
    if kind == "repair all":
        prefixes = [f"{n:02x}" for n in range(256)]
        ask = device | {"scope": scope, "prefixes": prefixes, "rows": []}
        return phone.call("POST", "/v1/sync/repair", ask)
    if kind == "divergence":
        told = {"scope": scope, "expected": "", "found": "", "repaired": False}
        return phone.call("POST", "/v1/sync/divergence", device | told)
    if kind in ("visit", "order"):
        path = f"visits/{visit.id}" if kind == "visit" else f"work-orders/{visit.order_id}"
        return phone.call("GET", f"/v1/{path}")
    args: dict[str, tuple[str, dict[str, Any]]] = {
        "push": ("visit.complete", {"visit_id": str(visit.id), "findings": "Mine"}),
        "edit": ("order.edit", {"order_id": str(visit.order_id), "title": "Mine"}),
        "comment": ("comment.add", {"order_id": str(visit.order_id), "text": "Mine"}),
        "hold": ("visit.hold", {"visit_id": str(visit.id), "reason": "other"}),
        "claim": ("visit.claim", {"visit_id": str(visit.id)}),
        "reading": ("reading.add", {"visit_id": str(visit.id), "meter": "h", "value": 1}),
    }
    said, arguments = args[kind]
    phone.say(said, arguments, base={"work_order": 0, "visit": 0})
    body = device | {"mutations": phone.outbox}
    phone.outbox = []
    return phone.call("POST", "/v1/sync/push", body)


def test_h19_nothing_of_another_engineer_s_rows_leaks_whatever_somebody_tries(
    make: Maker, phone: Callable[..., Phone]
) -> None:
    town = Town(make, phone)

    @settings(
        max_examples=25,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(probes(), min_size=1, max_size=6))
    def nobody_tells(story: list[tuple[str, int, int]]) -> None:
        for kind, who, whom in story:
            said = probe(town, kind, who, whom).get_data(as_text=True)
            later = raw_pull(town.phones[who]).get_data(as_text=True)
            for mark in town.marks:
                if mark != town.marks[who]:
                    assert mark not in said, (kind, who, whom)
                    assert mark not in later, (kind, who, whom)

    nobody_tells()
    # The positive: from the beginning, one's own rows are there to be seen.
    assert town.marks[0] in raw_pull(town.phones[0], cursor=None).get_data(as_text=True)
