"""The prices of a plan by name, as people set them: `overtime`, or `late.1` for one priority."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from dispatch.engine.problem import LARGEST_PENALTY, Weights

Prices = Mapping[str, int]


def prices_of(weights: Weights) -> dict[str, int]:
    """Return every price, in seconds of driving, by name."""
    prices: dict[str, int] = {}
    for one in fields(weights):
        value = getattr(weights, one.name)
        if isinstance(value, Mapping):
            prices |= {f"{one.name}.{priority}": rate for priority, rate in value.items()}
        else:
            prices[one.name] = value
    return prices


_AS_BUILT = Weights()
USUAL = prices_of(_AS_BUILT)


def wrong(prices: Prices) -> dict[str, list[str]]:
    """Return what is wrong with each of the prices, by name; nothing when all of them are good."""
    found = {name: _wrong(name, price) for name, price in prices.items()}
    return {name: [message] for name, message in found.items() if message is not None}


def _wrong(name: str, price: int) -> str | None:
    if name not in USUAL:
        return "There is no price of this name."
    if name.startswith("unplaced.") and price < 1:
        # For nothing the planner would rather leave every visit out.
        return "Leaving a visit out must cost at least 1."
    if not 0 <= price <= LARGEST_PENALTY:
        return "A price must be between 0 and 1,000,000,000."
    return None


def weights_of(*prices: Prices) -> Weights:
    """Return the planner's weights with these prices instead of the usual ones; the last word counts."""
    changed: dict[str, Any] = {}
    for name, price in {name: price for each in prices for name, price in each.items()}.items():
        table, _, priority = name.partition(".")
        if priority:
            known = changed.get(table, getattr(_AS_BUILT, table))
            changed[table] = {**known, int(priority): price}
        else:
            changed[table] = price
    return replace(_AS_BUILT, **changed)
