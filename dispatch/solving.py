"""One problem in VROOM's JSON, solved in this process: `python -m dispatch solve PROBLEM.json`.

The answer goes to standard output as one line of JSON, code 0; what cannot be read is answered with
`{"code": 2, "error": ..., "name": ..., "place": ...}` and exit code 2. Without arguments the problem
is read from standard input: so the REST door runs it, in a process of its own.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.languages import LANGUAGES
from core.settings import SettingsError, from_environment
from dispatch.engine.explanations import explained
from dispatch.engine.plan import Plan, Unplaced
from dispatch.engine.pricing import priced
from dispatch.engine.problem import Engineer, Place, Problem, Visit
from dispatch.engine.solver import explaining_s, solve
from dispatch.engine.validator import violations
from dispatch.engine.vroom import BadInput, Question, answered, asked
from dispatch.engine.vroom.answer import Say, distance_of
from dispatch.engine.vroom.shapes import Table
from dispatch.engine.warm import prepare
from dispatch.sentences import obstacle
from dispatch.travel.drives import drives_between, service_of

BAD_INPUT = 2
# A route that is too long in metres is tried again with less driving so often.
MOST_TRIES = 4


def answer(body: Any, **options: Any) -> dict[str, Any]:
    """Return the answer to a problem in VROOM's JSON; options given here come before its own.

    Raises BadInput.
    """
    prepare(_say_preparing)
    began = time.monotonic()
    question = asked(_with(body, options), router_drives)
    loaded = time.monotonic()
    plan = solved(question)
    times = {
        "loading": _milliseconds(loaded - began),
        "solving": _milliseconds(time.monotonic() - loaded),
    }
    return answered(question, plan, say=_speaker(body), times=times)


def solved(question: Question) -> Plan:
    """Return the plan of a question: its routes no longer than allowed, its shipments whole."""
    problem, left_out = question.problem, set[str]()
    stop = question.stop
    plan = solve(problem, stop, seed=question.seed, explain=False)
    for number in range(1, MOST_TRIES + 1):
        torn = _torn(problem, plan)
        shorter = _shortened(question, problem, plan, surely=number == MOST_TRIES)
        if not torn and shorter is None:
            break
        left_out |= torn
        problem = shorter or problem
        kept = tuple(visit for visit in problem.visits if visit.id not in left_out)
        problem = replace(problem, visits=kept)
        stop = replace(stop, seconds=max(0.1, stop.seconds / 2))
        plan = solve(problem, stop, seed=question.seed, explain=False)
    return _whole(question, plan)


def router_drives(places: Sequence[Place], profile: str) -> Table:
    """Return the driving times by the router of the settings, or by the model."""
    router = from_environment().router
    seconds = router.seconds if router is not None else 1.0
    made = drives_between(places, service_of(router), profile=profile, seconds=seconds)
    return Table(made.seconds, made.metres, made.notes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Solve the problem in a file, or on standard input, and write the answer."""
    parser = argparse.ArgumentParser("python -m dispatch solve", description=__doc__)
    parser.add_argument("problem", nargs="?", default="-", help="a file, or - for standard input")
    parser.add_argument("--seconds", type=float, help="how long to search")
    parser.add_argument("--seed", type=int, help="which of the equal plans")
    parser.add_argument(
        "--iterations", type=int, help="rounds of search, for the same plan each time"
    )
    given = parser.parse_args([] if arguments is None else arguments)
    options = {
        name: value
        for name in ("seconds", "seed", "iterations")
        if (value := getattr(given, name)) is not None
    }
    try:
        return _say_out(answer(_read(given.problem), **options))
    except BadInput as error:
        refusal = {"code": BAD_INPUT, "error": str(error), "name": error.code, "place": error.place}
        return _say_out(refusal)
    except SettingsError as error:
        return _say_out({"code": BAD_INPUT, "error": str(error), "name": "settings", "place": ""})


def _read(path: str) -> Any:
    try:
        raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise BadInput("not_readable", f"{path} cannot be read: {error.strerror}.") from error
    try:
        return json.loads(raw, parse_constant=_no_number)
    except BadInput:
        raise
    except (ValueError, RecursionError) as error:
        raise BadInput("not_json", f"This is not JSON: {str(error)[:200]}.") from error


def _no_number(name: str) -> float:
    raise BadInput("not_a_number", f"{name} is not a number.")


def _say_preparing() -> None:
    sys.stderr.write("Preparing the search, once; python -m dispatch warm does it ahead.\n")
    sys.stderr.flush()


def _say_out(body: Mapping[str, Any]) -> int:
    sys.stdout.write(json.dumps(body, ensure_ascii=True) + "\n")
    sys.stdout.flush()
    return int(body["code"])


def _with(body: Any, options: Mapping[str, Any]) -> Any:
    if not options or not isinstance(body, dict):
        return body
    own = body.get("options")
    return body | {"options": (own if isinstance(own, dict) else {}) | dict(options)}


def _torn(problem: Problem, plan: Plan) -> set[str]:
    """Return the pickups that are planned without their deliveries, and those deliveries."""
    placed = {stop.visit_id for route in plan.routes for stop in route.stops}
    torn: set[str] = set()
    for visit in problem.visits:
        first = visit.with_engineer_of
        if _is_delivery(visit) and first in placed and visit.id not in placed:
            torn |= {visit.id, str(first)}
    return torn


def _is_delivery(visit: Visit) -> bool:
    return visit.id.startswith("delivery:")


def _shortened(question: Question, problem: Problem, plan: Plan, *, surely: bool) -> Problem | None:
    """Return the problem with less driving for whoever goes too far; None when nobody does."""
    engineers = {engineer.id: engineer for engineer in problem.engineers}
    shorter: dict[str, Engineer] = {}
    for route in plan.routes:
        far = question.vehicles[route.engineer_id].max_distance
        if far is None or not route.stops:
            continue
        engineer, metres = engineers[route.engineer_id], distance_of(question, route)
        if metres <= far:
            continue
        # Half-way to what would be in proportion: the next route may have other roads.
        most = route.travel_s * (far + metres) // (2 * metres)
        if surely:
            most = _surely(question, problem, engineer, far)
        shorter[engineer.id] = replace(engineer, max_travel_s=most)
    if not shorter:
        return None
    return replace(problem, engineers=tuple(shorter.get(e.id, e) for e in problem.engineers))


def _surely(question: Question, problem: Problem, engineer: Engineer, far: int) -> int:
    """Return how long one may drive so that even on the fastest roads it is not too far."""
    metres = question.metres[question.vehicles[engineer.id].profile]
    seconds = problem.matrix_of(engineer)
    if metres is None or not (metres > 0).any():
        return 0
    slowest = float((seconds[metres > 0] / metres[metres > 0]).min())
    return int(far * slowest * 1000 / engineer.speed_per_mille)


def _whole(question: Question, plan: Plan) -> Plan:
    """Return the plan as an answer to the whole question, judged and explained.

    Raises RuntimeError for a plan that breaks a rule: it is a fault of ours, and not to be driven.
    """
    asked_for = question.problem
    placed = {stop.visit_id for route in plan.routes for stop in route.stops}
    left = tuple(
        Unplaced(visit.id, asked_for.weights.penalty(visit), ())
        for visit in asked_for.visits
        if visit.id not in placed
    )
    plan = replace(plan, unplaced=left)
    plan = replace(plan, cost=priced(asked_for, plan))
    plan = explained(asked_for, plan, seconds=explaining_s(question.stop))
    if broken := violations(asked_for, plan):
        raise RuntimeError(f"The plan breaks {len(broken)} rules, the first: {broken[0]}")
    return plan


def _speaker(body: Mapping[str, Any]) -> Say:
    options = body.get("options") or {}
    language = options.get("language") or LANGUAGES[0]
    return lambda code, details: obstacle(code, dict(details), language)


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


if __name__ == "__main__":
    sys.exit(main())
