"""What every test of the offline door may ask for."""

from collections.abc import Callable

import pytest

from tests.doors import Phone
from tests.makers import Maker
from tests.sync.field import Field


@pytest.fixture
def field(make: Maker, phone: Callable[..., Phone]) -> Field:
    """Give an engineer with a phone, a van and one visit."""
    return Field(make, phone)
