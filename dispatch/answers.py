"""The child of `dispatch.planner`: loads the compiled search once and answers one question after the other."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dispatch.engine import offers as engine
from dispatch.engine.plan import Plan
from dispatch.engine.problem import Problem, ProblemError, Visit, Window
from dispatch.engine.warm import is_warm
from dispatch.pipe import read, write


def offers(
    problem: Problem, plan: Plan, visit: Visit, windows: Sequence[Window]
) -> list[tuple[int | None, str | None]]:
    """Return for each window what the visit adds in it, and with whom."""
    found = engine.offers(problem, plan, visit, windows)
    return [(one.added_cost, one.engineer_id) for one in found]


def inserted(problem: Problem, plan: Plan, visit_ids: Sequence[str], budget: int) -> Plan:
    """Return the plan with these visits put in one after the other, each where it costs least."""
    left = budget
    for visit_id in visit_ids:
        found = engine.emergency(problem, plan, visit_id)
        displaced = _displaced(plan, found, visit_id)
        if displaced <= left:
            plan, left = found, left - displaced
    return plan


def _displaced(before: Plan, after: Plan, visit_id: str) -> int:
    """Return how many other visits change hands or lose their place."""
    was, becomes = _hands(before), _hands(after)
    return sum(1 for name, who in was.items() if name != visit_id and becomes.get(name) != who)


def _hands(plan: Plan) -> dict[str, str]:
    return {stop.visit_id: route.engineer_id for route in plan.routes for stop in route.stops}


def ready() -> bool:
    """Return that the search is loaded."""
    return True


QUESTIONS: Mapping[str, Callable[..., Any]] = {
    "offers": offers,
    "inserted": inserted,
    "ready": ready,
}


def main() -> int:
    """Answer until the other end goes away."""
    # What somebody prints by mistake must not fall among the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    while True:
        try:
            question, given = read(sys.stdin.buffer)
        except EOFError:
            return 0
        if not is_warm():
            write(answers, ("cold", None))
            continue
        try:
            answer = "answer", QUESTIONS[question](*given)
        except ProblemError as error:
            answer = "error", error
        write(answers, answer)


if __name__ == "__main__":
    sys.exit(main())
