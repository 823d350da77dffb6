"""Problems that somebody sends, planned at once: nothing of them is kept."""

from typing import Any

import orjson

from core.actor import Actor
from core.children import in_child
from core.errors import Invalid
from core.languages import say
from dispatch.nursery import nursery
from people.permissions import require

# Starting the planner, reading, explaining, and trying again where a first plan was not allowed.
GRACE_S = 30
# On a new machine the search is compiled first.
PREPARING_S = 300
MOST_SECONDS = 30


def solve_problem(actor: Actor, problem: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a problem in VROOM's JSON, worked out in a process of its own.

    Raises Invalid with the code and the place of what cannot be read; RuntimeError when the planner
    fails.
    """
    require(actor, "plan.change")
    said: list[dict[str, Any]] = []
    options = problem.get("options")
    if actor.language and isinstance(options or {}, dict):
        problem = problem | {"options": {"language": actor.language} | (options or {})}
    try:
        question = orjson.dumps(problem)
    except TypeError as error:
        # The writer takes neither; only its words tell which it was.
        message = (
            "A whole number is too large."
            if "Integer" in str(error)
            else "This is nested too deeply."
        )
        raise Invalid(message, code="not_readable") from error
    try:
        in_child(
            "dispatch.solving",
            question,
            timeout=PREPARING_S + 2 * MOST_SECONDS + GRACE_S,
            on_line=lambda line: said.append(orjson.loads(line)),
            start=nursery.start,
        )
    except RuntimeError:
        if not said:
            raise
    answer = said[-1]
    if answer["code"] != 0:
        raise Invalid(
            "The problem cannot be planned: {reason}",
            code=answer["name"],
            reason=say(answer["error"], actor.language),
            place=answer["place"],
        )
    return answer
