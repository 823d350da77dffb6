"""From rows to the planner's question and back: the one place that knows both."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from dispatch import leaving
from dispatch.actuals import Learned
from dispatch.engine.plan import Cost, Plan, ReasonCode, Rest, Route, Stop, Unplaced
from dispatch.engine.problem import (
    Engineer,
    Pace,
    Place,
    Planned,
    Problem,
    Visit,
    Weights,
    Window,
)
from dispatch.engine.travel import travel_matrix
from dispatch.lines import VisitLine
from dispatch.wishes import Wishes
from people.models import Technician, TechnicianKind
from work.models import UNDER_WAY, VisitState
from work.models import Visit as VisitModel

# The mapper's row, or the plain line of one.
VisitRow = VisitModel | VisitLine

DAY_S = 24 * 3600
# What a technician may be asked to stay longer, at a price.
OVERTIME_S = 3600
# A contractor costs as much as so much driving, before they have done anything: one is sent for what
# is urgent and would be left out.
CONTRACTOR_S = 4 * 3600
MOST_DAYS = 7
# Between a technician and the number of the day, where there are several.
NEXT = "+"
# Which of a technician's days came nearest to taking a visit: the last obstacle to be reached.
NEAREST_LAST = (
    ReasonCode.WINDOW_OUTSIDE_SHIFT,
    ReasonCode.NO_TIME_LEFT,
    ReasonCode.MOST_VISITS,
    ReasonCode.MOST_TRAVEL,
    ReasonCode.MOST_WORK,
    ReasonCode.TOO_COSTLY,
)


@dataclass(frozen=True, slots=True)
class Away:
    """When a technician takes no visit. Whoever is `gone` leaves the visits of that time to others."""

    since: datetime
    until: datetime
    gone: bool = True


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day in the company's zone, and perhaps some that follow, as seconds since its midnight."""

    day: date
    zone: ZoneInfo
    days: int = 1

    @property
    def midnight(self) -> datetime:
        """Return when the first day begins."""
        return self._at(0, time(0))

    @property
    def dates(self) -> list[date]:
        """Return the days, the first one first."""
        return [self.day + timedelta(days=number) for number in range(self.days)]

    @property
    def ends_s(self) -> int:
        """Return when the last day is over."""
        return self.seconds(_begins(self.day, self.days, self.zone))

    def seconds(self, moment: datetime) -> int:
        """Return a moment as seconds since the first midnight; negative before it."""
        begins = _begins(self.day, 0, self.zone)
        return int((moment.astimezone(UTC) - begins).total_seconds())

    def moment(self, seconds: int) -> datetime:
        """Return the moment so many seconds after the first midnight."""
        return _begins(self.day, 0, self.zone) + timedelta(seconds=seconds)

    def wall(self, clock_time: str, number: int = 0) -> int:
        """Return local wall time such as `08:30` of one of the days as seconds since the first midnight."""
        return self.seconds(self._at(number, time.fromisoformat(clock_time)))

    def date_of(self, seconds: int) -> date:
        """Return the calendar day at so many seconds after the first midnight."""
        return self.moment(seconds).astimezone(self.zone).date()

    def _at(self, number: int, wall: time) -> datetime:
        return datetime.combine(self.day + timedelta(days=number), wall, self.zone)


# Asked for again with every visit of a day.
@lru_cache(maxsize=512)
def _begins(day: date, number: int, zone: ZoneInfo) -> datetime:
    midnight = datetime.combine(day + timedelta(days=number), time(0), zone)
    # In one zone Python counts by the wall, as if no clock were ever changed.
    return midnight.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a plan is made.

    `away` says for each technician when they take no visit, `here` where those are who have been
    somewhere today, `learned` how long work and drives take here, `wishes` whom customers would rather
    have. Nothing that is planned to begin within `frozen_s` from now moves.
    """

    weights: Weights = field(default_factory=Weights)
    overtime_s: int = OVERTIME_S
    frozen_s: int = 0
    away: Mapping[str, Sequence[Away]] = field(default_factory=dict)
    here: Mapping[str, Place] = field(default_factory=dict)
    learned: Learned = field(default_factory=Learned)
    wishes: Wishes = field(default_factory=Wishes)


USUAL = Terms()


@dataclass(frozen=True, slots=True)
class Pieces:
    """What a question is made of: people, visits and places, before the drives between them are known."""

    places: tuple[Place, ...]
    engineers: tuple[Engineer, ...]
    visits: tuple[Visit, ...]
    weights: Weights
    now_s: int = 0
    frozen_until_s: int = 0
    paces: tuple[Pace, ...] = ()

    def problem(self) -> Problem:
        """Return the whole question, with the drives of the model between all of its places.

        Raises ProblemError for more than the planner takes at once.
        """
        return Problem(
            places=self.places,
            travel_s=travel_matrix(self.places),
            engineers=self.engineers,
            visits=self.visits,
            weights=self.weights,
            now_s=self.now_s,
            frozen_until_s=self.frozen_until_s,
            paces=self.paces,
        )

    def only(self, engineers: Iterable[Engineer], visits: Iterable[Visit]) -> "Pieces":
        """Return some of the people and some of the visits, with their own places alone."""
        number: dict[int, int] = {}

        def moved(place: int) -> int:
            return number.setdefault(place, len(number))

        people = tuple(
            replace(one, start=moved(one.start), end=None if one.end is None else moved(one.end))
            for one in engineers
        )
        asked = tuple(replace(one, place=moved(one.place)) for one in visits)
        return replace(
            self, places=tuple(self.places[k] for k in number), engineers=people, visits=asked
        )


def problem_of(
    day: Day,
    technicians: Sequence[Technician],
    visits: Sequence[VisitRow],
    vans: dict[UUID, dict[str, int]],
    *,
    now: datetime,
    terms: Terms = USUAL,
) -> Problem:
    """Return the question to ask; see `pieces_of`."""
    return pieces_of(day, technicians, visits, vans, now=now, terms=terms).problem()


def pieces_of(
    day: Day,
    technicians: Sequence[Technician],
    visits: Sequence[VisitRow],
    vans: dict[UUID, dict[str, int]],
    *,
    now: datetime,
    terms: Terms = USUAL,
) -> Pieces:
    """Return what the question is made of: the people of each day, what they can and carry, what waits.

    `visits` come with their orders and sites loaded; `vans` says what each van holds, by part. Whoever
    works on several days is an engineer of the question for each of them (`who_of`).
    """
    places: list[Place] = []
    engineers = []
    for technician in technicians:
        home = len(places)
        places.append(Place(technician.home_lat, technician.home_lng))
        start, here = home, terms.here.get(str(technician.id))
        if here is not None:
            start = len(places)
            places.append(here)
        for number in range(day.days):
            first = start if number == 0 else home
            engineer = _engineer(day, number, technician, vans, (first, home), now, terms)
            if engineer is not None:
                engineers.append(engineer)
    known = {engineer.id for engineer in engineers}
    # A contractor who is out anyway is still nobody's first choice: see `Weights.not_preferred`.
    own = frozenset(engineer.id for engineer in engineers if not engineer.fixed_cost)
    preferred = own if len(own) < len(engineers) else frozenset()
    asked: list[Visit] = []
    running: set[str] = set()
    for row in visits:
        visit = _visit(day, row, len(places), known, running, now, terms)
        if visit is not None:
            places.append(Place(row.order.site.lat, row.order.site.lng))
            timed = _timed(visit, row.order.kind.value, terms.learned)
            hired = preferred and not timed.preferred
            asked.append(replace(timed, preferred=preferred) if hired else timed)
    now_s = day.seconds(now)
    return Pieces(
        places=tuple(places),
        engineers=tuple(engineers),
        visits=tuple(leaving.priced(asked, terms.weights, day.ends_s)),
        weights=terms.weights,
        now_s=min(max(0, now_s), day.ends_s),
        frozen_until_s=min(max(0, now_s + terms.frozen_s), day.ends_s) if terms.frozen_s else 0,
        paces=terms.learned.paces(day.days),
    )


def _timed(visit: Visit, kind: str, learned: Learned) -> Visit:
    """Return a visit that takes as long as its kind does here, and whoever is settled for it."""
    who = who_of(visit.lock_engineer)[0] if visit.lock_engineer is not None else None
    takes = min(learned.work_s(visit.duration_s, kind, who), DAY_S)
    return visit if takes == visit.duration_s else replace(visit, duration_s=takes)


def name_of(technician_id: UUID | str, number: int) -> str:
    """Return what a technician is called in the question on one of the days."""
    return str(technician_id) if number == 0 else f"{technician_id}{NEXT}{number}"


def who_of(engineer_id: str) -> tuple[str, int]:
    """Return which technician that is, and on which of the days."""
    name, _, number = engineer_id.partition(NEXT)
    return name, int(number or 0)


def _engineer(
    day: Day,
    number: int,
    technician: Technician,
    vans: dict[UUID, dict[str, int]],
    places: tuple[int, int],
    now: datetime,
    terms: Terms,
) -> Engineer | None:
    today = day.dates[number]
    if today.weekday() not in technician.days:
        return None
    begins = max(day.wall(technician.shift_from, number), day.seconds(now), 0)
    ends = day.wall(technician.shift_to, number)
    away = [
        (day.seconds(one.since), day.seconds(one.until))
        for one in terms.away.get(str(technician.id), ())
    ]
    shifts = _left_of(begins, ends, away)
    if not shifts:
        return None
    return Engineer(
        id=name_of(technician.id, number),
        shifts=tuple(shifts),
        start=places[0],
        end=places[1],
        skills={
            skill["code"]: skill["level"]
            for skill in technician.skills
            if not skill.get("expires_on") or date.fromisoformat(str(skill["expires_on"])) >= today
        },
        parts=vans.get(technician.van_place_id, {}) if technician.van_place_id else {},
        territories=frozenset(technician.territories),
        # Whoever goes away early does not stay longer.
        max_overtime_s=terms.overtime_s if shifts[-1].to_s == ends else 0,
        fixed_cost=CONTRACTOR_S if technician.kind is TechnicianKind.CONTRACTOR else 0,
        speed=terms.learned.speed(str(technician.id)),
    )


def _left_of(begins: int, ends: int, away: Iterable[tuple[int, int]]) -> list[Window]:
    """Return what is left of a shift for somebody who is away in between."""
    left = []
    for since, until in sorted(away):
        if since >= ends or until <= begins:
            continue
        if since > begins:
            left.append(Window(begins, since))
        begins = until
    return [*left, Window(begins, ends)] if begins < ends else left


def _visit(
    day: Day,
    row: VisitRow,
    place: int,
    engineers: set[str],
    running: set[str],
    now: datetime,
    terms: Terms,
) -> Visit | None:
    """Return the visit as the planner sees it, or None when it is not of these days."""
    number = (row.day - day.day).days if row.day is not None else 0
    holder = name_of(row.technician_id, max(0, number)) if row.technician_id else None
    if row.state in UNDER_WAY:
        holder = name_of(row.technician_id, 0) if row.technician_id else None
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
    declined = row.state is VisitState.DECLINED and row.technician_id is not None
    held = holder in engineers and not declined and not _is_away(row, terms)
    planned = None
    if held and number >= 0 and row.arrives_at is not None and holder is not None:
        planned = Planned(holder, min(max(0, day.seconds(row.arrives_at)), day.ends_s))
    lock = holder if row.locked and held else None
    wanted, unwanted = terms.wishes.of(row.order.customer_id, row.order.site_id)
    if declined and row.technician_id:
        unwanted |= {str(row.technician_id)}
    return _asked(
        day,
        row,
        place,
        windows=windows,
        lock_engineer=lock,
        lock_start_s=_locked_start(day, row, now),
        planned=planned,
        preferred=_each_day(day, wanted),
        forbidden=_each_day(day, unwanted),
    )


def _each_day(day: Day, technician_ids: Iterable[str]) -> frozenset[str]:
    """Return what these technicians are called on each of the days."""
    return frozenset(name_of(one, number) for one in technician_ids for number in range(day.days))


def _locked_start(day: Day, row: VisitRow, now: datetime) -> int | None:
    """Return the start that the office has settled; one that has passed binds nobody any more."""
    if not row.start_locked or row.arrives_at is None or row.day not in day.dates:
        return None
    return None if row.arrives_at < now else day.seconds(row.arrives_at)


def _is_away(row: VisitRow, terms: Terms) -> bool:
    """Return whether whoever has the visit is away when it is planned: somebody else must go, or later."""
    if row.arrives_at is None:
        return False
    ends = row.arrives_at + timedelta(minutes=row.duration_min)
    spans = terms.away.get(str(row.technician_id), ())
    return any(one.gone and one.since < ends and row.arrives_at < one.until for one in spans)


def _windows(day: Day, row: VisitRow) -> tuple[Window, ...] | None:
    begins = day.seconds(row.window_from) if row.window_from else 0
    ends = day.seconds(row.window_to) if row.window_to else day.ends_s
    if begins >= day.ends_s:
        return None
    if ends <= 0:
        # The promised window has passed without a visit: any time is better than none.
        return ()
    begins, ends = max(0, begins), min(day.ends_s, ends)
    return () if (begins, ends) == (0, day.ends_s) else (Window(begins, ends),)


def wherever(day: Day, row: VisitRow, place: int, wishes: Wishes) -> Visit:
    """Return the visit with all that it asks for but when, and with whom the office has settled."""
    wanted, unwanted = wishes.of(row.order.customer_id, row.order.site_id)
    return _asked(
        day,
        row,
        place,
        windows=(),
        preferred=_each_day(day, wanted),
        forbidden=_each_day(day, unwanted),
    )


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
    return [_route_of(day, route) for route in plan.routes]


def _route_of(day: Day, route: Route) -> dict[str, Any]:
    who, number = who_of(route.engineer_id)
    return {
        "technician_id": who,
        "day": day.dates[number].isoformat(),
        "leaves_at": _text(day.moment(route.leaves_s)),
        "returns_at": _text(day.moment(route.returns_s)),
        "travel_s": route.travel_s,
        "return_travel_s": route.return_travel_s,
        "work_s": route.work_s,
        "rests": [
            {
                "starts_at": _text(day.moment(rest.starts_s)),
                "ends_at": _text(day.moment(rest.ends_s)),
            }
            for rest in route.rests
        ],
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
                    "runner_up_id": who_of(stop.why.runner_up_id)[0]
                    if stop.why.runner_up_id
                    else None,
                    "runner_up_extra_cost": stop.why.runner_up_extra_cost,
                }
                if stop.why
                else None,
            }
            for stop in route.stops
        ],
    }


def plan_of(day: Day, routes: Iterable[Mapping[str, Any]], unplaced: Iterable[str] = ()) -> Plan:
    """Return routes that were kept as the planner's own, on these days; without reasons or cost."""
    found = []
    for route in routes:
        number = (date.fromisoformat(route["day"]) - day.day).days
        stops = tuple(
            Stop(
                stop["visit_id"],
                stop["travel_s"],
                _seconds(day, stop["arrives_at"]),
                _seconds(day, stop["starts_at"]),
                _seconds(day, stop["departs_at"]),
            )
            for stop in route["stops"]
        )
        rests = tuple(
            Rest(_seconds(day, rest["starts_at"]), _seconds(day, rest["ends_at"]))
            for rest in route["rests"]
        )
        leaves, returns = _seconds(day, route["leaves_at"]), _seconds(day, route["returns_at"])
        who = name_of(route["technician_id"], number)
        found.append(Route(who, leaves, returns, stops, rests, route["return_travel_s"]))
    return Plan(tuple(found), tuple(Unplaced(one, 0, ()) for one in unplaced), Cost())


def _seconds(day: Day, text: str) -> int:
    return day.seconds(datetime.fromisoformat(text))


def unplaced_of(
    day: Day, plan: Plan, names: dict[str, str], skus: dict[str, str]
) -> list[dict[str, Any]]:
    """Return what fits nowhere with the first obstacle for each technician, named.

    Of several days the one counts on which the technician came nearest to taking the visit.
    """
    unplaced = []
    for left in plan.unplaced:
        nearest: dict[str | None, tuple[tuple[int, int], dict[str, Any]]] = {}
        for reason in left.reasons:
            who, number = who_of(reason.engineer_id) if reason.engineer_id else (None, 0)
            rank = NEAREST_LAST.index(reason.code) + 1 if reason.code in NEAREST_LAST else 0
            near = (rank, -int(reason.details.get("minutes", 0)))
            details = dict(reason.details) | {"name": names.get(who or "", "")}
            if "part" in reason.details:
                details["part"] = skus.get(str(reason.details["part"]), "")
            if "locked_to" in details:
                details["locked_to"] = who_of(str(details["locked_to"]))[0]
            if who not in nearest or near > nearest[who][0]:
                found = {
                    "technician_id": who,
                    "code": reason.code.value,
                    "details": details,
                    "day": day.dates[number].isoformat(),
                }
                nearest[who] = (near, found)
        unplaced.append(
            {"visit_id": left.visit_id, "reasons": [found for _, found in nearest.values()]}
        )
    return unplaced


def overdrawn(problem: Problem, plan: Plan) -> dict[str, dict[str, int]]:
    """Return what later days may take from the vans, where a plan takes more than there is over its days.

    The question knows each day's van as full in the morning; what the day before took is not there.
    On the first day the planner has looked: what is under way there may need what no van has.
    """
    visits = {visit.id: visit for visit in problem.visits}
    engineers = {engineer.id: engineer for engineer in problem.engineers}
    left: dict[str, dict[str, int]] = {}
    short: dict[str, dict[str, int]] = {}
    for route in sorted(plan.routes, key=lambda one: who_of(one.engineer_id)[1]):
        who, _ = who_of(route.engineer_id)
        is_first = who not in left
        stock = left.setdefault(who, dict(engineers[route.engineer_id].parts))
        wanted: dict[str, int] = {}
        for stop in route.stops:
            for part, quantity in visits[stop.visit_id].parts.items():
                wanted[part] = wanted.get(part, 0) + quantity
        if not is_first and any(quantity > stock.get(part, 0) for part, quantity in wanted.items()):
            short[route.engineer_id] = dict(stock)
        for part, quantity in wanted.items():
            stock[part] = max(0, stock.get(part, 0) - quantity)
    return short


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def part_ids(visits: Iterable[VisitRow]) -> set[UUID]:
    """Return the parts that the visits' orders ask for."""
    return {UUID(str(item["part_id"])) for visit in visits for item in visit.order.parts}
