"""The judge: checks a plan against every rule, from the problem alone.

It is written apart from the search and shares none of its code, so that one mistake cannot hide in
both. An empty list of violations means that the plan can be driven. What is wished and not required
(a promised hour, a preferred engineer) is no violation: `wishes` names it, and the cost has it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from dispatch.engine.inventory import shortage
from dispatch.engine.plan import Plan, ReasonCode, Rest, Route, Stop
from dispatch.engine.pricing import priced
from dispatch.engine.problem import Break, Engineer, Problem, Visit, Window, linked_to
from dispatch.engine.rules import away, obstacles


class Rule(StrEnum):
    """What a plan can break."""

    ENGINEER_UNKNOWN = "engineer_unknown"
    ENGINEER_TWICE = "engineer_twice"
    ROUTE_MISSING = "route_missing"
    VISIT_UNKNOWN = "visit_unknown"
    VISIT_TWICE = "visit_twice"
    VISIT_MISSING = "visit_missing"
    SKILL = "skill"
    SKILL_EXPIRED = "skill_expired"
    PARTS = "parts"
    TOOLS = "tools"
    LOAD = "load"
    TERRITORY = "territory"
    NOT_AMONG = "not_among"
    WINDOW = "window"
    SHIFT = "shift"
    TRAVEL = "travel"
    DURATION = "duration"
    BREAK = "break"
    DEPOT = "depot"
    MAX_VISITS = "max_visits"
    MAX_WORK = "max_work"
    MAX_TRAVEL = "max_travel"
    FORBIDDEN = "forbidden"
    LOCK_ENGINEER = "lock_engineer"
    LOCK_START = "lock_start"
    PAST = "past"
    RUNNING = "running"
    CREW = "crew"
    AFTER = "after"
    SAME_ENGINEER = "same_engineer"
    REASONS = "reasons"
    COST = "cost"


class Wish(StrEnum):
    """What a plan may miss, at a price."""

    LATE = "late"
    PROMISE = "promise"
    NOT_PREFERRED = "not_preferred"
    MOVED = "moved"
    MOVED_TIME = "moved_time"
    SAME_PERSON = "same_person"
    OVERTIME = "overtime"


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: by whom, at which visit, in words."""

    rule: Rule
    detail: str
    engineer_id: str | None = None
    visit_id: str | None = None


@dataclass(frozen=True, slots=True)
class Missed:
    """One missed wish: by whom, at which visit, in words."""

    wish: Wish
    detail: str
    engineer_id: str | None = None
    visit_id: str | None = None


# Which rule an obstacle breaks when the visit was placed all the same.
BROKEN = {
    ReasonCode.LOCKED_ELSEWHERE: Rule.LOCK_ENGINEER,
    ReasonCode.FORBIDDEN: Rule.FORBIDDEN,
    ReasonCode.NOT_AMONG: Rule.NOT_AMONG,
    ReasonCode.TERRITORY: Rule.TERRITORY,
    ReasonCode.SKILL_MISSING: Rule.SKILL,
    ReasonCode.SKILL_LEVEL: Rule.SKILL,
    ReasonCode.PART_MISSING: Rule.PARTS,
    ReasonCode.TOOL_MISSING: Rule.TOOLS,
    ReasonCode.CAPACITY: Rule.LOAD,
}

Stops = Sequence[tuple[Stop, Visit]]


def violations(problem: Problem, plan: Plan) -> list[Violation]:
    """Return every rule the plan breaks."""
    return [
        *_headcount(problem, plan),
        *_routes(problem, plan),
        *_links(problem, plan),
        *_unplaced(problem, plan),
        *_cost(problem, plan),
    ]


def wishes(problem: Problem, plan: Plan) -> list[Missed]:
    """Return what the plan misses without breaking a rule."""
    return list(_wishes(problem, plan))


def _headcount(problem: Problem, plan: Plan) -> Iterator[Violation]:
    visits = {visit.id: visit for visit in problem.visits}
    people = {engineer.id for engineer in problem.engineers}
    placed: dict[str, list[str]] = defaultdict(list)
    for route in plan.routes:
        for stop in route.stops:
            placed[stop.visit_id].append(route.engineer_id)
    left = Counter(one.visit_id for one in plan.unplaced)
    for visit_id in sorted({*placed, *left}):
        who, times = placed.get(visit_id, []), left[visit_id]
        if visit_id not in visits:
            yield Violation(Rule.VISIT_UNKNOWN, "nobody asked for it", visit_id=visit_id)
        elif times + bool(who) > 1 or len(set(who)) < len(who):
            detail = f"it is there {times + len(who)} times"
            yield Violation(Rule.VISIT_TWICE, detail, visit_id=visit_id)
        elif who and len(who) != visits[visit_id].crew:
            several = visits[visit_id].crew > 1
            detail = f"{len(who)} go where {visits[visit_id].crew} are needed"
            yield Violation(Rule.CREW if several else Rule.VISIT_TWICE, detail, visit_id=visit_id)
    for visit_id in sorted(visits.keys() - placed.keys() - left.keys()):
        yield Violation(Rule.VISIT_MISSING, "neither placed nor left out", visit_id=visit_id)
    drawn = Counter(route.engineer_id for route in plan.routes)
    for engineer_id, times in drawn.items():
        if engineer_id not in people:
            yield Violation(Rule.ENGINEER_UNKNOWN, "nobody by that name", engineer_id)
        elif times > 1:
            yield Violation(Rule.ENGINEER_TWICE, f"{times} routes", engineer_id)
    for engineer_id in sorted(people - set(drawn)):
        yield Violation(Rule.ROUTE_MISSING, "no route, not even an empty one", engineer_id)


def _routes(problem: Problem, plan: Plan) -> Iterator[Violation]:
    engineers = {engineer.id: engineer for engineer in problem.engineers}
    visits = {visit.id: visit for visit in problem.visits}
    bearers = bearers_of(problem, plan)
    for route in plan.routes:
        engineer = engineers.get(route.engineer_id)
        if engineer is None:
            continue
        stops = [(stop, visits[stop.visit_id]) for stop in route.stops if stop.visit_id in visits]
        before = _places_before(problem, engineer, route, stops)
        for (stop, visit), place in zip(stops, before, strict=True):
            yield from _stop(problem, engineer, stop, visit, place)
        yield from _on_board(problem, engineer, route, stops, bearers)
        yield from _driving(problem, engineer, route, stops)
        yield from _depot(problem, engineer, route, stops)
        yield from _working_day(problem, engineer, route, stops)
        yield from _limits(engineer, route, stops)
        yield from _breaks(problem, engineer, route, stops)


def bearers_of(problem: Problem, plan: Plan) -> dict[str, str]:
    """Return, for each placed visit, the engineer whose van gives the parts and bears the load."""
    bearers: dict[str, str] = {}
    routes = {route.engineer_id: route for route in plan.routes}
    for engineer in problem.engineers:
        route = routes.get(engineer.id)
        for stop in route.stops if route else ():
            bearers.setdefault(stop.visit_id, engineer.id)
    return bearers


def _places_before(problem: Problem, engineer: Engineer, route: Route, stops: Stops) -> list[int]:
    places = [engineer.start, *(visit.place for _, visit in stops)][: len(stops)]
    call = route.depot
    if call is not None and call.position < len(stops) and call.depot < len(problem.depots):
        places[call.position] = problem.depots[call.depot].place
    return places


def _stop(
    problem: Problem, engineer: Engineer, stop: Stop, visit: Visit, before: int
) -> Iterator[Violation]:
    def broken(rule: Rule, detail: str) -> Violation:
        return Violation(rule, detail, engineer.id, visit.id)

    lasts = visit.duration_s if visit.running else away(before, visit)
    if stop.departs_s - stop.starts_s != lasts or stop.starts_s < stop.arrives_s:
        yield broken(Rule.DURATION, f"{stop.arrives_s}, {stop.starts_s}, {stop.departs_s}")
    for obstacle in obstacles(problem, engineer, visit):
        figures = ", ".join(f"{name} {value}" for name, value in obstacle.details.items())
        yield broken(BROKEN[obstacle.code], figures or obstacle.code.value)
    _, locked_s = problem.locks_of(visit)
    if locked_s is not None and stop.starts_s != locked_s:
        yield broken(Rule.LOCK_START, f"{stop.starts_s} is not {locked_s}")
    if visit.running:
        return
    if locked_s is None and stop.starts_s < problem.now_s:
        yield broken(Rule.PAST, f"{stop.starts_s} is over at {problem.now_s}")
    for skill in visit.skills:
        if stop.departs_s > engineer.skills_until.get(skill, stop.departs_s):
            yield broken(Rule.SKILL_EXPIRED, f"{skill} ends at {engineer.skills_until[skill]}")
    free = locked_s is not None or not visit.windows
    if not free and not _within(visit.windows, stop.starts_s):
        yield broken(Rule.WINDOW, f"{stop.starts_s} is in none of its windows")


def _within(windows: Sequence[Window], moment: int) -> bool:
    return any(window.from_s <= moment <= window.to_s for window in windows)


def _on_board(
    problem: Problem, engineer: Engineer, route: Route, stops: Stops, bearers: Mapping[str, str]
) -> Iterator[Violation]:
    borne = [visit for _, visit in stops]
    light = [bearers.get(visit.id) == engineer.id for visit in borne]
    call = route.depot
    depot = None if call is None or call.depot >= len(problem.depots) else call
    at = None if depot is None else (depot.position, problem.depots[depot.depot])
    short = shortage(engineer, borne, at, bears=light)
    if short is not None:
        rule = BROKEN[short.code]
        figures = ", ".join(f"{name} {value}" for name, value in short.details.items())
        yield Violation(rule, figures, engineer.id, short.visit_id)


def _driving(
    problem: Problem, engineer: Engineer, route: Route, stops: Stops
) -> Iterator[Violation]:
    def broken(detail: str, visit_id: str | None = None) -> Violation:
        return Violation(Rule.TRAVEL, detail, engineer.id, visit_id)

    at, free = engineer.start, route.leaves_s
    for number, leg in enumerate(_legs(problem, route, stops)):
        running = isinstance(leg.visit, Visit) and leg.visit.running
        name = leg.visit.id if leg.visit is not None else None
        if running and (number or leg.arrives_s != leg.starts_s):
            yield Violation(Rule.RUNNING, "it must come first", engineer.id, name)
        a = leg.place if running else at
        ways = _drives(problem, engineer, route.rests, a, leg.place, free, leg.arrives_s)
        if leg.travel_s not in {driven for driven, _ in ways}:
            yield broken(f"the drive takes {ways[0][0]}, not {leg.travel_s}", name)
        if min(ready for _, ready in ways) > leg.arrives_s:
            yield broken(f"it cannot be reached by {leg.arrives_s} from {free}", name)
        resting = _resting(route.rests, leg.arrives_s, leg.starts_s)
        if leg.starts_s - leg.arrives_s < resting:
            yield broken(f"it cannot begin at {leg.starts_s}", name)
        at, free = leg.place, leg.departs_s
    home = engineer.end if route.stops and engineer.end is not None else None
    if home is None:
        if route.return_travel_s:
            yield broken(f"there is no way home, yet it takes {route.return_travel_s}")
        ready = free
    else:
        ways = _drives(problem, engineer, route.rests, at, home, free, route.returns_s)
        if route.return_travel_s not in {driven for driven, _ in ways}:
            yield broken(f"the way home takes {ways[0][0]}, not {route.return_travel_s}")
        ready = min(ready for _, ready in ways)
    if ready > route.returns_s:
        yield broken(f"home cannot be reached by {route.returns_s}")


@dataclass(frozen=True, slots=True)
class _Leg:
    """A stop on the way, at a visit or at a depot."""

    place: int
    travel_s: int
    arrives_s: int
    starts_s: int
    departs_s: int
    visit: Visit | None = None


def _legs(problem: Problem, route: Route, stops: Stops) -> list[_Leg]:
    legs = [
        _Leg(visit.place, stop.travel_s, stop.arrives_s, stop.starts_s, stop.departs_s, visit)
        for stop, visit in stops
    ]
    call = route.depot
    if call is not None and call.depot < len(problem.depots):
        place = problem.depots[call.depot].place
        leg = _Leg(place, call.travel_s, call.arrives_s, call.starts_s, call.departs_s)
        legs.insert(call.position, leg)
    return legs


def _drives(
    problem: Problem,
    engineer: Engineer,
    rests: Sequence[Rest],
    a: int,
    b: int,
    free_s: int,
    arrives_s: int,
) -> list[tuple[int, int]]:
    """Return how long the drive takes and when it ends, for those departures that can matter."""
    if not problem.paces:
        drive = problem.drive_s(engineer, a, b, free_s)
        return [(drive, _driven_until(rests, free_s, drive))]
    # The pace depends on when one sets out: at once, after a rest, or just in time.
    departures = {free_s, *(r.ends_s for r in rests if free_s <= r.ends_s <= arrives_s)}
    for late in range(free_s, arrives_s + 1):
        if late + problem.drive_s(engineer, a, b, late) >= arrives_s:
            departures.add(late)
            break
    ways = []
    for leaves in sorted(departures):
        drive = problem.drive_s(engineer, a, b, leaves)
        ways.append((drive, _driven_until(rests, leaves, drive)))
    return ways


def _driven_until(rests: Sequence[Rest], leaves_s: int, drive_s: int) -> int:
    """Return when a drive of so many seconds ends that stops for every rest."""
    time, left = leaves_s, drive_s
    for rest in sorted(rests, key=lambda rest: rest.starts_s):
        if rest.ends_s <= time:
            continue
        drives = max(0, rest.starts_s - time)
        if drives >= left:
            break
        time, left = rest.ends_s, left - drives
    return time + left


def _resting(rests: Sequence[Rest], from_s: int, to_s: int) -> int:
    overlaps = (min(r.ends_s, to_s) - max(r.starts_s, from_s) for r in rests)
    return sum(max(0, overlap) for overlap in overlaps)


def _depot(problem: Problem, engineer: Engineer, route: Route, stops: Stops) -> Iterator[Violation]:
    call = route.depot
    if call is None:
        return
    if not (0 <= call.depot < len(problem.depots) and 0 <= call.position <= len(stops)):
        yield Violation(Rule.DEPOT, f"there is no depot {call.depot}", engineer.id)
        return
    depot = problem.depots[call.depot]
    if call.departs_s - call.starts_s != depot.duration_s or call.starts_s < call.arrives_s:
        detail = f"{call.arrives_s}, {call.starts_s}, {call.departs_s} at the depot"
        yield Violation(Rule.DURATION, detail, engineer.id)
    if not _within([depot.window], call.starts_s):
        yield Violation(Rule.DEPOT, f"the depot is closed at {call.starts_s}", engineer.id)
    if call.position == 0 and stops and stops[0][1].running:
        yield Violation(Rule.RUNNING, "it must come before the depot", engineer.id)


def _working_day(
    problem: Problem, engineer: Engineer, route: Route, stops: Stops
) -> Iterator[Violation]:
    for visit in problem.visits:
        mine = visit.running and visit.lock_engineer == engineer.id
        if mine and (not stops or stops[0][1].id != visit.id):
            yield Violation(Rule.RUNNING, "it was taken away", engineer.id, visit.id)
    planned = [leg for leg in _legs(problem, route, stops) if not _under_way(leg)]
    if not planned:
        return
    under_way = bool(stops) and stops[0][1].running
    if not under_way and route.leaves_s < engineer.shifts[0].from_s:
        yield Violation(Rule.SHIFT, f"leaves at {route.leaves_s}, before the shift", engineer.id)
    if route.returns_s > engineer.shifts[-1].to_s + engineer.max_overtime_s:
        yield Violation(Rule.SHIFT, f"returns at {route.returns_s}, after the shift", engineer.id)
    for earlier, later in pairwise(engineer.shifts):
        for leg in planned if later.from_s > earlier.to_s else ():
            if leg.starts_s < later.from_s and leg.departs_s > earlier.to_s:
                detail = f"work at {leg.starts_s} falls between two shifts"
                name = leg.visit.id if leg.visit else None
                yield Violation(Rule.SHIFT, detail, engineer.id, name)


def _under_way(leg: _Leg) -> bool:
    return leg.visit is not None and leg.visit.running


def _limits(engineer: Engineer, route: Route, stops: Stops) -> Iterator[Violation]:
    if all(visit.running for _, visit in stops):
        return
    if engineer.max_visits is not None and len(stops) > engineer.max_visits:
        detail = f"{len(stops)} stops, {engineer.max_visits} allowed"
        yield Violation(Rule.MAX_VISITS, detail, engineer.id)
    if engineer.max_travel_s is not None and route.travel_s > engineer.max_travel_s:
        detail = f"{route.travel_s} s on the road, {engineer.max_travel_s} allowed"
        yield Violation(Rule.MAX_TRAVEL, detail, engineer.id)
    works = route.travel_s + route.work_s
    if engineer.max_work_s is not None and works > engineer.max_work_s:
        detail = f"{works} s of driving and work, {engineer.max_work_s} allowed"
        yield Violation(Rule.MAX_WORK, detail, engineer.id)


def _breaks(
    problem: Problem, engineer: Engineer, route: Route, stops: Stops
) -> Iterator[Violation]:
    for rest in route.rests:
        for stop, _ in stops:
            if stop.starts_s < rest.ends_s and stop.departs_s > rest.starts_s:
                detail = f"the break at {rest.starts_s} is taken at work"
                yield Violation(Rule.BREAK, detail, engineer.id, stop.visit_id)
    for rest, after in pairwise(route.rests):
        if after.starts_s < rest.ends_s:
            yield Violation(Rule.BREAK, "two breaks at once", engineer.id)

    begins = max(engineer.shifts[0].from_s, problem.now_s)
    if stops and stops[0][1].running:
        ended = max(stops[0][0].departs_s, problem.now_s)
        begins = min(
            (max(ended, s.from_s) for s in engineer.shifts if ended < s.to_s), default=ended
        )
    due = [pause for pause in engineer.breaks if pause.latest_s >= begins]
    due += [
        Break(earlier.to_s, earlier.to_s, later.from_s - earlier.to_s)
        for earlier, later in pairwise(engineer.shifts)
        if later.from_s > earlier.to_s >= begins
    ]
    taken = list(route.rests)
    # The most pressing break takes the first rest that suits it.
    for pause in sorted(due, key=lambda pause: pause.latest_s):
        suits = [
            rest
            for rest in taken
            if pause.earliest_s <= rest.starts_s <= pause.latest_s
            and rest.ends_s - rest.starts_s == pause.duration_s
        ]
        if suits:
            taken.remove(suits[0])
        elif any(not visit.running for _, visit in stops):
            detail = f"no break of {pause.duration_s} s begins by {pause.latest_s}"
            yield Violation(Rule.BREAK, detail, engineer.id)


def _links(problem: Problem, plan: Plan) -> Iterator[Violation]:
    made: dict[str, dict[str, Stop]] = defaultdict(dict)
    for route in plan.routes:
        for stop in route.stops:
            made[stop.visit_id][route.engineer_id] = stop
    for visit in problem.visits:
        stops = made.get(visit.id)
        if not stops or visit.running:
            continue
        if len({stop.starts_s for stop in stops.values()}) > 1:
            yield Violation(Rule.CREW, "they do not begin together", visit_id=visit.id)
        locked, _ = problem.locks_of(visit)
        if visit.crew > 1 and locked is not None and locked not in stops:
            detail = f"{locked} is not one of them"
            yield Violation(Rule.LOCK_ENGINEER, detail, visit_id=visit.id)
        starts = min(stop.starts_s for stop in stops.values())
        for other in linked_to(visit):
            rule = Rule.AFTER if other in visit.after else Rule.SAME_ENGINEER
            if other not in made:
                yield Violation(rule, f"{other} is left out", visit_id=visit.id)
        for other in visit.after:
            ended = max((stop.departs_s for stop in made.get(other, {}).values()), default=0)
            if other in made and ended + visit.gap_s > starts:
                detail = f"it starts at {starts}, {other} ends at {ended}"
                yield Violation(Rule.AFTER, detail, visit_id=visit.id)
        same = visit.with_engineer_of
        if same in made and not made[same].keys() & stops.keys():
            yield Violation(Rule.SAME_ENGINEER, f"others make {same}", visit_id=visit.id)


def _unplaced(problem: Problem, plan: Plan) -> Iterator[Violation]:
    visits = {visit.id: visit for visit in problem.visits}
    people: set[str | None] = {engineer.id for engineer in problem.engineers}
    people = people or {None}
    for left in plan.unplaced:
        if {reason.engineer_id for reason in left.reasons} != people:
            detail = "every engineer needs a reason"
            yield Violation(Rule.REASONS, detail, visit_id=left.visit_id)
        visit = visits.get(left.visit_id)
        if visit is not None and visit.running:
            detail = "what is under way was left out"
            yield Violation(Rule.RUNNING, detail, visit_id=left.visit_id)


def _cost(problem: Problem, plan: Plan) -> Iterator[Violation]:
    right = priced(problem, plan)
    if plan.cost != right:
        yield Violation(Rule.COST, f"{plan.cost} should be {right}")


def _wishes(problem: Problem, plan: Plan) -> Iterator[Missed]:
    visits = {visit.id: visit for visit in problem.visits}
    engineers = {engineer.id: engineer for engineer in problem.engineers}
    groups: dict[str, set[str]] = defaultdict(set)
    for route in plan.routes:
        shifts = engineers[route.engineer_id].shifts if route.engineer_id in engineers else ()
        if route.stops and shifts and route.returns_s > shifts[-1].to_s:
            detail = f"back at {route.returns_s}, the shift ends at {shifts[-1].to_s}"
            yield Missed(Wish.OVERTIME, detail, route.engineer_id)
        for stop in route.stops:
            visit = visits.get(stop.visit_id)
            if visit is None or visit.running:
                continue
            if visit.same_person is not None:
                groups[visit.same_person].add(route.engineer_id)
            for wish, detail in _missed(problem, route.engineer_id, stop, visit):
                yield Missed(wish, detail, route.engineer_id, visit.id)
    for name, people in groups.items():
        if len(people) > 1:
            yield Missed(Wish.SAME_PERSON, f"{len(people)} engineers share {name}")


def _missed(
    problem: Problem, engineer_id: str, stop: Stop, visit: Visit
) -> Iterator[tuple[Wish, str]]:
    if visit.due_s is not None and stop.starts_s > visit.due_s:
        yield Wish.LATE, f"{stop.starts_s - visit.due_s} s after it was due"
    if visit.promised is not None and not _within([visit.promised], stop.starts_s):
        yield Wish.PROMISE, f"promised {visit.promised.from_s} to {visit.promised.to_s}"
    if visit.preferred and engineer_id not in visit.preferred:
        yield Wish.NOT_PREFERRED, "the customer prefers somebody else"
    known = visit.planned
    if known is not None and visit.crew == 1 and known.engineer != engineer_id:
        yield Wish.MOVED, f"it was {known.engineer}'s"
    if known is not None:
        shift = abs(stop.starts_s - known.start_s)
        if shift > problem.weights.moved_tolerance_s:
            yield Wish.MOVED_TIME, f"{shift} s from its planned start"
