"""What may befall a phone: two tabs, an update, no room, a visit that somebody else took, the phone taken away.

And what the engineer does with it beside the visit itself: time, readings, another fault, the camera.
"""

import io
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from core.unit import perform
from tests.doors import Visitor
from tests.makers import PASSWORD, Maker
from tests.web.conftest import DESK, IN_CHROMIUM, PHONE, Person, Served, until
from tests.web.test_the_phone import begin_work, company, wait_until_ready_for_no_signal
from work import actions as work

pytestmark = [
    *IN_CHROMIUM,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

LEADERS = """async () => {
    const { held, pending } = await navigator.locks.query()
    const leader = ({ name }) => name.startsWith('fieldwright:leader:')
    return [held.filter(leader).length, pending.filter(leader).length]
}"""
NOTHING_KEPT = """async () => !(await indexedDB.databases())
    .some(({ name }) => name.startsWith('fieldwright:'))"""


# A running time as if it had been started so many minutes ago.
EARLIER = """async (minutes) => {
    const [{ name }] = (await indexedDB.databases()).filter(({ name }) => name.startsWith('fieldwright:'))
    const opened = indexedDB.open(name)
    await new Promise((done) => (opened.onsuccess = done))
    const drafts = opened.result.transaction('drafts', 'readwrite').objectStore('drafts')
    const got = drafts.get('timer')
    await new Promise((done) => (got.onsuccess = done))
    const begun_at = new Date(Date.now() - minutes * 60_000).toISOString()
    const value = { ...got.result.value, begun_at: begun_at.replace(/\\.\\d+Z$/, 'Z') }
    const put = drafts.put({ id: 'timer', value })
    await new Promise((done) => (put.onsuccess = done))
    opened.result.close()
}"""


def add_note(page: Page, text: str) -> None:
    page.get_by_label("New note").fill(text)
    page.get_by_role("button", name="Add the note").click()
    expect(page.get_by_text(text)).to_be_visible()


def noise() -> bytes:
    """Return a picture that cannot be made small."""
    out = io.BytesIO()
    grain = random.Random(1).randbytes(1600 * 1200 * 3)
    Image.frombytes("RGB", (1600, 1200), grain).save(out, "JPEG", quality=90)
    return out.getvalue()


def notes_of(dispatcher: Visitor, order_id: Any) -> list[str]:
    items = dispatcher.get(f"/v1/work-orders/{order_id}/comments")["items"]
    return sorted(item["text"] for item in items)


def test_of_two_tabs_one_leads_and_the_other_takes_over_when_it_is_killed(
    make: Maker,
    sign_in: Callable[..., Visitor],
    somebody: Callable[..., Person],
    served: Served,
) -> None:
    there = company(make)
    wang = somebody(PHONE)
    first = wang.sign_in(there["account"])
    wait_until_ready_for_no_signal(first)
    second = wang.open("/app/#/today")
    expect(second.get_by_text("Leaking cylinder")).to_be_visible()
    assert second.evaluate(LEADERS) == [1, 1]

    # The tab that leads sends what the other says.
    second.get_by_role("link", name="Leaking cylinder").click()
    with first.expect_response("**/v1/sync/push") as answer:
        second.get_by_role("button", name="Set off").click()
    answer.value.finished()
    expect(second.locator("a.sync")).to_contain_text("All sent")
    expect(first.get_by_text("Travelling")).to_be_visible()

    # What is said in both without signal is sent by the one that is left.
    wang.cut()
    add_note(second, "From the second tab")
    first.get_by_role("link", name="Yearly check").click()
    add_note(first, "From the first tab")
    first.close()
    wang.connect()
    expect(second.locator("a.sync")).to_contain_text("All sent")
    assert second.evaluate(LEADERS) == [1, 0]
    dispatcher = sign_in(make.account("dispatcher"))
    assert notes_of(dispatcher, there["repair"].order_id) == ["From the second tab"]
    assert notes_of(dispatcher, there["check"].order_id) == ["From the first tab"]
    said = [each["id"] for each in served.line.said]
    assert len(said) == len(set(said)) == 3


def test_what_somebody_has_begun_to_write_stays_when_the_server_says_late_who_they_are(
    make: Maker, somebody: Callable[..., Person], served: Served
) -> None:
    there = company(make)
    wang = somebody(PHONE)
    page = wang.sign_in(there["account"])
    wait_until_ready_for_no_signal(page)
    page.get_by_role("link", name="Leaking cylinder").click()
    served.line.waits_at = "/v1/session"
    with page.expect_response("**/v1/session") as answer:
        page.reload()
        page.get_by_label("New note").fill("Half a sent")
        served.line.go_on.set()
    answer.value.finished()
    page.get_by_label("New note").press_sequentially("ence")
    page.get_by_role("button", name="Add the note").click()
    expect(page.get_by_text("Half a sentence")).to_be_visible()


def test_what_is_unsent_outlives_an_update_of_the_app(
    make: Maker,
    sign_in: Callable[..., Visitor],
    somebody: Callable[..., Person],
    served: Served,
) -> None:
    there = company(make)
    wang = somebody(PHONE)
    page = wang.sign_in(there["account"])
    wait_until_ready_for_no_signal(page)
    served.line.closed_to = "/v1/sync/push"
    page.get_by_role("link", name="Leaking cylinder").click()
    add_note(page, "Before the update")
    expect(page.locator("a.sync")).to_contain_text("busy")

    served.release()
    page.evaluate(
        "navigator.serviceWorker.ready.then((worker) => worker.update()).then(() => null)"
    )
    page.get_by_role("button", name="Load it").click()
    expect(page.get_by_text("A new version is ready.")).to_have_count(0)
    expect(page.get_by_text("Before the update")).to_be_visible()
    expect(page.locator("a.sync")).to_contain_text("1 thing not sent yet")
    assert page.evaluate("caches.keys()") != []
    assert all("next" in name for name in page.evaluate("caches.keys()"))

    served.line.closed_to = ""
    expect(page.locator("a.sync")).to_contain_text("All sent")
    dispatcher = sign_in(make.account("dispatcher"))
    assert notes_of(dispatcher, there["repair"].order_id) == ["Before the update"]


def test_a_full_phone_says_so_before_anything_is_half_saved_and_keeps_what_is_unsent(
    make: Maker, sign_in: Callable[..., Visitor], somebody: Callable[..., Person]
) -> None:
    there = company(make)
    wang = somebody(PHONE)
    door = wang.open()
    door.evaluate("navigator.serviceWorker.ready.then(() => null)")
    # The browser remembers for a while how much room there is, so it is made small before anybody signs in.
    chrome = wang.context.new_cdp_session(door)
    used = chrome.send("Storage.getUsageAndQuota", {"origin": wang.url})["usage"]
    chrome.send("Storage.overrideQuotaForOrigin", {"origin": wang.url, "quotaSize": used + 900_000})
    page = wang.sign_in(there["account"])
    wait_until_ready_for_no_signal(page)
    wang.cut()
    page.get_by_role("link", name="Leaking cylinder").click()
    add_note(page, "While there was room")

    picture = {"name": "after.jpg", "mimeType": "image/jpeg", "buffer": noise()}
    page.locator("input[type=file]").set_input_files(picture)
    expect(page.get_by_text("This phone is full, so nothing was saved.")).to_be_visible()
    expect(page.get_by_role("img", name="After")).to_have_count(0)
    expect(page.locator("a.sync")).to_contain_text("1 thing not sent yet")
    # Words are small and still find room.
    add_note(page, "On a full phone")

    chrome.send("Storage.overrideQuotaForOrigin", {"origin": wang.url})
    page.locator("input[type=file]").set_input_files(picture)
    expect(page.get_by_role("img", name="After")).to_be_visible()
    wang.connect()
    expect(page.locator("a.sync")).to_contain_text("All sent")
    dispatcher = sign_in(make.account("dispatcher"))
    assert notes_of(dispatcher, there["repair"].order_id) == [
        "On a full phone",
        "While there was room",
    ]
    [kept] = dispatcher.get(f"/v1/visits/{there['repair'].id}/photos")["items"]
    assert kept["state"] == "stored"


def test_work_near_me_is_taken_without_signal_unless_somebody_else_was_quicker(
    make: Maker, sign_in: Callable[..., Visitor], somebody: Callable[..., Person]
) -> None:
    there = company(make)
    free = make.visit(order=make.order(there["machine"], title="Broken hose"))
    lost = make.visit(order=make.order(there["machine"], title="Loose track"))
    dispatcher = sign_in(make.account("dispatcher"))
    wang = somebody(PHONE)
    page = wang.sign_in(there["account"])
    wait_until_ready_for_no_signal(page)
    page.get_by_role("link", name="2 visits without an engineer").click()
    expect(page.get_by_text("From your home")).to_be_visible()
    wang.cut()
    for title in ("Broken hose", "Loose track"):
        page.get_by_role("listitem").filter(has_text=title).get_by_role(
            "button", name="Take it"
        ).click()
        expect(page.get_by_text(title)).to_have_count(0)
    page.get_by_role("link", name="Today").click()
    expect(page.get_by_text("Broken hose")).to_be_visible()
    expect(page.get_by_text("It is yours when the office has heard of it")).to_have_count(2)

    # Meanwhile the office gives one of them to Li Na.
    perform(
        make.as_technician(there["li"]), lambda unit: work.claim_visit(unit, lost.id), name="claim"
    )
    wang.connect()
    expect(page.locator("a.sync")).to_contain_text("All sent")
    expect(page.get_by_text("Broken hose")).to_be_visible()
    expect(page.get_by_text("Loose track")).to_have_count(0)
    assert dispatcher.get(f"/v1/visits/{free.id}")["technician_id"] == str(there["wang"].id)
    assert dispatcher.get(f"/v1/visits/{lost.id}")["technician_id"] == str(there["li"].id)
    page.get_by_role("link", name="Near me").click()
    expect(page.get_by_text("Somebody else has taken this visit.")).to_be_visible()
    page.get_by_role("button", name="I have seen it").click()
    expect(page.get_by_text("Nothing is waiting")).to_be_visible()
    assert wang.complaints == []


def test_time_readings_a_hold_and_another_fault_are_noted_without_signal(
    make: Maker, sign_in: Callable[..., Visitor], somebody: Callable[..., Person]
) -> None:
    there = company(make)
    wang = somebody(PHONE)
    page = wang.sign_in(there["account"])
    wait_until_ready_for_no_signal(page)
    wang.cut()
    begin_work(page, "Leaking cylinder")

    # A time that runs outlives the tab.
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text(re.compile("Work since"))).to_be_visible()
    page.close()
    page = wang.open(f"/app/#/visit/{there['repair'].id}")
    page.evaluate(EARLIER, 25)
    page.reload()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("25 min", exact=True)).to_be_visible()

    page.get_by_label("Meter", exact=True).fill("Engine hours")
    page.get_by_label("Value").fill("8123,5")
    page.get_by_label("Unit").fill("h")
    page.get_by_role("button", name="Note the reading").click()
    expect(page.get_by_text("8,123.5 h", exact=True)).to_be_visible()

    page.get_by_role("button", name="Put on hold").click()
    page.get_by_label("waiting for parts").check()
    page.get_by_label("In your words").fill("The seal is the wrong size.")
    page.get_by_role("dialog").get_by_role("button", name="Put on hold").click()
    expect(page.get_by_text(re.compile("On hold since .*: waiting for parts"))).to_be_visible()

    page.get_by_role("button", name="Another fault here").click()
    page.get_by_label("What is wrong?").fill("Mirror broken")
    page.get_by_role("button", name="Open the order").click()
    expect(page.get_by_role("heading", name="Mirror broken")).to_be_visible()
    add_note(page, "Left side")

    wang.connect()
    expect(page.locator("a.sync")).to_contain_text("All sent")
    page.goto(f"{wang.url}/app/#/attention")
    expect(page.get_by_text("Nothing needs you")).to_be_visible()
    dispatcher = sign_in(make.account("dispatcher"))
    visit = dispatcher.get(f"/v1/visits/{there['repair'].id}")
    assert visit["state"] == "paused"
    assert visit["hold"]["reason"] == "parts"
    assert visit["hold"]["text"] == "The seal is the wrong size."
    [spent] = dispatcher.get(f"/v1/visits/{visit['id']}/times")["items"]
    assert spent["kind"] == "work"
    [reading] = dispatcher.get(f"/v1/assets/{there['machine'].id}/readings")["items"]
    assert (reading["meter"], reading["value"], reading["unit"]) == ("Engine hours", 8123.5, "h")
    [order] = dispatcher.get("/v1/work-orders?search=Mirror")["items"]
    assert notes_of(dispatcher, order["id"]) == ["Left side"]
    assert wang.complaints == []


def test_h53_nobody_leaves_with_things_unsent_and_the_next_person_sees_nothing(
    make: Maker, sign_in: Callable[..., Visitor], somebody: Callable[..., Person], served: Served
) -> None:
    there = company(make)
    li_account = make.account("technician", name="Zhao Min")
    make.technician("Zhao Min", account=li_account)
    wang = somebody(PHONE)
    page = wang.sign_in(there["account"])
    wait_until_ready_for_no_signal(page)
    served.line.closed_to = "/v1/sync/push"
    page.get_by_role("link", name="Leaking cylinder").click()
    add_note(page, "The gate is at the back")
    page.get_by_role("link", name="You").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("1 thing is not sent yet")).to_be_visible()
    expect(page.get_by_text("Signing out waits until everything is sent")).to_be_visible()

    served.line.closed_to = ""
    page.get_by_role("button", name="Send and sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    until(page, NOTHING_KEPT)
    dispatcher = sign_in(make.account("dispatcher"))
    assert notes_of(dispatcher, there["repair"].order_id) == ["The gate is at the back"]

    page = wang.sign_in(li_account)
    expect(page.get_by_text("Nothing planned today")).to_be_visible()
    expect(page.get_by_text("Leaking cylinder")).to_have_count(0)
    page.goto(f"{wang.url}/app/#/search")
    page.get_by_label("Search for").fill("cylinder")
    expect(page.get_by_text("The gate is at the back")).to_have_count(0)


def test_h52_a_phone_that_is_taken_away_sends_what_it_has_and_erases_itself(
    make: Maker, sign_in: Callable[..., Visitor], somebody: Callable[..., Person], served: Served
) -> None:
    there = company(make)
    wang, shen = somebody(PHONE), somebody(DESK)
    page = wang.sign_in(there["account"])
    wait_until_ready_for_no_signal(page)
    wang.cut()
    page.get_by_role("link", name="Leaking cylinder").click()
    add_note(page, "The last word")

    office = shen.sign_in(make.account("dispatcher"))
    office.goto(f"{shen.url}/app/#/devices")
    expect(office.get_by_text("Wang Wei")).to_be_visible()
    office.get_by_role("button", name="Suspend").click()
    office.get_by_role("dialog").get_by_role("button", name="Suspend").click()
    expect(office.get_by_text("Suspended").first).to_be_visible()
    office.get_by_role("button", name="Let back in").click()
    office.get_by_role("dialog").get_by_role("button", name="Let back in").click()
    expect(office.get_by_text("Active")).to_be_visible()
    office.get_by_role("button", name="Revoke").click()
    expect(office.get_by_text("clears itself at its next contact")).to_be_visible()
    office.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(office.get_by_text("Not erased yet")).to_be_visible()

    wang.connect()
    expect(page.get_by_text("This phone was taken off the list")).to_be_visible()
    # The page is left when the office has been told.
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    until(page, NOTHING_KEPT)
    assert [each["args"]["text"] for each in served.line.said] == ["The last word"]
    office.reload()
    expect(office.get_by_text(re.compile("^Erased "))).to_be_visible()
    dispatcher = sign_in(make.account("dispatcher"))
    assert notes_of(dispatcher, there["repair"].order_id) == []


def test_h54_a_session_that_lapsed_keeps_the_queue_until_somebody_signs_in_again(
    make: Maker, sign_in: Callable[..., Visitor], somebody: Callable[..., Person]
) -> None:
    there = company(make)
    wang = somebody(PHONE)
    page = wang.sign_in(there["account"])
    wait_until_ready_for_no_signal(page)
    wang.cut()
    page.get_by_role("link", name="Leaking cylinder").click()
    add_note(page, "Two days without signal")
    wang.context.clear_cookies()
    wang.connect()
    expect(page.locator("a.sync")).to_contain_text("Sign in again to send · 1 thing not sent yet")
    page.locator("a.sync").click()
    page.get_by_role("button", name="Sign in again").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("dialog").get_by_role("button", name="Sign in").click()
    expect(page.locator("a.sync")).to_contain_text("All sent")
    dispatcher = sign_in(make.account("dispatcher"))
    assert notes_of(dispatcher, there["repair"].order_id) == ["Two days without signal"]


def test_a_question_shows_both_values_and_is_answered_on_the_phone(
    make: Maker, sign_in: Callable[..., Visitor], somebody: Callable[..., Person]
) -> None:
    there = company(make)
    perform(
        make.as_technician(there["wang"]),
        lambda unit: work.raise_attention(
            unit,
            kind="conflict",
            entity="work_order",
            entity_id=there["repair"].order_id,
            field="title",
            message="The office changed this too; both values are kept.",
            office_value="Leaking cylinder",
            phone_value="Cylinder and hose leak",
        ),
        name="ask",
    )
    wang = somebody(PHONE)
    page = wang.sign_in(there["account"])
    wait_until_ready_for_no_signal(page)
    expect(page.get_by_label("1 thing needs you")).to_be_visible()
    wang.cut()
    page.get_by_role("link", name="Attention").click()
    expect(page.get_by_text("Changed here and at the office")).to_be_visible()
    expect(page.get_by_text("Cylinder and hose leak")).to_be_visible()
    page.get_by_role("button", name="Keep mine").click()
    expect(page.get_by_text("Changed here and at the office")).to_have_count(0)
    expect(page.locator("a.sync")).to_contain_text("1 thing not sent yet")
    wang.connect()
    expect(page.locator("a.sync")).to_contain_text("All sent")
    dispatcher = sign_in(make.account("dispatcher"))
    order = dispatcher.get(f"/v1/work-orders/{there['repair'].order_id}")
    assert order["title"] == "Cylinder and hose leak"
    page.get_by_role("link", name="Today").click()
    expect(page.get_by_text("Cylinder and hose leak")).to_be_visible()
    assert wang.complaints == []


def test_a_part_is_found_by_holding_its_code_before_the_camera(
    make: Maker, somebody: Callable[..., Person]
) -> None:
    there = company(make)
    wang = somebody(PHONE)
    wang.context.grant_permissions(["camera"])
    page = wang.sign_in(there["account"])
    wait_until_ready_for_no_signal(page)
    wang.cut()
    page.get_by_role("link", name="Leaking cylinder").click()
    page.get_by_role("button", name="Use a part").click()
    page.get_by_role("button", name="Scan with the camera").click()
    page.get_by_role("button", name="Use 1").click()
    expect(page.get_by_text("1 × Cylinder seal kit").last).to_be_visible()
    assert wang.complaints == []
