"""Problems and plans as JSON, for the child process and for the table that keeps proposals.

Reading is strict: what is missing, of the wrong kind or not a number ends in a `ProblemError`.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, TypeVar

import numpy as np

from dispatch.engine.plan import (
    Cost,
    DepotCall,
    Plan,
    Reason,
    ReasonCode,
    Relaxation,
    Rest,
    Route,
    Stop,
    Unplaced,
    Why,
    WhyCode,
)
from dispatch.engine.problem import (
    Break,
    Depot,
    Engineer,
    Pace,
    Place,
    Planned,
    Problem,
    ProblemError,
    StoppingRule,
    Visit,
    Weights,
    Window,
)
from dispatch.engine.travel import TravelModel, travel_matrix

Json = dict[str, Any]
T = TypeVar("T")
WEIGHTS_BY_PRIORITY = ("late", "late_steep", "unplaced")
NOWHERE = np.zeros((0, 0), np.int32)
EMPTY: Json = {"engineers": (), "visits": (), "depots": ()}


def problem_to_json(problem: Problem) -> Json:
    """Return the problem as plain lists and objects."""
    body = asdict(replace(problem, travel_s=NOWHERE, profiles={}, places=(), **EMPTY))
    body["places"] = [asdict(place) for place in problem.places]
    body["engineers"] = [_plain(engineer) for engineer in problem.engineers]
    body["visits"] = [_plain(visit) for visit in problem.visits]
    body["depots"] = [_plain(depot) for depot in problem.depots]
    body["travel_s"] = problem.travel_s.tolist()
    body["profiles"] = {name: table.tolist() for name, table in problem.profiles.items()}
    # JSON has no numbers for keys.
    for table in WEIGHTS_BY_PRIORITY:
        body["weights"][table] = {str(k): v for k, v in body["weights"][table].items()}
    return body


def _plain(one: Engineer | Visit | Depot) -> Json:
    return {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in asdict(one).items()
    }


def problem_from_json(body: Json) -> Problem:
    """Return the problem; without a travel matrix one is made from the places and the model."""
    return _read(lambda: _problem(body))


def plan_to_json(plan: Plan) -> Json:
    """Return the plan as plain lists and objects, with the sums people ask for."""
    body = asdict(plan)
    for route, drawn in zip(plan.routes, body["routes"], strict=True):
        drawn["travel_s"], drawn["work_s"] = route.travel_s, route.work_s
    body["cost"]["total"] = plan.cost.total
    return body


def plan_from_json(body: Json) -> Plan:
    """Return the plan that was written by `plan_to_json`."""
    return _read(lambda: _plan(body))


def stop_from_json(body: Json) -> StoppingRule:
    """Return the stopping rule; what is not given keeps its usual value."""
    return _read(lambda: StoppingRule(**body))


def _read(build: Callable[[], T]) -> T:
    try:
        return build()
    except ProblemError:
        raise
    except KeyError as error:
        raise ProblemError(f"{error.args[0]} is missing.") from error
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise ProblemError(f"The JSON has another shape: {error}") from error


def _problem(body: Json) -> Problem:
    places = tuple(Place(float(p["lat"]), float(p["lng"])) for p in body.get("places", ()))
    if body.get("travel_s"):
        travel = body["travel_s"]
    else:
        model = dict(body.get("travel_model") or {})
        if "speed_by_hour_kmh" in model:
            model["speed_by_hour_kmh"] = tuple(model["speed_by_hour_kmh"])
        travel = travel_matrix(places, TravelModel(**model))
    weights = dict(body.get("weights") or {})
    for table in WEIGHTS_BY_PRIORITY:
        if table in weights:
            weights[table] = {int(k): v for k, v in weights[table].items()}
    return Problem(
        places=places,
        travel_s=travel,
        engineers=tuple(_engineer(engineer) for engineer in body["engineers"]),
        visits=tuple(_visit(visit) for visit in body["visits"]),
        weights=Weights(**weights),
        depots=tuple(_depot(depot) for depot in body.get("depots", ())),
        profiles=dict(body.get("profiles") or {}),
        paces=tuple(Pace(**pace) for pace in body.get("paces", ())),
        now_s=body.get("now_s", 0),
        frozen_until_s=body.get("frozen_until_s", 0),
    )


def _engineer(body: Json) -> Engineer:
    fields = dict(body)
    fields["shifts"] = tuple(Window(**shift) for shift in body["shifts"])
    fields["breaks"] = tuple(Break(**pause) for pause in body.get("breaks", ()))
    fields["territories"] = frozenset(body.get("territories", ()))
    fields["tools"] = frozenset(body.get("tools", ()))
    fields["capacity"] = tuple(body.get("capacity", ()))
    return Engineer(**fields)


def _visit(body: Json) -> Visit:
    fields = dict(body)
    fields["windows"] = tuple(Window(**window) for window in body.get("windows", ()))
    fields["preferred"] = frozenset(body.get("preferred", ()))
    fields["forbidden"] = frozenset(body.get("forbidden", ()))
    fields["planned"] = Planned(**body["planned"]) if body.get("planned") else None
    fields["promised"] = Window(**body["promised"]) if body.get("promised") else None
    fields["tools"] = frozenset(body.get("tools", ()))
    fields["only"] = frozenset(body["only"]) if body.get("only") is not None else None
    fields["amount"] = tuple(body.get("amount", ()))
    fields["after"] = tuple(body.get("after", ()))
    return Visit(**fields)


def _depot(body: Json) -> Depot:
    fields = dict(body)
    if "window" in body:
        fields["window"] = Window(**body["window"])
    if body.get("tools") is not None:
        fields["tools"] = frozenset(body["tools"])
    return Depot(**fields)


def _plan(body: Json) -> Plan:
    cost = {name: amount for name, amount in body["cost"].items() if name != "total"}
    return Plan(
        routes=tuple(_route(route) for route in body["routes"]),
        unplaced=tuple(
            Unplaced(
                left["visit_id"],
                left["penalty"],
                tuple(map(_reason, left["reasons"])),
                Relaxation(**left["relaxation"]) if left.get("relaxation") else None,
            )
            for left in body["unplaced"]
        ),
        cost=Cost(**cost),
    )


def _route(body: Json) -> Route:
    return Route(
        engineer_id=body["engineer_id"],
        leaves_s=body["leaves_s"],
        returns_s=body["returns_s"],
        stops=tuple(_stop(stop) for stop in body["stops"]),
        rests=tuple(Rest(**rest) for rest in body["rests"]),
        return_travel_s=body["return_travel_s"],
        depot=DepotCall(**body["depot"]) if body.get("depot") else None,
    )


def _stop(body: Json) -> Stop:
    fields = dict(body)
    if why := body.get("why"):
        fields["why"] = Why(**{**why, "code": WhyCode(why["code"])})
    return Stop(**fields)


def _reason(body: Mapping[str, Any]) -> Reason:
    return Reason(body["engineer_id"], ReasonCode(body["code"]), body["details"])
