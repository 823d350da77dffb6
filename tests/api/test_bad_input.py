"""Nonsense, malice and accidents at the REST door: a clear answer in the one format, nothing half-written."""

import base64
import io
import json
import struct
import threading
import zlib
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from core.database import bound
from core.ids import new_id
from core.models import Base
from core.tenancy import announce
from core.unit import reading
from tests.api.world import World, picture, sha_of
from tests.doors import Phone, Visitor
from tests.makers import Maker
from work.models import WorkOrder

NOBODY = "01a20413-1585-74cc-87c3-beca2e2e9152"
NASTY = "<img src=x onerror=alert(1)>'; DROP TABLE work_order; -- \"\\ %s {0} ${x} \u202e\U0001f600"


@pytest.fixture
def admin(world: World, sign_in: Callable[..., Visitor]) -> Visitor:
    """Give somebody who may do nearly everything."""
    return sign_in(world.accounts["admin"])


def counts(world: World) -> dict[str, int]:
    """Return how many rows each table holds."""
    with bound().engine.connect() as connection:
        announce(connection, world.make.org.id)
        return {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def refused(answer: Any, status: int, code: str = "") -> dict[str, Any]:
    """See that an answer is a refusal in the one format, and return it."""
    assert answer.status_code == status, (str(answer.request), answer.data[:500])
    assert answer.mimetype == "application/json"
    said: dict[str, Any] = answer.json
    assert set(said) == {"code", "message", "details", "request_id"}
    assert said["message"]
    assert said["request_id"] == answer.headers["X-Request-Id"]
    assert not code or said["code"] == code, said
    return said


def raw(visitor: Visitor, body: bytes | str, kind: str = "application/json", **more: Any) -> Any:
    """Send these very bytes to open an order."""
    return visitor.client.post(
        "/v1/work-orders", data=body, content_type=kind, headers=visitor.headers, **more
    )


NO_OBJECTS = [
    b"{",
    b"",
    b"nothing",
    b"[]",
    b'"text"',
    b"null",
    b"17",
    b"\xff\xfe\x00",
    b'{"title": NaN}',
    b'{"title": Infinity}',
    b'{"title": -Infinity}',
    b'{"priority": 1e400}',
    b'{"title": "\\ud800"}',
    b"[" * 100_000,
    b'{"title":' * 100_000,
    b'{"title": "x",}',
    b"{'title': 'x'}",
    b'{"title": "x"} {}',
]


def test_what_is_no_json_object_is_refused(world: World, admin: Visitor) -> None:
    for body in NO_OBJECTS:
        before = counts(world)
        refused(raw(admin, body), 422, "invalid")
        assert counts(world) == before


OTHER_TYPES = ["text/plain", "text/json", "application/x-www-form-urlencoded", "", "a" * 500]


def test_a_body_of_another_type_is_refused(world: World, admin: Visitor) -> None:
    for kind in OTHER_TYPES:
        before = counts(world)
        body = json.dumps({"title": "x", "asset_id": world.ids["asset_id"]})
        refused(raw(admin, body, kind), 415, "unsupported_media_type")
        assert counts(world) == before


def test_a_huge_body_is_refused_unread(world: World, admin: Visitor) -> None:
    before = counts(world)
    body = b'{"title": "' + b"x" * 3_000_000 + b'"}'
    refused(raw(admin, body), 413, "too_large")
    refused(raw(admin, b"x" * 13_000_000), 413, "too_large")
    pieces = {"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True}
    chunked = admin.client.open(
        "/v1/work-orders",
        method="POST",
        content_type="application/json",
        headers=admin.headers | {"Transfer-Encoding": "chunked"},
        environ_overrides=pieces,
    )
    refused(chunked, 413, "too_large")
    refused(
        admin.client.put(
            f"/v1/files/{'0' * 64}",
            data=b"\xff\xd8" + b"x" * 11_000_000,
            content_type="image/jpeg",
            headers=admin.headers,
        ),
        413,
        "too_large",
    )
    assert counts(world) == before


WRONG = [
    {"title": 1},
    {"title": None},
    {"title": ["x"]},
    {"title": {}},
    {"title": ""},
    {"title": "   "},
    {"title": "x" * 301},
    {"title": "a\x00b"},
    {"priority": 0},
    {"priority": 5},
    {"priority": "1"},
    {"priority": 1.5},
    {"priority": True},
    {"priority": 10**30},
    {"duration_min": -1},
    {"kind": "party"},
    {"kind": []},
    {"asset_id": "x"},
    {"asset_id": 7},
    {"asset_id": {"$ne": None}},
    {"skills": {}},
    {"skills": [1]},
    {"skills": [{}]},
    {"skills": [{"code": "x", "level": 99}]},
    {"skills": [{"code": "x", "more": 1}]},
    {"parts": [{"part_id": "x"}]},
    {"parts": [{"part_id": NOBODY, "qty": 10**9}]},
    {"checklist": [{"key": "k", "label": {"en": 1}, "kind": "check"}]},
    {"checklist": [{"key": "k", "label": {"a\x00": "x"}, "kind": "check"}]},
    {"window_from": "yesterday"},
    {"window_from": 0},
    {"window_from": "2026-01-01T00:00:00"},
    {"window_from": "0001-01-01T00:00:00+14:00"},
    {"window_from": "9999-12-31T23:59:59-14:00"},
    {"window_from": "2026-02-30T00:00:00Z"},
    {"window_from": "2026-01-02T00:00:00Z", "window_to": "2026-01-01T00:00:00Z"},
    {"id": "not an id"},
    {"state": "closed"},
    {"org_id": NOBODY},
    {"__proto__": {}},
    {"": 1},
]


def test_a_field_that_makes_no_sense_is_named(world: World, admin: Visitor) -> None:
    for wrong in WRONG:
        before = counts(world)
        body = {"title": "Check", "asset_id": world.ids["asset_id"]} | wrong
        said = refused(raw(admin, json.dumps(body)), 422, "invalid")
        named = {name.split(".")[0] for name in said["details"]["fields"]}
        assert named <= set(wrong), said
        assert named, said
        assert all(
            isinstance(one, str) for found in said["details"]["fields"].values() for one in found
        )
        assert counts(world) == before


def deep(levels: int) -> Any:
    """Return a value nested this deep."""
    value: Any = "end"
    for _ in range(levels):
        value = {"in": [value]}
    return value


NEVER_HELD = [deep(40), deep(100), "a\x00b", {"a\x00": 1}, ["\x00"]]


def test_what_no_database_can_hold_is_refused_also_deep_inside(
    world: World, admin: Visitor
) -> None:
    for value in NEVER_HELD:
        path = f"/v1/visits/{world.ids['visit_id']}"
        refused(
            admin.call("PUT", f"{path}/answers", {"key": "safe", "value": value}), 422, "invalid"
        )
        refused(
            admin.call("PUT", f"{path}/completion", {"findings": "x", "answers": {"safe": value}}),
            422,
            "invalid",
        )
        assert admin.get(path)["answers"] == {}
        assert admin.get(path)["completed_at"] is None


NOT_THERE = [
    ("GET", "/v1/work-orders/{nobody}", None),
    ("PATCH", "/v1/work-orders/{nobody}", {"priority": 1}),
    ("PUT", "/v1/work-orders/{nobody}/hold", {"reason": "customer"}),
    ("POST", "/v1/work-orders/{nobody}/comments", {"text": "x"}),
    ("GET", "/v1/work-orders/{nobody}/timeline", None),
    ("GET", "/v1/visits/{nobody}", None),
    ("PATCH", "/v1/visits/{nobody}", {"locked": True}),
    ("PUT", "/v1/visits/{nobody}/completion", {"findings": "x"}),
    ("GET", "/v1/visits/{nobody}/report.pdf", None),
    ("POST", "/v1/visits/{nobody}/report-link", {}),
    ("PATCH", "/v1/visits/{visit_id}", {"technician_id": NOBODY}),
    ("POST", "/v1/work-orders", {"title": "x", "asset_id": NOBODY}),
    ("POST", "/v1/work-orders", {"title": "x", "site_id": NOBODY}),
    ("POST", "/v1/requests", {"asset_id": NOBODY, "symptom": "leak"}),
    ("POST", "/v1/requests/{nobody}/order", {}),
    ("POST", "/v1/sites", {"customer_id": NOBODY, "name": "x", "lat": 0, "lng": 0}),
    ("GET", "/v1/assets/{nobody}/history", None),
    ("POST", "/v1/assets/{nobody}/tags", {}),
    ("PUT", "/v1/attention/{nobody}/settlement", {"keep": "office"}),
    ("PUT", "/v1/devices/{nobody}/revocation", {}),
    ("GET", "/v1/dispatch/plans/{nobody}", None),
    ("PUT", "/v1/dispatch/plans/{nobody}/publication", {}),
    ("GET", "/v1/files/" + "0" * 64, None),
    ("GET", "/v1/files/x", None),
    ("GET", "/v1/visits/x", None),
    ("GET", "/v1/tags/UNKNOWN.svg", None),
    ("GET", "/v1/nothing", None),
]


def test_what_is_not_there_is_not_found(world: World, admin: Visitor) -> None:
    for method, path, body in NOT_THERE:
        before = counts(world)
        answer = admin.call(method, path.format(nobody=NOBODY, **world.ids), body)
        refused(answer, 404, "not_found")
        assert counts(world) == before


def test_a_method_that_an_address_does_not_know_is_refused(admin: Visitor) -> None:
    answer = admin.call("DELETE", "/v1/work-orders")
    refused(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


def test_text_is_kept_as_it_was_written(world: World, admin: Visitor) -> None:
    order = admin.send(
        "POST",
        "/v1/work-orders",
        {"title": NASTY, "description": NASTY, "asset_id": world.ids["asset_id"]},
    )
    assert (order["title"], order["description"]) == (NASTY, NASTY)
    comment = admin.send("POST", f"/v1/work-orders/{order['id']}/comments", {"text": NASTY})
    assert comment["text"] == NASTY
    [found] = admin.client.get(
        "/v1/work-orders", query_string={"search": NASTY[:40]}, headers=admin.headers
    ).json["items"]
    assert found["id"] == order["id"]
    for word in ("%", "_", "\\", "' OR 1=1 --"):
        answer = admin.client.get(
            "/v1/work-orders", query_string={"search": word}, headers=admin.headers
        )
        assert answer.status_code == 200
        assert all(word in item["title"] + item["no"] for item in answer.json["items"])


def put(visitor: Visitor, content: bytes, kind: str = "image/jpeg", name: str = "") -> Any:
    """Send a file under its hash."""
    return visitor.client.put(
        f"/v1/files/{name or sha_of(content)}",
        data=content,
        content_type=kind,
        headers=visitor.headers,
    )


def bomb() -> bytes:
    """Return a small file that unfolds into a picture of 2,500 million points."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(b"\x00" * 1000)), chunk(b"IEND", b""))
    )


LIES = [
    (b"", "image/jpeg"),
    (b"<script>alert(1)</script>", "image/jpeg"),
    (b"<svg onload=alert(1) xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
    (b"%PDF-1.7", "application/pdf"),
    (b"GIF89a" + b"\x00" * 100, "image/jpeg"),
    (b"\xff\xd8\xff\xe0" + b"x" * 100, "image/jpeg"),
    (picture()[:80], "image/jpeg"),
    (picture(kind="PNG"), "image/jpeg"),
    (picture(kind="JPEG"), "image/png"),
    (picture(kind="JPEG"), "image/webp"),
    (bomb(), "image/png"),
    (picture(), "text/html"),
]


def test_a_file_that_lies_about_its_type_is_refused(world: World, admin: Visitor) -> None:
    for content, kind in LIES:
        before = counts(world)
        refused(put(admin, content, kind), 422, "invalid")
        if content != picture():  # which the world holds already
            refused(admin.call("GET", f"/v1/files/{sha_of(content)}"), 404)
        assert counts(world) == before


def test_a_file_under_the_hash_of_another_is_refused(world: World, admin: Visitor) -> None:
    refused(put(admin, picture("blue"), name="0" * 64), 422, "invalid")
    refused(put(admin, picture("blue"), name="x"), 404)
    refused(put(admin, picture("blue"), name="A" * 64), 404)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_comes_back_as_it_was_and_cannot_act(
    world: World, admin: Visitor, kind: str
) -> None:
    content = picture("purple", kind)
    mime = f"image/{kind.lower()}"
    assert put(admin, content, mime).status_code == 201
    assert put(admin, content, mime).status_code == 200, "sent twice, kept once"
    photo = {"sha256": sha_of(content)}
    admin.send("POST", f"/v1/visits/{world.ids['visit_id']}/photos", photo, status=201)
    answer = admin.call("GET", f"/v1/files/{sha_of(content)}")
    assert (answer.data, answer.mimetype) == (content, mime)
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_same_id_twice_is_one_row(world: World, admin: Visitor) -> None:
    body = {"id": str(new_id()), "title": "Check", "asset_id": world.ids["asset_id"]}
    assert admin.call("POST", "/v1/work-orders", body).status_code == 201
    before = counts(world)
    refused(admin.call("POST", "/v1/work-orders", body), 409, "exists")
    assert counts(world) == before


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/customers", {"name": "Quarry"}),
        ("/v1/assets", {}),
        ("/v1/requests", {"symptom": "noise"}),
        ("/v1/sites", {"name": "Pit", "lat": 1, "lng": 1}),
    ],
)
def test_an_id_that_is_taken_is_refused(
    world: World, admin: Visitor, path: str, body: dict[str, Any]
) -> None:
    given = {
        "/v1/customers": {},
        "/v1/sites": {"customer_id": world.ids["customer_id"]},
        "/v1/requests": {"asset_id": world.ids["asset_id"]},
        "/v1/assets": {
            "no": "A1",
            "name": "Crane",
            "maker": "M",
            "model": "C",
            "serial": "1",
            "kind": "crane",
            "site_id": world.ids["site_id"],
        },
    }[path] | body
    taken = {
        "/v1/customers": "customer_id",
        "/v1/sites": "site_id",
        "/v1/requests": "request_id",
        "/v1/assets": "asset_id",
    }[path]
    before = counts(world)
    answer = admin.call("POST", path, given | {"id": world.ids[taken]})
    refused(answer, 409, "exists")
    assert counts(world) == before


def test_one_key_is_one_change_and_one_answer(world: World, admin: Visitor) -> None:
    body = {"title": "Check", "asset_id": world.ids["asset_id"]}
    first = admin.call("POST", "/v1/work-orders", body, Idempotency_Key="k1")
    before = counts(world)
    second = admin.call("POST", "/v1/work-orders", body, Idempotency_Key="k1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.data == second.data
    for other in (
        admin.call("POST", "/v1/work-orders", body | {"title": "Other"}, Idempotency_Key="k1"),
        admin.call("POST", "/v1/customers", {"name": "x"}, Idempotency_Key="k1"),
    ):
        refused(other, 409, "key_reused")
    assert counts(world) == before
    third = admin.call("POST", "/v1/work-orders", body, Idempotency_Key="k2")
    assert third.json["id"] != first.json["id"]


def test_a_key_belongs_to_who_gave_it(
    world: World, admin: Visitor, sign_in: Callable[..., Visitor]
) -> None:
    other = sign_in(world.accounts["manager"])
    body = {"title": "Check", "asset_id": world.ids["asset_id"]}
    mine = admin.send("POST", "/v1/work-orders", body, Idempotency_Key="k")
    theirs = other.send("POST", "/v1/work-orders", body, Idempotency_Key="k")
    assert mine["id"] != theirs["id"]


def test_a_refusal_is_not_kept_under_its_key(world: World, admin: Visitor) -> None:
    body = {"title": "Check", "asset_id": NOBODY}
    refused(admin.call("POST", "/v1/work-orders", body, Idempotency_Key="k"), 404)
    body["asset_id"] = world.ids["asset_id"]
    assert admin.call("POST", "/v1/work-orders", body, Idempotency_Key="k").status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_a_key_has_a_sane_length(world: World, admin: Visitor, key: str) -> None:
    body = {"title": "Check", "asset_id": world.ids["asset_id"]}
    refused(admin.call("POST", "/v1/work-orders", body, Idempotency_Key=key), 422)


def test_one_key_in_many_hands_at_once_makes_one_row(
    app: Flask, world: World, admin: Visitor
) -> None:
    body = {"title": "At once", "asset_id": world.ids["asset_id"]}
    headers = admin.headers | {"Idempotency-Key": "race"}
    answers: list[Any] = []
    start = threading.Barrier(8)

    def press() -> None:
        client = app.test_client()
        start.wait()
        answers.append(client.post("/v1/work-orders", json=body, headers=headers))

    hands = [threading.Thread(target=press) for _ in range(8)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert [answer.status_code for answer in answers] == [201] * 8
    assert len({answer.data for answer in answers}) == 1
    with reading(world.make.system) as unit:
        made = unit.session.scalars(sa.select(WorkOrder).where(WorkOrder.title == "At once")).all()
    assert len(made) == 1


@pytest.mark.parametrize("path", ["/v1/work-orders/{order_id}", "/v1/visits/{visit_id}"])
def test_a_stale_version_overwrites_nothing(world: World, admin: Visitor, path: str) -> None:
    path = path.format(**world.ids)
    change = {"priority": 1} if "orders" in path else {"locked": True}
    seen = admin.call("GET", path)
    etag = seen.headers["ETag"]
    first = admin.call("PATCH", path, change, If_Match=etag)
    assert first.status_code == 200
    assert first.headers["ETag"] != etag
    before = admin.get(path)
    again = {"priority": 4} if "orders" in path else {"locked": False}
    for stale in (etag, f"W/{etag}", '"0"', "nonsense", '"99999999999999999999"'):
        said = refused(admin.call("PATCH", path, again, If_Match=stale), 412, "stale_version")
        assert said["details"] == {"version": before["version"]}
    assert admin.get(path) == before
    assert admin.call("PATCH", path, again, If_Match="*").status_code == 200


QUESTIONS = [
    "/v1/dispatch/board?day=9999-12-31",
    "/v1/dispatch/board?day=0001-01-01",
    "/v1/dispatch/board?day=2026-02-30",
    "/v1/dispatch/board?day=today",
    "/v1/figures?since=9999-12-31",
    "/v1/figures?since=x&until=y",
    "/v1/visits?day=%00",
    "/v1/visits?technician_id=1",
    "/v1/work-orders?limit=0",
    "/v1/work-orders?limit=-1",
    "/v1/work-orders?limit=201",
    "/v1/work-orders?limit=99999999999999999999",
    "/v1/work-orders?limit=1.5",
    "/v1/work-orders?limit=",
    "/v1/work-orders?limit=\u0661",
    "/v1/work-orders?state=unknown",
    "/v1/work-orders?open=maybe",
    "/v1/work-orders?search=a%00b",
    "/v1/work-orders?search=" + "x" * 201,
    "/v1/work-orders?cursor=" + "x" * 401,
]


def test_a_question_that_makes_no_sense_is_refused(admin: Visitor) -> None:
    for path in QUESTIONS:
        said = refused(admin.call("GET", path), 422, "invalid")
        assert said["details"]["fields"]


def test_a_window_of_figures_that_ends_before_it_begins_is_no_accident(admin: Visitor) -> None:
    answer = admin.call("GET", "/v1/figures?since=2026-02-01&until=2026-01-01")
    assert answer.status_code in (200, 422)


@pytest.mark.parametrize("day", ["1971-01-01", "2199-12-31"])
def test_a_day_at_the_edge_of_time_is_just_empty(admin: Visitor, day: str) -> None:
    assert admin.get(f"/v1/dispatch/board?day={day}")["unplaced"] is not None
    assert admin.get(f"/v1/figures?since={day}&until={day}") is not None
    assert admin.get(f"/v1/visits?day={day}")["items"] == []


LISTS = [
    "/v1/work-orders",
    "/v1/visits",
    "/v1/requests",
    "/v1/customers",
    "/v1/sites",
    "/v1/assets",
    "/v1/attention",
    "/v1/parts",
    "/v1/places",
    "/v1/stock",
    "/v1/stock/moves",
    "/v1/slips",
    "/v1/discrepancies",
]


def cursor(value: Any) -> str:
    """Return what looks like one of our cursors."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


MOMENT = "2026-01-01T00:00:00+00:00"
GARBAGE = [
    "x",
    "!!!",
    "é",
    "=" * 40,
    cursor({}),
    cursor([]),
    cursor(None),
    cursor([1, 2, 3, 4, 5]),
    cursor([None, NOBODY]),
    cursor([MOMENT, "x"]),
    cursor([MOMENT[:19], NOBODY]),
    cursor([[], {}]),
    cursor([True, NOBODY]),
    cursor([2**63, NOBODY]),
    cursor([1e308, NOBODY]),
    cursor(["a\x00b", NOBODY]),
    cursor(["0001-01-01T00:00:00+14:00", NOBODY]),
    cursor(["9999-12-31T23:59:59-14:00", NOBODY]),
    cursor(["2026-01-01", NOBODY]),
]


def test_a_cursor_of_another_list_or_of_nobody_is_no_accident(admin: Visitor) -> None:
    for path in LISTS:
        for given in GARBAGE:
            answer = admin.client.get(path, query_string={"cursor": given}, headers=admin.headers)
            if answer.status_code != 200:
                refused(answer, 422, "invalid")
            else:
                # Text that may stand in this list's first column: a place in it, if an odd one.
                assert set(answer.json) == {"items", "next"}


def test_a_cursor_of_another_list_is_refused(make: Maker, admin: Visitor) -> None:
    make.order()
    make.order()
    next_order = admin.get("/v1/work-orders?limit=1")["next"]
    refused(admin.call("GET", f"/v1/stock?cursor={next_order}"), 422, "invalid")
    seen = admin.get("/v1/work-orders?limit=1")["items"]
    rest = admin.get(f"/v1/work-orders?limit=200&cursor={next_order}")["items"]
    assert seen[0]["id"] not in {row["id"] for row in rest}
    assert len(rest) == 2


REQUEST_IDS = [
    "",
    "short",
    "x" * 65,
    "a b c d e f",
    "<script>alert(1)</script>",
    "é" * 10,
    "a;b=c\td",
]


def test_a_bad_request_id_is_replaced(stranger: Visitor) -> None:
    for given in REQUEST_IDS:
        answer = stranger.call("GET", "/v1/session", X_Request_Id=given)
        said = refused(answer, 401)
        assert said["request_id"] != given
        assert len(said["request_id"]) == 32


def test_a_good_request_id_is_kept(stranger: Visitor) -> None:
    answer = stranger.call("GET", "/v1/session", X_Request_Id="trace-1234.5")
    assert refused(answer, 401)["request_id"] == "trace-1234.5"


LANGUAGES = ["", "xx", "*", ";q=1", "zh;q=x", ",,,", "z" * 9000, "zh-\u0130"]


def test_a_bad_language_is_answered_all_the_same(stranger: Visitor) -> None:
    for given in LANGUAGES:
        refused(stranger.call("GET", "/v1/session", Accept_Language=given), 401)


def test_a_change_that_fails_halfway_leaves_nothing(world: World, admin: Visitor) -> None:
    before = counts(world)
    body = {
        "title": "Check",
        "asset_id": world.ids["asset_id"],
        "parts": [{"part_id": world.ids["part_id"]}, {"part_id": NOBODY}],
    }
    refused(admin.call("POST", "/v1/work-orders", body), 404)
    body = {"priority": 1, "parts": [{"part_id": NOBODY}]}
    order = admin.get(f"/v1/work-orders/{world.ids['order_id']}")
    refused(admin.call("PATCH", f"/v1/work-orders/{world.ids['order_id']}", body), 404)
    window = {"window_to": "1999-01-01T00:00:00Z", "priority": 1}
    admin.send(
        "PATCH", f"/v1/work-orders/{world.ids['order_id']}", {"window_from": "2026-01-01T00:00:00Z"}
    )
    refused(admin.call("PATCH", f"/v1/work-orders/{world.ids['order_id']}", window), 422)
    after = admin.get(f"/v1/work-orders/{world.ids['order_id']}")
    assert (after["priority"], after["parts"]) == (order["priority"], order["parts"])
    assert {k: v for k, v in counts(world).items() if k not in SIDE} == {
        k: v for k, v in before.items() if k not in SIDE
    }


# A change that was accepted writes its trail here.
SIDE = {"audit_entry", "audit_head", "feed_entry", "job"}


def speak(mobile: Phone, **mutation: Any) -> Any:
    """Say one thing as a phone does, and return what became of it, or the refusal of it all."""
    mobile.seq += 1
    said = {
        "id": str(new_id()),
        "seq": mobile.seq,
        "happened_at": "2026-01-01T00:00:00Z",
    } | mutation
    body = {"device_id": str(mobile.device_id), "schema": 1, "mutations": [said]}
    answer = mobile.call("POST", "/v1/sync/push", body)
    if answer.status_code != 200:
        mobile.seq -= 1
        return refused(answer, 422, "invalid") | {"status": "refused"}
    return answer.json["results"][0]


def test_the_clock_of_a_phone_may_say_anything(world: World, phone: Callable[..., Phone]) -> None:
    mobile = phone(world.accounts["technician"])
    visit = {"visit_id": world.ids["visit_id"]}
    for moment in ("0001-01-01T00:00:00Z", "2200-01-01T00:00:00Z", "soon", 0, None, {}):
        result = speak(mobile, type="visit.travel", args=visit, happened_at=moment)
        assert result["status"] == "refused", moment
    assert mobile.get(f"/v1/visits/{world.ids['visit_id']}")["travel_started_at"] is None
    mobile.say("visit.travel", visit, happened_at="2199-12-31T00:00:00Z")
    [result] = mobile.push(device_time="1999-01-01T00:00:00+00:00")["results"]
    assert result["status"] == "applied"


def test_what_is_poisoned_changes_nothing(world: World, phone: Callable[..., Phone]) -> None:
    mobile = phone(world.accounts["technician"])
    visit = {"visit_id": world.ids["visit_id"]}
    poisons: list[dict[str, Any]] = [
        {"args": visit | {"findings": "a\x00b"}},
        {"args": visit | {"findings": "x", "answers": {"safe": deep(60)}}},
        {"args": visit | {"findings": "x", "answers": {"safe": 2**60}}},
        {"args": visit | {"findings": 7}},
        {"args": []},
        {"args": {"visit_id": "x", "findings": "x"}},
        {"args": visit, "id": "x"},
        {"args": visit, "seq": 0},
        {"args": visit, "type": "a\x00b"},
        {"args": visit, "type": "no.such.thing"},
        {"args": visit, "depends_on": [1]},
        {"args": visit, "base": {"visit": "x"}},
    ]
    for poison in poisons:
        result = speak(mobile, **({"type": "visit.complete"} | poison))
        assert result["status"] in ("refused", "review"), poison
    assert mobile.get(f"/v1/visits/{world.ids['visit_id']}")["completed_at"] is None
    well = speak(mobile, type="visit.complete", args=visit | {"findings": "Seal worn"})
    assert well["status"] in ("applied", "review"), "what follows a poison goes its way"
    assert mobile.get(f"/v1/visits/{world.ids['visit_id']}")["completed_at"] is not None
