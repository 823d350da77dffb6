"""The unit of work: who acts, when it happened, in which transaction. It commits once.

At the end it writes, in this order and before the one commit: the rows, the jobs of its events,
the change feed, the audit trail.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import InstrumentedAttribute, LoaderCallableStatus, Session
from sqlalchemy.orm.attributes import instance_state
from sqlalchemy.orm.util import identity_key

from core import audit, bulk, changes, clock, driver, feed, jobs, reads, rows, tenancy
from core.actor import Actor
from core.database import bound, retried
from core.errors import NotFound
from core.events import Event
from core.ids import new_id
from core.models import Identified, Merged, Synced, Tenanted, Versioned

T = TypeVar("T")
R = TypeVar("R", bound=Identified)
A = TypeVar("A", bound=Tenanted)
V = TypeVar("V", bound=Versioned)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know about what was accepted: `review`, `merged` or `stock`."""

    kind: str
    message: str
    details: dict[str, Any]


class Saying(NamedTuple):
    """One of several things about to be done together: who says it, of which row, with what."""

    actor: Actor
    subject: UUID
    args: dict[str, Any]


@dataclass(slots=True)
class Step:
    """One of several things done in one transaction: its name, its time, who does it, what it touched and changed."""

    action: str
    happened_at: datetime
    actor: Actor
    rows: dict[int, Any] = field(default_factory=dict)
    changed: dict[int, Synced] = field(default_factory=dict)
    made: int = 0

    def versions(self) -> dict[str, int]:
        """Return the versions of the synced rows it changed, as `entity:id`; after the flush."""
        return {
            f"{feed.ENTITIES[type(row)].name}:{row.id}": row.version
            for row in self.changed.values()
            if type(row) in feed.ENTITIES
        }


class Unit:
    """One change of the business, or one read of it."""

    def __init__(
        self, session: Session, actor: Actor, *, happened_at: datetime, action: str
    ) -> None:
        self.session = session
        self.actor = actor
        self.happened_at = happened_at
        self.action = action
        self.events: list[Event] = []
        self.notices: list[Notice] = []
        self.queued = 0
        self._afterwards: list[Callable[[], None]] = []
        self._changes: list[tuple[Any, audit.Change, Step | None]] = []
        # What is known without asking again: rows by number of id, those locked or made here,
        # and ids that no row has.
        self._known: dict[tuple[type, int], Any] = {}
        self._listed: dict[type, set[str]] = {}
        self._locked: set[tuple[type, int]] = set()
        self._absent: set[tuple[type, int]] = set()
        self._rows_of: dict[tuple[type, str, Any], list[Any]] = {}
        # Rows that are written together, past the mapper, and not changed in this unit.
        self._appended: list[Any] = []
        # Those among them that may be changed once they are written.
        self._brought: set[int] = set()
        self._attached: list[Any] = []
        self._written: list[Any] = []
        self._step: Step | None = None
        self._step_of: dict[int, Step] = {}
        tenancy.wall(session, actor.org_id)
        event.listen(session, "before_flush", self._before_flush)
        event.listen(session, "after_flush", self._note)
        session.info["write_first"] = self._write_appended

    @property
    def org_id(self) -> UUID:
        """Return the organisation inside which everything happens."""
        return self.actor.org_id

    def get(self, model: type[R], row_id: UUID, *, options: Sequence[Any] = ()) -> R | None:
        """Return the organisation's row of this id."""
        key = (model, row_id.int)
        row: R | None = self._known.get(key)
        if row is None and key not in self._absent:
            if options or self._in_session(model, row_id):
                row = self.session.get(model, (self.org_id, row_id), options=list(options))
            else:
                row = self._fetch(model, row_id, lock=False)
        return row if row is None else self._handed(row)

    def _in_session(self, model: type[R], row_id: UUID) -> bool:
        return identity_key(model, (self.org_id, row_id)) in self.session.identity_map

    def _fetch(self, model: type[R], row_id: UUID, *, lock: bool) -> R | None:
        """Read a row that the session does not hold yet."""
        found = reads.read(self.session, model, "id", [row_id], org_id=self.org_id, lock=lock)
        return found[0] if found else None

    def take(self, model: type[R], row_id: UUID) -> R | None:
        """Return the row as it is now, locked against other writers until the end of the unit."""
        key = (model, row_id.int)
        if key in self._absent:
            return None
        if key in self._locked:
            row: R | None = self._known[key]
        else:
            if self._in_session(model, row_id):
                row = self.session.get(
                    model,
                    (self.org_id, row_id),
                    with_for_update={"key_share": True},
                    populate_existing=False,
                )
            else:
                row = self._fetch(model, row_id, lock=True)
            if row is not None:
                self._known[key] = row
                self._locked.add(key)
        return row if row is None else self._handed(row)

    def _handed(self, row: T) -> T:
        """Note which step may change the row; what an earlier step changed in it is written first."""
        step = self._step
        if step is not None:
            another = self._step_of.get(id(row), step) is not step
            unwritten = instance_state(row).modified or id(row) in self._brought
            if another and unwritten and _audited(row):
                self.session.flush()
            step.rows[id(row)] = row
        return row

    def expect(
        self, model: type[R], ids: Iterable[UUID | None], *, lock: bool = False, again: bool = False
    ) -> list[R]:
        """Read rows that will be asked for one by one, in one go; ids without a row are remembered too.

        Locks are taken in the order of ids. `again` looks once more for what was not there before.
        Returns the rows that were read.
        """
        wanted = {row_id for row_id in ids if row_id is not None}
        if again:
            self._absent.difference_update((model, row_id.int) for row_id in wanted)
        have: Any = self._locked if lock else self._known
        wanted = {
            row_id
            for row_id in wanted
            if (model, row_id.int) not in have and (model, row_id.int) not in self._absent
        }
        if not wanted:
            return []
        read = self._read(model.id, sorted(wanted), lock=lock)
        self._absent.update((model, row_id.int) for row_id in wanted - {row.id for row in read})
        return read

    def expect_rows(self, column: InstrumentedAttribute[Any], values: Iterable[Any]) -> None:
        """Read all rows whose column holds one of these values, for `rows_of` to answer from memory."""
        model: Any = column.class_
        wanted = sorted({v for v in values if (model, column.key, v) not in self._rows_of})
        if not wanted:
            return
        read = self._read(column, wanted, lock=False)
        self._listed.setdefault(model, set()).add(column.key)
        for value in wanted:
            self._rows_of[(model, column.key, value)] = []
        for row in read:
            self._rows_of[(model, column.key, getattr(row, column.key))].append(row)

    def _read(self, column: Any, values: list[Any], *, lock: bool) -> list[Any]:
        read = reads.read(
            self.session, column.class_, column.key, values, org_id=self.org_id, lock=lock
        )
        for row in read:
            key = (type(row), row.id.int)
            # The session itself holds its rows weakly.
            self._known[key] = row
            if lock:
                self._locked.add(key)
        return read

    def expect_new(self, model: type[R], ids: Iterable[UUID | None]) -> None:
        """Learn which ids stand already, where mostly none does: only those are read."""
        wanted = {row_id for row_id in ids if row_id is not None}
        wanted = {row_id for row_id in wanted if (model, row_id.int) not in self._known}
        table: Any = model.__table__  # type: ignore[attr-defined]
        standing = bulk.select(
            self.session.connection(),
            table,
            ("id",),
            org_id=self.org_id,
            column="id",
            values=sorted(wanted),
        )
        self.expect(model, [row_id for (row_id,) in standing])
        self._absent.update((model, row_id.int) for row_id in wanted - {one for (one,) in standing})

    def rows_of(self, column: InstrumentedAttribute[Any], value: Any) -> list[Any]:
        """Return the rows whose column holds this value, those made in this unit included; in no order."""
        model: Any = column.class_
        known = self._rows_of.get((model, column.key, value))
        if known is None:
            return list(self.session.scalars(sa.select(model).where(column == value)))
        return [self._handed(row) for row in known if getattr(row, column.key) == value]

    def must(self, model: type[R], row_id: UUID, missing: str) -> R:
        """Return the row.

        Raises NotFound with the given sentence.
        """
        row = self.get(model, row_id)
        if row is None:
            raise NotFound(missing)
        return row

    def add(self, row: T) -> T:
        """Put a new row into the transaction."""
        if isinstance(row, Tenanted):
            row.org_id = self.actor.org_id
        self.session.add(row)
        if isinstance(row, Identified):
            given: Any = row.id
            if given is None:
                row.id = new_id()
            self._remember(row)
        if self._step is not None:
            self._step_of[id(row)] = self._step
            self._step.made += 1
            if isinstance(row, Synced):
                self._step.changed[id(row)] = row
        return row

    def _remember(self, row: Identified) -> None:
        key = (type(row), row.id.int)
        self._known[key] = row
        self._locked.add(key)
        self._absent.discard(key)
        for name in self._listed.get(type(row), ()):
            rows_of = self._rows_of.get((type(row), name, getattr(row, name)))
            if rows_of is not None:
                rows_of.append(row)

    def append(self, model: type[A], **values: Any) -> A:
        """Put a new row into the transaction that nobody will change in it: quicker than `add` for many.

        Raises RuntimeError at the commit when it was changed all the same.
        """
        if issubclass(model, Identified) and values.get("id") is None:
            values["id"] = new_id()
        row: A = rows.new(model, self.org_id, values)
        self._appended.append(row)
        if isinstance(row, Identified):
            self._remember(row)
        if self._step is not None:
            self._step_of[id(row)] = self._step
            self._step.made += 1
        return row

    def bring(self, model: type[V], **values: Any) -> V:
        """Put a new row into the transaction, quicker than `add` for many; it may be changed like any other."""
        row = self.append(model, **values)
        self._brought.add(id(row))
        if self._step is not None and isinstance(row, Synced):
            self._step.changed[id(row)] = row
        return row

    def _write_appended(self) -> None:
        if not self._appended:
            return
        written, self._appended = self._appended, []
        brought, self._brought = self._brought, set()
        rows.insert(self.session.connection(), written)
        for row in written:
            if _noted(row):
                self._keep_change(row, {}, _values(row, filled=True), fresh=True)
            if id(row) in brought:
                reads.attach(self.session, row)
                self._attached.append(row)
            else:
                self._written.append(row)

    def record(self, event_: Event) -> None:
        """Note that something has happened; its listeners run after the commit."""
        self.events.append(event_)

    def afterwards(self, then: Callable[[], None]) -> None:
        """Have something done in this process once the change is committed, and not otherwise."""
        self._afterwards.append(then)

    def notice(self, kind: str, message: str, **details: Any) -> None:
        """Tell whoever asked that it was accepted, and what a person should look at."""
        self.notices.append(Notice(kind, message, details))

    def enqueue(
        self,
        job: Callable[..., None],
        payload: dict[str, Any],
        *,
        run_at: datetime | None = None,
        slot: str | None = None,
    ) -> bool:
        """Write a job in this transaction; False when its slot was taken already."""
        written = jobs.enqueue(
            self.session.connection(),
            self.org_id,
            jobs.name_of(job),
            payload,
            run_at=run_at,
            slot=slot,
        )
        self.queued += written is not None
        return written is not None

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """Undo everything done inside when it raises, and nothing else of the unit."""
        self.session.flush()
        mark, events, queued = len(self._changes), len(self.events), self.queued
        notices, written = len(self.notices), len(self._written)
        attached = len(self._attached)
        known, locked, absent = dict(self._known), set(self._locked), set(self._absent)
        rows_of = {key: list(rows) for key, rows in self._rows_of.items()}
        nested = self.session.begin_nested()
        try:
            yield
            self.session.flush()
        except BaseException:
            nested.rollback()
            for row, *_ in self._changes[mark:]:
                if row in self.session:
                    self.session.expire(row)
            for row in self._attached[attached:]:
                self.session.expunge(row)
            del self._changes[mark:], self.events[events:], self.notices[notices:]
            del self._attached[attached:]
            del self._appended[:], self._written[written:]
            self._brought.clear()
            # A lock taken after the savepoint went with it.
            self._known, self._locked, self._absent = known, locked, absent
            self._rows_of = rows_of
            self.queued = queued
            raise
        nested.commit()

    @contextlib.contextmanager
    def acting(self, actor: Actor) -> Iterator[None]:
        """Let somebody else of the same organisation act in this transaction for a while.

        Raises RuntimeError for anybody of another one.
        """
        if actor.org_id != self.org_id:
            raise RuntimeError("Two organisations never share a transaction.")
        before, self.actor = self.actor, actor
        try:
            yield
        finally:
            self.actor = before

    @contextlib.contextmanager
    def step(self, action: str, happened_at: datetime) -> Iterator[Step]:
        """Do one of several things in this transaction, under its own name and at its own time.

        It is not flushed at its end, so that many steps are written together. One that raises
        leaves what it has changed so far in the session; ask `changed_by`.
        """
        self.action, self.happened_at = action, happened_at
        self._step = step = Step(action, happened_at, self.actor)
        try:
            yield step
        finally:
            for row in step.rows.values():
                if instance_state(row).modified:
                    self._step_of.setdefault(id(row), step)
                    if isinstance(row, Synced):
                        step.changed[id(row)] = row
            self._step = None

    def changed_by(self, step: Step) -> bool:
        """Tell whether the step, as far as it has got, has made or changed a row."""
        return bool(step.made) or any(instance_state(row).modified for row in step.rows.values())

    def commit(self) -> None:
        """Write feed, jobs and audit, and commit, once."""
        self.session.flush()
        for row in self._written:
            if instance_state(row).modified:
                raise RuntimeError(f"An appended {type(row).__name__} is not changed; add it.")
        connection = self.session.connection()
        synced: dict[int, tuple[Synced, bool]] = {}
        for row, change, _ in self._changes:
            if isinstance(row, Synced):
                fresh = synced[id(row)][1] if id(row) in synced else change.fresh
                synced[id(row)] = (row, fresh)
        rendered = [feed.render(row, fresh=fresh) for row, fresh in synced.values()]
        with driver.without_waiting(connection):
            self.queued += jobs.enqueue_listeners(connection, self.org_id, self.events)
            feed.write(connection, self.org_id, rendered)
            audit.write(connection, self.org_id, self._merged_changes())
        self.session.commit()
        if self.queued:
            jobs.wake()
        for then in self._afterwards:
            then()

    def _merged_changes(self) -> list[audit.Change]:
        """Return the changes as the trail keeps them: one for each row and step."""
        merged: dict[tuple[int, int], audit.Change] = {}
        for row, change, step in self._changes:
            if not _audited(row):
                continue
            key = (id(row), id(step))
            earlier = merged.get(key)
            if earlier is None:
                merged[key] = change
            else:
                earlier.before = change.before | earlier.before
                earlier.after = earlier.after | change.after
        return list(merged.values())

    def _note(self, session: Session, _context: Any) -> None:
        """Note what a flush changed; the feed and the audit trail are written from it."""
        for row in session.new:
            if _noted(row):
                self._keep_change(row, {}, _values(row, filled=True), fresh=True)
        for row in session.dirty:
            if _noted(row) and (names := changes.changed_names(row)):
                self._keep_change(row, *_differences(row, names))
        for row in session.deleted:
            if isinstance(row, Synced):
                raise RuntimeError(f"A {type(row).__name__} is never deleted; set deleted_at.")
            if _noted(row):
                self._keep_change(row, _values(row), {})
        self._step_of.clear()

    def _keep_change(
        self, row: Any, before: dict[str, Any], after: dict[str, Any], *, fresh: bool = False
    ) -> None:
        step = self._step_of.get(id(row)) or self._step
        change = audit.Change(
            actor=step.actor if step else self.actor,
            entity=type(row).__tablename__,
            entity_id=_key(row),
            action=step.action if step else self.action,
            happened_at=step.happened_at if step else self.happened_at,
            before=before,
            after=after,
            fresh=fresh,
        )
        self._changes.append((row, change, step))
        if then := _WATCHED.get(type(row)):
            self._afterwards.append(then)
        if step is not None and isinstance(row, Synced):
            step.changed[id(row)] = row

    def _before_flush(self, session: Session, _context: Any, _instances: Any) -> None:
        """Write the changed rows of each table together, before the mapper writes the new ones."""
        changed = []
        for row in session.dirty:
            if names := changes.changed_names(row):
                if isinstance(row, Merged):
                    names = self._touch(row, names)
                if isinstance(row, Identified):
                    changed.append((row, names))
        if not changed:
            return
        for row, names in changes.write_together(session, changed):
            if _noted(row):
                self._keep_change(row, *_differences(row, names))
            changes.settle(row)

    def _touch(self, row: Merged, names: list[str]) -> list[str]:
        """Note at which version, and by which device, each field is being changed."""
        step = self._step_of.get(id(row)) or self._step
        actor = step.actor if step else self.actor
        device = actor.device_id.hex if actor.device_id else None
        if changed := [name for name in names if name not in _COUNTED]:
            at: Any = row.version + 1
            row.touched = row.touched | dict.fromkeys(changed, [at, device] if device else at)
        return [*names, "touched"] if changed and "touched" not in names else names


_WATCHED: dict[type, Callable[[], None]] = {}


def watch(model: type, then: Callable[[], None]) -> None:
    """Have something done in this process whenever a change of such a row is committed."""
    _WATCHED[model] = then


_COUNTED = frozenset({"touched", "version"})


def _differences(row: Any, names: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what these columns held and what they hold now, as the trail shows it."""
    state = instance_state(row)
    shown = [name for name in names if name != "touched" and name not in SECRETS]
    return (
        {name: _shown(state.committed_state[name]) for name in shown},
        {name: audit.plain(state.dict[name]) for name in shown},
    )


def _shown(old: Any) -> Any:
    # A field that was never read has no old value.
    return None if isinstance(old, LoaderCallableStatus) else audit.plain(old)


def _audited(row: Any) -> bool:
    return getattr(type(row), "__audited__", True)


def _noted(row: Any) -> bool:
    # The feed must know of every synced row, also of one that leaves its trail elsewhere.
    return isinstance(row, Synced) or _audited(row)


# A secret's hash tells an attacker more than it tells an auditor.
SECRETS = frozenset({"password_hash", "hash", "secret_hash"})


def _key(row: Any) -> str:
    if isinstance(row, Identified):
        return str(row.id)
    return "|".join(str(value) for value in sa.inspect(row).mapper.primary_key_from_instance(row))


def _values(row: Any, *, filled: bool = False) -> dict[str, Any]:
    """Return the row as the trail shows it; `filled` leaves out what is empty."""
    state = instance_state(row)
    now = state.dict
    return {
        name: audit.plain(now[name])
        for name in state.mapper.columns.keys()  # noqa: SIM118 - a collection, no dictionary
        if name in now
        and name not in SECRETS
        and name != "org_id"
        and not (filled and now[name] is None)
    }


@contextlib.contextmanager
def unit_of_work(
    actor: Actor, *, happened_at: datetime | None = None, action: str = ""
) -> Iterator[Unit]:
    """Open a unit of work; it commits where the block ends, and undoes everything when the block raises."""
    with bound().writing() as session:
        unit = Unit(session, actor, happened_at=happened_at or clock.now(), action=action)
        yield unit
        unit.commit()


def perform(
    actor: Actor,
    action: Callable[[Unit], T],
    *,
    name: str = "",
    happened_at: datetime | None = None,
) -> T:
    """Run an action in a unit of its own, again when a rival transaction got in its way."""

    def once() -> T:
        with unit_of_work(
            actor, happened_at=happened_at, action=name or getattr(action, "__name__", "")
        ) as unit:
            return action(unit)

    return retried(once)


@contextlib.contextmanager
def reading(actor: Actor) -> Iterator[Unit]:
    """Open a read of one snapshot, inside the actor's organisation."""
    with bound().reading() as session:
        yield Unit(session, actor, happened_at=clock.now(), action="read")
