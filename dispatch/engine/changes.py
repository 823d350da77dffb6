"""Small changes of the question that make room for a visit, and the question as it is after them.

A change is a table from what to how much, such as `{"overtime_s": 900}` or `{"part:valve": 1}`:

- `overtime_s`, `max_visits`, `max_work_s`, `max_travel_s`, `capacity:AXIS`: that much more for the
  engineer; `skill_until:CODE`: the skill is valid that much longer;
- `part:NAME`: so many more in the van; `tool:NAME`: it is in the van;
- `skill:CODE`: the engineer has it at this level; `territory`: the engineer goes there as well;
- `allow`: the engineer is neither forbidden nor kept out by `only`;
- `unlock_engineer`, `unlock_start`: the lock is off;
- `window_later_s`, `window_earlier_s`: the visit's windows are open that much longer on that side;
- `penalty`: leaving the visit out costs that much more.
"""

from collections.abc import Mapping
from dataclasses import replace

from dispatch.engine.problem import (
    LARGEST_PENALTY,
    LATEST_S,
    Engineer,
    Problem,
    Visit,
    Weights,
    Window,
)

Change = Mapping[str, int]

# What a unit of each costs in seconds of driving, so that changes can be compared; what takes days
# to get is dearer than what takes a phone call.
FLAT = {
    "part": 1800,
    "tool": 1800,
    "capacity": 1800,
    "max_visits": 1800,
    "unlock_engineer": 3600,
    "unlock_start": 3600,
    "territory": 3600,
    "skill_until": 7200,
    "skill": 14_400,
    "allow": 14_400,
}
LEVEL = 3600
LIMITS = ("max_visits", "max_work_s", "max_travel_s")


def price(change: Change, weights: Weights, engineer: Engineer) -> int:
    """Return what a change is worth avoiding, in seconds of driving."""
    total = 0
    for what, much in change.items():
        kind, _, name = what.partition(":")
        if kind in ("overtime_s", "max_work_s", "max_travel_s"):
            total += much * max(1, weights.overtime)
        elif kind in ("window_later_s", "window_earlier_s", "penalty"):
            total += much
        elif kind == "skill":
            total += FLAT[kind] * (name not in engineer.skills)
            total += LEVEL * (much - engineer.skills.get(name, 0))
        elif kind in ("part", "max_visits"):
            total += FLAT[kind] * much
        else:
            total += FLAT[kind]
    return total


def changed(problem: Problem, visit_id: str, engineer_id: str, change: Change) -> Problem:
    """Return the question after the change."""
    asked = next(visit for visit in problem.visits if visit.id == visit_id)
    return replace(
        problem,
        engineers=tuple(
            changed_engineer(one, asked, change) if one.id == engineer_id else one
            for one in problem.engineers
        ),
        visits=tuple(
            changed_visit(one, engineer_id, change, problem.weights) if one is asked else one
            for one in problem.visits
        ),
    )


def changed_engineer(engineer: Engineer, visit: Visit, change: Change) -> Engineer:
    """Return the engineer after a change made for this visit."""
    skills, until = dict(engineer.skills), dict(engineer.skills_until)
    parts, tools = dict(engineer.parts), set(engineer.tools)
    capacity, territories = list(engineer.capacity), set(engineer.territories)
    limits = {name: getattr(engineer, name) for name in LIMITS}
    for what, much in change.items():
        kind, _, name = what.partition(":")
        if kind in limits:
            limits[kind] += much
        elif kind == "capacity":
            capacity[int(name)] += much
        elif kind == "skill":
            skills[name] = much
        elif kind == "skill_until":
            until[name] += much
        elif kind == "part":
            parts[name] = parts.get(name, 0) + much
        elif kind == "tool":
            tools.add(name)
        elif kind == "territory" and visit.territory is not None:
            territories.add(visit.territory)
    return replace(
        engineer,
        skills=skills,
        skills_until=until,
        parts=parts,
        tools=frozenset(tools),
        capacity=tuple(capacity),
        territories=frozenset(territories),
        max_overtime_s=engineer.max_overtime_s + change.get("overtime_s", 0),
        max_visits=limits["max_visits"],
        max_work_s=limits["max_work_s"],
        max_travel_s=limits["max_travel_s"],
    )


def changed_visit(visit: Visit, engineer_id: str, change: Change, weights: Weights) -> Visit:
    """Return the visit after a change made for this engineer."""
    if "allow" in change:
        only = None if visit.only is None else visit.only | {engineer_id}
        visit = replace(visit, forbidden=visit.forbidden - {engineer_id}, only=only)
    if "unlock_engineer" in change:
        visit = replace(visit, lock_engineer=None)
    if "unlock_start" in change:
        visit = replace(visit, lock_start_s=None)
    if "penalty" in change:
        broken = weights.promise_broken if visit.promised is not None else 0
        paid = weights.penalty(visit) - broken
        visit = replace(visit, penalty=min(LARGEST_PENALTY, paid + change["penalty"]))
    later, earlier = change.get("window_later_s", 0), change.get("window_earlier_s", 0)
    if later or earlier:
        visit = replace(visit, windows=widened(visit.windows, earlier, later))
    return visit


def widened(windows: tuple[Window, ...], earlier: int, later: int) -> tuple[Window, ...]:
    """Return the windows with both sides moved outwards."""
    return tuple(
        Window(max(0, window.from_s - earlier), min(LATEST_S, window.to_s + later))
        for window in windows
    )
