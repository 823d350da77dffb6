"""PyVRP and VROOM on the same instances, where they are installed: no part of the project is theirs.

Both know windows, amounts and leaving out at a price. PyVRP gets a matrix for each set of skills, in
which what cannot be is far away; VROOM gets levels as one skill each, and penalties as priorities.
"""

import importlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dispatch.engine.instances import Instance
from dispatch.engine.problem import Engineer, Problem, Visit

FAR_AWAY = 10_000_000
A_PRIORITY = 1000
MOST_PRIORITY = 100

Routes = dict[str, list[int]]


def at_hand(name: str) -> bool:
    """Return whether one of them is installed."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def pyvrp_routes(instance: Instance, seconds: float, seed: int = 1) -> Routes:
    """Return what PyVRP finds on one core in so many seconds."""
    pyvrp: Any = importlib.import_module("pyvrp")
    stop: Any = importlib.import_module("pyvrp.stop")
    problem = instance.problem
    kinds: dict[frozenset[str], int] = {}
    able = {
        one.id: frozenset(v.id for v in problem.visits if _can(one, v)) for one in problem.engineers
    }
    for mine in able.values():
        kinds.setdefault(mine, len(kinds))
    drives = np.array(problem.travel_s, dtype=np.int64)
    tables = []
    for mine in kinds:
        table = drives.copy()
        for visit in problem.visits:
            if visit.id not in mine:
                table[:, visit.place] = table[visit.place, :] = FAR_AWAY
        np.fill_diagonal(table, 0)
        tables.append(table)
    homes = sorted({one.start for one in problem.engineers})
    must = instance.kind == "windows"
    data = pyvrp.ProblemData(
        locations=[pyvrp.Location(0, 0) for _ in range(len(drives))],
        clients=[
            pyvrp.Client(
                visit.place,
                delivery=_amounts(problem, visit),
                service_duration=visit.duration_s,
                tw_early=visit.windows[0].from_s,
                tw_late=visit.windows[0].to_s,
                prize=0 if must else visit.penalty or 0,
                required=must,
            )
            for visit in problem.visits
        ],
        depots=[pyvrp.Depot(place) for place in homes],
        vehicle_types=[
            pyvrp.VehicleType(
                1,
                capacity=_room(problem, one),
                start_depot=homes.index(one.start),
                end_depot=homes.index(one.start),
                tw_early=one.shifts[0].from_s,
                tw_late=one.shifts[0].to_s,
                profile=kinds[able[one.id]],
            )
            for one in problem.engineers
        ],
        distance_matrices=tables,
        duration_matrices=tables,
    )
    found = pyvrp.solve(data, stop.MaxRuntime(seconds), seed=seed, display=False).best
    routes: Routes = {}
    for route in found.routes():
        stops = [one.idx for one in route if one.is_client()]
        routes[problem.engineers[route.vehicle_type()].id] = [_in_file(instance, k) for k in stops]
    return routes


def vroom_routes(
    instance: Instance,
    threads: int,
    *,
    level: int = 5,
    known: Mapping[str, Sequence[int]] | None = None,
) -> Routes:
    """Return what VROOM finds at its level; `known` are routes to begin with, by engineer."""
    vroom: Any = importlib.import_module("vroom")
    problem = instance.problem
    levels = {
        pair: k
        for k, pair in enumerate(
            sorted(
                {
                    (s, n)
                    for v in problem.visits
                    for s, top in v.skills.items()
                    for n in range(1, top + 1)
                }
            )
        )
    }
    body = {
        "vehicles": [
            {
                "id": k,
                "start_index": one.start,
                "end_index": one.start,
                "capacity": _room(problem, one),
                "skills": [levels[s, n] for s, n in levels if one.skills.get(s, 0) >= n],
                "time_window": [one.shifts[0].from_s, one.shifts[0].to_s],
            }
            | (
                {}
                if known is None
                else {
                    "steps": [
                        {"type": "start"},
                        *({"type": "job", "id": j} for j in known.get(one.id, ())),
                        {"type": "end"},
                    ]
                }
            )
            for k, one in enumerate(problem.engineers)
        ],
        "jobs": [
            {
                "id": k,
                "location_index": visit.place,
                "service": visit.duration_s,
                "delivery": _amounts(problem, visit),
                "skills": [
                    levels[s, n] for s, top in visit.skills.items() for n in range(1, top + 1)
                ],
                "priority": _priority(instance, visit),
                "time_windows": [[w.from_s, w.to_s] for w in visit.windows],
            }
            for k, visit in enumerate(problem.visits)
        ],
        "matrices": {"car": {"durations": np.array(problem.travel_s).tolist()}},
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.json"
        path.write_text(json.dumps(body), encoding="utf-8")
        answer = vroom.Input.from_json(str(path)).solve(exploration_level=level, nb_threads=threads)
    routes: Routes = {}
    for step in answer.routes.to_dict("records"):
        if step["type"] == "job":
            name = problem.engineers[int(step["vehicle_id"])].id
            routes.setdefault(name, []).append(_in_file(instance, int(step["id"])))
    return routes


def _priority(instance: Instance, visit: Visit) -> int:
    return (
        0 if instance.kind == "windows" else min(MOST_PRIORITY, (visit.penalty or 0) // A_PRIORITY)
    )


def _in_file(instance: Instance, number: int) -> int:
    """Return the number by which the file knows a visit."""
    return number if instance.kind == "skills" else int(instance.problem.visits[number].id)


def _can(engineer: Engineer, visit: Visit) -> bool:
    return all(engineer.skills.get(skill, 0) >= level for skill, level in visit.skills.items())


def _parts(problem: Problem) -> list[str]:
    return sorted({part for visit in problem.visits for part in visit.parts})


def _amounts(problem: Problem, visit: Visit) -> list[int]:
    return [*visit.amount, *(visit.parts.get(part, 0) for part in _parts(problem))]


def _room(problem: Problem, engineer: Engineer) -> list[int]:
    return [*engineer.capacity, *(engineer.parts.get(part, 0) for part in _parts(problem))]
