"""What may be taken back for a while on the phone, and for how long that is offered."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.makers import Maker
from tests.web.conftest import IN_CHROMIUM, PHONE, Person, Served
from tests.web.test_the_phone import begin_work, company

pytestmark = [
    *IN_CHROMIUM,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


def test_a_used_part_is_not_offered_back_once_it_has_been_said(
    make: Maker, somebody: Callable[..., Person], served: Served
) -> None:
    there = company(make)
    wang = somebody(PHONE)
    page = wang.sign_in(there["account"])
    begin_work(page, "Yearly check")
    page.get_by_role("button", name="Use a part").click()
    page.get_by_label("Part, number or scanned code").fill("seal")
    page.get_by_role("button", name="Cylinder seal kit").click()
    page.get_by_role("button", name="Use 1").click()
    undo = page.get_by_role("status").get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    page.get_by_role("link", name="Finish").click()
    expect(page.get_by_label("Completed")).to_be_visible()
    expect(undo).to_have_count(0)
    expect(page.locator("a.sync")).to_contain_text("All sent")
    assert "part.consume" in [mutation["type"] for mutation in served.line.said]
