"""What happens later to orders and visits: reports are made, promises are watched."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from core import clock, files
from core.actor import Actor
from core.jobs import job
from core.unit import reading, unit_of_work
from work import promises
from work.events import PhotoArrived, SignedOff
from work.models import CLOSED_ORDER, SignOff, WorkOrder
from work.reports import photos_missing, report_pdf, signoff_for

# How long a report waits for the photos that it shows.
PHOTOS_AWAITED = timedelta(hours=1)


@job(on=SignedOff, queue="papers", retries=5, lease=timedelta(minutes=2))
def make_report(actor: Actor, signoff_id: str) -> None:
    """Make the PDF of a sign-off; made twice, it is the same file.

    It waits for the photos that it shows, though not for ever: then their frames stay empty until
    they come.
    """
    with reading(actor) as unit:
        signoff = signoff_for(unit, UUID(signoff_id))
        latest = signoff.received_at + PHOTOS_AWAITED
        waits = clock.now() < latest and bool(photos_missing(unit, signoff))
        content = b"" if waits else report_pdf(unit, signoff)
    if waits:
        with unit_of_work(actor, action="report.wait") as unit:
            payload = {"signoff_id": signoff_id}
            unit.enqueue(make_report, payload, run_at=latest, slot=f"report:{signoff_id}")
        return
    sha256 = files.bound().keep(actor.org_id, content)
    with unit_of_work(actor, action="report.keep") as unit:
        kept = unit.take(SignOff, UUID(signoff_id))
        if kept is not None:
            kept.report_sha256 = sha256


@job(on=PhotoArrived, queue="papers", retries=5, lease=timedelta(minutes=2))
def remake_report(actor: Actor, signoff_id: str) -> None:
    """Make the PDF again now that a photo it shows has arrived."""
    make_report(actor, signoff_id)


@job(queue="default", retries=2)
def watch_promises(actor: Actor) -> None:
    """Work the clocks of open orders out afresh, so that a broken promise shows without anybody touching the order."""
    with reading(actor) as unit:
        now = clock.now()
        due = WorkOrder.due_at <= now
        query = (
            select(WorkOrder.id)
            .where(WorkOrder.state.not_in(CLOSED_ORDER), due)
            .order_by(WorkOrder.due_at)
            .limit(500)
        )
        ids = list(unit.session.scalars(query))
    for order_id in ids:
        with unit_of_work(actor, action="promise.watch") as unit:
            order = unit.take(WorkOrder, order_id)
            if order is not None and not (order.sla or {}).get("breached_at"):
                promises.rewind(unit, order, now=clock.now())
