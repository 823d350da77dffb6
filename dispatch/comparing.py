"""Two plans of the same days side by side: what moves, what is new, what it costs and gains."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

from dispatch.days import who_of
from dispatch.engine.plan import Cost, Plan, Stop
from dispatch.engine.problem import Problem, Visit
from dispatch.standing import places_of


class Difference(StrEnum):
    """What becomes of a visit in the other plan; nothing is said of one that stays as it is."""

    PLACED = "placed"
    LEFT_OUT = "left_out"
    MOVED = "moved"
    SHIFTED = "shifted"


@dataclass(frozen=True, slots=True)
class Where:
    """With whom a visit is, on which of the days, and from when to when (seconds)."""

    technician_id: str
    day: int
    starts_s: int
    departs_s: int


@dataclass(frozen=True, slots=True)
class Change:
    """One visit that is not as it was. `late_s` is how much later it begins than it is due."""

    visit_id: str
    difference: Difference
    before: Where | None
    after: Where | None
    late_before_s: int
    late_after_s: int


@dataclass(frozen=True, slots=True)
class Sums:
    """A plan in figures: visits, minutes, and the cost in seconds of driving, term by term."""

    placed: int
    left_out: int
    late: int
    travel_s: int
    overtime_s: int
    work_s: int
    cost: Cost


# Nobody is told of less.
SHIFT_TOLD_S = 5 * 60


def changes(problem: Problem, before: Plan, after: Plan) -> Iterator[Change]:
    """Return the visits that are elsewhere, at another hour, newly placed or newly left out."""
    was, becomes = places_of(before), places_of(after)
    for visit in problem.visits:
        old, new = _where(was.get(visit.id)), _where(becomes.get(visit.id))
        difference = _difference(old, new)
        if difference is not None:
            yield Change(visit.id, difference, old, new, _late(visit, old), _late(visit, new))


def _difference(old: Where | None, new: Where | None) -> Difference | None:
    if old is None or new is None:
        if old is new:
            return None
        return Difference.PLACED if old is None else Difference.LEFT_OUT
    if (old.technician_id, old.day) != (new.technician_id, new.day):
        return Difference.MOVED
    return Difference.SHIFTED if abs(old.starts_s - new.starts_s) >= SHIFT_TOLD_S else None


def _where(found: tuple[str, Stop] | None) -> Where | None:
    if found is None:
        return None
    engineer_id, stop = found
    who, number = who_of(engineer_id)
    return Where(who, number, stop.starts_s, stop.departs_s)


def _late(visit: Visit, where: Where | None) -> int:
    if where is None or visit.due_s is None:
        return 0
    return max(0, where.starts_s - visit.due_s)


def sums(problem: Problem, plan: Plan) -> Sums:
    """Return the plan in figures."""
    visits = {visit.id: visit for visit in problem.visits}
    ends = {engineer.id: engineer.shifts[-1].to_s for engineer in problem.engineers}
    where = places_of(plan)
    return Sums(
        placed=len(where),
        left_out=len(plan.unplaced),
        late=sum(1 for name, found in where.items() if _late(visits[name], _where(found))),
        travel_s=sum(route.travel_s for route in plan.routes),
        overtime_s=sum(
            max(0, route.returns_s - ends[route.engineer_id])
            for route in plan.routes
            if route.stops
        ),
        work_s=sum(route.work_s for route in plan.routes),
        cost=plan.cost,
    )


def terms(before: Cost, after: Cost) -> list[tuple[str, int, int]]:
    """Return every term of the cost that is in either, with both amounts."""
    names = [one.name for one in fields(Cost)]
    both = [(name, getattr(before, name), getattr(after, name)) for name in names]
    return [term for term in both if term[1] or term[2]]


def moved(found: Sequence[Change], asked_for: Mapping[str, object] | None = None) -> int:
    """Return how many visits change their engineer or day, or lose their place; `asked_for` aside."""
    kinds = (Difference.MOVED, Difference.LEFT_OUT)
    return sum(
        1 for one in found if one.difference in kinds and one.visit_id not in (asked_for or {})
    )
