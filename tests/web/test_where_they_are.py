"""An engineer lets the office see where they are, in a real Chromium: off by default, visible, and stopped at once."""

import re
from collections.abc import Callable
from datetime import date

import pytest
from playwright.sync_api import expect

from core import clock
from core.unit import perform, reading
from dispatch.positions import Position, positions_shown
from tests.makers import Maker
from tests.web.conftest import DESK, IN_CHROMIUM, Person
from tests.web.test_the_board import SHANGHAI
from work import actions as work
from work.models import VisitState

pytestmark = [
    *IN_CHROMIUM,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


def test_a_position_is_shown_while_a_visit_is_under_way_and_gone_when_the_engineer_says_so(
    make: Maker, somebody: Callable[..., Person]
) -> None:
    account = make.account("technician", name="Ann")
    ann = make.technician("Ann", account=account, shift_from="00:00", shift_to="23:59")
    visit = make.visit(ann, order=make.order(title="Pump"), day=today())
    field = somebody()
    field.context.grant_permissions(["geolocation"])
    field.context.set_geolocation({"latitude": 31.22, "longitude": 121.44})
    field.open()
    phone = field.sign_in(account)
    perform(make.as_technician(ann), lambda unit: work.start_travel(unit, visit.id))

    phone.get_by_role("link", name="You", exact=True).click()
    switch = phone.get_by_role("switch", name="Show the office where I am")
    expect(switch).not_to_be_checked()
    expect(phone.get_by_text("Not being shown right now.")).to_be_visible()
    assert seen(make) == []
    switch.check()
    told = phone.get_by_role("status").filter(has_text="The office sees where you are")
    expect(told).to_be_visible()
    assert seen(make) == [(31.22, 121.44)]

    desk = somebody(DESK)
    desk.open()
    board = desk.sign_in(make.account("dispatcher"))
    # The minute may have turned since.
    expect(board.get_by_title(re.compile("^Ann, [01] min ago$"))).to_be_visible()

    # The phone says no at once and tells the office after it, which may take a moment.
    with phone.expect_response(
        lambda answer: (
            answer.request.method == "DELETE" and answer.url.endswith("/v1/positions/consent")
        )
    ):
        told.get_by_role("button", name="Stop").click()
    expect(told).to_have_count(0)
    expect(switch).not_to_be_checked()
    with reading(make.system) as unit:
        assert unit.session.query(Position).count() == 0
    assert field.complaints == []
    assert desk.complaints == []


def test_the_board_makes_a_link_and_the_customer_sees_who_comes(
    make: Maker, somebody: Callable[..., Person]
) -> None:
    ann = make.technician("Ann Smith", shift_from="00:00", shift_to="23:59")
    visit = make.visit(
        ann, order=make.order(title="Pump"), day=today(), state=VisitState.TRAVELLING
    )
    desk = somebody(DESK)
    desk.open()
    board = desk.sign_in(make.account("dispatcher"))
    board.get_by_role("button", name="Pump").first.click()
    board.get_by_role("button", name="Link for the customer").click()
    link = board.get_by_label("Link for the customer", exact=False).last.input_value()
    assert str(visit.id) not in link
    customer = somebody()
    page = customer.open(link.removeprefix(customer.url))
    expect(page.get_by_role("heading", name="On the way to you")).to_be_visible()
    expect(page.get_by_text("Your engineer: Ann")).to_be_visible()
    assert "Smith" not in page.content()
    assert customer.complaints == []


def today() -> date:
    return clock.now().astimezone(SHANGHAI).date()


def seen(make: Maker) -> list[tuple[float, float]]:
    with reading(make.actor("dispatcher")) as unit:
        return [(one["lat"], one["lng"]) for one in positions_shown(unit)]
