"""A planner that stays: short questions about a plan answered in milliseconds, by a process beside this one.

It is a child of the loaded planner (`dispatch.nursery`) that each process of ours keeps while it has
questions. Problems go over its pipe as they are.
"""

import atexit
import contextlib
import pickle
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

from dispatch.engine.plan import Plan
from dispatch.engine.problem import Problem, Visit, Window
from dispatch.nursery import IDLE_S, LOADING_S, Child, nursery
from dispatch.pipe import read, write

# Whoever has not answered by then hangs, and is started anew for the next question.
ANSWER_S = 20.0
# Whoever asks waits so long for the questions before: a reader's transaction is open meanwhile.
TURN_S = 10.0

Answer = tuple[str, Any]


class NotReady(Exception):
    """The planner cannot answer at once: its search is still to be compiled, or it has gone."""


class Planner:
    """The child, and one question after the other. Safe to use from several threads."""

    def __init__(self, idle_s: float = IDLE_S) -> None:
        self._lock = threading.Lock()
        self._child: Child | subprocess.Popen[bytes] | None = None
        self._idle_s = idle_s
        self._idle: threading.Timer | None = None

    def ask(self, question: str, *given: Any) -> Any:
        """Return the child's answer to one of the questions in `dispatch.answers`.

        Raises ProblemError as the planner does, NotReady when it cannot answer now.
        """
        if not self._lock.acquire(timeout=TURN_S):
            raise NotReady("The planner is still loading, or answers others.")
        try:
            kind, answer = self._asked((question, given))
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            self._end()
            raise NotReady(f"The planner has gone: {error}") from error
        else:
            self._rest()
        finally:
            self._lock.release()
        if kind == "cold":
            raise NotReady("The search is still to be compiled.")
        if kind == "error":
            raise answer
        return answer

    def start(self) -> None:
        """Load the planner ahead, for whoever is about to ask; answers at once."""
        if self._child is None:
            threading.Thread(target=self._warmed, daemon=True).start()

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._end()

    def _warmed(self) -> None:
        with self._lock:
            try:
                self._asked(("ready", ()))
            except (OSError, EOFError, pickle.UnpicklingError):
                self._end()
            else:
                self._rest()

    def _asked(self, question: tuple[str, Sequence[Any]]) -> Answer:
        child, patience_s = self._child, ANSWER_S
        if child is None or child.poll() is not None:
            patience_s = LOADING_S
            self._end()
            child = self._child = nursery.start("dispatch.answers", errors=False)
        assert child.stdin is not None  # noqa: S101
        assert child.stdout is not None  # noqa: S101
        killer = threading.Timer(patience_s, child.kill)
        killer.start()
        try:
            write(child.stdin, question)
            answer: Answer = read(child.stdout)
        finally:
            killer.cancel()
        return answer

    def _rest(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = threading.Timer(self._idle_s, self.close)
        self._idle.daemon = True
        self._idle.start()

    def _end(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        with child, contextlib.suppress(BrokenPipeError):
            child.wait()


# The one of this process.
planner = Planner()
atexit.register(planner.close)


def offers(
    problem: Problem, plan: Plan, visit: Visit, windows: Sequence[Window]
) -> list[tuple[int | None, str | None]]:
    """Return for each window what the visit adds in it at least, and with whom; None where nobody can.

    Raises ProblemError, NotReady.
    """
    found: list[tuple[int | None, str | None]] = planner.ask(
        "offers", problem, plan, visit, tuple(windows)
    )
    return found


def inserted(problem: Problem, plan: Plan, visit_ids: Sequence[str], budget: int) -> Plan:
    """Return the plan with these visits put in one after the other, each where it costs least.

    One that fits nowhere may have one other visit of low priority make room, as long as no more
    than `budget` of them have; what then fits nowhere is left out.
    Raises ProblemError, NotReady.
    """
    found: Plan = planner.ask("inserted", problem, plan, tuple(visit_ids), budget)
    return found
