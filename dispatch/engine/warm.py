"""Compile the search ahead: `python -m dispatch warm`, at set-up or first start.

Without it the first search of a process compiles, which takes a minute or two once.
"""

import sys
import time

from dispatch.engine.kernel import CACHE, is_warm
from dispatch.engine.problem import Engineer, Problem, StoppingRule, Visit, Window
from dispatch.engine.solver import solve


def main(arguments: list[str]) -> int:
    """Compile what is not compiled yet and say where it is kept; there is nothing to choose."""
    if arguments:
        sys.stderr.write("warm takes no arguments.\n")
        return 2
    began = time.monotonic()
    known = is_warm()
    warm()
    word = "was ready" if known else f"compiled in {time.monotonic() - began:.0f} s"
    sys.stdout.write(f"The planner {word}: {CACHE}\n")
    return 0


def warm() -> None:
    """Solve a small day, so that every compiled function is in the cache."""
    shift = (Window(0, 10_000),)
    engineers = tuple(Engineer(name, shift, 0, 0) for name in ("ann", "bob"))
    visits = tuple(Visit(f"v{k}", 1 + k % 2, 600) for k in range(6))
    drives = ((0, 60, 90), (60, 0, 40), (90, 40, 0))
    problem = Problem((), drives, engineers, visits)  # type: ignore[arg-type]
    solve(problem, StoppingRule(seconds=600, iterations=4), explain=False)
