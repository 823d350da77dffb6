"""The driving times that the desk goes by: the router's, remembered for a while, or the stated model's.

A board that is checked at each drop cannot ask a router for the same roads again and again. What was
told is kept in this process; only what is missing is asked for, within a time that the question can
wait. A router that has not answered is left alone for a moment, and every answer says who made it.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import structlog

from core.settings import Router
from dispatch.engine.problem import LATEST_S, Place, Problem
from dispatch.travel.calls import ServiceError
from dispatch.travel.drives import blocks_between, service_of
from dispatch.travel.services import Seconds, Service

log = structlog.get_logger("dispatch")

# What a question can wait for: nothing while rows are locked, a moment under a dispatcher's hand.
KNOWN_ONLY_S = 0.0
HAND_S = 1.0
ANSWER_S = 3.0
# A router that is away is not asked again at once, so that not every drop waits for it.
REST_S = 30.0
KEPT_S = 12 * 3600.0
# Two thousand places are a table of 16 MB.
MOST_PLACES = 2000
UNKNOWN = -1
ESTIMATED = "The road router did not answer; the driving times are estimates."


@dataclass(frozen=True, slots=True)
class Laid:
    """A question with its driving times; `note` says so where they are not the router's."""

    problem: Problem
    note: str = ""


class Roads:
    """The router of one installation and what it has told. Safe to use from several threads."""

    def __init__(self, router: Router | None = None) -> None:
        self._router = router
        self._service = service_of(router)
        self._lock = threading.Lock()
        self._slots: dict[tuple[float, float], int] = {}
        self._table: Seconds = np.full((0, 0), UNKNOWN, np.int32)
        self._began = time.monotonic()
        self._rests_until = 0.0

    @property
    def are_known(self) -> bool:
        """Tell whether there is a router at all."""
        return self._service is not None

    def laid(self, problem: Problem, *, seconds: float | None = None) -> Laid:
        """Return the question with the router's driving times; with the model's where it is silent.

        With no `seconds` it may take as long as the settings allow, with none of them only what is
        remembered counts.
        """
        if self._service is None or self._router is None or len(problem.places) < 2:
            return Laid(problem)
        patience = self._router.seconds if seconds is None else min(seconds, self._router.seconds)
        table = self._known(problem.places)
        if table is None and patience > 0 and time.monotonic() >= self._rests_until:
            table = self._asked(self._service, problem.places, patience)
        if table is None:
            return Laid(problem, ESTIMATED)
        return Laid(replace(problem, travel_s=table))

    def _known(self, places: Sequence[Place]) -> Seconds | None:
        """Return the whole table where all of it is remembered."""
        with self._lock:
            self._forget_old()
            keys = [_key(place) for place in places]
            if not self._slots.keys() >= set(keys):
                return None
            slots = [self._slots[key] for key in keys]
            table = self._table[np.ix_(slots, slots)]
        return None if (table == UNKNOWN).any() else table

    def _asked(self, service: Service, places: Sequence[Place], patience: float) -> Seconds | None:
        """Ask for what is missing; None when the router does not answer in time."""
        distinct = {_key(place): place for place in places}
        keys, spots = list(distinct), list(distinct.values())
        with self._lock:
            table = self._remembered(keys)
        missing = _cover(table == UNKNOWN)
        until = time.monotonic() + patience
        try:
            if 2 * len(missing) >= len(spots):
                missing, rest = list(range(len(spots))), []
            else:
                rest = [n for n in range(len(spots)) if n not in set(missing)]
            lacking = [spots[n] for n in missing]
            table[missing, :] = blocks_between(lacking, spots, service, patience)
            if rest:
                left = max(0.01, until - time.monotonic())
                others = [spots[n] for n in rest]
                table[np.ix_(rest, missing)] = blocks_between(others, lacking, service, left)
        except ServiceError as error:
            self._rests_until = time.monotonic() + REST_S
            log.warning("driving times", router=service.name, error=str(error))
            return None
        np.fill_diagonal(table, 0)
        if lost := int((table == LATEST_S).sum()):
            log.warning("driving times", router=service.name, pairs_without_road=lost)
        with self._lock:
            self._remember(keys, table)
        number = {key: n for n, key in enumerate(keys)}
        order = [number[_key(place)] for place in places]
        whole: Seconds = table[np.ix_(order, order)]
        return whole

    def _remembered(self, keys: Sequence[tuple[float, float]]) -> Seconds:
        table: Seconds = np.full((len(keys), len(keys)), UNKNOWN, np.int32)
        have = [(n, self._slots[key]) for n, key in enumerate(keys) if key in self._slots]
        if have:
            mine, slots = zip(*have, strict=True)
            table[np.ix_(mine, mine)] = self._table[np.ix_(slots, slots)]
        return table

    def _remember(self, keys: Sequence[tuple[float, float]], table: Seconds) -> None:
        if len(self._slots) + len(keys) > MOST_PLACES:
            self._forget()
        if len(keys) > MOST_PLACES:
            return
        for key in keys:
            self._slots.setdefault(key, len(self._slots))
        if len(self._slots) > len(self._table):
            grown = np.full((2 * len(self._slots),) * 2, UNKNOWN, np.int32)
            size = len(self._table)
            grown[:size, :size] = self._table
            self._table = grown
        slots = [self._slots[key] for key in keys]
        self._table[np.ix_(slots, slots)] = table

    def _forget_old(self) -> None:
        # Roads are closed and opened; nobody goes by yesterday's for ever.
        if time.monotonic() - self._began > KEPT_S:
            self._forget()

    def _forget(self) -> None:
        self._slots, self._began = {}, time.monotonic()
        self._table = np.full((0, 0), UNKNOWN, np.int32)


def _key(place: Place) -> tuple[float, float]:
    return round(place.lat, 6), round(place.lng, 6)


def _cover(unknown: "np.typing.NDArray[np.bool_]") -> list[int]:
    """Return few places whose rows and columns hold every unknown pair."""
    lacking = unknown.copy()
    np.fill_diagonal(lacking, False)
    counts = lacking.sum(axis=0) + lacking.sum(axis=1)
    found = []
    while counts.any():
        most = int(counts.argmax())
        found.append(most)
        counts -= lacking[most, :].astype(counts.dtype) + lacking[:, most].astype(counts.dtype)
        lacking[most, :] = lacking[:, most] = False
        counts[most] = 0
    return sorted(found)


_roads = [Roads()]


def configure(router: Router | None) -> None:
    """Say which road router knows the driving times, if one does."""
    _roads[:] = [Roads(router)]


def roads() -> Roads:
    """Return the roads of this process."""
    return _roads[0]
