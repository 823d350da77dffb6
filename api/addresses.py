"""Places of sites at the REST door: found by address, and set by a person."""

from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from api.doors import Blueprint, answer, current_actor, performs
from assets.actions import move_site
from assets.schemas import SiteLine, SitePlace
from dispatch.addresses import find_site
from dispatch.schemas import FoundPlace

blp = Blueprint("addresses", __name__, url_prefix="/v1", description="Where sites are on the map.")


@blp.route("/sites/<uuid:site_id>/place")
class OfSite(MethodView):
    """Where a site is."""

    @blp.response(200, FoundPlace)
    def get(self, site_id: UUID) -> Response:
        """Look for the site's address on the map; nothing is changed."""
        return answer(find_site(current_actor(), site_id))

    @blp.arguments(SitePlace)
    @blp.response(200, SiteLine)
    def put(self, data: dict[str, Any], site_id: UUID) -> Response:
        """Say where a site is."""
        return performs(lambda unit: move_site(unit, site_id, **data), SiteLine, name="site.move")
