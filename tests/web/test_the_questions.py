"""What the office has to decide: each question says what it is about, and what a phone said can be said again."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from core.unit import perform, reading
from tests.doors import Phone
from tests.makers import Maker
from tests.web.conftest import DESK, IN_CHROMIUM, PHONE, Person
from work import actions as work
from work.models import Visit

pytestmark = IN_CHROMIUM


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_question_names_the_order_the_place_and_the_engineer_and_a_refused_word_is_said_again(
    make: Maker,
    phone: Callable[..., Phone],
    somebody: Callable[..., Person],
    size: dict[str, int],
) -> None:
    account = make.account("technician")
    ann = make.technician("Ann", account=account)
    site = make.site(name="Quarry")
    order = make.order(title="Hose burst", asset=make.asset(site), checklist=[])
    visit = make.visit(ann, order=order)
    perform(
        make.system,
        lambda unit: work.raise_attention(
            unit,
            kind="review",
            entity="visit",
            entity_id=visit.id,
            technician_id=ann.id,
            message="The customer disputes the work.",
            phone_value="It leaks again",
        ),
    )
    anns = phone(account)
    ben = make.technician("Ben")
    other = make.order(title="Track off", asset=make.asset(site))
    taken = make.visit(ben, order=other)
    anns.say("visit.claim", {"visit_id": str(taken.id)})
    assert anns.push()["results"][0]["status"] == "refused"
    person = somebody(size)
    page = person.sign_in(make.account("dispatcher"))
    page.get_by_role("link", name="Questions").click()
    disputed = page.get_by_role("region").filter(has_text="The customer disputes the work.")
    expect(disputed.get_by_text("It leaks again")).to_be_visible()
    for word in ("Quarry", "Ann"):
        expect(disputed.get_by_text(word, exact=False)).to_be_visible()
    claimed = page.get_by_role("region").filter(has_text="Said on site: Visit taken")
    expect(claimed.get_by_role("link", name=f"{other.no} · Track off")).to_be_visible()
    expect(page.get_by_text("visit.claim", exact=False)).to_have_count(0)
    perform(make.system, lambda unit: work.edit_visit(unit, taken.id, technician_id=None))
    claimed.get_by_role("button", name="Say it again").click()
    expect(claimed).to_have_count(0)
    with reading(make.system) as unit:
        assert unit.must(Visit, taken.id, "gone").technician_id == ann.id
    disputed.get_by_role("link", name=f"{order.no} · Hose burst").click()
    expect(page.get_by_role("heading", name="Hose burst", exact=False).first).to_be_visible()
    assert person.complaints == []
