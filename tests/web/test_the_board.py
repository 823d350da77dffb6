"""The dispatcher's board in a real Chromium: a visit is dragged, checked before the drop, and taken back."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, expect

from core import clock
from core.unit import perform, reading
from tests.makers import Maker
from tests.web.conftest import DESK, IN_CHROMIUM, Person, turn_to
from work import actions as work
from work.models import Visit

pytestmark = IN_CHROMIUM

SHANGHAI = ZoneInfo("Asia/Shanghai")
# The ruler runs from an hour before the shifts to an hour after them.
FIRST_HOUR, HOURS = 7, 11


def tomorrow() -> date:
    return clock.now().astimezone(SHANGHAI).date() + timedelta(days=1)


def at(hour: int) -> datetime:
    return datetime.combine(tomorrow(), datetime.min.time(), SHANGHAI) + timedelta(hours=hour)


def row(make: Maker, visit: Visit) -> Visit:
    with reading(make.system) as unit:
        return unit.must(Visit, visit.id, "gone")


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


def hold_over(page: Page, visit: Locator, name: str, hour: float) -> None:
    """Pick a visit up by its left end and hold it over somebody's lane."""
    visit.scroll_into_view_if_needed()
    box = visit.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 3, box["y"] + 20)
    page.mouse.down()
    lane = page.get_by_role("region", name=name).locator("[data-lane]").bounding_box()
    assert lane is not None
    x = lane["x"] + (hour - FIRST_HOUR) / HOURS * lane["width"]
    page.mouse.move(x, lane["y"] + 20, steps=6)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_visit_is_dragged_to_a_colleague_checked_before_the_drop_and_taken_back(
    make: Maker, board: Callable[[], tuple[Person, Page]]
) -> None:
    wang = make.technician("Wang Wei")
    li = make.technician("Li Na", skills=[])
    pump = make.visit(
        wang, order=make.order(title="Pump"), day=tomorrow(), arrives_at=at(9), departs_at=at(10)
    )
    lift = make.order(title="Lift", skills=[{"code": "hydraulics", "level": 1}])
    lift_visit = make.visit(order=lift)
    person, page = board()
    status = page.get_by_role("status")

    hold_over(page, page.get_by_role("button", name="Lift"), "Li Na", 11)
    expect(status.get_by_text("Li Na lacks the skill hydraulics.")).to_be_visible()
    page.mouse.up()
    page.get_by_role("button", name="Leave it where it was").click()
    assert row(make, lift_visit).technician_id is None

    hold_over(page, page.locator(f"[data-visit='{pump.id}']"), "Li Na", 13)
    expect(status.get_by_text("Fits", exact=False).first).to_be_visible()
    assert row(make, pump).technician_id == wang.id
    page.mouse.up()
    expect(page.get_by_text("Moved")).to_be_visible()
    lane = page.get_by_role("region", name="Li Na")
    expect(lane.locator(f"[data-visit='{pump.id}']")).to_be_visible()
    moved = row(make, pump)
    assert (moved.technician_id, moved.arrives_at) == (li.id, at(13))

    page.keyboard.press("Control+z")
    expect(page.get_by_text("Taken back")).to_be_visible()
    back = row(make, pump)
    assert (back.technician_id, back.arrives_at, back.departs_at) == (wang.id, at(9), at(10))
    assert person.complaints == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_keyboard_moves_a_visit_by_a_quarter_of_an_hour_to_a_colleague_and_locks_it(
    make: Maker, board: Callable[[], tuple[Person, Page]]
) -> None:
    make.technician("Li Na")
    wang = make.technician("Wang Wei")
    pump = make.visit(
        wang, order=make.order(title="Pump"), day=tomorrow(), arrives_at=at(11), departs_at=at(12)
    )
    _, page = board()
    visit = page.locator(f"[data-visit='{pump.id}']")
    visit.focus()
    page.keyboard.press("ArrowRight")
    expect(visit.get_by_text("11:15")).to_be_visible()
    expect(visit).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("region", name="Li Na").locator("[data-visit]")).to_be_focused()
    page.keyboard.press("l")
    expect(visit.get_by_label("Locked")).to_be_visible()
    assert row(make, pump).locked
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Pump")).to_be_visible()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_somebody_else_changed_meanwhile_is_not_moved_and_the_board_shows_it(
    make: Maker, board: Callable[[], tuple[Person, Page]]
) -> None:
    make.technician("Li Na")
    wang = make.technician("Wang Wei")
    pump = make.visit(
        wang, order=make.order(title="Pump"), day=tomorrow(), arrives_at=at(9), departs_at=at(10)
    )
    _, page = board()
    visit = page.locator(f"[data-visit='{pump.id}']")
    hold_over(page, visit, "Li Na", 13)
    expect(page.get_by_role("status").get_by_text("Fits", exact=False).first).to_be_visible()
    perform(make.system, lambda unit: work.edit_visit(unit, pump.id, arrives_at=at(15)))
    page.mouse.up()
    expect(page.get_by_text("Somebody else changed")).to_be_visible()
    expect(visit.get_by_text("15:00")).to_be_visible()
    assert row(make, pump).technician_id == wang.id


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_is_refused_in_a_dialog_is_said_above_it_and_can_be_put_away(
    make: Maker, board: Callable[[], tuple[Person, Page]]
) -> None:
    wang = make.technician("Wang Wei")
    pump = make.visit(
        wang, order=make.order(title="Pump"), day=tomorrow(), arrives_at=at(9), departs_at=at(10)
    )
    _, page = board()
    page.locator(f"[data-visit='{pump.id}']").click()
    dialog = page.get_by_role("dialog", name="Pump")
    dialog.get_by_role("combobox", name="Engineer").select_option("")
    perform(make.system, lambda unit: work.edit_visit(unit, pump.id, arrives_at=at(15)))
    dialog.get_by_role("button", name="Save").click()
    refusal = page.get_by_text("Somebody else changed")
    expect(refusal).to_have_count(1)
    # A press finds it only where nothing lies above it and the dialog does not shut it out.
    page.get_by_role("status").get_by_role("button", name="Close").click()
    expect(refusal).to_have_count(0)
    expect(dialog).to_be_visible()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_who_does_not_work_that_day_has_a_day_off_on_the_board_and_no_share_of_work(
    make: Maker, board: Callable[[], tuple[Person, Page]]
) -> None:
    make.technician("Wang Wei")
    make.technician("Li Na", days=[day for day in range(7) if day != tomorrow().weekday()])
    _, page = board()
    off, works = (page.get_by_role("region", name=name) for name in ("Li Na", "Wang Wei"))
    expect(off.get_by_text("day off")).to_be_visible()
    expect(off.get_by_text("booked")).to_have_count(0)
    expect(works.get_by_text("0% booked")).to_be_visible()
    expect(works.get_by_text("day off")).to_have_count(0)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_who_changes_the_language_of_the_page_hears_the_office_in_it_too(
    make: Maker, board: Callable[[], tuple[Person, Page]]
) -> None:
    make.technician("Wang Wei", skills=[])
    lift = make.order(title="Lift", skills=[{"code": "hvac", "level": 1}])
    make.visit(order=lift)
    _, page = board()
    page.get_by_role("button", name="Lift").click()
    dialog = page.get_by_role("dialog")
    against = dialog.locator("p.against")
    dialog.get_by_role("combobox", name="Engineer").select_option(label="Wang Wei")
    expect(against).to_have_text("Wang Wei lacks the skill air conditioning.")
    page.evaluate("localStorage.setItem('fieldwright.language', 'zh-CN')")
    page.reload()
    page.get_by_label("日期", exact=True).fill(str(tomorrow()))
    page.get_by_role("button", name="Lift").click()
    dialog.get_by_role("combobox", name="工程师").select_option(label="Wang Wei")
    expect(against).to_have_text("Wang Wei 不具备技能 空调。")
