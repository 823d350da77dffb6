"""How machines do: time between failures from their history."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from analytics.reliability import Mtbf, Stop, mtbf
from assets.models import Asset, Repair
from assets.queries import asset_for
from core.unit import Unit


def mtbf_of(unit: Unit, asset: Asset, *, since: datetime, until: datetime) -> Mtbf:
    """Return a machine's time between failures over a window of calendar time.

    Each corrective repair is one failure. History tells the day it was noted and not how long the
    machine stood, so no down time is taken out; the definition shown with the figure says so.
    """
    query = select(Repair.finished_at).where(
        Repair.asset_id == asset.id,
        Repair.kind == "corrective",
        Repair.finished_at >= since,
        Repair.finished_at < until,
    )
    stops = [Stop(moment, moment) for moment in unit.session.scalars(query)]
    return mtbf((since, until), stops)


DEFINITION = (
    "Calendar hours in the window divided by corrective repairs that ended in it; down time is not recorded and not "
    "deducted; the interval is the 90 % chi-square interval; under three failures only the lower bound is given."
)


def figures_of(found: Mtbf) -> dict[str, Any]:
    """Return the figure with its interval, its count and what it means."""
    return {
        "hours": round(found.hours, 1) if found.hours is not None else None,
        "low": round(found.low, 1),
        "high": round(found.high, 1) if found.high is not None else None,
        "n": found.failures,
        "operating_hours": round(found.operating_hours, 1),
    }


def reliability_of(
    unit: Unit, asset_id: UUID, *, since: datetime, until: datetime
) -> dict[str, Any]:
    """Return one machine's reliability over a window."""
    asset = asset_for(unit, asset_id)
    found = mtbf_of(unit, asset, since=since, until=until)
    return {
        "asset_id": asset.id,
        "window_from": since.date(),
        "window_to": until.date(),
        "failures": found.failures,
        "figures": figures_of(found),
        "definition": DEFINITION,
    }
