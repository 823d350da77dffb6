"""What the desk looks after by itself, again and again."""

from uuid import UUID

from core.actor import Actor
from core.jobs import job
from core.unit import perform
from dispatch import actuals, automatic, positions
from work.events import OrderOpened, VisitCompleted


@job(queue="default", retries=2)
def forget_positions(actor: Actor) -> None:
    """Forget positions that have been kept as long as the setting allows."""
    perform(actor, positions.forget_old, name="position.forget")


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
