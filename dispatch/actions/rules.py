"""What a company's plans cost and allow, as its managers set it."""

from typing import Any

from core.errors import Invalid
from core.unit import Unit
from dispatch.models import OnEvents, PlanningRules
from dispatch.queries import planning_rules
from dispatch.weighing import USUAL, wrong
from people.permissions import require


def set_planning_rules(
    unit: Unit, *, weights: dict[str, int] | None = None, **rules: Any
) -> PlanningRules:
    """Set the company's rules for plans; a price that is the usual one is not kept.

    Raises Invalid for a price that there is not, or out of bounds.
    """
    require(unit.actor, "plan.rules")
    if weights is not None and (bad := wrong(weights)):
        raise Invalid("These prices cannot be taken.", fields=bad)
    row = unit.take(PlanningRules, unit.org_id) or unit.add(planning_rules(unit))
    if weights is not None:
        merged = row.weights | weights
        row.weights = {name: price for name, price in merged.items() if price != USUAL[name]}
    if "on_events" in rules:
        rules["on_events"] = OnEvents(rules["on_events"])
    for name, value in rules.items():
        setattr(row, name, value)
    return row
