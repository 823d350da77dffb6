"""A reported fault at the dispatcher's desk, with the history of its machine."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from assets import actions as assets
from assets.models import Asset, CodeLevel
from core import clock
from core.unit import perform
from tests.makers import Maker
from tests.web.conftest import DESK, IN_CHROMIUM, Person
from tests.web.test_the_phone import CODES, today
from work.actions import report_fault

pytestmark = IN_CHROMIUM


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_dispatcher_reads_the_machine_s_history_in_words(
    make: Maker, somebody: Callable[..., Person]
) -> None:
    machine = make.asset(name="Crusher")

    def known(unit: Any) -> None:
        for level, (code, english, chinese) in CODES.items():
            label = {"en": english, "zh-CN": chinese}
            assets.add_failure_code(unit, level=level, code=code, label=label, rank=0)
        asset = unit.must(Asset, machine.id, "gone")
        for order_no, coded in (("WO-1", True), ("WO-2", False)):
            assets.record_repair(
                unit,
                asset,
                order_no=order_no,
                day=today(),
                finished_at=clock.now(),
                kind="corrective",
                title=f"Repair {order_no}",
                symptom=None,
                failure_mode=CODES[CodeLevel.MODE][0] if coded else None,
                cause=CODES[CodeLevel.CAUSE][0] if coded else None,
                remedy=CODES[CodeLevel.REMEDY][0] if coded else None,
                technician="Ann",
            )
        report_fault(unit, asset, symptom="leak", text="It stands still")

    perform(make.system, known)
    person = somebody(DESK)
    page = person.sign_in(make.account("dispatcher"))
    page.get_by_role("link", name="Requests").click()
    page.get_by_role("link", name="Leak").click()
    expect(page.get_by_text("Seal worn → Normal wear → Part replaced")).to_be_visible()
    expect(page.get_by_text("Repair WO-2")).to_be_visible()
    paragraphs = page.locator("main ol.rows p").all_inner_texts()
    assert all(each.strip() for each in paragraphs)
    assert person.complaints == []
