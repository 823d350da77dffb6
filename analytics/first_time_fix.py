"""Was the fault gone after the first visit, and did it stay away?

A corrective order is fixed the first time if its first visit fixed it and the same problem of the
same machine brings no further corrective order within the look-back. An order that is itself such a
return is not counted as fixed either: the problem it belongs to has already had its first time.
Planned maintenance, installations, cancelled orders and closed doors are left out.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

LOOK_BACK = timedelta(days=30)
DEFINITION = (
    "corrective orders fixed in their first visit, with no corrective order for the same machine "
    "and problem before or after within {days} days, divided by all corrective orders visited"
)


class Verdict(StrEnum):
    """What became of one order."""

    FIXED = "fixed"
    NOT_IN_FIRST_VISIT = "not_in_first_visit"
    CAME_BACK = "came_back"
    IS_A_RETURN = "is_a_return"


@dataclass(frozen=True, slots=True)
class Repair:
    """One order as this question sees it.

    `first_visit_ended_at` is None before anybody was there; `fixed_in_first_visit` is the outcome of
    that visit alone. A problem that nobody coded may be any problem of the machine.
    """

    order_id: UUID | str
    asset_id: UUID | str
    problem: str | None
    opened_at: datetime
    first_visit_ended_at: datetime | None
    fixed_in_first_visit: bool = True
    corrective: bool = True
    cancelled: bool = False
    no_access: bool = False
    lead: UUID | str | None = None
    reason: str | None = None

    @property
    def counts(self) -> bool:
        """Tell whether this order belongs to the question at all."""
        return self.corrective and not self.cancelled and not self.no_access


@dataclass(frozen=True, slots=True)
class FirstTimeFix:
    """The share, once final and once with the orders whose look-back is still running.

    `reasons` counts why orders were not fixed at first, as the technicians said.
    """

    share: float | None
    n: int
    provisional_share: float | None
    provisional_n: int
    verdicts: Mapping[UUID | str, Verdict]
    reasons: Mapping[str, int]
    definition: str


def first_time_fix(
    repairs: Iterable[Repair],
    window: tuple[datetime, datetime],
    *,
    now: datetime,
    look_back: timedelta = LOOK_BACK,
    lead: UUID | str | None = None,
) -> FirstTimeFix:
    """Return the first-time fix of the orders whose first visit ended in the window.

    Give every repair known, also from outside the window: a return may lie there. With a lead only
    the first visits they led count. Final are the orders whose look-back is over by `now`, whatever
    their verdict: to count failures sooner than successes would lower the share of every new month.
    """
    known = [repair for repair in repairs if repair.opened_at <= now]
    by_asset: defaultdict[UUID | str, list[Repair]] = defaultdict(list)
    for repair in known:
        if repair.counts:
            by_asset[repair.asset_id].append(repair)

    verdicts: dict[UUID | str, Verdict] = {}
    final: list[Verdict] = []
    reasons: defaultdict[str, int] = defaultdict(int)
    for repair in known:
        ended = repair.first_visit_ended_at
        if not repair.counts or ended is None or not window[0] <= ended < window[1] or ended > now:
            continue
        if lead is not None and repair.lead != lead:
            continue
        verdict = _verdict(repair, ended, by_asset[repair.asset_id], look_back)
        verdicts[repair.order_id] = verdict
        if verdict is Verdict.NOT_IN_FIRST_VISIT:
            reasons[repair.reason or "not_said"] += 1
        if ended + look_back <= now:
            final.append(verdict)
    return FirstTimeFix(
        share=_share(final),
        n=len(final),
        provisional_share=_share(verdicts.values()),
        provisional_n=len(verdicts),
        verdicts=verdicts,
        reasons=dict(reasons),
        definition=DEFINITION.format(days=look_back.days),
    )


def _verdict(
    repair: Repair, ended: datetime, others: Iterable[Repair], look_back: timedelta
) -> Verdict:
    if not repair.fixed_in_first_visit:
        return Verdict.NOT_IN_FIRST_VISIT
    related = [other for other in others if other is not repair and _same_problem(repair, other)]
    if any(ended < other.opened_at <= ended + look_back for other in related):
        return Verdict.CAME_BACK
    for other in related:
        before = other.first_visit_ended_at
        if before is not None and before < repair.opened_at <= before + look_back:
            return Verdict.IS_A_RETURN
    return Verdict.FIXED


def _same_problem(one: Repair, other: Repair) -> bool:
    # To leave the code out must not make the figure look better.
    return one.problem is None or other.problem is None or one.problem == other.problem


def _share(verdicts: Collection[Verdict]) -> float | None:
    if not verdicts:
        return None
    return sum(1 for verdict in verdicts if verdict is Verdict.FIXED) / len(verdicts)
