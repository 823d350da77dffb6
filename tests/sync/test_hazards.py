"""Hazards of the offline door that belong to no other page: broken batches, words on their way, guessed ids."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from conformance.client import Client
from core import driver
from core.ids import new_id
from tests.doors import Phone
from tests.makers import PASSWORD, Maker
from tests.sync.field import Field, statuses
from work.models import Attention, Comment, Visit


@pytest.fixture
def field(make: Maker, phone: Callable[..., Phone]) -> Field:
    return Field(make, phone)


def fifty(field: Field) -> list[dict[str, Any]]:
    order = {"order_id": str(field.order.id)}
    return [field.phone.say("comment.add", order | {"text": f"No. {n:02}"}) for n in range(1, 51)]


def written(field: Field) -> list[str]:
    return sorted(comment.text for comment in field.all(Comment))


@contextmanager
def breaking(error: Exception) -> Iterator[None]:
    """Let the database fail whenever the 37th comment is written."""

    def failing(go: Callable[..., Any]) -> Callable[..., Any]:
        def write(connection: sa.Connection, text: str, values: Any = ()) -> Any:
            if text.startswith("INSERT INTO comment") and "No. 37" in str(values):
                raise error
            return go(connection, text, values)

        return write

    with pytest.MonkeyPatch.context() as patch:
        for name in ("run", "run_many"):
            patch.setattr(driver, name, failing(getattr(driver, name)))
        yield


def test_h26_a_disk_that_is_full_at_the_37th_of_50_is_answered_and_a_retry_applies_each_once(
    field: Field,
) -> None:
    said = fifty(field)
    body = {"device_id": str(field.phone.device_id), "schema": 2, "mutations": said}
    full = sa.exc.OperationalError("INSERT", {}, Exception("database or disk is full"))
    with breaking(full):
        broken = field.phone.call("POST", "/v1/sync/push", body)
    assert broken.status_code in (500, 503, 507)
    assert set(broken.json) >= {"code", "message", "request_id"}
    assert "No. 37" not in written(field)
    again = field.phone.push(said)
    assert statuses(again) == ["applied"] * 50
    assert written(field) == [f"No. {n:02}" for n in range(1, 51)]


def test_h26_one_that_the_database_never_takes_is_refused_and_the_other_49_are_applied(
    field: Field,
) -> None:
    said = fifty(field)
    never = sa.exc.IntegrityError("INSERT", {}, Exception("a constraint of the database"))
    with breaking(never):
        answer = field.phone.push(said)
        again = field.phone.push(said)
    assert [r["seq"] for r in answer["results"] if r["status"] != "applied"] == [37]
    assert [one | {"replayed": True} for one in answer["results"]] == again["results"]
    assert written(field) == [f"No. {n:02}" for n in range(1, 51) if n != 37]
    assert len(field.all(Attention)) == 1, "a person hears of it"


def test_h23_one_bad_among_500_is_refused_and_499_are_applied(field: Field) -> None:
    order = {"order_id": str(field.order.id)}
    for number in range(500):
        text = "x" * 1_000_000 if number == 250 else str(number)
        field.phone.say("comment.add", order | {"text": text})
    answer = field.phone.push()
    assert [r["seq"] for r in answer["results"] if r["status"] != "applied"] == [251]
    assert "text" in answer["results"][250]["error"]["details"]["fields"]
    assert len(field.all(Comment)) == 499
    assert answer["last_seq"] == 500


def test_h23_bytes_that_are_no_json_are_answered_and_change_nothing(field: Field) -> None:
    said = field.phone.say("comment.add", {"order_id": str(field.order.id), "text": "MARK"})
    body = {"device_id": str(field.phone.device_id), "schema": 2, "mutations": [said]}
    good = json.dumps(body).encode()
    for raw in (good.replace(b"MARK", b"\xff\xfe"), good[:-3], b"[" * 5000, b"NaN"):
        answer = field.phone.client.post(
            "/v1/sync/push", data=raw, headers=field.phone.headers, content_type="application/json"
        )
        assert answer.status_code in (400, 422), raw[:20]
        assert set(answer.json) >= {"code", "message", "request_id"}
    nan = good.replace(b'"MARK"', b"NaN")
    answer = field.phone.client.post(
        "/v1/sync/push", data=nan, headers=field.phone.headers, content_type="application/json"
    )
    assert answer.status_code in (400, 422) or statuses(answer.json) == ["refused"]
    assert field.all(Comment) == []


def test_h29_what_is_said_while_the_word_before_is_on_its_way_arrives_after_it(
    field: Field, app: Flask
) -> None:
    sent: list[list[int]] = []

    def transport(
        method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        answer = app.test_client().open(path, method=method, data=body, headers=headers)
        if path == "/v1/sync/push":
            sent.append([mutation["seq"] for mutation in json.loads(body)["mutations"]])
            if len(sent) == 1:
                # The answer is still on its way when the engineer changes the value again.
                client.say("visit.answer", {**visit, "key": "hours", "value": 2})
        return answer.status_code, answer.data

    client = Client(transport, email=field.account.email, password=PASSWORD)
    visit = {"visit_id": str(field.visit.id)}
    client.say("visit.answer", {**visit, "key": "hours", "value": 1})
    client.sync()
    assert sent == [[1], [2]]
    assert field.row(Visit, field.visit.id).answers == {"hours": 2}
    doc = client.state.replica.docs[("visit", str(field.visit.id))][1]
    assert doc["answers"] == {"hours": 2}


def test_h56_an_id_of_another_company_is_answered_as_one_that_does_not_exist(
    field: Field, phone: Callable[..., Phone], statements: list[str]
) -> None:
    other = Maker()
    account = other.account("technician")
    theirs = other.visit(by=other.technician(account=account), order=other.order())
    known: dict[str, str] = {"visits": str(theirs.id), "work-orders": str(theirs.order_id)}
    for door, row_id in known.items():
        answers, works = [], []
        # The first time warms what is remembered between requests.
        for one in (str(new_id()), str(new_id()), row_id):
            statements.clear()
            answer = field.phone.call("GET", f"/v1/{door}/{one}")
            answers.append((answer.status_code, answer.json["code"], answer.json["message"]))
            # As much work as for an id that nobody has: the time taken gives nothing away.
            works.append(list(statements))
        assert answers[1] == answers[2]
        assert answers[2][0] == 404
        assert works[1] == works[2]


def test_h56_a_mutation_about_another_company_s_rows_is_as_one_about_nothing(
    field: Field, phone: Callable[..., Phone]
) -> None:
    other = Maker()
    theirs = other.visit(by=other.technician(), order=other.order())
    results = []
    for visit_id, order_id in ((new_id(), new_id()), (theirs.id, theirs.order_id)):
        field.phone.say("visit.claim", {"visit_id": str(visit_id)})
        field.phone.say("comment.add", {"order_id": str(order_id), "text": "Hello"})
        field.phone.say("order.edit", {"order_id": str(order_id), "title": "Mine"})
        answer = field.phone.push()
        results.append(
            [(r["status"], (r.get("error") or {}).get("code")) for r in answer["results"]]
        )
    assert results[0] == results[1]
    assert "applied" not in {status for status, _ in results[1]}
    field.phone.pull()
    assert str(theirs.id) not in json.dumps(field.phone.docs("visit"))
