"""Contradictions and surprises: kept with both sides until a person settles them."""

from typing import Any
from uuid import UUID

from core.errors import Forbidden, NotFound
from core.ids import new_id
from core.unit import Unit
from people.permissions import is_field_only, require
from work.models import Attention, Visit, WorkOrder

# What a person may still change after the fact, by settling a conflict.
SETTLED_FIELDS = {"work_order": WorkOrder, "visit": Visit}


def raise_attention(
    unit: Unit,
    *,
    kind: str,
    entity: str,
    entity_id: UUID,
    message: str,
    technician_id: UUID | None = None,
    mutation_id: UUID | None = None,
    field: str | None = None,
    office_value: Any = None,
    phone_value: Any = None,
) -> Attention:
    """Ask people to look at something; values are kept as `{"value": …}`."""
    return unit.add(
        Attention(
            id=new_id(),
            kind=kind,
            entity=entity,
            entity_id=entity_id,
            technician_id=technician_id or unit.actor.technician_id,
            mutation_id=mutation_id,
            field=field,
            office_value=None if office_value is None else {"value": office_value},
            phone_value=None if phone_value is None else {"value": phone_value},
            message=message,
            state="open",
            created_at=unit.happened_at,
        )
    )


def flag_stranger(unit: Unit, visit: Visit) -> None:
    """Ask people to look where an engineer speaks of a visit that is somebody else's now. What happened is kept."""
    if is_field_only(unit.actor) and visit.technician_id != unit.actor.engineer:
        flag_doubt(
            unit,
            "This visit belongs to another technician; what was reported is kept.",
            entity="visit",
            entity_id=visit.id,
            phone_value={"reported": unit.action, "by": unit.actor.name},
        )


def flag_doubt(
    unit: Unit,
    message: str,
    *,
    entity: str,
    entity_id: UUID,
    office_value: Any = None,
    phone_value: Any = None,
) -> None:
    """Ask people to look at something that was taken as it was said and is hard to believe."""
    unit.notice("review", message)
    raise_attention(
        unit,
        kind="review",
        entity=entity,
        entity_id=entity_id,
        message=message,
        office_value=office_value,
        phone_value=phone_value,
    )


def settle_attention(
    unit: Unit, attention_id: UUID, *, keep: str, note: str | None = None
) -> Attention:
    """Decide between both sides. Settled a second time, nothing changes.

    Raises NotFound, Forbidden.
    """
    require(unit.actor, "attention.settle")
    row = unit.take(Attention, attention_id)
    if row is None or row.deleted_at is not None:
        raise NotFound("There is nothing of this id to look at.")
    if is_field_only(unit.actor) and row.technician_id != unit.actor.engineer:
        raise Forbidden("This belongs to another technician.")
    if row.state == "settled":
        return row
    if row.kind == "conflict" and row.field:
        _keep_value(unit, row, keep)
    return mark_settled(unit, row, keep=keep, note=note)


def mark_settled(unit: Unit, row: Attention, *, keep: str, note: str | None = None) -> Attention:
    """Note that somebody has decided, and how."""
    row.state, row.kept, row.note = "settled", keep, note
    row.settled_at, row.settled_by = unit.happened_at, unit.actor.account_id
    _clear_review(unit, row)
    return row


def _keep_value(unit: Unit, row: Attention, keep: str) -> None:
    model = SETTLED_FIELDS.get(row.entity)
    value = row.office_value if keep == "office" else row.phone_value
    if model is None or value is None or row.field is None:
        return
    subject = unit.take(model, row.entity_id)
    # Only plain values are merged field by field, so that they can be set as they stand.
    if subject is not None and hasattr(subject, row.field):
        setattr(subject, row.field, value["value"])


def _clear_review(unit: Unit, row: Attention) -> None:
    if row.entity == "visit" and (visit := unit.take(Visit, row.entity_id)) is not None:
        visit.needs_review = False
