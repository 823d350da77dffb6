"""The search made ready: compiled once for a machine, by one process while the others wait.

`python -m dispatch warm` does it ahead, at set-up. Without it the first search does, which takes a
minute or two; its own time begins only then.
"""

import fcntl
import sys
import time
from collections.abc import Callable

import numpy as np

from dispatch.engine.arrays import compiled, room_for
from dispatch.engine.day import days_of
from dispatch.engine.kernel import CACHE, search
from dispatch.engine.kernel.layout import NEVER
from dispatch.engine.problem import Break, Engineer, Problem, StoppingRule, Visit, Weights, Window
from dispatch.engine.team import Team

# Written when all of it is compiled, and not before.
READY = CACHE / "ready"


def is_warm() -> bool:
    """Return whether the machine code of these sources has been made before."""
    return READY.exists()


def prepare(tell: Callable[[], None] | None = None) -> None:
    """Compile the search unless that was done before; `tell` is called when it takes a while."""
    if is_warm():
        return
    if tell is not None:
        tell()
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        # Two who compile at once take twice as long.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_warm():
            warm()
            READY.touch()


def warm() -> None:
    """Solve a small day and ask about it, so that every compiled function is in the cache."""
    # Where the end of a day costs nothing either, routes are searched as chains; with breaks, and
    # most other rules, they are judged by walking them.
    noon = (Break(4000, 6000, 600),)
    for weights, breaks in (
        (Weights(), ()),
        (Weights(overtime=0, balance=0), ()),
        (Weights(), noon),
    ):
        _search_with(weights, breaks)


def _search_with(weights: Weights, breaks: tuple[Break, ...]) -> None:
    shift = (Window(0, 10_000),)
    engineers = tuple(Engineer(name, shift, 0, 0, breaks=breaks) for name in ("ann", "bob"))
    visits = tuple(Visit(f"v{k}", 1 + k % 2, 600) for k in range(6))
    drives = ((0, 60, 90), (60, 0, 40), (90, 40, 0))
    problem = Problem((), drives, engineers, visits, weights=weights)  # type: ignore[arg-type]
    made = compiled(problem, list(days_of(problem).values()), visits)
    q = made.question
    Team(q, StoppingRule(seconds=600, iterations=4), 0).solve([(0, 0)])
    state = room_for(q, 0)
    search.start(q.memory, q.drives, state.memory)
    search.best_place(q.memory, q.drives, state.memory, 0, 0, 0.0, NEVER)
    search.total(q.memory, state.memory)
    search.room_for_one(q.memory, q.drives, state.memory, 0, np.zeros(6, np.int64))


def main(arguments: list[str]) -> int:
    """Compile what is not compiled yet and say where it is kept; there is nothing to choose."""
    if arguments:
        sys.stderr.write("warm takes no arguments.\n")
        return 2
    began = time.monotonic()
    known = is_warm()
    prepare()
    word = "was ready" if known else f"was made ready in {time.monotonic() - began:.0f} s"
    sys.stdout.write(f"The planner {word}: {CACHE}\n")
    return 0
