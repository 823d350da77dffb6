"""Files that nothing speaks of: found, and dropped when nobody can be on the way to speak of them."""

from collections.abc import Iterable
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import select

from core import clock, files
from core.actor import Actor
from core.unit import Unit, reading
from sync.uploads import UNSPOKEN_OF, Upload
from work.models import Attention, Photo, RequestPhoto, SignOff, WorkOrder

BATCH = 500


def collect(actor: Actor) -> int:
    """Drop an organisation's files that nothing has spoken of for long; return how many.

    A picture speaks of its file as long as its order is there; so does a sealed report, what a
    person still has to look at, and an upload that is remembered.
    """
    store, dropped = files.bound(), 0
    for batch in _batches(store.older_than(actor.org_id, clock.now() - UNSPOKEN_OF)):
        with reading(actor) as unit:
            silent = [name for name in sorted(_unspoken(unit, batch)) if not _said(unit, name)]
        for name in silent:
            store.forget(actor.org_id, name)
        dropped += len(silent)
    return dropped


def _batches(names: Iterable[str]) -> Iterable[set[str]]:
    batch: set[str] = set()
    for name in names:
        batch.add(name)
        if len(batch) == BATCH:
            yield batch
            batch = set()
    if batch:
        yield batch


def _unspoken(unit: Unit, names: set[str]) -> set[str]:
    spoken = [
        select(Photo.sha256)
        .join(WorkOrder, (WorkOrder.org_id == Photo.org_id) & (WorkOrder.id == Photo.order_id))
        .where(Photo.sha256.in_(names), Photo.deleted_at.is_(None), WorkOrder.deleted_at.is_(None)),
        select(RequestPhoto.sha256).where(RequestPhoto.sha256.in_(names)),
        select(SignOff.report_sha256).where(SignOff.report_sha256.in_(names)),
        select(Upload.sha256).where(Upload.sha256.in_(names)),
    ]
    return names.difference(*(unit.session.scalars(query).all() for query in spoken))


def _said(unit: Unit, name: str) -> bool:
    """Tell whether a sealed report or something that waits for a person names the file."""
    sealed = select(SignOff.id).where(SignOff.manifest.contains(name)).limit(1)
    waiting = select(Attention.id).where(
        Attention.state == "open", sa.cast(Attention.phone_value, sa.Text).contains(name)
    )
    found: list[UUID | None] = [unit.session.scalar(query.limit(1)) for query in (sealed, waiting)]
    return any(found)
