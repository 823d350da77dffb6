"""The life of an issue slip: asked for, approved, picked, ready, handed over, received."""

import hmac
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid5

from core.errors import Conflict, Forbidden, Invalid
from core.ids import new_id, new_label, typed_label
from core.numbers import next_number
from core.unit import Unit
from parts.actions.accounts import Held, hold
from parts.actions.catalogue import house_place
from parts.actions.ledger import post
from parts.actions.reservations import release, reserve
from parts.models import (
    OPEN_SLIP,
    IssueLine,
    IssueSlip,
    Part,
    Place,
    PlaceKind,
    Reservation,
    SlipState,
    account_id_of,
)
from parts.queries import (
    best_shelf,
    by_id,
    check_own_van,
    driver_of,
    lines_of,
    part_for,
    place_for,
    slip_for,
    successors,
)
from people.permissions import require

_PICKABLE = frozenset({SlipState.APPROVED, SlipState.PICKING})
_WRONG_STATE = "The slip is {state}; this cannot follow."


def create_slip(
    unit: Unit,
    *,
    to_place_id: UUID,
    lines: Sequence[dict[str, Any]],
    from_place_id: UUID | None = None,
    reason: str = "",
    id: UUID | None = None,
) -> IssueSlip:
    """Ask for parts for a van: each line is `{part_id, qty}`. A technician asks for their own van.

    Raises Invalid without lines, Forbidden for somebody else's van, Conflict without a shelf.
    """
    require(unit.actor, "slip.receive")
    van = place_for(unit, to_place_id)
    if van.kind is not PlaceKind.VAN:
        raise Invalid("This place is not a van.", place=van.name)
    check_own_van(unit, van)
    wanted: dict[UUID, int] = {}
    for line in lines:
        part = part_for(unit, line["part_id"])
        wanted[part.id] = wanted.get(part.id, 0) + line["qty"]
    if not wanted:
        raise Invalid("A slip asks for at least one part.")
    source = place_for(unit, from_place_id) if from_place_id else best_shelf(unit, list(wanted))
    if source is None:
        raise Conflict("There is no shelf to take the parts from.")
    if source.kind not in (PlaceKind.BIN, PlaceKind.VAN) or source.id == van.id:
        raise Invalid("Parts are handed out from a shelf or another van.", place=source.name)
    slip = new_slip(unit, source=source, van=van, reason=reason, id=id)
    add_lines(unit, slip, wanted)
    return slip


def new_slip(
    unit: Unit, *, source: Place, van: Place, reason: str, id: UUID | None = None
) -> IssueSlip:
    """Begin a slip without lines."""
    return unit.add(
        IssueSlip(
            id=id or new_id(),
            no=next_number(unit, "IS"),
            from_place_id=source.id,
            to_place_id=van.id,
            technician_id=driver_of(unit, van),
            state=SlipState.DRAFT,
            reason=reason,
            token=new_label(),
            lines_doc=[],
            created_at=unit.happened_at,
            approved_by=None,
            handed_by=None,
            handed_at=None,
            received_by=None,
            received_at=None,
        )
    )


def add_lines(unit: Unit, slip: IssueSlip, wanted: dict[UUID, int]) -> None:
    """Ask on a draft for at least so many of each part."""
    lines = list(lines_of(unit, slip.id))
    known = {line.part_id: line for line in lines}
    for part_id, qty in sorted(wanted.items()):
        if part_id in known:
            known[part_id].qty_asked = max(known[part_id].qty_asked, qty)
            continue
        line = IssueLine(
            id=new_id(),
            slip_id=slip.id,
            position=len(lines) + 1,
            part_id=part_id,
            qty_asked=qty,
            qty_picked=0,
            short_reason=None,
            reservation_id=None,
        )
        lines.append(unit.add(line))
    _show_lines(slip, lines)


def _show_lines(slip: IssueSlip, lines: Sequence[IssueLine]) -> None:
    slip.lines_doc = [
        {
            "id": str(line.id),
            "part_id": str(line.part_id),
            "qty_asked": line.qty_asked,
            "qty_picked": line.qty_picked,
            "short_reason": line.short_reason,
        }
        for line in lines
    ]


def _worked_on(unit: Unit, slip_id: UUID) -> IssueSlip:
    require(unit.actor, "slip.work")
    return slip_for(unit, slip_id, change=True)


def _wrong_state(slip: IssueSlip) -> Conflict:
    return Conflict(_WRONG_STATE, state=slip.state.value, no=slip.no)


def approve_slip(unit: Unit, slip_id: UUID) -> IssueSlip:
    """Let a slip be picked, and keep what is there for it. Again, nothing changes.

    Raises Conflict when it is void.
    """
    slip = _worked_on(unit, slip_id)
    if slip.approved_by is not None or slip.state in _PICKABLE:
        return slip
    if slip.state is not SlipState.DRAFT:
        raise _wrong_state(slip)
    source = place_for(unit, slip.from_place_id)
    lines = lines_of(unit, slip.id)
    known = by_id(unit, Part, (line.part_id for line in lines))
    held = hold(unit, [(source, line.part_id) for line in lines])
    for line in lines:
        account = held[account_id_of(source.id, line.part_id)]
        free = min(line.qty_asked, account.on_hand - account.reserved)
        if free > 0:
            _keep(unit, slip, line, known[line.part_id], source, free, held)
    slip.state, slip.approved_by = SlipState.APPROVED, unit.actor.account_id
    return slip


def _keep(
    unit: Unit, slip: IssueSlip, line: IssueLine, part: Part, source: Place, qty: int, held: Held
) -> None:
    kept = reserve(
        unit,
        place=source,
        part=part,
        qty=qty,
        reference_kind="issue_slip",
        reference_id=slip.id,
        held=held,
    )
    line.reservation_id = kept.id


def _let_go(unit: Unit, line: IssueLine, source: Place, held: Held) -> None:
    kept = _kept_for(unit, line)
    if kept is not None:
        release(unit, kept, place=source, part_id=line.part_id, held=held)
    line.reservation_id = None


def _kept_for(unit: Unit, line: IssueLine) -> Reservation | None:
    return unit.get(Reservation, line.reservation_id) if line.reservation_id else None


def pick_line(
    unit: Unit,
    slip_id: UUID,
    line_id: UUID,
    *,
    code: str | None = None,
    qty: int,
    short_reason: str | None = None,
) -> IssueSlip:
    """Take the pieces of one line off the shelf; a code that was scanned must mean its part.

    Without one they were picked by hand, and are the part on the line. A successor's code makes
    the line one of the successor. Raises NotFound, Invalid for fewer
    pieces without a reason, Conflict for a wrong code, too many, or too few on the shelf.
    """
    slip = _worked_on(unit, slip_id)
    if slip.state not in _PICKABLE:
        raise _wrong_state(slip)
    lines = lines_of(unit, slip.id)
    line = next((line for line in lines if line.id == line_id), None)
    if line is None:
        raise Conflict("This line is not on the slip.", code="not_found", no=slip.no)
    asked = part_for(unit, line.part_id)
    if qty > line.qty_asked:
        raise Conflict("Only {asked} were asked for.", asked=line.qty_asked, sku=asked.sku)
    if qty < line.qty_asked and not short_reason:
        raise Invalid(
            "Say why fewer were picked than asked for.", fields={"short_reason": ["Missing."]}
        )
    part = _scanned(unit, asked, code) if code and code.strip() else asked

    source = place_for(unit, slip.from_place_id)
    held = hold(unit, [(source, asked.id), (source, part.id)])
    _let_go(unit, line, source, held)
    line.part_id = part.id
    if qty:
        _keep(unit, slip, line, part, source, qty, held)
    line.qty_picked = qty
    line.short_reason = short_reason if qty < line.qty_asked else None
    slip.state = SlipState.PICKING
    _show_lines(slip, lines)
    return slip


def _scanned(unit: Unit, asked: Part, code: str) -> Part:
    """Return the part that the code means, when it may stand for the one asked for."""
    scanned = code.strip().casefold()
    for part in (asked, *successors(unit, asked)):
        if scanned in {word.casefold() for word in (part.sku, *part.codes)}:
            return part
    raise Conflict(
        "This is not the right part: {scanned} was scanned, {expected} is expected.",
        code="wrong_part",
        scanned=code,
        expected=asked.sku,
    )


def make_ready(unit: Unit, slip_id: UUID) -> IssueSlip:
    """Say that all is picked and can be fetched. Again, nothing changes.

    Raises Conflict while a line is open, or when nothing at all was picked.
    """
    slip = _worked_on(unit, slip_id)
    if slip.state is SlipState.READY:
        return slip
    if slip.state not in _PICKABLE:
        raise _wrong_state(slip)
    lines = lines_of(unit, slip.id)
    if open_lines := [line for line in lines if line.qty_picked == 0 and line.short_reason is None]:
        raise Conflict("{count} lines are not picked yet.", count=len(open_lines), no=slip.no)
    if not any(line.qty_picked for line in lines):
        raise Conflict("Nothing was picked. Call the slip off instead.", no=slip.no)
    slip.state = SlipState.READY
    return slip


def hand_over(unit: Unit, slip_id: UUID) -> IssueSlip:
    """The storekeeper's scan: the parts leave the shelf. Again, nothing changes.

    When the technician has already scanned, the parts are in the van and the slip is closed.
    Raises Conflict before the slip is ready.
    """
    slip = _worked_on(unit, slip_id)
    if slip.handed_at is not None:
        return slip
    if slip.received_at is None:
        if slip.state is not SlipState.READY:
            raise _wrong_state(slip)
        _move(unit, slip, "handed", place_for(unit, slip.from_place_id), _transit(unit))
    slip.state = SlipState.HANDED_OVER if slip.received_at is None else SlipState.CLOSED
    slip.handed_by, slip.handed_at = unit.actor.account_id, unit.happened_at
    return slip


def receive_slip(unit: Unit, slip_id: UUID, *, token: str) -> IssueSlip:
    """The technician's scan: the parts are in the van. Again, nothing changes.

    Whichever scan comes second closes the slip. Raises NotFound, Forbidden for another code or
    somebody else's van, Conflict before the slip is ready.
    """
    require(unit.actor, "slip.receive")
    slip = slip_for(unit, slip_id, change=True)
    if not hmac.compare_digest(typed_label(token).encode(), slip.token.encode()):
        raise Forbidden("The scanned code is not the one of this slip.", no=slip.no)
    if slip.received_at is not None:
        return slip
    van = place_for(unit, slip.to_place_id)
    if slip.handed_at is not None:
        _move(unit, slip, "received", _transit(unit), van)
        slip.state = SlipState.CLOSED
    elif slip.state is SlipState.READY:
        # The storekeeper's scan is on its way; what the technician has is in the van all the same.
        _move(unit, slip, "received", place_for(unit, slip.from_place_id), van)
        slip.state = SlipState.HANDED_OVER
    else:
        raise _wrong_state(slip)
    slip.received_by, slip.received_at = unit.actor.account_id, unit.happened_at
    return slip


def _transit(unit: Unit) -> Place:
    return house_place(unit, PlaceKind.TRANSIT, "In transit")


def _move(unit: Unit, slip: IssueSlip, step: str, source: Place, target: Place) -> None:
    """Move what was picked; it is taken out of what was kept for the slip."""
    lines = [line for line in lines_of(unit, slip.id) if line.qty_picked]
    known = by_id(unit, Part, (line.part_id for line in lines))
    held = hold(unit, [(place, line.part_id) for line in lines for place in (source, target)])
    for line in lines:
        post(
            unit,
            id=uuid5(line.id, step),
            part=known[line.part_id],
            source=source,
            target=target,
            qty=line.qty_picked,
            kind="issue",
            group_id=slip.id,
            reference_kind="issue_slip",
            reference_id=slip.id,
            reservation=_kept_for(unit, line) if source.id == slip.from_place_id else None,
            held=held,
        )


def void_slip(unit: Unit, slip_id: UUID, *, reason: str) -> IssueSlip:
    """Call a slip off; what was kept for it is free again. Again, nothing changes.

    Raises Conflict when the parts have left the shelf.
    """
    slip = _worked_on(unit, slip_id)
    if slip.state is SlipState.VOID:
        return slip
    if slip.state not in OPEN_SLIP:
        raise _wrong_state(slip)
    source = place_for(unit, slip.from_place_id)
    lines = lines_of(unit, slip.id)
    held = hold(unit, [(source, line.part_id) for line in lines])
    for line in lines:
        _let_go(unit, line, source, held)
    slip.state, slip.reason = SlipState.VOID, reason or slip.reason
    return slip
