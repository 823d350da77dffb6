"""What happens by itself is seen on the board, opened by a person, and published by a person alone."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from core.unit import perform, reading
from dispatch import upkeep
from dispatch.planner import planner
from dispatch.wishes import wishes
from people import actions as people
from tests.makers import Maker
from tests.web.conftest import DESK, IN_CHROMIUM, PHONE, Person, by_day
from work.models import Visit

pytestmark = IN_CHROMIUM


@pytest.fixture(scope="module", autouse=True)
def _rested() -> Iterator[None]:
    yield
    planner.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_urgent_order_is_a_notice_that_is_opened_and_published(
    make: Maker, somebody: Callable[..., Person]
) -> None:
    # Somebody works whatever the hour is, and a visit does not run into their midnight.
    by_day(make)
    ann = make.technician("Ann", shift_from="00:00", shift_to="23:59")
    pipe = make.visit(order=make.order(title="Burst pipe", priority=1), duration_min=15)
    upkeep.look(make.system)
    person = somebody(DESK)
    page = person.sign_in(make.account("dispatcher"))
    notice = page.get_by_role("region", name="A proposal is ready")
    expect(notice.get_by_text("Urgent and without an engineer: Burst pipe.")).to_be_visible()
    notice.get_by_role("button", name="Open").click()
    panel = page.get_by_role("region", name="Plan", exact=True)
    expect(panel.get_by_text("Urgent and without an engineer: Burst pipe.")).to_be_visible()
    with reading(make.system) as unit:
        assert unit.must(Visit, pipe.id, "gone").technician_id is None
    panel.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_text("Published", exact=False).first).to_be_visible()
    with reading(make.system) as unit:
        assert unit.must(Visit, pipe.id, "gone").technician_id == ann.id
    assert person.complaints == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_wishes_are_said_on_a_phone_and_no_name_runs_into_the_next(
    make: Maker, somebody: Callable[..., Person]
) -> None:
    ann = make.technician("Ann")
    site = make.site(name="Quarry")
    perform(make.system, lambda unit: people.add_territory(unit, name="North"))
    person = somebody(PHONE)
    page = person.sign_in(make.account("dispatcher"))
    page.get_by_role("link", name="Territories").click()
    for link in page.locator("nav.tabs a span").all():
        assert link.evaluate("box => box.scrollWidth <= box.clientWidth + 1")
    page.get_by_role("button", name="Wishes").click()
    page.get_by_label("Wish about Ann").select_option("Not")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The wishes are noted")).to_be_visible()
    with reading(make.system) as unit:
        [wish] = wishes(unit)
    assert (wish.technician_id, wish.site_id, wish.kind) == (ann.id, site.id, "forbidden")
    assert person.complaints == []
