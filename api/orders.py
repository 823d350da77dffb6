"""Work orders at the REST door."""

from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from analytics.timeline import timeline_of
from api.doors import Blueprint, answer, check_version, performs, reads
from api.pages import page_view
from core.shapes import page_of
from core.unit import Unit
from work import actions, queries
from work.models import WorkOrder
from work.schemas import (
    CommentView,
    EditOrder,
    HoldIn,
    NewComment,
    NewOrder,
    OrderFilter,
    OrderView,
    Reason,
    TimelineItem,
)

blp = Blueprint(
    "work orders",
    __name__,
    url_prefix="/v1/work-orders",
    description="The commitments to do something.",
)


@blp.route("")
class Orders(MethodView):
    """The orders."""

    @blp.arguments(OrderFilter, location="query")
    @blp.response(200, page_of(OrderView))
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """List orders, newest first."""
        with reads() as unit:
            return page_view(queries.orders(unit, **data))

    @blp.arguments(NewOrder)
    @blp.response(201, OrderView)
    def post(self, data: dict[str, Any]) -> Response:
        """Open an order with one visit to plan."""
        return performs(
            lambda unit: actions.open_order(unit, **data), OrderView, name="order.open", status=201
        )


def _edit(unit: Unit, order_id: UUID, data: dict[str, Any]) -> WorkOrder:
    check_version(queries.order_for(unit, order_id, change=True))
    return actions.edit_order(unit, order_id, **data)


@blp.route("/<uuid:order_id>")
class OneOrder(MethodView):
    """One order."""

    @blp.response(200, OrderView)
    def get(self, order_id: UUID) -> Response:
        """Show an order; its version is the ETag."""
        with reads() as unit:
            order = queries.order_for(unit, order_id)
            return answer(OrderView().dump(order), version=order.version)

    @blp.arguments(EditOrder)
    @blp.response(200, OrderView)
    def patch(self, data: dict[str, Any], order_id: UUID) -> Response:
        """Change what the office decides about an order; `If-Match` guards against overwriting."""
        return performs(lambda unit: _edit(unit, order_id, data), OrderView, name="order.edit")


@blp.route("/<uuid:order_id>/hold")
class Hold(MethodView):
    """An order that has to wait."""

    @blp.arguments(HoldIn)
    @blp.response(200, OrderView)
    def put(self, data: dict[str, Any], order_id: UUID) -> Response:
        """Let the order wait, and say why."""
        return performs(
            lambda unit: actions.hold_order(unit, order_id, **data), OrderView, name="order.hold"
        )

    @blp.response(200, OrderView)
    def delete(self, order_id: UUID) -> Response:
        """End the wait."""
        return performs(
            lambda unit: actions.release_order(unit, order_id), OrderView, name="order.release"
        )


@blp.route("/<uuid:order_id>/cancellation")
class Cancellation(MethodView):
    """An order called off."""

    @blp.arguments(Reason)
    @blp.response(200, OrderView)
    def put(self, data: dict[str, Any], order_id: UUID) -> Response:
        """Call the order off."""
        return performs(
            lambda unit: actions.cancel_order(unit, order_id, **data),
            OrderView,
            name="order.cancel",
        )


@blp.route("/<uuid:order_id>/closure")
class Closure(MethodView):
    """An order put away."""

    @blp.response(200, OrderView)
    def put(self, order_id: UUID) -> Response:
        """Close a finished order."""
        return performs(
            lambda unit: actions.close_order(unit, order_id), OrderView, name="order.close"
        )


@blp.route("/<uuid:order_id>/comments")
class Comments(MethodView):
    """What was said about an order."""

    @blp.response(200, page_of(CommentView))
    def get(self, order_id: UUID) -> dict[str, Any]:
        """List the comments, oldest first."""
        with reads() as unit:
            queries.order_for(unit, order_id)
            return {"items": queries.comments_of(unit, order_id), "next": None}

    @blp.arguments(NewComment)
    @blp.response(201, CommentView)
    def post(self, data: dict[str, Any], order_id: UUID) -> Response:
        """Say something about the order."""
        return performs(
            lambda unit: actions.add_comment(unit, order_id, **data),
            CommentView,
            name="comment.add",
            status=201,
        )


@blp.route("/<uuid:order_id>/timeline")
class Timeline(MethodView):
    """What happened to an order."""

    @blp.response(200, page_of(TimelineItem))
    def get(self, order_id: UUID) -> dict[str, Any]:
        """List what happened to the order, oldest first."""
        with reads() as unit:
            return {"items": timeline_of(unit, order_id), "next": None}
