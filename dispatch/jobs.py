"""What happens later at the dispatcher's desk: the search for a plan."""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from core.actor import Actor
from core.jobs import in_child, job
from core.settings import from_environment
from core.unit import perform, reading, unit_of_work
from dispatch import actions
from dispatch.engine.problem import ProblemError
from dispatch.events import PlanAsked
from dispatch.models import DayPlan, PlanState
from dispatch.travel.drives import with_roads

# Loading the solver and explaining the plan, beside the search itself.
GRACE_S = 60
# On a new machine the search is compiled first; others who compile may have to be waited for.
PREPARING_S = 900
PREPARING = "The planner is being prepared on this machine, once. This takes a minute or two."
# How finely progress is told; each step is a small transaction.
STEP = 10


class _CalledOffError(Exception):
    """The dispatcher does not want this plan any more."""


@job(on=PlanAsked, queue="plans", retries=1, lease=timedelta(minutes=2))
def find_plan(actor: Actor, plan_id: str) -> None:
    """Search for the plan in a process of its own; run twice, it is searched twice and kept once."""
    wanted = UUID(plan_id)
    with unit_of_work(actor, action="plan.pose") as unit:
        plan = unit.take(DayPlan, wanted)
        if plan is None or plan.state not in (PlanState.QUEUED, PlanState.RUNNING):
            return
        try:
            problem = actions.pose_problem(unit, plan)
        except ProblemError as error:
            actions.fail_plan(unit, wanted, str(error))
            return
        seconds, seed = plan.seconds, plan.seed
    # The router is asked while no transaction is open.
    problem = with_roads(problem, from_environment().router)
    question = {"problem": problem, "stop": {"seconds": float(seconds)}, "seed": seed}
    answer: dict[str, Any] = {}
    begun: float | None = None
    told = 0

    def tell(progress: int) -> None:
        nonlocal told
        if progress >= told + STEP:
            told = progress
            _tell(actor, wanted, progress)

    def read(line: bytes) -> None:
        nonlocal begun
        said = orjson.loads(line)
        answer.update({key: said[key] for key in ("plan", "error") if key in said})
        if said.get("state") == "preparing":
            _tell(actor, wanted, 0, PREPARING)
        if said.get("state") == "searching" and begun is None:
            begun = time.monotonic()
            _tell(actor, wanted, 0)
        tell(said.get("progress", 0))

    def tick() -> None:
        _check_wanted(actor, wanted)
        if begun is None:
            return
        passed = time.monotonic() - begun
        if passed > seconds + GRACE_S:
            raise RuntimeError("The planner did not end in time.")
        # The solver may be silent for the whole search; the time allowed tells how far it is.
        tell(min(95, int(passed / seconds * 95)))

    try:
        in_child(
            "dispatch.engine",
            orjson.dumps(question),
            timeout=PREPARING_S + seconds + GRACE_S,
            on_line=read,
            on_tick=tick,
        )
    except _CalledOffError:
        return
    except RuntimeError:
        if "error" not in answer:
            perform(
                actor,
                lambda unit: actions.fail_plan(
                    unit, wanted, "The planner ended without an answer."
                ),
            )
            raise
    if "error" in answer:
        perform(
            actor,
            lambda unit: actions.fail_plan(unit, wanted, answer["error"]["message"]),
            name="plan.fail",
        )
        return
    perform(
        actor,
        lambda unit: actions.keep_answer(unit, wanted, problem, answer["plan"]),
        name="plan.keep",
    )


def _check_wanted(actor: Actor, plan_id: UUID) -> None:
    with reading(actor) as unit:
        plan = unit.get(DayPlan, plan_id)
        if plan is None or plan.state is PlanState.CANCELLED:
            raise _CalledOffError


def _tell(actor: Actor, plan_id: UUID, progress: int, message: str = "") -> None:
    with unit_of_work(actor, action="plan.progress") as unit:
        plan = unit.take(DayPlan, plan_id)
        if plan is None or plan.state is PlanState.CANCELLED:
            raise _CalledOffError
        plan.progress, plan.message = min(progress, 99), message
