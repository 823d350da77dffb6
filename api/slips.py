"""Issue slips at the REST door."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from api.codes import qr_svg
from api.doors import Blueprint, check_version, performs, reads
from core.shapes import page_of
from core.unit import Unit
from parts import actions, queries
from parts.models import IssueSlip
from parts.schemas import IssueSlipDetail, NewSlip, Pick, Proposal, ReceiveSlip, SlipFilter, Void

blp = Blueprint(
    "slips", __name__, url_prefix="/v1/slips", description="Parts from the shelf to the van."
)


def _changes(slip_id: UUID, action: Callable[[Unit], IssueSlip], name: str) -> Response:
    def change(unit: Unit) -> IssueSlip:
        check_version(queries.slip_for(unit, slip_id, change=True))
        return action(unit)

    return performs(change, IssueSlipDetail, name=name, present=queries.slip_view)


@blp.route("")
class Slips(MethodView):
    """Issue slips."""

    @blp.arguments(SlipFilter, location="query")
    @blp.response(200, page_of(IssueSlipDetail))
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """List slips, newest first."""
        with reads() as unit:
            found = queries.slips(unit, **data)
            return {"items": queries.slip_views(unit, found.items), "next": found.next}

    @blp.arguments(NewSlip)
    @blp.response(201, IssueSlipDetail)
    def post(self, data: dict[str, Any]) -> Response:
        """Ask for parts for a van."""
        return performs(
            lambda unit: actions.create_slip(unit, **data),
            IssueSlipDetail,
            name="slip.add",
            status=201,
            present=queries.slip_view,
        )


@blp.route("/proposals")
class Proposals(MethodView):
    """What vans should take along next time."""

    @blp.arguments(Proposal)
    @blp.response(200, IssueSlipDetail)
    def post(self, data: dict[str, Any]) -> Response:
        """Propose a slip for what a van has too little of; the answer is empty when nothing is missing."""
        return performs(
            lambda unit: actions.propose_replenishment(unit, data["place_id"]),
            IssueSlipDetail,
            name="slip.propose",
            present=lambda unit, slip: queries.slip_view(unit, slip) if slip else {},
        )


@blp.route("/<uuid:slip_id>")
class OneSlip(MethodView):
    """One slip."""

    @blp.response(200, IssueSlipDetail)
    def get(self, slip_id: UUID) -> dict[str, Any]:
        """Show a slip."""
        with reads() as unit:
            return queries.slip_view(unit, queries.slip_for(unit, slip_id))


@blp.route("/<uuid:slip_id>/qr.svg")
class SlipImage(MethodView):
    """What the technician scans."""

    @blp.response(200, content_type="image/svg+xml")
    def get(self, slip_id: UUID) -> Response:
        """Draw the code that the technician scans when the parts are handed over."""
        with reads() as unit:
            return qr_svg(queries.code_of(unit, slip_id))


@blp.route("/<uuid:slip_id>/approval")
class Approval(MethodView):
    """The storekeeper's yes."""

    @blp.response(200, IssueSlipDetail)
    def put(self, slip_id: UUID) -> Response:
        """Let a slip be picked, and keep what is there for it."""
        return _changes(slip_id, lambda unit: actions.approve_slip(unit, slip_id), "slip.approve")


@blp.route("/<uuid:slip_id>/lines/<uuid:line_id>/pick")
class LinePick(MethodView):
    """What was taken off the shelf for one line."""

    @blp.arguments(Pick)
    @blp.response(200, IssueSlipDetail)
    def put(self, data: dict[str, Any], slip_id: UUID, line_id: UUID) -> Response:
        """Say what was taken for a line; a scanned code must mean its part or the part's successor."""
        return _changes(
            slip_id, lambda unit: actions.pick_line(unit, slip_id, line_id, **data), "slip.pick"
        )


@blp.route("/<uuid:slip_id>/readiness")
class Readiness(MethodView):
    """The end of picking."""

    @blp.response(200, IssueSlipDetail)
    def put(self, slip_id: UUID) -> Response:
        """Say that all is picked and can be fetched."""
        return _changes(slip_id, lambda unit: actions.make_ready(unit, slip_id), "slip.ready")


@blp.route("/<uuid:slip_id>/hand-over")
class HandOver(MethodView):
    """The storekeeper's scan."""

    @blp.response(200, IssueSlipDetail)
    def put(self, slip_id: UUID) -> Response:
        """Hand the parts over."""
        return _changes(slip_id, lambda unit: actions.hand_over(unit, slip_id), "slip.hand_over")


@blp.route("/<uuid:slip_id>/receipt")
class SlipReceipt(MethodView):
    """The technician's scan."""

    @blp.arguments(ReceiveSlip)
    @blp.response(200, IssueSlipDetail)
    def put(self, data: dict[str, Any], slip_id: UUID) -> Response:
        """Take the parts into the van."""
        return _changes(
            slip_id, lambda unit: actions.receive_slip(unit, slip_id, **data), "slip.receive"
        )


@blp.route("/<uuid:slip_id>/cancellation")
class Cancellation(MethodView):
    """A slip that is not needed any more."""

    @blp.arguments(Void)
    @blp.response(200, IssueSlipDetail)
    def put(self, data: dict[str, Any], slip_id: UUID) -> Response:
        """Call a slip off; what was kept for it is free again."""
        return _changes(slip_id, lambda unit: actions.void_slip(unit, slip_id, **data), "slip.void")
