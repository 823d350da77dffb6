"""Devices: what the office sees of them, how they are cut off, and replicas that differ again and again."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from core import clock
from core.ids import new_id
from core.unit import reading
from people.models import Account
from sync.models import Divergence
from tests.doors import Phone, Visitor
from tests.makers import Maker
from work.models import Attention, Comment, Visit

HOUR = timedelta(hours=1)
SIX_MINUTES = timedelta(minutes=6)


@pytest.fixture
def account(make: Maker) -> Account:
    return make.account("technician", name="Ann")


@pytest.fixture
def visit(make: Maker, account: Account) -> Visit:
    return make.visit(by=make.technician("Ann", account=account))


@pytest.fixture
def mobile(visit: Visit, account: Account, phone: Callable[..., Phone]) -> Phone:
    return phone(account)


@pytest.fixture
def office(make: Maker, sign_in: Callable[..., Visitor]) -> Visitor:
    return sign_in(make.account("dispatcher"))


def in_list(office: Visitor, phone: Phone) -> dict[str, Any]:
    """Return the device as the dispatcher sees it."""
    items = office.get("/v1/devices")["items"]
    return next(item for item in items if item["id"] == str(phone.device_id))


def set_state(office: Visitor, phone: Phone, state: str) -> dict[str, Any]:
    answer = office.send("PUT", f"/v1/devices/{phone.device_id}/state", {"state": state})
    assert answer["state"] == state
    return answer


def pull_answer(phone: Phone) -> Any:
    body = {"device_id": str(phone.device_id), "schema": 2}
    return phone.call("POST", "/v1/sync/pull", body)


def tell(phone: Phone, path: str, **more: Any) -> Any:
    return phone.call("POST", f"/v1/sync/{path}", {"device_id": str(phone.device_id)} | more)


def rows_of(make: Maker, model: Any) -> list[Any]:
    with reading(make.system) as unit:
        return list(unit.session.scalars(sa.select(model)).all())


def test_the_office_sees_how_far_each_device_is(
    mobile: Phone, office: Visitor, visit: Visit
) -> None:
    mobile.pull()
    mobile.say("comment.add", {"order_id": str(visit.order_id), "text": "Here"})
    ahead = (clock.now() + HOUR).isoformat()
    mobile.push(unsent=7, app_version="3.1", device_time=ahead)
    seen = in_list(office, mobile)
    assert (seen["account_name"], seen["unsent"], seen["app_version"]) == ("Ann", 7, "3.1")
    assert (seen["schema"], seen["state"], seen["clock_flagged"]) == (2, "active", True)
    assert abs(seen["clock_offset_ms"] + 3_600_000) < 60_000
    assert seen["registered_at"]
    assert seen["last_contact_at"]
    assert seen["last_pull_at"]
    assert seen["wiped_at"] is None
    assert seen["diverged_at"] is None


def test_a_pull_is_noted_now_and_then(
    mobile: Phone, office: Visitor, at: Callable[..., None]
) -> None:
    begun = clock.now()
    at(begun)
    mobile.pull()
    first = in_list(office, mobile)["last_pull_at"]
    at(begun + timedelta(minutes=1))
    mobile.pull()
    assert in_list(office, mobile)["last_pull_at"] == first
    at(begun + SIX_MINUTES)
    mobile.pull()
    assert in_list(office, mobile)["last_pull_at"] > first


def test_h52_a_suspended_device_pulls_nothing_and_drains_into_quarantine_until_it_is_let_in(
    make: Maker, mobile: Phone, office: Visitor, visit: Visit
) -> None:
    set_state(office, mobile, "suspended")
    refused = pull_answer(mobile)
    assert (refused.status_code, refused.json["code"]) == (403, "device_suspended")
    assert "wipe" not in refused.json["details"]
    mobile.say("comment.add", {"order_id": str(visit.order_id), "text": "Suspended"})
    assert mobile.push()["results"][0]["status"] == "quarantined"
    assert rows_of(make, Comment) == []
    set_state(office, mobile, "active")
    mobile.pull()
    assert mobile.docs("visit")


def test_h52_a_device_that_was_cut_off_is_told_to_erase_itself_and_says_that_it_has(
    mobile: Phone, office: Visitor
) -> None:
    set_state(office, mobile, "revoked")
    refused = pull_answer(mobile)
    assert (refused.status_code, refused.json["code"]) == (403, "device_revoked")
    assert refused.json["details"] == {"wipe": True}
    assert tell(mobile, "wiped").status_code == 204
    assert in_list(office, mobile)["wiped_at"]
    assert pull_answer(mobile).json["code"] == "session_ended"


def test_h52_a_device_that_was_cut_off_long_ago_may_still_say_that_it_has_erased_itself(
    mobile: Phone, office: Visitor, at: Callable[..., None]
) -> None:
    set_state(office, mobile, "revoked")
    at(clock.now() + HOUR)
    device = {"device_id": str(mobile.device_id)}
    answer = mobile.client.post("/v1/sync/wiped", json=device, headers=mobile.headers)
    assert answer.status_code == 204
    assert in_list(office, mobile)["wiped_at"]


def test_h52_within_one_access_token_s_life_nothing_of_a_device_that_was_cut_off_works(
    make: Maker, mobile: Phone, office: Visitor, visit: Visit, at: Callable[..., None]
) -> None:
    set_state(office, mobile, "revoked")
    for method, path in (
        ("GET", "/v1/visits"),
        ("GET", "/v1/sync/stream"),
        ("GET", f"/v1/files/{'0' * 64}"),
    ):
        assert mobile.call(method, path).json["code"] == "device_revoked", path
    for path, body in (
        ("repair", {"scope": "catalogue"}),
        ("restart", {}),
        ("divergence", {"scope": "x", "expected": "x", "found": "x", "repaired": True}),
    ):
        assert tell(mobile, path, **body).json["code"] == "device_revoked", path
    mobile.say("comment.add", {"order_id": str(visit.order_id), "text": "Stolen"})
    assert mobile.push()["results"][0]["status"] == "quarantined"
    at(clock.now() + timedelta(minutes=16))
    token = {"Authorization": mobile.headers["Authorization"]}
    push = {"device_id": str(mobile.device_id), "schema": 2, "mutations": []}
    dead = mobile.client.post("/v1/sync/push", json=push, headers=token)
    assert (dead.status_code, dead.json["code"]) == (401, "token_expired")
    assert rows_of(make, Comment) == []


def refreshed(phone: Phone) -> Any:
    """Exchange the phone's refresh token; it speaks with what it got from now on."""
    answer = phone.client.post("/v1/session/refresh", json={"refresh_token": phone.refresh_token})
    if answer.status_code == 200:
        phone.headers["Authorization"] = f"Bearer {answer.json['access_token']}"
        phone.refresh_token = answer.json["refresh_token"]
    return answer


def test_h52_a_device_that_was_cut_off_while_it_slept_still_says_what_is_unsent_and_is_gone(
    make: Maker, mobile: Phone, office: Visitor, visit: Visit, at: Callable[..., None]
) -> None:
    mobile.say("comment.add", {"order_id": str(visit.order_id), "text": "In the cellar"})
    set_state(office, mobile, "revoked")
    at(clock.now() + HOUR)
    assert refreshed(mobile).status_code == 200
    assert mobile.push()["results"][0]["status"] == "quarantined"
    assert rows_of(make, Comment) == []
    [kept] = [row for row in rows_of(make, Attention) if row.kind == "quarantined"]
    assert kept.phone_value["value"]["args"]["text"] == "In the cellar"
    assert pull_answer(mobile).json["code"] == "device_revoked"
    assert tell(mobile, "wiped").status_code == 204
    assert (refreshed(mobile).status_code, in_list(office, mobile)["state"]) == (401, "revoked")
    assert mobile.client.post("/v1/sync/push", json={}, headers=mobile.headers).status_code == 401


# What lets strangers in as well, and where a device that was cut off says what it still has to say.
OPEN = {"/v1/session", "/v1/session/refresh", "/v1/openapi.json", "/v1/sync/push", "/v1/sync/wiped"}


def doors(app: Flask) -> Iterator[tuple[str, str]]:
    """Return method and path of every door that is not open to strangers."""
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<uuid:\w+>", str(new_id()), rule.rule)
        path = re.sub(r"<\w+>", "0" * 64, path)
        if path.startswith("/v1/") and not path.startswith("/v1/docs"):
            for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} & (rule.methods or set()):
                if path not in OPEN or (path, method) == ("/v1/session", "GET"):
                    yield method, path


def test_h52_what_a_device_that_was_cut_off_gets_by_a_refresh_opens_no_other_door(
    app: Flask, mobile: Phone, office: Visitor, at: Callable[..., None]
) -> None:
    set_state(office, mobile, "revoked")
    at(clock.now() + HOUR)
    assert refreshed(mobile).status_code == 200
    pull = {"device_id": str(mobile.device_id), "schema": 2}
    tried = 0
    for method, path in doors(app):
        body = {"pull": pull} if path == "/v1/sync" else pull
        answer = mobile.client.open(path, method=method, json=body, headers=mobile.headers)
        assert (answer.status_code, answer.json["code"]) == (403, "device_revoked"), (method, path)
        tried += 1
    assert tried > 100


def test_h52_a_device_that_was_cut_off_does_not_stay_signed_in_for_longer_by_a_refresh(
    mobile: Phone, office: Visitor, at: Callable[..., None]
) -> None:
    begun = clock.now()
    set_state(office, mobile, "revoked")
    at(begun + timedelta(days=59))
    assert refreshed(mobile).status_code == 200
    at(begun + timedelta(days=61))
    assert (refreshed(mobile).status_code, refreshed(mobile).json["code"]) == (401, "session_ended")


def test_a_device_that_was_not_cut_off_has_nothing_to_erase(
    make: Maker, mobile: Phone, account: Account, phone: Callable[..., Phone], office: Visitor
) -> None:
    assert tell(mobile, "wiped").status_code == 409
    other = phone(account, device_id=new_id())
    set_state(office, mobile, "revoked")
    stranger = other.call("POST", "/v1/sync/wiped", {"device_id": str(mobile.device_id)})
    assert stranger.status_code == 401
    nobody = Visitor(mobile.client).call(
        "POST", "/v1/sync/wiped", {"device_id": str(mobile.device_id)}
    )
    assert nobody.status_code == 401
    assert in_list(office, mobile)["wiped_at"] is None


def test_h53_the_next_user_of_a_phone_gets_nothing_of_the_former_one(
    make: Maker, mobile: Phone, visit: Visit, phone: Callable[..., Phone]
) -> None:
    mobile.say("comment.add", {"order_id": str(visit.order_id), "text": "Not sent yet"})
    mobile.pull()
    ben = make.account("technician", name="Ben")
    make.technician("Ben", account=ben)
    with pytest.raises(AssertionError, match="another account"):
        phone(ben, device_id=mobile.device_id)
    his = phone(ben)
    his.cursor = mobile.cursor
    body = {"device_id": str(his.device_id), "schema": 2, "cursor": mobile.cursor}
    assert his.call("POST", "/v1/sync/pull", body).json["code"] == "start_over"
    his.cursor = None
    his.pull()
    assert his.docs("visit") == []
    his.say("comment.add", {"order_id": str(visit.order_id), "text": "Mine"})
    assert his.push()["last_seq"] == 1, "numbers begin anew"


DIFFERED = {"scope": "catalogue", "expected": "9 0f", "found": "8 0e", "rows_fetched": 1}


def test_h43_a_device_that_differed_and_was_mended_is_noted(
    make: Maker, mobile: Phone, office: Visitor
) -> None:
    assert tell(mobile, "divergence", **DIFFERED, repaired=True).status_code == 204
    assert in_list(office, mobile)["diverged_at"]
    noted = rows_of(make, Divergence)
    assert [(row.scope, row.rows_fetched, row.repaired) for row in noted] == [
        ("catalogue", 1, True)
    ]
    assert rows_of(make, Attention) == []


def test_h43_a_repair_counts_as_a_report_when_it_says_so(make: Maker, mobile: Phone) -> None:
    make.part()
    mobile.pull()
    ask = {"scope": "catalogue", "report": True}
    assert tell(mobile, "repair", scope="catalogue").status_code == 200
    assert rows_of(make, Divergence) == []
    part = next(key for key in mobile.members["catalogue"] if key[0] == "part")
    answer = tell(mobile, "repair", **ask, prefixes=[part[1][:2]], rows=[])
    assert [change["id"] for change in answer.json["changes"]] == [part[1]]
    assert [row.rows_fetched for row in rows_of(make, Divergence)] == [1]


def test_h45_a_device_that_stays_wrong_raises_one_alarm_for_the_office(
    make: Maker, mobile: Phone, office: Visitor
) -> None:
    for _ in range(3):
        tell(mobile, "divergence", **DIFFERED, repaired=False)
    alarms = [row for row in rows_of(make, Attention) if row.kind == "diverged"]
    assert [(row.entity, row.entity_id) for row in alarms] == [("device", mobile.device_id)]
    assert alarms[0].technician_id is None
    listed = office.get("/v1/attention")["items"]
    assert [row["kind"] for row in listed] == ["diverged"]


def test_h45_a_device_that_is_mended_again_and_again_raises_an_alarm_too(
    make: Maker, mobile: Phone
) -> None:
    for turn in range(5):
        assert rows_of(make, Attention) == [], turn
        tell(mobile, "divergence", **DIFFERED, repaired=True)
    assert [row.kind for row in rows_of(make, Attention)] == ["diverged"]


def test_h45_a_device_fetches_everything_anew_once_a_day_and_no_more(
    make: Maker, mobile: Phone, at: Callable[..., None]
) -> None:
    begun = clock.now()
    at(begun)
    assert tell(mobile, "restart").status_code == 200
    at(begun + HOUR)
    refused = tell(mobile, "restart")
    assert (refused.status_code, refused.json["code"]) == (429, "restart_too_soon")
    assert 22 * 3600 < int(refused.headers["Retry-After"]) <= 23 * 3600 + 1
    assert [row.kind for row in rows_of(make, Attention)] == ["diverged"]
    at(begun + 24 * HOUR)
    assert tell(mobile, "restart").status_code == 200


def test_h45_a_device_speaks_of_itself_alone(
    mobile: Phone, account: Account, phone: Callable[..., Phone]
) -> None:
    other = phone(account, device_id=new_id())
    for path, body in (("restart", {}), ("divergence", DIFFERED | {"repaired": True})):
        answer = other.call("POST", f"/v1/sync/{path}", {"device_id": str(mobile.device_id)} | body)
        assert (answer.status_code, answer.json["code"]) == (403, "wrong_device")
