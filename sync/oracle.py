"""The oracle: every scope of an organisation recomputed from nothing, beside what the feed says.

It reads the rows and the rules of sync/scopes.py and nothing that the feed has written down. What
it finds is mended through the feed with new numbers, so that phones converge by their next pull.
"""

import contextlib
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.orm import Session

from core import clock, feed
from core.actor import Actor
from core.database import bound
from core.feed import Link
from core.unit import Unit
from sync import horizon

_documents, _entries, _scopes = feed.documents, feed.entries, feed.scopes
ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the feed says something else than the rows do."""

    kind: str  # document, entry or scope
    where: str
    what: str

    def __str__(self) -> str:
        """Return it as a line."""
        return f"{self.kind} {self.where}: {self.what}"


@dataclass(slots=True)
class Stored:
    """A document as the feed has it."""

    no: int
    version: int
    print_: bytes
    scopes: set[str]
    links: set[Link]
    children: set[Link]
    gone: bool


@dataclass(slots=True)
class Entry:
    """A membership as the feed has it."""

    seq: int
    version: int
    reasons: int
    present: bool


@dataclass(slots=True)
class Rightful:
    """A document as the rows say it should be."""

    rank: int
    version: int
    gone: bool
    links: set[Link]
    scopes: set[str]
    children: set[Link] = field(default_factory=set)
    reasons: dict[str, int] = field(default_factory=dict)

    def holds(self, scope: str) -> bool:
        """Tell whether the scope should hold it."""
        return self.reasons.get(scope, 0) > 0 and not self.gone


@dataclass(slots=True)
class Audit:
    """Everything that was read, and what came of it."""

    stored: dict[Link, Stored]
    entries: dict[str, dict[Link, Entry]]
    scopes: dict[str, Any]
    truth: dict[Link, Rightful]
    # Documents whose own content differs, rendered afresh.
    afresh: dict[Link, feed.Rendered]
    # For each scope the number of documents it should hold and their checksum.
    sums: dict[str, tuple[int, int]] = field(default_factory=dict)
    found: list[Difference] = field(default_factory=list)


def differences(actor: Actor) -> list[Difference]:
    """Return every place where feed and rows disagree, at one moment; changes nothing but the day."""
    horizon.refresh(actor)
    with bound().reading() as session:
        unit = Unit(session, actor, happened_at=clock.now(), action="read")
        return audit(unit).found


def audit(unit: Unit) -> Audit:
    """Return what feed and rows say inside this snapshot, and where they disagree."""
    connection = unit.session.connection()
    stored = _stored(connection, unit.org_id)
    found = Audit(
        stored=stored,
        entries=_memberships(connection, unit.org_id),
        scopes={
            row.name: row
            for row in connection.execute(sa.select(_scopes).where(_scopes.c.org_id == unit.org_id))
        },
        truth={},
        afresh={},
    )
    _render_all(unit.session, found)
    _count_reasons(found.truth)
    _compare_entries(found)
    _compare_scopes(found)
    return found


def _links(said: Iterable[Iterable[str]]) -> set[Link]:
    return {(name, UUID(row_id)) for name, row_id in said}


def _print(body: bytes) -> bytes:
    # PostgreSQL gives the keys of a JSON value back in an order of its own; what is no JSON equals nothing.
    with contextlib.suppress(orjson.JSONDecodeError):
        body = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(body, digest_size=16).digest()


def _hung(connection: sa.Connection, org_id: UUID) -> dict[int, set[Link]]:
    """Return what hangs on each document, by its number."""
    hung: dict[int, set[Link]] = {}
    query = (
        sa.select(feed.hangings.c.parent_no, _documents.c.entity, _documents.c.id)
        .join(_documents, _documents.c.no == feed.hangings.c.child_no)
        .where(feed.hangings.c.org_id == org_id)
    )
    for row in connection.execute(query.execution_options(yield_per=ROWS_AT_ONCE)):
        hung.setdefault(row.parent_no, set()).add((row.entity, row.id))
    return hung


def _stored(connection: sa.Connection, org_id: UUID) -> dict[Link, Stored]:
    hung = _hung(connection, org_id)
    query = sa.select(_documents).where(_documents.c.org_id == org_id)
    return {
        (row.entity, row.id): Stored(
            no=row.no,
            version=row.version,
            print_=_print(row.body),
            scopes=set(row.scopes),
            links=_links(row.links),
            children=hung.get(row.no, set()),
            gone=row.gone,
        )
        for row in connection.execute(query.execution_options(yield_per=ROWS_AT_ONCE))
    }


def _memberships(connection: sa.Connection, org_id: UUID) -> dict[str, dict[Link, Entry]]:
    found: dict[str, dict[Link, Entry]] = {}
    query = (
        sa.select(
            _scopes.c.name,
            _documents.c.entity,
            _documents.c.id,
            _entries.c.seq,
            _entries.c.version,
            _entries.c.reasons,
            _entries.c.present,
        )
        .join(_scopes, _scopes.c.no == _entries.c.scope_no)
        .join(_documents, _documents.c.no == _entries.c.document_no)
        .where(_scopes.c.org_id == org_id)
    )
    for row in connection.execute(query.execution_options(yield_per=ROWS_AT_ONCE)):
        found.setdefault(row.name, {})[(row.entity, row.id)] = Entry(
            row.seq, row.version, row.reasons, row.present
        )
    return found


def _render_all(session: Session, audit: Audit) -> None:
    """Render every synced row and note which documents say something else."""
    hung: dict[Link, set[Link]] = {}
    for entity in feed.ENTITIES.values():
        query = sa.select(entity.model).execution_options(yield_per=ROWS_AT_ONCE)
        for row in session.scalars(query):
            item = feed.render(row)
            audit.truth[item.key] = Rightful(
                entity.rank, item.version, item.gone, set(item.links), set(item.scopes)
            )
            for parent in item.parents:
                hung.setdefault(parent, set()).add(item.key)
            if said := _differs(audit.stored.get(item.key), item):
                audit.afresh[item.key] = item
                audit.found.append(Difference("document", f"{entity.name} {item.id}", said))
    for key, children in hung.items():
        if key in audit.truth:
            audit.truth[key].children = children
    for key, true in audit.truth.items():
        stored = audit.stored.get(key)
        if stored is not None and stored.children != true.children:
            said = "other rows hang on it than the feed says"
            audit.found.append(Difference("document", f"{key[0]} {key[1]}", said))
    for key in audit.stored.keys() - audit.truth.keys():
        if not audit.stored[key].gone:
            audit.found.append(Difference("document", f"{key[0]} {key[1]}", "there is no such row"))


def _differs(stored: Stored | None, item: feed.Rendered) -> str:
    if stored is None:
        return "it is missing"
    if stored.version != item.version:
        return f"it is of version {stored.version}, the row of {item.version}"
    if stored.gone != item.gone:
        return "the row is gone" if item.gone else "the row is not gone"
    if stored.print_ != _print(item.body):
        return "its content is not the row's"
    if stored.scopes != set(item.scopes):
        return f"it names {sorted(stored.scopes)}, the rules {item.scopes}"
    return "" if stored.links == set(item.links) else "it refers to other rows than the rules say"


def _count_reasons(truth: dict[Link, Rightful]) -> None:
    """Walk from the referring to the referred-to and count what holds each document where."""
    for key in sorted(truth, key=lambda key: truth[key].rank):
        true = truth[key]
        for scope in true.scopes:
            true.reasons[scope] = true.reasons.get(scope, 0) + 1
        held = [scope for scope in true.reasons if true.holds(scope)]
        for target in true.links | true.children:
            if (other := truth.get(target)) is not None:
                for scope in held:
                    other.reasons[scope] = other.reasons.get(scope, 0) + 1


def _compare_entries(audit: Audit) -> None:
    for key, true in audit.truth.items():
        for scope, reasons in true.reasons.items():
            entry = audit.entries.get(scope, {}).get(key)
            if entry is None:
                said = "it is missing"
            elif entry.reasons != reasons:
                said = f"it has {entry.reasons} reasons, not {reasons}"
            elif entry.present != true.holds(scope):
                said = "it is there and should not be" if entry.present else "it is not there"
            elif entry.present and entry.version != true.version:
                said = f"it is of version {entry.version}, the row of {true.version}"
            else:
                continue
            audit.found.append(Difference("entry", f"{scope} {key[0]} {key[1]}", said))
    for scope, members in audit.entries.items():
        for key, entry in members.items():
            reasons = audit.truth[key].reasons.get(scope, 0) if key in audit.truth else 0
            if reasons == 0 and (entry.present or entry.reasons):
                said = "nothing holds it here"
                audit.found.append(Difference("entry", f"{scope} {key[0]} {key[1]}", said))


def _sums(truth: dict[Link, Rightful]) -> dict[str, tuple[int, int]]:
    sums: dict[str, tuple[int, int]] = {}
    for (entity, row_id), true in truth.items():
        for scope in true.reasons:
            if true.holds(scope):
                count, total = sums.get(scope, (0, 0))
                total += feed.digest(entity, row_id, true.version)
                sums[scope] = count + 1, total % 2**64
    return sums


def _compare_scopes(audit: Audit) -> None:
    sums = audit.sums = _sums(audit.truth)
    for name in sorted(sums.keys() | audit.scopes.keys()):
        scope = audit.scopes.get(name)
        count, total = sums.get(name, (0, 0))
        if scope is None:
            audit.found.append(Difference("scope", name, "it is missing"))
            continue
        if scope.rows != count:
            audit.found.append(
                Difference("scope", name, f"it counts {scope.rows} rows, not {count}")
            )
        if (scope.sum_high << 32) | scope.sum_low != total:
            audit.found.append(Difference("scope", name, "its checksum is another"))
        newest = max((entry.seq for entry in audit.entries.get(name, {}).values()), default=0)
        if scope.counter < newest:
            audit.found.append(
                Difference("scope", name, f"it counts to {scope.counter}, its entries to {newest}")
            )
