"""Pull: from a cursor to the server's state, by copying stored bytes in the order of commits."""

import contextlib
import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa

from core import clock, driver, feed
from core.actor import Actor
from core.database import bound
from core.errors import Busy, Forbidden, Invalid
from core.tenancy import announce
from core.tenancy import snapshot as opened
from people.models import Device
from people.permissions import require
from sync import cursor as cursors
from sync import horizon
from sync.scopes import CATALOGUE, POOL, technician_scope
from sync.versions import SCHEMA, check_schema, lowered

DEFAULT_BYTES = 4 * 1024 * 1024
MOST_SCOPES = 16
USUAL_LIMIT = 1000
# How many documents are fetched before it is known how large they are.
FIRST_ROWS = 64
MOST_ROWS = 1000

_entries, _documents, _scopes = feed.entries, feed.documents, feed.scopes


def scopes_of(actor: Actor, schema: int = SCHEMA) -> list[str]:
    """Return the scopes of the actor's device in the order in which they come: the day's work first.

    It holds all parts that it speaks of; the whole catalogue may take minutes.
    """
    require(actor, "sync")
    own = technician_scope(actor.technician_id)
    # Apps of schema 1 have no page on which somebody could take a visit.
    pool = [POOL] if own and schema >= 2 else []
    return [*own, *pool, CATALOGUE][:MOST_SCOPES]


def check_device(actor: Actor, device_id: UUID) -> None:
    """Let only the device speak that signed in.

    Raises Invalid without a device, Forbidden for another one's id.
    """
    if actor.device_id is None:
        raise Invalid(
            "Sign in with a device first.", fields={"device_id": ["No device signed in."]}
        )
    if actor.device_id != device_id:
        raise Forbidden("This sign-in belongs to another device.", code="wrong_device")


def _account(actor: Actor) -> UUID:
    assert actor.account_id is not None  # noqa: S101 - a device belongs to an account
    return actor.account_id


@dataclass(slots=True)
class _Scope:
    no: int
    name: str
    counter: int
    rows: int
    checksum: int
    purged: int

    def forgot(self, seen: dict[str, list[int]]) -> bool:
        """Tell whether a removal was forgotten that a phone at this cursor would have to hear of.

        A first download has no use for removals from before it began.
        """
        return max(seen.get(self.name, [self.purged])) < self.purged


def pull(
    actor: Actor,
    *,
    device_id: UUID,
    schema: int,
    cursor: str | None = None,
    limit: int = USUAL_LIMIT,
    max_bytes: int | None = None,
    snapshot: sa.Connection | None = None,
) -> bytes | None:
    """Return the next page as JSON bytes, or None when there is nothing new.

    `snapshot` is one that the door has opened already.

    Raises StartOver for a cursor that is not this account's, UpgradeRequired for an app that is too
    old, and Busy when the database that answers lags behind what the phone has seen.
    """
    check_device(actor, device_id)
    check_schema(schema)
    wanted = scopes_of(actor, schema)
    if horizon.keep_up(actor.org_id):
        # It was opened before the day was turned.
        snapshot = None
    with contextlib.nullcontext(snapshot) if snapshot else opened(actor.org_id) as connection:
        epoch, scopes = _look(connection, actor.org_id, wanted)
        if cursor is None:
            at = cursors.Cursor(actor.org_id, epoch, _account(actor), schema)
        else:
            at = cursors.read(cursor, org_id=actor.org_id, account_id=_account(actor))
            if at.epoch != epoch:
                return _reset()
        if any(s.forgot(at.seen) for s in scopes):
            return _reset()
        if any(s.counter < at.seen.get(s.name, [0])[0] for s in scopes):
            return _behind(actor.org_id, at)
        _speak(at, schema)
        lost = sorted(set(at.seen) - set(wanted))
        moved = [scope for scope in scopes if at.seen.get(scope.name, [-1])[0] != scope.counter]
        if cursor is not None and not lost and not moved:
            return None
        changes = [orjson.dumps({"op": "drop_scope", "scope": name}) for name in lost]
        for name in lost:
            del at.seen[name]
        complete = _collect(
            connection, at, moved, wanted, changes, limit, max_bytes or DEFAULT_BYTES
        )
    return _page(changes, at, scopes, complete=complete)


def up_to_date(actor: Actor, *, schema: int, cursor: str) -> bool:
    """Tell whether there is nothing for this cursor, at the price of one statement.

    True is as good as the whole pull's None; False only says that a whole pull has to look.

    Raises StartOver, UpgradeRequired as a pull does.
    """
    check_schema(schema)
    wanted = scopes_of(actor, schema)
    at = cursors.read(cursor, org_id=actor.org_id, account_id=_account(actor))
    if horizon.keep_up(actor.org_id) or at.schema != schema or len(at.seen) != len(wanted):
        return False
    epoch, scopes = _found(bound().ask(_glance(actor.org_id, tuple(wanted))), wanted)
    return at.epoch == epoch and all(
        at.seen.get(scope.name, [-1])[0] == scope.counter and not scope.forgot(at.seen)
        for scope in scopes
    )


def _reset() -> bytes:
    return orjson.dumps(
        {"reset": True, "changes": [], "complete": False, "server_time": clock.now()},
        option=orjson.OPT_UTC_Z,
    )


def _behind(org_id: UUID, at: cursors.Cursor) -> bytes:
    """Answer a phone that has seen more than this snapshot holds.

    A copy that lags behind is to be asked again, and Busy is raised; where also the original knows
    less, a backup was restored.
    """
    with bound().writing() as session:
        connection = session.connection()
        announce(connection, org_id)
        _, scopes = _look(connection, org_id, list(at.seen))
    if any(s.counter < at.seen[s.name][0] for s in scopes):
        return _reset()
    raise Busy("We are busy just now. Please try again in a moment.", retry_after=1)


def _speak(at: cursors.Cursor, schema: int) -> None:
    """Let a phone that changed its schema fetch again the scopes whose documents it knows otherwise."""
    if min(at.schema, SCHEMA) != min(schema, SCHEMA):
        for name, (seen, since) in at.seen.items():
            if name != CATALOGUE:
                at.seen[name] = [0, max(seen, since)]
    at.schema = schema


def _look(
    connection: sa.Connection, org_id: UUID, wanted: Sequence[str]
) -> tuple[UUID, list[_Scope]]:
    """Return the epoch and the scopes: all that a pull with nothing new has to read."""
    sqlite = connection.dialect.name == "sqlite"
    values: Any = (org_id.hex, *wanted) if sqlite else (org_id, list(wanted))
    rows = driver.ask(connection, _looking(sqlite, len(wanted)), values)
    return _found(rows, wanted)


def _found(rows: Sequence[Any], wanted: Sequence[str]) -> tuple[UUID, list[_Scope]]:
    found = {
        name: _Scope(no, name, counter, count, (high << 32) | low, purged)
        for _, no, name, counter, count, high, low, purged in rows
        if name is not None
    }
    # A scope in which nothing has ever been is as good as an empty one.
    scopes = [found.get(name) or _Scope(0, name, 0, 0, 0, 0) for name in wanted]
    return _id(rows[0][0]), scopes


_LOOK = (
    "SELECT epoch.id AS epoch, scope.no, name, counter, rows, sum_high, sum_low, purged "
    "FROM epoch LEFT JOIN scope ON scope.org_id = {org} AND scope.name {among}"
)


@functools.cache
def _looking(sqlite: bool, names: int) -> str:
    if sqlite:
        return _LOOK.format(org="?", among=f"IN ({', '.join('?' * names)})")
    return _LOOK.format(org="%b", among="= ANY(%b::text[])")


@functools.lru_cache(maxsize=10_000)
def _glance(org_id: UUID, wanted: tuple[str, ...]) -> str:
    """Return the look as one message, which says on PostgreSQL first for whom it is.

    Nothing of a stranger's is in it: names of scopes are words of ours and ids.
    """
    among = ", ".join(f"'{name}'" for name in wanted)
    if bound().sqlite:
        return _LOOK.format(org=f"'{org_id.hex}'", among=f"IN ({among})")
    look = _LOOK.format(org=f"'{org_id}'", among=f"IN ({among})")
    return f"SELECT set_config('app.org', '{org_id}', true); {look}"


_NEXT = (
    "SELECT e.seq, e.present, e.document_no, d.entity, d.id, d.body "
    "FROM feed_entry AS e JOIN document AS d ON d.no = e.document_no "
    "WHERE e.scope_no = {0} AND e.seq > {0} ORDER BY e.seq LIMIT {0}"
)
_NEXT_OF = {"sqlite": _NEXT.format("?"), "postgresql": _NEXT.format("%b::int8")}


def _collect(
    connection: sa.Connection,
    at: cursors.Cursor,
    moved: Sequence[_Scope],
    wanted: Sequence[str],
    changes: list[bytes],
    limit: int,
    max_bytes: int,
) -> bool:
    """Append the next changes and move the cursor; True when everything was sent.

    A page holds no more bytes than asked for, but for one document that is larger by itself.
    """
    size = sum(map(len, changes))
    rows_at_once = FIRST_ROWS
    old = at.schema < SCHEMA
    text = _NEXT_OF[connection.dialect.name]
    for scope in moved:
        seen, since = at.seen.setdefault(scope.name, [0, scope.counter])
        prefix = b'{"scope":' + orjson.dumps(scope.name) + b","
        while seen < scope.counter:
            room = limit - len(changes)
            if room <= 0 or (size >= max_bytes and changes):
                return False
            most = min(room, rows_at_once)
            rows = driver.ask(connection, text, (scope.no, seen, most))
            gone = [document_no for _, present, document_no, *_ in rows if not present]
            held_elsewhere = _held(connection, gone, scope, wanted, at.org_id)
            for seq, present, document_no, entity, row_id, body in rows:
                if present:
                    change = prefix + (lowered(entity, body) if old else body)[1:]
                elif seq > since:
                    op = "leave" if document_no in held_elsewhere else "remove"
                    said = {"op": op, "scope": scope.name, "entity": entity, "id": _id(row_id)}
                    change = orjson.dumps(said)
                else:
                    seen = at.seen[scope.name][0] = seq
                    continue
                if changes and size + len(change) > max_bytes:
                    return False
                changes.append(change)
                size += len(change) + 1
                seen = at.seen[scope.name][0] = seq
            if len(rows) < most:
                # Numbers are given densely, but a rolled-back page must not hold anybody up.
                seen = at.seen[scope.name][0] = scope.counter
            if changes:
                mean = size // len(changes) + 1
                rows_at_once = max(FIRST_ROWS, min(MOST_ROWS, (max_bytes - size) // mean + 1))
    return True


def _id(said: Any) -> UUID:
    return said if isinstance(said, UUID) else UUID(said)


def _held(
    connection: sa.Connection,
    removed: list[int],
    scope: _Scope,
    wanted: Sequence[str],
    org_id: UUID,
) -> set[int]:
    """Return which of the removed documents another scope of this device still holds."""
    if not removed:
        return set()
    query = (
        sa.select(_entries.c.document_no)
        .join(_scopes, _scopes.c.no == _entries.c.scope_no)
        .where(
            _entries.c.document_no.in_(removed),
            _entries.c.present,
            _scopes.c.org_id == org_id,
            _scopes.c.name.in_([name for name in wanted if name != scope.name]),
        )
    )
    return set(connection.execute(query).scalars())


def _page(
    changes: list[bytes], at: cursors.Cursor, scopes: Sequence[_Scope], *, complete: bool
) -> bytes:
    tail: dict[str, Any] = {
        "cursor": at.write(),
        "complete": complete,
        "server_time": clock.now(),
    }
    if complete:
        tail["checkpoint"] = {
            "scopes": {s.name: {"count": s.rows, "checksum": f"{s.checksum:016x}"} for s in scopes}
        }
    else:
        tail["rows"] = sum(s.rows for s in scopes)
    return (
        b'{"changes":['
        + b",".join(changes)
        + b"],"
        + orjson.dumps(tail, option=orjson.OPT_UTC_Z)[1:]
    )


def repair(
    actor: Actor,
    *,
    device_id: UUID,
    scope: str,
    schema: int | None = None,
    prefixes: list[str] | None = None,
    rows: list[dict[str, Any]] | None = None,
    limit: int = 1000,
    max_bytes: int | None = None,
) -> bytes:
    """Return the scope's 256 sums by id prefix or, for named prefixes, changes that mend the phone's rows.

    The changes are bounded as a page is. Where some are left it is not `complete`, and the phone
    asks again with the rows it then holds.
    """
    check_device(actor, device_id)
    scopes = scopes_of(actor)
    if scope not in scopes:
        raise Forbidden("This scope is not one of this device's.")
    with bound().reading() as session:
        connection = session.connection()
        announce(connection, actor.org_id)
        known = _look(connection, actor.org_id, [scope])[1][0]
        if schema is None:
            # Apps of schema 1 do not say it here; the device said it when it signed in or pushed.
            schema = (
                session.scalar(
                    sa.select(Device.schema).where(
                        Device.org_id == actor.org_id, Device.id == device_id
                    )
                )
                or 1
            )
        query = (
            sa.select(_documents.c.no, _documents.c.entity, _documents.c.id, _entries.c.version)
            .join(_entries, _entries.c.document_no == _documents.c.no)
            .where(_entries.c.scope_no == known.no, _entries.c.present)
        )
        present = connection.execute(query).all()
        said: dict[str, Any] = {"count": known.rows, "checksum": f"{known.checksum:016x}"}
        if prefixes is None:
            return orjson.dumps(said | {"sums": _sums(present)})
        chosen = set(prefixes)
        here = {(r.entity, r.id): r for r in present if r.id.hex[:2] in chosen}
        there = {(row["entity"], row["id"]): row["version"] for row in rows or []}
        wrong = [r.no for key, r in here.items() if there.get(key) != r.version]
        strange = [key for key in there if key not in here]
        mending = itertools.chain(
            _puts(connection, scope, wrong, lowered_for=schema),
            _departures(connection, actor.org_id, known, scopes, strange),
        )
        changes, complete = _fitting(mending, limit, max_bytes or DEFAULT_BYTES)
    said["complete"] = complete
    return b'{"changes":[' + b",".join(changes) + b"]," + orjson.dumps(said)[1:]


def _fitting(mending: Iterator[bytes], limit: int, max_bytes: int) -> tuple[list[bytes], bool]:
    """Return the changes that a page has room for, and whether those were all; one always fits."""
    changes: list[bytes] = []
    size = 0
    for change in mending:
        size += len(change) + 1
        if changes and (len(changes) >= limit or size > max_bytes):
            return changes, False
        changes.append(change)
    return changes, True


def _puts(
    connection: sa.Connection, scope: str, numbers: list[int], *, lowered_for: int
) -> Iterator[bytes]:
    prefix = b'{"scope":' + orjson.dumps(scope) + b","
    for start in range(0, len(numbers), FIRST_ROWS):
        some = numbers[start : start + FIRST_ROWS]
        query = sa.select(_documents.c.entity, _documents.c.body).where(_documents.c.no.in_(some))
        for row in connection.execute(query).all():
            body = lowered(row.entity, row.body) if lowered_for < SCHEMA else row.body
            yield prefix + body[1:]


def _departures(
    connection: sa.Connection,
    org_id: UUID,
    scope: _Scope,
    wanted: Sequence[str],
    strange: list[tuple[str, UUID]],
) -> Iterator[bytes]:
    """Return what takes rows out of the scope; what another scope of the device holds stays on it."""
    for start in range(0, len(strange), FIRST_ROWS):
        some = strange[start : start + FIRST_ROWS]
        query = sa.select(_documents.c.no, _documents.c.entity, _documents.c.id).where(
            _documents.c.org_id == org_id, _documents.c.id.in_([row_id for _, row_id in some])
        )
        numbers = {(row.entity, row.id): row.no for row in connection.execute(query)}
        held = _held(connection, list(numbers.values()), scope, wanted, org_id)
        for entity, row_id in some:
            op = "leave" if numbers.get((entity, row_id)) in held else "remove"
            yield orjson.dumps({"op": op, "scope": scope.name, "entity": entity, "id": row_id})


def _sums(present: Sequence[Any]) -> dict[str, list[Any]]:
    sums: dict[str, list[int]] = {}
    for row in present:
        part = sums.setdefault(row.id.hex[:2], [0, 0])
        part[0] += 1
        part[1] = (part[1] + feed.digest(row.entity, row.id, row.version)) % 2**64
    return {prefix: [count, f"{total:016x}"] for prefix, (count, total) in sums.items()}
