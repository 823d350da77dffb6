"""What the tests of the REST door share."""

from tests.api.world import world

__all__ = ["world"]
