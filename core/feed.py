"""The change feed: for each scope, which documents are in it, at which version, in the order of commits.

A document is rendered when its row is written and kept as bytes. A scope holds a document for as
long as there is a reason: the document names the scope itself, or another document in the scope
refers to it. Reasons are counted, so that a visit brings its order, machine and site along, and
the last visit that leaves takes them away.

Locks are taken in one order: entity rows (by the flush), documents from the referring to the
referred-to, scopes by number. A document's entries change only under the document's lock; a
scope's numbers are given under the scope's lock, which is held until the commit is visible.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from core import clock
from core.ids import new_id
from core.models import Base, Number, Synced

Link = tuple[str, UUID]


@dataclass(frozen=True, slots=True)
class Entity:
    """How rows of one class become documents, and where those belong.

    `rank` orders entities so that a document refers only to ones of a higher rank.
    """

    name: str
    model: type[Synced]
    rank: int
    render: Callable[[Any], dict[str, Any]]
    scopes: Callable[[Any], Iterable[str]]
    links: Callable[[Any], Iterable[Link]]
    # What a row hangs on, such as the order of a comment: where that is held, so is the row.
    parents: Callable[[Any], Iterable[Link]] = lambda _: ()


ENTITIES: dict[type, Entity] = {}
BY_NAME: dict[str, Entity] = {}


def register(entity: Entity) -> None:
    """Make rows of this class part of the feed."""
    ENTITIES[entity.model] = entity
    BY_NAME[entity.name] = entity


class Document(Base):
    """The outward form of one synced row, as bytes ready to be sent."""

    __tablename__ = "document"
    no: Mapped[int] = mapped_column(Number, primary_key=True)
    org_id: Mapped[UUID]
    entity: Mapped[str]
    id: Mapped[UUID]
    version: Mapped[int] = mapped_column(sa.Integer)
    body: Mapped[bytes]
    scopes: Mapped[list[str]]
    links: Mapped[list[Any]]
    children: Mapped[list[Any]]
    gone: Mapped[bool]
    __table_args__ = (sa.UniqueConstraint("org_id", "entity", "id"),)


class Scope(Base):
    """A named set of documents with its counter and the sum of what it holds.

    `sum_high` and `sum_low` are the halves of the checksum, a sum modulo 2**64, which neither
    database can hold in one signed integer.
    """

    __tablename__ = "scope"
    no: Mapped[int] = mapped_column(Number, primary_key=True)
    org_id: Mapped[UUID]
    name: Mapped[str]
    counter: Mapped[int] = mapped_column(default=0)
    rows: Mapped[int] = mapped_column(default=0)
    sum_high: Mapped[int] = mapped_column(default=0)
    sum_low: Mapped[int] = mapped_column(default=0)
    # Removals up to this number were forgotten: a cursor below it has to start over.
    purged: Mapped[int] = mapped_column(default=0)
    __table_args__ = (sa.UniqueConstraint("org_id", "name"),)


class FeedEntry(Base):
    """One document's standing in one scope. A later change moves it up; history leaves no rows."""

    __tablename__ = "feed_entry"
    scope_no: Mapped[int] = mapped_column(
        sa.BigInteger, sa.ForeignKey("scope.no"), primary_key=True
    )
    document_no: Mapped[int] = mapped_column(
        sa.BigInteger, sa.ForeignKey("document.no"), primary_key=True
    )
    org_id: Mapped[UUID]
    seq: Mapped[int]
    version: Mapped[int] = mapped_column(sa.Integer)
    reasons: Mapped[int] = mapped_column(sa.Integer)
    present: Mapped[bool]
    changed_at: Mapped[datetime]
    __table_args__ = (
        sa.Index("ix_feed_entry_order", "scope_no", "seq", unique=True),
        sa.Index("ix_feed_entry_document_no", "document_no"),
    )


class Epoch(Base):
    """The identity of this database's history. A restore from a backup changes it."""

    __tablename__ = "epoch"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)


documents: Any = Document.__table__
scopes: Any = Scope.__table__
entries: Any = FeedEntry.__table__


@dataclass(slots=True)
class Rendered:
    """A changed row in its outward form."""

    entity: Entity
    id: UUID
    version: int
    body: bytes
    scopes: list[str]
    links: list[Link]
    parents: list[Link]
    gone: bool

    @property
    def key(self) -> Link:
        """Return what identifies the document inside its organisation."""
        return self.entity.name, self.id


def render(row: Synced) -> Rendered:
    """Return the row as a document, with the scopes and the documents it names.

    Raises RuntimeError for a synced class that nobody registered.
    """
    entity = ENTITIES.get(type(row))
    if entity is None:
        raise RuntimeError(
            f"{type(row).__name__} is synced but not registered with the feed; see sync/scopes.py."
        )
    gone = row.deleted_at is not None
    head = {"op": "put", "entity": entity.name, "id": row.id, "version": row.version}
    body = orjson.dumps(head | {"doc": {} if gone else entity.render(row)}, option=orjson.OPT_UTC_Z)
    named = [] if gone else sorted(set(entity.scopes(row)))
    links = [] if gone else sorted(set(entity.links(row)))
    return Rendered(
        entity, row.id, row.version, body, named, links, sorted(set(entity.parents(row))), gone
    )


def digest(entity: str, row_id: UUID, version: int) -> int:
    """Return the first 8 bytes of SHA-256 over `entity|id|version`, as in the protocol."""
    return int.from_bytes(hashlib.sha256(f"{entity}|{row_id}|{version}".encode()).digest()[:8])


@dataclass(slots=True)
class _Node:
    """One document while its memberships are worked out."""

    no: int
    entity: str
    id: UUID
    rank: int
    version: int
    old_scopes: set[str]
    new_scopes: set[str]
    old_links: set[Link]
    new_links: set[Link]
    was_gone: bool
    is_gone: bool
    was: dict[str, tuple[int, int]] = field(default_factory=dict)  # scope -> reasons, version
    delta: dict[str, int] = field(default_factory=dict)

    def before(self, scope: str) -> bool:
        """Tell whether the scope held the document."""
        return self.was.get(scope, (0, 0))[0] > 0 and not self.was_gone

    def after(self, scope: str) -> bool:
        """Tell whether the scope holds the document now."""
        return self.reasons(scope) > 0 and not self.is_gone

    def reasons(self, scope: str) -> int:
        """Return how many reasons the scope now has."""
        return self.was.get(scope, (0, 0))[0] + self.delta.get(scope, 0)


def write(connection: sa.Connection, org_id: UUID, changed: Sequence[Rendered]) -> None:
    """Bring documents and feed up to what has changed. The last statements before the commit but the audit's."""
    if not changed:
        return
    nodes = _store_documents(connection, org_id, changed)
    _hang_on_parents(connection, org_id, changed, nodes)
    _work_out_reasons(connection, org_id, nodes)
    _number(connection, org_id, nodes)


def _store_documents(
    connection: sa.Connection, org_id: UUID, changed: Sequence[Rendered]
) -> dict[Link, _Node]:
    before = _locked(connection, org_id, [item.key for item in changed])
    ordered = sorted(changed, key=lambda item: (item.entity.rank, item.entity.name, item.id))
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(documents)
    statement = insert.on_conflict_do_update(
        index_elements=["org_id", "entity", "id"],
        set_={
            name: insert.excluded[name] for name in ("version", "body", "scopes", "links", "gone")
        },
    ).returning(documents.c.no, documents.c.entity, documents.c.id)
    rows = connection.execute(
        statement,
        [
            {
                "org_id": org_id,
                "entity": item.entity.name,
                "id": item.id,
                "version": item.version,
                "body": item.body,
                "scopes": item.scopes,
                "links": _plain(item.links),
                "children": [],
                "gone": item.gone,
            }
            for item in ordered
        ],
    ).all()
    numbers = {(row.entity, row.id): row.no for row in rows}
    nodes = {}
    for item in ordered:
        old = before.get(item.key)
        nodes[item.key] = _Node(
            no=numbers[item.key],
            entity=item.entity.name,
            id=item.id,
            rank=item.entity.rank,
            version=item.version,
            old_scopes=set(old.scopes) if old else set(),
            new_scopes=set(item.scopes),
            old_links=_links(old) if old else set(),
            new_links=set(item.links) | (_children(old) if old else set()),
            was_gone=old.gone if old else False,
            is_gone=item.gone,
        )
    return nodes


def _hang_on_parents(
    connection: sa.Connection, org_id: UUID, changed: Sequence[Rendered], nodes: dict[Link, _Node]
) -> None:
    """Make a parent refer to each new child, so that they travel together."""
    hung: dict[Link, set[Link]] = {}
    for item in changed:
        for parent in item.parents:
            hung.setdefault(parent, set()).add(item.key)
    for key, row in _locked(connection, org_id, list(hung)).items():
        new = hung[key] - _children(row)
        if not new:
            continue
        children = sorted(_children(row) | new)
        connection.execute(
            documents.update().where(documents.c.no == row.no).values(children=_plain(children))
        )
        if key not in nodes:
            nodes[key] = _unchanged(row)
        nodes[key].new_links |= new


def _unchanged(row: Any) -> _Node:
    scopes_, links = set(row.scopes), _links(row)
    rank = BY_NAME[row.entity].rank
    return _Node(
        row.no,
        row.entity,
        row.id,
        rank,
        row.version,
        scopes_,
        set(scopes_),
        links,
        set(links),
        row.gone,
        row.gone,
    )


def _plain(links: Iterable[Link]) -> list[list[str]]:
    return [[name, str(row_id)] for name, row_id in links]


def _children(row: Any) -> set[Link]:
    return {(name, UUID(row_id)) for name, row_id in row.children}


def _links(row: Any) -> set[Link]:
    return {(name, UUID(row_id)) for name, row_id in row.links} | _children(row)


def _locked(connection: sa.Connection, org_id: UUID, keys: Sequence[Link]) -> dict[Link, Any]:
    """Lock the documents that exist and return them by key."""
    found: dict[Link, Any] = {}
    by_entity: dict[str, list[UUID]] = {}
    for name, row_id in keys:
        by_entity.setdefault(name, []).append(row_id)
    wanted = ("no", "entity", "id", "version", "scopes", "links", "children", "gone")
    columns = [documents.c[name] for name in wanted]
    for name in sorted(by_entity, key=lambda name: BY_NAME[name].rank):
        for chunk in _chunks(by_entity[name]):
            statement = (
                sa.select(*columns)
                .where(
                    documents.c.org_id == org_id,
                    documents.c.entity == name,
                    documents.c.id.in_(chunk),
                )
                .order_by(documents.c.no)
                .with_for_update(key_share=True)
            )
            for row in connection.execute(statement):
                found[(row.entity, row.id)] = row
    return found


def _chunks(items: Sequence[Any], size: int = 500) -> Iterable[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _load_entries(connection: sa.Connection, nodes: Sequence[_Node]) -> None:
    by_no = {node.no: node for node in nodes}
    for chunk in _chunks(list(by_no)):
        statement = (
            sa.select(entries.c.document_no, scopes.c.name, entries.c.reasons, entries.c.version)
            .join(scopes, scopes.c.no == entries.c.scope_no)
            .where(entries.c.document_no.in_(chunk))
        )
        for document_no, name, reasons, version in connection.execute(statement):
            by_no[document_no].was[name] = (reasons, version)


def _work_out_reasons(connection: sa.Connection, org_id: UUID, nodes: dict[Link, _Node]) -> None:
    """Walk from the referring to the referred-to and count the reasons each scope has for each document."""
    waiting = dict(nodes)
    loaded: set[Link] = set()
    while waiting:
        rank = min(node.rank for node in waiting.values())
        level = [node for node in waiting.values() if node.rank == rank]
        _load_entries(connection, [node for node in level if (node.entity, node.id) not in loaded])
        owed: dict[Link, dict[str, int]] = {}
        for node in level:
            del waiting[(node.entity, node.id)]
            loaded.add((node.entity, node.id))
            for name in node.new_scopes - node.old_scopes:
                node.delta[name] = node.delta.get(name, 0) + 1
            for name in node.old_scopes - node.new_scopes:
                node.delta[name] = node.delta.get(name, 0) - 1
            held = {name for name in node.was if node.before(name)}
            holds = {name for name in set(node.was) | set(node.delta) if node.after(name)}
            for target in node.old_links | node.new_links:
                gained = holds if target in node.new_links else set()
                lost = held if target in node.old_links else set()
                for name in gained - lost:
                    owed.setdefault(target, {})[name] = owed.get(target, {}).get(name, 0) + 1
                for name in lost - gained:
                    owed.setdefault(target, {})[name] = owed.get(target, {}).get(name, 0) - 1
        unknown = [target for target in owed if target not in nodes]
        for key, row in _locked(connection, org_id, unknown).items():
            nodes[key] = waiting[key] = _unchanged(row)
        for target, deltas in owed.items():
            node_or_none = nodes.get(target)
            if node_or_none is None:
                raise RuntimeError(
                    f"A document refers to {target[0]} {target[1]}, which has no document."
                )
            if node_or_none.rank <= rank:
                raise RuntimeError(f"{target[0]} must have a higher rank than what refers to it.")
            for name, delta in deltas.items():
                node_or_none.delta[name] = node_or_none.delta.get(name, 0) + delta


def _number(connection: sa.Connection, org_id: UUID, nodes: dict[Link, _Node]) -> None:
    """Give the changed memberships their numbers, scope by scope, as the last thing under lock."""
    moved: dict[str, list[_Node]] = {}
    recounted: dict[str, list[_Node]] = {}
    for node in nodes.values():
        for name in set(node.was) | set(node.delta):
            reasons, version = node.was.get(name, (0, 0))
            if node.reasons(name) < 0:
                raise RuntimeError(f"{node.entity} {node.id} left {name} more often than it came.")
            if node.before(name) != node.after(name) or (
                node.after(name) and node.version != version
            ):
                moved.setdefault(name, []).append(node)
            elif node.reasons(name) != reasons:
                recounted.setdefault(name, []).append(node)
    names = sorted(set(moved) | set(recounted))
    if not names:
        return
    numbers = _scope_numbers(connection, org_id, names)
    now = clock.now()
    rows = []
    for name in sorted(moved, key=numbers.__getitem__):
        # What is referred to comes first, so that a page holds few dangling references.
        members = sorted(moved[name], key=lambda node: (-node.rank, node.entity, node.id))
        total, rows_delta = 0, 0
        for node in members:
            if node.before(name):
                total -= digest(node.entity, node.id, node.was[name][1])
            if node.after(name):
                total += digest(node.entity, node.id, node.version)
            rows_delta += node.after(name) - node.before(name)
        last = _advance(connection, numbers[name], len(members), rows_delta, total % 2**64)
        for seq, node in enumerate(members, start=last - len(members) + 1):
            rows.append(_entry(org_id, numbers[name], node, seq, name, now))
    _upsert(connection, rows)
    for name, members in recounted.items():
        for node in members:
            this = (entries.c.scope_no == numbers[name], entries.c.document_no == node.no)
            connection.execute(entries.update().where(*this).values(reasons=node.reasons(name)))


def _entry(
    org_id: UUID, scope_no: int, node: _Node, seq: int, name: str, now: Any
) -> dict[str, Any]:
    return {
        "scope_no": scope_no,
        "document_no": node.no,
        "org_id": org_id,
        "seq": seq,
        "version": node.version,
        "reasons": node.reasons(name),
        "present": node.after(name),
        "changed_at": now,
    }


_MOVING = ("seq", "version", "reasons", "present", "changed_at")


def _upsert(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    if rows:
        insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(entries)
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=["scope_no", "document_no"],
                set_={name: insert.excluded[name] for name in _MOVING},
            ),
            rows,
        )


def _scope_numbers(connection: sa.Connection, org_id: UUID, names: Sequence[str]) -> dict[str, int]:
    query = sa.select(scopes.c.name, scopes.c.no).where(
        scopes.c.org_id == org_id, scopes.c.name.in_(names)
    )
    found: dict[str, int] = dict(connection.execute(query).all())
    if missing := [name for name in names if name not in found]:
        insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(scopes)
        connection.execute(
            insert.on_conflict_do_nothing(index_elements=["org_id", "name"]),
            [
                {
                    "org_id": org_id,
                    "name": n,
                    "counter": 0,
                    "rows": 0,
                    "sum_high": 0,
                    "sum_low": 0,
                    "purged": 0,
                }
                for n in missing
            ],
        )
        found = dict(connection.execute(query).all())
    return found


# The carry from the low half of the checksum into the high one.
_HALF = 2**32

_ADVANCE = (
    scopes.update()
    .where(scopes.c.no == sa.bindparam("scope_no"))
    .values(
        counter=scopes.c.counter + sa.bindparam("by"),
        rows=scopes.c.rows + sa.bindparam("rows_delta"),
        sum_low=(scopes.c.sum_low + sa.bindparam("low")) % _HALF,
        sum_high=(
            scopes.c.sum_high
            + sa.bindparam("high")
            + (scopes.c.sum_low + sa.bindparam("low")) // _HALF
        )
        % _HALF,
    )
    .returning(scopes.c.counter)
)


def _advance(connection: sa.Connection, scope_no: int, by: int, rows_delta: int, total: int) -> int:
    """Take `by` numbers; the row stays locked until the commit, so that numbers follow commits."""
    values = {
        "scope_no": scope_no,
        "by": by,
        "rows_delta": rows_delta,
        "low": total & 0xFFFFFFFF,
        "high": total >> 32,
    }
    return int(connection.execute(_ADVANCE, values).scalar_one())
