"""An engineer with a phone, a van and one visit: what tests of the offline door begin with."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from core import clock
from core.unit import reading
from tests.doors import Phone
from tests.makers import Maker


class Field:
    """An engineer with a phone, a van and one visit."""

    def __init__(self, make: Maker, phone: Callable[..., Phone]) -> None:
        self.make = make
        self.account = make.account("technician")
        self.technician = make.technician(account=self.account)
        self.order = make.order(checklist=[])
        self.visit = make.visit(by=self.technician, order=self.order)
        self.phone = phone(self.account)

    def say(self, kind: str, /, **args: Any) -> dict[str, Any]:
        """Say something about the visit."""
        return self.phone.say(kind, {"visit_id": str(self.visit.id)} | args)

    def time(self, minutes: int = 30, **more: Any) -> dict[str, Any]:
        """Say how long the work took."""
        now = clock.now()
        begun = now - timedelta(minutes=minutes)
        usual = {"kind": "work", "begun_at": begun.isoformat(), "ended_at": now.isoformat()}
        return self.say("time.add", **usual | more)

    def read(self, value: float, **more: Any) -> dict[str, Any]:
        """Say what the hour meter shows."""
        args = {"asset_id": str(self.order.asset_id), "meter": "hours", "value": value, "unit": "h"}
        return self.phone.say("reading.add", args | more)

    def row(self, model: Any, row_id: UUID) -> Any:
        """Return a row as it is now."""
        with reading(self.make.system) as unit:
            return unit.must(model, row_id, "gone")

    def all(self, model: Any) -> list[Any]:
        """Return every row of a kind."""
        with reading(self.make.system) as unit:
            return list(unit.session.scalars(sa.select(model)).all())


def statuses(answer: dict[str, Any]) -> list[str]:
    """Return what became of each mutation."""
    return [result["status"] for result in answer["results"]]
