"""Made-up stories over a hostile network all end well; `make prove` tells many thousand more."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from api.app import create_app
from core.database import Database
from tests.doors import settings_for
from tests.sync.stories import tell

# The seed of a story that is to be told again, alone.
AGAIN = os.environ.get("FIELDWRIGHT_STORY")
PARTS = 5
# PostgreSQL has other locks and snapshots, and answers slower.
STORIES = {"sqlite": 160, "postgresql": 40}


@pytest.fixture
def app(database: Database, tmp_path: Path) -> Iterator[Any]:
    """Return the application on this database, with only its errors in the log."""
    app = create_app(settings_for(tmp_path), db=database)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield app
    structlog.reset_defaults()


@pytest.mark.parametrize("part", range(1 if AGAIN else PARTS))
def test_h36_whatever_happens_every_story_ends_well(
    app: Any, database: Database, part: int
) -> None:
    each = STORIES["sqlite" if database.sqlite else "postgresql"] // PARTS
    for seed in [int(AGAIN)] if AGAIN else range(part * each, (part + 1) * each):
        tell(app, seed)
