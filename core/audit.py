"""Who did what, when, on which device, before and after: written with the change, chained by hashes.

The end of a chain is locked from the moment an entry follows on it until the commit is on the disk.
An organisation therefore has several chains, its lanes, so that its phones do not wait for one
another; whoever acts always writes in the same one.
"""

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


# How many chains an organisation has. Entries from before there were lanes stand in the first.
LANES = 16


def lane_of(actor: Actor) -> int:
    """Return in which of the organisation's chains this actor writes."""
    whose = actor.device_id or actor.account_id
    return whose.int % LANES if whose else 0


class AuditEntry(Base):
    """One changed row. `entry` is the exact text under the hash; the columns repeat it for searching."""

    __tablename__ = "audit_entry"
    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    lane: Mapped[int] = mapped_column(
        sa.Integer, primary_key=True, autoincrement=False, server_default="0"
    )
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
    """The end of one chain."""

    __tablename__ = "audit_head"
    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    lane: Mapped[int] = mapped_column(
        sa.Integer, primary_key=True, autoincrement=False, server_default="0"
    )
    n: Mapped[int]
    hash: Mapped[bytes]


entries: Any = AuditEntry.__table__
heads: Any = AuditHead.__table__


@dataclass(slots=True)
class Change:
    """What one row was and what it has become, by which action; only the fields that differ."""

    actor: Actor
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


# Most often the head is there. An INSERT that meets it would have all who wait wake one another up.
_TAKE = "UPDATE audit_head SET n = n + {0} WHERE org_id = {0} AND lane = {0} RETURNING n, hash"
_BEGIN = (
    "INSERT INTO audit_head (n, org_id, lane, hash) VALUES ({0}, {0}, {0}, {0}) "
    "ON CONFLICT (org_id, lane) DO UPDATE SET n = audit_head.n + excluded.n RETURNING n, hash"
)
_CLOSE = "UPDATE audit_head SET hash = {0} WHERE org_id = {0} AND lane = {0}"


def write(connection: sa.Connection, org_id: UUID, changes: list[Change]) -> None:
    """Append the changes, each to the chain of who made it.

    The heads are the last locks of a transaction, taken in the order of lanes and held until its
    commit is visible.
    """
    lanes: dict[int, list[Change]] = {}
    for change in changes:
        lanes.setdefault(lane_of(change.actor), []).append(change)
    if not lanes:
        return
    sqlite = connection.dialect.name == "sqlite"
    org: Any = org_id.hex if sqlite else org_id
    mark = "?" if sqlite else "%b"
    now = clock.now()
    ordered = sorted(lanes)
    take = _TAKE.format(mark)
    # All are asked for before the first answer is waited for.
    asked = [driver.run(connection, take, (len(lanes[lane]), org, lane)) for lane in ordered]
    rows: list[dict[str, Any]] = []
    ends = []
    for lane, answer in zip(ordered, asked, strict=True):
        taken = answer.fetchone()
        if taken is None:
            place = (len(lanes[lane]), org, lane, _FIRST)
            taken = driver.run(connection, _BEGIN.format(mark), place).fetchone()
        last = _chained(rows, org_id, lane, lanes[lane], now, n=taken[0], previous=bytes(taken[1]))
        ends.append((last, org, lane))
    bulk.insert(connection, entries, rows)
    for end in ends:
        driver.run(connection, _CLOSE.format(mark), end)


def _chained(
    rows: list[dict[str, Any]],
    org_id: UUID,
    lane: int,
    changes: list[Change],
    now: datetime,
    *,
    n: int,
    previous: bytes,
) -> bytes:
    """Add one lane's entries to the rows, the last of them number `n`; return the new end of the chain."""
    for number, change in enumerate(changes, start=n - len(changes) + 1):
        actor = change.actor
        entry = orjson.dumps(
            {
                "lane": lane,
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
                "org_id": org_id,
                "lane": lane,
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
    return previous


@dataclass(frozen=True, slots=True)
class Fault:
    """A place where the trail is not what was written."""

    lane: int
    n: int
    what: str


def verify(connection: sa.Connection, org_id: UUID) -> tuple[int, list[Fault]]:
    """Walk the chains of one organisation and return how long they are together and what is wrong with them."""
    query = sa.select(heads).where(heads.c.org_id == org_id)
    known = {head.lane: head for head in connection.execute(query)}
    lanes = connection.execute(
        sa.select(entries.c.lane).where(entries.c.org_id == org_id).distinct()
    ).scalars()
    length, faults = 0, []
    for lane in sorted({*known, *lanes}):
        count, wrong = _walked(connection, org_id, lane, known.get(lane))
        length += count
        faults += wrong
    return length, faults


def _walked(
    connection: sa.Connection, org_id: UUID, lane: int, head: Any
) -> tuple[int, list[Fault]]:
    previous, expected, faults = _FIRST, 1, []
    query = (
        sa.select(entries)
        .where(entries.c.org_id == org_id, entries.c.lane == lane)
        .order_by(entries.c.n)
    )
    for row in connection.execution_options(yield_per=2000).execute(query):
        if row.n != expected:
            missing = f"entries {expected} to {row.n - 1} are missing"
            faults.append(Fault(lane, expected, missing))
        said = orjson.loads(row.entry)
        columns = (
            said.get("lane", 0),
            said["n"],
            said["action"],
            said["entity"],
            said["id"],
            said["actor"]["id"],
            said["at"],
        )
        shown = (
            row.lane,
            row.n,
            row.action,
            row.entity,
            row.entity_id,
            str(row.actor_id) if row.actor_id else None,
            str(row.at),
        )
        if columns != shown:
            faults.append(Fault(lane, row.n, "a column differs from the text under the hash"))
        if _following(previous, row.entry) != row.hash:
            faults.append(Fault(lane, row.n, "the hash does not follow from the entry before"))
        previous, expected = row.hash, row.n + 1
    length = expected - 1
    if (head.n if head else 0) != length or (head and head.hash != previous):
        faults.append(Fault(lane, length, "the end of the chain is not where the head says"))
    return length, faults
