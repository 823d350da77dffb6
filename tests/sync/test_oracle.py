"""Whatever people do and however many days pass, the feed says what the oracle works out from nothing."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core import clock
from core.errors import DomainError
from core.ids import new_id
from core.unit import perform
from people.models import Account, Technician
from people.zones import today
from sync import horizon, oracle, retention
from tests.doors import Phone
from tests.makers import Maker
from work import actions as work
from work.models import Visit

BEGUN = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)

Step = tuple[str, int, int]


class Company:
    """Two engineers with vans, two machines, a handful of visits, and a calendar."""

    def __init__(self, make: Maker, set_clock: Callable[[datetime], None]) -> None:
        self.make = make
        self.set_clock = set_clock
        self.now = BEGUN
        set_clock(self.now)
        self.accounts: list[Account] = [make.account("technician") for _ in range(2)]
        self.technicians: list[Technician] = [
            make.technician(account=account) for account in self.accounts
        ]
        self.part = make.part()
        for technician in self.technicians:
            assert technician.van_place_id is not None
            make.stock(technician.van_place_id, self.part, 5)
        self.machines = [make.asset() for _ in range(2)]
        self.visits: list[Visit] = [
            make.visit(by=by, order=make.order(machine))
            for by, machine in zip((*self.technicians, None, None), self.machines * 2, strict=True)
        ]

    def live(self, story: list[Step]) -> None:
        """Let it happen; what the business refuses does not."""
        for what, one, other in story:
            self.now += timedelta(minutes=7)
            self.set_clock(self.now)
            try:
                getattr(self, what)(one, other)
            except DomainError:
                continue

    def do(self, action: Callable[..., Any], *args: Any, **given: Any) -> Any:
        return perform(self.make.system, lambda unit: action(unit, *args, **given))

    def as_engineer(self, which: int, action: Callable[..., Any], *args: Any, **given: Any) -> Any:
        actor = self.make.as_technician(self.technicians[which % 2])
        return perform(actor, lambda unit: action(unit, *args, **given))

    def day_of(self, offset: int) -> date:
        return today(self.make.org.id) + (offset * 7 - 1) * DAY

    def visit(self, which: int) -> Visit:
        return self.visits[which % len(self.visits)]

    def new_visit(self, one: int, _: int) -> None:
        order = self.make.order(self.machines[one % 2])
        self.visits.append(self.make.visit(order=order))

    def assign(self, one: int, other: int) -> None:
        to = self.technicians[other % 2].id
        self.do(work.edit_visit, self.visit(one).id, technician_id=to, day=self.day_of(other))

    def take_back(self, one: int, _: int) -> None:
        self.do(work.edit_visit, self.visit(one).id, technician_id=None)

    def claim(self, one: int, other: int) -> None:
        self.as_engineer(other, work.claim_visit, self.visit(one).id)

    def decline(self, one: int, _: int) -> None:
        self.do(work.decline_visit, self.visit(one).id, reason="Ill")

    def begin(self, one: int, _: int) -> None:
        for step in (work.start_travel, work.arrive, work.start_work):
            self.do(step, self.visit(one).id)

    def hold(self, one: int, _: int) -> None:
        self.do(work.hold_visit, self.visit(one).id, reason="weather")

    def complete(self, one: int, other: int) -> None:
        outcome = "completed" if other % 2 else "could_not_complete"
        self.do(work.complete_visit, self.visit(one).id, findings="Done", outcome=outcome)

    def use(self, one: int, other: int) -> None:
        self.as_engineer(
            other, work.use_part, self.visit(one).id, part_id=self.part.id, qty=1, id=new_id()
        )

    def talk(self, one: int, _: int) -> None:
        self.do(work.add_comment, self.visit(one).order_id, text="Mind the step")

    def read(self, one: int, other: int) -> None:
        where = self.visit(one).id if other % 2 else None
        machine = self.machines[one % 2].id
        self.do(work.add_reading, machine, meter="h", value=1.5, measured_in="h", visit_id=where)

    def spend(self, one: int, other: int) -> None:
        now = clock.now()
        self.as_engineer(
            other,
            work.add_time,
            self.visit(one).id,
            kind="work",
            begun_at=now - timedelta(minutes=5),
            ended_at=now,
        )

    def cancel(self, one: int, _: int) -> None:
        self.do(work.cancel_order, self.visit(one).order_id, reason="Sold")

    def need(self, one: int, _: int) -> None:
        wanted = [{"part_id": self.part.id, "qty": 1}] if one % 2 else []
        self.do(work.edit_order, self.visit(one).order_id, parts=wanted)

    def days_pass(self, one: int, other: int) -> None:
        self.now += (one * 5 + other) * DAY
        self.set_clock(self.now)
        horizon.refresh(self.make.system)

    def forget(self, _: int, __: int) -> None:
        retention.forget_removals(self.make.system)


ACTS = [
    "assign",
    "assign",
    "assign",
    "take_back",
    "claim",
    "claim",
    "begin",
    "complete",
    "complete",
    "hold",
    "decline",
    "use",
    "talk",
    "read",
    "spend",
    "cancel",
    "need",
    "new_visit",
    "days_pass",
    "days_pass",
    "forget",
]
STORIES = st.lists(
    st.tuples(st.sampled_from(ACTS), st.integers(0, 7), st.integers(0, 5)), min_size=5, max_size=25
)


def test_the_feed_is_what_the_oracle_says_after_any_story(
    make: Maker, at: Callable[[datetime], None], phone: Callable[..., Phone]
) -> None:
    company = Company(make, at)
    phones = [phone(account) for account in company.accounts]

    @settings(
        max_examples=8,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(STORIES)
    def holds(story: list[Step]) -> None:
        company.live(story)
        assert oracle.differences(make.system) == [], story
        for account, mobile in zip(company.accounts, phones, strict=True):
            mobile.sign_in()
            mobile.pull()
            mobile.pull()
            fresh = phone(account, device_id=new_id())
            fresh.pull()
            assert fresh.held == mobile.held, story

    holds()
