"""The planner beside PyVRP on the same files and the same processor time, judged by the same check.

PyVRP is no part of the project: where it is not installed only our planner is measured. The files
are looked for in the folder named by FIELDWRIGHT_BENCHMARKS.
"""

import importlib
import os
import time
from pathlib import Path
from typing import Any

from dispatch.bench import solved
from dispatch.engine.instances import Instance, read_instance
from dispatch.engine.problem import ProblemError, StoppingRule
from dispatch.engine.warm import warm

SECONDS = 5.0


def run() -> None:
    """Print a line for each file: cost and gap of our planner and, where it can be had, of PyVRP."""
    folder = os.environ.get("FIELDWRIGHT_BENCHMARKS")
    files = sorted(Path(folder).rglob("*.txt")) if folder else []
    if not files:
        print("dispatch: no benchmark files; name their folder in FIELDWRIGHT_BENCHMARKS")
        return
    warm()
    cores = os.cpu_count() or 1
    print(f"dispatch: {SECONDS:.0f} s on {cores} cores; PyVRP {SECONDS * cores:.0f} s on one")
    for path in files:
        try:
            instance = read_instance(path)
        except ProblemError as error:
            print(f"  {path.name}: {error}")
            continue
        row = solved(instance, StoppingRule(SECONDS), 1)
        line = f"  {row.instance:<12} {row.cost:12.2f} {_per_cent(row.gap)}"
        line += "" if row.valid else f" INVALID {row.broken}"
        print(line + _theirs(instance, SECONDS * cores))


def _per_cent(gap: float | None) -> str:
    return "" if gap is None else f"{gap:7.3f} %"


def _theirs(instance: Instance, seconds: float) -> str:
    if instance.kind != "windows":
        return ""
    try:
        pyvrp: Any = importlib.import_module("pyvrp")
        stop: Any = importlib.import_module("pyvrp.stop")
    except ImportError:
        return ""
    began = time.monotonic()
    problem = instance.problem
    model = pyvrp.Model()
    day = problem.engineers[0]
    depot = model.add_depot(0, 0)
    shift = day.shifts[0]
    model.add_vehicle_type(
        len(problem.engineers), capacity=day.capacity[0], tw_early=shift.from_s, tw_late=shift.to_s
    )
    places = [depot]
    for visit in problem.visits:
        window = visit.windows[0]
        places.append(
            model.add_client(
                0, 0, delivery=visit.amount[0], service_duration=visit.duration_s,
                tw_early=window.from_s, tw_late=window.to_s,
            )
        )  # fmt: skip
    for a, one in enumerate(places):
        for b, other in enumerate(places):
            if a != b:
                drive = int(problem.travel_s[a][b])
                model.add_edge(one, other, distance=drive, duration=drive)
    found = model.solve(stop.MaxRuntime(seconds), seed=1, display=False).best
    routes = {f"v{k}": list(route.visits()) for k, route in enumerate(found.routes())}
    verdict = instance.check(routes)
    gap = (verdict.cost / instance.best - 1) * 100 if instance.best else None
    took = time.monotonic() - began
    return f" | PyVRP {verdict.cost:12.2f} {_per_cent(gap)} in {took:.0f} s"
