"""Parts, places and stock at the REST door."""

from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from api.doors import Blueprint, performs, reads
from api.pages import page_view
from core.ids import new_id
from core.shapes import page_of
from core.unit import Unit
from parts import actions, queries
from parts.models import StockTransfer
from parts.schemas import (
    Adjustment,
    Correction,
    DiscrepancyFilter,
    DiscrepancyView,
    MoveFilter,
    MoveView,
    NewPart,
    NewPlace,
    PartFilter,
    PartView,
    PlaceFilter,
    PlaceView,
    Receipt,
    StockFilter,
    StockView,
    Transfer,
    VanLevel,
    VanStockView,
)

blp = Blueprint(
    "parts",
    __name__,
    url_prefix="/v1",
    description="The catalogue, where parts lie, and the ledger.",
)


def _move(unit: Unit, transfer: StockTransfer | None) -> dict[str, Any]:
    # A count that the books already agree with moves nothing.
    return queries.move_views(unit, [transfer])[0] if transfer else {}


def _with_id(data: dict[str, Any]) -> dict[str, Any]:
    return {"id": new_id()} | data


@blp.route("/parts")
class Parts(MethodView):
    """The catalogue."""

    @blp.arguments(PartFilter, location="query")
    @blp.response(200, page_of(PartView))
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """List parts by number; the word may also be a scanned code."""
        with reads() as unit:
            return page_view(queries.parts(unit, **data))

    @blp.arguments(NewPart)
    @blp.response(201, PartView)
    def post(self, data: dict[str, Any]) -> Response:
        """Add a part to the catalogue."""
        given = {"unit_name" if name == "unit" else name: value for name, value in data.items()}
        return performs(
            lambda unit: actions.add_part(unit, **given), PartView, name="part.add", status=201
        )


@blp.route("/parts/<uuid:part_id>")
class OnePart(MethodView):
    """One part."""

    @blp.response(200, PartView)
    def get(self, part_id: UUID) -> Any:
        """Show a part."""
        with reads() as unit:
            return queries.part_for(unit, part_id)


@blp.route("/places")
class Places(MethodView):
    """Where parts can be."""

    @blp.arguments(PlaceFilter, location="query")
    @blp.response(200, page_of(PlaceView))
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """List places by name."""
        with reads() as unit:
            return page_view(queries.places(unit, **data))

    @blp.arguments(NewPlace)
    @blp.response(201, PlaceView)
    def post(self, data: dict[str, Any]) -> Response:
        """Add a shelf, a van or a scrap bin."""
        return performs(
            lambda unit: actions.add_place(unit, **data), PlaceView, name="place.add", status=201
        )


@blp.route("/stock")
class Stock(MethodView):
    """What lies where."""

    @blp.arguments(StockFilter, location="query")
    @blp.response(200, page_of(StockView))
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """List stock by place and part."""
        with reads() as unit:
            return page_view(queries.stock(unit, **data))


@blp.route("/stock/levels")
class Levels(MethodView):
    """How much a van should carry."""

    @blp.arguments(VanLevel)
    @blp.response(200, VanStockView)
    def put(self, data: dict[str, Any]) -> Response:
        """Set a van's minimum and maximum of a part."""
        return performs(
            lambda unit: actions.set_van_level(unit, **data), VanStockView, name="stock.level"
        )


@blp.route("/stock/moves")
class Moves(MethodView):
    """The ledger."""

    @blp.arguments(MoveFilter, location="query")
    @blp.response(200, page_of(MoveView))
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """List movements, newest first."""
        with reads() as unit:
            return page_view(queries.moves(unit, **data))


@blp.route("/stock/moves/<uuid:move_id>/correction")
class Corrections(MethodView):
    """A movement taken back."""

    @blp.arguments(Correction)
    @blp.response(200, MoveView)
    def put(self, data: dict[str, Any], move_id: UUID) -> Response:
        """Take a movement back by an opposite one."""
        return performs(
            lambda unit: actions.correct_transfer(unit, move_id, **data),
            MoveView,
            name="stock.correct",
            present=_move,
        )


@blp.route("/stock/receipts")
class Receipts(MethodView):
    """Goods from suppliers."""

    @blp.arguments(Receipt)
    @blp.response(201, MoveView)
    def post(self, data: dict[str, Any]) -> Response:
        """Take in goods; their price moves the part's average cost."""
        given = _with_id(data)
        return performs(
            lambda unit: actions.receive_goods(unit, **given),
            MoveView,
            name="stock.receive",
            status=201,
            present=_move,
        )


@blp.route("/stock/transfers")
class Transfers(MethodView):
    """Pieces on their way between our places."""

    @blp.arguments(Transfer)
    @blp.response(201, MoveView)
    def post(self, data: dict[str, Any]) -> Response:
        """Move pieces from one of our places to another."""
        given = _with_id(data)
        return performs(
            lambda unit: actions.transfer_stock(unit, **given),
            MoveView,
            name="stock.transfer",
            status=201,
            present=_move,
        )


@blp.route("/stock/adjustments")
class Adjustments(MethodView):
    """What somebody counted."""

    @blp.arguments(Adjustment)
    @blp.response(201, MoveView)
    def post(self, data: dict[str, Any]) -> Response:
        """Make the books follow a count; the answer is empty when they were right."""
        given = _with_id(data)
        return performs(
            lambda unit: actions.adjust_stock(unit, **given),
            MoveView,
            name="stock.adjust",
            status=201,
            present=_move,
        )


@blp.route("/discrepancies")
class Discrepancies(MethodView):
    """What vans used beyond the books."""

    @blp.arguments(DiscrepancyFilter, location="query")
    @blp.response(200, page_of(DiscrepancyView))
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """List what vans used beyond the books, newest first."""
        with reads() as unit:
            return page_view(queries.discrepancies(unit, **data))
