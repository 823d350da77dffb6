"""What was repaired before: the data's own orders at their own dates, and a last year drawn from them.

The excavators' orders end in 2012, and the manager's figures look at the last 365 days. So that
these days are believable too, the same real texts, causes and costs are drawn again for machines
that dig and load; their numbers begin with RP where the data's begin with EX.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import select

from assets import actions as assets
from assets.models import Asset, Repair
from core.unit import Unit
from seed.catalogue import PARTS
from seed.excavators import MICRO, ExcavatorOrder
from seed.machines import excavator_no, machines
from seed.people import TECHNICIANS
from seed.setting import Setting

# Rows in one unit of work: large enough to be quick, small enough to show progress.
BATCH = 500
# The data say only on which day; work in a mine ends with the shift.
END_OF_SHIFT = "17:00"

RECENT_DAYS = 364
RECENT_MACHINES = 15
RECENT_REPAIRS = 150
SECOND_TRIPS = 0.12
_DIGS_AND_LOADS = ("excavator", "wheel_loader")
# Texts that name a machine of the mine would be wrong on another one.
_NAMES_A_MACHINE = re.compile(
    r"SHD|RH ?120|120[CE]|O&K|SHOVEL|MATERIAL|M/N|CAPITAL|FY1|FY 1", re.IGNORECASE
)
# What the parts column says, and what our catalogue calls it.
_FITTED = {
    "Grease": "GRS-LINE-06",
    "GET": "GET-TOOTH-C",
    "Air Conditioning": "AC-BELT",
    "Mount": "MNT-BOLT-24",
    "Starting": "ELE-SOLEN",
    "Filter": "FLT-OIL",
    "Seal": "SEAL-ORING",
    "Lights": "ELE-LAMP-LED",
    "Electric": "ELE-RELAY-24",
    "Fan": "ENG-BELT",
    "Hydraulic": "HOSE-12-1000",
    "HYDRAULIC": "HOSE-12-1000",
}
# What the driver would have said, by how it failed, and otherwise by what it was.
_SYMPTOMS = {
    "leak": "leak",
    "structural": "structural",
    "missing_loose": "structural",
    "overheated": "overheating",
    "fail_to_start": "wont_start",
    "burning": "electrical",
    "warning": "electrical",
}
_SYMPTOMS_OF = {
    "Air Conditioning": "air_conditioning",
    "Drivers Cabin": "air_conditioning",
    "Starting": "wont_start",
    "Electric": "electrical",
    "Lights": "electrical",
    "Radio": "electrical",
    "Instrumentation": "electrical",
    "GET": "structural",
    "Mount": "structural",
    "Ladder": "safety",
    "Fire": "safety",
    "Brake": "brakes",
    "Track": "noise",
    "Grease": "noise",
    "Filter": "no_power",
    "Fuel": "no_power",
    "ENGINE": "no_power",
    "Engine": "no_power",
    "Hydraulic": "hydraulic_slow",
    "HYD": "hydraulic_slow",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One repair to write into the history."""

    machine: str
    no: str
    day: date
    finished_at: datetime
    details: dict[str, Any]


def old_lines(setting: Setting, orders: Sequence[ExcavatorOrder]) -> list[Line]:
    """Return the data's own orders, the oldest first."""
    lines = [
        Line(
            machine=excavator_no(order.machine),
            no=order.no,
            day=order.day,
            finished_at=setting.at(order.day, END_OF_SHIFT),
            details={
                "kind": order.kind,
                "title": order.text,
                "failure_mode": order.mode,
                "cause": order.cause,
                "remedy": order.remedy,
                "component": order.component,
                "cost_micro": order.cost_micro,
                "cost_doubted": order.cost_doubted,
            },
        )
        for order in orders
    ]
    return sorted(lines, key=lambda line: (line.day, line.no))


def recent_lines(setting: Setting, orders: Sequence[ExcavatorOrder]) -> list[Line]:
    """Return the drawn repairs of the last year, the oldest first."""
    random = setting.draw.stream("recent")
    usable = [
        order
        for order in orders
        if order.kind == "corrective"
        and not order.cost_doubted
        and not _NAMES_A_MACHINE.search(order.text)
        and order.cost_micro < 50_000 * MICRO
    ]
    diggers = [machine.no for machine in machines() if machine.kind in _DIGS_AND_LOADS][
        :RECENT_MACHINES
    ]
    # Some machines are the workshop's regular guests, most are not.
    weights = [random.uniform(0.4, 2.0) for _ in diggers]
    drawn = sorted(
        (_Drawn(random, diggers, weights, usable) for _ in range(RECENT_REPAIRS)),
        key=lambda repair: (-repair.days_ago, repair.minute),
    )
    lines = []
    for number, repair in enumerate(drawn, start=1):
        order = repair.order
        day = setting.today - timedelta(days=repair.days_ago)
        lines.append(
            Line(
                machine=repair.machine,
                no=f"RP-{number:05d}",
                day=day,
                finished_at=setting.at(day, f"{repair.minute // 60:02d}:{repair.minute % 60:02d}"),
                details={
                    "kind": order.kind,
                    "title": order.text.capitalize() if order.text.isupper() else order.text,
                    "symptom": _symptom(order),
                    "failure_mode": order.mode,
                    "cause": order.cause,
                    "remedy": order.remedy,
                    "component": order.component,
                    "parts": _parts(order),
                    "cost_micro": order.cost_micro,
                    "technician": random.choice(TECHNICIANS).name,
                    "visits": 2 if random.random() < SECOND_TRIPS else 1,
                },
            )
        )
    return lines


class _Drawn:
    """One failure of the last year: when, which machine, and whose text it takes."""

    def __init__(
        self,
        random: Random,
        machines_: Sequence[str],
        weights: Sequence[float],
        orders: Sequence[ExcavatorOrder],
    ) -> None:
        self.days_ago = random.randint(1, RECENT_DAYS)
        self.minute = random.randint(9 * 60, 18 * 60)
        self.machine = random.choices(machines_, weights)[0]
        self.order = random.choice(orders)


def _symptom(order: ExcavatorOrder) -> str:
    if order.mode in _SYMPTOMS:
        return _SYMPTOMS[order.mode]
    about = order.component or ""
    return next((symptom for word, symptom in _SYMPTOMS_OF.items() if word in about), "other")


def _parts(order: ExcavatorOrder) -> list[dict[str, Any]]:
    if order.remedy != "replaced" or order.component is None:
        return []
    names = {part.sku: part.name for part in PARTS}
    sku = next((sku for word, sku in _FITTED.items() if word in order.component), None)
    return [{"sku": sku, "name": names[sku], "qty": 1}] if sku else []


def batches(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """Cut the lines into what one unit of work writes."""
    for start in range(0, len(lines), BATCH):
        yield lines[start : start + BATCH]


def is_written(unit: Unit, lines: Sequence[Line]) -> bool:
    """Tell whether a batch is in the history already."""
    return unit.session.scalar(select(Repair.id).where(Repair.order_no == lines[0].no)) is not None


def write(unit: Unit, setting: Setting, lines: Sequence[Line]) -> None:
    """Write a batch into the machines' history."""
    # Each line looks for one with its number; without this pause each look would write the line before it, alone.
    with unit.session.no_autoflush:
        for line in lines:
            asset = unit.must(Asset, setting.draw.id("asset", line.machine), "No such machine.")
            assets.record_repair(
                unit,
                asset,
                order_no=line.no,
                day=line.day,
                finished_at=line.finished_at,
                **line.details,
            )
