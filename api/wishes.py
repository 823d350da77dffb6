"""Whom customers would rather have and whom not, at the REST door."""

from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from api.doors import Blueprint, performs, reads
from core.shapes import page_of
from dispatch import wishes
from dispatch.schemas import WishesIn, WishesView, WishView

blp = Blueprint(
    "wishes", __name__, url_prefix="/v1", description="Whom customers would rather have."
)


@blp.route("/dispatch/wishes")
class All(MethodView):
    """All of them."""

    @blp.response(200, page_of(WishView))
    def get(self) -> dict[str, Any]:
        """List whom customers and sites would rather have, and whom they do not want."""
        with reads() as unit:
            return {"items": list(wishes.wishes(unit)), "next": None}


@blp.route("/customers/<uuid:customer_id>/wishes")
class OfCustomer(MethodView):
    """A whole customer's."""

    @blp.arguments(WishesIn)
    @blp.response(200, WishesView)
    def put(self, data: dict[str, Any], customer_id: UUID) -> Response:
        """Say whom a customer would rather have at all of their sites, and whom not."""
        return performs(
            lambda unit: wishes.say_customer_wishes(unit, customer_id, **data),
            WishesView,
            name="wish.say",
        )


@blp.route("/sites/<uuid:site_id>/wishes")
class OfSite(MethodView):
    """One site's."""

    @blp.arguments(WishesIn)
    @blp.response(200, WishesView)
    def put(self, data: dict[str, Any], site_id: UUID) -> Response:
        """Say whom a site would rather have, and whom not."""
        return performs(
            lambda unit: wishes.say_site_wishes(unit, site_id, **data),
            WishesView,
            name="wish.say",
        )
