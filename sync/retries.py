"""What a phone said and we did not apply: kept whole, and said again by the office, corrected where need be."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from core import clock
from core.actor import Actor
from core.errors import Conflict, NotFound
from core.receipts import Receipt
from core.unit import Unit
from people.models import Device, Technician
from people.permissions import require
from sync.mutations import MUTATIONS, Mutation, arguments
from sync.versions import raised
from work.actions import mark_settled
from work.models import Attention

APPLIED = "applied"


def retry(unit: Unit, attention_id: UUID, *, args: dict[str, Any] | None = None) -> Attention:
    """Apply again what was refused, blocked, quarantined or kept for review; with `args` instead of what was said.

    The office answers for it; it counts as the engineer's word, at the time they said it. Applied
    once, it stands: asked again, nothing happens. What refuses it now is raised as it is, and the
    matter stays open.
    """
    require(unit.actor, "attention.retry")
    row = unit.take(Attention, attention_id)
    if row is None or row.deleted_at is not None:
        raise NotFound("There is nothing of this id to look at.")
    if row.state == "settled":
        return row
    said = _said(row)
    kind, kept = raised(str(said.get("type")), said.get("args", {}))
    mutation = MUTATIONS.get(kind)
    if mutation is None or row.mutation_id is None:
        raise Conflict("There is nothing here that could be said again.", code="not_retryable")
    subject, checked = arguments(mutation, kept if args is None else args, row.mutation_id)
    _apply(unit, row, mutation, said, subject, checked)
    mark_settled(unit, row, keep="phone")
    _forgive(unit, row)
    return row


def _said(row: Attention) -> dict[str, Any]:
    value = (row.phone_value or {}).get("value")
    return value if isinstance(value, dict) and isinstance(value.get("args"), dict) else {}


def _apply(
    unit: Unit,
    row: Attention,
    mutation: Mutation,
    said: dict[str, Any],
    subject: UUID,
    args: dict[str, Any],
) -> None:
    office, now = unit.actor, unit.happened_at
    unit.actor, unit.happened_at = _on_behalf(unit, row), _when(said, now)
    try:
        mutation.action(unit, subject, **args)
        unit.session.flush()
    finally:
        unit.actor, unit.happened_at = office, now


def _on_behalf(unit: Unit, row: Attention) -> Actor:
    """Return the office's person, speaking for the engineer whose word it was."""
    engineer = unit.get(Technician, row.technician_id) if row.technician_id else None
    if engineer is None:
        return unit.actor
    return replace(
        unit.actor, technician_id=engineer.id, name=f"{engineer.name} ({unit.actor.name})"
    )


def _when(said: dict[str, Any], now: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(str(said.get("happened_at")))
    except ValueError:
        return now
    return min(moment, clock.now()) if moment.tzinfo is not None else now


def _forgive(unit: Unit, row: Attention) -> None:
    """Let what depends on it pass from now on; what the phone was answered stays as it was answered."""
    engineer = unit.get(Technician, row.technician_id) if row.technician_id else None
    if engineer is None:
        return
    devices = select(Device.id).where(Device.account_id == engineer.account_id)
    receipts = select(Receipt).where(
        Receipt.sender_id.in_(devices), Receipt.key == str(row.mutation_id)
    )
    for receipt in unit.session.scalars(receipts):
        receipt.status = APPLIED
