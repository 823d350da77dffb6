"""Everybody back at seven, and everybody with nothing to do: bounded work, a clear word, no loss."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from api.app import create_app
from api.herd import Gate
from core.database import Database
from core.errors import AGAIN_FROM_S, AGAIN_TO_S, Busy
from core.unit import reading, unit_of_work
from people.models import Device
from sync.group_commit import GroupCommit
from tests.doors import Phone, settings_for
from tests.makers import Maker
from work.models import Comment

PHONES, MUTATIONS = 12, 4


def test_h40_phones_that_come_back_together_are_served_or_told_when_to_come_again(
    make: Maker, database: Database, tmp_path: Path
) -> None:
    app = create_app(settings_for(tmp_path, FIELDWRIGHT_SYNC_AT_ONCE="1"), db=database)
    app.extensions["fieldwright.pushes"] = GroupCommit(1, wait=2, line=3)
    order = str(make.order().id)
    phones = phones_of(app, make, PHONES)
    for place, phone in enumerate(phones):
        for number in range(MUTATIONS):
            phone.say("comment.add", {"order_id": order, "text": f"{number} of {place}"})
    start = threading.Barrier(PHONES)
    statuses: list[int] = []
    waits: list[int] = []

    def drain(phone: Phone) -> None:
        start.wait()
        while True:
            body = {"device_id": str(phone.device_id), "schema": 2, "mutations": phone.outbox}
            answer = phone.call("POST", "/v1/sync/push", body)
            statuses.append(answer.status_code)
            if answer.status_code == 200:
                return
            assert answer.json["code"] == "busy"
            waits.append(int(answer.headers["Retry-After"]))

    threads = [threading.Thread(target=drain, args=(phone,)) for phone in phones]
    # Nobody gets through before as many have been sent back.
    with unit_of_work(make.system) as unit:
        for phone in phones:
            unit.take(Device, phone.device_id)
        for thread in threads:
            thread.start()
        while len(waits) < PHONES:
            time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert set(statuses) == {200, 503}
    assert statuses.count(200) == PHONES
    assert all(AGAIN_FROM_S <= wait <= AGAIN_TO_S for wait in waits)
    assert len(set(waits)) > 1, "they are not sent back all at once"
    with reading(make.system) as unit:
        texts = list(unit.session.scalars(sa.select(Comment.text)))
    assert len(texts) == len(set(texts)) == PHONES * MUTATIONS


def test_h40_a_morning_of_pushes_does_not_stand_in_the_way_of_those_who_only_look(
    make: Maker, database: Database, tmp_path: Path
) -> None:
    app = create_app(settings_for(tmp_path, FIELDWRIGHT_SYNC_AT_ONCE="1"), db=database)
    pushes = app.extensions["fieldwright.pushes"] = GroupCommit(1, wait=0.01, line=3)
    first, second = phones_of(app, make, 2)
    second.pull()

    def push(phone: Phone) -> int:
        body = {"device_id": str(phone.device_id), "schema": 2, "mutations": []}
        return phone.call("POST", "/v1/sync/push", body).status_code

    statuses: list[int] = []
    stuck = threading.Thread(target=lambda: statuses.append(push(first)))
    with unit_of_work(make.system) as unit:
        unit.take(Device, first.device_id)
        stuck.start()
        while not pushes._under_way:
            time.sleep(0.001)
        assert push(second) == 503
        second.pull()
    stuck.join()
    assert statuses == [200]
    assert push(second) == 200


def phones_of(app: Flask, make: Maker, count: int) -> list[Phone]:
    """Hire engineers and sign their phones in."""
    phones = []
    for _ in range(count):
        account = make.account("technician")
        make.technician(account=account)
        phones.append(Phone(app.test_client(), account.email))
    return phones


def test_a_gate_lets_so_many_in_and_so_many_wait() -> None:
    gate = Gate(2, wait=30, queue=2)
    inside = threading.Barrier(3)
    leave = threading.Event()
    passed: list[str] = []

    def pass_through(name: str) -> None:
        with gate.passing():
            passed.append(name)
            if not leave.is_set():
                inside.wait()
                leave.wait()

    first = [threading.Thread(target=pass_through, args=(name,)) for name in ("a", "b")]
    for thread in first:
        thread.start()
    inside.wait()
    waiting = [threading.Thread(target=pass_through, args=(name,)) for name in ("c", "d")]
    for thread in waiting:
        thread.start()
    while gate._waiting < 2:
        time.sleep(0.001)
    with pytest.raises(Busy) as refused, gate.passing():
        pass
    assert refused.value.details["retry_after"] >= AGAIN_FROM_S
    leave.set()
    for thread in first + waiting:
        thread.join()
    assert sorted(passed) == ["a", "b", "c", "d"]


def test_a_place_is_given_back_by_those_who_fail() -> None:
    gate = Gate(1, wait=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.passing():
            raise ZeroDivisionError
    with gate.passing():
        pass


def test_h39_a_phone_with_nothing_to_do_costs_a_look_at_the_counters(
    make: Maker, phone: Callable[..., Phone], statements: list[str]
) -> None:
    account = make.account("technician")
    technician = make.technician(account=account)
    for _ in range(5):
        make.visit(by=technician)
    mobile = phone(account)
    mobile.pull()
    mobile.pull()
    statements.clear()
    assert mobile.pull_page() is None
    asked = [s for s in statements if s.lstrip().upper().startswith(("SELECT", "INSERT", "UPDATE"))]
    assert not [s for s in asked if not s.lstrip().upper().startswith("SELECT")], "no write"
    assert not [s for s in asked if "feed_entry" in s or "document" in s], "no rows"
    assert 1 <= len(asked) <= 12
