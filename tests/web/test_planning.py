"""Planning in a real Chromium: a proposal beside what runs, a part of it published, and somebody who calls in sick."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from core import clock, jobs
from core.unit import perform, reading
from dispatch import actions as dispatch
from dispatch.planner import planner
from tests.makers import Maker
from tests.web.conftest import DESK, IN_CHROMIUM, LOADING_MS, Person, turn_to
from work.models import Visit

pytestmark = [
    *IN_CHROMIUM,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

SHANGHAI = ZoneInfo("Asia/Shanghai")


def tomorrow() -> date:
    return clock.now().astimezone(SHANGHAI).date() + timedelta(days=1)


def at(hour: int) -> datetime:
    return datetime.combine(tomorrow(), datetime.min.time(), SHANGHAI) + timedelta(hours=hour)


def row(make: Maker, visit: Visit) -> Visit:
    with reading(make.system) as unit:
        return unit.must(Visit, visit.id, "gone")


@pytest.fixture(scope="module", autouse=True)
def _rested() -> Iterator[None]:
    yield
    planner.close()


@pytest.fixture
def board(make: Maker, somebody: Callable[..., Person]) -> Callable[[], tuple[Person, Page]]:
    """Open tomorrow's board."""

    def open_board() -> tuple[Person, Page]:
        person = somebody(DESK)
        person.open()
        page = person.sign_in(make.account("dispatcher"))
        turn_to(page, tomorrow())
        expect(page.get_by_role("region", name="Wang Wei")).to_be_visible()
        return person, page

    return open_board


def test_a_part_of_a_proposal_is_chosen_from_what_changes_and_published(
    make: Maker, board: Callable[[], tuple[Person, Page]]
) -> None:
    make.technician("Wang Wei")
    pump = make.visit(order=make.order(title="Pump"), duration_min=60)
    hose = make.visit(order=make.order(title="Hose"), duration_min=60)
    perform(make.system, lambda unit: dispatch.ask_plan(unit, day=tomorrow(), seconds=1))
    jobs.drain()
    person, page = board()
    page.get_by_text("1 proposal on the table").click()
    page.get_by_role("button", name="Show").click()
    panel = page.get_by_role("region", name="Plan", exact=True)
    placed = panel.get_by_role("row", name="Placed", exact=False).first
    expect(placed.get_by_role("cell")).to_have_text(["0", "2"])
    panel.get_by_label("Choose Pump").check()
    panel.get_by_role("button", name="Publish 1 chosen").click()
    expect(page.get_by_text("Published: the phones get it")).to_be_visible()
    expect(
        panel.get_by_text("taken over").or_(panel.get_by_text("What changes: 1 visit")).first
    ).to_be_visible()
    assert row(make, pump).technician_id is not None
    assert row(make, hose).technician_id is None
    assert person.complaints == []


def test_somebody_calls_in_sick_and_who_takes_over_is_proposed_and_published(
    make: Maker, board: Callable[[], tuple[Person, Page]]
) -> None:
    li = make.technician("Li Na")
    wang = make.technician("Wang Wei")
    pump = make.visit(
        wang, order=make.order(title="Pump"), day=tomorrow(), arrives_at=at(9), departs_at=at(10)
    )
    person, page = board()
    page.get_by_role("button", name="Wang Wei", exact=True).click()
    dialog = page.get_by_role("dialog", name="Wang Wei")
    dialog.get_by_role("button", name="Note it and propose").click()
    panel = page.get_by_role("region", name="Plan", exact=True)
    expect(panel.get_by_text("after an absence").first).to_be_visible(timeout=LOADING_MS)
    expect(panel.get_by_text("→ Li Na")).to_be_visible()
    assert row(make, pump).technician_id == wang.id
    panel.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_text("Published: the phones get it")).to_be_visible()
    assert row(make, pump).technician_id == li.id
    expect(page.get_by_role("region", name="Wang Wei").get_by_text("Sick until")).to_be_visible()
    assert person.complaints == []


def test_an_hour_is_promised_from_the_order_s_page_and_taken_back(
    make: Maker, somebody: Callable[..., Person]
) -> None:
    make.technician("Wang Wei")
    visit = make.visit(order=make.order(title="Pump"), duration_min=60)
    person = somebody(DESK)
    person.open()
    page = person.sign_in(make.account("dispatcher"))
    page.goto(f"{person.url}/app/#/order/{visit.order_id}")
    page.get_by_role("button", name="Offer hours to the customer").click()
    offer = page.locator("button.offer.best").first
    # The first question loads the planner.
    expect(offer.get_by_text("Wang Wei")).to_be_visible(timeout=LOADING_MS)
    offer.click()
    # The note that offers to undo it says so before the page has asked again.
    promised = page.locator("section.card").get_by_text("Promised:")
    expect(promised).to_be_visible()
    booked = row(make, visit)
    assert booked.window_from is not None
    assert booked.window_to == booked.window_from + timedelta(hours=2)
    # The note goes with the press; what the page says goes when the office has answered.
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    expect(promised).to_have_count(0)
    assert row(make, visit).window_from is None
    assert person.complaints == []
