"""A visit put into one engineer's day by hand: the day as it would be, and every rule it would break.

Nothing is searched for: the other visits keep their order, and their planned start where it can be
kept. The judge is the plan's own validator, so that a drop is held to the same rules as a plan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

from dispatch.engine.inventory import shortage
from dispatch.engine.plan import Cost, Plan, ReasonCode, Rest, Route, Stop
from dispatch.engine.problem import Engineer, Problem, Visit
from dispatch.engine.rules import away, obstacles
from dispatch.engine.validator import Rule, Violation, violations

Figures = Mapping[str, str | int]

# What the validator finds about a whole day, in the words that explanations have for it.
OF_THE_DAY = {
    Rule.SKILL_EXPIRED: ReasonCode.SKILL_EXPIRED,
    Rule.MAX_VISITS: ReasonCode.MOST_VISITS,
    Rule.MAX_WORK: ReasonCode.MOST_WORK,
    Rule.MAX_TRAVEL: ReasonCode.MOST_TRAVEL,
    Rule.CREW: ReasonCode.CREW,
    Rule.AFTER: ReasonCode.AFTER,
    Rule.SAME_ENGINEER: ReasonCode.LINKED_ELSEWHERE,
}
IN_THE_DAY = {Rule.PAST: "past", Rule.RUNNING: "under_way", Rule.BREAK: "break"}

# A day has few places where a visit is near; the others are farther and cost more.
MOST_PLACES = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken rule, or something to know: a code, at which visit, and the figures of its sentence.

    `standing` says that it is so already, without the visit.
    """

    code: str
    visit_id: str | None = None
    details: Figures = field(default_factory=dict)
    standing: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """The engineer's day with the visit in it.

    `added_cost` is what more driving, overtime and lateness cost, in seconds of driving.
    """

    route: Route
    broken: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    added_cost: int
    added_travel_s: int

    @property
    def fits(self) -> bool:
        """Return whether nothing breaks that was not broken before."""
        return all(finding.standing for finding in self.broken)


@dataclass(frozen=True, slots=True)
class Glance:
    """Where a visit would go in a day, before the validator has looked at it.

    `obstacles` are the rules of the two that stand against it, `hurdle` is what the day misses.
    """

    order: tuple[Visit, ...]
    route: Route
    obstacles: tuple[Finding, ...]
    fits: bool
    added_cost: int
    hurdle: Finding | None = None


class Day:
    """One engineer's day as it stands, ready to have a visit put into it.

    `problem` has this engineer alone, and the visits of the day with the one that is asked about.
    """

    def __init__(self, problem: Problem, visit_id: str) -> None:
        self.problem = problem
        self.engineer = problem.engineers[0]
        self.visit = next(visit for visit in problem.visits if visit.id == visit_id)
        self._visits = {visit.id: visit for visit in problem.visits}
        others = [visit for visit in problem.visits if visit.id != visit_id]
        self.others = sorted(others, key=lambda visit: (not visit.running, _planned(visit)))
        self.before = walk(problem, self.engineer, self.others)

    @cached_property
    def _standing(self) -> set[tuple[object, str | None]]:
        return {(one.rule, one.visit_id) for one in self._found(self.before)}

    def at(self, start_s: int) -> Placed:
        """Put the visit there, or as soon after as the engineer can be there."""
        place = sum(1 for one in self.others if one.running or _planned(one) < start_s)
        order = self._order(place)
        return self._placed(order, self._walk(order, start_s), start_s)

    def cheapest(self) -> Placed:
        """Put the visit where the day stays in its bounds at the least cost."""
        return self.judged(self._glance())

    def glance(self) -> Glance:
        """Return where the visit would go at the least cost, and what is seen without the validator.

        Where a rule of the two stands against it, nothing is tried.
        """
        if against := between(self.problem, self.engineer, self.visit):
            return Glance((), self.before, against, fits=False, added_cost=0)
        return self._glance()

    def _glance(self) -> Glance:
        first = sum(1 for one in self.others if one.running)
        near = sorted((self._detour(n), n) for n in range(first, len(self.others) + 1))
        tried = [
            (order, self._walk(order, 0))
            for order in (self._order(n) for _, n in near[:MOST_PLACES])
        ]
        order, route = min(tried, key=lambda one: (self._missed(one[1]), self._cost(one[1])))
        hurdle = None
        if short := shortage(self.engineer, order):
            hurdle = Finding(short.code.value, short.visit_id, short.details)
        elif (late := self._missed(route)) > self._missed(self.before):
            minutes = {"minutes": -(-late // 60)}
            hurdle = Finding(ReasonCode.NO_TIME_LEFT.value, self.visit.id, minutes)
        added = self._cost(route) - self._cost(self.before)
        return Glance(tuple(order), route, (), fits=hurdle is None, added_cost=added, hurdle=hurdle)

    def judged(self, glance: Glance) -> Placed:
        """Return the day of a glance with everything that the validator has against it."""
        if not glance.order:
            return self.cheapest()
        return self._placed(glance.order, glance.route, 0)

    def believed(self, glance: Glance) -> Placed:
        """Return the day of a glance without asking the validator."""
        added_travel_s = glance.route.travel_s - self.before.travel_s
        notes = tuple(self._notes(glance.route, 0))
        return Placed(glance.route, (), notes, glance.added_cost, added_travel_s)

    def _order(self, place: int) -> list[Visit]:
        return [*self.others[:place], self.visit, *self.others[place:]]

    def _walk(self, order: Sequence[Visit], start_s: int) -> Route:
        return walk(self.problem, self.engineer, order, {self.visit.id: start_s})

    def _detour(self, place: int) -> int:
        problem, engineer = self.problem, self.engineer
        a = self.others[place - 1].place if place else engineer.start
        b = self.others[place].place if place < len(self.others) else engineer.end
        there = problem.drive_s(engineer, a, self.visit.place, 0)
        if b is None:
            return there
        known = problem.drive_s(engineer, a, b, 0) if self.others else 0
        return there + problem.drive_s(engineer, self.visit.place, b, 0) - known

    def _missed(self, route: Route) -> int:
        """Return by how many seconds the windows and the end of the day are missed."""
        missed = max(
            0, route.returns_s - self.engineer.shifts[-1].to_s - self.engineer.max_overtime_s
        )
        for stop in route.stops:
            windows = self._visits[stop.visit_id].windows
            if windows:
                missed += max(0, stop.starts_s - max(window.to_s for window in windows))
        return missed

    def _cost(self, route: Route) -> int:
        """Return what driving, overtime and lateness cost on the route."""
        weights = self.problem.weights
        over = max(0, route.returns_s - self.engineer.shifts[-1].to_s)
        late = sum(
            weights.lateness(self._visits[stop.visit_id], stop.starts_s) for stop in route.stops
        )
        return route.travel_s * weights.travel + over * weights.overtime + late

    def _placed(self, order: Sequence[Visit], route: Route, start_s: int) -> Placed:
        broken: list[Finding] = []
        for one in self._found(route):
            for finding in findings(self.problem, route, order, one):
                standing = (one.rule, one.visit_id) in self._standing and not self._worse(
                    route, one
                )
                known = replace(finding, standing=standing)
                if known not in broken:
                    broken.append(known)
        return Placed(
            route,
            tuple(broken),
            tuple(self._notes(route, start_s)),
            self._cost(route) - self._cost(self.before),
            route.travel_s - self.before.travel_s,
        )

    def _worse(self, route: Route, one: Violation) -> bool:
        """Return whether what was missed already is now missed by more."""
        if one.rule is Rule.SHIFT:
            return route.returns_s > self.before.returns_s
        starts = {stop.visit_id: stop.starts_s for stop in self.before.stops}
        return any(
            stop.visit_id == one.visit_id and stop.starts_s > starts.get(stop.visit_id, 0)
            for stop in route.stops
            if one.rule is Rule.WINDOW
        )

    def _found(self, route: Route) -> list[Violation]:
        """Return what the validator has against the route; the price of a single day is not asked."""
        problem = self.problem
        if len(route.stops) < len(problem.visits):
            made = {stop.visit_id for stop in route.stops}
            kept = tuple(visit for visit in problem.visits if visit.id in made)
            problem = replace(problem, visits=kept)
        return broken_by(problem, route)

    def _notes(self, route: Route, asked_s: int) -> list[Finding]:
        """Return what is no broken rule and yet good to know: lateness, overtime, who is put off."""
        notes = []
        mine = next(stop for stop in route.stops if stop.visit_id == self.visit.id)
        if asked_s and mine.starts_s > asked_s:
            notes.append(Finding("earliest", self.visit.id, {"at_s": mine.starts_s}))
        if self.visit.preferred and self.engineer.id not in self.visit.preferred:
            notes.append(Finding("not_wished", self.visit.id))
        before = {stop.visit_id: stop for stop in self.before.stops}
        for stop in route.stops:
            visit, earlier = self._visits[stop.visit_id], before.get(stop.visit_id)
            later = stop.starts_s - earlier.starts_s if earlier else 0
            if later >= 60:
                notes.append(Finding("pushed", visit.id, {"minutes": later // 60}))
            due = visit.due_s
            if due is not None and stop.starts_s > due and (earlier is None or later > 0):
                minutes = -(-(stop.starts_s - due) // 60)
                notes.append(Finding("late", visit.id, {"minutes": minutes}))
        over = route.returns_s - self.engineer.shifts[-1].to_s
        if over > max(0, self.before.returns_s - self.engineer.shifts[-1].to_s):
            notes.append(Finding("overtime", None, {"minutes": -(-over // 60)}))
        return notes


def between(problem: Problem, engineer: Engineer, visit: Visit) -> tuple[Finding, ...]:
    """Return every rule that keeps this engineer from this visit, whatever else is on the day."""
    return tuple(
        Finding(one.code.value, visit.id, one.details)
        for one in obstacles(problem, engineer, visit)
    )


def broken_by(problem: Problem, route: Route) -> list[Violation]:
    """Return what the validator has against one engineer's day; the price of a single day is not asked.

    `problem` has this engineer alone, and the visits of the day.
    """
    found = violations(problem, Plan((route,), (), Cost()))
    return [one for one in found if one.rule is not Rule.COST]


def walk(
    problem: Problem,
    engineer: Engineer,
    visits: Sequence[Visit],
    starts: Mapping[str, int] | None = None,
) -> Route:
    """Return the day with the visits in this order, each as soon as it can be and not before it was meant.

    `starts` overrules when a visit was meant to begin. Between two shifts nobody works or drives;
    breaks are not laid in: no day has one yet.
    """
    starts = starts or {}
    gaps = [Rest(a.to_s, b.from_s) for a, b in pairwise(engineer.shifts) if a.to_s < b.from_s]
    leaves = free = max(engineer.shifts[0].from_s, problem.now_s)
    at, stops = engineer.start, list[Stop]()
    for visit in visits:
        if visit.running:
            begun = visit.lock_start_s or 0
            stops.append(Stop(visit.id, 0, begun, begun, begun + visit.duration_s))
            leaves, free, at = begun, max(free, begun + visit.duration_s), visit.place
            continue
        free = _on_duty(gaps, free)
        drive = problem.drive_s(engineer, at, visit.place, free)
        arrives = _driven(gaps, free, drive)
        meant = starts.get(visit.id, _planned(visit) if visit.planned else 0)
        lasts = away(at, visit)
        meant = meant or visit.lock_start_s or 0
        begins = _opens(visit, max(arrives, meant))
        for gap in gaps:
            if begins < gap.ends_s and begins + lasts > gap.starts_s:
                begins = _opens(visit, gap.ends_s)
        if not stops and begins > arrives and begins - drive >= _on_duty(gaps, begins - drive):
            # Nobody leaves home to wait in front of a closed door.
            leaves, arrives = begins - drive, begins
        free = begins + lasts
        stops.append(Stop(visit.id, drive, arrives, begins, free))
        at = visit.place
    home = 0
    if stops and engineer.end is not None:
        free = _on_duty(gaps, free)
        home = problem.drive_s(engineer, at, engineer.end, free)
    returns = _driven(gaps, free, home) if stops else leaves
    return Route(engineer.id, leaves, returns, tuple(stops), tuple(gaps) if stops else (), home)


def _on_duty(gaps: Sequence[Rest], moment_s: int) -> int:
    """Return the moment, or when duty begins again for one who is off duty then."""
    for gap in gaps:
        if gap.starts_s <= moment_s < gap.ends_s:
            return gap.ends_s
    return moment_s


def _driven(gaps: Sequence[Rest], leaves_s: int, drive_s: int) -> int:
    """Return when a drive ends that is interrupted by every gap on its way."""
    moment, left = leaves_s, drive_s
    for gap in gaps:
        if gap.ends_s > moment and gap.starts_s - moment < left:
            left -= max(0, gap.starts_s - moment)
            moment = gap.ends_s
    return moment + left


def _planned(visit: Visit) -> int:
    if visit.running:
        return visit.lock_start_s or 0
    return visit.planned.start_s if visit.planned is not None else 2**31


def _opens(visit: Visit, ready_s: int) -> int:
    """Return when work may begin for one who is ready then: at once, or when a window opens."""
    ahead = [window.from_s for window in visit.windows if window.to_s >= ready_s]
    return max(ready_s, min(ahead)) if ahead else ready_s


def findings(
    problem: Problem, route: Route, order: Sequence[Visit], one: Violation
) -> list[Finding]:
    """Return what the validator has found, with the figures for a sentence.

    `problem` has the engineer of the route alone, `order` the visits in the order of the route.
    """
    engineer = problem.engineers[0]
    visit = next((visit for visit in order if visit.id == one.visit_id), None)
    stop = next((stop for stop in route.stops if stop.visit_id == one.visit_id), None)
    if one.rule is Rule.WINDOW and visit is not None and stop is not None:
        window = visit.windows[-1]
        hours = {"at_s": stop.starts_s, "from_s": window.from_s, "to_s": window.to_s}
        return [Finding("window", visit.id, hours)]
    if one.rule is Rule.LOCK_START and visit is not None and stop is not None:
        return [Finding("locked_start", visit.id, {"to_s": visit.lock_start_s or 0})]
    if one.rule is Rule.SHIFT:
        if route.leaves_s < (opens := engineer.shifts[0].from_s):
            return [Finding("leaves", None, {"at_s": route.leaves_s, "to_s": opens})]
        shift = engineer.shifts[-1]
        latest = shift.to_s + engineer.max_overtime_s
        return [Finding("shift", None, {"at_s": route.returns_s, "to_s": latest})]
    if one.rule in (Rule.PARTS, Rule.TOOLS, Rule.LOAD):
        short = shortage(engineer, order)
        return [Finding(short.code.value, short.visit_id, short.details)] if short else []
    if visit is not None and (against := list(obstacles(problem, engineer, visit))):
        return [Finding(other.code.value, visit.id, other.details) for other in against]
    if one.rule in OF_THE_DAY:
        code = OF_THE_DAY[one.rule].value
    else:
        code = IN_THE_DAY.get(one.rule, "rule")
    return [
        Finding(code, one.visit_id, {"rule": one.rule.value, "needs": visit.crew if visit else 1})
    ]
