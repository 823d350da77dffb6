"""The dispatcher's board at the REST door."""

from typing import Any

from flask.views import MethodView

from api.doors import Blueprint, reads
from dispatch.queries import board
from dispatch.schemas import BoardDay, BoardView

blp = Blueprint(
    "board",
    __name__,
    url_prefix="/v1/dispatch/board",
    description="A day on the dispatcher's desk.",
)


@blp.route("")
class Board(MethodView):
    """A day."""

    @blp.arguments(BoardDay, location="query")
    @blp.response(200, BoardView)
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """Show a day or several: who works, who goes where, and what waits without a place."""
        with reads() as unit:
            return board(unit, data.get("day"), days=int(data["days"]))
