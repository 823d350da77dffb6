"""The search for a plan in a process of its own: in one go, or a large one in parts that are sewn together."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import structlog

from core.children import in_child
from dispatch.days import Pieces, overdrawn, who_of
from dispatch.engine.codec import plan_from_json, problem_to_json
from dispatch.engine.explanations import Desk as Explanations
from dispatch.engine.plan import Cost, Plan, Route, Unplaced
from dispatch.engine.pricing import priced
from dispatch.engine.problem import Problem, Visit
from dispatch.engine.validator import violations
from dispatch.nursery import nursery
from dispatch.splitting import parts_of, seam_of, seams
from dispatch.travel.roads import KNOWN_ONLY_S, Roads

log = structlog.get_logger("dispatch")

# Loading the solver and explaining the plan, beside the search itself.
GRACE_S = 60
# On a new machine the search is compiled first; others who compile may have to be waited for.
PREPARING_S = 900
# How the time is shared where a plan is made in parts.
SEAMS_SHARE = 0.25
LEAST_S = 1.0
# What is left out of a plan made in parts is explained anew, by everybody; that may take so long.
EXPLAINING_S = 10.0
BROKEN = "The plan broke a rule and was not kept. Plan again."
# So often a plan of several days is made again because a later day took what an earlier one had used.
MOST_VAN_TRIES = 3
# By how much a move becomes dearer each time a plan has moved too many.
DEARER = (8,)


class PlanFailed(Exception):
    """No plan could be found, and why."""


@dataclass(slots=True)
class Search:
    """One search. `tell` hears how far it is, in percent, `preparing` that it waits for the compiler.

    `check` is called about once a second; what it raises ends the search.
    """

    seconds: float
    seed: int
    roads: Roads
    tell: Callable[[int], None]
    preparing: Callable[[], None]
    check: Callable[[], None]
    # What is to be said about the driving times.
    notes: set[str] = field(default_factory=set)

    def plan(self, pieces: Pieces, split_above: int, budget: int | None = None) -> tuple[Plan, int]:
        """Return the plan, judged and explained, and in how many parts it was made.

        With a `budget` no more than so many of the visits that are planned change hands or are left
        out; such a plan is made in one part.
        Raises PlanFailed, ProblemError, RuntimeError when the planner ends without an answer.
        """
        if budget is not None:
            return self._within(budget, pieces), 1
        parts = parts_of(pieces, split_above)
        if len(parts) == 1:
            return self._solved(pieces, self.seconds, 0, 100), 1
        pairs = seams(parts)
        each = max(LEAST_S, self.seconds * (1 - SEAMS_SHARE) / len(parts))
        seam_s = max(LEAST_S, self.seconds * SEAMS_SHARE / max(1, len(pairs)))
        step = 100 / (len(parts) + len(pairs))
        done = 0.0
        routes: dict[str, Route] = {}
        left: dict[str, Unplaced] = {}

        def take(part: Pieces, seconds: float) -> None:
            nonlocal done
            found = self._solved(part, seconds, int(done), int(done + step))
            done += step
            routes.update({route.engineer_id: route for route in found.routes})
            for visit in part.visits:
                left.pop(visit.id, None)
            left.update({one.visit_id: one for one in found.unplaced})

        for part in parts:
            take(part.pieces, each)
        for one, other in pairs:
            seam = seam_of(pieces, parts[one], parts[other], routes, split_above)
            if seam is not None:
                take(seam, seam_s)
        cost = sum((self._cost(part.pieces, pieces, routes, left) for part in parts), Cost())
        plan = Plan(tuple(routes.values()), tuple(left.values()), cost)
        return self._explained(pieces, plan), len(parts)

    def _explained(self, pieces: Pieces, plan: Plan) -> Plan:
        """Return the plan with what keeps everybody from what is left out, not only those of its part."""
        problem = self.roads.laid(pieces.problem(), seconds=KNOWN_ONLY_S).problem
        of = {route.engineer_id: route for route in plan.routes}
        routes = tuple(of[engineer.id] for engineer in problem.engineers)
        desk = Explanations(problem, replace(plan, routes=routes))
        until = time.monotonic() + EXPLAINING_S

        def told(left: Unplaced) -> Unplaced:
            self.check()
            late = time.monotonic() > until
            return left if late else replace(left, reasons=desk.reasons(left.visit_id))

        return replace(plan, unplaced=tuple(told(left) for left in plan.unplaced))

    def _within(self, budget: int, pieces: Pieces) -> Plan:
        """Return a plan that moves no more than so many: by a higher price, and in the end by locks."""
        asked = pieces
        for dearer in (*DEARER, 0):
            plan = self._solved(asked, self.seconds, 0, 100)
            if len(_moved(pieces, plan)) <= budget:
                return replace(plan, cost=priced(self._laid(pieces), plan))
            if dearer:
                weights = replace(pieces.weights, moved=pieces.weights.moved * dearer)
                asked = replace(pieces, weights=weights)
            else:
                asked = _held(pieces, plan, budget)
        plan = self._solved(asked, self.seconds, 0, 100)
        if len(_moved(pieces, plan)) > budget:
            raise PlanFailed("No plan was found that moves as few visits as that.")
        return replace(plan, cost=priced(self._laid(pieces), plan))

    def _cost(
        self,
        part: Pieces,
        pieces: Pieces,
        routes: dict[str, Route],
        left: dict[str, Unplaced],
    ) -> Cost:
        """Return what the part costs with what is on its people's routes now."""
        mine = [routes[engineer.id] for engineer in part.engineers]
        made = {stop.visit_id for route in mine for stop in route.stops}
        out = [left[visit.id] for visit in part.visits if visit.id in left]
        names = made | {one.visit_id for one in out}
        wanted = [visit for visit in pieces.visits if visit.id in names]
        people = {engineer.id for engineer in part.engineers}
        small = pieces.only([e for e in pieces.engineers if e.id in people], wanted)
        return priced(self._laid(small), Plan(tuple(mine), tuple(out), Cost()))

    def _laid(self, pieces: Pieces) -> Problem:
        """Return the question with the router's driving times where it answers."""
        laid = self.roads.laid(pieces.problem())
        if laid.note:
            self.notes.add(laid.note)
        return laid.problem

    def _solved(self, pieces: Pieces, seconds: float, from_: int, to: int) -> Plan:
        problem = full = self._laid(pieces)
        for number in range(MOST_VAN_TRIES + 1):
            plan = self._asked(problem, seconds, from_, to)
            broken = violations(problem, plan)
            if broken:
                log.error("a plan broke a rule", rule=broken[0].rule.value, finding=str(broken[0]))
                raise PlanFailed(BROKEN)
            short = overdrawn(full, plan)
            if not short:
                return plan
            # Again and again somebody else's van may be the one that is used twice.
            is_last = number + 1 == MOST_VAN_TRIES
            problem = _shared_out(problem, plan) if is_last else _restocked(problem, short)
        raise PlanFailed("The plan took more from a van than there is.")

    def _asked(self, problem: Problem, seconds: float, from_: int, to: int) -> Plan:
        question = {
            "problem": problem_to_json(problem),
            "stop": {"seconds": seconds},
            "seed": self.seed,
        }
        answer: dict[str, Any] = {}
        begun: float | None = None

        def tell(share: float) -> None:
            self.tell(from_ + int((to - from_) * share))

        def read(line: bytes) -> None:
            nonlocal begun
            said = orjson.loads(line)
            answer.update({key: said[key] for key in ("plan", "error") if key in said})
            if said.get("state") == "preparing":
                self.preparing()
            if said.get("state") == "searching" and begun is None:
                begun = time.monotonic()
            if begun is not None:
                tell(said.get("progress", 0) / 100)

        def tick() -> None:
            self.check()
            if begun is None:
                return
            passed = time.monotonic() - begun
            if passed > seconds + GRACE_S:
                raise RuntimeError("The planner did not end in time.")
            # The solver may be silent for the whole search; the time allowed tells how far it is.
            tell(min(0.95, passed / seconds * 0.95))

        try:
            in_child(
                "dispatch.engine",
                orjson.dumps(question),
                timeout=PREPARING_S + seconds + GRACE_S,
                on_line=read,
                on_tick=tick,
                start=nursery.start,
            )
        except RuntimeError:
            if "error" not in answer:
                raise
        if "error" in answer:
            raise PlanFailed(answer["error"]["message"])
        return plan_from_json(answer["plan"])


def _restocked(problem: Problem, short: dict[str, dict[str, int]]) -> Problem:
    """Return the question with no more on a later day's van than the days before leave."""
    engineers = tuple(
        replace(one, parts=short[one.id]) if one.id in short else one for one in problem.engineers
    )
    return replace(problem, engineers=engineers)


def _shared_out(problem: Problem, plan: Plan) -> Problem:
    """Return the question with each van shared out among its days, as the plan uses it and as far as it goes.

    What is over is there on the first day. Together the days have no more than there is, whatever
    the next plan makes of them.
    """
    visits = {visit.id: visit for visit in problem.visits}
    used: dict[str, Counter[str]] = {
        route.engineer_id: sum(
            (Counter(visits[stop.visit_id].parts) for stop in route.stops), Counter()
        )
        for route in plan.routes
    }
    by_day = sorted(problem.engineers, key=lambda one: who_of(one.id)[1])
    vans: dict[str, Counter[str]] = {}
    shares: dict[str, Counter[str]] = {}
    first: dict[str, str] = {}
    for engineer in by_day:
        who, _ = who_of(engineer.id)
        van = vans.setdefault(who, Counter(engineer.parts))
        first.setdefault(who, engineer.id)
        share = shares[engineer.id] = used.get(engineer.id, Counter()) & van
        van -= share
    for who, engineer_id in first.items():
        shares[engineer_id] += vans[who]
    engineers = tuple(replace(one, parts=dict(shares[one.id])) for one in problem.engineers)
    return replace(problem, engineers=engineers)


def _moved(pieces: Pieces, plan: Plan) -> list[Visit]:
    """Return the visits that are planned and change hands or are left out, the most urgent first."""
    hands = {stop.visit_id: route.engineer_id for route in plan.routes for stop in route.stops}
    moved = [
        visit
        for visit in pieces.visits
        if visit.planned is not None
        and not visit.running
        and hands.get(visit.id) != visit.planned.engineer
    ]
    return sorted(moved, key=lambda visit: (visit.priority, visit.id))


def _held(pieces: Pieces, plan: Plan, budget: int) -> Pieces:
    """Return the question with everybody's visits locked to them, but for the few that may move."""
    free = {visit.id for visit in _moved(pieces, plan)[:budget]}
    visits = tuple(
        replace(visit, lock_engineer=visit.planned.engineer)
        if visit.planned is not None and not visit.running and visit.id not in free
        else visit
        for visit in pieces.visits
    )
    return replace(pieces, visits=visits)
