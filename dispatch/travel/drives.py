"""Driving times between places: from the router when there is one, else from the stated model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.settings import Router
from dispatch.engine.problem import LATEST_S, Place
from dispatch.engine.travel import TravelModel, straight_km, travel_matrix
from dispatch.travel.calls import Caller, Refused, ServiceError
from dispatch.travel.services import KINDS, Block, Seconds, Service, too_large

SMALLEST_SIDE = 2
MODEL = "model"


@dataclass(frozen=True, slots=True)
class Drives:
    """A table of driving seconds and metres, who made it, and what is to be told about it."""

    seconds: Seconds
    metres: Seconds
    source: str
    notes: tuple[str, ...] = ()


def service_of(router: Router | None) -> Service | None:
    """Return the service that the settings name; none means the model alone."""
    if router is None:
        return None
    kind = KINDS[router.kind]
    return kind(router.url, key=router.key, **({"side": router.side} if router.side else {}))


def drives_between(
    places: Sequence[Place],
    service: Service | None = None,
    *,
    profile: str = "car",
    seconds: float = 10.0,
    model: TravelModel | None = None,
) -> Drives:
    """Return the driving times between every two places; within `seconds` or by the model.

    A service that is away, slow or wrong never fails a plan: the model answers, and `notes` says so.
    """
    if service is None or len(places) < 2:
        return modelled(places, model)
    try:
        return _asked(places, service, profile, seconds)
    except ServiceError as error:
        note = f"The driving times are the stated model's, not {service.name}'s: {error}."
        return modelled(places, model, note)


def modelled(places: Sequence[Place], model: TravelModel | None = None, *notes: str) -> Drives:
    """Return the driving times of the stated model."""
    model = model or TravelModel()
    metres = np.zeros((len(places), len(places)), np.int32)
    if places:
        metres = np.rint(straight_km(places) * model.detour * 1000).astype(np.int32)
    table = np.asarray(travel_matrix(places, model), np.int32).reshape(metres.shape)
    return Drives(table, metres, MODEL, notes)


def _asked(places: Sequence[Place], service: Service, profile: str, seconds: float) -> Drives:
    size = len(places)
    table = np.zeros((size, size), np.int32)
    metres: Seconds | None = np.zeros((size, size), np.int32)
    headers = {"Authorization": service.key} if service.key else {}
    with Caller(service.url, seconds=seconds, headers=headers) as caller:
        for rows, columns, block in _blocks(places, places, service, caller, profile):
            table[rows, columns] = block.seconds
            if metres is not None and block.metres is not None:
                metres[rows, columns] = block.metres
            else:
                metres = None
    np.fill_diagonal(table, 0)
    if metres is None:
        metres = modelled(places).metres
    lost = int((table == LATEST_S).sum())
    notes = (f"{service.name} knows no road for {lost} of {size * size} pairs.",) if lost else ()
    return Drives(table, metres, service.name, notes)


def blocks_between(
    sources: Sequence[Place],
    targets: Sequence[Place],
    service: Service,
    seconds: float,
    profile: str = "car",
) -> Seconds:
    """Return the router's driving seconds from every source to every target.

    Raises ServiceError when it has not answered within `seconds`.
    """
    table = np.zeros((len(sources), len(targets)), np.int32)
    headers = {"Authorization": service.key} if service.key else {}
    with Caller(service.url, seconds=seconds, headers=headers) as caller:
        for rows, columns, block in _blocks(sources, targets, service, caller, profile):
            table[rows, columns] = block.seconds
    return table


def _blocks(
    sources: Sequence[Place],
    targets: Sequence[Place],
    service: Service,
    caller: Caller,
    profile: str,
) -> Iterator[tuple[slice, slice, Block]]:
    side = service.side
    row = 0
    while row < len(sources):
        column = 0
        rows = slice(row, row + side)
        while column < len(targets):
            columns = slice(column, column + side)
            try:
                block = service.block(caller, sources[rows], targets[columns], profile)
            except Refused as error:
                if not too_large(error) or side <= SMALLEST_SIDE:
                    raise
                # It takes less at a time than we believed; this row begins again in smaller parts.
                side, column = max(SMALLEST_SIDE, side // 2), 0
                rows = slice(row, row + side)
                continue
            yield rows, columns, block
            column += side
        row += rows.stop - rows.start
