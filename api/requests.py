"""Fault reports at the REST door."""

from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from api.doors import Blueprint, current_actor, performs, reads
from assets.queries import asset_for
from core.shapes import page_of
from core.unit import Unit
from work import actions, queries
from work.models import Request
from work.queries import request_view
from work.schemas import FromRequest, NewRequest, OrderView, Reason, RequestFilter, RequestView

blp = Blueprint(
    "requests",
    __name__,
    url_prefix="/v1/requests",
    description="What people report about machines.",
)


def _report(unit: Unit, data: dict[str, Any]) -> Request:
    asset = asset_for(unit, data.pop("asset_id"))
    return actions.report_fault(unit, asset, language=current_actor().language, **data)[0]


def _present_new(unit: Unit, request: Request) -> dict[str, Any]:
    # Whoever may report is told what was noted, also without the right to read reports.
    unit.session.refresh(request, ["asset", "photos"])
    return request_view(request)


def _present(unit: Unit, request: Request) -> dict[str, Any]:
    return request_view(queries.request_for(unit, request.id))


@blp.route("")
class Requests(MethodView):
    """What was reported."""

    @blp.arguments(RequestFilter, location="query")
    @blp.response(200, page_of(RequestView))
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """List reports, newest first."""
        with reads() as unit:
            found = queries.requests(unit, **data)
            return {"items": [request_view(request) for request in found.items], "next": found.next}

    @blp.arguments(NewRequest)
    @blp.response(201, RequestView)
    def post(self, data: dict[str, Any]) -> Response:
        """Report a fault; one that is open already is joined."""
        return performs(
            lambda unit: _report(unit, dict(data)),
            RequestView,
            name="request.add",
            status=201,
            present=_present_new,
        )


@blp.route("/<uuid:request_id>")
class OneRequest(MethodView):
    """One report."""

    @blp.response(200, RequestView)
    def get(self, request_id: UUID) -> dict[str, Any]:
        """Show a report."""
        with reads() as unit:
            return request_view(queries.request_for(unit, request_id))


@blp.route("/<uuid:request_id>/order")
class Acceptance(MethodView):
    """From a report to an order."""

    @blp.arguments(FromRequest)
    @blp.response(201, OrderView)
    def post(self, data: dict[str, Any], request_id: UUID) -> Response:
        """Turn a report into an order with a visit to plan."""
        return performs(
            lambda unit: actions.accept_request(unit, request_id, **data),
            OrderView,
            name="request.accept",
            status=201,
        )


@blp.route("/<uuid:request_id>/rejection")
class Rejection(MethodView):
    """A clear no."""

    @blp.arguments(Reason)
    @blp.response(200, RequestView)
    def post(self, data: dict[str, Any], request_id: UUID) -> Response:
        """Reject a report, with the reason its reporter will read."""
        return performs(
            lambda unit: actions.reject_request(unit, request_id, **data),
            RequestView,
            name="request.reject",
            present=_present,
        )
