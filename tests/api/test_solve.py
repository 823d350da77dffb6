"""The planner's own door: a problem in VROOM's JSON in, its answer out."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from api.herd import Gate
from tests.api.world import World
from tests.doors import Visitor

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

PROBLEM: dict[str, Any] = {
    "vehicles": [{"id": 1, "start": [121.5, 31.2], "end": [121.5, 31.2], "description": "Wang"}],
    "jobs": [{"id": 7, "location": [121.6, 31.2], "service": 600}],
    "options": {"seconds": 0.2},
}


@pytest.fixture
def dispatcher(world: World, sign_in: Callable[..., Visitor]) -> Visitor:
    """Give the dispatcher at the door."""
    return sign_in(world.accounts["dispatcher"])


def test_a_problem_is_answered_in_vroom_s_shape(dispatcher: Visitor) -> None:
    said = dispatcher.send("POST", "/v1/dispatch/solve", PROBLEM, status=200)
    assert said["code"] == 0
    assert [step["type"] for step in said["routes"][0]["steps"]] == ["start", "job", "end"]
    assert said["unassigned"] == []


def test_what_is_left_out_is_explained_in_the_language_of_the_reader(dispatcher: Visitor) -> None:
    jobs = [PROBLEM["jobs"][0] | {"skills": [3]}]
    options = PROBLEM["options"] | {"language": "zh-CN"}
    said = dispatcher.send(
        "POST", "/v1/dispatch/solve", PROBLEM | {"jobs": jobs, "options": options}, status=200
    )
    assert said["unassigned"][0]["reasons"][0]["message"] == "Wang 不具备技能 3。"


@pytest.mark.parametrize(
    ("change", "code", "place"),
    [
        ({"vehicles": []}, "vehicles_missing", "vehicles"),
        ({"jobs": [{"id": 7, "location": [0, 91]}]}, "off_the_globe", "jobs[0].location"),
        ({"options": {"seconds": 3600}}, "out_of_range", "options.seconds"),
    ],
)
def test_bad_input_is_refused_in_the_one_format_with_its_place(
    dispatcher: Visitor, change: dict[str, Any], code: str, place: str
) -> None:
    answer = dispatcher.call("POST", "/v1/dispatch/solve", PROBLEM | change)
    assert answer.status_code == 422
    assert (answer.json["code"], answer.json["details"]["place"]) == (code, place)
    assert place in answer.json["message"] or answer.json["details"]["reason"]


def test_a_number_that_no_machine_holds_is_called_so(dispatcher: Visitor) -> None:
    huge = [PROBLEM["jobs"][0] | {"id": 2**70}]
    answer = dispatcher.call("POST", "/v1/dispatch/solve", PROBLEM | {"jobs": huge})
    assert (answer.status_code, answer.json["code"]) == (422, "not_readable")
    assert answer.json["message"] == "A whole number is too large."


def test_more_than_can_be_solved_at_once_is_told_when_to_come_again(
    app: Flask, dispatcher: Visitor
) -> None:
    gate = app.extensions["fieldwright.solving"] = Gate(1, wait=0)
    with gate.passing():
        answer = dispatcher.call("POST", "/v1/dispatch/solve", PROBLEM)
    assert (answer.status_code, answer.json["code"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) > 0


def test_an_engineer_may_not_plan(world: World, sign_in: Callable[..., Visitor]) -> None:
    answer = sign_in(world.accounts["technician"]).call("POST", "/v1/dispatch/solve", PROBLEM)
    assert answer.status_code == 403
