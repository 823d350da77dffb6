"""What it costs to leave a visit out: never less than to make it as late as these days allow.

A plan that left an overdue visit out because lateness is dear would only make it later. So whoever is
left out pays, beside the company's price, for the lateness of a start at the very end. A visit of a
higher priority pays at least as much as any below it, so that priorities keep their order.
"""

from collections.abc import Sequence
from dataclasses import replace

from dispatch.engine.problem import LARGEST_PENALTY, PRIORITIES, Visit, Weights


def priced(visits: Sequence[Visit], weights: Weights, ends_s: int) -> list[Visit]:
    """Return the visits with their prices for being left out of days that end then."""
    late = [weights.lateness(visit, ends_s) for visit in visits]
    least = {
        priority: max(
            (cost for visit, cost in zip(visits, late, strict=True) if visit.priority > priority),
            default=0,
        )
        for priority in PRIORITIES
    }
    found = []
    for visit, cost in zip(visits, late, strict=True):
        more = max(cost, least[visit.priority])
        locked = visit.lock_engineer is not None or visit.lock_start_s is not None
        base = weights.unplaced_locked if locked else weights.unplaced[visit.priority]
        found.append(replace(visit, penalty=min(LARGEST_PENALTY, base + more)) if more else visit)
    return found
