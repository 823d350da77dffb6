"""What phones ask all day: answered before the framework is woken, and never otherwise than the view would."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import brotli
import orjson
import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.packing import zstd
from core.audit import AuditEntry
from core.ids import new_id
from core.unit import perform, reading
from tests.doors import Phone, Visitor
from tests.makers import Maker
from work import actions as work

# What belongs to one answer alone.
OWN = ("X-Request-Id", "Retry-After")


@pytest.fixture
def mobile(make: Maker, phone: Callable[..., Phone]) -> Phone:
    account = make.account("technician")
    make.visit(by=make.technician(account=account))
    mobile = phone(account)
    mobile.pull()
    return mobile


@contextmanager
def without_the_glance(app: Flask) -> Iterator[None]:
    glance: Any = app.wsgi_app
    app.wsgi_app = glance.wsgi  # type: ignore[method-assign]
    try:
        yield
    finally:
        app.wsgi_app = glance  # type: ignore[method-assign]


def pull(phone: Phone, body: Any, door: str = "pull", **headers: str) -> Any:
    given = phone.headers | {"Content-Type": "application/json"} | headers
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return phone.client.open(f"/v1/sync/{door}", method="POST", data=raw, headers=given)


def both(app: Flask, phone: Phone, body: Any, door: str = "pull", **headers: str) -> list[Any]:
    """Return what is answered with the glance and without it."""
    looked = pull(phone, body, door, **headers)
    with without_the_glance(app):
        return [looked, pull(phone, body, door, **headers)]


@contextmanager
def the_view_at_rest(app: Flask) -> Iterator[None]:
    """See to it that nothing gets past the glance."""
    glance: Any = app.wsgi_app
    view, glance.wsgi = glance.wsgi, None
    try:
        yield
    finally:
        glance.wsgi = view


def same(first: Any, second: Any) -> bool:
    def told(answer: Any) -> Any:
        headers = {key: value for key, value in answer.headers if key not in OWN}
        content = answer.json if answer.data else None
        for part in content or {}, (content or {}).get("checkpoint") or {}:
            part.pop("server_time", None)
            part.pop("request_id", None)
        for result in (content or {}).get("results") or []:
            # What was said a second time is answered as what was said before.
            result.pop("replayed")
        headers.pop("Content-Length", None)
        if content is None:
            # The framework names the type and the coding of what is not there.
            headers.pop("Content-Type", None)
            headers.pop("Vary", None)
        return answer.status_code, headers, content

    assert told(first) == told(second)
    return True


def usual(phone: Phone) -> dict[str, Any]:
    return {"device_id": str(phone.device_id), "schema": 2, "cursor": phone.cursor, "limit": 1000}


def test_nothing_new_is_said_with_the_same_headers_by_the_glance_and_by_the_view(
    app: Flask, mobile: Phone
) -> None:
    first, second = both(app, mobile, usual(mobile))
    assert first.status_code == 204
    assert same(first, second)


def test_what_changed_is_fetched_through_the_glance(make: Maker, mobile: Phone) -> None:
    visit_id = UUID(mobile.docs("visit")[0]["id"])
    perform(make.system, lambda unit: work.edit_visit(unit, visit_id, duration_min=77))
    answer = pull(mobile, usual(mobile))
    assert answer.status_code == 200
    assert answer.json["changes"]
    mobile.pull()
    assert mobile.docs("visit")[0]["duration_min"] == 77
    assert pull(mobile, usual(mobile)).status_code == 204


def test_the_request_keeps_its_id_in_the_answer(mobile: Phone) -> None:
    answer = pull(mobile, usual(mobile), **{"X-Request-Id": "seven-of-nine"})
    assert (answer.status_code, answer.headers["X-Request-Id"]) == (204, "seven-of-nine")


def test_a_phone_that_was_cut_off_or_suspended_hears_it_instead_of_nothing_new(
    make: Maker, sign_in: Callable[..., Visitor], mobile: Phone
) -> None:
    office = sign_in(make.account("dispatcher"))
    for state, code in (("suspended", "device_suspended"), ("revoked", "device_revoked")):
        office.send("PUT", f"/v1/devices/{mobile.device_id}/state", {"state": state})
        answer = pull(mobile, usual(mobile))
        assert (answer.status_code, answer.json["code"]) == (403, code)


def test_a_cursor_of_another_schema_or_device_or_account_is_not_taken_for_nothing_new(
    app: Flask, make: Maker, phone: Callable[..., Phone], mobile: Phone
) -> None:
    other = make.account("technician")
    make.technician(account=other)
    stranger = phone(other)
    stranger.pull()
    for change, status in (
        ({"schema": 1}, 200),
        ({"schema": 0}, 426),
        ({"device_id": str(new_id())}, 403),
        ({"cursor": stranger.cursor}, 409),
        ({"cursor": None}, 200),
    ):
        first, second = both(app, mobile, usual(mobile) | change)
        assert first.status_code == second.status_code == status, change


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70).filter(lambda n: abs(n) < 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=40),
    st.lists(st.integers(0, 3), max_size=2),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.dictionaries(
        st.sampled_from(["device_id", "schema", "cursor", "limit", "max_bytes", "more"]), VALUES
    ),
    st.sampled_from(["application/json", "application/json; charset=utf-8", "text/plain", ""]),
    st.sampled_from(["{}", "{", "[]", "\x00", ""]),
)
def test_rubbish_is_refused_alike_with_the_glance_and_without_it(
    app: Flask, mobile: Phone, change: dict[str, Any], kind: str, wrap: str
) -> None:
    body: Any = usual(mobile) | change if wrap == "{}" else wrap.encode()
    first, second = both(app, mobile, body, **{"Content-Type": kind})
    assert first.status_code < 500
    assert same(first, second)


def test_without_a_token_or_with_a_wrong_one_the_glance_says_what_the_view_says(
    app: Flask, mobile: Phone
) -> None:
    for token in ("", "Bearer ", "Bearer x", "Bearer fsd_" + "A" * 65, "Basic abc"):
        first, second = both(app, mobile, usual(mobile), Authorization=token)
        assert first.status_code == 401, token
        assert same(first, second)


def test_a_page_is_the_same_by_the_glance_and_by_the_view(app: Flask, mobile: Phone) -> None:
    for change in (
        {"cursor": None},
        {"cursor": None, "limit": 1},
        {"cursor": None, "max_bytes": 1},
    ):
        first, second = both(app, mobile, usual(mobile) | change)
        assert first.status_code == second.status_code
        assert same(first, second)


def test_a_first_download_does_not_wake_the_framework(app: Flask, mobile: Phone) -> None:
    with the_view_at_rest(app):
        answer = pull(mobile, usual(mobile) | {"cursor": None})
    assert answer.status_code == 200
    assert answer.json["complete"]


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("zstd, br, gzip", "zstd"),
        ("gzip;q=1, br;q=0.5", "gzip"),
        ("br", "br"),
        ("zstd;q=0, gzip", "gzip"),
        ("identity", None),
        ("nonsense;q=x", None),
    ],
)
def test_a_page_is_packed_as_the_phone_wants_it(
    app: Flask, mobile: Phone, accepted: str, coding: str | None
) -> None:
    body = usual(mobile) | {"cursor": None}
    first, second = both(app, mobile, body, **{"Accept-Encoding": accepted})
    for answer in (first, second):
        assert answer.headers.get("Content-Encoding") == coding
        raw = answer.get_data()
        plain = {
            "zstd": zstd.decompress,
            "br": brotli.decompress,
            "gzip": gzip.decompress,
            None: bytes,
        }[coding](raw)
        assert orjson.loads(plain)["complete"]
    assert first.headers["Vary"] == second.headers["Vary"]


def said(phone: Phone, count: int = 3) -> dict[str, Any]:
    order = phone.docs("work_order")[0]["id"]
    return {
        "device_id": str(phone.device_id),
        "schema": 2,
        "app_version": "1",
        "unsent": count,
        "mutations": [
            phone.say("comment.add", {"order_id": order, "text": f"Word {n}"}) for n in range(count)
        ],
    }


def test_a_push_does_not_wake_the_framework(app: Flask, make: Maker, mobile: Phone) -> None:
    body = said(mobile)
    with the_view_at_rest(app):
        answer = pull(mobile, body, "push", **{"X-Request-Id": "seven-of-nine"})
    assert [result["status"] for result in answer.json["results"]] == ["applied"] * 3
    with reading(make.system) as unit:
        entries = unit.session.scalars(
            sa.select(AuditEntry).where(
                AuditEntry.org_id == make.org.id, AuditEntry.entity == "comment"
            )
        )
        assert {orjson.loads(entry.entry)["request"] for entry in entries} == {"seven-of-nine"}


def test_what_was_said_to_the_glance_is_answered_alike_by_the_view(
    app: Flask, mobile: Phone
) -> None:
    first, second = both(app, mobile, said(mobile), "push")
    assert first.json["results"][0]["replayed"] is False
    assert same(first, second)


def test_a_gap_and_a_copied_phone_are_refused_alike(app: Flask, mobile: Phone) -> None:
    body = said(mobile)
    later = body | {"mutations": body["mutations"][1:]}
    first, second = both(app, mobile, later, "push")
    assert (first.status_code, first.json["code"]) == (409, "gap")
    assert same(first, second)
    pull(mobile, body, "push")
    other = body | {"mutations": [body["mutations"][0] | {"id": str(new_id())}]}
    first, second = both(app, mobile, other, "push")
    assert (first.status_code, first.json["code"]) == (409, "device_forked")
    assert same(first, second)


def test_a_device_that_was_cut_off_is_heard_by_the_view(
    app: Flask, make: Maker, sign_in: Callable[..., Visitor], mobile: Phone
) -> None:
    office = sign_in(make.account("dispatcher"))
    office.send("PUT", f"/v1/devices/{mobile.device_id}/state", {"state": "revoked"})
    answer = pull(mobile, said(mobile), "push")
    assert {result["status"] for result in answer.json["results"]} == {"quarantined"}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "device_id",
                "schema",
                "app_version",
                "unsent",
                "confirmed_seq",
                "device_time",
                "mutations",
                "more",
            ]
        ),
        VALUES,
    ),
    st.sampled_from(["application/json", "text/plain", ""]),
)
def test_rubbish_is_pushed_alike_with_the_glance_and_without_it(
    app: Flask, mobile: Phone, change: dict[str, Any], kind: str
) -> None:
    first, second = both(app, mobile, said(mobile) | change, "push", **{"Content-Type": kind})
    assert first.status_code < 500
    assert same(first, second)
