"""Our Python client under the conformance kit; the TypeScript one is in web/sync/tests/conformance.test.ts."""

import threading
from collections.abc import Iterator

import pytest

from conformance import phone
from conformance.play import Failed, Theatre, examine, functions, play, scripts


@pytest.fixture
def theatre() -> Iterator[Theatre]:
    """Give the scripted server with our Python client before it."""
    stage = Theatre()
    client = threading.Thread(target=phone.run, args=(stage.url,))
    client.start()
    yield stage
    stage.close()
    client.join()


def test_our_python_client_conforms(theatre: Theatre) -> None:
    lines: list[str] = []
    assert examine(theatre, lines.append) == 0, "\n".join(lines)
    assert len(lines) == len(functions()) + len(scripts())


def test_a_client_that_loses_a_mutation_is_found_out(theatre: Theatre) -> None:
    script = {
        "name": "never-sent",
        "steps": [
            {"client": "sync"},
            {"client": "say", "type": "comment.add", "args": {"text": "never sent"}},
        ],
        "ends": {"applied": ["never sent"]},
    }
    with pytest.raises(Failed, match="unsent"):
        play(theatre, script)


def test_a_replica_that_is_not_whole_is_found_out(theatre: Theatre) -> None:
    steps = [{"client": "sync"}, {"server": "put", "row": "@visit.0", "newer": 1}]
    with pytest.raises(Failed, match="replica differs"):
        play(theatre, {"name": "not-fetched", "steps": steps})
