"""Positions at the REST door: an engineer tells theirs, the office sees the last ones."""

from typing import Any

from flask import Response
from flask.views import MethodView

from api.doors import Blueprint, performs, reads
from core.shapes import page_of
from dispatch.positions import (
    positions_shown,
    report_position,
    share_position,
    sharing,
    stop_sharing,
)
from dispatch.schemas import PositionIn, PositionView, SharingView

blp = Blueprint(
    "positions", __name__, url_prefix="/v1/positions", description="Where engineers are."
)


@blp.route("")
class Positions(MethodView):
    """Where they are."""

    @blp.response(200, page_of(PositionView))
    def get(self) -> dict[str, Any]:
        """List the last position of everybody who shares theirs and has a visit under way."""
        with reads() as unit:
            return {"items": positions_shown(unit), "next": None}

    @blp.arguments(PositionIn)
    @blp.response(204)
    def post(self, data: dict[str, Any]) -> Response:
        """Tell one's position; refused without consent, off shift, and while no visit is under way."""
        return performs(
            lambda unit: report_position(unit, **data), None, name="position.report", status=204
        )


@blp.route("/consent")
class Consent(MethodView):
    """The engineer's own word."""

    @blp.response(200, SharingView)
    def get(self) -> dict[str, Any]:
        """Show whether one's position is shared."""
        with reads() as unit:
            return sharing(unit)

    @blp.response(200, SharingView)
    def put(self) -> Response:
        """Share one's position from now on."""
        return performs(share_position, SharingView, name="position.share")

    @blp.response(200, SharingView)
    def delete(self) -> Response:
        """Share it no longer; what was known is forgotten."""
        return performs(stop_sharing, SharingView, name="position.stop")
