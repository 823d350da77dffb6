"""The end of a device that was cut off: it erases itself and says so."""

from uuid import UUID

from sqlalchemy import select, update

from core import clock
from core.actor import Actor
from core.errors import Conflict, Unauthenticated
from core.ids import hashed
from core.unit import Unit, perform, reading
from people.models import Device, DeviceState, Token
from people.signin import forget_who, org_of


def acknowledge_wipe(token: str, device_id: UUID) -> None:
    """Note that the device has erased itself, and end its sign-ins.

    An access token that has run out serves too: the less it takes to say so, the sooner it is said.
    Raises Unauthenticated or SessionEnded for a token that is not this device's, Conflict when it was not cut off.
    """
    org_id = org_of(token)
    with reading(Actor.system(org_id)) as unit:
        query = select(Token.device_id).where(Token.hash == hashed(token), Token.kind == "access")
        if unit.session.scalar(query) != device_id:
            raise Unauthenticated("Please sign in.")
    perform(Actor.system(org_id, "wipe"), lambda unit: _note(unit, device_id), name="device.wiped")


def _note(unit: Unit, device_id: UUID) -> None:
    device = unit.take(Device, device_id)
    if device is None or device.state is not DeviceState.REVOKED:
        raise Conflict("This device was not cut off; it has nothing to erase.")
    unit.afterwards(forget_who)
    device.wiped_at = device.wiped_at or clock.now()
    unit.session.execute(
        update(Token)
        .where(Token.device_id == device_id, Token.revoked_at.is_(None))
        .values(revoked_at=clock.now())
        .execution_options(synchronize_session=False)
    )
