"""Driving times without a router: great circles, a detour and a speed for the hour.

A road is longer than the straight line by `detour` and takes `overhead_s` for parking and finding
the door; a place where that takes longer makes the way there longer than the way back. Roads are
slower in the rush hours: a matrix holds the mean pace over the working hours, and `paces` say how
each hour differs from it, for a plan in which the hour of a drive counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import numpy.typing as npt

from dispatch.engine.problem import LATEST_S, USUAL_PACE, Matrix, Pace, Place, ProblemError

EARTH_RADIUS_KM = 6371.0088
NEXT_DOOR_KM = 0.01
FREE_SPEED_KMH = 45.0
RUSH_SPEED_KMH = 28.0
BUSY_SPEED_KMH = 36.0
RUSH_HOURS = frozenset({7, 8, 17, 18})
BUSY_HOURS = frozenset({9, 10, 11, 12, 13, 14, 15, 16, 19})
SPEED_BY_HOUR_KMH = tuple(
    RUSH_SPEED_KMH
    if hour in RUSH_HOURS
    else BUSY_SPEED_KMH
    if hour in BUSY_HOURS
    else FREE_SPEED_KMH
    for hour in range(24)
)

Kilometres = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TravelModel:
    """The stated guess that stands in for a road map."""

    detour: float = 1.35
    speed_by_hour_kmh: tuple[float, ...] = SPEED_BY_HOUR_KMH
    overhead_s: int = 120

    def __post_init__(self) -> None:
        if not (isfinite(self.detour) and self.detour >= 1):
            raise ProblemError("No road is shorter than the straight line.")
        if len(self.speed_by_hour_kmh) != 24:
            raise ProblemError("A speed is needed for each of the 24 hours.")
        if not all(isfinite(speed) and speed > 0 for speed in self.speed_by_hour_kmh):
            raise ProblemError("A speed must be above zero.")
        if self.overhead_s < 0:
            raise ProblemError("Nobody arrives before leaving.")

    def speed_kmh(self, from_hour: int = 8, to_hour: int = 18) -> float:
        """Return the mean pace between two hours, as a speed."""
        hours = self.speed_by_hour_kmh[from_hour:to_hour] or self.speed_by_hour_kmh
        # Slow hours weigh more: it is the minutes per kilometre that average, not the speeds.
        return len(hours) / sum(1 / speed for speed in hours)


def straight_km(places: Sequence[Place]) -> Kilometres:
    """Return the great-circle distance between every two places (haversine)."""
    lat = np.radians(np.array([place.lat for place in places], dtype=np.float64))
    lng = np.radians(np.array([place.lng for place in places], dtype=np.float64))
    half_lat = np.sin((lat[:, None] - lat[None, :]) / 2) ** 2
    half_lng = np.sin((lng[:, None] - lng[None, :]) / 2) ** 2
    arc = half_lat + np.cos(lat[:, None]) * np.cos(lat[None, :]) * half_lng
    km: Kilometres = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(arc, 0.0, 1.0)))
    return km


def travel_matrix(
    places: Sequence[Place],
    model: TravelModel | None = None,
    *,
    from_hour: int = 8,
    to_hour: int = 18,
    arrival_s: Sequence[int] = (),
) -> Matrix:
    """Return the driving seconds between every two places; none within the same place.

    `arrival_s` says for each place how much longer it takes to get from the car to the door there.
    """
    model = model or TravelModel()
    if not places:
        return np.zeros((0, 0), np.int32)
    if arrival_s and (len(arrival_s) != len(places) or min(arrival_s) < 0):
        raise ProblemError("Each place needs a time of arrival, and none below zero.")
    km = straight_km(places) * model.detour
    seconds = np.ceil(km / model.speed_kmh(from_hour, to_hour) * 3600) + model.overhead_s
    if arrival_s:
        seconds += np.array(arrival_s, np.float64)[None, :]
    apart = km > NEXT_DOOR_KM
    return np.where(apart, np.minimum(seconds, LATEST_S), 0).astype(np.int32)


def paces(
    model: TravelModel | None = None, *, days: int = 1, from_hour: int = 8, to_hour: int = 18
) -> tuple[Pace, ...]:
    """Return how each hour of so many days differs from the mean that a matrix holds."""
    model = model or TravelModel()
    mean = model.speed_kmh(from_hour, to_hour)
    found: list[Pace] = []
    for hour in range(min(24 * days, LATEST_S // 3600)):
        per_mille = round(mean / model.speed_by_hour_kmh[hour % 24] * USUAL_PACE)
        if not found or found[-1].per_mille != per_mille:
            found.append(Pace(hour * 3600, per_mille))
    return tuple(found)
