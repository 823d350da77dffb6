"""What stands between one engineer and one visit, whatever else is on the route: pure predicates.

The validator and the explanations read them; the search has its own. Each obstacle carries the
figures for a sentence, and the smallest change that would take it away (see `changes.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dispatch.engine.plan import ReasonCode
from dispatch.engine.problem import Engineer, Problem, Visit

Figures = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One rule that is broken. `change` is empty where nothing small would help."""

    code: ReasonCode
    details: Figures = field(default_factory=dict)
    change: Mapping[str, int] = field(default_factory=dict)


def obstacles(problem: Problem, engineer: Engineer, visit: Visit) -> Iterator[Obstacle]:
    """Return every rule that keeps this engineer from this visit at any hour, in the order asked."""
    if visit.running:
        if visit.lock_engineer != engineer.id:
            yield Obstacle(ReasonCode.LOCKED_ELSEWHERE, {"locked_to": str(visit.lock_engineer)})
        return
    locked, _ = problem.locks_of(visit)
    if locked is not None and locked != engineer.id and visit.crew == 1:
        # What the frozen hours hold is not a lock that somebody set and could take off.
        change = {"unlock_engineer": 1} if visit.lock_engineer == locked else {}
        yield Obstacle(ReasonCode.LOCKED_ELSEWHERE, {"locked_to": locked}, change)
    if engineer.id in visit.forbidden:
        yield Obstacle(ReasonCode.FORBIDDEN, {}, {"allow": 1})
    if visit.only is not None and engineer.id not in visit.only:
        yield Obstacle(ReasonCode.NOT_AMONG, {}, {"allow": 1})
    if visit.territory and engineer.territories and visit.territory not in engineer.territories:
        yield Obstacle(ReasonCode.TERRITORY, {"territory": visit.territory}, {"territory": 1})
    for skill, needs in visit.skills.items():
        has = engineer.skills.get(skill)
        if has is None:
            # Having no entry is less than having it at level 0.
            yield Obstacle(ReasonCode.SKILL_MISSING, {"skill": skill}, {f"skill:{skill}": needs})
        elif has < needs:
            figures: Figures = {"skill": skill, "needs": needs, "has": has}
            yield Obstacle(ReasonCode.SKILL_LEVEL, figures, {f"skill:{skill}": needs})


def skill_ends(engineer: Engineer, visit: Visit) -> tuple[str, int] | None:
    """Return the skill that ends first of those the visit needs, and when; None when none does."""
    ends = [(engineer.skills_until[s], s) for s in visit.skills if s in engineer.skills_until]
    return (min(ends)[1], min(ends)[0]) if ends else None


def away(before: int, visit: Visit) -> int:
    """Return how long the visit takes for one who comes from that place."""
    return visit.duration_s + (visit.setup_s if before != visit.place else 0)
