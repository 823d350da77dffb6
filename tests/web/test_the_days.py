"""The board over several days in a real Chromium: from day to day by hand and by keyboard, filters, locks."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from core.unit import perform
from people import actions as people
from tests.makers import Maker
from tests.web.conftest import IN_CHROMIUM, Person
from tests.web.test_the_board import SHANGHAI, at, board, row, tomorrow
from work.models import Visit

__all__ = ["board"]

pytestmark = [
    *IN_CHROMIUM,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


def cell(page: Page, who: str, days_on: int) -> Locator:
    """Return somebody's cell so many days after the first one shown."""
    line = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=who))
    return line.get_by_role("cell").nth(days_on)


def carry(page: Page, what: Locator, where: Locator) -> None:
    """Pick a visit up and hold it over a cell."""
    what.scroll_into_view_if_needed()
    box, aim = what.bounding_box(), where.bounding_box()
    assert box is not None
    assert aim is not None
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(aim["x"] + aim["width"] / 2, aim["y"] + aim["height"] / 2, steps=6)


def test_a_visit_is_dragged_to_another_day_and_engineer_after_the_same_check(
    make: Maker, board: Callable[[], tuple[Person, Page]]
) -> None:
    wang = make.technician("Wang Wei")
    li = make.technician("Li Na", skills=[])
    pump = make.visit(
        wang, order=make.order(title="Pump"), day=tomorrow(), arrives_at=at(9), departs_at=at(10)
    )
    lift = make.visit(order=make.order(title="Lift", skills=[{"code": "hydraulics", "level": 1}]))
    person, page = board()
    page.get_by_label("How many days").select_option("3")
    visit = page.locator(f"[data-visit='{pump.id}']")
    carry(page, visit, cell(page, "Li Na", 1))
    status = page.get_by_role("status")
    expect(status.get_by_text("Fits", exact=False).first).to_be_visible()
    assert row(make, pump).technician_id == wang.id
    page.mouse.up()
    expect(cell(page, "Li Na", 1).get_by_text("Pump")).to_be_visible()
    moved = row(make, pump)
    assert (moved.technician_id, moved.day) == (li.id, tomorrow() + timedelta(days=1))
    assert moved.arrives_at is not None
    assert moved.arrives_at.astimezone(SHANGHAI).date() == moved.day

    carry(page, page.get_by_role("button", name="Lift"), cell(page, "Li Na", 2))
    expect(status.get_by_text("Li Na lacks the skill hydraulics.")).to_be_visible()
    page.mouse.up()
    page.get_by_role("button", name="Leave it where it was").click()
    assert row(make, lift).technician_id is None

    page.keyboard.press("Control+z")
    expect(cell(page, "Wang Wei", 0).get_by_text("Pump")).to_be_visible()
    assert row(make, pump).arrives_at == at(9)
    assert person.complaints == []


def test_the_keyboard_turns_the_days_and_carries_a_visit_over_them(
    make: Maker, board: Callable[[], tuple[Person, Page]]
) -> None:
    make.technician("Li Na")
    wang = make.technician("Wang Wei")
    pump = make.visit(
        wang, order=make.order(title="Pump"), day=tomorrow(), arrives_at=at(11), departs_at=at(12)
    )
    _, page = board()
    page.get_by_role("heading", name="Board").click()
    page.keyboard.press("7")
    expect(page.get_by_role("columnheader")).to_have_count(8)
    visit = page.locator(f"[data-visit='{pump.id}']")
    visit.focus()
    page.keyboard.press("ArrowRight")
    expect(cell(page, "Wang Wei", 1).locator("[data-visit]")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(cell(page, "Li Na", 1).locator("[data-visit]")).to_be_focused()
    page.keyboard.press("s")
    expect(visit.get_by_label("start locked")).to_be_visible()
    assert row(make, pump).start_locked
    assert row(make, pump).day == tomorrow() + timedelta(days=1)

    page.keyboard.press("Shift+ArrowRight")
    expect(visit).to_have_count(0)
    page.keyboard.press("Shift+ArrowLeft")
    expect(visit).to_be_visible()
    page.keyboard.press("1")
    expect(page.get_by_role("region", name="Wang Wei")).to_be_visible()


def placed(make: Maker, title: str, territory: str) -> Visit:
    site = make.site(territory=territory)
    return make.visit(order=make.order(make.asset(site), title=title))


def test_a_territory_leaves_its_engineers_those_who_go_everywhere_and_what_waits_there(
    make: Maker, board: Callable[[], tuple[Person, Page]]
) -> None:
    for name in ("North", "South"):
        perform(make.system, lambda unit, name=name: people.add_territory(unit, name=name))
    make.technician("Wang Wei")
    make.technician("Li Na", territories=["North"])
    make.technician("Sun Hao", territories=["South"])
    placed(make, "Pump", "North")
    placed(make, "Lift", "South")
    _, page = board()
    page.get_by_label("Territory").select_option("North")
    expect(page.get_by_role("region", name="Sun Hao")).to_have_count(0)
    for name in ("Wang Wei", "Li Na"):
        expect(page.get_by_role("region", name=name)).to_be_visible()
    expect(page.get_by_role("button", name="Pump")).to_be_visible()
    expect(page.get_by_role("button", name="Lift")).to_have_count(0)


def test_the_dialog_locks_a_visit_to_its_start_and_lets_go_with_another_day(
    make: Maker, board: Callable[[], tuple[Person, Page]]
) -> None:
    wang = make.technician("Wang Wei")
    pump = make.visit(
        wang, order=make.order(title="Pump"), day=tomorrow(), arrives_at=at(11), departs_at=at(12)
    )
    _, page = board()
    visit = page.locator(f"[data-visit='{pump.id}']")
    visit.click()
    dialog = page.get_by_role("dialog", name="Pump")
    dialog.get_by_label("It starts at 11:00").check()
    dialog.get_by_role("button", name="Save").click()
    expect(visit.get_by_label("start locked")).to_be_visible()
    assert (row(make, pump).start_locked, row(make, pump).locked) == (True, False)
    visit.click()
    dialog.get_by_label("Day").fill(str(tomorrow() + timedelta(days=1)))
    expect(dialog.get_by_label("It has no start yet that could be locked")).to_be_disabled()
