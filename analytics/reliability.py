"""How long a machine runs between failures, with the doubt that few failures leave.

MTBF is operating time divided by failures within a window. A failure is an unplanned loss of
function: no planned stop, no duplicate, no "no fault found". All stops take their time out of the
operating time, clipped to the window at both ends and merged where they overlap. The time since the
last failure counts: nothing has failed in it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import exp, isfinite, lgamma, log, sqrt

CONFIDENCE = 0.9
# With fewer failures a single number would say more than anybody knows.
FEWEST_FOR_A_POINT = 3

HOUR = timedelta(hours=1)
DEFINITION = (
    "MTBF = operating hours / failures in the window; all stops deducted, clipped and merged; "
    "planned stops are no failures; the running time since the last failure is included"
)


class ReliabilityError(ValueError):
    """The figures given cannot be those of a machine."""


class Ended(StrEnum):
    """What ended the observation: the clock, or the last failure itself."""

    BY_TIME = "by_time"
    BY_FAILURE = "by_failure"


@dataclass(frozen=True, slots=True)
class Stop:
    """A stretch in which the machine did not run; without an end it still stands still."""

    starts: datetime
    ends: datetime | None
    failure: bool = True

    def __post_init__(self) -> None:
        if self.ends is not None and self.ends < self.starts:
            raise ReliabilityError("A stop ends before it starts.")


@dataclass(frozen=True, slots=True)
class Mtbf:
    """Mean operating time between failures, and the interval it lies in.

    `hours` is None below three failures: then only `low` can be said, a one-sided bound. `high` is
    None wherever no failure sets an upper bound.
    """

    hours: float | None
    low: float
    high: float | None
    failures: int
    operating_hours: float
    confidence: float
    definition: str = DEFINITION

    def __str__(self) -> str:
        if self.hours is None:
            return f"> {self.low:.0f} h"
        high = "" if self.high is None else f" to {self.high:.0f}"
        return f"{self.hours:.0f} h ({self.low:.0f}{high}, n = {self.failures})"


def mtbf(
    window: tuple[datetime, datetime], stops: Iterable[Stop], *, confidence: float = CONFIDENCE
) -> Mtbf:
    """Return the MTBF of one machine over a window of required time.

    A failure counts in the window it begins in; two failures that overlap are one.
    """
    starts, ends = window
    if ends < starts:
        raise ReliabilityError("The window ends before it starts.")
    known = [stop for stop in stops if stop.starts < ends]
    down = sum((to - since for since, to in _merged(known, starts, ends)), timedelta(0))
    failed = [stop for stop in known if stop.failure]
    first_moments = [since for since, _ in _merged(failed, None, ends)]
    failures = sum(1 for moment in first_moments if moment >= starts)
    return mean_between(((ends - starts) - down) / HOUR, failures, confidence=confidence)


def mtbf_of_intervals(
    hours_between: Sequence[float], *, hours_since: float = 0.0, confidence: float = CONFIDENCE
) -> Mtbf:
    """Return the MTBF of operating hours, each ended by a failure, and those since the last one."""
    if hours_since < 0 or any(hours < 0 for hours in hours_between):
        raise ReliabilityError("Operating hours cannot be negative.")
    ended = Ended.BY_TIME if hours_since or not hours_between else Ended.BY_FAILURE
    total = sum(hours_between) + hours_since
    return mean_between(total, len(hours_between), ended=ended, confidence=confidence)


def mean_between(
    operating_hours: float,
    failures: int,
    *,
    ended: Ended = Ended.BY_TIME,
    confidence: float = CONFIDENCE,
) -> Mtbf:
    """Return operating hours per failure with its chi-square interval (constant failure rate)."""
    if not isfinite(operating_hours) or operating_hours < 0 or failures < 0:
        raise ReliabilityError(f"{failures} failures in {operating_hours} hours make no sense.")
    if not 0 < confidence < 1:
        raise ReliabilityError("A confidence lies between 0 and 1.")
    few = failures < FEWEST_FOR_A_POINT
    tail = 1 - confidence if few else (1 - confidence) / 2
    degrees = 2 * failures + (2 if ended is Ended.BY_TIME or failures == 0 else 0)
    return Mtbf(
        hours=None if few else operating_hours / failures,
        low=2 * operating_hours / chi_square_quantile(1 - tail, degrees),
        high=None if few else 2 * operating_hours / chi_square_quantile(tail, 2 * failures),
        failures=failures,
        operating_hours=operating_hours,
        confidence=confidence,
    )


def chi_square_quantile(probability: float, degrees: int) -> float:
    """Return the value that a chi-square variable stays below with this probability.

    Newton's method on the regularised gamma function P(k/2, x/2), from the Wilson-Hilferty guess;
    a bisection takes over wherever a step would leave the bracket.
    """
    if not 0 < probability < 1 or degrees < 1:
        raise ReliabilityError("A quantile needs 0 < probability < 1 and a degree of freedom.")
    shape = degrees / 2
    spread = 2 / (9 * degrees)
    guess = degrees * (1 - spread + _normal_quantile(probability) * sqrt(spread)) ** 3
    # Far down in the lower tail the guess turns negative; there P(a, x) is x^a / gamma(a + 1).
    x = guess / 2 if guess > 0 else exp((log(probability) + lgamma(shape + 1)) / shape)
    low, high = 0.0, max(4 * x, 4 * shape + 100.0)
    for _ in range(200):
        error = gamma_p(shape, x) - probability
        low, high = (low, x) if error > 0 else (x, high)
        slope = exp((shape - 1) * log(x) - x - lgamma(shape))
        step = x - error / slope if slope > 0 else low
        after = step if low < step < high else (low + high) / 2
        if abs(after - x) <= 1e-13 * after:
            return 2 * after
        x = after
    return 2 * x


def gamma_p(shape: float, x: float) -> float:
    """Return the regularised lower incomplete gamma function P(shape, x).

    The power series below shape + 1, Lentz's continued fraction for the upper part above it.
    """
    if x <= 0:
        return 0.0
    scale = exp(shape * log(x) - x - lgamma(shape))
    if x < shape + 1:
        term = total = 1 / shape
        divisor = shape
        while abs(term) > abs(total) * 1e-17:
            divisor += 1
            term *= x / divisor
            total += term
        return total * scale
    tiny = 1e-300
    b = x + 1 - shape
    c, d = 1 / tiny, 1 / b
    fraction = d
    for i in range(1, 10_000):
        a = -i * (i - shape)
        b += 2
        d = 1 / (a * d + b or tiny)
        c = b + a / c or tiny
        fraction *= d * c
        if abs(d * c - 1) < 1e-16:
            break
    return 1 - fraction * scale


def _normal_quantile(probability: float) -> float:
    # Hastings' approximation (Abramowitz and Stegun 26.2.23), good to 4.5e-4: it only guesses.
    tail = min(probability, 1 - probability)
    t = sqrt(-2 * log(tail))
    top = 2.515517 + t * (0.802853 + t * 0.010328)
    bottom = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308))
    value = t - top / bottom
    return value if probability > 0.5 else -value


def _merged(
    stops: Iterable[Stop], from_: datetime | None, to: datetime
) -> list[tuple[datetime, datetime]]:
    """Return the stops as stretches up to `to`, clipped to begin at `from_`, joined and in order."""
    merged: list[tuple[datetime, datetime]] = []
    for stop in sorted(stops, key=lambda stop: stop.starts):
        starts = stop.starts if from_ is None else max(stop.starts, from_)
        ends = to if stop.ends is None else min(stop.ends, to)
        if ends < starts or (from_ is not None and ends == starts):
            continue
        if merged and starts <= merged[-1][1] and (starts, ends) != (merged[-1][1],) * 2:
            merged[-1] = (merged[-1][0], max(merged[-1][1], ends))
        else:
            merged.append((starts, ends))
    return merged
