"""What happens later at the dispatcher's desk: the search for a plan."""

from datetime import timedelta
from uuid import UUID

from core.actor import Actor
from core.errors import DomainError
from core.jobs import job
from core.unit import perform, reading, unit_of_work
from dispatch import actions
from dispatch.days import who_of
from dispatch.engine.plan import Plan
from dispatch.engine.problem import ProblemError
from dispatch.events import PlanAsked
from dispatch.models import DayPlan, PlanState
from dispatch.planner import NotReady
from dispatch.replanning import Replan, emergency
from dispatch.searching import PlanFailed, Search
from dispatch.travel.roads import roads

PREPARING = "The planner is being prepared on this machine, once. This takes a minute or two."
IN_PARTS = "This large plan was made in {parts} parts and sewn together."
SIZE = "Searching for the best places for {visits} visits among {people} engineers."
NO_ANSWER = "The planner ended without an answer."
# How finely progress is told; each step is a small transaction.
STEP = 10


class _CalledOffError(Exception):
    """The dispatcher does not want this plan any more."""


# A search keeps every core busy: two at once would each find half as much, and many none in time.
@job(on=PlanAsked, queue="plans", retries=1, lease=timedelta(minutes=2), at_once=1)
def find_plan(actor: Actor, plan_id: str) -> None:
    """Search for the plan in a process of its own; run twice, it is searched twice and kept once."""
    wanted = UUID(plan_id)
    with unit_of_work(actor, action="plan.pose") as unit:
        plan = unit.take(DayPlan, wanted)
        if plan is None or plan.state not in (PlanState.QUEUED, PlanState.RUNNING):
            return
        try:
            posed = actions.pose_problem(unit, plan)
        except ProblemError as error:
            actions.fail_plan(unit, wanted, str(error))
            return
        seconds, seed = plan.seconds, plan.seed
    told = 0
    people = {who_of(one.id)[0] for one in posed.pieces.engineers}
    size = SIZE.format(visits=len(posed.pieces.visits), people=len(people))

    def tell(progress: int) -> None:
        nonlocal told
        if progress >= told + STEP or (progress == 0 and told == 0):
            told = max(told, progress)
            _tell(actor, wanted, progress, size)

    search = Search(
        seconds=float(seconds),
        seed=seed,
        roads=roads(),
        tell=tell,
        preparing=lambda: _tell(actor, wanted, 0, PREPARING),
        check=lambda: _check_wanted(actor, wanted),
    )
    try:
        found, parts = search.plan(posed.pieces, posed.split_above, posed.budget)
    except _CalledOffError:
        return
    except (PlanFailed, ProblemError) as error:
        _fail(actor, wanted, str(error))
        return
    except RuntimeError:
        _fail(actor, wanted, NO_ANSWER)
        raise
    if (sooner := _placed_at_once(actor, wanted, found)) is not None:
        perform(actor, lambda unit: actions.keep_instead(unit, wanted, sooner), name="plan.keep")
        return
    in_parts = [IN_PARTS.format(parts=parts)] if parts > 1 else []
    message = "\n".join([*in_parts, *sorted(search.notes)])
    perform(
        actor,
        lambda unit: actions.keep_answer(unit, wanted, found, message=message),
        name="plan.keep",
    )


def _placed_at_once(actor: Actor, plan_id: UUID, found: Plan) -> Replan | None:
    """Return the answer without a search where the search has left out what it was all about."""
    with reading(actor) as unit:
        plan = unit.must(DayPlan, plan_id, "No such plan.")
        name = plan.asked.get("event", {}).get("visit_id")
        if name is None or all(left.visit_id != name for left in found.unplaced):
            return None
        try:
            return emergency(
                unit,
                UUID(name),
                day=plan.day,
                days=plan.days,
                budget=plan.asked.get("budget"),
            )
        except (NotReady, DomainError):
            return None


def _fail(actor: Actor, plan_id: UUID, message: str) -> None:
    perform(actor, lambda unit: actions.fail_plan(unit, plan_id, message), name="plan.fail")


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
