"""What every test may ask for, and when none of them begins."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from core import clock

pytest_plugins = ["tests.services", "tests.makers", "tests.doors"]

# Where the tests' companies live, and what is counted in UTC.
ZONES = (UTC, ZoneInfo("Asia/Shanghai"))
LAST_MOMENTS = timedelta(minutes=2)


@pytest.fixture(autouse=True)
def _not_over_midnight() -> None:
    """Wait for the next day in the last moments of one: what is of today would be of yesterday when it is looked at."""
    for zone in ZONES:
        now = clock.now().astimezone(zone)
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), zone)
        if midnight - now < LAST_MOMENTS:
            time.sleep((midnight - now).total_seconds())
