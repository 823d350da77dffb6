"""Today: what is open and to be planned, what is under way, what waits for an answer."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import select

from assets.queries import asset_for
from core.unit import Unit
from parts import actions as parts
from parts.models import IssueSlip
from seed.catalogue import MAIN
from seed.draw import Draw
from seed.fleet_map import any_of, near
from seed.machines import SHOWN, Machine, excavator_no, machines
from seed.people import ACCOUNTS, TECHNICIANS, TechnicianCard
from seed.setting import Setting
from seed.steps import Step, there
from seed.work_cards import (
    ACCEPTED_REPORTS,
    DISPATCHED,
    ORDERS,
    WAITING_REPORTS,
    OrderCard,
    ReportCard,
)
from work import actions as work
from work.models import Confirmation, Hold, Request, Visit, WorkOrder
from work.queries import visits_of

# Beside these there are the dispatched ones, the accepted reports, and what yesterday left.
UNPLANNED_ORDERS = 35
STAGE = "Opening today's work"

AT_WORK = "chen"
# The promised one of a day, which the plan must not move: on the machine whose code is printed.
LOCKED = ("wang", 0)
# Why an order waits, and which of the unplanned ones.
ON_HOLD = {"customer": 17, "weather": 31}

_URGENT, _SOON, _USUAL = 2, 10, 19
# How long ago an order of each priority may have come in, in hours.
_AGE_H = {1: (0.5, 2.5), 2: (3, 20), 3: (20, 70), 4: (48, 190)}
_WINDOWS = [
    ("08:00", "10:00"),
    ("08:30", "12:00"),
    ("10:00", "12:00"),
    ("11:00", "14:00"),
    ("13:00", "15:00"),
    ("13:30", "17:00"),
    ("15:00", "18:00"),
]
_WINDOW_SHARE = 0.4
# A window that is nearly over helps nobody.
_WINDOW_LEFT = timedelta(minutes=90)
_DAY_BEGINS, _DAY_ENDS = "08:45", "23:59"
_DRIVE = timedelta(minutes=40)
# So many machines of a kind are near enough to a technician's home.
_WITHIN_REACH = 5

SLIP_LINES = {
    "xu": {"CRN-LIMIT": 2, "INS-SENS-P": 1, "HOSE-12-1000": 4},
    "liu": {"FLT-OIL": 6, "FLT-FUEL": 6, "ENG-BELT": 2, "COOLANT-20": 2},
}

OFFICE = {card.role: card for card in ACCOUNTS}
CREW = {card.key: card for card in TECHNICIANS}


@dataclass(frozen=True, slots=True)
class Opening:
    """An order to open: what, on which machine, since when and how urgent."""

    key: str
    card: OrderCard
    machine: Machine
    priority: int
    opened_at: datetime
    window: tuple[datetime, datetime] | None

    def id(self, setting: Setting) -> UUID:
        """Return the id that the order gets."""
        return setting.draw.id("order", self.key)


def steps(setting: Setting) -> Iterator[Step]:
    """Yield what fills the desks of this morning."""
    unplanned = openings(setting)
    known = [*unplanned, *(opening for _, _, opening in firm(setting))]
    for opening in sorted(known, key=lambda opening: opening.opened_at):
        yield _open(setting, opening)
    for number, report in enumerate(ACCEPTED_REPORTS):
        yield from _accepted(setting, number, report)
    for key, number, opening in firm(setting):
        yield from _dispatched(setting, key, number, opening)
    yield from _holds(setting, unplanned)
    for number, report in enumerate(WAITING_REPORTS):
        yield _reported(setting, f"waiting/{number}", report)
    yield _confirmed(setting)
    yield from _slips(setting)


def openings(setting: Setting) -> list[Opening]:
    """Return the orders that nobody has been given yet."""
    random = setting.draw.stream("today")
    priorities = [1] * _URGENT + [2] * _SOON + [3] * _USUAL
    random.shuffle(priorities)
    openings: list[Opening] = []
    visits: Counter[str] = Counter()
    for number in range(UNPLANNED_ORDERS):
        card = ORDERS[number % len(ORDERS)]
        # The company lives where its customers are: whatever breaks, breaks within somebody's reach.
        nearby = near(card.machines, random.choice(_able(card)))[:_WITHIN_REACH]
        machine = min(nearby, key=lambda machine: (visits[machine.no], random.random()))
        visits[machine.no] += 1
        priority = priorities.pop() if card.kind == "corrective" and priorities else 4
        openings.append(
            Opening(
                key=f"today/{number}",
                card=card,
                machine=machine,
                priority=priority,
                opened_at=setting.ago(hours=random.uniform(*_AGE_H[priority])),
                window=_window(setting, random),
            )
        )
    return openings


def _able(card: OrderCard) -> list[TechnicianCard]:
    """Return the technicians who can do it, whether they are on duty today or not."""
    return [
        who
        for who in TECHNICIANS
        if all(who.skills.get(code, 0) >= level for code, level in card.skills.items())
    ]


def _window(setting: Setting, random: Random) -> tuple[datetime, datetime] | None:
    wanted, chosen = random.random(), random.random()
    if wanted > _WINDOW_SHARE:
        return None
    spans = [
        (setting.at(setting.plan_day, start), setting.at(setting.plan_day, end))
        for start, end in _WINDOWS
    ]
    open_ = [span for span in spans if span[1] - setting.now >= _WINDOW_LEFT]
    return open_[int(chosen * len(open_))]


def _open(setting: Setting, opening: Opening) -> Step:
    card, draw = opening.card, setting.draw
    start, end = opening.window or (None, None)

    def do(unit: Unit) -> None:
        work.open_order(
            unit,
            id=opening.id(setting),
            title=card.title,
            kind=card.kind,
            asset_id=draw.id("asset", opening.machine.no),
            description=card.description,
            priority=opening.priority,
            duration_min=card.minutes,
            skills=[{"code": code, "level": level} for code, level in card.skills.items()],
            parts=[
                {"part_id": draw.id("part", sku), "qty": qty} for sku, qty in card.parts.items()
            ],
            window_from=start,
            window_to=end,
            symptom=card.symptom,
        )

    return Step(
        STAGE,
        setting.person(OFFICE["dispatcher"]),
        do,
        there(WorkOrder, opening.id(setting)),
        happened_at=opening.opened_at,
    )


def _reported(setting: Setting, key: str, report: ReportCard) -> Step:
    random = setting.draw.stream(f"report/{key}")
    machine = any_of((report.machine,), random)
    request_id = setting.draw.id("request", key)

    def do(unit: Unit) -> None:
        asset = asset_for(unit, setting.draw.id("asset", machine.no))
        work.report_fault(unit, asset, id=request_id, **_said(report))

    return Step(
        STAGE,
        setting.system,
        do,
        there(Request, request_id),
        happened_at=setting.ago(hours=report.hours_ago),
    )


def _said(report: ReportCard) -> dict[str, Any]:
    return {
        "symptom": report.symptom,
        "text": report.text,
        "reporter_name": report.name,
        "language": report.language,
    }


def _confirmed(setting: Setting) -> Step:
    """Let somebody else report what was reported first."""
    report, first = WAITING_REPORTS[0], setting.draw.id("request", "waiting/0")
    second = setting.draw.id("confirmation", "waiting/0")

    def do(unit: Unit) -> None:
        asset = asset_for(unit, unit.must(Request, first, "No such request.").asset_id)
        said = _said(report) | {
            "text": "Same here: oil all over the track.",
            "reporter_name": "Night shift",
            "language": "en",
        }
        work.report_fault(unit, asset, id=second, **said)

    return Step(
        STAGE,
        setting.system,
        do,
        there(Confirmation, second),
        happened_at=setting.ago(hours=report.hours_ago / 2),
    )


def _accepted(setting: Setting, number: int, report: ReportCard) -> Iterator[Step]:
    yield _reported(setting, f"accepted/{number}", report)
    request_id = setting.draw.id("request", f"accepted/{number}")
    order_id = setting.draw.id("order", f"accepted/{number}")

    def do(unit: Unit) -> None:
        work.accept_request(
            unit,
            request_id,
            id=order_id,
            priority=2,
            duration_min=90,
            skills=[{"code": "hydraulics", "level": 2}],
        )

    office = setting.person(OFFICE["dispatcher"])
    yield Step(
        STAGE,
        office,
        do,
        there(WorkOrder, order_id),
        happened_at=setting.ago(hours=report.hours_ago - 0.5),
    )


def firm(setting: Setting) -> Iterator[tuple[str, int, Opening]]:
    """Yield what is in somebody's day already: whose, which in their day, and the order."""
    cards = {card.title: card for card in ORDERS}
    for key, titles in DISPATCHED.items():
        for number, title in enumerate(titles):
            card = cards[title]
            machine = near(card.machines, CREW[key])[number]
            if (key, number) == LOCKED:
                machine = next(
                    machine for machine in machines() if machine.no == excavator_no(SHOWN)
                )
            urgent = key == AT_WORK
            hours = 1.5 if urgent else 18 + number
            yield (
                key,
                number,
                Opening(
                    f"firm/{key}/{number}",
                    card,
                    machine,
                    1 if urgent else 2,
                    setting.ago(hours=hours),
                    None,
                ),
            )


def _dispatched(setting: Setting, key: str, number: int, opening: Opening) -> Iterator[Step]:
    """Put the visit into the technician's day; the one at work has set out, arrived and begun."""
    office, technician_id = setting.person(OFFICE["dispatcher"]), setting.draw.id("technician", key)
    order_id = opening.id(setting)
    # Just after midnight the work that began yesterday still belongs to the day that people look at.
    midnight = setting.at(setting.today, "00:00")
    arrives_at = (
        max(setting.ago(minutes=45), midnight) if key == AT_WORK else arrival(setting, key, number)
    )

    def plan(unit: Unit) -> None:
        work.edit_visit(
            unit,
            _visit(unit, order_id).id,
            technician_id=technician_id,
            day=arrives_at.astimezone(setting.local.tzinfo).date(),
            arrives_at=arrives_at,
            locked=(key, number) == LOCKED,
        )

    yield Step(
        STAGE,
        office,
        plan,
        partial(_is_noted, name="technician_id", order_id=order_id),
        happened_at=setting.ago(hours=1),
    )
    if key == AT_WORK:
        driver = setting.technician(CREW[key])
        on_the_road: list[tuple[float, str, Callable[[Unit, UUID], Visit]]] = [
            (75, "travel_started_at", work.start_travel),
            (45, "arrived_at", work.arrive),
            (40, "work_started_at", work.start_work),
        ]
        for minutes, noted, action in on_the_road:
            yield Step(
                STAGE,
                driver,
                partial(_on_visit, action=action, order_id=order_id),
                partial(_is_noted, name=noted, order_id=order_id),
                happened_at=setting.ago(minutes=minutes),
            )


def _on_visit(unit: Unit, *, action: Callable[[Unit, UUID], Visit], order_id: UUID) -> Visit:
    return action(unit, _visit(unit, order_id).id)


def _is_noted(unit: Unit, *, name: str, order_id: UUID) -> bool:
    return getattr(_visit(unit, order_id), name) is not None


def arrival(setting: Setting, key: str, number: int) -> datetime:
    """Return when a visit of the day begins. In the evening the first one is an emergency of the same day."""
    late = setting.plan_day != setting.today
    if late and number == 0:
        return min(setting.now + _DRIVE, setting.at(setting.today, _DAY_ENDS))
    begins = setting.at(setting.plan_day, _DAY_BEGINS)
    begins = begins if late else max(begins, setting.now + _DRIVE / 2)
    titles = DISPATCHED[key][late:number]
    minutes = {card.title: card.minutes for card in ORDERS}
    return begins + sum(
        (timedelta(minutes=minutes[title]) + _DRIVE for title in titles), timedelta()
    )


def _visit(unit: Unit, order_id: UUID) -> Visit:
    return visits_of(unit, order_id)[0]


def _holds(setting: Setting, unplanned: list[Opening]) -> Iterator[Step]:
    office = setting.person(OFFICE["dispatcher"])
    for reason, number in ON_HOLD.items():
        order_id = unplanned[number].id(setting)
        moment = max(unplanned[number].opened_at, setting.ago(hours=5))
        hold = partial(work.hold_order, order_id=order_id, reason=reason)
        yield Step(STAGE, office, hold, _held(order_id), happened_at=moment)


def _held(order_id: UUID) -> Callable[[Unit], bool]:
    return lambda unit: (
        unit.session.scalar(select(Hold.id).where(Hold.order_id == order_id)) is not None
    )


def _slips(setting: Setting) -> Iterator[Step]:
    """Give the storekeeper something to do: one slip to approve and one to pick."""
    keeper, draw = setting.person(OFFICE["storekeeper"]), setting.draw
    for key, approved in (("xu", False), ("liu", True)):
        slip_id = draw.id("slip", key)
        make = partial(_make_slip, draw=draw, key=key, approved=approved)
        yield Step(STAGE, keeper, make, there(IssueSlip, slip_id), happened_at=setting.ago(hours=2))


def _make_slip(unit: Unit, *, draw: Draw, key: str, approved: bool) -> None:
    slip = parts.create_slip(
        unit,
        id=draw.id("slip", key),
        to_place_id=draw.id("place", key),
        from_place_id=draw.id("place", MAIN),
        lines=[
            {"part_id": draw.id("part", sku), "qty": qty} for sku, qty in SLIP_LINES[key].items()
        ],
    )
    if approved:
        unit.session.flush()
        parts.approve_slip(unit, slip.id)
