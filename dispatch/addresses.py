"""From a site's address to its place on the map, by the geocoder of this installation; a person decides."""

from typing import Any
from uuid import UUID

from assets.queries import site_for
from core.actor import Actor
from core.errors import Busy, Conflict, NotFound
from core.settings import Geocoder
from core.unit import reading
from dispatch.engine.problem import Place
from dispatch.travel.calls import ServiceError
from dispatch.travel.geocoding import Geocoding, metres_between
from people.permissions import require

_geocoding: list[Geocoding | None] = [None]


def configure(geocoder: Geocoder | None) -> None:
    """Say who finds places by address, if anybody does.

    Raises SettingsError for a geocoder that cannot be set up.
    """
    _geocoding[:] = [Geocoding(geocoder) if geocoder is not None else None]


def find_site(actor: Actor, site_id: UUID) -> dict[str, Any]:
    """Return where the map has a site's address, and how far that is from where the site is now.

    Nothing is locked while the service is asked, and nothing is changed.
    Raises NotFound also for an address that is not on the map, Conflict without a geocoder or an
    address, Busy when the service does not answer.
    """
    require(actor, "customer.change")
    with reading(actor) as unit:
        site = site_for(unit, site_id)
        address, known = site.address, Place(site.lat, site.lng)
    geocoding = _geocoding[0]
    if geocoding is None:
        raise Conflict("No map service is set up to find addresses.", code="no_geocoder")
    if not address.strip():
        raise Conflict("This site has no address to look for.", code="no_address")
    try:
        found = geocoding.place_of(address, near=known)
    except ServiceError as error:
        raise Busy("The map service does not answer. Try again in a moment.") from error
    if found is None:
        raise NotFound("This address is not on the map.", code="not_on_map")
    return {
        "lat": found.place.lat,
        "lng": found.place.lng,
        "name": found.name,
        "away_m": round(metres_between(known, found.place)),
    }
