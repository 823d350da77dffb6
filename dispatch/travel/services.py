"""Road routers that answer tables of driving times, each asked in its own documented way."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from dispatch.engine.problem import LATEST_S, Place
from dispatch.travel.calls import Caller, Refused, ServiceError

Seconds = npt.NDArray[np.int32]

# What each service takes at once as it is shipped, along one side of the table.
OSRM_SIDE = 100
VALHALLA_SIDE = 50
ORS_SIDE = 50
LARGEST_METRES = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a table: seconds, and metres where the service tells them."""

    seconds: Seconds
    metres: Seconds | None


class Service(Protocol):
    """A router. `side` is how many sources and how many destinations it takes in one call."""

    name: str
    side: int
    url: str
    key: str | None

    def block(
        self, caller: Caller, sources: Sequence[Place], targets: Sequence[Place], profile: str
    ) -> Block:
        """Return one part of the table; a pair without a road takes `LATEST_S`.

        Raises ServiceError.
        """
        ...


class Osrm:
    """OSRM's `/table/v1/{profile}`."""

    name = "osrm"

    def __init__(self, url: str, *, key: str | None = None, side: int = OSRM_SIDE) -> None:
        self.url, self.key, self.side = url, key, side

    def block(
        self, caller: Caller, sources: Sequence[Place], targets: Sequence[Place], profile: str
    ) -> Block:
        """Return one part of the table."""
        points = ";".join(f"{p.lng:.6f},{p.lat:.6f}" for p in (*sources, *targets))
        first = ";".join(map(str, range(len(sources))))
        second = ";".join(map(str, range(len(sources), len(sources) + len(targets))))
        said = caller.ask(
            f"/table/v1/{profile}/{points}?sources={first}&destinations={second}"
            "&annotations=duration,distance"
        )
        if said.get("code") != "Ok":
            raise ServiceError(f"it answered {said.get('code')}: {said.get('message', '')}")
        return _block(said.get("durations"), said.get("distances"), len(sources), len(targets))


class Valhalla:
    """Valhalla's `/sources_to_targets`, in its long and its concise form."""

    name = "valhalla"

    def __init__(self, url: str, *, key: str | None = None, side: int = VALHALLA_SIDE) -> None:
        self.url, self.key, self.side = url, key, side

    def block(
        self, caller: Caller, sources: Sequence[Place], targets: Sequence[Place], profile: str
    ) -> Block:
        """Return one part of the table."""
        said = caller.ask(
            "/sources_to_targets",
            {
                "sources": [{"lat": p.lat, "lon": p.lng} for p in sources],
                "targets": [{"lat": p.lat, "lon": p.lng} for p in targets],
                "costing": "auto" if profile in ("car", "driving") else profile,
                "units": "kilometers",
            },
        )
        table = said.get("sources_to_targets")
        if isinstance(table, dict):
            seconds, km = table.get("durations"), table.get("distances")
        else:
            seconds, km = _column(table, "time"), _column(table, "distance")
        return _block(seconds, _metres(km), len(sources), len(targets))


class Matrix:
    """Any service that answers as openrouteservice does: `locations` in, `durations` out."""

    name = "matrix"

    def __init__(self, url: str, *, key: str | None = None, side: int = ORS_SIDE) -> None:
        self.url, self.key, self.side = url, key, side

    def block(
        self, caller: Caller, sources: Sequence[Place], targets: Sequence[Place], profile: str
    ) -> Block:
        """Return one part of the table."""
        said = caller.ask(
            "",
            {
                "locations": [[p.lng, p.lat] for p in (*sources, *targets)],
                "sources": list(range(len(sources))),
                "destinations": list(range(len(sources), len(sources) + len(targets))),
                "metrics": ["duration", "distance"],
                "profile": profile,
            },
        )
        return _block(said.get("durations"), said.get("distances"), len(sources), len(targets))


KINDS: dict[str, type[Osrm] | type[Valhalla] | type[Matrix]] = {
    kind.name: kind for kind in (Osrm, Valhalla, Matrix)
}


def too_large(error: Refused) -> bool:
    """Tell whether the service only wants to be asked for less at a time."""
    # OSRM says TooBig, Valhalla 150 and 154 (limits of locations and of distance), others 413.
    return error.status == 413 or error.code in ("TooBig", "150", "154", "6004")


def _block(seconds: Any, metres: Any, rows: int, columns: int) -> Block:
    table = _numbers(seconds, rows, columns, LATEST_S)
    return Block(table, _numbers(metres, rows, columns, LARGEST_METRES) if metres else None)


def _column(table: Any, name: str) -> Any:
    try:
        return [[cell[name] for cell in row] for row in table]
    except (TypeError, KeyError) as error:
        raise ServiceError(f"its table has no {name}") from error


def _metres(km: Any) -> Any:
    try:
        return [[None if cell is None else cell * 1000 for cell in row] for row in km or ()]
    except TypeError as error:
        raise ServiceError("its distances are no table of numbers") from error


def _numbers(table: Any, rows: int, columns: int, most: int) -> Seconds:
    if (
        not isinstance(table, list)
        or len(table) != rows
        or any(not isinstance(row, list) or len(row) != columns for row in table)
    ):
        raise ServiceError(f"its table is not {rows} x {columns}")
    for row in table:
        for cell in row:
            number = isinstance(cell, int | float) and not isinstance(cell, bool)
            if cell is not None and not (number and isfinite(cell) and cell >= 0):
                raise ServiceError(f"its table holds {str(cell)[:40]!r}")
    # No road between the two: as far away as can be, so that nobody is sent there.
    numbers = np.array([[most if c is None else c for c in row] for row in table], np.float64)
    return np.minimum(np.ceil(numbers), most).astype(np.int32).reshape(rows, columns)
