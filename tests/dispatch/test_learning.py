"""What plans learn from what happened: by a table of examples, as properties, and on the rows of a company."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.figures import figures
from core import clock, jobs
from core.unit import perform, reading
from dispatch import actuals
from dispatch.actuals import VisitActual, learned_for
from dispatch.learning import (
    LEAST,
    QUICKEST,
    SLOWEST,
    USUAL,
    Observed,
    Pattern,
    learn,
    trial,
)
from dispatch.upkeep import keep_actual, learn_times
from tests.dispatch.test_placing import a_day, at, check, standing
from tests.makers import HOUR, MORNING, Maker
from work import actions as work
from work.models import Visit


def happened(times: int, ratio: float, group: str = "corrective", engineer: str = "ann") -> Any:
    return [Observed(group, engineer, 3600, round(3600 * ratio)) for _ in range(times)]


@pytest.mark.parametrize(
    ("observed", "group", "engineer", "factor"),
    [
        # Too little is no lesson.
        (happened(LEAST - 1, 2.0), "corrective", "ann", 1000),
        # Everything takes half as long again.
        (happened(40, 1.5), "corrective", None, 1500),
        (happened(40, 1.5), "never seen", None, 1500),
        # One forgotten phone among forty counts for nothing.
        ([*happened(40, 1.2), *happened(1, 4.9)], "corrective", None, 1200),
        ([*happened(40, 1.2), *happened(30, 9.0)], "corrective", None, 1200),
        # A group of its own, drawn towards the whole: (40·ln 2 + 8·ln 1) / 48.
        ([*happened(60, 1.0), *happened(40, 2.0, "inspection")], "inspection", None, 1782),
        # Four are too few for a group of their own.
        ([*happened(60, 1.0), *happened(4, 2.0, "inspection")], "inspection", None, 1000),
        # What an engineer adds: (20·ln 1.5) / 28 beside the group.
        ([*happened(60, 1.0), *happened(20, 1.5, engineer="ben")], "corrective", "ben", 1336),
        ([*happened(60, 1.0), *happened(20, 1.5, engineer="ben")], "corrective", "ann", 1000),
        # Nothing is believed beyond twice and half.
        (happened(40, 4.0), "corrective", None, SLOWEST),
        (happened(40, 0.25), "corrective", None, QUICKEST),
        (happened(40, 0.0), "corrective", None, 1000),
    ],
)
def test_a_pattern_by_example(
    observed: list[Observed], group: str, engineer: str | None, factor: int
) -> None:
    assert learn(observed).factor(group, engineer) == factor


things = st.builds(
    Observed,
    group=st.sampled_from("abc"),
    engineer=st.sampled_from("xyz"),
    planned_s=st.integers(60, 20_000),
    actual_s=st.integers(0, 100_000),
)


@given(st.lists(things, max_size=120), st.randoms())
def test_a_lesson_is_within_bounds_and_does_not_depend_on_the_order(
    observed: list[Observed], random: Any
) -> None:
    pattern = learn(observed)
    for group in "abcd":
        for engineer in (*"xyz", None):
            assert QUICKEST <= pattern.factor(group, engineer) <= SLOWEST
    mixed = list(observed)
    random.shuffle(mixed)
    assert learn(mixed) == pattern


@given(st.lists(things, min_size=LEAST, max_size=80), st.sampled_from([0.5, 0.8, 1.25, 2.0]))
def test_what_is_planned_at_another_scale_teaches_the_inverse(
    observed: list[Observed], scale: float
) -> None:
    exact = [
        Observed(one.group, one.engineer, one.planned_s * 4, one.planned_s * 4) for one in observed
    ]
    scaled = [
        Observed(one.group, one.engineer, round(one.planned_s * scale), one.planned_s)
        for one in exact
    ]
    assert learn(exact).overall == USUAL
    assert learn(scaled).overall == pytest.approx(USUAL / scale, abs=2)


def test_a_trial_learns_from_the_older_and_is_judged_by_the_newer() -> None:
    steady = trial(happened(100, 1.5))
    assert steady is not None
    assert (steady.n, steady.before_s, steady.after_s) == (30, 1800, 0)
    assert steady.helps
    turned = trial([*happened(70, 1.5), *happened(30, 1.0)])
    assert turned is not None
    assert (turned.before_s, turned.after_s, turned.helps) == (0, 1800, False)
    assert trial(happened(LEAST, 1.5)) is None


def finished(make: Maker, at_: Any, **more: Any) -> Visit:
    """Drive half an hour longer than planned, work twice as long, wait twenty minutes of it."""
    ann = more.pop("by", None) or make.technician("Ann")
    visit = make.visit(ann, arrives_at=MORNING + HOUR, travel_s=1800, duration_min=30)
    actor = make.as_technician(ann)
    steps: list[tuple[int, Any, dict[str, Any]]] = [
        (0, work.start_travel, {}),
        (60, work.arrive, {}),
        (65, work.start_work, {}),
        (75, work.hold_visit, {"reason": "customer"}),
        (95, work.start_work, {}),
        (145, work.complete_visit, {"findings": "Done"}),
    ]
    for minute, action, given_ in steps:
        at_(MORNING + timedelta(minutes=minute))
        perform(actor, lambda unit, do=action, g=given_: do(unit, visit.id, **g))
    return visit


def test_what_a_visit_took_is_kept_once_when_it_ends(make: Maker, at: Any) -> None:
    visit = finished(make, at)
    jobs.drain()
    keep_actual(make.system, str(visit.id))
    with reading(make.system) as unit:
        [kept] = unit.session.query(VisitActual).all()
    assert (kept.visit_id, kept.kind) == (visit.id, "corrective")
    assert (kept.planned_work_s, kept.work_s) == (30 * 60, 60 * 60)
    assert (kept.planned_travel_s, kept.travel_s, kept.travel_hour) == (1800, 3600, 8)
    assert kept.planned_at == MORNING + HOUR


def history(make: Maker, visit: Visit, times: int, ratio: float, hour: int = 8) -> None:
    """Write down that so many visits took so many times as long, as the job does after each."""

    def write(unit: Any) -> None:
        for number in range(times):
            other = make_visit(unit, visit)
            ended = clock.now() - timedelta(hours=times - number)
            unit.add(
                VisitActual(
                    visit_id=other,
                    technician_id=visit.technician_id,
                    kind="corrective",
                    ended_at=ended,
                    begun_at=ended - timedelta(hours=1),
                    planned_work_s=3600,
                    work_s=round(3600 * ratio),
                    planned_travel_s=1200,
                    travel_s=round(1200 * ratio),
                    travel_hour=hour,
                )
            )

    perform(make.system, write)


def make_visit(unit: Any, like: Visit) -> Any:
    order = work.open_order(unit, title="Old", site_id=None, asset_id=ASSET["id"])
    unit.session.flush()
    [visit] = unit.rows_of(Visit.order_id, order.id) or unit.session.query(Visit).filter_by(
        order_id=order.id
    )
    return visit.id


ASSET: dict[str, Any] = {}


def test_plans_take_as_long_as_things_take_here_once_that_is_nearer(make: Maker) -> None:
    ann = make.technician("Ann")
    asset = make.asset()
    ASSET["id"] = asset.id
    seen = make.visit(ann, order=make.order(asset))
    loose = make.visit(order=make.order(asset, title="Pump"), duration_min=60)
    before = check(make, loose, ann, at(13))
    history(make, seen, 60, 1.5)
    learn_times(make.system)
    with reading(make.system) as unit:
        learned = learned_for(unit)
        assert learned.durations.factor("corrective") == 1500
        assert {pace.per_mille for pace in learned.paces()} == {1500}
        shown = figures(unit, None, None)["times"]
    after = check(make, loose, ann, at(13))
    assert minutes(before) == 60
    assert minutes(after) == 90
    assert after["stops"][0]["travel_s"] > before["stops"][0]["travel_s"]
    assert shown["durations"]["trial"] == {"n": 18, "before_s": 1800, "after_s": 0}
    assert shown["durations"]["used"]
    assert [one["name"] for one in shown["durations"]["engineers"]] == ["Ann"]


def minutes(said: dict[str, Any]) -> float:
    stop = said["stops"][0]
    return (stop["departs_at"] - stop["starts_at"]).total_seconds() / 60


def test_a_lesson_that_would_not_have_helped_is_shown_and_not_used(make: Maker) -> None:
    ann = make.technician("Ann")
    asset = make.asset()
    ASSET["id"] = asset.id
    seen = standing(make, ann, 9, "Pump")
    history(make, seen, 40, 1.0)
    history(make, seen, 40, 1.0)
    learn_times(make.system)
    with reading(make.system) as unit:
        shown = figures(unit, None, None)["times"]["durations"]
        assert learned_for(unit) == actuals.Learned()
    assert (shown["n"], shown["used"]) == (80, False)
    assert shown["trial"] == {"n": 24, "before_s": 0, "after_s": 0}
    assert a_day() is not None


def test_a_company_without_history_plans_as_it_is_told() -> None:
    assert Pattern().factor("corrective", "ann") == USUAL
    assert actuals.Learned().paces() == ()
    assert actuals.Learned().speed("ann") == 1.0
