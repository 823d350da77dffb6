"""What sync looks after by itself, again and again."""

from datetime import timedelta
from uuid import UUID

from core.actor import Actor
from core.jobs import job
from core.unit import reading, unit_of_work
from sync import hints, horizon, mending, retention, unspoken, uploads


@job(queue="default", retries=2, lease=timedelta(minutes=2))
def turn_the_day(actor: Actor) -> None:
    """Let visits come and go where the organisation's day has changed."""
    horizon.refresh(actor)


@job(queue="default", retries=2, lease=timedelta(minutes=2))
def forget_removals(actor: Actor) -> None:
    """Forget what left phones so long ago that nobody is told any more."""
    retention.forget_removals(actor)


@job(queue="default", retries=2, lease=timedelta(minutes=2))
def forget_receipts(actor: Actor) -> None:
    """Forget receipts that no phone will ask for any more."""
    retention.forget_receipts(actor)


@job(queue="default", retries=1, lease=timedelta(minutes=2))
def scrub(actor: Actor) -> None:
    """Compare what phones hold with the rows, and mend what differs."""
    mending.scrub(actor)


@job(queue="default", retries=2)
def look_for_hints(actor: Actor) -> None:
    """Wake the phones for which something changed, each once for all that changed since the last look."""
    with reading(actor) as unit:
        waiting = hints.waiting(unit)
    if waiting:
        with unit_of_work(actor, action="hints.look") as unit:
            for device_id, counter in waiting:
                payload = {"device_id": str(device_id), "counter": counter}
                unit.enqueue(send_hint, payload, slot=f"hint:{device_id}:{counter}")


@job(queue="default", retries=3)
def send_hint(actor: Actor, device_id: str, counter: int) -> None:
    """Wake one phone; a second run finds that it was told."""
    hints.hint(actor, UUID(device_id), counter)


@job(queue="default", retries=2, lease=timedelta(minutes=2))
def forget_uploads(actor: Actor) -> None:
    """Forget files that stayed on their way for too long."""
    uploads.forget_late(actor)


@job(queue="default", retries=1, lease=timedelta(minutes=2))
def collect_files(actor: Actor) -> None:
    """Drop files that nothing has spoken of for long."""
    unspoken.collect(actor)
