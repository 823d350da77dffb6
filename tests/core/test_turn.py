"""Writers of one SQLite file queue fairly, in one process and between processes, and the dead hold nobody up."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from core.turn import Turn

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys, time
from core.turn import Turn
with Turn(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def waiting_for(turn: Turn) -> tuple[threading.Thread, threading.Event]:
    got = threading.Event()

    def take() -> None:
        with turn:
            got.set()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    return thread, got


def test_another_opening_of_the_file_waits_until_the_turn_is_over(tmp_path: Path) -> None:
    first, second = Turn(str(tmp_path / "a.db")), Turn(str(tmp_path / "a.db"))
    with first:
        thread, got = waiting_for(second)
        assert not got.wait(0.3)
    assert got.wait(10)
    thread.join(10)


def test_threads_of_one_process_wait_for_each_other(tmp_path: Path) -> None:
    turn = Turn(str(tmp_path / "a.db"))
    with turn:
        _, got = waiting_for(turn)
        assert not got.wait(0.3)
    assert got.wait(10)


def test_a_turn_ends_with_the_process_that_held_it(tmp_path: Path) -> None:
    path = str(tmp_path / "a.db")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        _, got = waiting_for(Turn(path))
        assert not got.wait(0.3)
        holder.send_signal(signal.SIGKILL)
        begun = time.monotonic()
        assert got.wait(10)
        assert time.monotonic() - begun < 5


def test_a_turn_that_raised_is_over(tmp_path: Path) -> None:
    turn = Turn(str(tmp_path / "a.db"))
    for _ in range(2):
        try:
            with turn:
                raise ValueError("no")
        except ValueError:
            pass
    assert waiting_for(Turn(str(tmp_path / "a.db")))[1].wait(10)


def test_where_the_folder_cannot_be_written_to_threads_still_queue(tmp_path: Path) -> None:
    turn = Turn(str(tmp_path / "missing" / "a.db"))
    with turn:
        _, got = waiting_for(turn)
        assert not got.wait(0.3)
    assert got.wait(10)
