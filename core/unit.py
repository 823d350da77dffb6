"""The unit of work: who acts, when it happened, in which transaction. It commits once.

At the end it writes, in this order and before the one commit: the rows, the jobs of its events,
the change feed, the audit trail.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import PassiveFlag, Session, attributes

from core import audit, clock, feed, jobs, tenancy
from core.actor import Actor
from core.database import bound, retried
from core.errors import NotFound
from core.events import Event
from core.models import Base, Identified, Merged, Synced, Tenanted

T = TypeVar("T")
R = TypeVar("R", bound=Identified)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know about what was accepted: `review`, `merged` or `stock`."""

    kind: str
    message: str
    details: dict[str, Any]


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
        self._changes: list[tuple[Any, audit.Change]] = []
        tenancy.wall(session, actor.org_id)
        event.listen(session, "before_flush", _touch)
        event.listen(session, "after_flush", self._note)

    @property
    def org_id(self) -> UUID:
        """Return the organisation inside which everything happens."""
        return self.actor.org_id

    def get(self, model: type[R], row_id: UUID, *, options: Sequence[Any] = ()) -> R | None:
        """Return the organisation's row of this id."""
        return self.session.get(model, (self.actor.org_id, row_id), options=list(options))

    def take(self, model: type[R], row_id: UUID) -> R | None:
        """Return the row as it is now, locked against other writers until the end of the unit."""
        return self.session.get(
            model,
            (self.actor.org_id, row_id),
            with_for_update={"key_share": True},
            populate_existing=False,
        )

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
        return row

    def record(self, event_: Event) -> None:
        """Note that something has happened; its listeners run after the commit."""
        self.events.append(event_)

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
        changes, events, queued = len(self._changes), len(self.events), self.queued
        notices = len(self.notices)
        nested = self.session.begin_nested()
        try:
            yield
            self.session.flush()
        except BaseException:
            nested.rollback()
            del self._changes[changes:], self.events[events:], self.notices[notices:]
            self.queued = queued
            raise
        nested.commit()

    def versions(self) -> dict[str, int]:
        """Return the versions of the synced rows changed so far, as `entity:id`."""
        self.session.flush()
        return {
            f"{feed.ENTITIES[type(row)].name}:{row.id}": row.version
            for row, _ in self._changes
            if isinstance(row, Synced) and type(row) in feed.ENTITIES
        }

    def mark(self) -> int:
        """Return a place in the list of changes, for `changed_since`."""
        self.session.flush()
        return len(self._changes)

    def changed_since(self, mark: int) -> list[Synced]:
        """Return the synced rows changed after the mark, each once."""
        self.session.flush()
        rows = {id(row): row for row, _ in self._changes[mark:] if isinstance(row, Synced)}
        return list(rows.values())

    def commit(self) -> None:
        """Write feed, jobs and audit, and commit, once."""
        self.session.flush()
        connection = self.session.connection()
        self.queued += jobs.enqueue_listeners(connection, self.org_id, self.events)
        synced = {id(row): row for row, _ in self._changes if isinstance(row, Synced)}
        feed.write(connection, self.org_id, [feed.render(row) for row in synced.values()])
        audit.write(
            connection,
            self.actor,
            action=self.action,
            happened_at=self.happened_at,
            changes=self._merged_changes(),
        )
        self.session.commit()
        if self.queued:
            jobs.wake()

    def _merged_changes(self) -> list[audit.Change]:
        merged: dict[int, audit.Change] = {}
        for row, change in self._changes:
            if not _audited(row):
                continue
            earlier = merged.get(id(row))
            if earlier is None:
                merged[id(row)] = change
            else:
                earlier.before = change.before | earlier.before
                earlier.after = earlier.after | change.after
        return list(merged.values())

    def _note(self, session: Session, _context: Any) -> None:
        """Note what a flush changed; the feed and the audit trail are written from it."""
        for row in session.new:
            if _noted(row):
                self._changes.append((row, _change(row, fresh=True)))
        for row in session.dirty:
            if _noted(row) and session.is_modified(row):
                self._changes.append((row, _change(row, fresh=False)))
        for row in session.deleted:
            if isinstance(row, Synced):
                raise RuntimeError(f"A {type(row).__name__} is never deleted; set deleted_at.")
            if _noted(row):
                self._changes.append(
                    (row, audit.Change(type(row).__tablename__, _key(row), _values(row), {}))
                )


def _touch(session: Session, _context: Any, _instances: Any) -> None:
    """Note on merged rows at which version each field is being changed."""
    for row in session.dirty:
        if isinstance(row, Merged):
            changed = [
                column.key
                for column in sa.inspect(row).mapper.column_attrs
                if column.key not in ("touched", "version")
                and attributes.get_history(
                    row, column.key, PassiveFlag.PASSIVE_NO_INITIALIZE
                ).has_changes()
            ]
            if changed:
                row.touched = row.touched | dict.fromkeys(changed, row.version + 1)


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


def _values(row: Any) -> dict[str, Any]:
    return {
        column.key: audit.plain(getattr(row, column.key))
        for column in sa.inspect(row).mapper.column_attrs
        if column.key not in SECRETS
        and column.key != "org_id"
        and column.key in sa.inspect(row).dict
    }


def _change(row: Base, *, fresh: bool) -> audit.Change:
    table = str(type(row).__tablename__)
    if fresh:
        return audit.Change(
            table, _key(row), {}, {k: v for k, v in _values(row).items() if v is not None}
        )
    before, after = {}, {}
    for column in sa.inspect(row).mapper.column_attrs:
        history = attributes.get_history(row, column.key, PassiveFlag.PASSIVE_NO_INITIALIZE)
        if column.key != "touched" and history.has_changes() and column.key not in SECRETS:
            before[column.key] = audit.plain(history.deleted[0]) if history.deleted else None
            after[column.key] = audit.plain(history.added[0]) if history.added else None
    return audit.Change(table, _key(row), before, after)


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
