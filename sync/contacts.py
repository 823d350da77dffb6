"""When a device last pulled: noted now and then, so that a pull with nothing new costs no write."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from core import clock
from core.actor import Actor
from core.unit import Unit, perform
from people.models import Device

NOTED_EVERY = timedelta(minutes=5)

_noted: dict[UUID, datetime] = {}


def note_pull(actor: Actor, device_id: UUID) -> None:
    """Note that the device pulls, when this process has not noted it lately."""
    now = clock.now()
    last = _noted.get(device_id)
    if last is not None and abs(now - last) < NOTED_EVERY:
        return
    _noted[device_id] = now
    perform(
        Actor.system(actor.org_id, "sync"),
        lambda unit: _note(unit, device_id, now),
        name="device.pull",
    )


def _note(unit: Unit, device_id: UUID, now: datetime) -> None:
    # A device that is just being pushed for is noted by that; a pull waits for nobody.
    device = unit.session.scalar(
        select(Device).where(Device.id == device_id).with_for_update(skip_locked=True)
    )
    if device is not None:
        device.last_pull_at = device.last_contact_at = now
