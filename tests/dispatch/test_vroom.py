"""Problems in VROOM's JSON: read strictly, answered in its shape, with reasons."""

import json
import subprocess
import sys
from copy import deepcopy
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dispatch.engine.vroom import BadInput, asked
from dispatch.solving import answer

ROOT = Path(__file__).parents[2]
NAN = float("nan")
MIDNIGHT = 1_772_409_600  # a time stamp, as VROOM lets times be
QUICK = {"seconds": 0.5, "iterations": 200}
TABLE = [[0, 600, 1200], [660, 0, 600], [1260, 660, 0]]


def task(number: int, place: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": number, "location_index": place, "service": 300, **more}


def vehicle(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": number, "start_index": 0, "end_index": 0, **more}


def problem(jobs: list[Any], vehicles: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    """A problem on one street with a table of its own."""
    return {
        "vehicles": vehicles or [vehicle()],
        "jobs": jobs,
        "matrices": {"car": {"durations": deepcopy(TABLE)}},
        "options": dict(QUICK),
        **more,
    }


def steps(said: dict[str, Any], kind: str = "job") -> dict[Any, dict[str, Any]]:
    return {
        step["id"]: step
        for route in said["routes"]
        for step in route["steps"]
        if step["type"] == kind
    }


# The shape of an answer.


def test_no_fixed_cost_keeps_a_job_from_being_done() -> None:
    said = answer(problem([task(1), task(2, 2)], [vehicle(costs={"fixed": 1_000_000_000})]))
    assert (said["unassigned"], len(steps(said))) == ([], 2)


def test_an_answer_has_vroom_s_shape() -> None:
    said = answer(problem([task(7, 1, setup=60, priority=5), task(8, 2, description="Pump")]))
    assert said["code"] == 0
    summary = said["summary"]
    assert {k: summary[k] for k in ("routes", "unassigned", "setup", "service", "duration")} == {
        "routes": 1,
        "unassigned": 0,
        "setup": 60,
        "service": 600,
        "duration": 2460,
    }
    assert (summary["cost"], summary["priority"], summary["violations"]) == (2460, 5, [])
    assert {"loading", "solving"} <= set(summary["computing_times"])
    (route,) = said["routes"]
    assert [step["type"] for step in route["steps"]] == ["start", "job", "job", "end"]
    moment = route["steps"][0]["arrival"]
    for before, step in pairwise(route["steps"]):
        driven = step["duration"] - before["duration"]
        moment += before["setup"] + before["service"] + before["waiting_time"] + driven
        assert step["arrival"] == moment
        assert step["violations"] == []
    assert steps(said)[8]["description"] == "Pump"
    assert steps(said)[7]["location_index"] == 1
    assert route["steps"][-1]["duration"] == route["duration"]


def test_moments_may_be_time_stamps() -> None:
    window = [MIDNIGHT + 9 * 3600, MIDNIGHT + 10 * 3600]
    shift = [MIDNIGHT + 8 * 3600, MIDNIGHT + 17 * 3600]
    said = answer(problem([task(1, time_windows=[window])], [vehicle(time_window=shift)]))
    step = steps(said)[1]
    assert window[0] <= step["arrival"] + step["waiting_time"] <= window[1]


def test_coordinates_are_driven_by_the_model_and_metres_are_told() -> None:
    jobs = [{"id": 1, "location": [121.6, 31.2]}]
    said = answer({"vehicles": [{"id": 1, "start": [121.5, 31.2]}], "jobs": jobs, "options": QUICK})
    assert said["summary"]["distance"] == pytest.approx(12_840, rel=0.01)
    assert said["routes"][0]["steps"][-1]["location"] == [121.6, 31.2]


def test_a_vehicle_may_begin_where_its_work_is() -> None:
    said = answer(problem([task(1, 2)], [{"id": 1, "end_index": 0}]))
    assert said["summary"]["duration"] == TABLE[2][0]
    assert said["routes"][0]["steps"][0]["type"] == "job"


def test_a_break_is_a_step_with_its_id() -> None:
    lunch = {"id": 4, "time_windows": [[3600, 7200]], "service": 1800, "description": "Lunch"}
    day = vehicle(time_window=[0, 20_000], breaks=[lunch])
    said = answer(problem([task(1, service=3000), task(2, service=5000)], [day]))
    pause = steps(said, "break")[4]
    assert 3600 <= pause["arrival"] <= 7200
    assert (pause["service"], pause["description"]) == (1800, "Lunch")


def test_what_is_delivered_is_on_board_from_the_start() -> None:
    van = vehicle(capacity=[5])
    said = answer(problem([task(1, delivery=[2]), task(2, 2, delivery=[3])], [van]))
    loads = [step["load"] for step in said["routes"][0]["steps"]]
    assert (loads[0], loads[-1]) == ([5], [0])
    assert said["summary"]["delivery"] == [5]
    small = answer(
        problem([task(1, delivery=[2]), task(2, 2, delivery=[3])], [vehicle(capacity=[4])])
    )
    assert small["summary"]["unassigned"] == 1
    assert small["unassigned"][0]["reasons"][0]["code"] == "capacity"


def test_a_shipment_is_fetched_before_it_is_brought_and_by_one_vehicle() -> None:
    parcel = {"pickup": task(3, 2), "delivery": task(3, 1), "amount": [1]}
    vehicles = [vehicle(1, capacity=[1]), vehicle(2, capacity=[1])]
    said = answer(
        problem(
            [],
            vehicles,
            shipments=[parcel, {**parcel, "pickup": task(4, 2), "delivery": task(4, 1)}],
        )
    )
    assert said["summary"]["unassigned"] == 0
    for number in (3, 4):
        (route,) = [r for r in said["routes"] if any(s.get("id") == number for s in r["steps"])]
        kinds = [s["type"] for s in route["steps"] if s.get("id") == number]
        assert kinds == ["pickup", "delivery"]
        assert max(step["load"][0] for step in route["steps"]) == 1


def test_a_route_is_no_longer_than_allowed_in_metres() -> None:
    far = {
        "car": {
            "durations": TABLE,
            "distances": [[0, 5000, 9000], [5000, 0, 9000], [9000, 9000, 0]],
        }
    }
    body = problem([task(1, 1), task(2, 2)], [vehicle(max_distance=10_500)], matrices=far)
    said = answer(body)
    assert list(steps(said)) == [1]
    assert said["summary"]["distance"] == 10_000


def test_of_two_jobs_the_one_with_priority_is_done() -> None:
    short = vehicle(max_tasks=1)
    said = answer(problem([task(1), task(2, priority=1)], [short]))
    assert list(steps(said)) == [2]
    assert said["unassigned"][0]["id"] == 1


def test_skills_may_be_numbers_or_levels() -> None:
    vehicles = [vehicle(1, skills=[1]), vehicle(2, skills={"gas": 2, "1": 1})]
    jobs = [task(1, skills=[1]), task(2, skills={"gas": 2}), task(3, skills={"gas": 3})]
    said = answer(problem(jobs, vehicles))
    (left,) = said["unassigned"]
    assert left["id"] == 3
    assert [(r["vehicle"], r["code"]) for r in left["reasons"]] == [
        (1, "skill_missing"),
        (2, "skill_level"),
    ]
    assert left["reasons"][1]["message"] == "Vehicle 2 has gas at level 2, level 3 is needed."
    assert (left["change"]["vehicle"], left["change"]["details"]["skill:gas"]) == (2, 3)


def test_what_cannot_be_done_in_time_tells_the_change_that_would_help() -> None:
    day = vehicle(time_window=[0, 3000])
    (left,) = answer(problem([task(1, 2, service=1200)], [day]))["unassigned"]
    assert left["reasons"][0] == {
        "vehicle": 1,
        "code": "no_time_left",
        "details": {"minutes": 11},
        "message": "Vehicle 1 would be 11 min too late.",
    }
    assert left["change"]["details"] == {"position": 0, "overtime_s": 660}


def test_parts_tools_and_a_depot_on_the_way() -> None:
    jobs = [task(1, 1, parts={"seal": 1}, tools=["press"])]
    without = answer(problem(jobs))
    assert without["unassigned"][0]["reasons"][0]["code"] == "part_missing"
    depot = {"id": "main", "location_index": 2, "service": 60}
    said = answer(problem(jobs, depots=[depot]))
    assert [step["type"] for step in said["routes"][0]["steps"]] == ["start", "depot", "job", "end"]


def test_a_locked_job_stays_and_one_after_another_waits() -> None:
    jobs = [
        task(1, lock={"vehicle": 2, "start": 5000}),
        task(2, 2, after=[1], gap=600),
    ]
    said = answer(problem(jobs, [vehicle(1), vehicle(2)]))
    one, two = steps(said)[1], steps(said)[2]
    assert one["arrival"] + one["waiting_time"] == 5000
    assert two["arrival"] + two["waiting_time"] >= 5000 + 300 + 600
    (route,) = [r for r in said["routes"] if r["vehicle"] == 2]
    assert any(step.get("id") == 1 for step in route["steps"])


def test_steps_are_where_the_search_begins() -> None:
    route = [{"type": "start"}, {"type": "job", "id": 2}, {"type": "job", "id": 1}, {"type": "end"}]
    question = asked(problem([task(1, 1), task(2, 2)], [vehicle(steps=route)]))
    begun = {visit.id: visit.planned for visit in question.problem.visits}
    assert begun["job:2"] is not None
    assert begun["job:1"] is not None
    assert begun["job:2"].start_s < begun["job:1"].start_s
    assert question.problem.weights.moved == 0


def test_what_means_nothing_is_noted_and_not_dropped_in_silence() -> None:
    said = answer(problem([task(1, colour="red")], geometry=True))
    assert said["notes"] == [
        "geometry means nothing here and was left aside.",
        "jobs[0].colour means nothing here and was left aside.",
    ]


# Bad input.


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        (3, "not_an_object", ""),
        ({}, "vehicles_missing", ""),
        (problem([], vehicles=[vehicle()]), "jobs_missing", "jobs"),
        ({"vehicles": [], "jobs": [task(1)]}, "vehicles_missing", "vehicles"),
        (problem({"id": 1}), "not_a_list", "jobs"),  # type: ignore[arg-type]
        (problem([3]), "not_an_object", "jobs[0]"),
        (problem([task(1), task(1)]), "duplicate_id", "jobs[1].id"),
        (problem([task(1)], [vehicle(1), vehicle(1)]), "duplicate_id", "vehicles[1].id"),
        (problem([{"location_index": 1}]), "id_missing", "jobs[0]"),
        (problem([{"id": 1}]), "location_index_missing", "jobs[0]"),
        (problem([task(1, 3)]), "out_of_range", "jobs[0].location_index"),
        (problem([task(1, service=-1)]), "negative", "jobs[0].service"),
        (problem([task(1, service="5")]), "not_a_whole_number", "jobs[0].service"),
        (problem([task(1, service=1.5)]), "not_a_whole_number", "jobs[0].service"),
        (problem([task(1, service=True)]), "not_a_whole_number", "jobs[0].service"),
        (problem([task(1, service=10**40)]), "out_of_range", "jobs[0].service"),
        (problem([task(1, time_windows=[[9, 5]])]), "window_backwards", "jobs[0].time_windows[0]"),
        (problem([task(1, time_windows=[[9]])]), "bad_window", "jobs[0].time_windows[0]"),
        (
            problem([task(1, time_windows=[[NAN, 5]])]),
            "not_a_whole_number",
            "jobs[0].time_windows[0][0]",
        ),
        (problem([task(1, priority=101)]), "out_of_range", "jobs[0].priority"),
        (
            problem([task(1, delivery=[1])], [vehicle(capacity=[1, 2])]),
            "amount_size",
            "jobs[0].delivery",
        ),
        (problem([task(1, preferred=[9])]), "unknown_vehicle", "jobs[0].preferred"),
        (problem([task(1, after=[9])]), "unknown_job", "jobs[0].after"),
        (problem([task(1, after=[2]), task(2, after=[1])]), "circle", ""),
        (
            problem([task(1, service_per_type={"van": 3})]),
            "unsupported",
            "jobs[0].service_per_type",
        ),
        (problem([task(1)], [{"id": 1}]), "start_missing", "vehicles[0]"),
        (problem([task(1)], [vehicle(speed_factor=0)]), "out_of_range", "vehicles[0].speed_factor"),
        (
            problem([task(1)], [vehicle(time_window=[5, 1])]),
            "window_backwards",
            "vehicles[0].time_window",
        ),
        (problem([task(1)], [vehicle(profile="bike")]), "matrix_missing", "matrices"),
        (
            problem([task(1)], [vehicle(steps=[{"type": "job", "id": 4}])]),
            "unknown_job",
            "vehicles[0].steps[0].id",
        ),
        (problem([task(1)], matrices={}), "matrix_missing", "matrices"),
        (problem([task(1)], matrices={"car": {}}), "durations_missing", "matrices.car"),
        (
            problem([task(1)], matrices={"car": {"durations": [[0, 1], [1]]}}),
            "matrix_size",
            "matrices.car.durations[1]",
        ),
        (
            problem([task(1)], matrices={"car": {"durations": [[0, -1], [1, 0]]}}),
            "negative",
            "matrices.car.durations[0][1]",
        ),
        (
            problem([task(1)], matrices={"car": {"durations": TABLE, "costs": TABLE}}),
            "unsupported",
            "matrices.car.costs",
        ),
        (problem([task(1)], options={"seconds": 31}), "out_of_range", "options.seconds"),
        (problem([task(1)], options={"seconds": NAN}), "out_of_range", "options.seconds"),
        (problem([task(1)], weights={"moved": -1}), "negative", "weights.moved"),
        (problem([task(1)], weights={"beauty": 1}), "unknown_weight", "weights.beauty"),
        (problem([task(number) for number in range(10_000)]), "too_many_visits", "jobs"),
        (
            {"vehicles": [{"id": 1, "start": [0, 91]}], "jobs": [{"id": 1, "location": [0, 0]}]},
            "off_the_globe",
            "vehicles[0].start",
        ),
        (
            {"vehicles": [{"id": 1, "start": [0, 0]}], "jobs": [{"id": 1, "location": [NAN, 0]}]},
            "out_of_range",
            "jobs[0].location[0]",
        ),
        (
            {"vehicles": [{"id": 1, "start": [0, 0]}], "jobs": [{"id": 1, "location": ["0", 0]}]},
            "not_a_number",
            "jobs[0].location[0]",
        ),
        (
            {"vehicles": [{"id": 1, "start": [0, 0]}], "jobs": [{"id": 1}]},
            "location_missing",
            "jobs[0]",
        ),
    ],
    ids=map(str, count(1)),
)
def test_bad_input_is_refused_by_name_and_place(body: Any, code: str, place: str) -> None:
    with pytest.raises(BadInput) as caught:
        asked(body)
    assert (caught.value.code, caught.value.place) == (code, place)
    assert str(caught.value).endswith(".")


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(-5, 5), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
FULL = problem(
    [
        task(1, setup=5, skills=[1], delivery=[1], time_windows=[[0, 9000]], priority=3, due=400),
        task(
            2, 2, after=[1], gap=5, parts={"seal": 1}, tools=["press"], preferred=[1], only=[1, 2]
        ),
        task(
            3, 2, lock={"vehicle": 1, "start": 7000}, promised=[0, 9], territory="north", group="g"
        ),
        task(
            4, planned={"vehicle": 2, "start": 5}, crew=2, same_vehicle_as=1, urgency=1, penalty=9
        ),
    ],
    [
        vehicle(
            1,
            skills=[1],
            capacity=[3],
            time_window=[0, 20_000],
            costs={"fixed": 5, "per_hour": 7200},
        ),
        vehicle(
            2,
            breaks=[{"id": 1, "time_windows": [[1, 9]], "service": 4}],
            steps=[{"type": "job", "id": 2}],
            skills_until={"1": 9},
            territories=["north"],
            max_tasks=3,
            max_distance=10**6,
        ),
    ],
    shipments=[{"pickup": task(1), "delivery": task(1, 2), "amount": [1], "skills": [1]}],
    depots=[{"id": 1, "location_index": 1, "parts": {"seal": 3}, "tools": ["press"]}],
    weights={"late": {"1": 5}, "span": 1},
    now=3,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON."""
    found = [path]
    if isinstance(value, dict):
        found += [one for key, inner in value.items() for one in places(inner, (*path, key))]
    elif isinstance(value, list):
        found += [one for n, inner in enumerate(value) for one in places(inner, (*path, n))]
    return found


def changed(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    body = deepcopy(body)
    inner = body
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return body


def test_the_problem_that_is_broken_in_every_place_is_whole() -> None:
    assert len(asked(FULL).problem.visits) == 6


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(places(FULL)), ODD)
@example(("options",), {"seconds": 10**400})
def test_no_value_in_any_place_ends_in_anything_but_a_problem_or_a_named_refusal(
    path: tuple[Any, ...], value: Any
) -> None:
    body = changed(FULL, path, value)
    try:
        question = asked(body)
    except BadInput as error:
        refusal = f"{error.code}: {error}"
        assert len(refusal) > 5
    else:
        jobs = body.get("jobs") or []
        assert len(question.tasks) == len(jobs) + 2 * len(body.get("shipments") or [])


# The command.


def run(*arguments: str, given: str = "") -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "dispatch", "solve", *arguments],
        input=given,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def test_the_command_solves_a_file_and_the_same_way_each_time(tmp_path: Path) -> None:
    path = tmp_path / "problem.json"
    path.write_text(
        json.dumps(problem([task(n, 1 + n % 2) for n in range(8)], [vehicle(1), vehicle(2)]))
    )
    arguments = (str(path), "--seconds", "20", "--seed", "4", "--iterations", "100")
    (code, one), (_, other) = run(*arguments), run(*arguments)
    assert (code, one["code"]) == (0, 0)
    assert one["routes"] == other["routes"]


@pytest.mark.parametrize(
    ("given", "name", "place"),
    [
        ("nonsense", "not_json", ""),
        ('{"vehicles": [{"id": NaN}]}', "not_a_number", ""),
        (json.dumps(problem([task(1, service=-3)])), "negative", "jobs[0].service"),
    ],
)
def test_the_command_answers_bad_input_with_an_error_and_exit_code_2(
    given: str, name: str, place: str
) -> None:
    code, said = run("-", given=given)
    assert (code, said["code"], said["name"], said["place"]) == (2, 2, name, place)
    assert said["error"]


def test_a_file_that_is_not_there_is_an_error_too() -> None:
    code, said = run("nowhere.json")
    assert (code, said["name"]) == (2, "not_readable")
