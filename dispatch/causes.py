"""What has happened that a proposal answers: kept with it as codes, and said in the reader's words."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

from sqlalchemy import select

from core.languages import say
from core.unit import Unit
from dispatch.models import DayPlan, PlanKind
from people.models import Technician
from work.models import Visit, WorkOrder


class What(enum.StrEnum):
    """What has happened."""

    URGENT = "urgent"
    IN_DANGER = "in_danger"
    LATE = "late"
    CANCELLED = "cancelled"
    ABSENT = "absent"


SENTENCES = {
    What.URGENT: "Urgent and without an engineer: {title}.",
    What.IN_DANGER: "The promise for {title} is in danger, and nobody has it yet.",
    What.LATE: "{name} is late: {title} would begin {minutes} min after what was promised.",
    What.CANCELLED: "{title} was called off; {name} has time.",
    What.ABSENT: "{name} is away.",
}
KINDS = {
    What.URGENT: PlanKind.EMERGENCY,
    What.IN_DANGER: PlanKind.EMERGENCY,
    What.LATE: PlanKind.LATE,
    What.ABSENT: PlanKind.ABSENCE,
    What.CANCELLED: PlanKind.CANCELLATION,
}


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that has happened. `key` is the same each time it is seen."""

    what: What
    key: str
    visit_id: str | None = None
    technician_id: str | None = None
    minutes: int = 0

    def kept(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "code": self.what.value,
            "key": self.key,
            "visit_id": self.visit_id,
            "technician_id": self.technician_id,
            "minutes": self.minutes,
        }

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Self:
        """Return what was kept with a proposal."""
        return cls(
            What(kept["code"]),
            kept["key"],
            kept["visit_id"],
            kept["technician_id"],
            kept["minutes"],
        )


def cause_views(unit: Unit, plans: Sequence[DayPlan]) -> dict[UUID, list[dict[str, Any]]]:
    """Return what each of the proposals answers, in the reader's words."""
    theirs = {
        plan.id: [Cause.read(one) for one in plan.asked.get("event", {}).get("causes", ())]
        for plan in plans
    }
    every = [one for seen in theirs.values() for one in seen]
    titles = _titles(unit, {one.visit_id for one in every if one.visit_id})
    names = _names(unit, {one.technician_id for one in every if one.technician_id})
    language = unit.actor.language

    def said(one: Cause) -> dict[str, Any]:
        figures = {
            "title": titles.get(one.visit_id or "", ""),
            "name": names.get(one.technician_id or "", ""),
            "minutes": one.minutes,
        }
        return one.kept() | {"message": say(SENTENCES[one.what], language, figures)}

    return {plan_id: [said(one) for one in seen] for plan_id, seen in theirs.items()}


def _titles(unit: Unit, wanted: set[str]) -> dict[str, str]:
    query = (
        select(Visit.id, WorkOrder.title)
        .join(WorkOrder, (WorkOrder.org_id == Visit.org_id) & (WorkOrder.id == Visit.order_id))
        .where(Visit.id.in_([UUID(one) for one in wanted]))
    )
    return {str(key): title for key, title in unit.session.execute(query)} if wanted else {}


def _names(unit: Unit, wanted: set[str]) -> dict[str, str]:
    query = select(Technician.id, Technician.name).where(
        Technician.id.in_([UUID(one) for one in wanted])
    )
    return {str(key): name for key, name in unit.session.execute(query)} if wanted else {}
