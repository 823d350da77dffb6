"""Streams: a device that is awake hears which of its scopes moved, whoever moved them."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask

from api.app import create_app
from core import clock
from core.database import Database
from core.ids import new_id
from core.unit import perform
from people.actions import set_device_state
from people.models import Account, DeviceState, Technician
from sync import streams
from tests.doors import Phone, Visitor, settings_for
from tests.makers import Maker
from work import actions as work

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LOOK_S", 0.02)
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.2)


class Ear:
    """What listens at the stream."""

    def __init__(self, visitor: Visitor) -> None:
        self.answer = visitor.call("GET", "/v1/sync/stream")
        self.chunks: Iterator[bytes] = iter(self.answer.response)

    def hear(self) -> Any:
        """Return the next thing said: the scopes that moved, or the line that means nothing new."""
        for chunk in self.chunks:
            if chunk.startswith(b"event: changed\ndata: "):
                return orjson.loads(chunk.split(b"data: ")[1])["scopes"]
            if chunk.startswith(b":"):
                return "still here"
        return "over"

    def hear_of_change(self) -> Any:
        """Return the scopes that moved, however long nothing did before."""
        for _ in range(300):
            if (said := self.hear()) != "still here":
                return said
        raise AssertionError("Nothing moved.")

    def __enter__(self) -> "Ear":
        return self

    def __exit__(self, *_: object) -> None:
        self.answer.close()


def test_a_device_hears_at_once_of_all_its_scopes_and_then_of_those_that_move(
    make: Maker, ann: Technician, mobile: Phone
) -> None:
    own = f"technician:{ann.id}"
    with Ear(mobile) as ear:
        assert ear.answer.mimetype == "text/event-stream"
        assert ear.hear_of_change() == ["catalogue", "pool", own]
        make.part()
        assert ear.hear_of_change() == ["catalogue"]
        visit = make.visit(by=ann)
        heard = set(ear.hear_of_change())
        while own not in heard:
            heard |= set(ear.hear_of_change())
        perform(make.system, lambda unit: work.add_comment(unit, visit.order_id, text="Mind"))
        assert ear.hear_of_change() == [own]


def test_h19_a_device_hears_nothing_of_other_people_s_scopes(
    make: Maker, ann: Technician, mobile: Phone
) -> None:
    own = make.visit(by=ann)
    with Ear(mobile) as ear:
        ear.hear_of_change()
        visit = make.visit(by=make.technician("Ben"))
        Maker().part()
        # Their own visit is said last: once it is heard of, all before it would have been.
        perform(make.system, lambda unit: work.add_comment(unit, own.order_id, text="Mine"))
        heard = set(ear.hear_of_change())
        while f"technician:{ann.id}" not in heard:
            heard |= set(ear.hear_of_change())
        # An order nobody has been given yet passes through the pool.
        assert heard <= {"pool", f"technician:{ann.id}"}
        for order in (visit.order_id, own.order_id):
            perform(make.system, lambda unit, to=order: work.add_comment(unit, to, text="Mind"))
        assert ear.hear_of_change() == [f"technician:{ann.id}"]


def test_a_stream_ends_with_the_access_token(mobile: Phone, at: Callable[..., None]) -> None:
    with Ear(mobile) as ear:
        ear.hear()
        at(clock.now() + HOUR)
        assert ear.hear() == "over"
    with Ear(mobile) as again:
        assert again.hear() != "over", "the phone has refreshed"


def test_h52_a_stream_ends_when_the_device_is_cut_off(make: Maker, mobile: Phone) -> None:
    with Ear(mobile) as ear:
        ear.hear()
        perform(
            make.system,
            lambda unit: set_device_state(unit, mobile.device_id, DeviceState.REVOKED),
        )
        assert ear.hear() == "over"


def test_a_scope_that_is_gained_or_lost_is_heard_of(
    make: Maker, ann: Technician, mobile: Phone
) -> None:
    with Ear(mobile) as ear:
        ear.hear_of_change()

        def leave(unit: Any) -> None:
            unit.must(Technician, ann.id, "gone").account_id = None

        perform(make.system, leave)
        # The catalogue stays; the other two are gone, and a pull will say so.
        assert ear.hear_of_change() == []


def test_the_newer_stream_of_a_device_takes_the_place_of_the_older(mobile: Phone) -> None:
    with Ear(mobile) as older, Ear(mobile) as newer:
        assert older.hear() == "over"
        assert newer.hear() != "over"


def test_a_process_holds_so_many_streams_and_no_more(
    make: Maker, database: Database, tmp_path: Path, account: Account, ann: Technician
) -> None:
    app = create_app(settings_for(tmp_path, FIELDWRIGHT_STREAMS="2"), db=database)
    phones = [Phone(app.test_client(), account.email, device_id=new_id()) for _ in range(3)]
    with Ear(phones[0]), Ear(phones[1]) as second:
        refused = phones[2].call("GET", "/v1/sync/stream")
        assert (refused.status_code, refused.json["code"]) == (503, "busy")
        assert int(refused.headers["Retry-After"]) > 0
        second.answer.close()
        with Ear(phones[2]) as third:
            assert third.hear() != "over"


def test_nobody_looks_when_nobody_listens(mobile: Phone) -> None:
    with Ear(mobile) as ear:
        ear.hear()
        looking = [thread for thread in threading.enumerate() if thread.name == "streams"]
        assert looking != []
    for thread in looking:
        thread.join(10)
    assert "streams" not in {thread.name for thread in threading.enumerate()}


def test_an_office_account_and_a_sign_in_without_a_device_have_no_stream(
    app: Flask, make: Maker, account: Account, ann: Technician, sign_in: Callable[..., Visitor]
) -> None:
    assert sign_in(make.account("dispatcher")).call("GET", "/v1/sync/stream").status_code == 403
    assert sign_in(account).call("GET", "/v1/sync/stream").status_code == 422


def test_a_process_that_stops_ends_every_stream(
    make: Maker, mobile: Phone, account: Account, phone: Callable[..., Phone]
) -> None:
    with Ear(mobile) as first, Ear(phone(account)) as second:
        first.hear_of_change()
        second.hear_of_change()
        streams.watcher.stop()
        assert {first.hear(), second.hear()} == {"over"}
