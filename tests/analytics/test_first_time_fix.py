from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analytics.first_time_fix import Repair, Verdict, first_time_fix

YEAR = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
NEW_YEAR = YEAR[1]


def on(day: float) -> datetime:
    return YEAR[0] + timedelta(days=day)


def repair(order: str, day: float, **fields: Any) -> Repair:
    """A repair visited and fixed on the day it was reported, unless told otherwise."""
    usual: dict[str, Any] = {
        "asset_id": "pump",
        "problem": "leak",
        "opened_at": on(day),
        "first_visit_ended_at": on(day + 0.2),
    }
    return Repair(order, **{**usual, **fields})


def test_a_fault_that_stays_away_was_fixed_the_first_time() -> None:
    found = first_time_fix([repair("a", 0), repair("b", 40)], YEAR, now=NEW_YEAR)
    assert (found.share, found.n) == (1.0, 2)
    assert "30 days" in found.definition


def test_three_repairs_of_one_idle_problem_are_no_fix_at_all() -> None:
    # MaintNet, records 100001 to 100003: the same engine idling rough, put right three times.
    records = [
        repair("100001", 0, asset_id="engine", problem="idle"),
        repair("100002", 9, asset_id="engine", problem="idle"),
        repair("100003", 20, asset_id="engine", problem="idle"),
    ]
    found = first_time_fix(records, YEAR, now=NEW_YEAR)
    assert (found.share, found.n) == (0.0, 3)
    assert found.verdicts == {
        "100001": Verdict.CAME_BACK,
        "100002": Verdict.CAME_BACK,
        "100003": Verdict.IS_A_RETURN,
    }


def test_the_share_is_provisional_until_the_look_back_is_over() -> None:
    found = first_time_fix([repair("old", 0), repair("new", 80)], YEAR, now=on(90))
    assert (found.n, found.provisional_n) == (1, 2)
    later = [repair("old", 0), repair("new", 80), repair("back", 85)]
    found = first_time_fix(later, YEAR, now=on(90))
    assert (found.share, found.n) == (1.0, 1)
    assert found.provisional_share == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("other", "share"),
    [
        ({"asset_id": "fan"}, 1.0),
        ({"problem": "noise"}, 1.0),
        ({"corrective": False}, 1.0),
        ({"cancelled": True}, 1.0),
        ({"problem": None}, 0.0),
    ],
)
def test_only_the_same_problem_of_the_same_machine_is_a_return(
    other: dict[str, Any], share: float
) -> None:
    found = first_time_fix([repair("a", 0), repair("b", 10, **other)], YEAR, now=NEW_YEAR)
    assert found.share == share


def test_a_return_after_the_look_back_is_a_new_fault() -> None:
    pair = [repair("a", 0), repair("b", 31)]
    assert first_time_fix(pair, YEAR, now=NEW_YEAR).share == 1.0
    longer = first_time_fix(pair, YEAR, now=NEW_YEAR, look_back=timedelta(days=60))
    assert longer.share == 0.0


def test_a_second_visit_means_not_at_first_and_says_why() -> None:
    again = repair("a", 0, fixed_in_first_visit=False, reason="part_missing")
    found = first_time_fix([again, repair("b", 90)], YEAR, now=NEW_YEAR)
    assert found.share == 0.5
    assert found.reasons == {"part_missing": 1}


def test_what_is_no_corrective_work_is_left_out() -> None:
    rest = [
        repair("service", 0, corrective=False),
        repair("cancelled", 40, cancelled=True),
        repair("closed door", 80, no_access=True),
        repair("not yet", 120, first_visit_ended_at=None),
    ]
    found = first_time_fix(rest, YEAR, now=NEW_YEAR)
    assert (found.share, found.n, found.provisional_n) == (None, 0, 0)


def test_the_first_visits_lead_answers_for_it() -> None:
    pair = [repair("a", 0, lead="ann"), repair("b", 5, lead="bob")]
    assert first_time_fix(pair, YEAR, now=NEW_YEAR, lead="ann").verdicts == {"a": Verdict.CAME_BACK}


def test_a_return_outside_the_window_still_counts_against_the_fix() -> None:
    january = (on(0), on(31))
    pair = [repair("a", 25), repair("b", 35)]
    assert first_time_fix(pair, january, now=NEW_YEAR).share == 0.0
