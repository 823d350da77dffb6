"""What a plan is asked for beyond its days: whom, what is left out, on which terms; kept with the plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Asking:
    """What is to be different from usual.

    With `technician_ids` those alone are planned, and what stands with others stays there. Whoever
    is in `without` is taken to be away: what stands with them is given to others. `left_out` are
    visits that are not planned. What is None is as the company has it.
    """

    technician_ids: frozenset[str] | None = None
    without: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    overtime_min: int | None = None
    frozen_min: int | None = None
    budget: int | None = None
    weights: Mapping[str, int] = field(default_factory=dict)
    event: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        *,
        technician_ids: Sequence[UUID] | None = None,
        without: Sequence[UUID] = (),
        left_out: Sequence[UUID] = (),
        **more: Any,
    ) -> Self:
        """Return what is asked in ids."""
        return cls(
            technician_ids=_names(technician_ids) if technician_ids is not None else None,
            without=_names(without),
            left_out=_names(left_out),
            **{name: value for name, value in more.items() if value is not None},
        )

    @classmethod
    def read(cls, technician_ids: Sequence[str] | None, kept: Mapping[str, Any]) -> Self:
        """Return what was kept with a plan."""
        return cls(
            technician_ids=frozenset(technician_ids) if technician_ids is not None else None,
            without=frozenset(kept.get("without", ())),
            left_out=frozenset(kept.get("left_out", ())),
            overtime_min=kept.get("overtime_min"),
            frozen_min=kept.get("frozen_min"),
            budget=kept.get("budget"),
            weights=kept.get("weights", {}),
            event=kept.get("event", {}),
        )

    def kept(self) -> dict[str, Any]:
        """Return it as plain JSON, without what is as usual; the technicians are kept apart."""
        values: dict[str, Any] = {
            "without": sorted(self.without),
            "left_out": sorted(self.left_out),
            "overtime_min": self.overtime_min,
            "frozen_min": self.frozen_min,
            "budget": self.budget,
            "weights": dict(self.weights),
            "event": dict(self.event),
        }
        return {name: value for name, value in values.items() if value not in (None, [], {})}

    @property
    def is_what_if(self) -> bool:
        """Return whether something is supposed that is not so."""
        supposed = (self.without, self.left_out, self.weights)
        return any(supposed) or self.overtime_min is not None


def _names(ids: Sequence[UUID]) -> frozenset[str]:
    return frozenset(str(one) for one in ids)
