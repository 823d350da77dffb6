"""Large days in parts: by geography, each planned by itself, then sewn together where they meet.

The homes of the technicians are halved again and again along the longer side of their region, as a
k-d tree does (Bentley 1975), until no part has too many visits. A seam is planned with the people of
two neighbours who live nearest to each other, and with whatever either has left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, cos, hypot, radians

from dispatch.days import Pieces, who_of
from dispatch.engine.plan import Route
from dispatch.engine.problem import Engineer, Place, Planned, Visit

# What the planner searches well in one go, counting each day of an engineer.
MOST_ENGINEER_DAYS = 300


@dataclass(frozen=True, slots=True)
class Part:
    """Some technicians and the visits nearest to them."""

    pieces: Pieces
    middle: Place


def parts_of(pieces: Pieces, most_visits: int) -> list[Part]:
    """Return the question in parts with about `most_visits` each; in one where it is not larger."""
    most_days = min(MOST_ENGINEER_DAYS, max(1, len(pieces.engineers)))
    wanted = max(
        ceil(len(pieces.visits) / max(1, most_visits)), ceil(len(pieces.engineers) / most_days)
    )
    homes = {who_of(one.id)[0]: _home(one, pieces) for one in pieces.engineers}
    groups = _halved(sorted(homes), homes, min(wanted, max(1, len(homes))))
    if len(groups) < 2:
        return [Part(pieces, _middle(homes.values()))]
    group_of = {who: number for number, group in enumerate(groups) for who in group}
    visits: list[list[Visit]] = [[] for _ in groups]
    for visit in pieces.visits:
        held = visit.lock_engineer or (visit.planned.engineer if visit.planned else None)
        who = who_of(held)[0] if held else None
        if who not in group_of:
            who = min(homes, key=lambda name: _apart(homes[name], pieces.places[visit.place]))
        visits[group_of[who]].append(visit)
    people: list[list[Engineer]] = [[] for _ in groups]
    for engineer in pieces.engineers:
        people[group_of[who_of(engineer.id)[0]]].append(engineer)
    return [
        Part(pieces.only(people[k], visits[k]), _middle(homes[who] for who in group))
        for k, group in enumerate(groups)
    ]


def _halved(names: Sequence[str], homes: Mapping[str, Place], wanted: int) -> list[list[str]]:
    if wanted < 2 or len(names) < 2:
        return [list(names)] if names else []
    flat = {name: _flat(homes[name]) for name in names}
    sides = [
        max(flat[name][k] for name in names) - min(flat[name][k] for name in names) for k in (0, 1)
    ]
    longer = 0 if sides[0] >= sides[1] else 1
    inline = sorted(names, key=lambda name: (flat[name][longer], name))
    first = wanted // 2
    cut = max(1, min(len(names) - 1, len(names) * first // wanted))
    return [
        *_halved(inline[:cut], homes, first),
        *_halved(inline[cut:], homes, wanted - first),
    ]


def seams(parts: Sequence[Part]) -> list[tuple[int, int]]:
    """Return which parts are sewn together: each with the one whose middle is nearest, each pair once."""
    pairs = set()
    for k, part in enumerate(parts):
        others = [n for n in range(len(parts)) if n != k]
        if others:
            near = min(others, key=lambda n: _apart(part.middle, parts[n].middle))
            pairs.add((min(k, near), max(k, near)))
    return sorted(pairs)


def seam_of(
    pieces: Pieces, one: Part, other: Part, routes: Mapping[str, Route], most_visits: int
) -> Pieces | None:
    """Return the question of a seam: who lives nearest to the other part, their visits, and what is left out.

    Where visits are by now counts as planned, so that only what pays is moved. None when nobody is left.
    """
    engineers = {engineer.id: engineer for engineer in pieces.engineers}
    visits = {visit.id: visit for visit in pieces.visits}
    chosen: list[str] = []
    for part, across in ((one, other), (other, one)):
        days: dict[str, list[str]] = {}
        for engineer in part.pieces.engineers:
            days.setdefault(who_of(engineer.id)[0], []).append(engineer.id)
        far = {
            who: _apart(_home(engineers[names[0]], pieces), across.middle)
            for who, names in days.items()
        }
        room = most_visits // 2
        for who in sorted(days, key=lambda who: (far[who], who)):
            room -= sum(len(routes[name].stops) for name in days[who])
            if room < 0:
                break
            chosen += days[who]
    if not chosen:
        return None
    placed = {stop.visit_id for route in routes.values() for stop in route.stops}
    left = [
        visit.id for part in (one, other) for visit in part.pieces.visits if visit.id not in placed
    ]
    asked = [
        _known_at(visits[stop.visit_id], name, stop.starts_s)
        for name in chosen
        for stop in routes[name].stops
    ]
    asked += [visits[name] for name in left]
    return pieces.only([engineers[name] for name in chosen], asked)


def _known_at(visit: Visit, engineer_id: str, starts_s: int) -> Visit:
    if visit.running:
        return visit
    return replace(visit, planned=Planned(engineer_id, starts_s))


def _home(engineer: Engineer, pieces: Pieces) -> Place:
    return pieces.places[engineer.start if engineer.end is None else engineer.end]


def _middle(places: Iterable[Place]) -> Place:
    known = list(places) or [Place(0.0, 0.0)]
    return Place(
        sum(one.lat for one in known) / len(known), sum(one.lng for one in known) / len(known)
    )


def _flat(place: Place) -> tuple[float, float]:
    return place.lat, place.lng * cos(radians(place.lat))


def _apart(one: Place, other: Place) -> float:
    return hypot(one.lat - other.lat, (one.lng - other.lng) * cos(radians(one.lat)))
