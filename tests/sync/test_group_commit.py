"""Phones that push at the same moment share a transaction, and none of them can tell."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core import audit
from core.audit import AuditEntry
from core.database import Database
from core.errors import DomainError
from core.ids import new_id
from core.unit import reading, unit_of_work
from parts.models import StockEntry
from people.models import Device
from people.signin import actor_for
from sync import epochs, oracle, push
from sync.group_commit import GroupCommit
from sync.push import Batch, Gap
from tests.doors import Phone
from tests.makers import Maker
from tests.sync.field import Field, statuses
from work.models import Comment, Visit, VisitState

Fields = Callable[[int], list[Field]]

# Looking without a pause would take the processor from the threads that are looked at.
LOOK_S = 0.001


@pytest.fixture
def fields(make: Maker, phone: Callable[..., Phone]) -> Fields:
    """Hire so many engineers, each with a phone, a van and a visit."""
    return lambda count: [Field(make, phone) for _ in range(count)]


@pytest.fixture
def commits(database: Database) -> Iterator[list[int]]:
    """Count the transactions that are committed from now on."""
    counted: list[int] = []

    def note(_connection: Any) -> None:
        counted.append(1)

    sa.event.listen(database.engine, "commit", note)
    yield counted
    sa.event.remove(database.engine, "commit", note)


def batch_of(phone: Phone) -> Batch:
    """Return what is in the phone's outbox as the server reads it."""
    actor, _ = actor_for(phone.headers["Authorization"].removeprefix("Bearer "))
    return push.read(
        actor, device_id=phone.device_id, schema=2, app_version="1", mutations=phone.outbox
    )


def at_once(
    group: GroupCommit, field: Field, batches: list[Batch], commits: list[int] | None = None
) -> list[dict[str, Any] | Exception]:
    """Have all these wait behind one push that cannot go on yet, and return what they are answered."""
    answers: list[Any] = [None] * len(batches)

    def say(place: int, batch: Batch) -> None:
        try:
            answers[place] = group.apply(batch)
        except DomainError as error:
            answers[place] = error

    own = batch_of(field.phone)
    first = threading.Thread(target=lambda: group.apply(own))
    others = [threading.Thread(target=say, args=told) for told in enumerate(batches)]
    if commits is not None:
        commits.clear()
    with unit_of_work(field.make.system) as unit:
        unit.take(Device, field.phone.device_id)
        first.start()
        while not (group._under_way and not group._line):
            time.sleep(LOOK_S)
        for place, thread in enumerate(others, start=1):
            thread.start()
            while len(group._line) < place:
                time.sleep(LOOK_S)
    for thread in (first, *others):
        thread.join()
    return answers


def test_phones_that_wait_for_a_push_cross_in_one_transaction(
    fields: Fields, commits: list[int]
) -> None:
    first, *others = fields(5)
    group = GroupCommit(1, wait=60, line=10)
    first.say("time.add", **first.time()["args"])
    for number, field in enumerate(others):
        field.phone.say("comment.add", {"order_id": str(field.order.id), "text": f"From {number}"})
        field.time()
    batches = [batch_of(field.phone) for field in others]
    answers = at_once(group, first, batches, commits)
    assert [statuses(answer) for answer in answers if isinstance(answer, dict)] == [
        ["applied", "applied"]
    ] * 4
    assert len(commits) == 3, "the lock's own, the first push, and the four others together"
    assert {comment.text for comment in first.all(Comment)} == {f"From {n}" for n in range(4)}


def test_what_goes_wrong_for_one_phone_is_answered_to_it_alone(fields: Fields) -> None:
    first, good, gap, unclear, late = fields(5)
    group = GroupCommit(1, wait=60, line=10)
    for field in (good, gap, unclear, late):
        field.phone.say("comment.add", {"order_id": str(field.order.id), "text": "Oil"})
    gap.phone.outbox[0]["seq"] = 7
    unclear.phone.outbox[0]["args"]["text"] = 5
    late.phone.outbox[0]["args"]["order_id"] = str(new_id())
    answers = at_once(group, first, [batch_of(field.phone) for field in (good, gap, unclear, late)])
    assert isinstance(answers[1], Gap)
    told = [statuses(answer) for answer in answers if isinstance(answer, dict)]
    assert told == [["applied"], ["refused"], ["review"]]
    assert [comment.order_id for comment in first.all(Comment)] == [good.order.id]


def test_the_trail_names_for_each_change_the_person_and_the_device_that_made_it(
    make: Maker, fields: Fields
) -> None:
    crowd = fields(4)
    for field in crowd:
        field.phone.say("comment.add", {"order_id": str(field.order.id), "text": "Oil"})
        field.say("visit.complete", findings="Done")
    push.apply_together([batch_of(field.phone) for field in crowd])
    with reading(make.system) as unit:
        trail = unit.session.scalars(
            sa.select(AuditEntry).where(AuditEntry.action.in_(["comment.add", "visit.complete"]))
        ).all()
        _, faults = audit.verify(unit.session.connection(), make.org.id)
    assert faults == []
    for field in crowd:
        made = [entry for entry in trail if entry.actor_id == field.account.id]
        assert all(str(field.phone.device_id) in entry.entry for entry in made)
        own = {entry.entity_id for entry in made}
        assert {str(field.visit.id), str(field.order.id)} <= own
        others = {str(other.visit.id) for other in crowd if other is not field}
        assert not own & others


def test_what_a_backup_lost_of_one_phone_is_noted_by_that_phone(
    make: Maker, fields: Fields
) -> None:
    first, restored = fields(2)
    epochs.begin()
    first.time()
    restored.phone.seq = 5
    restored.time()
    said = batch_of(restored.phone)
    said.contact = replace(said.contact, confirmed_seq=5)
    push.apply_together([batch_of(first.phone), said])
    with reading(make.system) as unit:
        query = sa.select(AuditEntry).where(AuditEntry.entity == "attention")
        (entry,) = unit.session.scalars(query)
    assert entry.actor_id == restored.account.id


def test_a_phone_that_shared_a_transaction_is_no_rival_of_itself(
    make: Maker, fields: Fields
) -> None:
    crowd = fields(2)
    for field in crowd:
        field.say("visit.complete", findings="Done")
    push.apply_together([batch_of(field.phone) for field in crowd])
    for field in crowd:
        touched = field.row(Visit, field.visit.id).touched["findings"]
        assert touched[1] == field.phone.device_id.hex


def test_one_phone_twice_and_one_mutation_twice_never_share(fields: Fields) -> None:
    first, original, copy = fields(3)
    group = GroupCommit(1, wait=60, line=10)
    said = original.phone.say("comment.add", {"order_id": str(original.order.id), "text": "Oil"})
    copy.phone.outbox = [said]
    again = [batch_of(original.phone), batch_of(original.phone), batch_of(copy.phone)]
    answers = at_once(group, first, again)
    replayed = [answer["results"][0]["replayed"] for answer in answers if isinstance(answer, dict)]
    assert replayed[:2] == [False, True]
    assert len(first.all(Comment)) == 1


SAYINGS = st.lists(
    st.tuples(
        st.integers(0, 3), st.sampled_from(["talk", "spend", "read", "done"]), st.integers(0, 3)
    ),
    min_size=1,
    max_size=20,
)


def test_together_or_one_after_another_the_outcome_is_the_same(
    make: Maker, phone: Callable[..., Phone]
) -> None:
    part = make.part()

    @settings(
        max_examples=8,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(SAYINGS)
    def holds(story: list[tuple[int, str, int]]) -> None:
        crowd = [Field(make, phone) for _ in range(4)]
        for field in crowd:
            assert field.technician.van_place_id is not None
            make.stock(field.technician.van_place_id, part, 1)
        uses = []
        for who, what, whose in story:
            speaker, about = crowd[who], crowd[whose]
            if what == "talk":
                order = str(about.order.id)
                speaker.phone.say("comment.add", {"order_id": order, "text": "Oil"})
            elif what == "spend":
                speaker.time(visit_id=str(about.visit.id))
            elif what == "read":
                speaker.read(12.5, asset_id=str(about.order.asset_id))
            else:
                use = {"id": str(new_id()), "part_id": str(part.id), "qty": 1}
                uses.append(use["id"])
                visit = str(about.visit.id)
                speaker.say("visit.complete", visit_id=visit, findings="Done", parts=[use])
        group = GroupCommit(1, wait=60, line=10)
        before = Field(make, phone)
        answers = at_once(group, before, [batch_of(field.phone) for field in crowd])
        for field, answer in zip(crowd, answers, strict=True):
            assert isinstance(answer, dict)
            again = push_again(field.phone)
            first = {result["id"]: result | {"replayed": True} for result in answer["results"]}
            assert {result["id"]: result for result in again["results"]} == first
            assert set(statuses(answer)) <= {"applied", "review"}
        assert oracle.differences(make.system) == []
        # A completion of somebody else's visit is put before a person.
        done = {whose for who, what, whose in story if what == "done" and who == whose}
        for whose, field in enumerate(crowd):
            state = field.row(Visit, field.visit.id).state
            assert (state is VisitState.COMPLETED) == (whose in done)
        entries = crowd[0].all(StockEntry)
        assert sum(entry.delta for entry in entries) == 0

    holds()


def push_again(phone: Phone) -> Any:
    """Say everything once more, as a phone does that heard no answer."""
    return phone.push(phone.outbox)
