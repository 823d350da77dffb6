"""The manager's figures, each with its count and its definition."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from analytics import first_time_fix as ftf
from analytics.machines import DEFINITION, figures_of, mtbf_of
from assets.models import Asset, Repair
from core import clock
from core.unit import Unit
from dispatch.actuals import LearnedTimes
from parts.models import Part, Place, VanStock
from people.models import Technician
from people.permissions import require
from people.queries import organisation_of
from work.models import CLOSED_ORDER, FINISHED, OrderState, SignOff, Visit, VisitState, WorkOrder

MTBF_WINDOW = timedelta(days=365)
SHOWN = 20


def figures(unit: Unit, since: date | None, until: date | None) -> dict[str, Any]:
    """Return the figures of the days from `since` to `until`, both included; the last 30 days when not given."""
    require(unit.actor, "figures.read")
    zone = ZoneInfo(organisation_of(unit).timezone)
    today = clock.now().astimezone(zone).date()
    last = until or today
    first = since or last - timedelta(days=29)
    window = (_midnight(first, zone), _midnight(last + timedelta(days=1), zone))
    open_orders = (
        select(func.count()).select_from(WorkOrder).where(WorkOrder.state.not_in(CLOSED_ORDER))
    )
    done = (
        Visit.completed_at >= _midnight(today, zone),
        Visit.completed_at < _midnight(today + timedelta(days=1), zone),
    )
    return {
        "since": first,
        "until": last,
        "open_orders": unit.session.scalar(open_orders),
        "done_today": unit.session.scalar(select(func.count()).select_from(Visit).where(*done)),
        "promises": _promises(unit, window),
        "first_time_fix": _first_time_fix(unit, window),
        "mtbf": _mtbf(unit),
        "stock_outs": _stock_outs(unit),
        "csat": _csat(unit, window),
        "load": _load(unit, today),
        "times": _times(unit),
    }


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def _promises(unit: Unit, window: tuple[datetime, datetime]) -> dict[str, Any]:
    """Count orders whose promise fell due in the window, or was kept in it before that."""
    query = select(WorkOrder.due_at, WorkOrder.first_completed_at).where(
        WorkOrder.due_at.is_not(None),
        WorkOrder.due_at < window[1],
        WorkOrder.opened_at >= window[0] - timedelta(days=60),
        WorkOrder.state != OrderState.CANCELLED,
    )
    kept = broken = 0
    now = clock.now()
    for due_at, done_at in unit.session.execute(query):
        if due_at is None or not window[0] <= due_at:
            continue
        if done_at is not None and done_at <= due_at:
            kept += 1
        elif due_at <= now:
            broken += 1
    n = kept + broken
    return {"kept": kept, "broken": broken, "share": round(kept / n, 4) if n else None, "n": n}


def _first_time_fix(unit: Unit, window: tuple[datetime, datetime]) -> dict[str, Any]:
    reach = (window[0] - ftf.LOOK_BACK, window[1] + ftf.LOOK_BACK)
    lines = unit.session.scalars(
        select(Repair).where(
            Repair.finished_at >= reach[0],
            Repair.finished_at < reach[1],
            Repair.kind == "corrective",
        )
    ).all()
    repairs = [
        ftf.Repair(
            order_id=line.order_no,
            asset_id=line.asset_id,
            problem=line.symptom or line.failure_mode,
            opened_at=line.finished_at,
            first_visit_ended_at=line.finished_at,
            fixed_in_first_visit=line.fixed and line.visits <= 1,
        )
        for line in lines
    ]
    found = ftf.first_time_fix(repairs, window, now=clock.now())
    return {
        "share": found.share,
        "n": found.n,
        "provisional_share": found.provisional_share,
        "provisional_n": found.provisional_n,
        "definition": found.definition,
    }


def _mtbf(unit: Unit) -> list[dict[str, Any]]:
    now = clock.now()
    busiest = (
        select(Repair.asset_id, func.count().label("n"))
        .where(Repair.finished_at >= now - MTBF_WINDOW, Repair.kind == "corrective")
        .group_by(Repair.asset_id)
        .order_by(func.count().desc(), Repair.asset_id)
        .limit(SHOWN)
    )
    rows = []
    for asset_id, _ in unit.session.execute(busiest).all():
        asset = unit.must(Asset, asset_id, "No such machine.")
        found = mtbf_of(unit, asset, since=now - MTBF_WINDOW, until=now)
        rows.append(
            {"asset_id": asset.id, "name": asset.name, "definition": DEFINITION} | figures_of(found)
        )
    return rows


def _stock_outs(unit: Unit) -> list[dict[str, Any]]:
    query = (
        select(VanStock, Part, Place)
        .join(Part, (Part.org_id == VanStock.org_id) & (Part.id == VanStock.part_id))
        .join(Place, (Place.org_id == VanStock.org_id) & (Place.id == VanStock.place_id))
        .where(VanStock.on_hand < VanStock.min)
        .order_by(VanStock.on_hand, Part.sku)
        .limit(SHOWN)
    )
    return [
        {
            "part_id": part.id,
            "sku": part.sku,
            "name": part.name,
            "place_name": place.name,
            "on_hand": stock.on_hand,
            "min": stock.min,
        }
        for stock, part, place in unit.session.execute(query)
    ]


def _csat(unit: Unit, window: tuple[datetime, datetime]) -> dict[str, Any]:
    in_window = (SignOff.received_at >= window[0], SignOff.received_at < window[1])
    ratings: Sequence[int | None] = unit.session.scalars(
        select(SignOff.rating).where(*in_window)
    ).all()
    given = [rating for rating in ratings if rating is not None]
    return {
        "share": round(sum(rating >= 4 for rating in given) / len(given), 4) if given else None,
        "mean": round(sum(given) / len(given), 2) if given else None,
        "n": len(given),
        "asked": len(ratings),
        "definition": "share of ratings of 4 or 5 out of 5",
    }


def _times(unit: Unit) -> dict[str, Any]:
    """Return what planned and actual times taught, and by how much plans are off with it and without."""
    kept = unit.session.scalar(select(LearnedTimes))
    names = {str(row_id): name for row_id, name in unit.session.execute(_engineers())}
    shown: dict[str, Any] = {"computed_at": kept.computed_at if kept else None}
    for what in ("durations", "drives"):
        pattern = getattr(kept, what) if kept else {}
        shown[what] = {
            "n": pattern.get("n", 0),
            "used": pattern.get("used", False),
            "trial": pattern.get("trial"),
            "groups": [
                {"name": name, "per_mille": factor}
                for name, factor in pattern.get("groups", {}).items()
            ],
            "engineers": [
                {"technician_id": row_id, "name": names[row_id], "per_mille": factor}
                for row_id, factor in pattern.get("engineers", {}).items()
                if row_id in names
            ],
        }
    return shown


def _engineers() -> Any:
    return select(Technician.id, Technician.name).where(Technician.deleted_at.is_(None))


def _load(unit: Unit, today: date) -> list[dict[str, Any]]:
    query = (
        select(Technician, func.count(Visit.id), func.coalesce(func.sum(Visit.duration_min), 0))
        .outerjoin(
            Visit,
            (Visit.org_id == Technician.org_id)
            & (Visit.technician_id == Technician.id)
            & (Visit.day == today)
            & (Visit.state != VisitState.CANCELLED),
        )
        .where(Technician.deleted_at.is_(None))
        .group_by(Technician.org_id, Technician.id)
        .order_by(Technician.name)
    )
    finished = (
        select(Visit.technician_id, func.count())
        .where(Visit.day == today, Visit.state.in_(FINISHED))
        .group_by(Visit.technician_id)
    )
    done = dict(unit.session.execute(finished).all())
    return [
        {
            "technician_id": t.id,
            "name": t.name,
            "visits": visits,
            "done": done.get(t.id, 0),
            "minutes": int(minutes),
        }
        for t, visits, minutes in unit.session.execute(query)
    ]
