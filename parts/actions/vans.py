"""How much a van should carry, and how it is filled up again."""

from uuid import UUID

from sqlalchemy import select

from core.errors import Invalid
from core.unit import Unit
from parts.actions.ledger import keep_van_stock
from parts.actions.slips import add_lines, new_slip
from parts.models import IssueLine, IssueSlip, Place, PlaceKind, SlipState, VanStock
from parts.queries import best_shelf, part_for, place_for
from people.permissions import require

BELOW_MINIMUM = "below minimum"

_ON_ITS_WAY = (SlipState.APPROVED, SlipState.PICKING, SlipState.READY, SlipState.HANDED_OVER)


def set_van_level(unit: Unit, *, place_id: UUID, part_id: UUID, min: int, max: int) -> VanStock:
    """Say below how many a van is filled up, and to how many.

    Raises Invalid when the two make no sense.
    """
    require(unit.actor, "stock.change")
    if not 0 <= min <= max:
        raise Invalid("The minimum must not be above the maximum.", min=min, max=max)
    part, van = part_for(unit, part_id), _van(unit, place_id)
    row = keep_van_stock(unit, van, part.id)
    row.min, row.max = min, max
    return row


def _van(unit: Unit, place_id: UUID) -> Place:
    van = place_for(unit, place_id)
    if van.kind is not PlaceKind.VAN:
        raise Invalid("This place is not a van.", place=van.name)
    return van


def propose_replenishment(unit: Unit, van_place_id: UUID) -> IssueSlip | None:
    """Propose a slip for what the van has too little of; None when all is there or under way.

    A van has one open proposal: lines are added to it or raised on it.
    """
    require(unit.actor, "slip.work")
    _van(unit, van_place_id)
    # Two jobs for one van would otherwise each make a proposal.
    van = unit.take(Place, van_place_id) or _van(unit, van_place_id)
    draft = unit.session.scalar(
        select(IssueSlip)
        .where(
            IssueSlip.to_place_id == van.id,
            IssueSlip.state == SlipState.DRAFT,
            IssueSlip.reason == BELOW_MINIMUM,
            IssueSlip.deleted_at.is_(None),
        )
        .order_by(IssueSlip.created_at)
        .limit(1)
        .with_for_update(key_share=True)
    )
    wanted = _wanted(unit, van, draft)
    if not wanted:
        return draft
    if draft is None:
        shelf = best_shelf(unit, list(wanted))
        if shelf is None:
            return None
        draft = new_slip(unit, source=shelf, van=van, reason=BELOW_MINIMUM)
    add_lines(unit, draft, wanted)
    return draft


def _wanted(unit: Unit, van: Place, draft: IssueSlip | None) -> dict[UUID, int]:
    rows = unit.session.scalars(
        select(VanStock).where(
            VanStock.place_id == van.id, VanStock.min > 0, VanStock.on_hand < VanStock.min
        )
    ).all()
    coming = _coming(unit, van, draft)
    position = {row.part_id: row.on_hand + coming.get(row.part_id, 0) for row in rows}
    return {
        row.part_id: row.max - position[row.part_id]
        for row in rows
        if position[row.part_id] < row.min
    }


def _coming(unit: Unit, van: Place, draft: IssueSlip | None) -> dict[UUID, int]:
    """Return what open slips already bring, but for the proposal itself."""
    query = (
        select(IssueSlip, IssueLine)
        .join(
            IssueLine, (IssueLine.org_id == IssueSlip.org_id) & (IssueLine.slip_id == IssueSlip.id)
        )
        .where(
            IssueSlip.to_place_id == van.id,
            IssueSlip.state.in_((SlipState.DRAFT, *_ON_ITS_WAY)),
            IssueSlip.received_at.is_(None),
        )
    )
    if draft is not None:
        query = query.where(IssueSlip.id != draft.id)
    coming: dict[UUID, int] = {}
    for slip, line in unit.session.execute(query):
        picked = (
            slip.state in (SlipState.READY, SlipState.HANDED_OVER) or line.short_reason is not None
        )
        coming[line.part_id] = coming.get(line.part_id, 0) + (
            line.qty_picked if picked else line.qty_asked
        )
    return coming
