"""Who did what, when, on which device, before and after: written with the change, chained by hashes."""

import enum
import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core import bulk, clock, driver
from core.actor import Actor
from core.models import Base

_FIRST = bytes(32)


class AuditEntry(Base):
    """One changed row. `entry` is the exact text under the hash; the columns repeat it for searching."""

    __tablename__ = "audit_entry"
    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor_id: Mapped[UUID | None]
    action: Mapped[str]
    entity: Mapped[str]
    entity_id: Mapped[str]
    entry: Mapped[str] = mapped_column(sa.Text)
    hash: Mapped[bytes]
    __table_args__ = (sa.Index("ix_audit_entry_entity", "org_id", "entity", "entity_id"),)


class AuditHead(Base):
    """The end of one organisation's chain."""

    __tablename__ = "audit_head"
    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    n: Mapped[int]
    hash: Mapped[bytes]


entries: Any = AuditEntry.__table__
heads: Any = AuditHead.__table__


@dataclass(slots=True)
class Change:
    """What one row was and what it has become, by which action; only the fields that differ."""

    entity: str
    entity_id: str
    action: str
    happened_at: datetime
    before: dict[str, Any]
    after: dict[str, Any]
    fresh: bool = False


def plain(value: Any) -> Any:
    """Return the value as the audit trail writes it."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime | date | UUID):
        return str(value)
    # Lists and mappings come from JSON columns: what is in them is plain already.
    return value


def _following(previous: bytes, entry: str) -> bytes:
    return hashlib.sha256(previous + entry.encode()).digest()


_TAKE = (
    "INSERT INTO audit_head (org_id, n, hash) VALUES ({0}, {0}, {0}) "
    "ON CONFLICT (org_id) DO UPDATE SET n = audit_head.n + excluded.n RETURNING n, hash"
)
_CLOSE = "UPDATE audit_head SET hash = {0} WHERE org_id = {0}"


def write(connection: sa.Connection, actor: Actor, changes: list[Change]) -> None:
    """Append the changes to the organisation's chain.

    The head is the last lock of a transaction, held until its commit is visible.
    """
    if not changes:
        return
    sqlite = connection.dialect.name == "sqlite"
    org: Any = actor.org_id.hex if sqlite else actor.org_id
    mark = "?" if sqlite else "%b"
    taken = driver.run(connection, _TAKE.format(mark), (org, len(changes), _FIRST)).fetchone()
    n, previous = taken[0], bytes(taken[1])
    now = clock.now()
    rows = []
    for number, change in enumerate(changes, start=n - len(changes) + 1):
        entry = orjson.dumps(
            {
                "n": number,
                "at": str(now),
                "happened_at": str(change.happened_at),
                "actor": {"kind": actor.kind, "id": actor.account_id, "name": actor.name},
                "device": actor.device_id,
                "request": actor.request_id,
                "action": change.action,
                "entity": change.entity,
                "id": change.entity_id,
                "before": change.before,
                "after": change.after,
            },
            option=orjson.OPT_SORT_KEYS,
        ).decode()
        previous = _following(previous, entry)
        rows.append(
            {
                "org_id": actor.org_id,
                "n": number,
                "at": now,
                "actor_id": actor.account_id,
                "action": change.action,
                "entity": change.entity,
                "entity_id": change.entity_id,
                "entry": entry,
                "hash": previous,
            }
        )
    bulk.insert(connection, entries, rows)
    driver.run(connection, _CLOSE.format(mark), (previous, org))


@dataclass(frozen=True, slots=True)
class Fault:
    """A place where the trail is not what was written."""

    n: int
    what: str


def verify(connection: sa.Connection, org_id: UUID) -> tuple[int, list[Fault]]:
    """Walk the chain of one organisation and return its length and what is wrong with it."""
    previous, expected, faults = _FIRST, 1, []
    query = sa.select(entries).where(entries.c.org_id == org_id).order_by(entries.c.n)
    for row in connection.execution_options(yield_per=2000).execute(query):
        if row.n != expected:
            faults.append(Fault(expected, f"entries {expected} to {row.n - 1} are missing"))
        said = orjson.loads(row.entry)
        columns = (
            said["n"],
            said["action"],
            said["entity"],
            said["id"],
            said["actor"]["id"],
            said["at"],
        )
        shown = (
            row.n,
            row.action,
            row.entity,
            row.entity_id,
            str(row.actor_id) if row.actor_id else None,
            str(row.at),
        )
        if columns != shown:
            faults.append(Fault(row.n, "a column differs from the text under the hash"))
        if _following(previous, row.entry) != row.hash:
            faults.append(Fault(row.n, "the hash does not follow from the entry before"))
        previous, expected = row.hash, row.n + 1
    head = connection.execute(sa.select(heads).where(heads.c.org_id == org_id)).one_or_none()
    length = expected - 1
    if (head.n if head else 0) != length or (head and head.hash != previous):
        faults.append(Fault(length, "the end of the chain is not where the head says"))
    return length, faults
