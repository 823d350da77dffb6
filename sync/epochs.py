"""Epochs: the identity of the database's history. A restore from a backup begins a new one."""

import sqlalchemy as sa

from core import feed
from core.database import bound
from core.ids import new_id
from core.unit import Unit
from people.models import Device
from work.actions import raise_attention


def begin() -> None:
    """Begin a new epoch: every cursor from before is told to start over."""
    with bound().writing() as session, session.begin():
        session.execute(sa.update(feed.Epoch).values(id=new_id()))


def bridge(unit: Unit, device: Device, first: int, confirmed: int) -> None:
    """Take a phone's numbering up where it stands, when it kept answers that a restore made us forget.

    `first` is the number with which its batch begins, `confirmed` up to which it has our answers.
    What it no longer holds is lost to us; people are told between which numbers.
    """
    if not device.last_seq + 1 < first <= confirmed + 1:
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
