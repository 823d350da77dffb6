"""The making of the company as steps: each is one unit of work, and knows whether it was done before.

A run that was cut off therefore goes on where it stopped when it is started again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from core.actor import Actor
from core.models import Identified
from core.unit import Unit, perform


@dataclass(frozen=True, slots=True)
class Step:
    """One unit of work: who does it, as of when, what, and how to see that it is done."""

    stage: str
    actor: Actor
    do: Callable[[Unit], object]
    done: Callable[[Unit], bool]
    happened_at: datetime | None = None
    weight: int = 1

    def run(self) -> None:
        """Do it, unless it is done."""

        def once(unit: Unit) -> None:
            if not self.done(unit):
                self.do(unit)

        perform(self.actor, once, name="seed", happened_at=self.happened_at)


def there(model: type[Identified], row_id: UUID) -> Callable[[Unit], bool]:
    """Return the question whether there is a row of this id."""
    return lambda unit: unit.get(model, row_id) is not None
