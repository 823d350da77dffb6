"""From rows to the planner's question and back: the one place that knows both."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from dispatch.actuals import Learned
from dispatch.engine.plan import Plan
from dispatch.engine.problem import Engineer, Place, Planned, Problem, Visit, Window
from dispatch.engine.travel import travel_matrix
from people.models import Technician, TechnicianKind
from work.models import UNDER_WAY
from work.models import Visit as VisitRow

DAY_S = 24 * 3600
# What a technician may be asked to stay longer, at a price.
OVERTIME_S = 3600
# A contractor costs as much as so much driving, before they have done anything: one is sent for what
# is urgent and would be left out, and for nothing else.
CONTRACTOR_S = 4 * 3600


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day in the company's zone, as seconds since its midnight."""

    day: date
    zone: ZoneInfo

    @property
    def midnight(self) -> datetime:
        """Return when the day begins."""
        return datetime.combine(self.day, time(0), self.zone)

    def seconds(self, moment: datetime) -> int:
        """Return a moment as seconds since midnight; negative before it."""
        return int((moment - self.midnight).total_seconds())

    def moment(self, seconds: int) -> datetime:
        """Return the moment so many seconds after midnight."""
        return self.midnight.astimezone(ZoneInfo("UTC")) + timedelta(seconds=seconds)

    def wall(self, clock_time: str) -> int:
        """Return local wall time such as `08:30` as seconds since midnight."""
        wall = datetime.combine(self.day, time.fromisoformat(clock_time), self.zone)
        return self.seconds(wall)


def problem_of(
    day: Day,
    technicians: Sequence[Technician],
    visits: Sequence[VisitRow],
    vans: dict[UUID, dict[str, int]],
    *,
    now: datetime,
    learned: Learned | None = None,
) -> Problem:
    """Return the question to ask: today's people, what they can and carry, and what waits to be done.

    `visits` come with their orders and sites loaded; `vans` says what each van holds, by part;
    `learned` how long work and drives take here, as planned where it is left out.
    """
    places: list[Place] = []
    engineers = []
    for technician in technicians:
        engineer = _engineer(day, technician, vans, len(places), now)
        if engineer is not None:
            places.append(Place(technician.home_lat, technician.home_lng))
            engineers.append(engineer)
    known = {engineer.id for engineer in engineers}
    asked: list[Visit] = []
    running: set[str] = set()
    for row in visits:
        visit = _visit(day, row, len(places), known, running, now)
        if visit is not None:
            places.append(Place(row.order.site.lat, row.order.site.lng))
            asked.append(visit)
    known_times = learned or Learned()
    kinds = {str(row.id): row.order.kind.value for row in visits} if learned else {}
    return Problem(
        places=tuple(places),
        travel_s=travel_matrix(places),
        engineers=tuple(
            replace(engineer, speed=known_times.speed(engineer.id)) for engineer in engineers
        ),
        visits=tuple(_timed(visit, kinds, known_times) for visit in asked),
        paces=known_times.paces(),
    )


def _timed(visit: Visit, kinds: dict[str, str], learned: Learned) -> Visit:
    """Return a visit that takes as long as its kind does here, and whoever is settled for it."""
    if visit.id not in kinds:
        return visit
    work_s = learned.work_s(visit.duration_s, kinds[visit.id], visit.lock_engineer)
    return replace(visit, duration_s=min(work_s, DAY_S))


def _engineer(
    day: Day, technician: Technician, vans: dict[UUID, dict[str, int]], place: int, now: datetime
) -> Engineer | None:
    if day.day.weekday() not in technician.days:
        return None
    begins = max(day.wall(technician.shift_from), day.seconds(now), 0)
    ends = day.wall(technician.shift_to)
    if begins >= ends:
        return None
    return Engineer(
        id=str(technician.id),
        shifts=(Window(begins, ends),),
        start=place,
        end=place,
        skills={
            skill["code"]: skill["level"]
            for skill in technician.skills
            if not skill.get("expires_on")
            or date.fromisoformat(str(skill["expires_on"])) >= day.day
        },
        parts=vans.get(technician.van_place_id, {}) if technician.van_place_id else {},
        territories=frozenset(technician.territories),
        max_overtime_s=OVERTIME_S,
        fixed_cost=CONTRACTOR_S if technician.kind is TechnicianKind.CONTRACTOR else 0,
    )


def _visit(
    day: Day, row: VisitRow, place: int, engineers: set[str], running: set[str], now: datetime
) -> Visit | None:
    """Return the visit as the planner sees it, or None when it is not of this day."""
    holder = str(row.technician_id) if row.technician_id else None
    if row.state in UNDER_WAY:
        if holder not in engineers or holder in running:
            return None
        running.add(holder)
        begun = (
            row.work_started_at
            or row.arrived_at
            or row.travel_started_at
            or row.arrives_at
            or day.midnight
        )
        start = max(0, day.seconds(begun))
        return _asked(
            day, row, place, windows=(), lock_engineer=holder, lock_start_s=start, running=True
        )
    windows = _windows(day, row)
    if windows is None:
        return None
    planned = None
    if (
        holder in engineers
        and row.day == day.day
        and row.arrives_at is not None
        and holder is not None
    ):
        planned = Planned(holder, min(max(0, day.seconds(row.arrives_at)), 2 * DAY_S))
    lock = holder if row.locked and holder in engineers else None
    return _asked(
        day,
        row,
        place,
        windows=windows,
        lock_engineer=lock,
        lock_start_s=_locked_start(day, row, now),
        planned=planned,
    )


def _locked_start(day: Day, row: VisitRow, now: datetime) -> int | None:
    """Return the start that the office has settled; one that has passed binds nobody any more."""
    if not row.start_locked or row.arrives_at is None or row.day != day.day or row.arrives_at < now:
        return None
    return day.seconds(row.arrives_at)


def _windows(day: Day, row: VisitRow) -> tuple[Window, ...] | None:
    begins = day.seconds(row.window_from) if row.window_from else 0
    ends = day.seconds(row.window_to) if row.window_to else DAY_S
    if begins >= DAY_S:
        return None
    if ends <= 0:
        # The promised window has passed without a visit: any time is better than none.
        return ()
    begins, ends = max(0, begins), min(DAY_S, ends)
    return () if (begins, ends) == (0, DAY_S) else (Window(begins, ends),)


def _asked(day: Day, row: VisitRow, place: int, **more: Any) -> Visit:
    order = row.order
    due = day.seconds(order.due_at) if order.due_at else None
    return Visit(
        id=str(row.id),
        place=place,
        duration_s=min(row.duration_min * 60, DAY_S),
        skills={skill["code"]: skill["level"] for skill in order.skills},
        parts={str(item["part_id"]): item["qty"] for item in order.parts},
        priority=order.priority,
        territory=order.site.territory,
        due_s=min(max(0, due), 13 * DAY_S) if due is not None else None,
        **more,
    )


def routes_of(day: Day, plan: Plan) -> list[dict[str, Any]]:
    """Return the plan's routes as they are kept and shown."""
    return [
        {
            "technician_id": route.engineer_id,
            "travel_s": route.travel_s,
            "work_s": route.work_s,
            "stops": [
                {
                    "visit_id": stop.visit_id,
                    "arrives_at": _text(day.moment(stop.arrives_s)),
                    "starts_at": _text(day.moment(stop.starts_s)),
                    "departs_at": _text(day.moment(stop.departs_s)),
                    "travel_s": stop.travel_s,
                    "why": {
                        "code": stop.why.code.value,
                        "added_cost": stop.why.added_cost,
                        "runner_up_id": stop.why.runner_up_id,
                        "runner_up_extra_cost": stop.why.runner_up_extra_cost,
                    }
                    if stop.why
                    else None,
                }
                for stop in route.stops
            ],
        }
        for route in plan.routes
    ]


def unplaced_of(plan: Plan, names: dict[str, str], skus: dict[str, str]) -> list[dict[str, Any]]:
    """Return what fits nowhere with the first obstacle for each technician, named."""
    return [
        {
            "visit_id": left.visit_id,
            "reasons": [
                {
                    "technician_id": reason.engineer_id,
                    "code": reason.code.value,
                    "details": dict(reason.details)
                    | {"name": names.get(reason.engineer_id or "", "")}
                    | (
                        {"part": skus.get(str(reason.details["part"]), "")}
                        if "part" in reason.details
                        else {}
                    ),
                }
                for reason in left.reasons
            ],
        }
        for left in plan.unplaced
    ]


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def part_ids(visits: Iterable[VisitRow]) -> set[UUID]:
    """Return the parts that the visits' orders ask for."""
    return {UUID(str(item["part_id"])) for visit in visits for item in visit.order.parts}
