"""Shapes of customers, sites, machines and their history."""

from assets.models import AssetState, CodeLevel, Criticality
from core.shapes import (
    Paged,
    Shape,
    anything,
    date_,
    flag,
    ident,
    listed,
    mapped,
    moment,
    number,
    real,
    text,
)


class CustomerView(Shape):
    """A company whose machines we look after."""

    id = ident()
    version = number()
    name = text()
    language = text()
    contact_name = text()
    contact_phone = text()
    email = text(none=True)


class NewCustomer(Shape):
    """What it takes to add a customer."""

    id = ident()
    name = text(required=True, most=200)
    language = text(default="en", one_of=["en", "zh-CN"])
    contact_name = text(default="", most=200)
    contact_phone = text(default="", most=60)
    email = text(none=True, most=254)


class SiteView(Shape):
    """A place where machines stand."""

    id = ident()
    version = number()
    customer_id = ident()
    name = text()
    address = text()
    lat = real()
    lng = real()
    timezone = text()
    contact_name = text()
    contact_phone = text()
    access_notes = text()


class SiteLine(SiteView):
    """A place where machines stand, as the office knows it; phones hold less."""

    territory = text(none=True)


class SiteTerritory(Shape):
    """In which territory a site lies; none means that anybody may be sent there."""

    territory = text(none=True, required=True, most=80)


class SitePlace(Shape):
    """Where a site is on the map."""

    lat = real(required=True, least=-90, most=90)
    lng = real(required=True, least=-180, most=180)


class NewSite(Shape):
    """What it takes to add a site."""

    id = ident()
    customer_id = ident(required=True)
    name = text(required=True, most=200)
    address = text(default="", most=500)
    lat = real(required=True, least=-90, most=90)
    lng = real(required=True, least=-180, most=180)
    timezone = text(most=60)
    contact_name = text(default="", most=200)
    contact_phone = text(default="", most=60)
    access_notes = text(default="", most=2000)


class RepairPart(Shape):
    """A part that was fitted."""

    sku = text()
    name = text()
    qty = number()


class RepairDoc(Shape):
    """One of the newest lines of a machine's history, as the phone holds it."""

    id = ident()
    version = number()
    asset_id = ident()
    order_no = text()
    day = date_()
    finished_at = moment()
    kind = text()
    title = text()
    symptom = text(none=True)
    failure_mode = text(none=True)
    cause = text(none=True)
    remedy = text(none=True)
    component = text(none=True)
    parts = listed(RepairPart)
    cost_micro = number(none=True)
    technician = text(none=True)
    visits = number()
    fixed = flag()


class RecentRepair(Shape):
    """A repair in short, as the phone holds it."""

    order_no = text()
    day = date_()
    title = text()
    failure_mode = text(none=True)
    cause = text(none=True)
    remedy = text(none=True)
    parts = listed(RepairPart)
    cost_micro = number(none=True)
    technician = text(none=True)


class AssetView(Shape):
    """A machine."""

    id = ident()
    version = number()
    no = text()
    name = text()
    public_name = text()
    maker = text()
    model = text()
    serial = text()
    kind = text()
    parent_id = ident(none=True)
    site_id = ident()
    customer_id = ident()
    location_path = text()
    criticality = text(one_of=[c.value for c in Criticality])
    state = text(one_of=[s.value for s in AssetState])
    commissioned_on = date_(none=True)
    recent_repairs = listed(RecentRepair)


class NewAsset(Shape):
    """What it takes to add a machine."""

    id = ident()
    no = text(required=True, most=60)
    name = text(required=True, most=200)
    public_name = text(most=200)
    maker = text(required=True, most=200)
    model = text(required=True, most=200)
    serial = text(required=True, most=200)
    kind = text(required=True, most=60)
    parent_id = ident(none=True)
    site_id = ident(required=True)
    location_path = text(default="", most=500)
    criticality = text(default="B", one_of=[c.value for c in Criticality])
    commissioned_on = date_(none=True)


class RepairView(RecentRepair):
    """A repair in full."""

    id = ident()
    asset_id = ident()
    finished_at = moment()
    kind = text()
    symptom = text(none=True)
    component = text(none=True)
    cost_doubted = flag()
    visits = number()
    fixed = flag()


class FailureCodeView(Shape):
    """One word people pick from, in both languages."""

    id = ident()
    version = number()
    level = text(one_of=[level.value for level in CodeLevel])
    code = text()
    label = mapped(text())
    asset_kind = text(none=True)
    rank = number()


class AssetFilter(Paged):
    """Which machines."""

    search = text(most=200)
    site_id = ident()
    customer_id = ident()


class SiteFilter(Paged):
    """Which sites."""

    search = text(most=200)
    customer_id = ident()


class SearchFilter(Paged):
    """A word to look for."""

    search = text(most=200)


class TagView(Shape):
    """A label's code, shown once, and the address it stands for."""

    token = text()
    url = text()


class ReliabilityView(Shape):
    """How long a machine runs between failures, with its window, its count and its interval."""

    asset_id = ident()
    window_from = date_()
    window_to = date_()
    failures = number()
    figures = mapped(anything(none=True))
    definition = text()
