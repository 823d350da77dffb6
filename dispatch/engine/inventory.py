"""What is on board along a route: parts that are used up, tools that stay, and the load."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dispatch.engine.plan import ReasonCode
from dispatch.engine.problem import Depot, Engineer, Visit

# A depot with no list has as many as anybody needs.
UNLIMITED = 10**9


@dataclass(frozen=True, slots=True)
class Shortage:
    """The first stop on a route for which something is not on board, or for which it is too full."""

    visit_id: str
    code: ReasonCode
    details: Mapping[str, str | int]
    change: Mapping[str, int]


def shortage(
    engineer: Engineer,
    visits: Sequence[Visit],
    depot: tuple[int, Depot] | None = None,
    *,
    bears: Sequence[bool] | None = None,
) -> Shortage | None:
    """Return the first shortage on a route, None when everything is on board when it is needed.

    `depot` is where in the sequence the depot is called at; `bears` tells for each visit whether
    this engineer's van gives the parts (another of the crew may).
    """
    used: dict[str, int] = {}
    load = [0] * len(engineer.capacity)
    call, place = depot if depot is not None else (len(visits), None)
    for number, visit in enumerate(visits):
        here = place if number >= call else None
        if bears is not None and not bears[number]:
            continue
        short = _parts_short(engineer, visit, used, here) or _tool_short(engineer, visit, here)
        if short is None:
            for axis, amount in enumerate(visit.amount[: len(load)]):
                load[axis] += amount
            short = _too_full(engineer, visit, load)
        if short is not None and not visit.running:
            return short
    return None


def _parts_short(
    engineer: Engineer, visit: Visit, used: dict[str, int], depot: Depot | None
) -> Shortage | None:
    for part, needs in visit.parts.items():
        van = engineer.parts.get(part, 0)
        stock = 0
        if depot is not None:
            stock = UNLIMITED if depot.parts is None else depot.parts.get(part, 0)
        before = used.get(part, 0)
        # What is under way takes what is there, and no more.
        used[part] = min(van, before + needs) if visit.running else before + needs
        if not visit.running and before + needs > van + stock:
            figures: Mapping[str, str | int] = {
                "part": part,
                "needs": needs,
                "on_van": van,
                "promised": before,
            }
            change = {f"part:{part}": before + needs - van - stock}
            return Shortage(visit.id, ReasonCode.PART_MISSING, figures, change)
    return None


def _tool_short(engineer: Engineer, visit: Visit, depot: Depot | None) -> Shortage | None:
    lent = frozenset[str]()
    if depot is not None:
        lent = visit.tools if depot.tools is None else depot.tools
    for tool in sorted(visit.tools - engineer.tools - lent):
        return Shortage(visit.id, ReasonCode.TOOL_MISSING, {"tool": tool}, {f"tool:{tool}": 1})
    return None


def _too_full(engineer: Engineer, visit: Visit, load: Sequence[int]) -> Shortage | None:
    for axis, (has, most) in enumerate(zip(load, engineer.capacity, strict=True)):
        if has > most:
            figures = {"load": has, "capacity": most, "dimension": axis}
            return Shortage(
                visit.id, ReasonCode.CAPACITY, figures, {f"capacity:{axis}": has - most}
            )
    return None
