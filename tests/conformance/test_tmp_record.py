import pytest

from conformance.record import record_company, record_functions
from conformance.server import Company
from core.unit import perform
from tests.conformance.test_server import line_to
from tests.makers import PASSWORD
from work import actions as work


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_record(app, make):
    account = make.account("technician", name="Ann")
    technician = make.technician("Ann", account=account)
    for n in range(3):
        part = make.part()
        visit = make.visit(by=technician)
        make.stock(technician.van_place_id, part, n + 1)
        perform(make.system, lambda unit: work.add_comment(unit, visit.order_id, text=f"Word 话 {n}"))
    record_company(Company(line_to(app), account.email, PASSWORD))
    record_functions()
