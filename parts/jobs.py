"""What happens to stock later."""

from uuid import UUID

from core.actor import Actor
from core.jobs import job
from core.unit import Unit, perform
from parts.actions import propose_replenishment
from parts.events import VanRanLow


@job(on=VanRanLow)
def refill_van(actor: Actor, place_id: str) -> None:
    """Propose what the van should take along next time; a second run proposes nothing more."""

    def propose(unit: Unit) -> None:
        propose_replenishment(unit, UUID(place_id))

    perform(actor, propose, name="slip.propose")
