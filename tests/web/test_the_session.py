"""What becomes of work on the desk when its session ends under it, or an answer is lost on its way."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from core.unit import reading
from dispatch.models import DayPlan
from people.models import Account
from tests.makers import PASSWORD, Maker
from tests.web.conftest import DESK, IN_CHROMIUM, Person
from work.models import WorkOrder

pytestmark = [
    *IN_CHROMIUM,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


def titles(make: Maker) -> list[str]:
    with reading(make.system) as unit:
        return list(unit.session.scalars(sa.select(WorkOrder.title)))


@pytest.fixture
def dispatcher(make: Maker) -> Account:
    return make.account("dispatcher")


@pytest.fixture
def desk(
    make: Maker, dispatcher: Account, somebody: Callable[..., Person]
) -> tuple[Person, Page]:
    """Open the page of a new order, with a machine chosen and a title written."""
    make.asset(name="Crane 7")
    person = somebody(DESK)
    person.open()
    page = person.sign_in(dispatcher)
    page.get_by_role("link", name="New order").click()
    page.get_by_role("button", name="Crane 7").click()
    page.get_by_label("Title", exact=True).fill("Hook swings")
    return person, page


def test_a_session_that_ends_is_renewed_over_what_is_being_written(
    make: Maker, dispatcher: Account, desk: tuple[Person, Page]
) -> None:
    person, page = desk
    person.context.clear_cookies()
    page.get_by_role("button", name="Make an order").click()
    again = page.get_by_role("dialog", name="Sign in again")
    expect(again).to_be_visible()
    expect(page.get_by_text("A refresh token is needed")).to_have_count(0)
    expect(again.get_by_label("E-mail")).to_have_value(dispatcher.email)
    assert titles(make) == []
    again.get_by_label("Password").fill("not this one")
    again.get_by_role("button", name="Sign in", exact=True).click()
    expect(again.get_by_role("alert")).to_be_visible()
    again.get_by_label("Password").fill(PASSWORD)
    again.get_by_role("button", name="Sign in", exact=True).click()
    expect(again).to_have_count(0)
    page.get_by_role("button", name="Make an order").click()
    expect(page.get_by_role("heading", name="Hook swings")).to_be_visible()
    assert titles(make) == ["Hook swings"]


def test_an_order_whose_answer_was_lost_is_made_once(
    make: Maker, desk: tuple[Person, Page]
) -> None:
    person, page = desk
    person.line.lose_next = "/v1/work-orders"
    page.get_by_role("button", name="Make an order").click()
    expect(page.get_by_text("The server cannot be reached.")).to_be_visible()
    assert person.line.lost == 1
    page.get_by_role("button", name="Make an order").click()
    expect(page.get_by_role("heading", name="Hook swings")).to_be_visible()
    assert titles(make) == ["Hook swings"]


def test_a_server_that_is_busy_is_not_called_broken(
    make: Maker, dispatcher: Account, somebody: Callable[..., Person]
) -> None:
    make.technician("Wang Wei")
    person = somebody(DESK)
    person.open()
    page = person.sign_in(dispatcher)
    expect(page.get_by_role("region", name="Wang Wei")).to_be_visible()
    person.line.closed_to = "/v1/dispatch/plans"
    page.get_by_role("button", name="Plan the day").click()
    expect(page.get_by_text("Busy.")).to_be_visible()
    expect(page.get_by_text("report number")).to_have_count(0)
    with reading(make.system) as unit:
        assert unit.session.scalar(sa.select(sa.func.count(DayPlan.id))) == 0
