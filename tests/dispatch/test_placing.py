"""A visit held over somebody's day: what would break, in words; who could take it; and moving it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core import clock
from core.errors import StaleVersion
from core.settings import Router
from core.unit import perform, reading
from dispatch.actions import move_visits
from dispatch.questions import candidates, check_placing
from dispatch.travel import roads
from people.models import Technician
from tests.dispatch.services import serving
from tests.makers import Maker
from work.models import Visit, VisitState

SHANGHAI = ZoneInfo("Asia/Shanghai")


def a_day() -> date:
    return clock.now().date() + timedelta(days=3)


def at(hour: int, minute: int = 0) -> datetime:
    day = a_day()
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=SHANGHAI).astimezone(UTC)


def check(make: Maker, visit: Visit, who: Technician, starts_at: datetime | None) -> dict[str, Any]:
    with reading(make.system) as unit:
        return check_placing(
            unit, visit_id=visit.id, technician_id=who.id, day=a_day(), starts_at=starts_at
        )


def messages(findings: list[dict[str, Any]]) -> list[str]:
    return [one["message"] for one in findings]


def standing(make: Maker, who: Technician, hour: int, title: str, **more: Any) -> Visit:
    order = make.order(title=title)
    return make.visit(
        by=who, order=order, day=a_day(), arrives_at=at(hour), duration_min=60, **more
    )


def row(make: Maker, visit: Visit) -> Visit:
    with reading(make.system) as unit:
        return unit.must(Visit, visit.id, "gone")


def test_a_visit_that_fits_breaks_nothing_and_shows_the_whole_day(make: Maker) -> None:
    ann = make.technician("Ann")
    morning = standing(make, ann, 9, "Pump")
    loose = make.visit(order=make.order(title="Hose"), duration_min=60)
    said = check(make, loose, ann, at(13))
    assert (said["fits"], said["violations"], said["starts_at"]) == (True, [], at(13))
    assert [stop["visit_id"] for stop in said["stops"]] == [str(morning.id), str(loose.id)]
    assert row(make, loose).technician_id is None


def test_a_missing_skill_a_part_and_the_end_of_the_day_are_each_named_with_figures(
    make: Maker,
) -> None:
    ann = make.technician("Ann")
    seal = make.part(sku="SEAL-9")
    order = make.order(
        title="Crane",
        skills=[{"code": "crane", "level": 2}],
        parts=[{"part_id": seal.id, "qty": 1}],
    )
    said = check(make, make.visit(order=order, duration_min=120), ann, at(17))
    found = messages(said["violations"])
    assert "Ann lacks the skill lifting." in found
    assert "Ann has not enough of SEAL-9 in the van." in found
    assert any(one.startswith("Ann would be back at 19:") for one in found)
    assert any("the day ends at 18:00" in one for one in found)
    assert not said["fits"]


def test_outside_the_promised_hours_is_said_with_the_hours(make: Maker) -> None:
    ann = make.technician("Ann")
    visit = make.visit(
        order=make.order(title="Hose"), duration_min=60, window_from=at(9), window_to=at(11)
    )
    assert messages(check(make, visit, ann, at(13))["violations"]) == [
        "Hose would begin at 13:00; the customer was promised 09:00 to 11:00."
    ]


def test_who_cannot_be_there_yet_begins_as_soon_as_possible_and_later_visits_are_pushed(
    make: Maker,
) -> None:
    ann = make.technician("Ann")
    standing(make, ann, 10, "Pump")
    after = standing(make, ann, 12, "Valve")
    loose = make.visit(order=make.order(title="Hose"), duration_min=90)
    said = check(make, loose, ann, at(10, 30))
    assert said["starts_at"] == at(11)
    assert "Ann can begin at 11:00 at the earliest." in messages(said["notes"])
    pushed = [note for note in said["notes"] if note["code"] == "pushed"]
    assert [(note["visit_id"], note["message"]) for note in pushed] == [
        (str(after.id), "Valve would begin 30 min later.")
    ]


def test_a_rule_that_was_broken_before_does_not_stand_against_the_visit(make: Maker) -> None:
    ann = make.technician("Ann", skills=[])
    order = make.order(title="Pump", skills=[{"code": "crane", "level": 1}])
    make.visit(by=ann, order=order, day=a_day(), arrives_at=at(9))
    said = check(make, make.visit(order=make.order(title="Hose"), duration_min=30), ann, at(14))
    assert said["fits"]
    assert [one["standing"] for one in said["violations"]] == [True]


def test_what_is_locked_to_somebody_else_or_under_way_says_so(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    locked = standing(make, ben, 9, "Pump", locked=True)
    running = standing(make, ben, 11, "Valve", state=VisitState.TRAVELLING)
    assert messages(check(make, locked, ann, at(9))["violations"]) == [
        "Ann: the visit is promised to somebody else."
    ]
    assert messages(check(make, running, ann, at(9))["violations"]) == [
        "Valve is under way already."
    ]


def test_on_a_day_off_nothing_can_be_placed(make: Maker) -> None:
    ann = make.technician("Ann", days=[(a_day().weekday() + 1) % 7])
    said = check(make, make.visit(), ann, at(9))
    assert messages(said["violations"]) == ["Ann does not work on this day."]


def test_candidates_come_by_what_they_would_cost_and_the_others_say_why(make: Maker) -> None:
    far = make.technician("Far", home_lat=31.6, home_lng=121.9)
    near = make.technician("Near", home_lat=31.25, home_lng=121.5)
    make.technician("Unskilled", skills=[])
    order = make.order(skills=[{"code": "hydraulics", "level": 2}])
    visit = make.visit(order=order, duration_min=60)
    with reading(make.system) as unit:
        found = candidates(unit, visit.id, day=a_day())["candidates"]
    assert [one["name"] for one in found] == ["Near", "Far", "Unskilled"]
    assert [one["fits"] for one in found] == [True, True, False]
    assert found[0]["technician_id"] == near.id
    assert found[1]["technician_id"] == far.id
    assert found[0]["added_cost"] < found[1]["added_cost"]
    assert messages(found[2]["reasons"]) == ["Unskilled lacks the skill hydraulics."]


def test_visits_move_together_or_not_at_all(make: Maker) -> None:
    ann = make.technician("Ann")
    one, other = standing(make, ann, 9, "Pump"), standing(make, ann, 12, "Valve")

    def to(visit: Visit, hour: int, version: int) -> dict[str, Any]:
        return {
            "visit_id": visit.id,
            "version": version,
            "technician_id": ann.id,
            "day": a_day(),
            "arrives_at": at(hour),
            "departs_at": at(hour + 1),
            "travel_s": 600,
        }

    seen = row(make, one).version, row(make, other).version
    moves = [to(one, 10, seen[0]), to(other, 14, seen[1] - 1)]
    with pytest.raises(StaleVersion):
        perform(make.system, lambda unit: move_visits(unit, moves=moves))
    assert row(make, one).arrives_at == at(9)
    moves[1]["version"] = seen[1]
    perform(make.system, lambda unit: move_visits(unit, moves=moves))
    assert [row(make, each).arrives_at for each in (one, other)] == [at(10), at(14)]


def test_at_the_same_hour_a_visit_goes_to_a_colleague(make: Maker) -> None:
    ann, ben = make.technician("Ann"), make.technician("Ben")
    pump = standing(make, ann, 9, "Pump")
    with reading(make.system) as unit:
        seen = unit.must(Visit, pump.id, "gone").version
    move = {"visit_id": pump.id, "version": seen, "technician_id": ben.id, "day": a_day()}
    move |= {"arrives_at": at(9), "departs_at": at(10)}
    perform(make.system, lambda unit: move_visits(unit, moves=[move]))
    moved = row(make, pump)
    assert (moved.technician_id, moved.arrives_at, moved.departs_at) == (ben.id, at(9), at(10))


def test_what_ran_over_already_must_not_run_over_by_more(make: Maker) -> None:
    ann = make.technician("Ann")
    standing(make, ann, 18, "Pump")
    loose = make.visit(order=make.order(title="Hose"), duration_min=60)
    early, late = check(make, loose, ann, at(10)), check(make, loose, ann, at(18, 30))
    assert [one["standing"] for one in early["violations"]] == [True]
    assert (early["fits"], late["fits"]) == (True, False)


def test_a_chinese_dispatcher_reads_it_in_chinese(make: Maker) -> None:
    ann = make.technician("Ann", skills=[])
    order = make.order(title="Hose", skills=[{"code": "crane", "level": 1}])
    visit = make.visit(order=order, window_from=at(9), window_to=at(11))
    with reading(replace(make.system, language="zh-CN")) as unit:
        said = check_placing(
            unit, visit_id=visit.id, technician_id=ann.id, day=a_day(), starts_at=at(13)
        )
    assert set(messages(said["violations"])) == {
        "Ann 不具备技能 起重。",
        "“Hose”将于 13:00 开始；与客户约定的时间为 09:00 至 11:00。",
    }


def test_a_drop_goes_by_the_router_s_roads_and_says_where_it_does_not_answer(make: Maker) -> None:
    ann = make.technician("Ann")
    visit = make.visit(order=make.order(title="Pump"), duration_min=60)

    def speak(_: str, __: str, query: dict[str, list[str]], ___: Any) -> Any:
        rows, columns = (len(query[one][0].split(";")) for one in ("sources", "destinations"))
        return 200, {"code": "Ok", "durations": [[1234.0] * columns for _ in range(rows)]}

    with serving(speak) as (url, asked):
        roads.configure(Router("osrm", url))
        try:
            said = check(make, visit, ann, None)
            assert [stop["travel_s"] for stop in said["stops"]] == [1234]
            with reading(make.system) as unit:
                [found] = candidates(unit, visit.id, day=a_day())["candidates"]
            assert found["added_travel_s"] == 2 * 1234
            assert said["notes"] == found["notes"] == []
            assert len(asked) == 1
            roads.configure(Router("osrm", "http://127.0.0.1:9", seconds=0.2))
            [note] = check(make, visit, ann, None)["notes"]
        finally:
            roads.configure(None)
    assert note["message"] == "The road router did not answer; the driving times are estimates."
