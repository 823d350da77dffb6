"""Apps of other versions: what they say is understood, what they fetch is told in their words."""

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
from people.models import Account
from sync import mending
from tests.doors import Phone
from tests.makers import Maker
from work import actions as work
from work.models import Comment, Visit

OLD, CURRENT, NEWER, TOO_OLD = 1, 2, 3, 0


@pytest.fixture
def account(make: Maker) -> Account:
    return make.account("technician")


@pytest.fixture
def visit(make: Maker, account: Account) -> Visit:
    visit = make.visit(by=make.technician(account=account))
    make.part()
    make.visit()
    return visit


def seen(phone: Phone, visit: Visit) -> dict[str, Any]:
    """Return the visit as this phone holds it."""
    return phone.held[("visit", str(visit.id))]["doc"]


def begin_and_pause(phone: Phone, visit: Visit) -> dict[str, Any]:
    for kind in ("visit.travel", "visit.arrive", "visit.start"):
        phone.say(kind, {"visit_id": str(visit.id)})
    phone.say("visit.pause", {"visit_id": str(visit.id), "reason": "No key to the pump house"})
    answer = phone.push()
    assert [result["status"] for result in answer["results"]] == ["applied"] * 4, answer
    return answer


def test_h49_an_old_app_s_pause_is_a_hold_and_each_app_reads_it_in_its_own_words(
    visit: Visit, account: Account, phone: Callable[..., Phone]
) -> None:
    old, new = phone(account, schema=OLD), phone(account, schema=CURRENT)
    begin_and_pause(old, visit)
    old.pull()
    new.pull()
    assert seen(old, visit)["outcome_reason"] == "No key to the pump house"
    assert "hold" not in seen(old, visit)
    hold = seen(new, visit)["hold"]
    assert (hold["reason"], hold["text"]) == ("other", "No key to the pump house")
    assert seen(new, visit)["outcome_reason"] is None


def test_h49_an_app_that_is_newer_than_the_server_is_served_and_misunderstood_visibly(
    make: Maker, visit: Visit, account: Account, phone: Callable[..., Phone]
) -> None:
    newer = phone(account, schema=NEWER)
    newer.pull()
    assert seen(newer, visit)["state"]
    said = {"order_id": str(visit.order_id), "text": "Fine", "mood": "of a later time"}
    newer.say("comment.add", said, channel="of a later time")
    newer.say("visit.teleport", {"visit_id": str(visit.id)})
    answer = newer.push(battery="of a later time")
    assert [result["status"] for result in answer["results"]] == ["applied", "refused"]
    assert answer["results"][1]["error"]["message"]


def test_h49_an_app_that_was_brought_up_to_date_fetches_what_changed_for_it_and_no_more(
    make: Maker, visit: Visit, account: Account, phone: Callable[..., Phone]
) -> None:
    mobile = phone(account, schema=OLD)
    begin_and_pause(mobile, visit)
    mobile.pull()
    assert "pool" not in mobile.members
    mobile.schema = CURRENT
    page = mobile.pull_page()
    assert page is not None
    assert page["complete"]
    mobile.check(page["checkpoint"])
    assert "catalogue" not in {change["scope"] for change in page["changes"]}
    assert seen(mobile, visit)["hold"]["text"] == "No key to the pump house"
    assert len(mobile.docs("visit")) == 2, "also what nobody has been given yet"
    fresh = phone(account, device_id=new_id())
    fresh.pull()
    assert fresh.held == mobile.held
    assert mobile.pull_page() is None


def test_h49_what_left_while_an_app_was_brought_up_to_date_leaves_the_phone(
    make: Maker, visit: Visit, account: Account, phone: Callable[..., Phone]
) -> None:

    mobile = phone(account, schema=OLD)
    mobile.pull()
    ben = make.technician("Ben")
    perform(make.system, lambda unit: work.edit_visit(unit, visit.id, technician_id=ben.id))
    mobile.schema = CURRENT
    mobile.pull()
    assert ("visit", str(visit.id)) not in mobile.held


def test_h49_rows_that_a_new_server_tells_in_a_new_shape_come_without_a_full_download(
    make: Maker, visit: Visit, account: Account, phone: Callable[..., Phone]
) -> None:
    with bound().engine.begin() as connection:
        announce(connection, make.org.id)
        doc = feed.documents
        this = (doc.c.entity == "visit") & (doc.c.id == visit.id)
        body = connection.scalar(sa.select(doc.c.body).where(this))
        before = body.replace(b'"hold":null,', b"")
        assert before != body
        connection.execute(doc.update().where(this).values(body=before))
    mobile = phone(account)
    mobile.pull()
    assert "hold" not in seen(mobile, visit)
    mending.mend(make.system)
    page = mobile.pull_page()
    assert page is not None
    assert [change["id"] for change in page["changes"]] == [str(visit.id)]
    assert seen(mobile, visit)["hold"] is None


def test_h50_an_app_that_is_too_old_fetches_nothing_and_its_work_is_still_taken(
    make: Maker, visit: Visit, account: Account, phone: Callable[..., Phone]
) -> None:
    mobile = phone(account)
    mobile.schema = TOO_OLD
    body = {"device_id": str(mobile.device_id), "schema": TOO_OLD}
    refused = mobile.call("POST", "/v1/sync/pull", body)
    assert (refused.status_code, refused.json["code"]) == (426, "upgrade_required")
    assert refused.json["details"] == {"oldest": OLD, "current": CURRENT}
    mutation = mobile.say("comment.add", {"order_id": str(visit.order_id), "text": "Evidence"})
    assert mobile.push()["results"][0]["status"] == "applied"
    with reading(make.system) as unit:
        assert unit.get(Comment, UUID(mutation["id"])) is not None


def test_h51_what_an_old_app_wrote_down_is_understood_when_the_new_one_sends_it(
    visit: Visit, account: Account, phone: Callable[..., Phone]
) -> None:
    mobile = phone(account, schema=OLD)
    for kind in ("visit.travel", "visit.arrive", "visit.start"):
        mobile.say(kind, {"visit_id": str(visit.id)})
    mobile.say("visit.pause", {"visit_id": str(visit.id), "reason": "Rain"})
    mobile.schema = CURRENT
    answer = mobile.push()
    assert answer["results"][3]["status"] == "applied"
    mobile.pull()
    assert seen(mobile, visit)["hold"]["text"] == "Rain"


def test_h51_the_same_words_again_under_another_schema_are_no_fork(
    visit: Visit, account: Account, phone: Callable[..., Phone]
) -> None:
    mobile = phone(account, schema=OLD)
    mobile.say("visit.pause", {"visit_id": str(visit.id), "reason": "Rain"})
    said = list(mobile.outbox)
    first = mobile.push(said)
    mobile.schema = CURRENT
    again = mobile.push(said)
    assert again["results"][0] == first["results"][0] | {"replayed": True}


def test_h51_an_old_pause_that_makes_no_sense_is_answered_visibly(
    visit: Visit, account: Account, phone: Callable[..., Phone]
) -> None:
    mobile = phone(account, schema=OLD)
    mobile.say("visit.pause", {"visit_id": str(visit.id), "reason": {"not": "a text"}})
    assert mobile.push()["results"][0]["status"] == "refused"


def test_h49_a_repair_tells_an_old_app_its_rows_in_its_own_words(
    visit: Visit, account: Account, phone: Callable[..., Phone]
) -> None:
    old = phone(account, schema=OLD)
    begin_and_pause(old, visit)
    old.pull()
    scope = next(name for name in old.members if name.startswith("technician:"))
    ask = {
        "device_id": str(old.device_id),
        "scope": scope,
        "prefixes": [visit.id.hex[:2]],
        "rows": [],
    }
    for more in ({}, {"schema": OLD}):
        changes = old.send("POST", "/v1/sync/repair", ask | more)["changes"]
        doc = next(change["doc"] for change in changes if change["id"] == str(visit.id))
        assert doc["outcome_reason"] == "No key to the pump house"
        assert "hold" not in doc
    changes = old.send("POST", "/v1/sync/repair", ask | {"schema": CURRENT})["changes"]
    assert next(c["doc"]["hold"] for c in changes if c["id"] == str(visit.id))["reason"] == "other"
