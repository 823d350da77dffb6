"""The loaded planner: questions that find it gone, cut off, cold, or asked for by a fork."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from bench.planning import a_day
from core.children import in_child
from dispatch.engine.codec import problem_to_json
from dispatch.nursery import Child, Nursery

PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def loaded() -> Iterator[Nursery]:
    mine = Nursery()
    yield mine
    mine.close()


def question(**stop: Any) -> bytes:
    return orjson.dumps({"problem": problem_to_json(a_day(20, 4)), "stop": stop, "seed": 1})


def planned(loaded: Nursery, timeout: float = PATIENCE_S, **stop: Any) -> dict[str, Any]:
    said: list[bytes] = []
    in_child(
        "dispatch.engine",
        question(**stop),
        timeout=timeout,
        on_line=said.append,
        start=loaded.start,
    )
    plan: dict[str, Any] = orjson.loads(said[-1])["plan"]
    return plan


def until(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def loader_of(pid: int) -> int:
    """Return the process that has forked this one."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])


def asking(loaded: Nursery) -> Child:
    child = loaded.start("dispatch.answers")
    assert isinstance(child, Child)
    return child


def test_the_same_question_has_the_same_answer_in_every_child(loaded: Nursery) -> None:
    one, other = (planned(loaded, iterations=200) for _ in range(2))
    assert one == other
    assert sum(len(route["stops"]) for route in one["routes"]) > 0


def test_a_loaded_planner_that_was_killed_is_loaded_anew(loaded: Nursery) -> None:
    with asking(loaded) as child:
        os.kill(loader_of(child.pid), signal.SIGKILL)
        child.kill()
    assert child.returncode == -signal.SIGKILL
    assert planned(loaded, iterations=50)["routes"]


def test_a_child_that_is_cut_off_ends_and_the_next_question_is_answered(loaded: Nursery) -> None:
    with pytest.raises(RuntimeError, match="ended with -9"):
        planned(loaded, timeout=0.3, seconds=60)
    assert planned(loaded, iterations=50)["routes"]


def test_a_child_that_fails_says_how(loaded: Nursery) -> None:
    with pytest.raises(RuntimeError, match="KeyError"):
        in_child(
            "no.such.module", b"", timeout=PATIENCE_S, on_line=lambda _: None, start=loaded.start
        )


def test_a_child_goes_by_the_settings_of_now(
    loaded: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDWRIGHT_ROUTER", "no such router")
    said: list[bytes] = []
    job = {
        "vehicles": [{"id": 1, "start": [121.4, 31.2]}],
        "jobs": [{"id": 1, "location": [121.5, 31.2]}],
    }
    with pytest.raises(RuntimeError):
        in_child(
            "dispatch.solving",
            orjson.dumps(job),
            timeout=PATIENCE_S,
            on_line=said.append,
            start=loaded.start,
        )
    assert orjson.loads(said[-1])["name"] == "settings"


def test_a_fork_of_ours_asks_the_planner_that_is_loaded_already(loaded: Nursery) -> None:
    with asking(loaded) as child:
        known = loader_of(child.pid)
        child.kill()
    fork = os.fork()
    if fork == 0:
        code = 1
        try:
            with asking(loaded) as mine:
                code = 0 if loader_of(mine.pid) == known else 2
                mine.kill()
        finally:
            os._exit(code)
    assert os.waitpid(fork, 0)[1] == 0


def test_it_goes_when_whoever_loaded_it_is_killed() -> None:
    lines = (
        "import time",
        "from dispatch.nursery import nursery",
        "child = nursery.start('dispatch.answers')",
        "print(child.pid, flush=True)",
        "time.sleep(600)",
    )
    with subprocess.Popen(
        [sys.executable, "-c", "\n".join(lines)], stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        child = int(owner.stdout.readline())
        loader = loader_of(child)
        owner.kill()
    assert until(lambda: not runs(loader) and not runs(child))


def test_it_goes_when_nobody_asks_and_comes_back_when_somebody_does() -> None:
    mine = Nursery()
    try:
        mine.open(idle_s=0.2)
        with asking(mine) as child:
            first = loader_of(child.pid)
            assert until(lambda: not runs(first) or loader_of(child.pid) != first)
            child.kill()
        with asking(mine) as child:
            assert loader_of(child.pid) != first
            child.kill()
    finally:
        mine.close()
