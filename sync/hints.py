"""Hints: a sleeping phone is woken when there is something to pull. They say that, and nothing of what."""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from core import clock, feed
from core.actor import Actor
from core.errors import Invalid
from core.unit import Unit, perform, reading
from people.models import Device, DeviceState, Technician
from sync import webpush
from sync.models import PushKey, PushSubscription
from sync.pull import scopes_of
from sync.scopes import technician_scope

CONTENT = b'{"changed":true}'
# What a push service answers for a browser that is not there any more.
GONE = (404, 410)

_subject: list[str] = []


class HintFailed(Exception):
    """The push service did not take the hint; it is tried again."""


def configure(public_url: str) -> None:
    """Say who we are to push services, so that they can find us when we misbehave."""
    _subject[:] = [public_url]


def public_key(actor: Actor) -> str:
    """Return the key with which browsers of this organisation subscribe; the first question makes it."""
    scopes_of(actor)
    return webpush.b64(webpush.public_part(perform(actor, _key, name="hints.key")))


def _key(unit: Unit) -> bytes:
    row = unit.session.get(PushKey, unit.org_id)
    if row is None:
        row = unit.add(PushKey(secret_key=webpush.new_key()))
    return row.secret_key


def subscribe(actor: Actor, *, endpoint: str, keys: dict[str, Any]) -> None:
    """Let this device be woken there, and nowhere else.

    Raises Invalid for what is no subscription of the open web.
    """
    device_id = _device_of(actor)
    webpush.check_subscription(endpoint, keys["p256dh"], keys["auth"])

    def write(unit: Unit) -> None:
        row = unit.session.get(PushSubscription, (unit.org_id, device_id))
        if row is None:
            row = unit.add(PushSubscription(device_id=device_id))
        row.endpoint, row.p256dh, row.auth = endpoint, keys["p256dh"], keys["auth"]
        row.subscribed_at = clock.now()
        # What is there already, the phone pulls by itself.
        row.hinted = _counters(unit, [actor.engineer]).get(actor.engineer, 0)

    perform(actor, write, name="hints.subscribe")


def unsubscribe(actor: Actor) -> None:
    """Let this device sleep."""
    device_id = _device_of(actor)
    perform(actor, lambda unit: _forget(unit, device_id), name="hints.unsubscribe")


def _forget(unit: Unit, device_id: UUID) -> None:
    row = unit.session.get(PushSubscription, (unit.org_id, device_id))
    if row is not None:
        unit.session.delete(row)


def _device_of(actor: Actor) -> UUID:
    scopes_of(actor)
    if actor.device_id is None:
        raise Invalid(
            "Sign in with a device first.", fields={"device_id": ["No device signed in."]}
        )
    return actor.device_id


def _counters(unit: Unit, technicians: list[UUID]) -> dict[UUID, int]:
    """Return how far each technician's scope has counted."""
    names = {technician_scope(one)[0]: one for one in technicians}
    query = select(feed.Scope.name, feed.Scope.counter).where(
        feed.Scope.org_id == unit.org_id, feed.Scope.name.in_(names)
    )
    return {names[name]: counter for name, counter in unit.session.execute(query)}


def waiting(unit: Unit) -> list[tuple[UUID, int]]:
    """Return the devices whose technician's scope moved since they were last told, with its counter."""
    rows = unit.session.execute(
        select(PushSubscription.device_id, PushSubscription.hinted, Technician.id)
        .join(Device, Device.id == PushSubscription.device_id)
        .join(Technician, Technician.account_id == Device.account_id)
        .where(Device.state == DeviceState.ACTIVE, Technician.deleted_at.is_(None))
    ).all()
    counters = _counters(unit, sorted({row[2] for row in rows}))
    return [
        (device_id, counters[technician_id])
        for device_id, hinted, technician_id in rows
        if counters.get(technician_id, 0) > hinted
    ]


def hint(actor: Actor, device_id: UUID, counter: int) -> None:
    """Wake the device once for everything up to this counter; one that is gone is forgotten.

    Raises HintFailed when the push service cannot be reached or does not want it now.
    """
    with reading(actor) as unit:
        row = unit.session.get(PushSubscription, (actor.org_id, device_id))
        key = unit.session.get(PushKey, actor.org_id)
    if row is None or key is None or row.hinted >= counter:
        return
    headers = {
        "Authorization": webpush.authorization(
            key.secret_key, row.endpoint, _subject[0], clock.now()
        ),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(webpush.KEPT_S),
        # A newer hint takes the place of one that still waits.
        "Topic": "sync",
        "Urgency": "normal",
    }
    try:
        status = webpush.post(row.endpoint, headers, webpush.sealed(CONTENT, row.p256dh, row.auth))
    except OSError as error:
        raise HintFailed(f"could not reach the push service: {error}") from error
    if status in GONE:
        perform(actor, lambda unit: _forget(unit, device_id), name="hints.gone")
    elif 200 <= status < 300:
        perform(actor, lambda unit: _told(unit, device_id, counter), name="hints.told")
    else:
        raise HintFailed(f"the push service answered {status}")


def _told(unit: Unit, device_id: UUID, counter: int) -> None:
    row = unit.session.get(PushSubscription, (unit.org_id, device_id), with_for_update=True)
    if row is not None:
        row.hinted = max(row.hinted, counter)
