"""What the desk looks after by itself, again and again."""

from datetime import timedelta
from uuid import UUID

from core import clock
from core.actor import Actor
from core.jobs import job
from core.unit import perform, reading, unit_of_work
from dispatch import actions, actuals, automatic, positions, watching
from dispatch.events import AbsenceNoted
from dispatch.planner import NotReady
from work.events import OrderCancelled, OrderOpened, VisitCompleted, VisitDelayed

# What happens within so many seconds is looked at together, once rules have had their say.
TOGETHER_S = 10


@job(queue="default", retries=2)
def forget_positions(actor: Actor) -> None:
    """Forget positions that have been kept as long as the setting allows."""
    perform(actor, positions.forget_old, name="position.forget")


@job(queue="default", retries=2)
def expire_proposals(actor: Actor) -> None:
    """Put away proposals whose days are over."""
    perform(actor, actions.expire_proposals, name="plan.expire")


@job(on=VisitCompleted, queue="default", retries=5)
def keep_actual(actor: Actor, visit_id: str) -> None:
    """Keep what a visit took beside what was planned of it."""
    perform(actor, lambda unit: actuals.keep_actual(unit, UUID(visit_id)), name="actual.keep")


@job(queue="default", retries=2)
def learn_times(actor: Actor) -> None:
    """Work out how long things take here, for the plans of the next day."""
    perform(actor, actuals.learn_times, name="times.learn")


@job(on=OrderOpened, queue="default", retries=3)
def assign_by_rule(actor: Actor, order_id: str) -> None:
    """Find a new order's engineer where a rule of the office says so; decided once."""
    perform(actor, lambda unit: automatic.assign(unit, UUID(order_id)), name="order.assign")


@job(on=OrderOpened, queue="default", retries=3)
@job(on=OrderCancelled, queue="default", retries=3)
@job(on=VisitDelayed, queue="default", retries=3)
@job(on=AbsenceNoted, queue="default", retries=3)
def look_soon(actor: Actor, **_: str) -> None:
    """Have the day looked at in a moment: however much happens meanwhile, it is looked at once."""
    now = clock.now()
    at = now + timedelta(seconds=TOGETHER_S - now.timestamp() % TOGETHER_S)
    with unit_of_work(actor, action="day.look_soon") as unit:
        unit.enqueue(look, {}, run_at=at, slot=f"look:{actor.org_id}:{at:%Y-%m-%dT%H:%M:%S}")


@job(queue="plans", retries=2, lease=timedelta(minutes=2))
def look(actor: Actor) -> None:
    """Propose what to do about what has happened; with nothing new, nothing is written."""
    try:
        with reading(actor) as unit:
            seen = watching.look(unit)
    except NotReady:
        # The search is being compiled; the next look is in a minute.
        return
    if seen != watching.Look():
        perform(actor, lambda unit: actions.keep_look(unit, seen), name="plan.propose")
