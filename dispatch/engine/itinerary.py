"""When an engineer would be where, were the stops these in this order: one exact walk along a route.

The explanations try changes with it; the search has its own. Being earlier is never worse, so one
best moment for each number of breaks taken is all that has to be carried along. A walk never stops
at a broken rule: it says by how many seconds the worst one is missed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from dispatch.engine.plan import Plan, Route
from dispatch.engine.problem import (
    LATEST_S,
    USUAL_PACE,
    Break,
    Depot,
    Engineer,
    Problem,
    Visit,
)
from dispatch.engine.rules import skill_ends

Spans = tuple[tuple[int, int], ...]
ALWAYS: Spans = ((0, LATEST_S),)


class Mark(NamedTuple):
    """The best way found to be done with a stop: by how much a rule is missed, when, at what price.

    `trail` is the start of the last stop and the trail before it.
    """

    overrun: int
    time: int
    cost: int
    travel: int
    taken: int
    trail: Any


@dataclass(frozen=True, slots=True)
class Call:
    """A stop as the walk sees it: where, how long, when it may begin and by when it must be over."""

    place: int
    lasts: int
    setup: int
    spans: Spans
    ends_by: int = LATEST_S * 2
    visit: Visit | None = None
    depot: Depot | None = None


class End(NamedTuple):
    """How a walk ends.

    `overtime` is by how much the shift and its overtime are outrun, `missed` by how much the worst
    rule of all is, when everything is done to make that least.
    """

    missed: int
    overrun: int
    overtime: int
    cost: int
    travel: int
    work: int
    starts: tuple[int, ...]


class Bounds(NamedTuple):
    """What others' routes ask of a visit: begin no earlier, be over by then, or begin just then."""

    from_s: int = 0
    ends_by: int = LATEST_S * 2
    at_s: int | None = None


class Walker:
    """Walks one engineer's routes: from when and where, with which breaks ahead."""

    def __init__(self, problem: Problem, engineer: Engineer, rows: Sequence[Sequence[int]]) -> None:
        self.problem = problem
        self.engineer = engineer
        self._rows = rows
        self._plain = not problem.paces and engineer.speed_per_mille == 1000
        # At its quickest a drive takes this share of what it takes at the usual pace.
        self._quickest = min((USUAL_PACE, *(pace.per_mille for pace in problem.paces)))
        running = next(
            (v for v in problem.visits if v.running and v.lock_engineer == engineer.id), None
        )
        self.running = running
        self.start = engineer.start
        self.from_s = max(engineer.shifts[0].from_s, problem.now_s if running is None else 0)
        self.to_s = engineer.shifts[-1].to_s
        if running is not None and running.lock_start_s is not None:
            # Work under way is a fact: it may have begun before the shift and ends when it ends.
            done = max(running.lock_start_s + running.duration_s, problem.now_s)
            self.start = running.place
            self.from_s = next(
                (max(done, shift.from_s) for shift in engineer.shifts if done < shift.to_s), done
            )
        off = [
            Break(earlier.to_s, earlier.to_s, later.from_s - earlier.to_s)
            for earlier, later in pairwise(engineer.shifts)
            if later.from_s > earlier.to_s
        ]
        ahead = [pause for pause in (*engineer.breaks, *off) if pause.latest_s >= self.from_s]
        self.breaks = sorted(ahead, key=lambda pause: (pause.earliest_s, pause.latest_s))

    @property
    def latest_s(self) -> int:
        """Return when the engineer must be back, overtime included."""
        return self.to_s + self.engineer.max_overtime_s

    def drive(self, a: int, b: int, leaves_s: int) -> int:
        """Return the seconds from place to place."""
        if self._plain:
            return self._rows[a][b]
        return self.problem.drive_s(self.engineer, a, b, leaves_s)

    def least_drive(self, a: int, b: int) -> int:
        """Return the seconds from place to place that it takes at any hour."""
        if self._plain:
            return self._rows[a][b]
        return self.engineer.base_drive_s(self._rows[a][b]) * self._quickest // USUAL_PACE

    def begins(self) -> list[Mark]:
        """Return where the day begins."""
        return [Mark(0, self.from_s, 0, 0, 0, None)]

    def call(self, visit: Visit, bounds: Bounds | None = None) -> Call:
        """Return a visit as a stop of this engineer."""
        bounds = bounds or Bounds()
        _, locked_s = self.problem.locks_of(visit)
        spans: Spans = ((locked_s, locked_s),) if locked_s is not None else ()
        if bounds.at_s is not None:
            spans = ((bounds.at_s, bounds.at_s),)
        if not spans:
            least = max(bounds.from_s, self.problem.now_s)
            asked = tuple(sorted((w.from_s, w.to_s) for w in visit.windows)) or ALWAYS
            ahead = tuple((max(opens, least), closes) for opens, closes in asked if closes >= least)
            # Where all are over by then, the last stays, empty, so that it is missed by a figure.
            spans = ahead or ((least, max(closes for _, closes in asked)),)
        ends = skill_ends(self.engineer, visit)
        ends_by = bounds.ends_by if ends is None else min(ends[1], bounds.ends_by)
        return Call(visit.place, visit.duration_s, visit.setup_s, spans, ends_by, visit)

    def depot(self, depot: Depot) -> Call:
        """Return a depot as a stop."""
        span = (depot.window.from_s, depot.window.to_s)
        return Call(depot.place, depot.duration_s, 0, (span,), depot=depot)

    def advance(self, marks: Sequence[Mark], at: int, stop: Call) -> list[Mark]:
        """Return the marks after the next stop, for one who comes from the place `at`."""
        lasts = stop.lasts + (stop.setup if stop.place != at else 0)
        if not self.breaks and self._plain:
            mark = marks[0]
            drive = self._rows[at][stop.place]
            return [self._stopped(mark, 0, mark.time + drive, drive, 0, stop, lasts)]
        reached: dict[int, Mark] = {}
        for mark in marks:
            drive = self.drive(at, stop.place, mark.time)
            for count in range(len(self.breaks) - mark.taken + 1):
                missed, ready = self._ride(mark, drive, count) if count else (0, mark.time + drive)
                found = self._stopped(mark, missed, ready, drive, count, stop, lasts)
                known = reached.get(found.taken)
                if known is None or found[:3] < known[:3]:
                    reached[found.taken] = found
        return self._worth(reached) if len(reached) > 1 else list(reached.values())

    def _worth(self, reached: Mapping[int, Mark]) -> list[Mark]:
        """Leave out what another way is better than: as early, and with more breaks behind it."""
        kept: list[Mark] = []
        for taken in sorted(reached, reverse=True):
            mark = reached[taken]
            if any(
                o.time <= mark.time and o.overrun <= mark.overrun and o.cost <= mark.cost
                for o in kept
            ):
                continue
            if kept and mark.time > self.breaks[taken].latest_s:
                continue  # Too late for the next break; another way has it.
            kept.append(mark)
        return kept

    def _stopped(
        self, mark: Mark, missed: int, ready: int, drive: int, count: int, stop: Call, lasts: int
    ) -> Mark:
        starts, late = ready, 0
        for opens, closes in stop.spans:
            if ready <= closes and opens <= closes:
                starts = ready if ready > opens else opens
                break
        else:
            late = ready - max(closes for _, closes in stop.spans)
            late = max(late, min(opens - closes for opens, closes in stop.spans))
        ends = starts + lasts
        overrun = max(mark.overrun, missed, late, ends - stop.ends_by)
        cost = mark.cost
        if stop.visit is not None:
            cost += self._price(stop.visit, starts)
        return Mark(
            overrun, ends, cost, mark.travel + drive, mark.taken + count, (starts, mark.trail)
        )

    def _ride(self, mark: Mark, drive: int, count: int) -> tuple[int, int]:
        """Drive, taking so many breaks at once where they fit best: by how much missed, and when there."""
        if not count:
            return 0, mark.time + drive
        time, missed, resting = mark.time, 0, 0
        for pause in self.breaks[mark.taken : mark.taken + count]:
            starts = time if time > pause.earliest_s else pause.earliest_s
            missed = max(missed, starts - pause.latest_s)
            time = starts + pause.duration_s
            resting += pause.duration_s
        # What is not rested in between is driven.
        return missed, max(time, mark.time + drive + resting)

    def _price(self, visit: Visit, starts: int) -> int:
        weights, known = self.problem.weights, visit.planned
        cost = weights.lateness(visit, starts) if visit.due_s is not None else 0
        if visit.promised and not visit.promised.from_s <= starts <= visit.promised.to_s:
            cost += weights.promise_broken
        if visit.preferred and self.engineer.id not in visit.preferred:
            cost += weights.not_preferred
        if known is not None:
            cost += weights.moved if known.engineer != self.engineer.id else 0
            cost += (
                weights.moved_time if abs(starts - known.start_s) > weights.moved_tolerance_s else 0
            )
        return cost

    def ends(self, marks: Sequence[Mark], at: int, calls: Sequence[Call]) -> End:
        """Return how the day ends after these stops."""
        weights = self.problem.weights
        goes = bool(calls) or self.running is not None
        end = self.engineer.end
        missed_by = 2 * LATEST_S
        best: tuple[tuple[int, int], Mark, int, int, int] | None = None
        for mark in marks:
            for count in range(len(self.breaks) - mark.taken + 1):
                drive = self.drive(at, end, mark.time) if goes and end is not None else 0
                missed, ready = self._ride(mark, drive, count)
                rest = mark._replace(time=ready, taken=mark.taken + count)
                after, _ = self._ride(rest, 0, len(self.breaks) - rest.taken)
                # Who has only finished what was under way goes home, however late it is.
                over = ready - self.latest_s if calls else 0
                overrun = max(mark.overrun, missed, after)
                missed_by = min(missed_by, max(overrun, over))
                key = (overrun, ready)
                if best is None or key < best[0]:
                    best = (key, mark, drive, ready, over)
        assert best is not None  # noqa: S101 - there is always the way without a break
        (overrun, ready), mark, drive, _, over = best
        starts = _starts(mark.trail)
        cost = mark.cost + (mark.travel + drive) * weights.travel
        if calls:
            cost += max(0, ready - max(self.to_s, self.busy_until())) * weights.overtime
            leaves = starts[0] - self.drive(self.start, calls[0].place, self.from_s)
            cost += (ready - max(self.from_s, leaves)) * weights.span
            cost += self.engineer.fixed_cost * weights.fixed
        return End(
            missed_by, overrun, max(0, over), cost, mark.travel + drive, self._work(calls), starts
        )

    def busy_until(self) -> int:
        """Return when the work under way is done, 0 without any."""
        if self.running is None or self.running.lock_start_s is None:
            return 0
        return self.running.lock_start_s + self.running.duration_s

    def _work(self, calls: Sequence[Call]) -> int:
        at, work = self.start, 0
        for stop in calls:
            if stop.visit is not None:
                work += stop.lasts + (stop.setup if stop.place != at else 0)
            at = stop.place
        if self.running is not None:
            work += self.running.duration_s
        return work


def _starts(trail: Any) -> tuple[int, ...]:
    starts = []
    while trail is not None:
        start, trail = trail
        starts.append(start)
    return tuple(reversed(starts))


def bounds_of(problem: Problem, plan: Plan) -> dict[str, dict[str, Bounds]]:
    """Return what other routes ask of each visit that is linked: by visit, then by engineer."""
    linked = {v.id for v in problem.visits if v.after or v.crew > 1}
    linked |= {other for visit in problem.visits for other in visit.after}
    if not linked:
        return {}
    made: dict[str, dict[str, tuple[int, int]]] = {}
    for route in plan.routes:
        for stop in route.stops:
            if stop.visit_id in linked:
                moments = (stop.starts_s, stop.departs_s)
                made.setdefault(stop.visit_id, {})[route.engineer_id] = moments
    bounds: dict[str, dict[str, Bounds]] = {}
    people = [engineer.id for engineer in problem.engineers]
    followers: dict[str, list[Visit]] = {}
    for visit in problem.visits:
        for other in visit.after:
            followers.setdefault(other, []).append(visit)
    for visit in problem.visits:
        if visit.id in linked:
            bounds[visit.id] = {
                name: _bounds(visit, name, made, followers.get(visit.id, ())) for name in people
            }
    return bounds


def _bounds(
    visit: Visit,
    engineer_id: str,
    made: Mapping[str, Mapping[str, tuple[int, int]]],
    followers: Sequence[Visit],
) -> Bounds:
    from_s, ends_by = 0, LATEST_S * 2
    for other in visit.after:
        for name, (_, departs) in made.get(other, {}).items():
            if name != engineer_id:
                from_s = max(from_s, departs + visit.gap_s)
    for follower in followers:
        for name, (starts, _) in made.get(follower.id, {}).items():
            if name != engineer_id:
                ends_by = min(ends_by, starts - follower.gap_s)
    own = made.get(visit.id, {})
    at = next(iter(own.values()))[0] if visit.crew > 1 and own else None
    return Bounds(from_s, ends_by, at)


def calls_of(
    walker: Walker,
    route: Route,
    visits: Mapping[str, Visit],
    bounds: Mapping[str, Mapping[str, Bounds]],
) -> list[Call]:
    """Return the stops of a route that are still ahead, the depot among them."""
    name = walker.engineer.id
    calls = []
    for number, stop in enumerate(route.stops):
        if route.depot is not None and route.depot.position == number:
            calls.append(walker.depot(walker.problem.depots[route.depot.depot]))
        visit = visits[stop.visit_id]
        if not visit.running:
            calls.append(walker.call(visit, bounds.get(visit.id, {}).get(name)))
    if route.depot is not None and route.depot.position == len(route.stops):
        calls.append(walker.depot(walker.problem.depots[route.depot.depot]))
    return calls
