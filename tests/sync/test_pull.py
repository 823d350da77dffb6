"""Pull: pages that resume, cursors that are ours, checkpoints that can be proved, repair."""

import base64
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from core import feed
from core.database import bound
from core.ids import new_id
from core.tenancy import announce
from core.unit import perform, reading
from tests.doors import Phone, Visitor
from tests.makers import Maker
from work import actions as work


@pytest.fixture
def mobile(make: Maker, phone: Callable[..., Phone]) -> Phone:
    account = make.account("technician")
    technician = make.technician(account=account)
    for _ in range(6):
        make.part()
        make.visit(by=technician)
    return phone(account)


def test_h37_a_download_cut_at_every_page_resumes_with_the_last_cursor_that_was_kept(
    mobile: Phone,
) -> None:
    pages = 0
    while True:
        page = mobile.pull_page(limit=3)
        assert page is not None
        pages += 1
        assert len(page["changes"]) <= 3
        if page["complete"]:
            mobile.check(page["checkpoint"])
            break
    assert pages > 5
    assert mobile.pull_page() is None, "nothing is new"


def test_a_page_is_also_bounded_in_bytes_and_always_goes_forward(mobile: Phone) -> None:
    turns = 0
    while True:
        page = mobile.pull_page(max_bytes=1000)
        assert page is not None
        assert page["changes"]
        turns += 1
        if page["complete"]:
            break
    assert turns > 5


def test_h7_a_cursor_that_is_not_ours_is_told_to_start_over(
    mobile: Phone, make: Maker, phone: Callable[..., Phone]
) -> None:
    mobile.pull()
    good = mobile.cursor
    assert good is not None
    account = make.account("technician")
    make.technician(account=account)
    other = phone(account)
    raw = bytearray(base64.urlsafe_b64decode(good + "=" * (-len(good) % 4)))
    raw[20] ^= 1
    flipped = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")
    for visitor, cursor in (
        (other, good),
        (mobile, good[:-5]),
        (mobile, flipped),
        (mobile, "x"),
        (mobile, "é"),
        (mobile, ""),
    ):
        body = {"device_id": str(visitor.device_id), "schema": 1, "cursor": cursor}
        refused = visitor.call("POST", "/v1/sync/pull", body)
        assert (refused.status_code, refused.json["code"]) == (409, "start_over"), cursor


def test_h6_a_restored_backup_has_another_epoch_and_every_phone_starts_over(mobile: Phone) -> None:
    mobile.pull()
    with bound().engine.begin() as connection:
        connection.execute(sa.update(feed.Epoch).values(id=new_id()))
    page = mobile.pull_page()
    assert page is not None
    assert page["reset"] is True
    mobile.pull()
    assert mobile.docs("visit")


def test_h16_a_phone_that_was_away_past_the_memory_of_removals_starts_over(
    mobile: Phone, make: Maker
) -> None:
    mobile.pull()
    with bound().engine.begin() as connection:
        announce(connection, make.org.id)
        connection.execute(sa.update(feed.scopes).values(purged=feed.scopes.c.counter + 1))
    page = mobile.pull_page()
    assert page is not None
    assert page["reset"] is True


def test_h15_a_scope_that_is_lost_leaves_the_phone_as_a_whole(mobile: Phone, make: Maker) -> None:
    mobile.pull()
    assert mobile.docs("visit")
    from people.models import Technician

    with reading(make.system) as unit:
        technician = unit.session.scalars(sa.select(Technician)).first()
    assert technician is not None

    def leave(unit: Any) -> None:
        unit.must(Technician, technician.id, "gone").account_id = None

    perform(make.system, leave)
    page = mobile.pull_page()
    assert page is not None
    assert {change["op"] for change in page["changes"]} == {"drop_scope"}
    assert mobile.docs("visit") == []
    assert mobile.docs("part")


def test_h43_a_phone_that_rotted_is_mended_with_two_requests_and_only_what_differs(
    mobile: Phone,
) -> None:
    mobile.pull()
    scope = "catalogue"
    parts = sorted(key for key in mobile.members[scope] if key[0] == "part")
    wrong, lost = parts[0], parts[1]
    mobile.held[wrong]["version"] = 99
    del mobile.held[lost]
    mobile.members[scope].discard(lost)
    mobile.members[scope].add(("part", str(new_id())))
    ask = {"device_id": str(mobile.device_id), "scope": scope}
    sums = mobile.send("POST", "/v1/sync/repair", ask)["sums"]
    rows = [
        {
            "entity": entity,
            "id": row,
            "version": mobile.held.get((entity, row), {"version": 1})["version"],
        }
        for entity, row in mobile.members[scope]
    ]
    answer = mobile.send(
        "POST",
        "/v1/sync/repair",
        ask | {"prefixes": sorted({row["id"][:2] for row in rows} | set(sums)), "rows": rows},
    )
    for change in answer["changes"]:
        mobile.apply(change)
    assert len(answer["changes"]) == 3
    mobile.check({"scopes": {scope: {"count": answer["count"], "checksum": answer["checksum"]}}})


def held_in(mobile: Phone, scope: str) -> list[dict[str, Any]]:
    """Return the rows of a scope as a phone tells them to be mended."""
    return [
        {
            "entity": entity,
            "id": row,
            "version": mobile.held.get((entity, row), {"version": 1})["version"],
        }
        for entity, row in sorted(mobile.members[scope])
    ]


ALL = [f"{number:02x}" for number in range(256)]


def test_h13_a_repair_takes_nothing_from_the_phone_that_another_of_its_scopes_holds(
    mobile: Phone,
) -> None:
    mobile.pull()
    [own] = [scope for scope in mobile.members if scope.startswith("technician:")]
    part = next(key for key in mobile.members["catalogue"] if key[0] == "part")
    stranger = ("part", str(new_id()))
    mobile.members[own] |= {part, stranger}
    ask = {"device_id": str(mobile.device_id), "scope": own, "prefixes": ALL}
    answer = mobile.send("POST", "/v1/sync/repair", ask | {"rows": held_in(mobile, own)})
    said = {(change["entity"], change["id"]): change["op"] for change in answer["changes"]}
    assert said == {part: "leave", stranger: "remove"}


@pytest.mark.parametrize("bound", [{"max_bytes": 1000}, {"limit": 2}])
def test_h41_a_repair_is_bounded_as_pages_are_and_goes_on_until_it_is_whole(
    mobile: Phone, bound: dict[str, int]
) -> None:
    mobile.pull()
    [own] = [scope for scope in mobile.members if scope.startswith("technician:")]
    whole = set(mobile.members[own])
    for key in whole:
        mobile.held[key]["version"] += 7
    mobile.members[own] |= {("comment", str(new_id())) for _ in range(20)}
    ask = {"device_id": str(mobile.device_id), "scope": own, "prefixes": ALL} | bound
    turns, answer = 0, {"complete": False}
    while not answer["complete"]:
        reply = mobile.call("POST", "/v1/sync/repair", ask | {"rows": held_in(mobile, own)})
        answer = reply.json
        assert 1 <= len(answer["changes"]) <= bound.get("limit", 1000)
        assert len(answer["changes"]) == 1 or len(reply.data) < bound.get("max_bytes", 10**6) + 200
        for change in answer["changes"]:
            mobile.apply(change)
        turns += 1
    assert turns > 5
    assert mobile.members[own] == whole
    mobile.check({"scopes": {own: {"count": answer["count"], "checksum": answer["checksum"]}}})


def test_h19_a_phone_may_not_repair_from_a_scope_that_is_not_its_own(
    mobile: Phone, make: Maker
) -> None:
    other = make.technician()
    refused = mobile.call(
        "POST",
        "/v1/sync/repair",
        {"device_id": str(mobile.device_id), "scope": f"technician:{other.id}"},
    )
    assert refused.status_code == 403


def test_an_office_account_has_no_phone_scope(make: Maker, sign_in: Callable[..., Visitor]) -> None:
    visitor = sign_in(make.account("dispatcher"))
    assert visitor.call(
        "POST", "/v1/sync/pull", {"device_id": str(new_id()), "schema": 1}
    ).status_code in (403, 422)


def test_a_comment_made_after_the_checkpoint_comes_with_the_next_pull_alone(
    mobile: Phone, make: Maker
) -> None:
    mobile.pull()
    order = mobile.docs("work_order")[0]
    perform(make.system, lambda unit: work.add_comment(unit, UUID(order["id"]), text="New"))
    page = mobile.pull_page()
    assert page is not None
    assert [change["entity"] for change in page["changes"]] == ["comment"]
