"""The server's clock, the one place that asks the machine for the time."""

from collections.abc import Callable
from datetime import UTC, datetime

source: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: TID251, E731 - this is the clock


def now() -> datetime:
    """Return the present moment, aware and in UTC."""
    return source()
