"""The change feed: for each scope, which documents are in it, at which version, in the order of commits.

A document is rendered when its row is written and kept as bytes. A scope holds a document for as
long as there is a reason: the document names the scope itself, or another document in the scope
refers to it. Reasons are counted, so that a visit brings its order, machine and site along, and
the last visit that leaves takes them away.

Locks are taken in one order: entity rows (by the flush), documents from the referring to the
referred-to, scopes by number. A document's entries change only under the document's lock; a
scope's numbers are given under the scope's lock, which is held until the commit is visible.
"""

import functools
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core import bulk, clock, driver
from core.ids import new_id, read_id
from core.models import Base, Number, Synced
from core.shapes import Shape, renderer

Link = tuple[str, UUID]


@dataclass(frozen=True, slots=True)
class Entity:
    """How rows of one class become documents, and where those belong.

    `rank` orders entities so that a document refers only to ones of a higher rank.
    """

    name: str
    model: type[Synced]
    rank: int
    shape: type[Shape]
    scopes: Callable[[Any], Iterable[str]]
    links: Callable[[Any], Iterable[Link]]
    # What a row hangs on, such as the order of a comment: where that is held, so is the row.
    parents: Callable[[Any], Iterable[Link]] = lambda _: ()
    # Makes the shape of a row.
    render: Callable[[Any], dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "render", renderer(self.shape))


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
    gone: Mapped[bool]
    __table_args__ = (sa.UniqueConstraint("org_id", "entity", "id"),)


class Hanging(Base):
    """A document that goes wherever another one goes, such as a comment with its order."""

    __tablename__ = "hanging"
    parent_no: Mapped[int] = mapped_column(
        sa.BigInteger, sa.ForeignKey("document.no"), primary_key=True
    )
    child_no: Mapped[int] = mapped_column(
        sa.BigInteger, sa.ForeignKey("document.no"), primary_key=True
    )
    org_id: Mapped[UUID]


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
hangings: Any = Hanging.__table__


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
    fresh: bool

    @property
    def key(self) -> Link:
        """Return what identifies the document inside its organisation."""
        return self.entity.name, self.id


def render(row: Synced, *, fresh: bool = False) -> Rendered:
    """Return the row as a document, with the scopes and the documents it names.

    `fresh` says that the row was made in this transaction, so that nobody has a document of it yet.
    Raises RuntimeError for a synced class that nobody registered.
    """
    entity = ENTITIES.get(type(row))
    if entity is None:
        raise RuntimeError(
            f"{type(row).__name__} is synced but not registered with the feed; see sync/scopes.py."
        )
    gone = row.deleted_at is not None
    head = {"op": "put", "entity": entity.name, "id": row.id, "version": row.version}
    doc = {} if gone else _in_utc(entity.render(row))
    body = orjson.dumps(head | {"doc": doc}, option=orjson.OPT_UTC_Z)
    named = [] if gone else sorted(set(entity.scopes(row)))
    links = [] if gone else sorted(set(entity.links(row)))
    parents = sorted(set(entity.parents(row)))
    return Rendered(entity, row.id, row.version, body, named, links, parents, gone, fresh)


def _in_utc(doc: dict[str, Any]) -> dict[str, Any]:
    """Return the document with its moments as they will be read: a row just written may still hold them in a zone."""
    local = {
        name: value.astimezone(UTC)
        for name, value in doc.items()
        if type(value) is datetime and value.tzinfo is not UTC
    }
    return doc | local if local else doc


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
    fresh: bool = False
    # Documents that were hung on it just now.
    hung: set[Link] = field(default_factory=set)
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
    before = _locked(connection, org_id, [item.key for item in changed if not item.fresh])
    ordered = sorted(changed, key=lambda item: (item.entity.rank, item.entity.name, item.id))
    numbers = {key: row.no for key, row in before.items()}
    new = [_stored(org_id, item) for item in ordered if item.key not in before]
    numbers |= _insert_documents(connection, new)
    old = [_stored(org_id, item) for item in ordered if item.key in before]
    bulk.insert(connection, documents, old, keep=("org_id", "entity", "id"), replace=_CONTENT)
    return {item.key: _changed(item, numbers[item.key], before.get(item.key)) for item in ordered}


_CONTENT = ("version", "body", "scopes", "links", "gone")


def _insert_documents(connection: sa.Connection, new: list[dict[str, Any]]) -> dict[Link, int]:
    """Insert new documents and return their numbers."""
    if connection.dialect.name == "sqlite":
        # Its one writer is us: what comes after the last number is ours to give.
        last = driver.run(connection, "SELECT max(no) FROM document").fetchone()[0] or 0
        rows = [row | {"no": no} for no, row in enumerate(new, start=last + 1)]
        bulk.insert(connection, documents, rows)
        return {(row["entity"], row["id"]): row["no"] for row in rows}
    inserted = bulk.insert(connection, documents, new, returning=("no", "entity", "id"))
    return {(entity, row_id): no for no, entity, row_id in inserted}


def _stored(org_id: UUID, item: Rendered) -> dict[str, Any]:
    return {
        "org_id": org_id,
        "entity": item.entity.name,
        "id": item.id,
        "version": item.version,
        "body": item.body,
        "scopes": item.scopes,
        "links": _plain(item.links),
        "gone": item.gone,
    }


def _changed(item: Rendered, no: int, old: Any) -> _Node:
    return _Node(
        no=no,
        entity=item.entity.name,
        id=item.id,
        rank=item.entity.rank,
        version=item.version,
        old_scopes=set(old.scopes) if old else set(),
        new_scopes=set(item.scopes),
        old_links=_links(old) if old else set(),
        new_links=set(item.links),
        was_gone=old.gone if old else False,
        is_gone=item.gone,
        fresh=old is None,
    )


def _hang_on_parents(
    connection: sa.Connection, org_id: UUID, changed: Sequence[Rendered], nodes: dict[Link, _Node]
) -> None:
    """Hang each new child on its parents, so that they travel together."""
    wanted = {parent for item in changed for parent in item.parents}
    for key, row in _locked(connection, org_id, sorted(wanted - set(nodes))).items():
        nodes[key] = _unchanged(row)
    by_no = {node.no: node for node in nodes.values()}
    pairs = [
        (nodes[parent].no, nodes[item.key].no)
        for item in changed
        for parent in item.parents
        if parent in nodes
    ]
    both = ("parent_no", "child_no")
    new = [pair for pair in pairs if by_no[pair[1]].fresh]
    old = [pair for pair in pairs if not by_no[pair[1]].fresh]
    bulk.insert(connection, hangings, [_hanging(org_id, pair) for pair in new])
    rows = [_hanging(org_id, pair) for pair in old]
    new += bulk.insert(connection, hangings, rows, keep=both, returning=both)
    for parent_no, child_no in new:
        child = by_no[child_no]
        by_no[parent_no].hung.add((child.entity, child.id))


def _hanging(org_id: UUID, pair: tuple[int, int]) -> dict[str, Any]:
    return {"parent_no": pair[0], "child_no": pair[1], "org_id": org_id}


def _unchanged(row: Any) -> _Node:
    scopes_, links = set(row.scopes), _links(row)
    return _Node(
        no=row.no,
        entity=row.entity,
        id=row.id,
        rank=BY_NAME[row.entity].rank,
        version=row.version,
        old_scopes=scopes_,
        new_scopes=scopes_,
        old_links=links,
        new_links=links,
        was_gone=row.gone,
        is_gone=row.gone,
    )


def _plain(links: Iterable[Link]) -> list[list[str]]:
    return [[name, str(row_id)] for name, row_id in links]


def _links(row: Any) -> set[Link]:
    return {(name, read_id(row_id)) for name, row_id in row.links}


class _Stored(NamedTuple):
    no: int
    entity: str
    id: UUID
    version: int
    scopes: list[str]
    links: list[list[str]]
    gone: bool


def _locked(connection: sa.Connection, org_id: UUID, keys: Sequence[Link]) -> dict[Link, _Stored]:
    """Lock the documents that exist and return them by key."""
    found: dict[Link, _Stored] = {}
    by_entity: dict[str, list[UUID]] = {}
    for name, row_id in keys:
        by_entity.setdefault(name, []).append(row_id)
    for name in sorted(by_entity, key=lambda name: BY_NAME[name].rank):
        for chunk in _chunks(by_entity[name]):
            rows = bulk.select(
                connection,
                documents,
                _Stored._fields,
                org_id=org_id,
                equal=(("entity", name),),
                column="id",
                values=chunk,
                order="no",
                lock=True,
            )
            for row in map(_Stored._make, rows):
                found[(row.entity, row.id)] = row
    return found


def _chunks(items: Sequence[Any], size: int = 500) -> Iterable[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _load_entries(connection: sa.Connection, org_id: UUID, nodes: Sequence[_Node]) -> None:
    by_no = {node.no: node for node in nodes}
    columns = ("scope_no", "document_no", "reasons", "version")
    for chunk in _chunks(list(by_no)):
        rows = bulk.select(
            connection, entries, columns, org_id=org_id, column="document_no", values=chunk
        )
        names = _scope_names(connection, org_id, {row[0] for row in rows})
        for scope_no, document_no, reasons, version in rows:
            by_no[document_no].was[names[scope_no]] = (reasons, version)


def _work_out_reasons(connection: sa.Connection, org_id: UUID, nodes: dict[Link, _Node]) -> None:
    """Walk from the referring to the referred-to and count the reasons each scope has for each document."""
    waiting = dict(nodes)
    loaded: set[Link] = {key for key, node in nodes.items() if node.fresh}
    while waiting:
        rank = min(node.rank for node in waiting.values())
        level = {key: node for key, node in waiting.items() if node.rank == rank}
        _load_entries(
            connection, org_id, [node for key, node in level.items() if key not in loaded]
        )
        owed: dict[Link, dict[str, int]] = {}
        moving: dict[int, tuple[set[str], set[str]]] = {}
        for key, node in level.items():
            del waiting[key]
            loaded.add(key)
            for name in node.new_scopes - node.old_scopes:
                node.delta[name] = node.delta.get(name, 0) + 1
            for name in node.old_scopes - node.new_scopes:
                node.delta[name] = node.delta.get(name, 0) - 1
            held = {name for name in node.was if node.before(name)}
            holds = {name for name in set(node.was) | set(node.delta) if node.after(name)}
            for target in node.old_links | node.new_links:
                _owe(
                    owed.setdefault(target, {}),
                    gained=holds if target in node.new_links else set(),
                    lost=held if target in node.old_links else set(),
                )
            for child in node.hung:
                _owe(owed.setdefault(child, {}), gained=holds, lost=set())
            if held != holds and not node.fresh:
                moving[node.no] = (held, holds)
        _move_children(connection, nodes, owed, moving)
        owed = {target: deltas for target, deltas in owed.items() if any(deltas.values())}
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


def _owe(deltas: dict[str, int], *, gained: set[str], lost: set[str]) -> None:
    for name in gained - lost:
        deltas[name] = deltas.get(name, 0) + 1
    for name in lost - gained:
        deltas[name] = deltas.get(name, 0) - 1


def _move_children(
    connection: sa.Connection,
    nodes: dict[Link, _Node],
    owed: dict[Link, dict[str, int]],
    moving: dict[int, tuple[set[str], set[str]]],
) -> None:
    """Let what hangs on these documents come and go with them."""
    hung = {node.no: node.hung for node in nodes.values() if node.hung}
    for chunk in _chunks(sorted(moving)):
        sqlite = connection.dialect.name == "sqlite"
        given: Any = orjson.dumps(chunk).decode() if sqlite else (list(chunk),)
        found = driver.run(connection, _HUNG[sqlite], (given,) if sqlite else given).fetchall()
        for parent_no, entity, said in found:
            row_id = read_id(said) if sqlite else said
            if (entity, row_id) not in hung.get(parent_no, ()):
                held, holds = moving[parent_no]
                _owe(owed.setdefault((entity, row_id), {}), gained=holds, lost=held)


# PostgreSQL is told the way: as long as it has not counted young tables it would rather look for
# every document of the organisation under each parent.
_HUNG = {
    True: (
        "SELECT h.parent_no, d.entity, d.id FROM hanging AS h JOIN document AS d "
        "ON d.no = h.child_no WHERE h.parent_no IN (SELECT value FROM json_each(?))"
    ),
    False: (
        "SELECT h.parent_no, d.entity, d.id FROM hanging AS h CROSS JOIN LATERAL "
        "(SELECT entity, id FROM document WHERE no = h.child_no OFFSET 0) AS d "
        "WHERE h.parent_no = ANY(%b::int8[])"
    ),
}


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
    advanced: list[tuple[str, list[_Node], Any]] = []
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
        answer = _advance(connection, numbers[name], len(members), rows_delta, total % 2**64)
        advanced.append((name, members, answer))
    # All were asked for before the first answer is waited for.
    for name, members, answer in advanced:
        last = int(answer.fetchone()[0])
        for seq, node in enumerate(members, start=last - len(members) + 1):
            rows.append(_entry(org_id, numbers[name], node, seq, name, now))
    bulk.insert(connection, entries, rows, keep=("scope_no", "document_no"), replace=_MOVING)
    recounts = [
        (node.reasons(name), numbers[name], node.no)
        for name, members in recounted.items()
        for node in members
    ]
    if not recounts:
        return
    if connection.dialect.name == "sqlite":
        driver.run_many(connection, _RECOUNT, recounts)
    else:
        driver.run(connection, _RECOUNTS, tuple(map(list, zip(*recounts, strict=True))))


_RECOUNT = "UPDATE feed_entry SET reasons = ? WHERE scope_no = ? AND document_no = ?"
_RECOUNTS = (
    "UPDATE feed_entry AS entry SET reasons = c0 "
    "FROM unnest(%b::int8[], %b::int8[], %b::int8[]) AS given(c0, c1, c2) "
    "WHERE scope_no = c1 AND document_no = c2"
)


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


# The numbers of scopes that were seen committed, and their names: they never change. Emptied when it grows too big.
_known_scopes: dict[tuple[str, UUID, str], int] = {}
_known_names: dict[tuple[str, UUID, int], str] = {}
_MOST_KNOWN = 100_000


def _scope_numbers(connection: sa.Connection, org_id: UUID, names: Sequence[str]) -> dict[str, int]:
    place = _place(connection)
    known = {n: no for n in names if (no := _known_scopes.get((place, org_id, n))) is not None}
    if unknown := [name for name in names if name not in known]:
        found = _find_scopes(connection, org_id, "name", unknown)
        if missing := [name for name in unknown if name not in found]:
            row = {"org_id": org_id, "counter": 0, "rows": 0, "sum_high": 0, "sum_low": 0}
            bulk.insert(
                connection,
                scopes,
                [row | {"name": name, "purged": 0} for name in missing],
                keep=("org_id", "name"),
            )
            # One that is made here may yet be undone, so it is not remembered.
            found |= _find_scopes(connection, org_id, "name", missing, remembered=False)
        known |= found
    return known


def _scope_names(connection: sa.Connection, org_id: UUID, numbers: set[int]) -> dict[int, str]:
    place = _place(connection)
    known = {n: name for n in numbers if (name := _known_names.get((place, org_id, n))) is not None}
    if unknown := numbers - set(known):
        found = _find_scopes(connection, org_id, "no", sorted(unknown))
        known |= {no: name for name, no in found.items()}
    return known


def _find_scopes(
    connection: sa.Connection,
    org_id: UUID,
    column: str,
    values: Sequence[Any],
    *,
    remembered: bool = True,
) -> dict[str, int]:
    """Return the numbers of the scopes that are there, by name."""
    names = ("name", "no")
    rows = bulk.select(connection, scopes, names, org_id=org_id, column=column, values=values)
    found: dict[str, int] = dict(rows)
    if remembered:
        if len(_known_scopes) > _MOST_KNOWN:
            _known_scopes.clear()
            _known_names.clear()
        place = _place(connection)
        for name, no in found.items():
            _known_scopes[(place, org_id, name)] = no
            _known_names[(place, org_id, no)] = name
    return found


@functools.lru_cache(maxsize=16)
def _named(url: sa.URL) -> str:
    return url.render_as_string()


def _place(connection: sa.Connection) -> str:
    return _named(connection.engine.url)


# The carry from the low half of the checksum into the high one.
_HALF = 2**32

_ADVANCE = (
    "UPDATE scope SET counter = counter + {0}, rows = rows + {0}, sum_low = (sum_low + {0}) % {1}, "
    "sum_high = (sum_high + {0} + (sum_low + {0}) / {1}) % {1} WHERE no = {0} RETURNING counter"
)
_ADVANCES = {
    "sqlite": _ADVANCE.format("?", _HALF),
    "postgresql": _ADVANCE.replace("%", "%%").format("%b::int8", _HALF),
}


def _advance(connection: sa.Connection, scope_no: int, by: int, rows_delta: int, total: int) -> Any:
    """Take `by` numbers; the row stays locked until the commit, so that numbers follow commits.

    Returns the driver's cursor, which knows the last of them.
    """
    low, high = total & 0xFFFFFFFF, total >> 32
    values = (by, rows_delta, low, high, low, scope_no)
    return driver.run(connection, _ADVANCES[connection.dialect.name], values)
