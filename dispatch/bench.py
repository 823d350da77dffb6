"""Benchmark files solved and checked: `python -m dispatch bench FILES --seconds N`."""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from dispatch.engine.arrays import Compiled, compiled
from dispatch.engine.day import days_of
from dispatch.engine.instances import Instance, read_instance
from dispatch.engine.problem import ProblemError, StoppingRule
from dispatch.engine.team import Team
from dispatch.engine.warm import warm

BAD_INPUT = 2
HEAD = f"{'instance':<22}{'cost':>14}{'vehicles':>10}{'unserved':>10}{'gap %':>9}{'seconds':>9}{'steps/s':>9}  valid"


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one file. `gap` is in per cent of the best known, None where none is known."""

    instance: str
    cost: float
    vehicles: int
    unserved: int
    gap: float | None
    seconds: float
    steps: int
    valid: bool
    broken: tuple[str, ...]


def main(arguments: list[str]) -> int:
    """Solve the files and print a row for each, and the mean gap."""
    parser = argparse.ArgumentParser(prog="python -m dispatch bench", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--iterations", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    try:
        stop = StoppingRule(asked.seconds, asked.iterations)
        instances = [read_instance(path) for path in asked.files]
    except ProblemError as error:
        sys.stderr.write(json.dumps({"code": error.code, "error": str(error)}) + "\n")
        return BAD_INPUT
    # Compiling is no part of what is measured.
    warm()
    if not asked.json:
        sys.stdout.write(HEAD + "\n")
    rows = []
    for instance in instances:
        rows.append(solved(instance, stop, asked.seed))
        if not asked.json:
            sys.stdout.write(_line(rows[-1]) + "\n")
            sys.stdout.flush()
    gaps = [row.gap for row in rows if row.gap is not None]
    mean = sum(gaps) / len(gaps) if gaps else None
    if asked.json:
        body = {"rows": [asdict(row) for row in rows], "mean_gap": mean}
        sys.stdout.write(json.dumps(body) + "\n")
    elif mean is not None:
        sys.stdout.write(f"mean gap of {len(gaps)}: {mean:.3f} %\n")
    return 0 if all(row.valid for row in rows) else 1


def solved(instance: Instance, stop: StoppingRule, seed: int) -> Row:
    """Return the row of one instance, its routes judged by the check of its format."""
    began = time.monotonic()
    problem = instance.problem
    made = compiled(
        problem,
        list(days_of(problem).values()),
        problem.visits,
        scale=instance.scale,
        exact=instance.exact,
    )
    team = Team(made.question, stop, seed)
    team.solve(began=began)
    seconds = time.monotonic() - began
    verdict = instance.check(_as_in_the_file(instance, made, team.best or []))
    gap = None if not instance.best else (verdict.cost / instance.best - 1) * 100
    return Row(
        instance.name,
        verdict.cost,
        verdict.vehicles,
        verdict.unserved,
        gap,
        seconds,
        team.made,
        not verdict.broken,
        verdict.broken[:5],
    )


def _as_in_the_file(
    instance: Instance, made: Compiled, routes: list[list[int]]
) -> dict[str, list[int]]:
    def number(node: int) -> int:
        if node >= len(made.visits):
            return -1
        return node if instance.kind == "skills" else int(made.visits[node].id)

    return {
        day.engineer.id: [number(node) for node in route]
        for day, route in zip(made.days, routes, strict=False)
    }


def _line(row: Row) -> str:
    gap = "" if row.gap is None else f"{row.gap:.3f}"
    valid = "yes" if row.valid else "NO: " + "; ".join(row.broken)
    return (
        f"{row.instance:<22}{row.cost:>14.4f}{row.vehicles:>10}{row.unserved:>10}{gap:>9}"
        f"{row.seconds:>9.1f}{row.steps / max(row.seconds, 1e-9):>9.0f}  {valid}"
    )
