"""Visits that a dispatcher moves by hand."""

from datetime import datetime
from typing import Any

from core.errors import Invalid, StaleVersion
from core.unit import Unit
from people.permissions import require
from work.actions import edit_visit
from work.models import Visit
from work.queries import visit_for


def move_visits(unit: Unit, *, moves: list[dict[str, Any]]) -> list[Visit]:
    """Put visits where a dispatcher wants them, all or none; what somebody changed meanwhile stays.

    Raises NotFound, Conflict for a visit that is under way or over, StaleVersion for one that is
    not as it was seen, Invalid for one that ends before it begins.
    """
    require(unit.actor, "order.change")
    moved = []
    for move in moves:
        visit = visit_for(unit, move["visit_id"], change=True)
        if visit.version != move["version"]:
            raise StaleVersion(
                "Somebody else changed one of these visits at the same time. Nothing was moved;"
                " load the board again.",
                visit_id=str(visit.id),
                version=visit.version,
            )
        names = ("technician_id", "day", "arrives_at")
        changes = {
            name: move[name]
            for name in names
            if name in move and move[name] != getattr(visit, name)
        }
        if "technician_id" in changes:
            # With somebody else the hour is settled anew, be it the same.
            changes["arrives_at"] = move.get("arrives_at")
        edit_visit(unit, visit.id, **changes)
        _check_hours(visit.arrives_at, move.get("departs_at"))
        # The order of the day was the plan's; from here on the times tell it.
        visit.departs_at, visit.travel_s = move.get("departs_at"), move.get("travel_s")
        visit.position = move.get("position")
        moved.append(visit)
    return moved


def _check_hours(arrives_at: datetime | None, departs_at: datetime | None) -> None:
    if arrives_at is not None and departs_at is not None and departs_at < arrives_at:
        message = "A visit must end after it begins."
        raise Invalid(message, fields={"departs_at": [message]})
