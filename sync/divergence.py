"""Replicas that are not what they should be: noted, mended in parts, and whole at most once a day."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa

from core import clock
from core.actor import Actor
from core.errors import NotFound, TooMany
from core.unit import Unit, perform
from people.models import Device
from sync import pull
from sync.models import Divergence
from sync.pull import check_device, scopes_of
from work.actions import raise_attention
from work.models import Attention

RESTART_EVERY = timedelta(days=1)
# A device that differs this often within a day is not unlucky but broken.
ALARMING = 5
KEPT = timedelta(days=90)
KIND = "diverged"


class RestartTooSoon(TooMany):
    """This device has fetched everything anew already today."""

    code = "restart_too_soon"


def note(
    actor: Actor,
    *,
    device_id: UUID,
    scope: str,
    repaired: bool,
    expected: str = "",
    found: str = "",
    rows_fetched: int = 0,
) -> None:
    """Note that a scope differed on the device; people are asked to look when it stays so or comes again and again.

    Raises Forbidden or Invalid for another device.
    """
    check_device(actor, device_id)
    scopes_of(actor)

    def write(unit: Unit) -> None:
        device = _device(unit, device_id)
        device.diverged_at = clock.now()
        unit.add(
            Divergence(
                device_id=device_id,
                scope=scope,
                expected=expected,
                found=found,
                rows_fetched=rows_fetched,
                repaired=repaired,
                at=clock.now(),
            )
        )
        unit.session.flush()
        _forget(unit, device_id)
        if not repaired or _lately(unit, device_id) >= ALARMING:
            _alarm(unit, device, {"scope": scope, "expected": expected, "found": found})

    perform(_house(actor), write, name="device.diverged")


def repair(actor: Actor, *, report: bool = False, **asked: Any) -> bytes:
    """Return what mends a scope of the device, and note that it differed when it says so."""
    body = pull.repair(actor, **asked)
    if report:
        told = orjson.loads(body)
        note(
            actor,
            device_id=asked["device_id"],
            scope=asked["scope"],
            expected=told["checksum"],
            rows_fetched=len(told.get("changes") or []),
            repaired=True,
        )
    return body


def allow_restart(actor: Actor, device_id: UUID) -> None:
    """Let the device fetch everything anew, which it may once a day.

    Raises RestartTooSoon, and asks people to look at the device.
    """
    check_device(actor, device_id)
    scopes_of(actor)

    def ask(unit: Unit) -> int:
        device = _device(unit, device_id)
        now = clock.now()
        if device.restarted_at is not None and now - device.restarted_at < RESTART_EVERY:
            _alarm(unit, device, {"restarted_at": device.restarted_at.isoformat()})
            return int((device.restarted_at + RESTART_EVERY - now).total_seconds()) + 1
        device.restarted_at = now
        return 0

    if wait := perform(_house(actor), ask, name="device.restart"):
        raise RestartTooSoon(
            "This phone has fetched everything anew already today.", retry_after=wait
        )


def _house(actor: Actor) -> Actor:
    # What the device reports of itself is for the office, not for the engineer's own list.
    return Actor.system(actor.org_id, "sync").with_request(actor.request_id)


def _device(unit: Unit, device_id: UUID) -> Device:
    device = unit.take(Device, device_id)
    if device is None:
        raise NotFound("No such device.")
    return device


def _lately(unit: Unit, device_id: UUID) -> int:
    since = clock.now() - RESTART_EVERY
    query = sa.select(sa.func.count()).select_from(Divergence)
    return (
        unit.session.scalar(query.where(Divergence.device_id == device_id, Divergence.at > since))
        or 0
    )


def _forget(unit: Unit, device_id: UUID) -> None:
    unit.session.execute(
        sa.delete(Divergence)
        .where(Divergence.device_id == device_id, Divergence.at < clock.now() - KEPT)
        .execution_options(synchronize_session=False)
    )


def _alarm(unit: Unit, device: Device, details: dict[str, Any]) -> None:
    """Ask people to look at the device, unless they were asked already."""
    asked = sa.select(Attention.id).where(
        Attention.kind == KIND, Attention.entity_id == device.id, Attention.state == "open"
    )
    if unit.session.scalar(asked.limit(1)) is None:
        raise_attention(
            unit,
            kind=KIND,
            entity="device",
            entity_id=device.id,
            message="A phone holds other rows than it should, again and again.",
            phone_value={"device": device.name, "app_version": device.app_version} | details,
        )
