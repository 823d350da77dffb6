"""Hours that can be promised to a customer: for each what it adds to the plan that runs, and with whom."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from core.errors import Busy, Conflict
from core.languages import say
from core.unit import Unit
from dispatch import planner
from dispatch.days import Pieces, wherever, who_of
from dispatch.desk import Desk, days_at, for_planning, laid_out
from dispatch.engine.problem import Place, Window
from dispatch.queries import today_of
from dispatch.standing import as_told, standing
from dispatch.travel.roads import ANSWER_S, roads
from people.permissions import require
from work.models import FINISHED, UNDER_WAY, Visit, VisitState
from work.queries import visit_for

PREPARING = "The planner is being prepared on this machine, once. This takes a minute or two."
USUAL_DAYS = 3
USUAL_HOURS = 2


def offers(
    unit: Unit,
    visit_id: UUID,
    *,
    day: date | None = None,
    days: int = USUAL_DAYS,
    hours: int = USUAL_HOURS,
) -> dict[str, Any]:
    """Return windows of so many hours over some days, each with what the visit would add in it at least.

    Nobody else is put before the hour that people know, and to be put off has its price.
    What the visit was promised before does not count; where nobody can come, no price is given.
    Raises NotFound, Conflict when the visit is under way or over, Busy while the planner is prepared.
    """
    require(unit.actor, "board.read")
    visit = visit_for(unit, visit_id)
    if visit.state in FINISHED or visit.state in UNDER_WAY or visit.state is VisitState.CANCELLED:
        raise Conflict("This visit has begun or is over.", state=visit.state.value)
    first = max(day or today_of(unit), today_of(unit))
    desk = laid_out(unit, days_at(unit, first, days))
    row = unit.session.scalars(for_planning().where(Visit.id == visit_id)).one()
    pieces = desk.pieces()
    place = len(pieces.places)
    asked = wherever(desk.day, row, place, desk.terms.wishes)
    site = row.order.site
    whole = replace(
        pieces,
        places=(*pieces.places, Place(site.lat, site.lng)),
        visits=tuple(one for one in pieces.visits if one.id != asked.id),
    )
    windows = list(_windows(desk, pieces, hours))
    ways = roads().laid(whole.problem(), seconds=ANSWER_S)
    problem = as_told(ways.problem)
    try:
        found = (
            planner.offers(problem, standing(problem, desk.holders()), asked, windows)
            if windows
            else []
        )
    except planner.NotReady as error:
        raise Busy(PREPARING) from error
    names = desk.names
    return {
        "visit_id": visit_id,
        "note": say(ways.note, unit.actor.language),
        "offers": [
            {
                "window_from": desk.day.moment(window.from_s),
                "window_to": desk.day.moment(window.to_s),
                "added_cost": cost,
                "technician_id": who_of(who)[0] if who else None,
                "name": names.get(who_of(who)[0], "") if who else "",
            }
            for window, (cost, who) in zip(windows, found, strict=True)
        ],
    }


def _windows(desk: Desk, pieces: Pieces, hours: int) -> Iterator[Window]:
    """Return the windows of each day between the first shift and the last, those ahead."""
    day = desk.day
    for number in range(day.days):
        mine = [one for one in pieces.engineers if who_of(one.id)[1] == number]
        if not mine:
            continue
        opens = min(one.shifts[0].from_s for one in mine)
        closes = max(one.shifts[-1].to_s for one in mine)
        midnight = day.wall("00:00", number)
        length = hours * 3600
        # Windows begin on the full hour, as people tell them.
        begins = midnight + (opens - midnight) // 3600 * 3600
        while begins < closes:
            if begins + length > pieces.now_s:
                yield Window(max(begins, 0), begins + length)
            begins += length
