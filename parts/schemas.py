"""Shapes of parts, places, stock and issue slips."""

from core.shapes import Paged, Shape, flag_in_query, ident, listed, moment, number, text
from parts.models import PlaceKind, SlipState, Tracking

# A million pieces at a million in money each still fit the databases' whole numbers.
MOST_PIECES = 1_000_000
HIGHEST_COST_MICRO = 10**12


class PartView(Shape):
    """Something that goes into a machine."""

    id = ident()
    version = number()
    sku = text()
    name = text()
    name_zh = text()
    unit = text()
    tracking = text(one_of=[t.value for t in Tracking])
    codes = listed(text())
    successor_id = ident(none=True)


class NewPart(Shape):
    """What it takes to add a part to the catalogue."""

    id = ident()
    sku = text(required=True, most=60)
    name = text(required=True, most=200)
    name_zh = text(default="", most=200)
    unit = text(default="pcs", least=1, most=20)
    tracking = text(default="none", one_of=[t.value for t in Tracking])
    codes = listed(text(most=200, least=1), most=50)
    cost_micro = number(default=0, least=0, most=HIGHEST_COST_MICRO)
    successor_id = ident(none=True)


class PartFilter(Paged):
    """Which parts; the word may also be a scanned code."""

    search = text(most=200)


class PlaceView(Shape):
    """Where parts can be."""

    id = ident()
    version = number()
    kind = text(one_of=[k.value for k in PlaceKind])
    name = text()
    parent_id = ident(none=True)
    technician_id = ident(none=True)


class NewPlace(Shape):
    """What it takes to add a shelf, a van or a scrap bin."""

    id = ident()
    kind = text(required=True, one_of=["bin", "van", "scrap"])
    name = text(required=True, most=200)
    parent_id = ident(none=True)
    technician_id = ident(none=True)


class PlaceFilter(Paged):
    """Which places."""

    kind = text(one_of=[k.value for k in PlaceKind])
    search = text(most=200)


class VanStockView(Shape):
    """One part in one van, and how much of it there should be."""

    id = ident()
    version = number()
    place_id = ident()
    part_id = ident()
    on_hand = number()
    reserved = number()
    unexplained = number()
    min = number()
    max = number()


class VanLevel(Shape):
    """How much of a part a van should carry."""

    place_id = ident(required=True)
    part_id = ident(required=True)
    min = number(required=True, least=0, most=MOST_PIECES)
    max = number(required=True, least=0, most=MOST_PIECES)


class StockView(Shape):
    """What one place has of one part."""

    place_id = ident()
    place_name = text()
    place_kind = text()
    part_id = ident()
    sku = text()
    name = text()
    name_zh = text()
    on_hand = number()
    reserved = number()
    available = number()
    unexplained = number()
    min = number()
    max = number()


class StockFilter(Paged):
    """Which stock."""

    place_id = ident()
    part_id = ident()
    search = text(most=200)


class MoveFilter(Paged):
    """Which movements."""

    place_id = ident()
    part_id = ident()
    reference_id = ident()


class MoveView(Shape):
    """A movement from one place to another, and why."""

    id = ident()
    kind = text()
    part_id = ident()
    sku = text()
    name = text()
    name_zh = text()
    from_place_id = ident()
    from_place_name = text()
    from_place_kind = text()
    to_place_id = ident()
    to_place_name = text()
    to_place_kind = text()
    qty = number()
    value_micro = number()
    reason = text(none=True)
    reference_kind = text(none=True)
    reference_id = ident(none=True)
    corrects_id = ident(none=True)
    occurred_at = moment()
    recorded_at = moment()
    actor_id = ident(none=True)


class Receipt(Shape):
    """Goods that came from a supplier, and what one piece of them cost."""

    id = ident()
    place_id = ident(required=True)
    part_id = ident(required=True)
    qty = number(required=True, least=1, most=MOST_PIECES)
    unit_cost_micro = number(none=True, least=0, most=HIGHEST_COST_MICRO)
    reason = text(none=True, most=500)


class Transfer(Shape):
    """Pieces that go from one of our places to another."""

    id = ident()
    from_place_id = ident(required=True)
    to_place_id = ident(required=True)
    part_id = ident(required=True)
    qty = number(required=True, least=1, most=MOST_PIECES)
    reason = text(none=True, most=500)


class Adjustment(Shape):
    """What the books must follow: either `counted`, what is there, or `qty`, how many more or (below zero) fewer."""

    id = ident()
    place_id = ident(required=True)
    part_id = ident(required=True)
    counted = number(none=True, least=0, most=MOST_PIECES)
    qty = number(none=True, least=-MOST_PIECES, most=MOST_PIECES)
    reason = text(required=True, most=500)


class Correction(Shape):
    """Why a movement is taken back."""

    reason = text(required=True, most=500)


class DiscrepancyFilter(Paged):
    """Which discrepancies."""

    open = flag_in_query(default=True)
    place_id = ident()


class DiscrepancyView(Shape):
    """Pieces a van used that the books did not know of."""

    id = ident()
    version = number()
    part_id = ident()
    sku = text()
    part_name = text()
    part_name_zh = text()
    van_place_id = ident()
    van_name = text()
    technician_id = ident(none=True)
    qty_open = number()
    opened_at = moment()
    state = text(one_of=["open", "resolved"])
    resolution = text(none=True)


class SlipLine(Shape):
    """One part on a slip."""

    id = ident()
    part_id = ident()
    qty_asked = number()
    qty_picked = number()
    short_reason = text(none=True)


class IssueSlipView(Shape):
    """Parts that go from a shelf to a van."""

    id = ident()
    version = number()
    no = text()
    from_place_id = ident()
    to_place_id = ident()
    state = text(one_of=[s.value for s in SlipState])
    reason = text()
    # The phone knows the code when it sees it, and holds only its hash: a scan proves something.
    token_sha256 = text()
    lines = listed(SlipLine)
    handed_by = ident(none=True)
    received_by = ident(none=True)


class PickLine(SlipLine):
    """One part on a slip, as the picker needs it."""

    sku = text()
    name = text()
    name_zh = text()
    codes = listed(text())
    available = number()


class IssueSlipDetail(IssueSlipView):
    """An issue slip with the words people read."""

    # For whoever shows the code; nobody else is told.
    token = text(none=True)
    lines = listed(PickLine)
    from_place_name = text()
    to_place_name = text()
    technician_id = ident(none=True)
    created_at = moment()
    handed_at = moment(none=True)
    received_at = moment(none=True)


class NewSlipLine(Shape):
    """How many of a part are asked for."""

    part_id = ident(required=True)
    qty = number(required=True, least=1, most=MOST_PIECES)


class NewSlip(Shape):
    """What it takes to ask for parts; without a shelf, the best-stocked one is taken."""

    id = ident()
    to_place_id = ident(required=True)
    from_place_id = ident(none=True)
    reason = text(default="", most=500)
    lines = listed(NewSlipLine, required=True, most=200)


class Proposal(Shape):
    """The van to fill up."""

    place_id = ident(required=True)


class SlipFilter(Paged):
    """Which slips."""

    state = text(one_of=[s.value for s in SlipState])
    to_place_id = ident()


class Pick(Shape):
    """What was scanned, if anything was, how many were taken, and why not all."""

    code = text(none=True, most=200)
    qty = number(required=True, least=0, most=MOST_PIECES)
    short_reason = text(none=True, most=500)


class ReceiveSlip(Shape):
    """The code that the technician scanned off the storekeeper's screen."""

    token = text(required=True, most=100)


class Void(Shape):
    """Why a slip is not needed any more."""

    reason = text(required=True, most=500)
