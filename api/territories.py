"""Territories at the REST door: the parts of the map, who works in them, and which sites lie there."""

from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from api.doors import Blueprint, performs, reads
from assets.actions import drop_territory, place_in_territory
from assets.schemas import SiteLine, SiteTerritory
from core.shapes import page_of
from people.actions import add_territory, cover_territories, rename_territory
from people.queries import territories
from people.schemas import TechnicianLine, Territories, TerritoryIn, TerritoryView

blp = Blueprint(
    "territories", __name__, url_prefix="/v1", description="The parts of the map engineers cover."
)


@blp.route("/territories")
class Map(MethodView):
    """The map."""

    @blp.response(200, page_of(TerritoryView))
    def get(self) -> dict[str, Any]:
        """List the territories by name."""
        with reads() as unit:
            return {"items": territories(unit), "next": None}

    @blp.arguments(TerritoryIn)
    @blp.response(201, TerritoryView)
    def post(self, data: dict[str, Any]) -> Response:
        """Draw a territory."""
        return performs(
            lambda unit: add_territory(unit, **data),
            TerritoryView,
            name="territory.add",
            status=201,
        )


@blp.route("/territories/<uuid:territory_id>")
class OneTerritory(MethodView):
    """One of them."""

    @blp.arguments(TerritoryIn)
    @blp.response(200, TerritoryView)
    def patch(self, data: dict[str, Any], territory_id: UUID) -> Response:
        """Call it something else, for its engineers and sites too."""
        return performs(
            lambda unit: rename_territory(unit, territory_id, **data),
            TerritoryView,
            name="territory.rename",
        )

    @blp.response(204)
    def delete(self, territory_id: UUID) -> Response:
        """Take it off the map, when no site lies in it."""
        return performs(
            lambda unit: drop_territory(unit, territory_id),
            None,
            name="territory.drop",
            status=204,
        )


@blp.route("/technicians/<uuid:technician_id>/territories")
class Coverage(MethodView):
    """Where somebody works."""

    @blp.arguments(Territories)
    @blp.response(200, TechnicianLine)
    def put(self, data: dict[str, Any], technician_id: UUID) -> Response:
        """Say in which territories a technician works."""
        return performs(
            lambda unit: cover_territories(unit, technician_id, names=data["territories"]),
            TechnicianLine,
            name="technician.territories",
        )


@blp.route("/sites/<uuid:site_id>/territory")
class Whereabouts(MethodView):
    """Where a site lies."""

    @blp.arguments(SiteTerritory)
    @blp.response(200, SiteLine)
    def put(self, data: dict[str, Any], site_id: UUID) -> Response:
        """Say in which territory a site lies."""
        return performs(
            lambda unit: place_in_territory(unit, site_id, **data), SiteLine, name="site.territory"
        )
