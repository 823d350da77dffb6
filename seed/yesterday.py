"""Yesterday: orders that were planned, driven to, worked on, signed and rated, with parts from the vans."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import select

from assets.models import Asset
from core.unit import Unit
from parts.models import Part
from people.queries import organisation_of
from seed.fleet_map import near
from seed.machines import Machine
from seed.people import ACCOUNTS, TECHNICIANS
from seed.places import contact_at
from seed.setting import Setting
from seed.steps import Step, there
from seed.work_cards import DONE, DoneCard
from work import actions as work
from work.canonical import sha256_hex
from work.models import Hold, OrderState, PartUse, SignOff, Visit, WorkOrder
from work.queries import order_for, visits_of

STAGE = "Writing up yesterday's work"

_OFFICE = {card.role: card for card in ACCOUNTS}
_CREW = {card.key: card for card in TECHNICIANS}
_CLOSES = "19:30"
_STATEMENT = {
    "en": "The work described above was done to my satisfaction.",
    "zh-CN": "以上工作已完成，本人确认无误。",
}


def steps(setting: Setting) -> Iterator[Step]:
    """Yield what happened, order by order."""
    for number, card in enumerate(DONE):
        yield from _Life(setting, number, card).steps()


class _Life:
    """One order from the telephone call to the customer's verdict."""

    def __init__(self, setting: Setting, number: int, card: DoneCard) -> None:
        self.setting, self.card = setting, card
        self.order_id = setting.draw.id("order", f"done/{number}")
        self.signoff_id = setting.draw.id("signoff", f"done/{number}")
        self.key = f"done/{number}"
        self.crew = _CREW[card.technician]
        self.machine: Machine = near((card.machine,), self.crew)[0]
        self.day = setting.today - timedelta(days=1)
        self.starts = setting.at(self.day, card.starts)
        self.ends = self.starts + timedelta(minutes=card.minutes)
        self.random: Random = setting.draw.stream(self.key)

    def steps(self) -> Iterator[Step]:
        yield self._by_office(-60 * self.card.waited_h, self._open, there(WorkOrder, self.order_id))
        yield self._by_office(-90, self._plan, self._noted("technician_id"))
        yield self._by_technician(
            -35,
            lambda unit: work.start_travel(unit, self._visit(unit).id),
            self._noted("travel_started_at"),
        )
        yield self._by_technician(
            -4, lambda unit: work.arrive(unit, self._visit(unit).id), self._noted("arrived_at")
        )
        yield self._by_technician(
            0,
            lambda unit: work.start_work(unit, self._visit(unit).id),
            self._noted("work_started_at"),
        )
        for sku, qty in self.card.parts.items():
            yield self._by_technician(
                self.card.minutes // 2, self._using(sku, qty), there(PartUse, self._use_id(sku))
            )
        yield self._by_technician(self.card.minutes, self._complete, self._noted("completed_at"))
        if self.card.signed:
            yield self._by_technician(
                self.card.minutes + 4, self._sign, there(SignOff, self.signoff_id)
            )
        if self.card.rating:
            yield self._at(self.ends + timedelta(hours=2), self._rate, self._rated)
        if self.card.outcome != "completed":
            yield self._by_office(self.card.minutes + 15, self._hold, self._held)
        elif self.card.closed:
            yield self._at(
                self.setting.at(self.day, _CLOSES),
                lambda unit: work.close_order(unit, self.order_id),
                self._is_closed,
            )

    def _by_office(
        self, minutes: int, do: Callable[[Unit], object], done: Callable[[Unit], bool]
    ) -> Step:
        return self._at(self.starts + timedelta(minutes=minutes), do, done)

    def _by_technician(
        self, minutes: int, do: Callable[[Unit], object], done: Callable[[Unit], bool]
    ) -> Step:
        actor = self.setting.technician(self.crew)
        return Step(STAGE, actor, do, done, happened_at=self.starts + timedelta(minutes=minutes))

    def _at(
        self, moment: datetime, do: Callable[[Unit], object], done: Callable[[Unit], bool]
    ) -> Step:
        return Step(STAGE, self.setting.person(_OFFICE["dispatcher"]), do, done, happened_at=moment)

    def _visit(self, unit: Unit) -> Visit:
        return visits_of(unit, self.order_id)[0]

    def _noted(self, name: str) -> Callable[[Unit], bool]:
        return lambda unit: getattr(self._visit(unit), name) is not None

    def _open(self, unit: Unit) -> None:
        work.open_order(
            unit,
            id=self.order_id,
            title=self.card.title,
            asset_id=self.setting.draw.id("asset", self.machine.no),
            priority=2,
            duration_min=self.card.minutes,
            symptom=self.card.symptom,
        )

    def _plan(self, unit: Unit) -> None:
        technician_id = self.setting.draw.id("technician", self.card.technician)
        work.edit_visit(
            unit,
            self._visit(unit).id,
            technician_id=technician_id,
            day=self.day,
            arrives_at=self.starts,
        )

    def _use_id(self, sku: str) -> UUID:
        return self.setting.draw.id("use", f"{self.key}/{sku}")

    def _using(self, sku: str, qty: int) -> Callable[[Unit], object]:
        part_id = self.setting.draw.id("part", sku)
        return lambda unit: work.use_part(
            unit, self._visit(unit).id, id=self._use_id(sku), part_id=part_id, qty=qty
        )

    def _complete(self, unit: Unit) -> None:
        work.complete_visit(
            unit,
            self._visit(unit).id,
            findings=self.card.findings,
            outcome=self.card.outcome,
            reason=self.card.reason,
            failure_mode=self.card.mode,
            cause=self.card.cause,
            remedy=self.card.remedy,
            answers={"safe": True, "hours": self.random.randint(900, 21_000), "tested": True},
            no_parts_used=not self.card.parts,
        )

    def _sign(self, unit: Unit) -> None:
        manifest = self._manifest(unit)
        work.seal_signoff(
            unit,
            self._visit(unit).id,
            id=self.signoff_id,
            manifest=manifest,
            manifest_sha256=sha256_hex(manifest),
            signature={
                "name": contact_at(self.machine.site),
                "relation": "site manager",
                "strokes": _strokes(self.random),
                "signed_at": unit.happened_at,
            },
        )

    def _manifest(self, unit: Unit) -> dict[str, Any]:
        """Return what the phone would have shown and sealed."""
        order, visit = order_for(unit, self.order_id), self._visit(unit)
        asset = unit.must(Asset, self.setting.draw.id("asset", self.machine.no), "No such machine.")
        language = self.crew.language
        used = unit.session.execute(
            select(Part.sku, Part.name, Part.name_zh, PartUse.qty)
            .join(Part, (Part.org_id == PartUse.org_id) & (Part.id == PartUse.part_id))
            .where(PartUse.order_id == order.id)
            .order_by(Part.sku)
        ).all()
        return {
            "schema": 1,
            "organisation": organisation_of(unit).name,
            "order_no": order.no,
            "visit_no": visit.no,
            "visit_id": str(visit.id),
            "language": language,
            "asset": {
                "name": asset.name,
                "model": asset.model,
                "serial": asset.serial,
                "location": asset.location_path,
            },
            "fault": order.title,
            "findings": visit.findings,
            "failure_mode": visit.failure_mode,
            "cause": visit.cause,
            "remedy": visit.remedy,
            "outcome": visit.state.value,
            "checklist": [
                {
                    "key": step["key"],
                    "label": step["label"][language],
                    "value": visit.answers.get(step["key"]),
                }
                for step in order.checklist
            ],
            "parts": [
                {"sku": sku, "name": name_zh if language == "zh-CN" else name, "qty": qty}
                for sku, name, name_zh, qty in used
            ],
            "photos": [],
            "times": {
                name: _text(getattr(visit, name))
                for name in ("travel_started_at", "arrived_at", "work_started_at", "completed_at")
            },
            "technician": self.crew.name,
            "statement": _STATEMENT[language],
        }

    def _rate(self, unit: Unit) -> None:
        work.give_verdict(unit, self.signoff_id, verdict="confirmed", rating=self.card.rating)

    def _rated(self, unit: Unit) -> bool:
        return unit.must(SignOff, self.signoff_id, "No such report.").rating is not None

    def _hold(self, unit: Unit) -> None:
        work.hold_order(unit, self.order_id, reason="parts")

    def _held(self, unit: Unit) -> bool:
        return (
            unit.session.scalar(select(Hold.id).where(Hold.order_id == self.order_id)) is not None
        )

    def _is_closed(self, unit: Unit) -> bool:
        return order_for(unit, self.order_id).state is OrderState.CLOSED


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None


def _strokes(random: Random) -> list[list[list[int]]]:
    """Return two strokes of a pen that could be anybody's name."""
    strokes = []
    for start in (0, 90):
        y, line = 60, []
        for point in range(24):
            y = min(110, max(10, y + random.randint(-18, 18)))
            line.append([20 + start + point * 4, y, start * 10 + point * 16])
        strokes.append(line)
    return strokes
