"""What every test of the offline door may ask for."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from core import driver
from core.database import Database
from people.models import Account, Technician
from tests.doors import Phone
from tests.makers import Maker
from tests.sync.field import Field


@pytest.fixture
def field(make: Maker, phone: Callable[..., Phone]) -> Field:
    """Give an engineer with a phone, a van and one visit."""
    return Field(make, phone)


@pytest.fixture
def account(make: Maker) -> Account:
    """Give an engineer's account."""
    return make.account("technician")


@pytest.fixture
def ann(make: Maker, account: Account) -> Technician:
    """Give the engineer."""
    return make.technician("Ann", account=account)


@pytest.fixture
def mobile(ann: Technician, account: Account, phone: Callable[..., Phone]) -> Phone:
    """Give the engineer's phone."""
    return phone(account)


@pytest.fixture
def statements(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Give every statement that the database is asked from now on, those of the driver alone too."""
    said: list[str] = []
    ask = database.ask

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    def asked(statement: str) -> Any:
        said.append(statement)
        return ask(statement)

    def heard(go: Callable[..., Any]) -> Callable[..., Any]:
        def hear(connection: sa.Connection, text: str, *values: Any) -> Any:
            said.append(text)
            return go(connection, text, *values)

        return hear

    sa.event.listen(database.engine, "before_cursor_execute", note)
    monkeypatch.setattr(database, "ask", asked)
    for name in ("run", "run_many", "ask"):
        monkeypatch.setattr(driver, name, heard(getattr(driver, name)))
    yield said
    sa.event.remove(database.engine, "before_cursor_execute", note)
