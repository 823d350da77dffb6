"""Sign-off: what was shown is what is sealed, chained, and answered by the customer."""

import hashlib
from typing import Any

import pytest
import sqlalchemy as sa

from core import files, jobs
from core.errors import Conflict, Invalid, NotFound
from core.ids import new_id
from core.unit import perform, reading
from tests.makers import Maker
from work import actions as work
from work.actions.signoff import link
from work.canonical import sha256_hex
from work.models import Attention, Seal, SignOff, Visit


def manifest_for(visit: Visit, **more: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "organisation": "Company",
        "order_no": "WO-000001",
        "visit_no": visit.no,
        "visit_id": str(visit.id),
        "language": "zh-CN",
        "asset": {"name": "挖掘机", "model": "RH120E", "serial": "S1", "location": ""},
        "fault": "漏油",
        "findings": "更换密封",
        "failure_mode": None,
        "cause": None,
        "remedy": None,
        "outcome": "completed",
        "checklist": [],
        "parts": [],
        "photos": [],
        "times": {
            "travel_started_at": None,
            "arrived_at": None,
            "work_started_at": None,
            "completed_at": None,
        },
        "technician": "Ann",
        "statement": "以上工作已完成。",
    } | more


def seal(make: Maker, visit: Visit, manifest: dict[str, Any] | None = None, **more: Any) -> SignOff:
    shown = manifest or manifest_for(visit)
    given = {"id": new_id(), "manifest": shown, "refusal": {"reason": "Nobody there"}} | more
    if "manifest_sha256" not in given:
        given["manifest_sha256"] = sha256_hex(shown)
    return perform(make.system, lambda unit: work.seal_signoff(unit, visit.id, **given))


def test_what_was_not_signed_is_not_sealed(make: Maker) -> None:
    visit = make.visit()
    shown = manifest_for(visit)
    with pytest.raises(Invalid, match="hash differs"):
        seal(make, visit, shown | {"findings": "Something else"}, manifest_sha256=sha256_hex(shown))


def test_a_report_of_another_visit_is_refused(make: Maker) -> None:
    one, other = make.visit(), make.visit()
    with pytest.raises(Invalid, match="another visit"):
        seal(make, one, manifest_for(other))


def test_neither_a_signature_nor_a_reason_is_refused(make: Maker) -> None:
    with pytest.raises(Invalid, match="signature"):
        seal(make, make.visit(), refusal=None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"photos": [{"sha256": "a"}]},
        {"photos": 5},
        {"parts": "none"},
        {"times": None},
        {"language": "fr"},
        {"checklist": None},
    ],
)
def test_a_report_that_could_never_be_printed_is_not_sealed(
    make: Maker, wrong: dict[str, Any]
) -> None:
    visit = make.visit()
    with pytest.raises(Invalid, match="another shape"):
        seal(make, visit, manifest_for(visit, **wrong))


def test_a_number_with_a_fraction_cannot_be_sealed(make: Maker) -> None:
    visit = make.visit()
    shown = manifest_for(visit, parts=[{"sku": "A", "name": "A", "qty": 1.5}])
    with pytest.raises(Invalid, match="cannot be sealed"):
        seal(make, visit, shown, manifest_sha256="0" * 64)


def test_sealed_twice_under_one_id_it_stands_once_and_a_correction_is_a_new_version(
    make: Maker,
) -> None:
    visit = make.visit()
    first = seal(make, visit)
    assert seal(make, visit, id=first.id).number == 1
    assert seal(make, visit, manifest_for(visit, findings="更正")).number == 2


def test_the_seals_of_an_organisation_form_a_chain(make: Maker) -> None:
    signed = [seal(make, make.visit()) for _ in range(3)]
    with reading(make.system) as unit:
        previous = bytes(32)
        for row, signoff in zip(
            unit.session.scalars(sa.select(Seal).order_by(Seal.n)), signed, strict=True
        ):
            assert (row.previous, row.head) == (previous, link(previous, signoff.manifest_sha256))
            previous = row.head


def test_what_was_signed_and_what_is_recorded_both_stand_where_they_differ(make: Maker) -> None:
    ann = make.technician()
    visit = make.visit(by=ann)
    perform(
        make.as_technician(ann),
        lambda unit: work.complete_visit(
            unit, visit.id, findings="Recorded", answers={"safe": True, "tested": True}
        ),
    )
    seal(make, visit, manifest_for(visit, findings="Signed"))
    with reading(make.system) as unit:
        [row] = unit.session.scalars(sa.select(Attention)).all()
        assert (row.office_value, row.phone_value) == ({"value": "Recorded"}, {"value": "Signed"})


def test_the_report_is_made_once_and_is_the_same_to_the_byte(make: Maker) -> None:
    visit = make.visit()
    signoff = seal(make, visit)
    jobs.drain()
    with reading(make.system) as unit:
        row = unit.must(SignOff, signoff.id, "gone")
        assert row.report_sha256 is not None
        content = files.bound().read(make.org.id, row.report_sha256)
        from work.reports import report_pdf

        assert report_pdf(unit, row) == content
    assert content.startswith(b"%PDF")
    assert hashlib.sha256(content).hexdigest() == row.report_sha256


def test_the_customer_s_first_verdict_stands(make: Maker) -> None:
    signoff = seal(make, make.visit())

    def give(**said: Any) -> None:
        perform(make.system, lambda unit: work.give_verdict(unit, signoff.id, **said))

    give(verdict="confirmed", rating=4)
    give(verdict="confirmed", rating=5)
    with pytest.raises(Conflict):
        give(verdict="disputed")


def test_a_dispute_is_put_before_a_person(make: Maker) -> None:
    signoff = seal(make, make.visit())
    perform(
        make.system,
        lambda unit: work.give_verdict(unit, signoff.id, verdict="disputed", text="Still leaks"),
    )
    with reading(make.system) as unit:
        [row] = unit.session.scalars(sa.select(Attention)).all()
        assert row.phone_value == {"value": "Still leaks"}


def test_a_report_is_shared_only_once_it_was_signed(make: Maker) -> None:
    visit = make.visit()
    with pytest.raises(NotFound):
        perform(make.system, lambda unit: work.share_report(unit, visit.id))
