"""The planner as a process of its own: `python -m dispatch.engine < problem.json`.

Reads `{"problem": ..., "stop": {"seconds": 3, "iterations": null}, "seed": 0}` and writes JSON
lines: `{"progress": 0..100, "message": ...}` on the way, with `"state"` "preparing" where the search is
compiled first and "searching" when its time begins, then `{"plan": ...}`; or, for a question
that cannot be asked, `{"error": {"code": ..., "message": ...}}` and exit code 2. It holds nothing
that must be saved: kill it at any time.
"""

import json
import sys
from typing import Any

from dispatch.engine.codec import plan_to_json, problem_from_json, stop_from_json
from dispatch.engine.problem import ProblemError
from dispatch.engine.solver import solve
from dispatch.engine.warm import prepare

BAD_QUESTION = 2
# The last percent belongs to the explanations, which follow the search.
SEARCHED_PERCENT = 95


def main() -> int:
    """Answer the question on standard input."""
    try:
        question = json.load(sys.stdin, parse_constant=_no_number)
        if not isinstance(question, dict):
            raise ProblemError("The question must be an object.")
        problem = problem_from_json(question.get("problem", question))
        stop = stop_from_json(question.get("stop") or {})
        seed = int(question.get("seed") or 0)
    except ProblemError as error:
        return _refuse("problem_error", str(error))
    except (
        json.JSONDecodeError,
        UnicodeDecodeError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        return _refuse("not_json", str(error))

    size = f"{len(problem.visits)} visits, {len(problem.engineers)} engineers"
    _say({"progress": 0, "message": size})

    # Whoever waits should know why nothing happens for a minute or two.
    prepare(lambda: _say({"state": "preparing", "message": "preparing the search, once"}))
    _say({"state": "searching", "progress": 0, "message": "searching"})

    def progress(share: float) -> None:
        _say({"progress": int(share * SEARCHED_PERCENT), "message": "searching"})

    plan = solve(problem, stop, seed=seed, progress=progress)
    _say({"progress": 100, "message": f"{len(plan.unplaced)} visits left out"})
    _say({"plan": plan_to_json(plan)})
    return 0


def _refuse(code: str, message: str) -> int:
    _say({"error": {"code": code, "message": message}})
    return BAD_QUESTION


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _no_number(name: str) -> float:
    raise ProblemError(f"{name} is not a number.")


if __name__ == "__main__":
    sys.exit(main())
