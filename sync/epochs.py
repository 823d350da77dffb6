"""Epochs: the identity of the database's history. A restore from a backup begins a new one."""

from datetime import UTC, datetime

import sqlalchemy as sa

from core import feed
from core.database import bound
from core.ids import new_id
from core.receipts import Receipt
from core.unit import Unit
from people.models import Device
from work.actions import raise_attention

# More than any phone says between two backups; a number beyond it was never counted to.
LONGEST_BRIDGE = 10_000


def begin() -> None:
    """Begin a new epoch: every cursor from before is told to start over."""
    with bound().writing() as session, session.begin():
        session.execute(sa.update(feed.Epoch).values(id=new_id()))


def bridge(unit: Unit, device: Device, first: int, confirmed: int) -> None:
    """Take a phone's numbering up where it stands, when it kept answers that a restore made us forget.

    `first` is the number with which its batch begins, `confirmed` up to which it has our answers.
    What it no longer holds is lost to us; people are told between which numbers. Only a phone that we knew
    before the restore, and that has said nothing since, can be ahead of us.
    """
    if not device.last_seq + 1 < first <= confirmed + 1:
        return
    if first - device.last_seq > LONGEST_BRIDGE or not _may_be_ahead(unit, device):
        return
    raise_attention(
        unit,
        kind="review",
        entity="device",
        entity_id=device.id,
        message="A backup was restored; what this phone had sent after it was made is missing here.",
        phone_value={"first": device.last_seq + 1, "last": first - 1},
    )
    device.last_seq = first - 1


def _may_be_ahead(unit: Unit, device: Device) -> bool:
    began = _began(unit)
    said_since = sa.select(Receipt.key).where(
        Receipt.sender_id == device.id, Receipt.received_at >= began
    )
    return device.registered_at < began and unit.session.scalar(said_since.limit(1)) is None


def _began(unit: Unit) -> datetime:
    """Return when this history began: the epoch's id carries the time."""
    epoch = unit.session.scalars(sa.select(feed.Epoch.id)).one()
    return datetime.fromtimestamp((epoch.int >> 80) / 1000, UTC)
