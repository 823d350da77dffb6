"""The manager's figures at the REST door."""

from typing import Any

from flask.views import MethodView

from analytics.figures import figures
from analytics.schemas import FigureDays, FiguresView
from api.doors import Blueprint, reads

blp = Blueprint("figures", __name__, url_prefix="/v1/figures", description="How the company does.")


@blp.route("")
class Figures(MethodView):
    """The figures."""

    @blp.arguments(FigureDays, location="query")
    @blp.response(200, FiguresView)
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """Show promises kept, first-time fix, time between failures, stock, ratings and load."""
        with reads() as unit:
            return figures(unit, data.get("since"), data.get("until"))
