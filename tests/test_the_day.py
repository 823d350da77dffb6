"""A day in the life of a company, from the first scan to the customer's word, through the public doors alone."""

import hashlib
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from pypdf import PdfReader

from assets import actions as assets
from assets.models import CodeLevel
from core import clock, jobs
from core.ids import new_id, new_label
from core.unit import perform
from parts import actions as parts
from tests.doors import Phone, Visitor
from tests.makers import Maker
from work import promises
from work.canonical import sha256_hex


def picture(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), colour).save(out, "JPEG")
    return out.getvalue()


def company(make: Maker) -> dict[str, Any]:
    """Set a small company up: people, a machine with its label, a part in the store and one in the van."""
    wang = make.technician("Wang Wei", account=make.account("technician", name="Wang Wei"))
    li = make.technician(
        "Li Na",
        account=make.account("technician", name="Li Na"),
        skills=[{"code": "electrical", "level": 2, "expires_on": None}],
    )
    site = make.site(make.customer(language="zh-CN"))
    machine = make.asset(site, name="Excavator D")
    seal, store = (
        make.part(sku="SEAL-90", name="Cylinder seal kit", codes=["6901234567892"]),
        make.warehouse("Main store"),
    )
    make.stock(store.id, seal, 20)
    make.stock(wang.van_place_id, seal, 1)
    token = new_label()

    def more(unit: Any) -> None:
        assets.stick_tag(unit, machine.id, token)
        for rank, code in enumerate(("leak", "noise", "other")):
            assets.add_failure_code(
                unit,
                level=CodeLevel.SYMPTOM,
                code=code,
                label={"en": code, "zh-CN": code},
                rank=rank,
            )
        parts.set_van_level(unit, place_id=wang.van_place_id, part_id=seal.id, min=1, max=4)
        promises.make_promise(
            unit, priority=2, minutes=480, warn_minutes=60, timezone="Asia/Shanghai", week={}
        )

    perform(make.system, more)
    return {
        "wang": wang,
        "li": li,
        "machine": machine,
        "seal": seal,
        "store": store,
        "token": token,
        "site": site,
    }


def plan_the_day(dispatcher: Visitor, day: str) -> Any:
    plan = dispatcher.send("POST", "/v1/dispatch/plans", {"day": day, "seconds": 1})
    jobs.drain()
    found = dispatcher.get(f"/v1/dispatch/plans/{plan['id']}")
    assert found["state"] == "proposed", found
    return found


def test_a_day_in_the_life_of_a_company(
    app: Flask, make: Maker, sign_in: Callable[..., Visitor], phone: Callable[..., Phone], at: Any
) -> None:
    people = {
        role: make.account(role) for role in ("dispatcher", "storekeeper", "manager", "admin")
    }
    there = company(make)
    day = clock.now().astimezone().date()
    # The story begins at eight in the morning at the company, whenever the test runs.
    morning = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    at(morning)
    day = (morning + timedelta(hours=8)).date()
    public = app.test_client()

    # 1. Two owners scan the code and report the same fault: the second joins the first.
    first = report(public, there["token"], "leak", photo=picture("red"))
    second = report(public, there["token"], "leak")
    assert "Thank you" in first
    assert "You joined it" in second

    # 2. The dispatcher sees it with the machine's history and the promise, plans, and publishes.
    dispatcher = sign_in(people["dispatcher"])
    [request] = dispatcher.get("/v1/requests")["items"]
    assert (request["confirmations"], request["symptom"], len(request["photos"])) == (1, "leak", 1)
    assert dispatcher.get(f"/v1/assets/{request['asset_id']}/history")["items"] == []
    order = dispatcher.send(
        "POST",
        f"/v1/requests/{request['id']}/order",
        {
            "priority": 2,
            "duration_min": 60,
            "skills": [{"code": "hydraulics", "level": 2}],
            "parts": [{"part_id": str(there["seal"].id), "qty": 1}],
        },
    )
    assert order["due_at"] is not None
    later = dispatcher.send(
        "POST",
        "/v1/work-orders",
        {"title": "Yearly check", "kind": "inspection", "asset_id": request["asset_id"]},
    )
    impossible = dispatcher.send(
        "POST",
        "/v1/work-orders",
        {
            "title": "Crane check",
            "asset_id": request["asset_id"],
            "skills": [{"code": "crane", "level": 1}],
        },
    )
    plan = plan_the_day(dispatcher, str(day))
    [left] = plan["unplaced"]
    assert {reason["code"] for reason in left["reasons"]} == {"skill_missing"}
    placed = {
        stop["visit_id"]: route["technician_id"]
        for route in plan["routes"]
        for stop in route["stops"]
    }
    published = dispatcher.send("PUT", f"/v1/dispatch/plans/{plan['id']}/publication")
    assert (published["state"], published["refused"]) == ("published", [])
    repair = visit_of(dispatcher, order["id"])
    assert placed[repair["id"]] == str(there["wang"].id), "only Wang has the skill and the part"
    assert visit_of(dispatcher, impossible["id"])["technician_id"] is None
    check = visit_of(dispatcher, later["id"])
    if check["technician_id"] != str(there["wang"].id):
        dispatcher.send(
            "PATCH",
            f"/v1/visits/{check['id']}",
            {"technician_id": str(there["wang"].id), "day": str(day)},
        )

    # 3. Wang's phone pulls the day; then there is no signal.
    from people.models import Account

    with_account = perform(
        make.system, lambda unit: unit.must(Account, there["wang"].account_id, "gone")
    )
    mobile = phone(with_account)
    mobile.pull()
    own = {doc["id"] for doc in mobile.docs("visit") if doc["technician_id"] is not None}
    assert own == {repair["id"], check["id"]}, "beside what nobody has been given yet"
    assert [doc["on_hand"] for doc in mobile.docs("van_stock")] == [1]
    at(morning + timedelta(hours=1))
    photo = picture("blue")
    sha256 = hashlib.sha256(photo).hexdigest()
    work_offline(mobile, there, repair, sha256)

    # 4. Meanwhile the dispatcher changes the priority and gives the later visit to somebody else.
    dispatcher.send("PATCH", f"/v1/work-orders/{order['id']}", {"priority": 1})
    dispatcher.send("PATCH", f"/v1/visits/{check['id']}", {"technician_id": str(there["li"].id)})

    # 5. Signal returns: everything arrives once, both edits stand, the moved visit leaves the phone.
    at(morning + timedelta(hours=3))
    said = list(mobile.outbox)
    answer = mobile.push()
    assert {result["status"] for result in answer["results"]} == {"applied"}
    again = mobile.push(said)
    assert all(result["replayed"] for result in again["results"])
    assert (
        mobile.client.put(
            f"/v1/files/{sha256}", data=photo, headers=mobile.headers, content_type="image/jpeg"
        ).status_code
        == 201
    )
    mobile.pull()
    own = {doc["id"] for doc in mobile.docs("visit") if doc["technician_id"] is not None}
    assert own == {repair["id"]}
    done = dispatcher.get(f"/v1/work-orders/{order['id']}")
    assert (done["priority"], done["state"]) == (1, "work_done")
    assert dispatcher.get(f"/v1/visits/{repair['id']}")["findings"] == "油缸密封件磨损，已更换。"
    jobs.drain()

    # 6. The store sees the van below its minimum; the slip is picked by scan and handed over by two.
    keeper = sign_in(people["storekeeper"])
    [slip] = keeper.get("/v1/slips")["items"]
    assert (slip["state"], slip["lines"][0]["qty_asked"]) == ("draft", 4)
    hand_over(keeper, mobile, slip)
    mobile.pull()
    assert [doc["on_hand"] for doc in mobile.docs("van_stock")] == [4]

    # 7. The owner opens the sealed report, confirms and rates; history and figures have moved.
    manager = sign_in(people["manager"])
    check_report(public, manager, repair)
    [line] = manager.get(f"/v1/assets/{request['asset_id']}/history")["items"]
    assert (line["order_no"], line["cost_micro"], line["parts"][0]["sku"]) == (
        order["no"],
        125_000_000,
        "SEAL-90",
    )
    figures = manager.get("/v1/figures")
    assert figures["csat"]["n"] == 1
    assert figures["first_time_fix"]["provisional_share"] == 1.0
    assert figures["mtbf"][0]["n"] == 1
    assert (
        figures["promises"] == {"kept": 0, "broken": 0, "share": None, "n": 0} | figures["promises"]
    )


def report(public: FlaskClient, token: str, symptom: str, photo: bytes | None = None) -> str:
    page = public.get(f"/q/{token}").get_data(as_text=True)
    assert "Excavator D" in page
    assert len(page.encode()) < 30_000
    form: dict[str, Any] = {
        "symptom": symptom,
        "text": "Oil on the ground",
        "form_id": str(new_id()),
    }
    if photo is not None:
        form["photo"] = (io.BytesIO(photo), "photo.jpg")
    answer = public.post(
        f"/q/{token}", data=form, content_type="multipart/form-data", follow_redirects=True
    )
    assert answer.status_code == 200, answer.get_data(as_text=True)[:500]
    return answer.get_data(as_text=True)


def visit_of(visitor: Visitor, order_id: str) -> Any:
    [visit] = visitor.get(f"/v1/visits?order_id={order_id}")["items"]
    return visit


def work_offline(mobile: Phone, there: dict[str, Any], visit: dict[str, Any], sha256: str) -> None:
    visit_id = visit["id"]
    mobile.say("visit.travel", {"visit_id": visit_id})
    mobile.say("visit.arrive", {"visit_id": visit_id})
    mobile.say("visit.start", {"visit_id": visit_id})
    mobile.say("visit.answer", {"visit_id": visit_id, "key": "safe", "value": True})
    mobile.say(
        "part.consume",
        {
            "visit_id": visit_id,
            "id": str(new_id()),
            "part_id": str(there["seal"].id),
            "qty": 1,
            "code": "6901234567892",
        },
    )
    mobile.say(
        "photo.attach",
        {"visit_id": visit_id, "id": str(new_id()), "sha256": sha256, "kind": "after"},
    )
    findings = "油缸密封件磨损，已更换。"
    complete = mobile.say(
        "visit.complete",
        {
            "visit_id": visit_id,
            "findings": findings,
            "cause": "wear",
            "remedy": "replaced",
            "answers": {"safe": True, "tested": True, "hours": 8123},
        },
    )
    manifest = {
        "schema": 1,
        "organisation": "Company",
        "order_no": "WO-000001",
        "visit_no": visit["no"],
        "visit_id": visit_id,
        "language": "zh-CN",
        "asset": {"name": "Excavator D", "model": "RH120E", "serial": "S1", "location": ""},
        "fault": "leak",
        "findings": findings,
        "failure_mode": None,
        "cause": "wear",
        "remedy": "replaced",
        "outcome": "completed",
        "checklist": [{"key": "safe", "label": "设备已断电并锁定", "value": "✓"}],
        "parts": [{"sku": "SEAL-90", "name": "Cylinder seal kit", "qty": 1}],
        "photos": [sha256],
        "times": {
            "travel_started_at": None,
            "arrived_at": None,
            "work_started_at": None,
            "completed_at": complete["happened_at"],
        },
        "technician": "Wang Wei",
        "statement": "以上工作已完成。",
    }
    signature = {
        "name": "周先生",
        "relation": "负责人",
        "strokes": [[[0, 0, 0], [10, 5, 16], [20, 3, 32]]],
        "signed_at": complete["happened_at"],
    }
    mobile.say(
        "signoff.seal",
        {
            "visit_id": visit_id,
            "id": str(new_id()),
            "manifest": manifest,
            "manifest_sha256": sha256_hex(manifest),
            "signature": signature,
        },
        depends_on=[complete["id"]],
    )


def hand_over(keeper: Visitor, mobile: Phone, slip: dict[str, Any]) -> None:
    keeper.send("PUT", f"/v1/slips/{slip['id']}/approval")
    line = slip["lines"][0]
    wrong = keeper.call(
        "PUT", f"/v1/slips/{slip['id']}/lines/{line['id']}/pick", {"code": "0000", "qty": 4}
    )
    assert wrong.status_code == 409
    keeper.send(
        "PUT",
        f"/v1/slips/{slip['id']}/lines/{line['id']}/pick",
        {"code": "6901234567892", "qty": 4},
    )
    ready = keeper.send("PUT", f"/v1/slips/{slip['id']}/readiness")
    keeper.send("PUT", f"/v1/slips/{slip['id']}/hand-over")
    mobile.pull()
    [held] = mobile.docs("issue_slip")
    # The phone knows the code when it sees it, and cannot know it before.
    assert "token" not in held
    assert held["token_sha256"] == hashlib.sha256(ready["token"].encode()).hexdigest()
    mobile.say("slip.receive", {"slip_id": slip["id"], "token": ready["token"]})
    [result] = mobile.push()["results"]
    assert result["status"] == "applied", result
    assert keeper.get(f"/v1/slips/{slip['id']}")["state"] == "closed"


def check_report(public: FlaskClient, manager: Visitor, visit: dict[str, Any]) -> None:
    response = manager.call("GET", f"/v1/visits/{visit['id']}/report.pdf")
    assert response.status_code == 200, response.get_data(as_text=True)[:300]
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(response.data)).pages)
    assert "油缸密封件磨损" in text
    link = manager.send("POST", f"/v1/visits/{visit['id']}/report-link")["url"]
    path = link[link.index("/s/") :]
    assert "油缸密封件磨损" in public.get(path).get_data(as_text=True)
    assert public.get(f"{path}/report.pdf").data == response.data
    assert public.post(path, data={"verdict": "confirmed", "rating": "5"}).status_code == 303
    assert (
        json.loads(json.dumps(manager.get(f"/v1/visits/{visit['id']}/sign-off")))["verdict"]
        == "confirmed"
    )
