"""How much longer things take than planned, learned from what happened: values in, values out.

A pattern is a median ratio of what a thing took to what was planned, for a group (an order's kind, or
the hour of a drive) and, on top of it, for an engineer. Medians, because one forgotten phone must not
count; on the logarithm, because twice as long and half as long are equally far off; and shrunk to the
wider group by a fixed number of imagined observations, as in an empirical Bayes estimate with a known
ratio of variances (Efron and Morris, "Data analysis using Stein's estimator", 1975).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log
from statistics import median
from typing import Any

USUAL = 1000
# Below that nothing is learned at all, and in a group or of an engineer nothing of their own.
LEAST = 20
LEAST_IN_GROUP = 5
# So many observations at the wider group's median are imagined beside a group's own.
SHRINK = 8
# A ratio beyond says that somebody forgot to press a button, not that the work took so long.
FARTHEST = 5.0
SLOWEST, QUICKEST = 2000, 500
# The newest part of what happened is kept to see whether the rest foretells it.
TRIED_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Observed:
    """One thing that was planned and then happened, in seconds; in the order of time in a list."""

    group: str
    engineer: str
    planned_s: int
    actual_s: int

    @property
    def ratio(self) -> float | None:
        """Return how many times as long it took, on the logarithm; None where that means nothing."""
        if self.planned_s <= 0 or self.actual_s <= 0:
            return None
        ratio = log(self.actual_s / self.planned_s)
        return ratio if abs(ratio) <= log(FARTHEST) else None


@dataclass(frozen=True, slots=True)
class Pattern:
    """Factors in thousandths of what is planned. A group that is not named takes `overall`."""

    n: int = 0
    overall: int = USUAL
    groups: Mapping[str, int] = field(default_factory=dict)
    engineers: Mapping[str, int] = field(default_factory=dict)

    def factor(self, group: str, engineer: str | None = None) -> int:
        """Return by how many thousandths a plan is to be multiplied, within bounds."""
        factor = self.groups.get(group, self.overall)
        if engineer is not None:
            factor = round(factor * self.engineers.get(engineer, USUAL) / USUAL)
        return min(SLOWEST, max(QUICKEST, factor))

    def applied(self, planned_s: int, group: str, engineer: str | None = None) -> int:
        """Return how long it will take, in seconds."""
        return round(planned_s * self.factor(group, engineer) / USUAL)


@dataclass(frozen=True, slots=True)
class Trial:
    """Whether a pattern foretells what it has not seen: the median error in seconds before and with it.

    `n` is what was kept for the trial; a pattern is used only where it was nearer.
    """

    n: int
    before_s: int
    after_s: int

    @property
    def helps(self) -> bool:
        """Return whether plans get nearer to what happens."""
        return self.after_s < self.before_s


def learn(observed: Iterable[Observed]) -> Pattern:
    """Return the pattern in what happened; as planned where too little is known."""
    known = [(one, ratio) for one in observed if (ratio := one.ratio) is not None]
    if len(known) < LEAST:
        return Pattern(n=len(known))
    overall = median(ratio for _, ratio in known)
    by_group: dict[str, list[float]] = defaultdict(list)
    for one, ratio in known:
        by_group[one.group].append(ratio)
    groups = {name: _shrunk(ratios, overall) for name, ratios in by_group.items()}
    # What an engineer adds is looked for in what the groups leave unexplained.
    left: dict[str, list[float]] = defaultdict(list)
    for one, ratio in known:
        left[one.engineer].append(ratio - groups[one.group])
    engineers = {name: _shrunk(ratios, 0.0) for name, ratios in left.items()}
    return Pattern(
        len(known),
        _thousandths(overall),
        {name: _thousandths(value) for name, value in sorted(groups.items())},
        {name: _thousandths(value) for name, value in sorted(engineers.items())},
    )


def _shrunk(ratios: Sequence[float], wider: float) -> float:
    if len(ratios) < LEAST_IN_GROUP:
        return wider
    return (len(ratios) * median(ratios) + SHRINK * wider) / (len(ratios) + SHRINK)


def _thousandths(value: float) -> int:
    return round(exp(value) * USUAL)


def trial(observed: Sequence[Observed]) -> Trial | None:
    """Learn from the older part and compare with the newer; None where either part is too small."""
    known = [one for one in observed if one.ratio is not None]
    kept = round(len(known) * TRIED_SHARE)
    older, newer = known[: len(known) - kept], known[len(known) - kept :]
    if len(older) < LEAST or len(newer) < LEAST_IN_GROUP:
        return None
    pattern = learn(older)
    before = [abs(one.actual_s - one.planned_s) for one in newer]
    after = [
        abs(one.actual_s - pattern.applied(one.planned_s, one.group, one.engineer)) for one in newer
    ]
    return Trial(len(newer), round(median(before)), round(median(after)))


def pattern_to_json(pattern: Pattern, tried: Trial | None) -> dict[str, Any]:
    """Return a pattern and its trial as they are kept."""
    return {
        "n": pattern.n,
        "overall": pattern.overall,
        "groups": dict(pattern.groups),
        "engineers": dict(pattern.engineers),
        "trial": {"n": tried.n, "before_s": tried.before_s, "after_s": tried.after_s}
        if tried
        else None,
        "used": tried is not None and tried.helps,
    }


def pattern_from_json(kept: Mapping[str, Any]) -> Pattern:
    """Return the pattern to plan by: the one that was kept where it helps, else as planned."""
    if not kept.get("used"):
        return Pattern()
    return Pattern(kept["n"], kept["overall"], kept["groups"], kept["engineers"])
