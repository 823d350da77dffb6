"""Why a visit is where it is, why another is nowhere, and the smallest change that would place it.

All of it is found by trying on the plan as it stands: the visit is put at every position of a route
while everything else keeps its order. The rules are the validator's; the search is not asked.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dispatch.engine.changes import Change, changed_engineer, changed_visit, price, widened
from dispatch.engine.itinerary import Call, Walker, bounds_of, calls_of
from dispatch.engine.plan import Plan, Reason, ReasonCode, Relaxation, Stop, Unplaced, Why, WhyCode
from dispatch.engine.problem import LATEST_S, Engineer, Problem, Visit, linked_to
from dispatch.engine.rules import Obstacle, obstacles, skill_ends
from dispatch.engine.trials import Itinerary, Trial

# How many trials are worth their time. Beyond, reasons are told by a bound and marked so, and no
# change is looked for and no runner-up.
MOST_TRIALS = 24_000
# After so many gaps that only looked as if they fitted, nobody is called the runner-up.
MOST_RIVALS = 60
LIMITS = {
    "max_visits": ReasonCode.MOST_VISITS,
    "max_travel_s": ReasonCode.MOST_TRAVEL,
    "max_work_s": ReasonCode.MOST_WORK,
}


Numbers = npt.NDArray[np.int64]


class Offer(NamedTuple):
    """A change that places a visit at a position, at a price."""

    price: int
    engineer_id: str
    position: int
    added_cost: int
    change: Change


def explained(
    problem: Problem,
    plan: Plan,
    *,
    most_trials: int = MOST_TRIALS,
    seconds: float | None = None,
) -> Plan:
    """Return the plan with a reason for everything: what is left out, and what is placed where.

    At most so many trials are made, a third of them for each kind of question, so that the answer
    is the same on every machine; with `seconds` it ends about then as well. Every visit left out
    has its reasons; what would help, and why others are where they are, is told as far as it goes.
    """
    desk = Desk(problem, plan, seconds)
    third = most_trials // 3
    reasons = {left.visit_id: desk.reasons(left.visit_id, third) for left in plan.unplaced}
    relaxations = {
        left.visit_id: desk.relaxation(left.visit_id, 2 * third) for left in plan.unplaced
    }
    unplaced = tuple(
        Unplaced(left.visit_id, left.penalty, reasons[left.visit_id], relaxations[left.visit_id])
        for left in plan.unplaced
    )
    routes = tuple(
        replace(
            route,
            stops=tuple(
                replace(stop, why=desk.why(route.engineer_id, stop, most_trials))
                for stop in route.stops
            ),
        )
        for route in plan.routes
    )
    return replace(plan, routes=routes, unplaced=unplaced)


@dataclass
class _Count:
    trials: int = 0


class Desk:
    """A plan laid out for questions about it. Each answer is worked out when it is asked for."""

    def __init__(self, problem: Problem, plan: Plan, seconds: float | None = None) -> None:
        self.problem = problem
        self._until = None if seconds is None else time.monotonic() + seconds
        self.visits = {visit.id: visit for visit in problem.visits}
        self.made: dict[str, list[str]] = {}
        for route in plan.routes:
            for stop in route.stops:
                self.made.setdefault(stop.visit_id, []).append(route.engineer_id)
        self._count = _Count()
        self._bounds = bounds_of(problem, plan)
        self._routes = {route.engineer_id: route for route in plan.routes}
        self._rows: dict[str | None, list[list[int]]] = {}
        self.engineers = {engineer.id: engineer for engineer in problem.engineers}
        self._order = {engineer.id: number for number, engineer in enumerate(problem.engineers)}
        self._itineraries: dict[str, Itinerary] = {}

    def itinerary(self, engineer_id: str) -> Itinerary:
        """Return an engineer's route, ready for trials."""
        if engineer_id not in self._itineraries:
            route = self._routes[engineer_id]
            walker = self._walker(self.problem, self.engineers[engineer_id])
            calls = calls_of(walker, route, self.visits, self._bounds)
            light = frozenset(
                stop.visit_id
                for stop in route.stops
                if min(self.made[stop.visit_id], key=self._order.__getitem__) != engineer_id
            )
            self._itineraries[engineer_id] = Itinerary(walker, calls, self._bounds, light)
        return self._itineraries[engineer_id]

    def _spent(self, most_trials: int) -> bool:
        """Return whether the trials or the time are used up."""
        if self._until is not None and time.monotonic() > self._until:
            return True
        return self._count.trials > most_trials

    def _walker(self, problem: Problem, engineer: Engineer) -> Walker:
        if engineer.profile not in self._rows:
            self._rows[engineer.profile] = problem.matrix_of(engineer).tolist()
        return Walker(problem, engineer, self._rows[engineer.profile])

    # Why nowhere.

    def reasons(self, visit_id: str, most_trials: int = MOST_TRIALS) -> tuple[Reason, ...]:
        """Return the first obstacle for every engineer to take this visit as well."""
        visit = self.visits[visit_id]
        if not self.engineers:
            return (Reason(None, ReasonCode.NO_ENGINEER),)
        return tuple(self._reason(name, visit, most_trials) for name in self.engineers)

    def _reason(self, engineer_id: str, visit: Visit, most_trials: int) -> Reason:
        engineer = self.engineers[engineer_id]
        for obstacle in (*obstacles(self.problem, engineer, visit), *self._ties(engineer, visit)):
            return Reason(engineer_id, obstacle.code, obstacle.details)
        route = self.itinerary(engineer_id)
        stop = route.call(visit)
        positions = range(len(route.calls) + 1)
        on_board = [number for number in positions if route.short(visit, number) is None]
        if not on_board and (short := route.short(visit, len(route.calls))) is not None:
            # A part that a later stop was promised is short for this one all the same.
            return Reason(engineer_id, short.code, short.details)
        return self._no_time(route, visit, stop, on_board, most_trials)

    def _no_time(
        self, route: Itinerary, visit: Visit, stop: Call, positions: Sequence[int], most_trials: int
    ) -> Reason:
        engineer, walker = route.engineer, route.walker
        last_start = walker.latest_s - visit.duration_s
        if not any(opens <= last_start and closes >= walker.from_s for opens, closes in stop.spans):
            shift = {"shift_from_s": walker.from_s, "shift_to_s": walker.latest_s}
            return Reason(engineer.id, ReasonCode.WINDOW_OUTSIDE_SHIFT, shift)
        if self._spent(most_trials):
            return self._about(route, visit, stop)
        fitting, late = self._all(route, stop, positions)
        if not fitting:
            minutes = -(-late // 60)
            ends = skill_ends(engineer, visit)
            if ends and self._all(route, replace(stop, ends_by=LATEST_S * 2), positions)[0]:
                expired: dict[str, str | int] = {"skill": ends[0], "until_s": ends[1]}
                expired["minutes"] = minutes
                return Reason(engineer.id, ReasonCode.SKILL_EXPIRED, expired)
            return Reason(engineer.id, ReasonCode.NO_TIME_LEFT, {"minutes": minutes})
        within = [trial for trial in fitting if not trial.passed]
        if not within:
            least = min(fitting, key=lambda trial: sorted(trial.passed.values()))
            name, more = next(iter(least.passed.items()))
            figures = {"most": getattr(engineer, name), "more": more}
            return Reason(engineer.id, LIMITS[name], figures)
        cost = min(trial.added_cost for trial in within)
        dear = {"cost": cost, "penalty": self.problem.weights.penalty(visit)}
        return Reason(engineer.id, ReasonCode.TOO_COSTLY, dear)

    def _all(
        self, route: Itinerary, stop: Call, positions: Sequence[int]
    ) -> tuple[list[Trial], int]:
        """Return the trials that fit, and by how many seconds the best one that does not misses it."""
        fitting: list[Trial] = []
        late = LATEST_S
        bounds = sorted((route.missed(stop, position), position) for position in positions)
        for bound, position in bounds:
            if bound - _base(route) >= max(late, 1):
                break
            trial = self._try(route, stop, position, late)
            over = _over(trial, route)
            if over <= 0:
                fitting.append(trial)
            late = min(late, max(over, 0))
        return fitting, late

    def _about(self, route: Itinerary, visit: Visit, stop: Call) -> Reason:
        """Return what can be said without trials: the working time that is missing at least."""
        walker = route.walker
        detour = max(0, min(route.detours(visit.place)))
        missing = route.end.travel + detour + route.end.work + visit.duration_s
        missing -= walker.latest_s - walker.from_s
        minutes = max(1, -(-missing // 60))
        return Reason(route.engineer.id, ReasonCode.NO_TIME_LEFT, {"minutes": minutes, "about": 1})

    def _ties(self, engineer: Engineer, visit: Visit) -> Iterator[Obstacle]:
        """Return what other visits ask for: those it must follow, and those one engineer makes."""
        for other in linked_to(visit):
            if other not in self.made:
                yield Obstacle(ReasonCode.AFTER, {"visit": other})
        same = visit.with_engineer_of
        if same in self.made and engineer.id not in self.made[same]:
            yield Obstacle(
                ReasonCode.LINKED_ELSEWHERE, {"visit": same, "locked_to": self.made[same][0]}
            )
        if visit.crew > 1:
            yield Obstacle(ReasonCode.CREW, {"needs": visit.crew})

    def _try(self, route: Itinerary, stop: Call, position: int, cutoff: int | None = None) -> Trial:
        self._count.trials += 1
        return route.trial(
            stop, position, _base(route) if cutoff is None else cutoff + _base(route)
        )

    # What would help.

    def relaxation(self, visit_id: str, most_trials: int = MOST_TRIALS) -> Relaxation | None:
        """Return the cheapest change of the question that places the visit, None when none is known.

        With exactly this change the visit fits at the position that is named; with any part of it
        left out or one unit smaller it does not.
        """
        visit = self.visits[visit_id]
        if self._spent(most_trials):
            return None
        best: Offer | None = None
        for bound, engineer, fixed in self._candidates(visit):
            if self._spent(most_trials) or (best is not None and bound >= best.price):
                break
            offer = self._cheapest(visit, engineer, fixed, best)
            best = offer if offer is not None else best
        if best is None:
            return None
        figures: dict[str, str | int] = {"position": best.position, **best.change}
        kinds = {what.partition(":")[0] for what in best.change}
        code = kinds.pop() if len(best.change) == 1 else "several" if best.change else "search"
        return Relaxation(code, best.engineer_id, figures, best.added_cost)

    def _candidates(self, visit: Visit) -> list[tuple[int, Engineer, Change]]:
        """Return the engineers for whom changes can help at all, the cheapest to change first."""
        found = []
        for number, engineer in enumerate(self.engineers.values()):
            if any(True for _ in self._ties(engineer, visit)):
                continue
            change: dict[str, int] = {}
            hopeless = False
            for obstacle in obstacles(self.problem, engineer, visit):
                hopeless |= not obstacle.change
                change |= obstacle.change
            if not hopeless:
                bound = price(change, self.problem.weights, engineer)
                found.append((bound, number, engineer, change))
        return [
            (bound, engineer, change)
            for bound, _, engineer, change in sorted(found, key=lambda f: f[:2])
        ]

    def _cheapest(
        self, visit: Visit, engineer: Engineer, fixed: Change, best: Offer | None
    ) -> Offer | None:
        route = self.itinerary(engineer.id)
        weights = self.problem.weights
        asked = changed_visit(visit, engineer.id, fixed, weights)
        paid = price(fixed, weights, engineer)
        found: Offer | None = None
        detours = route.detours(visit.place)
        for position in sorted(range(len(detours)), key=detours.__getitem__):
            most = min(offer.price for offer in (best, found) if offer) if best or found else None
            if most is not None and paid + detours[position] * weights.travel >= most:
                continue
            for change, trial in self._ways(route, asked, position, fixed):
                total = price(change, weights, engineer) + trial.added_cost
                worth = weights.penalty(changed_visit(visit, engineer.id, change, weights))
                if trial.added_cost > worth:
                    change = {**change, "penalty": trial.added_cost - worth}
                    total += trial.added_cost - worth
                if most is None or total < most:
                    most = total
                    found = Offer(total, engineer.id, position, trial.added_cost, change)
        return found

    def _ways(
        self, route: Itinerary, visit: Visit, position: int, fixed: Change
    ) -> Iterator[tuple[Change, Trial]]:
        """Return each way to make room at one position: on board first, then in time."""
        base = dict(fixed)
        short = route.short(visit, position)
        if short is not None:
            more = _on_board(route, visit, position)
            if more is None:
                return
            base |= more
        stop = route.call(visit)
        for timing, trial in self._in_time(route, visit, stop, position):
            yield {**base, **timing, **trial.passed}, trial

    def _in_time(
        self, route: Itinerary, visit: Visit, stop: Call, position: int
    ) -> Iterator[tuple[Change, Trial]]:
        plain = self._try(route, stop, position)
        if plain.end.overrun <= _base(route):
            yield _overtime(plain), plain
            return
        ends = skill_ends(route.engineer, visit)
        if ends is not None:
            longer = replace(stop, ends_by=LATEST_S * 2)
            trial = self._try(route, longer, position)
            if trial.end.overrun <= _base(route):
                more = self._smallest(
                    lambda s: self._try(route, replace(stop, ends_by=ends[1] + s), position),
                    LATEST_S - ends[1],
                    route,
                )
                if more is not None:
                    yield {f"skill_until:{ends[0]}": more[0], **_overtime(more[1])}, more[1]
        _, locked_s = self.problem.locks_of(visit)
        if visit.lock_start_s is not None and locked_s == visit.lock_start_s:
            free = replace(visit, lock_start_s=None)
            trial = self._try(route, route.call(free), position)
            if trial.end.overrun <= _base(route):
                yield {"unlock_start": 1, **_overtime(trial)}, trial
        elif locked_s is None and visit.windows:
            yield from self._wider(route, visit, position)

    def _wider(
        self, route: Itinerary, visit: Visit, position: int
    ) -> Iterator[tuple[Change, Trial]]:
        """Return what the visit's windows would have to give, on either side."""
        most = max(LATEST_S - visit.windows[0].from_s, visit.windows[-1].to_s)
        for side in ("window_later_s", "window_earlier_s"):

            def moved(seconds: int, side: str = side) -> Trial:
                early, late = (0, seconds) if side == "window_later_s" else (seconds, 0)
                wide = replace(visit, windows=widened(visit.windows, early, late))
                return self._try(route, route.call(wide), position)

            found = self._smallest(moved, most, route)
            if found is not None:
                yield {side: found[0], **_overtime(found[1])}, found[1]

    def _smallest(
        self, trial: Callable[[int], Trial], most: int, route: Itinerary
    ) -> tuple[int, Trial] | None:
        """Return the smallest number of seconds with which it fits, and how; None when none does."""
        good = trial(most)
        if good.end.overrun > _base(route):
            return None
        low, high = 0, most
        while high - low > 1:
            middle = (low + high) // 2
            tried = trial(middle)
            if tried.end.overrun <= _base(route):
                high, good = middle, tried
            else:
                low = middle
        return high, good

    # Why here.

    def why(self, engineer_id: str, stop: Stop, most_trials: int = MOST_TRIALS) -> Why | None:
        """Return why this engineer has the visit, and who would be next; None when out of trials."""
        visit = self.visits[stop.visit_id]
        if visit.running:
            return Why(WhyCode.RUNNING)
        if self._until is not None and time.monotonic() > self._until:
            return None
        route = self.itinerary(engineer_id)
        mine = route.end.cost - route.without(visit.id).end.cost
        locked, _ = self.problem.locks_of(visit)
        if locked is not None:
            return Why(WhyCode.LOCKED, mine)
        if visit.crew > 1 or visit.with_engineer_of is not None or visit.id in self._bounds:
            # Others depend on it: what it would cost elsewhere is not this visit's alone.
            return Why(WhyCode.WHOLE_PLAN, mine)
        if self._spent(most_trials):
            return None
        offer, able = self._runner_up(engineer_id, visit)
        if offer is None:
            return Why(WhyCode.ONLY_ONE_FREE if able else WhyCode.ONLY_ONE_ABLE, mine)
        extra = offer[0] - mine
        return Why(_choice(self.problem, engineer_id, visit, extra), mine, offer[1], extra)

    def _runner_up(self, engineer_id: str, visit: Visit) -> tuple[tuple[int, str] | None, bool]:
        """Return the least that the visit adds to another's day, and whose; and whether any other is able."""
        best: tuple[int, str] | None = None
        stops: dict[str, Call | None] = {engineer_id: None}
        tried = 0
        for bound, name, position in self._edges.nearest(visit.place):
            # No other term of the cost gets less by one more visit.
            if best is not None and bound > best[0]:
                break
            route = self.itinerary(name)
            if name not in stops:
                able = not any(True for _ in obstacles(self.problem, route.engineer, visit))
                stops[name] = route.call(visit) if able else None
            stop = stops[name]
            if stop is None or route.missed(stop, position) > _base(route):
                continue
            if route.short(visit, position) is not None:
                continue
            tried += 1
            if tried > MOST_RIVALS:
                break
            trial = self._try(route, stop, position)
            if _over(trial, route) <= 0 and not trial.passed:
                best = min(best or (trial.added_cost, name), (trial.added_cost, name))
        return best, any(stop is not None for stop in stops.values())

    @cached_property
    def _edges(self) -> "Edges":
        return Edges(self.problem, [self.itinerary(name) for name in self.engineers])


class Edges:
    """Every gap in every route, so that the nearest to a place are found at once."""

    def __init__(self, problem: Problem, routes: Sequence[Itinerary]) -> None:
        self._problem = problem
        self._names: list[str] = []
        self._positions: list[int] = []
        before, after, speeds, kinds = [], [], [], []
        profiles = sorted({route.engineer.profile or "" for route in routes})
        for route in routes:
            end = route.engineer.end
            nexts = [*(stop.place for stop in route.calls), -1 if end is None else end]
            idle = not route.calls and route.walker.running is None
            for position, (a, b) in enumerate(zip(route.before, nexts, strict=True)):
                self._names.append(route.engineer.id)
                self._positions.append(position)
                before.append(a)
                after.append(b)
                speeds.append(route.engineer.speed_per_mille * (-1 if idle else 1))
                kinds.append(profiles.index(route.engineer.profile or ""))
        self._before, self._after = np.array(before, np.int64), np.array(after, np.int64)
        self._idle = np.array(speeds, np.int64) < 0
        self._speeds = np.abs(np.array(speeds, np.int64))
        self._kinds = np.array(kinds, np.int64)
        self._tables = [problem.profiles[name] if name else problem.travel_s for name in profiles]
        # At its quickest a drive takes this share of the table.
        self._pace = min((1000, *(pace.per_mille for pace in problem.paces)))
        self._known = self._drives(self._before, self._after)

    def nearest(self, place: int) -> Iterator[tuple[int, str, int]]:
        """Return what a detour by the place costs at least, whose it is and where, the least first."""
        there = np.full_like(self._before, place)
        known = np.where(self._idle, 0, self._known)
        detours = self._drives(self._before, there) + self._drives(there, self._after) - known
        if self._pace < 1000:
            detours = np.minimum(detours, detours * self._pace // 1000 - self._known)
        for number in np.argsort(detours, kind="stable").tolist():
            bound = int(detours[number]) * self._problem.weights.travel
            yield bound, self._names[number], self._positions[number]

    def _drives(self, a: Numbers, b: Numbers) -> Numbers:
        seconds = np.zeros_like(a)
        for kind, table in enumerate(self._tables):
            here = (self._kinds == kind) & (b >= 0)
            base = table[a[here], b[here]].astype(np.int64)
            seconds[here] = -(-base * 1000 // self._speeds[here])
        return seconds


def _base(route: Itinerary) -> int:
    """Return by how much the walk misses a rule on the route as it is; a plan that holds has 0."""
    return route.end.overrun if route.calls else 0


def _over(trial: Trial, route: Itinerary) -> int:
    return trial.end.missed - _base(route)


def _overtime(trial: Trial) -> dict[str, int]:
    return {"overtime_s": trial.end.overtime} if trial.end.overtime else {}


def _on_board(route: Itinerary, visit: Visit, position: int) -> dict[str, int] | None:
    """Return everything that has to come into the van, found one after the other."""
    more: dict[str, int] = {}
    for _ in range(len(visit.parts) + len(visit.tools) + len(visit.amount) + 8):
        short = route.short(visit, position, changed_engineer(route.engineer, visit, more))
        if short is None:
            return more
        for what, much in short.change.items():
            more[what] = more.get(what, 0) + much
    return None


def _choice(problem: Problem, engineer_id: str, visit: Visit, extra: int) -> WhyCode:
    if extra < 0:
        return WhyCode.WHOLE_PLAN
    if engineer_id in visit.preferred and extra < problem.weights.not_preferred:
        return WhyCode.PREFERRED
    kept = visit.planned is not None and visit.planned.engineer == engineer_id
    if kept and extra < problem.weights.moved:
        return WhyCode.KEPT
    return WhyCode.CHEAPEST
