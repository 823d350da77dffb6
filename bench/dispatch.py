"""The planner beside PyVRP and VROOM: the same instances, the same processor time, one judge.

Every plan is judged by the check of its file's format, which shares nothing with any of the three.
PyVRP runs on one core and is given as many seconds as ours has on all cores together; VROOM takes
the time it needs at its best level (on a thousand customers: at its second). The files are looked for in the folder that
FIELDWRIGHT_BENCHMARKS names; without it the made-up instances remain. BENCH_QUICK=1 gives all
a tenth of the time.
"""

import os
import resource
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.customers import KINDS, a_thousand
from bench.questions import emergencies, large_days
from bench.rivals import Routes, at_hand, pyvrp_routes, vroom_routes
from dispatch.bench import solved
from dispatch.engine.instances import Instance, read_instance
from dispatch.engine.problem import ProblemError, StoppingRule
from dispatch.engine.warm import warm

# At its best level VROOM takes minutes for a thousand customers.
VROOM_LEVEL, VROOM_SOON = 5, 1
# Seconds by kind of file, and from so many visits on.
SECONDS = {"windows": 2.0, "skills": 10.0, "technicians": 30.0}
MANY = ((900, 30.0), (150, 10.0))
LARGE_DAYS = (5.0, 30.0, 120.0)
EMERGENCY_AMONG = 150


def run() -> None:
    """Print a line for each instance: what each planner found, and the gap to the best known."""
    share = 0.1 if os.environ.get("BENCH_QUICK") else 1.0
    cores = os.cpu_count() or 1
    warm()
    instances = [*_files(), *(a_thousand(kind) for kind in KINDS)]
    print(f"dispatch: {cores} cores; PyVRP has the same processor time on one, VROOM its own")
    gaps: dict[str, list[float]] = {}
    for instance in instances:
        seconds = _seconds(instance) * share
        row = solved(instance, StoppingRule(seconds), 1)
        line = f"  {row.instance:<12}{seconds:5.1f} s {row.cost:12.1f}{_per_cent(row.gap)}"
        line += f", {row.unserved} left out" if row.unserved else ""
        line += "" if row.valid else f" INVALID {row.broken}"
        if row.gap is not None:
            gaps.setdefault(instance.kind, []).append(row.gap)
        if instance.kind != "technicians":
            # As far as their documents say, neither can state own stock before a depot.
            line += _theirs("PyVRP", instance, lambda i, s=seconds: pyvrp_routes(i, s * cores))
            level = VROOM_LEVEL if len(instance.problem.visits) < MANY[0][0] else VROOM_SOON
            line += _theirs("VROOM", instance, lambda i, n=level: vroom_routes(i, cores, level=n))
        print(line, flush=True)
    for kind, found in gaps.items():
        print(f"  mean gap of {len(found)} ({kind}): {sum(found) / len(found):.3f} %")
    for instance in instances:
        if instance.kind == "skills" and len(instance.problem.visits) == EMERGENCY_AMONG:
            emergencies(instance, 10.0 * share, cores)
    large_days([seconds * share for seconds in LARGE_DAYS] if share < 1 else LARGE_DAYS)
    print(f"  most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def _files() -> Sequence[Instance]:
    folder = os.environ.get("FIELDWRIGHT_BENCHMARKS")
    if not folder:
        print("dispatch: no benchmark files; name their folder in FIELDWRIGHT_BENCHMARKS")
        return []
    found = []
    for path in sorted((*Path(folder).rglob("*.txt"), *Path(folder).rglob("S*.json"))):
        try:
            found.append(read_instance(path))
        except ProblemError as error:
            print(f"  {path.name}: {error}")
    return found


def _seconds(instance: Instance) -> float:
    if instance.kind == "windows":
        for count, seconds in MANY:
            if len(instance.problem.visits) >= count:
                return seconds
    return SECONDS[instance.kind]


def _theirs(name: str, instance: Instance, find: Callable[[Instance], Routes]) -> str:
    if not at_hand(name.lower()):
        return ""
    verdict = instance.check(find(instance))
    gap = None if not instance.best else (verdict.cost / instance.best - 1) * 100
    left = f", {verdict.unserved} left out" if verdict.unserved else ""
    broken = f" INVALID {verdict.broken[:2]}" if verdict.broken else ""
    return f" | {name} {verdict.cost:.1f}{_per_cent(gap)}{left}{broken}"


def _per_cent(gap: float | None) -> str:
    return "" if gap is None else f" {gap:+.3f} %"
