from datetime import UTC, datetime, timedelta
from itertools import count
from math import exp, inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.reliability import (
    Ended,
    ReliabilityError,
    Stop,
    chi_square_quantile,
    gamma_p,
    mean_between,
    mtbf,
    mtbf_of_intervals,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
BOEING_720_HOURS = [3, 5, 7, 18, 43, 85, 91, 98, 100, 130, 230, 487]


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def stop(starts: float, ends: float | None, *, failure: bool = True) -> Stop:
    return Stop(at(starts), None if ends is None else at(ends), failure)


THOUSAND_HOURS = (at(0), at(1000))


def test_the_air_conditioners_of_the_boeing_720_run_108_hours() -> None:
    found = mtbf_of_intervals(BOEING_720_HOURS)
    assert found.hours == pytest.approx(108.08, abs=0.005)
    # Ended by a failure: 2 * 1297 over the 95 % and 5 % points with 24 degrees of freedom.
    assert found.low == pytest.approx(2594 / 36.415, rel=1e-4)
    assert found.high == pytest.approx(2594 / 13.848, rel=1e-4)


def test_the_time_before_the_first_and_after_the_last_failure_counts() -> None:
    stops = [stop(100, 110), stop(300, 320), stop(600, 670)]
    found = mtbf(THOUSAND_HOURS, stops)
    assert (found.operating_hours, found.failures, found.hours) == (900, 3, 300)


def test_stops_are_clipped_to_the_window_at_both_ends() -> None:
    found = mtbf(THOUSAND_HOURS, [stop(-50, 100), stop(950, 1200), stop(2000, 2100)])
    assert (found.operating_hours, found.failures) == (850, 1)


def test_a_machine_that_still_stands_still_is_down_until_the_window_ends() -> None:
    assert mtbf(THOUSAND_HOURS, [stop(800, None)]).operating_hours == 800


def test_overlapping_stops_are_counted_once() -> None:
    found = mtbf(THOUSAND_HOURS, [stop(100, 200), stop(150, 250), stop(180, 190)])
    assert (found.operating_hours, found.failures) == (850, 1)


def test_a_planned_stop_takes_time_but_is_no_failure() -> None:
    found = mtbf(THOUSAND_HOURS, [stop(100, 200, failure=False), stop(500, 510)])
    assert (found.operating_hours, found.failures) == (890, 1)


def test_without_a_failure_only_a_lower_bound_is_said() -> None:
    found = mtbf(THOUSAND_HOURS, [], confidence=0.9)
    assert found.hours is None
    assert found.high is None
    assert found.low == pytest.approx(1000 / 2.302585, rel=1e-6)
    assert str(found) == "> 434 h"


def test_with_few_failures_no_single_number_is_said() -> None:
    found = mean_between(1000, 2)
    assert (found.hours, found.high) == (None, None)
    assert str(mean_between(1000, 3)).startswith("333 h (")


def test_an_observation_ended_by_time_is_less_sure_of_its_lower_bound() -> None:
    by_time = mean_between(1000, 5, ended=Ended.BY_TIME)
    by_failure = mean_between(1000, 5, ended=Ended.BY_FAILURE)
    assert by_time.low < by_failure.low
    assert by_time.high == by_failure.high


def test_a_machine_that_never_ran_has_no_bound_but_does_not_break() -> None:
    assert mtbf((at(0), at(0)), []).low == 0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: stop(5, 4),
        lambda: mtbf((at(1), at(0)), []),
        lambda: mean_between(-1, 0),
        lambda: mean_between(nan, 0),
        lambda: mean_between(inf, 0),
        lambda: mean_between(1, 1, confidence=1),
        lambda: mtbf_of_intervals([1, -1]),
        lambda: chi_square_quantile(1, 2),
    ],
    ids=map(str, count(1)),
)
def test_figures_of_no_machine_are_refused(wrong: Any) -> None:
    with pytest.raises(ReliabilityError):
        wrong()


# Published percentage points of the chi-square distribution.
TABLE = [
    (0.005, 1, 0.0000393),
    (0.05, 1, 0.00393),
    (0.95, 1, 3.841),
    (0.995, 1, 7.879),
    (0.05, 2, 0.103),
    (0.95, 2, 5.991),
    (0.025, 10, 3.247),
    (0.975, 10, 20.483),
    (0.05, 24, 13.848),
    (0.95, 24, 36.415),
    (0.95, 26, 38.885),
    (0.01, 30, 14.953),
    (0.99, 30, 50.892),
    (0.025, 100, 74.222),
    (0.975, 100, 129.561),
]


@pytest.mark.parametrize(("probability", "degrees", "value"), TABLE)
def test_quantiles_are_those_of_the_published_table(
    probability: float, degrees: int, value: float
) -> None:
    assert chi_square_quantile(probability, degrees) == pytest.approx(value, rel=2e-3, abs=6e-4)


@given(st.floats(1e-6, 1 - 1e-6), st.integers(1, 2000))
def test_a_quantile_is_the_inverse_of_the_distribution(probability: float, degrees: int) -> None:
    value = chi_square_quantile(probability, degrees)
    assert gamma_p(degrees / 2, value / 2) == pytest.approx(probability, rel=1e-7)


@given(st.floats(0.001, 60))
def test_two_degrees_of_freedom_are_the_exponential(x: float) -> None:
    assert gamma_p(1, x) == pytest.approx(1 - exp(-x), rel=1e-12)
