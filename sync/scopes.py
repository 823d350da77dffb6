"""Which rows phones hold: for each entity its outward form, its scopes, and what it brings along.

The one place that says where a row belongs. Ranks fall from the referring to the referred-to.
"""

from collections.abc import Iterable
from uuid import UUID

from assets.models import Asset, Customer, FailureCode, Repair, Site
from assets.schemas import AssetView, CustomerView, FailureCodeView, RepairDoc, SiteView
from core.feed import Entity, Link, register
from parts.models import OPEN_SLIP, IssueSlip, Part, SlipState, VanStock
from parts.schemas import IssueSlipView, PartView, VanStockView
from people.models import Technician
from people.schemas import TechnicianView
from people.zones import today
from sync.spans import kept
from work.models import (
    CLAIMABLE,
    FINISHED,
    Attention,
    Comment,
    PartUse,
    Photo,
    Reading,
    SignOff,
    TimeEntry,
    Visit,
    VisitState,
    WorkOrder,
)
from work.schemas import (
    AttentionView,
    CommentView,
    OrderView,
    PartUseView,
    PhotoView,
    ReadingView,
    SignOffDoc,
    TimeEntryView,
    VisitView,
)

# How many of a machine's repairs come with it; as newer ones come the oldest leave.
REPAIRS_ALONG = 5

CATALOGUE = "catalogue"
# What nobody has been given yet, for every engineer to see and take.
POOL = "pool"


def technician_scope(technician_id: UUID | None) -> list[str]:
    """Return the scope of one technician's phone."""
    return [f"technician:{technician_id}"] if technician_id else []


def _nowhere(_: object) -> list[str]:
    return []


def _nothing(_: object) -> list[Link]:
    return []


def _visit_scopes(visit: Visit) -> list[str]:
    if visit.technician_id is None:
        return [POOL] if visit.state in CLAIMABLE else []
    if (
        visit.state in (VisitState.CANCELLED, VisitState.PROPOSED, VisitState.DECLINED)
        or visit.day is None
    ):
        # A plan that is not published yet stays in the office; late evidence finds its visit there.
        return []
    day = today(visit.org_id)
    if visit.state in FINISHED and visit.day < day - kept.back:
        return []
    return technician_scope(visit.technician_id) if visit.day <= day + kept.ahead else []


def _order_links(order: WorkOrder) -> Iterable[Link]:
    yield "site", order.site_id
    yield "customer", order.customer_id
    if order.asset_id:
        yield "asset", order.asset_id
    for item in order.parts:
        yield "part", UUID(item["part_id"])


def _asset_links(asset: Asset) -> Iterable[Link]:
    yield "site", asset.site_id
    yield "customer", asset.customer_id
    for line in asset.recent_repairs[:REPAIRS_ALONG]:
        if "id" in line:
            yield "repair", UUID(line["id"])


def _slip_scopes(slip: IssueSlip) -> list[str]:
    on_its_way = slip.state is SlipState.HANDED_OVER and slip.received_at is None
    return technician_scope(slip.technician_id) if slip.state in OPEN_SLIP or on_its_way else []


def _slip_links(slip: IssueSlip) -> Iterable[Link]:
    return [("part", UUID(str(line["part_id"]))) for line in slip.lines_doc]


def _order_of(row: Comment | Photo | PartUse | SignOff) -> list[Link]:
    return [("work_order", row.order_id)]


def _reading_of(row: Reading) -> list[Link]:
    # What was read on a visit leaves the phone with it; a machine would gather readings for ever.
    return [("visit", row.visit_id) if row.visit_id else ("asset", row.asset_id)]


register(
    Entity(
        "visit",
        Visit,
        10,
        VisitView,
        _visit_scopes,
        lambda visit: [("work_order", visit.order_id)],
    )
)
register(Entity("work_order", WorkOrder, 20, OrderView, _nowhere, _order_links))
register(Entity("comment", Comment, 30, CommentView, _nowhere, _nothing, _order_of))
register(Entity("photo", Photo, 30, PhotoView, _nowhere, _nothing, _order_of))
register(
    Entity(
        "part_use",
        PartUse,
        30,
        PartUseView,
        _nowhere,
        lambda use: [("part", use.part_id)],
        _order_of,
    )
)
register(Entity("signoff", SignOff, 30, SignOffDoc, _nowhere, _nothing, _order_of))
register(
    Entity(
        "time_entry",
        TimeEntry,
        30,
        TimeEntryView,
        _nowhere,
        _nothing,
        lambda entry: [("visit", entry.visit_id)],
    )
)
register(Entity("reading", Reading, 50, ReadingView, _nowhere, _nothing, _reading_of))
register(Entity("repair", Repair, 50, RepairDoc, _nowhere, _nothing))
register(Entity("asset", Asset, 40, AssetView, _nowhere, _asset_links))
register(
    Entity(
        "site",
        Site,
        50,
        SiteView,
        _nowhere,
        lambda site: [("customer", site.customer_id)],
    )
)
register(Entity("customer", Customer, 60, CustomerView, _nowhere, _nothing))
register(Entity("part", Part, 70, PartView, lambda _: [CATALOGUE], _nothing))
register(Entity("failure_code", FailureCode, 70, FailureCodeView, lambda _: [CATALOGUE], _nothing))
register(
    Entity(
        "technician",
        Technician,
        70,
        TechnicianView,
        lambda t: technician_scope(t.id),
        _nothing,
    )
)
register(
    Entity(
        "van_stock",
        VanStock,
        60,
        VanStockView,
        lambda row: technician_scope(row.technician_id),
        lambda row: [("part", row.part_id)],
    )
)
register(Entity("issue_slip", IssueSlip, 10, IssueSlipView, _slip_scopes, _slip_links))
register(
    Entity(
        "attention",
        Attention,
        10,
        AttentionView,
        lambda row: technician_scope(row.technician_id) if row.state == "open" else [],
        _nothing,
    )
)
