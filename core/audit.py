"""Who did what, when, on which device, before and after: written with the change, chained by hashes."""

import enum
import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from core import bulk, clock
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


def write(connection: sa.Connection, actor: Actor, changes: list[Change]) -> None:
    """Append the changes to the organisation's chain.

    The head is the last lock of a transaction, held until its commit is visible.
    """
    if not changes:
        return
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(heads)
    first = insert.values(org_id=actor.org_id, n=len(changes), hash=_FIRST)
    n, previous = connection.execute(
        first.on_conflict_do_update(
            index_elements=["org_id"], set_={"n": heads.c.n + len(changes)}
        ).returning(heads.c.n, heads.c.hash)
    ).one()
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
    connection.execute(heads.update().where(heads.c.org_id == actor.org_id).values(hash=previous))


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
