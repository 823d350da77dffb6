"""Customers, sites and machines at the REST door."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from analytics.machines import reliability_of
from api.codes import qr_svg
from api.doors import Blueprint, performs, reads, settings
from api.pages import page_view
from assets import actions, queries
from assets.models import Asset
from assets.schemas import (
    AssetFilter,
    AssetView,
    CustomerView,
    FailureCodeView,
    NewAsset,
    NewCustomer,
    NewSite,
    ReliabilityView,
    RepairView,
    SearchFilter,
    SiteFilter,
    SiteLine,
    TagView,
)
from core import clock
from core.shapes import Paged, page_of
from core.unit import Unit
from people.permissions import is_customer_only
from work.actions import add_reading
from work.queries import readings
from work.schemas import NewReading, ReadingView

blp = Blueprint(
    "assets",
    __name__,
    url_prefix="/v1",
    description="Customers, their sites, and the machines there.",
)

RELIABILITY_WINDOW = timedelta(days=365)


@blp.route("/customers")
class Customers(MethodView):
    """Whose machines we look after."""

    @blp.arguments(SearchFilter, location="query")
    @blp.response(200, page_of(CustomerView))
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """List customers by name."""
        with reads() as unit:
            return page_view(queries.customers(unit, **data))

    @blp.arguments(NewCustomer)
    @blp.response(201, CustomerView)
    def post(self, data: dict[str, Any]) -> Response:
        """Add a customer."""
        return performs(
            lambda unit: actions.add_customer(unit, **data),
            CustomerView,
            name="customer.add",
            status=201,
        )


@blp.route("/customers/<uuid:customer_id>")
class OneCustomer(MethodView):
    """One customer."""

    @blp.response(200, CustomerView)
    def get(self, customer_id: UUID) -> Any:
        """Show a customer."""
        with reads() as unit:
            return queries.customer_for(unit, customer_id)


@blp.route("/sites")
class Sites(MethodView):
    """Where machines stand."""

    @blp.arguments(SiteFilter, location="query")
    @blp.response(200, page_of(SiteLine))
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """List sites by name."""
        with reads() as unit:
            return page_view(queries.sites(unit, **data))

    @blp.arguments(NewSite)
    @blp.response(201, SiteLine)
    def post(self, data: dict[str, Any]) -> Response:
        """Add a site."""
        return performs(
            lambda unit: actions.add_site(unit, **data), SiteLine, name="site.add", status=201
        )


@blp.route("/sites/<uuid:site_id>")
class OneSite(MethodView):
    """One site."""

    @blp.response(200, SiteLine)
    def get(self, site_id: UUID) -> Any:
        """Show a site."""
        with reads() as unit:
            return queries.site_for(unit, site_id)


def _shown(unit: Unit, asset: Asset) -> Any:
    """Return a machine; what its repairs cost us is not the customer's to know."""
    if not is_customer_only(unit.actor):
        return asset
    view: dict[str, Any] = AssetView().dump(asset)
    view["recent_repairs"] = [line | {"cost_micro": None} for line in view["recent_repairs"]]
    return view


@blp.route("/assets")
class Assets(MethodView):
    """The machines."""

    @blp.arguments(AssetFilter, location="query")
    @blp.response(200, page_of(AssetView))
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """List machines by number."""
        with reads() as unit:
            found = queries.assets(unit, **data)
            return {"items": [_shown(unit, asset) for asset in found.items], "next": found.next}

    @blp.arguments(NewAsset)
    @blp.response(201, AssetView)
    def post(self, data: dict[str, Any]) -> Response:
        """Add a machine."""
        return performs(
            lambda unit: actions.add_asset(unit, **data), AssetView, name="asset.add", status=201
        )


@blp.route("/assets/<uuid:asset_id>")
class OneAsset(MethodView):
    """One machine."""

    @blp.response(200, AssetView)
    def get(self, asset_id: UUID) -> Any:
        """Show a machine."""
        with reads() as unit:
            return _shown(unit, queries.asset_for(unit, asset_id))


@blp.route("/assets/<uuid:asset_id>/history")
class History(MethodView):
    """What was done to a machine."""

    @blp.arguments(Paged, location="query")
    @blp.response(200, page_of(RepairView))
    def get(self, data: dict[str, Any], asset_id: UUID) -> dict[str, Any]:
        """List a machine's repairs, newest first."""
        with reads() as unit:
            page = page_view(queries.history(unit, asset_id, **data))
            if is_customer_only(unit.actor):
                page["items"] = [
                    RepairView().dump(line) | {"cost_micro": None} for line in page["items"]
                ]
            return page


@blp.route("/assets/<uuid:asset_id>/readings")
class Readings(MethodView):
    """What a machine's meters showed."""

    @blp.arguments(Paged, location="query")
    @blp.response(200, page_of(ReadingView))
    def get(self, data: dict[str, Any], asset_id: UUID) -> dict[str, Any]:
        """List a machine's readings, newest first."""
        with reads() as unit:
            return page_view(readings(unit, asset_id, **data))

    @blp.arguments(NewReading)
    @blp.response(201, ReadingView)
    def post(self, data: dict[str, Any], asset_id: UUID) -> Response:
        """Note what a meter shows."""
        return performs(
            lambda unit: add_reading(unit, asset_id, **data),
            ReadingView,
            name="reading.add",
            status=201,
        )


@blp.route("/assets/<uuid:asset_id>/reliability")
class Reliability(MethodView):
    """How long a machine runs between failures."""

    @blp.response(200, ReliabilityView)
    def get(self, asset_id: UUID) -> dict[str, Any]:
        """Show a machine's time between failures over the last year, with its count and interval."""
        with reads() as unit:
            now = clock.now()
            return reliability_of(unit, asset_id, since=now - RELIABILITY_WINDOW, until=now)


@blp.route("/assets/<uuid:asset_id>/tags")
class Tags(MethodView):
    """The labels on a machine."""

    @blp.response(201, TagView)
    def post(self, asset_id: UUID) -> Response:
        """Stick a new label on a machine. Its code is shown this once."""

        def stick(unit: Any) -> dict[str, str]:
            token = actions.stick_tag(unit, asset_id)
            return {"token": token, "url": f"{settings().public_url}/q/{token}"}

        return performs(stick, TagView, name="asset.tag", status=201)


@blp.route("/tags/<token>.svg")
class TagImage(MethodView):
    """A label as a picture."""

    @blp.response(200, content_type="image/svg+xml")
    def get(self, token: str) -> Response:
        """Draw the QR code of a label whose code one has."""
        with reads() as unit:
            queries.asset_behind(unit, token)
        # Capitals make the smallest code, and machines read hosts and schemes in any case.
        return qr_svg(f"{settings().public_url}/q/{token}")


@blp.route("/failure-codes")
class FailureCodes(MethodView):
    """The words people pick from."""

    @blp.response(200, page_of(FailureCodeView))
    def get(self) -> dict[str, Any]:
        """List symptoms, modes, causes and remedies."""
        with reads() as unit:
            return {"items": queries.failure_codes(unit), "next": None}
