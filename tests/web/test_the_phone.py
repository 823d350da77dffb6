"""The browser's part of the day, in a real Chromium: the phone without signal, and every desk at both sizes."""

import io
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from pypdf import PdfReader
from sqlalchemy import select

from api.app import start_jobs
from assets import actions as assets
from assets.models import CodeLevel
from core import clock, jobs
from core.ids import new_label
from core.receipts import Receipt
from core.unit import perform, reading
from parts import actions as parts
from parts.models import VanStock
from tests.doors import Visitor
from tests.makers import Maker
from tests.web.conftest import DESK, IN_CHROMIUM, LOADING_MS, PHONE, Person, Served, until
from work import promises

pytestmark = IN_CHROMIUM

FINDINGS = "油缸密封件磨损，已更换，试运行正常。"
CODES = {
    CodeLevel.SYMPTOM: ("leak", "Leak", "渗漏"),
    CodeLevel.MODE: ("seal-worn", "Seal worn", "密封件磨损"),
    CodeLevel.CAUSE: ("wear", "Normal wear", "正常磨损"),
    CodeLevel.REMEDY: ("replaced", "Part replaced", "更换零件"),
}


def today() -> date:
    """Return the date on the wall of the company."""
    return clock.now().astimezone(ZoneInfo("Asia/Shanghai")).date()


def at_hour(hour: int) -> datetime:
    return datetime.combine(today(), datetime.min.time(), ZoneInfo("Asia/Shanghai")) + timedelta(
        hours=hour
    )


def company(make: Maker) -> dict[str, Any]:
    """Set up an engineer with a day of two visits, a van with a seal in it, and a colleague."""
    wang_account = make.account("technician", name="Wang Wei")
    wang = make.technician("Wang Wei", account=wang_account)
    li = make.technician("Li Na", account=make.account("technician", name="Li Na"))
    machine = make.asset(make.site(make.customer(language="zh-CN")), name="Excavator D")
    seal = make.part(sku="SEAL-90", name="Cylinder seal kit", codes=["6901234567892"])
    store = make.warehouse("Main store")
    make.stock(store.id, seal, 20)
    make.stock(wang.van_place_id, seal, 1)
    token = new_label()

    def more(unit: Any) -> None:
        assets.stick_tag(unit, machine.id, token)
        for level, (code, english, chinese) in CODES.items():
            label = {"en": english, "zh-CN": chinese}
            assets.add_failure_code(unit, level=level, code=code, label=label, rank=0)
        parts.set_van_level(unit, place_id=wang.van_place_id, part_id=seal.id, min=1, max=4)
        promises.make_promise(
            unit, priority=2, minutes=480, warn_minutes=60, timezone="Asia/Shanghai", week={}
        )

    perform(make.system, more)
    repair = make.visit(
        wang,
        order=make.order(machine, title="Leaking cylinder", priority=2),
        day=today(),
        arrives_at=at_hour(9),
        departs_at=at_hour(10),
        position=1,
    )
    check = make.visit(
        wang,
        order=make.order(machine, title="Yearly check", kind="inspection"),
        day=today(),
        arrives_at=at_hour(14),
        position=2,
    )
    return {
        "account": wang_account,
        "wang": wang,
        "li": li,
        "machine": machine,
        "seal": seal,
        "store": store,
        "token": token,
        "repair": repair,
        "check": check,
    }


def photo() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), "steelblue").save(out, "JPEG")
    return out.getvalue()


def wait_until_ready_for_no_signal(page: Page) -> None:
    """The phone has its day, and the service worker has the pages."""
    expect(page.locator("a.sync")).to_contain_text("All sent")
    # A worker that is ready may not have taken over the page that is open already.
    until(page, "navigator.serviceWorker.controller !== null")


def begin_work(page: Page, title: str) -> None:
    """Open a visit, arrive and start to work."""
    page.get_by_role("link", name=title).click()
    page.get_by_role("button", name="I am here").click()
    page.get_by_role("button", name="Start work").click()


def do_the_visit(page: Page) -> None:
    page.get_by_role("link", name="Leaking cylinder").click()
    page.get_by_role("button", name="Set off").click()
    page.get_by_role("button", name="I am here").click()
    page.get_by_role("button", name="Start work").click()
    page.get_by_label("Machine isolated and secured").check()
    hours = page.get_by_label("Operating hours on the meter")
    hours.fill("8123")
    hours.blur()
    page.get_by_label("Test run after the work").check()

    page.get_by_role("button", name="Use a part").click()
    page.get_by_label("Part, number or scanned code").fill("6901234567892")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Use 1").click()
    # What is said of it goes by itself, if it has not gone yet.
    page.get_by_role("status").get_by_role("button", name="Close").evaluate_all(
        "buttons => buttons.forEach((button) => button.click())"
    )

    page.locator("input[type=file]").set_input_files(
        {"name": "after.jpg", "mimeType": "image/jpeg", "buffer": photo()}
    )
    expect(page.get_by_role("img", name="After")).to_be_visible()
    page.get_by_label("New note").fill("Gate code 4711")
    page.get_by_role("button", name="Add the note").click()
    expect(page.get_by_text("Gate code 4711")).to_be_visible()


def finish_the_visit(page: Page) -> None:
    page.get_by_role("link", name="Finish").click()
    page.get_by_label("Completed").check()
    page.get_by_role("button", name="Next").click()
    page.get_by_label("What did you find and do?").fill(FINDINGS)
    page.get_by_label("What failed").select_option(label="Seal worn")
    page.get_by_label("Cause").select_option(label="Normal wear")
    page.get_by_label("Remedy").select_option(label="Part replaced")
    page.get_by_role("button", name="Next").click()

    shown = page.get_by_role("article")
    expect(shown).to_contain_text(FINDINGS)
    expect(shown).to_contain_text("正常磨损")
    page.get_by_role("button", name="To the signature").click()
    page.get_by_label("您的姓名").fill("周建国")
    page.get_by_label("经理").check()
    sign(page)
    page.get_by_role("button", name="Seal the report").click()
    expect(page.get_by_text("The report is sealed")).to_be_visible()


def sign(page: Page) -> None:
    canvas = page.get_by_label("Sign here")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    x, y = box["x"] + 40, box["y"] + 60
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 12):
        page.mouse.move(x + step * 15, y + (step % 3) * 20)
    page.mouse.up()


def test_a_day_on_the_phone_without_signal(
    make: Maker,
    sign_in: Callable[..., Visitor],
    somebody: Callable[..., Person],
    served: Served,
) -> None:
    there = company(make)
    office = make.account("dispatcher")
    dispatcher = sign_in(office)
    repair, check = there["repair"], there["check"]
    wang = somebody(PHONE)
    page = wang.sign_in(there["account"])

    # The day is there; then the signal goes, and the phone opens all the same.
    expect(page.get_by_text("Leaking cylinder")).to_be_visible()
    expect(page.get_by_text("Yearly check")).to_be_visible()
    wait_until_ready_for_no_signal(page)
    wang.cut()
    asked = len(served.line.asked)
    page.reload()
    do_the_visit(page)
    finish_the_visit(page)

    # The header says in words what is not sent, and so it does after the tab was killed.
    # Eleven sayings and one picture.
    unsent = re.compile(r"Offline · 12 things not sent yet, since \d\d:\d\d")
    expect(page.locator("a.sync")).to_have_text(unsent)
    page.close()
    page = wang.open("/app/#/today")
    expect(page.locator("a.sync")).to_have_text(unsent)
    page.get_by_role("link", name="Leaking cylinder").click()
    expect(page.get_by_text("Sealed, signed by 周建国")).to_be_visible()
    expect(page.get_by_text("Gate code 4711")).to_be_visible()
    expect(page.get_by_role("img", name="After")).to_be_visible()
    expect(page.get_by_text("1 × Cylinder seal kit").last).to_be_visible()
    # A contact that had set out before the cut may still arrive; it carries no word of what was said since.
    heard = {path for _, path in served.line.asked[asked:]}
    assert heard <= {"/v1/sync/push", "/v1/sync/pull"}
    with reading(make.system) as unit:
        assert unit.session.scalars(select(Receipt.key)).all() == []

    # Meanwhile the office changes the priority and gives the later visit to somebody else.
    dispatcher.send("PATCH", f"/v1/work-orders/{repair.order_id}", {"priority": 1})
    dispatcher.send("PATCH", f"/v1/visits/{check.id}", {"technician_id": str(there["li"].id)})
    assert dispatcher.get(f"/v1/visits/{repair.id}")["state"] == "dispatched"

    # Back in signal the first answer is lost on its way, so the phone says everything twice.
    served.line.lose_next = "/v1/sync/push"
    wang.connect()
    expect(page.locator("a.sync")).to_contain_text("All sent")
    assert served.line.lost == 1
    page.goto(f"{served.url}/app/#/today")
    expect(page.get_by_text("Leaking cylinder")).to_be_visible()
    expect(page.get_by_text("Yearly check")).to_have_count(0)
    expect(page.get_by_text("Urgent")).to_have_count(0)  # A closed visit shouts no more.
    page.goto(f"{served.url}/app/#/attention")
    expect(page.get_by_text("Nothing needs you")).to_be_visible()

    everything_arrived_once(make, dispatcher, there)
    shen, owner = somebody(DESK), somebody(PHONE)
    shen.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shen.sign_in(office)
    the_office_gives_the_report_to_the_customer(shen, owner, str(repair.order_id))
    assert wang.complaints + shen.complaints + owner.complaints == []


def everything_arrived_once(make: Maker, dispatcher: Visitor, there: dict[str, Any]) -> None:
    repair = there["repair"]
    order = dispatcher.get(f"/v1/work-orders/{repair.order_id}")
    visit = dispatcher.get(f"/v1/visits/{repair.id}")
    assert (order["priority"], order["state"]) == (1, "work_done")
    assert dispatcher.get(f"/v1/visits/{there['check'].id}")["technician_id"] == str(there["li"].id)
    assert (visit["state"], visit["findings"], visit["cause"], visit["failure_mode"]) == (
        "completed",
        FINDINGS,
        "wear",
        "seal-worn",
    )
    assert visit["answers"] == {"safe": True, "hours": 8123, "tested": True}
    [comment] = dispatcher.get(f"/v1/work-orders/{order['id']}/comments")["items"]
    assert comment["text"] == "Gate code 4711"
    [picture] = dispatcher.get(f"/v1/visits/{visit['id']}/photos")["items"]
    assert picture["state"] == "stored"
    bytes_ = dispatcher.call("GET", f"/v1/files/{picture['sha256']}").data
    assert Image.open(io.BytesIO(bytes_)).size == (640, 480)
    signed = dispatcher.get(f"/v1/visits/{visit['id']}/sign-off")
    assert signed["signer_name"] == "周建国"
    timeline = dispatcher.get(f"/v1/work-orders/{order['id']}/timeline")["items"]
    kinds = [item["kind"] for item in timeline]
    assert [kinds.count(kind) for kind in ("part", "photo", "signed", "comment")] == [1, 1, 1, 1]
    with reading(make.system) as unit:
        said = unit.session.scalars(select(Receipt.seq).where(Receipt.seq.is_not(None))).all()
    assert len(said) == len(set(said))

    jobs.drain()
    pdf = dispatcher.call("GET", f"/v1/visits/{visit['id']}/report.pdf")
    assert pdf.status_code == 200, pdf.get_data(as_text=True)[:300]
    text = "".join(leaf.extract_text() for leaf in PdfReader(io.BytesIO(pdf.data)).pages)
    assert "油缸密封件磨损" in text


def the_office_gives_the_report_to_the_customer(shen: Person, owner: Person, order_id: str) -> None:
    page = shen.page
    page.goto(f"{shen.url}/app/#/order/{order_id}")
    expect(page.get_by_text("Work done")).to_be_visible()
    expect(page.get_by_text("1 × Cylinder seal kit")).to_be_visible()
    page.get_by_role("button", name="Make a link for the customer").click()
    link = page.get_by_label("The customer's link").input_value()
    page.get_by_role("button", name="Copy the link").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == link
    shown = owner.open(link.removeprefix(owner.url))
    expect(shown.get_by_text(FINDINGS).first).to_be_visible()
    fits(shown)
    fits(page)
    page.get_by_role("button", name="Close the order").click()
    expect(page.get_by_text("The order is closed")).to_be_visible()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_no_signal_signs_nobody_out_and_an_old_session_is_renewed_by_itself(
    make: Maker, somebody: Callable[..., Person]
) -> None:
    there = company(make)
    wang = somebody(PHONE)
    page = wang.sign_in(there["account"])
    wait_until_ready_for_no_signal(page)

    wang.cut()
    wang.context.clear_cookies(name="fw_access")
    page.reload()
    expect(page.get_by_text("Leaking cylinder")).to_be_visible()
    page.get_by_role("link", name="Leaking cylinder").click()
    page.get_by_role("button", name="Set off").click()
    expect(page.locator("a.sync")).to_contain_text("Offline · 1 thing not sent yet")

    wang.connect()
    expect(page.locator("a.sync")).to_contain_text("All sent")
    expect(page.get_by_role("button", name="I am here")).to_be_visible()
    assert "fw_access" in {cookie["name"] for cookie in wang.context.cookies()}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_one_thing_that_the_server_cannot_read_is_set_aside_and_the_rest_arrives(
    make: Maker, sign_in: Callable[..., Visitor], somebody: Callable[..., Person]
) -> None:
    there = company(make)
    wang = somebody(PHONE)
    page = wang.sign_in(there["account"])
    wait_until_ready_for_no_signal(page)
    wang.cut()
    page.get_by_role("link", name="Leaking cylinder").click()
    page.get_by_role("button", name="Set off").click()
    for text in ("First note", "Second note", "Third note"):
        page.get_by_label("New note").fill(text)
        page.get_by_role("button", name="Add the note").click()
        expect(page.get_by_text(text)).to_be_visible()
    page.get_by_role("button", name="I am here").click()
    expect(page.locator("a.sync")).to_contain_text("Offline · 5 things not sent yet")
    page.evaluate(SPOIL, "Second note")
    # What was on its way as it had been goes with the page.
    page.reload()
    expect(page.locator("a.sync")).to_contain_text("Offline · 5 things not sent yet")

    wang.connect()
    expect(page.locator("a.sync")).to_contain_text("All sent")
    page.goto(f"{wang.url}/app/#/attention")
    page.get_by_text("What it says").click()
    expect(page.get_by_text("Second note")).to_be_visible()
    dispatcher = sign_in(make.account("dispatcher"))
    visit = dispatcher.get(f"/v1/visits/{there['repair'].id}")
    comments = dispatcher.get(f"/v1/work-orders/{visit['order_id']}/comments")["items"]
    assert visit["state"] == "on_site"
    assert sorted(comment["text"] for comment in comments) == ["First note", "Third note"]


# The draft of a completion is in the phone's own database, with one part.
ONE_PART_IS_KEPT = """async () => {
    const [{ name }] = (await indexedDB.databases()).filter(({ name }) => name.startsWith('fieldwright:'))
    const opened = indexedDB.open(name)
    await new Promise((done) => (opened.onsuccess = done))
    const drafts = opened.result.transaction('drafts').objectStore('drafts').getAll()
    await new Promise((done) => (drafts.onsuccess = done))
    opened.result.close()
    return drafts.result.find(({ id }) => id.startsWith('finish:'))?.value.parts.length === 1
}"""

# What a broken phone or an unlucky program may leave behind: a time that is none.
SPOIL = """async (text) => {
    const [{ name }] = (await indexedDB.databases()).filter(({ name }) => name.startsWith('fieldwright:'))
    const opened = indexedDB.open(name)
    await new Promise((done) => (opened.onsuccess = done))
    const outbox = opened.result.transaction('outbox', 'readwrite').objectStore('outbox')
    const all = outbox.getAll()
    await new Promise((done) => (all.onsuccess = done))
    const row = all.result.find(({ args }) => args.text === text)
    const put = outbox.put({ ...row, happened_at: 'some time' })
    await new Promise((done) => (put.onsuccess = done))
    opened.result.close()
}"""


def fits(page: Page) -> None:
    """Nothing may stand out of the page at its side."""
    wide = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide[0] <= wide[1], f"{page.url} is {wide[0]} wide in {wide[1]}"


@pytest.fixture
def running_jobs(served: Served) -> Iterator[None]:
    """Work the queue beside the server, as in the real process."""
    stop = start_jobs(served.app)
    yield
    stop()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_dispatcher_plans_and_publishes_the_day(
    make: Maker,
    somebody: Callable[..., Person],
    sign_in: Callable[..., Visitor],
    running_jobs: None,
    size: dict[str, int],
) -> None:
    there = company(make)
    account = make.account("dispatcher")
    waiting = make.visit(order=make.order(there["machine"], title="Broken hose"))
    tomorrow = today() + timedelta(days=1)
    shen = somebody(size)
    page = shen.open()
    fits(page)
    page = shen.sign_in(account)
    expect(
        page.get_by_role("heading", name="Wang Wei").or_(page.get_by_text("Wang Wei")).first
    ).to_be_visible()
    fits(page)
    page.get_by_label("Day", exact=True).fill(str(tomorrow))
    page.get_by_role("button", name="Plan the day").click()
    page.get_by_role("button", name="Publish").click(timeout=LOADING_MS)
    expect(page.get_by_text("Published")).to_be_visible()
    fits(page)
    visit = sign_in(account).get(f"/v1/visits/{waiting.id}")
    assert visit["technician_id"] is not None
    assert (visit["day"], visit["state"]) == (str(tomorrow), "dispatched")
    for path in ("requests", "conflicts", "devices"):
        page.goto(f"{shen.url}/app/#/{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        fits(page)
    assert shen.complaints == []


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_dispatcher_opens_an_order_lets_it_wait_and_answers_for_its_promise(
    make: Maker,
    somebody: Callable[..., Person],
    sign_in: Callable[..., Visitor],
    size: dict[str, int],
) -> None:
    company(make)
    account = make.account("dispatcher")
    shen = somebody(size)
    page = shen.sign_in(account)
    page.get_by_role("link", name="New order").click()
    page.get_by_label("Machine").fill("Excavator D")
    page.get_by_role("button", name="Excavator D").click()
    page.get_by_label("Title").fill("Boom cracked")
    page.get_by_label("Priority").select_option(label="High")
    page.get_by_label("Minutes on site").fill("90")
    page.get_by_label("Not before").fill(f"{today()}T09:00")
    page.get_by_label("Not after").fill(f"{today()}T12:00")
    page.get_by_label("hydraulics").select_option(label="Level 2")
    fits(page)
    page.get_by_role("button", name="Make an order").click()

    expect(page.get_by_role("heading", name="Boom cracked")).to_be_visible()
    expect(page.get_by_text(re.compile("^Due "))).to_be_visible()
    page.get_by_role("button", name="Put on hold").click()
    page.get_by_label("Why does it wait?").select_option(label="waiting for the customer")
    page.get_by_role("dialog").get_by_role("button", name="Put on hold").click()
    expect(page.get_by_text("On hold", exact=True)).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text(re.compile("paused, waiting for the customer"))).to_be_visible()
    page.get_by_label("Comment").fill("The gate is open from nine.")
    page.get_by_role("button", name="Add the comment").click()
    expect(page.get_by_text("The gate is open from nine.")).to_be_visible()
    page.get_by_label("Priority").select_option(label="Urgent")
    expect(page.get_by_text("Saved")).to_be_visible()
    fits(page)

    visitor = sign_in(account)
    [order] = visitor.get("/v1/work-orders?search=Boom")["items"]
    assert (order["priority"], order["duration_min"], order["skills"]) == (
        1,
        90,
        [{"code": "hydraulics", "level": 2}],
    )
    assert datetime.fromisoformat(order["window_from"]) == at_hour(9)
    assert visitor.get("/v1/devices")["items"] == [], "a desk is no phone"

    page.get_by_role("button", name="Cancel the order").click()
    page.get_by_label("Reason").fill("Sold.")
    page.get_by_role("dialog").get_by_role("button", name="Cancel the order").click()
    # The order and its visit.
    expect(page.get_by_text("Cancelled", exact=True)).to_have_count(2)
    assert shen.complaints == []


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_storekeeper_picks_a_slip_by_its_codes(
    make: Maker, somebody: Callable[..., Person], size: dict[str, int]
) -> None:
    there = company(make)
    perform(
        make.as_technician(there["wang"]),
        lambda unit: parts_used(unit, there),
    )
    jobs.drain()
    bao = somebody(size)
    page = bao.sign_in(make.account("storekeeper"))
    expect(page.get_by_text("Cylinder seal kit").first).to_be_visible()
    fits(page)
    page.goto(f"{bao.url}/app/#/slips")
    page.get_by_role("link", name=re.compile("Proposed")).click()
    page.get_by_role("button", name="Approve").click()
    page.get_by_label("Scan a part").fill("0000")
    page.keyboard.press("Enter")
    expect(page.get_by_text("0000 is not on this slip.")).to_be_visible()
    page.get_by_label("Scan a part").fill("6901234567892")
    page.keyboard.press("Enter")
    page.get_by_role("button", name=re.compile(r"Pick \d")).click()
    page.get_by_role("button", name="Ready").click()
    expect(page.get_by_role("img", name="QR code of this slip")).to_be_visible()
    fits(page)
    page.get_by_role("button", name="Hand over").click()
    expect(page.get_by_text("Handed over")).to_be_visible()
    for path in ("discrepancies", "moves"):
        page.goto(f"{bao.url}/app/#/{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        fits(page)
    assert bao.complaints == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_storekeeper_without_a_scanner_picks_by_hand_and_a_wrong_code_is_still_refused(
    make: Maker, somebody: Callable[..., Person]
) -> None:
    there = company(make)
    perform(make.as_technician(there["wang"]), lambda unit: parts_used(unit, there))
    jobs.drain()
    page = somebody(PHONE).sign_in(make.account("storekeeper"))
    page.get_by_role("link", name="Slips").click()
    page.get_by_role("link", name=re.compile("Proposed")).click()
    page.get_by_role("button", name="Approve").click()
    page.get_by_label("Scan a part").fill("0000")
    page.get_by_role("button", name="Pick", exact=True).click()
    page.get_by_role("button", name=re.compile(r"Pick \d")).click()
    expect(page.get_by_text("0000 was scanned", exact=False)).to_be_visible()
    page.get_by_label("Scan a part").fill("")
    page.get_by_role("button", name=re.compile(r"Pick \d")).click()
    expect(page.get_by_text("Picked", exact=True)).to_be_visible()
    page.get_by_role("button", name="Ready").click()
    expect(page.get_by_role("img", name="QR code of this slip")).to_be_visible()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_parts_that_were_planned_are_offered_before_what_the_van_is_full_of(
    make: Maker, somebody: Callable[..., Person]
) -> None:
    there = company(make)
    for number in range(40):
        make.stock(there["wang"].van_place_id, make.part(sku=f"BOLT-{number:02}"), 50)
    gasket = make.part(sku="GASKET", name="Gasket")
    order = make.order(
        there["machine"], title="Gasket blown", parts=[{"part_id": gasket.id, "qty": 1}]
    )
    make.visit(there["wang"], order=order, day=today(), arrives_at=at_hour(11))
    page = somebody(PHONE).sign_in(there["account"])
    begin_work(page, "Gasket blown")
    page.get_by_role("button", name="Use a part").click()
    first = page.get_by_role("dialog").get_by_role("listitem").first
    expect(first).to_contain_text("Gasket")
    expect(first.get_by_text("Planned", exact=True)).to_be_visible()


def parts_used(unit: Any, there: dict[str, Any]) -> None:
    from core.ids import new_id
    from work import actions as work

    work.use_part(unit, there["repair"].id, id=new_id(), part_id=there["seal"].id, qty=1)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_figures_and_the_page_behind_the_code_fit_every_screen(
    make: Maker, somebody: Callable[..., Person], size: dict[str, int]
) -> None:
    there = company(make)
    helen = somebody(size)
    page = helen.sign_in(make.account("manager"))
    expect(page.get_by_text("Promises kept")).to_be_visible()
    fits(page)

    owner = somebody(size)
    page = owner.open(f"/q/{there['token']}")
    expect(page.get_by_text("Excavator D").first).to_be_visible()
    fits(page)
    assert helen.complaints + owner.complaints == []


def test_a_part_noted_while_finishing_is_said_by_the_completion_alone(
    make: Maker,
    somebody: Callable[..., Person],
    served: Served,
) -> None:
    there = company(make)
    wang = somebody(PHONE)
    page = wang.sign_in(there["account"])
    begin_work(page, "Yearly check")
    page.get_by_role("link", name="Finish").click()
    page.get_by_label("Partly done").check()
    page.get_by_label("What is left, and why?").fill("The filter is missing")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("What did you find and do?").fill("Seal replaced")
    for _ in range(2):
        page.get_by_role("button", name="Use a part").click()
        page.get_by_label("Part, number or scanned code").fill("seal")
        page.get_by_role("button", name="Cylinder seal kit").click()
        page.get_by_role("button", name="Use 1").click()
    page.get_by_role("button", name="Remove").first.click()
    # What was said before has been answered, and what is shown is kept.
    expect(page.locator("a.sync")).to_contain_text("All sent")
    until(page, ONE_PART_IS_KEPT)
    # A phone that runs out of power loses nothing of it.
    page.reload()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("1 × Cylinder seal kit")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("article")).to_contain_text("SEAL-90")
    page.get_by_role("button", name="To the signature").click()
    page.get_by_role("button", name="The customer does not sign").click()
    page.get_by_label("Reason").fill("Nobody there")
    wang.cut()
    page.get_by_role("button", name="Seal without a signature").click()
    expect(page.get_by_text("The report is sealed")).to_be_visible()
    expect(page.locator("a.sync")).to_contain_text("2 things not sent yet")
    wang.connect()
    expect(page.locator("a.sync")).to_contain_text("All sent")

    said = [mutation["type"] for mutation in served.line.said]
    assert said == ["visit.arrive", "visit.start", "visit.complete", "signoff.seal"]
    with reading(make.system) as unit:
        assert unit.session.scalars(select(VanStock.on_hand)).all() == [0]
