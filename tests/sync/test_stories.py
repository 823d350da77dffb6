"""Made-up stories over a hostile network all end well; `make prove` tells many thousand more."""

import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from api.app import create_app
from core.database import Database
from core.settings import from_environment
from tests.sync.stories import Story, retold

FIRST = int(os.environ.get("FIELDWRIGHT_STORY", "0"))
AT_ONCE = 20


@pytest.fixture
def app(database: Database, tmp_path: Any) -> Iterator[Any]:
    """Return the application on this database, with no limit on how often one may ask."""
    environ = {"FIELDWRIGHT_VAR": str(tmp_path), "FIELDWRIGHT_LIMITS": "off"}
    app = create_app(from_environment(environ), db=database)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield app
    structlog.reset_defaults()


@pytest.mark.parametrize("part", range(5))
def test_h36_whatever_happens_every_story_ends_well(app: Any, part: int) -> None:
    for seed in range(FIRST + part * AT_ONCE, FIRST + (part + 1) * AT_ONCE):
        with retold(seed):
            story = Story(app, seed)
            story.tell()
            story.end_well()
