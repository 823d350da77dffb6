"""Mending: the feed is made to say what the rows say, with new numbers for what a phone can see."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog

from core import clock, feed
from core.actor import Actor
from core.database import bound, retried
from core.feed import Link
from core.unit import Unit, unit_of_work
from sync import horizon, oracle
from sync.oracle import Audit, Difference
from work.actions import raise_attention

log = structlog.get_logger("sync")

_documents, _entries, _scopes = feed.documents, feed.entries, feed.scopes
SHOWN = 20


def scrub(actor: Actor) -> list[Difference]:
    """Mend what differs, and let people know when phones held other rows than they should have."""
    found = mend(actor)
    for difference in found[:SHOWN]:
        log.warning("the feed differed from the rows", org=str(actor.org_id), what=str(difference))
    # A document that is told in another shape is what an upgrade leaves behind, and no alarm.
    wrong = [difference for difference in found if difference.kind != "document"]
    if wrong:
        with unit_of_work(actor, action="feed.scrub") as unit:
            raise_attention(
                unit,
                kind="scrub",
                entity="scope",
                entity_id=actor.org_id,
                message="What phones hold differed from the rows and was mended.",
                office_value=[str(difference) for difference in wrong[:SHOWN]],
            )
    return found


def mend(actor: Actor) -> list[Difference]:
    """Make the feed say what the rows say, and return what differed.

    A rival's change meanwhile makes it begin again.
    """
    horizon.refresh(actor)
    return retried(lambda: _mend(actor))


def _mend(actor: Actor) -> list[Difference]:
    with bound().writing() as session:
        unit = Unit(session, actor, happened_at=clock.now(), action="feed.mend")
        if not bound().sqlite:
            # What is written rests on all that was read: whoever changes it meanwhile stops us.
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        audit = oracle.audit(unit)
        if audit.found:
            connection = session.connection()
            numbers = _mend_documents(connection, unit.org_id, audit)
            for name in sorted({*audit.sums, *audit.scopes}):
                _mend_scope(connection, unit.org_id, name, audit, numbers)
            session.commit()
        return audit.found


def _mend_documents(connection: sa.Connection, org_id: UUID, audit: Audit) -> dict[Link, int]:
    """Write the documents that differ, and return the number of each."""
    numbers = {key: stored.no for key, stored in audit.stored.items()}
    for key, item in audit.afresh.items():
        numbers[key] = _put_document(connection, org_id, item, numbers.get(key))
    for key in audit.stored.keys() - audit.truth.keys():
        this = _documents.c.no == numbers[key]
        connection.execute(_documents.update().where(this).values(gone=True))
    for key, true in audit.truth.items():
        stored = audit.stored.get(key)
        if true.children != (stored.children if stored else set()):
            children = [numbers[child] for child in sorted(true.children)]
            _hang(connection, org_id, numbers[key], children)
    return numbers


def _put_document(
    connection: sa.Connection, org_id: UUID, item: feed.Rendered, no: int | None
) -> int:
    values = {
        "version": item.version,
        "body": item.body,
        "scopes": item.scopes,
        "links": [[name, str(row_id)] for name, row_id in item.links],
        "gone": item.gone,
    }
    if no is not None:
        connection.execute(_documents.update().where(_documents.c.no == no).values(values))
        return no
    key = {"org_id": org_id, "entity": item.entity.name, "id": item.id}
    made = connection.execute(_documents.insert().values(key | values).returning(_documents.c.no))
    return int(made.scalar_one())


def _hang(connection: sa.Connection, org_id: UUID, no: int, children: list[int]) -> None:
    hangings = feed.hangings
    connection.execute(hangings.delete().where(hangings.c.parent_no == no))
    if children:
        rows = [{"org_id": org_id, "parent_no": no, "child_no": child} for child in children]
        connection.execute(hangings.insert(), rows)


def _mend_scope(
    connection: sa.Connection, org_id: UUID, name: str, audit: Audit, numbers: dict[Link, int]
) -> None:
    members = audit.entries.get(name, {})
    visible, counted = _wrong_members(name, audit)
    count, total = audit.sums.get(name, (0, 0))
    values = {"rows": count, "sum_high": total >> 32, "sum_low": total & 0xFFFFFFFF}
    scope = audit.scopes.get(name)
    if scope is None:
        row = {"org_id": org_id, "name": name, "counter": 0, "purged": 0} | values
        made = connection.execute(_scopes.insert().values(row).returning(_scopes.c.no))
        scope_no, counter = int(made.scalar_one()), 0
    else:
        newest = max((entry.seq for entry in members.values()), default=0)
        scope_no, counter = scope.no, max(scope.counter, newest)
        values["counter"] = counter + len(visible)
        if all(getattr(scope, key) == value for key, value in values.items()) and not counted:
            return
    values["counter"] = counter + len(visible)
    connection.execute(_scopes.update().where(_scopes.c.no == scope_no).values(values))
    for seq, key in enumerate(visible, start=counter + 1):
        _put_entry(connection, org_id, (scope_no, numbers[key]), _standing(name, key, audit, seq))
    for key in counted:
        this = (_entries.c.scope_no == scope_no, _entries.c.document_no == numbers[key])
        reasons = _reasons(name, key, audit)
        connection.execute(_entries.update().where(*this).values(reasons=reasons))


def _reasons(name: str, key: Link, audit: Audit) -> int:
    true = audit.truth.get(key)
    return true.reasons.get(name, 0) if true else 0


def _wrong_members(name: str, audit: Audit) -> tuple[list[Link], list[Link]]:
    """Return whose standing in the scope a phone sees change, and where the count alone is wrong."""
    members = audit.entries.get(name, {})
    visible: list[Link] = []
    counted: list[Link] = []
    for key in {key for key, true in audit.truth.items() if name in true.reasons} | set(members):
        entry, true = members.get(key), audit.truth.get(key)
        holds = true is not None and true.holds(name)
        version = true.version if true else 0
        stale = holds and (key in audit.afresh or entry is None or entry.version != version)
        if entry is None or entry.present != holds or stale:
            visible.append(key)
        elif entry.reasons != _reasons(name, key, audit):
            counted.append(key)
    # What is referred to comes first, as the feed itself has it.
    rank = {key: true.rank for key, true in audit.truth.items()}
    return sorted(visible, key=lambda key: (-rank.get(key, 0), key)), counted


def _standing(name: str, key: Link, audit: Audit, seq: int) -> dict[str, Any]:
    true, entry = audit.truth.get(key), audit.entries.get(name, {}).get(key)
    return {
        "seq": seq,
        "version": true.version if true else entry.version if entry else 0,
        "reasons": _reasons(name, key, audit),
        "present": true is not None and true.holds(name),
        "changed_at": clock.now(),
    }


def _put_entry(
    connection: sa.Connection, org_id: UUID, key: tuple[int, int], values: dict[str, Any]
) -> None:
    this = (_entries.c.scope_no == key[0], _entries.c.document_no == key[1])
    if connection.execute(_entries.update().where(*this).values(values)).rowcount == 0:
        row = {"scope_no": key[0], "document_no": key[1], "org_id": org_id}
        connection.execute(_entries.insert().values(row | values))
