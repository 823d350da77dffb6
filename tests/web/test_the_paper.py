"""The day on paper, as a real Chromium prints it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from core import clock, jobs
from core.unit import Unit, perform
from dispatch import actions as dispatch
from tests.makers import Maker
from tests.web.conftest import DESK, IN_CHROMIUM, LOADING_MS, Person, turn_to
from work.models import VisitState, WorkOrder

pytestmark = [
    *IN_CHROMIUM,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

SHANGHAI = ZoneInfo("Asia/Shanghai")
TOMORROW = timedelta(days=1)


def printed(page: Page) -> str:
    """Return what would stand on paper."""
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.get_by_role("heading", name="Wang Wei").wait_for()
    return page.locator("body").inner_text()


def test_a_sheet_tells_its_engineer_the_day_and_nothing_that_speaks_to_the_office(
    make: Maker, somebody: Callable[..., Person]
) -> None:
    wang, tomorrow = make.technician("Wang Wei"), clock.now().astimezone(SHANGHAI).date() + TOMORROW
    nine = datetime.combine(tomorrow, datetime.min.time(), SHANGHAI) + timedelta(hours=9)
    pump = make.order(title="Pump")

    def promise(unit: Unit) -> None:
        row = unit.take(WorkOrder, pump.id)
        assert row is not None
        row.due_at = nine + TOMORROW

    make.visit(
        wang,
        order=pump,
        day=tomorrow,
        arrives_at=nine,
        departs_at=nine + timedelta(hours=1),
        state=VisitState.DISPATCHED,
    )
    make.visit(order=make.order(title="Hose"), duration_min=60)
    perform(make.system, lambda unit: dispatch.ask_plan(unit, day=tomorrow, seconds=1))
    jobs.drain()
    perform(make.system, promise)
    person = somebody(DESK)
    person.open()
    page = person.sign_in(make.account("dispatcher"))
    turn_to(page, tomorrow)
    person.line.closed_to = "/v1/dispatch/plans"
    page.get_by_role("button", name="Plan the day").click()
    expect(page.get_by_text("Busy.")).to_be_visible()
    person.line.closed_to = ""
    paper = printed(page)
    assert "Pump" in paper
    assert "09:00" in paper
    later = nine + TOMORROW
    assert f"{later:%b} {later.day}" in paper, "a promise for another day says which"
    for office in ("Busy.", "on the table", "Hose", "Proposal"):
        assert office not in paper
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    page.get_by_text("1 proposal on the table").click()
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("region", name="Plan", exact=True)).to_be_visible(timeout=LOADING_MS)
    paper = printed(page)
    assert "Hose" in paper
    assert "Proposal" in paper, "nobody takes it for what runs"
    assert "Publish" not in paper
