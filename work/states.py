"""Which state may follow which, and what an order's state is, given its visits."""

from collections.abc import Collection

from work.models import FINISHED, UNDER_WAY, WAITING, OrderState, VisitState

S = VisitState

# A phone reports what happened; it may have skipped a button. So every later step of the work may
# follow every earlier one, and only what is over stays over.
_WORK = (S.TRAVELLING, S.ON_SITE, S.WORKING)
_END = (S.COMPLETED, S.PARTIALLY_COMPLETED, S.COULD_NOT_COMPLETE)

FOLLOWS: dict[VisitState, frozenset[VisitState]] = {
    S.PROPOSED: frozenset({S.CONFIRMED, S.DISPATCHED, S.CANCELLED, *_WORK, *_END}),
    S.CONFIRMED: frozenset({S.PROPOSED, S.DISPATCHED, S.CANCELLED, *_WORK, *_END}),
    S.DISPATCHED: frozenset(
        {S.PROPOSED, S.CONFIRMED, S.ACCEPTED, S.DECLINED, S.CANCELLED, *_WORK, *_END}
    ),
    S.ACCEPTED: frozenset(
        {S.PROPOSED, S.CONFIRMED, S.DISPATCHED, S.DECLINED, S.CANCELLED, *_WORK, *_END}
    ),
    S.DECLINED: frozenset(
        {S.PROPOSED, S.CONFIRMED, S.DISPATCHED, S.ACCEPTED, S.CANCELLED, *_WORK, *_END}
    ),
    S.TRAVELLING: frozenset({S.DISPATCHED, S.ON_SITE, S.WORKING, S.PAUSED, S.CANCELLED, *_END}),
    S.ON_SITE: frozenset({S.WORKING, S.PAUSED, S.CANCELLED, *_END}),
    S.WORKING: frozenset({S.PAUSED, S.CANCELLED, *_END}),
    S.PAUSED: frozenset({S.TRAVELLING, S.ON_SITE, S.WORKING, S.CANCELLED, *_END}),
    S.COMPLETED: frozenset(),
    S.PARTIALLY_COMPLETED: frozenset(),
    S.COULD_NOT_COMPLETE: frozenset(),
    S.CANCELLED: frozenset(),
}

# The office's own word about an order, which visits do not overrule.
SAID_BY_OFFICE = frozenset({OrderState.CANCELLED, OrderState.VERIFIED, OrderState.CLOSED})


def may_follow(now: VisitState, then: VisitState) -> bool:
    """Tell whether a visit may go from one state to the other."""
    return then in FOLLOWS[now]


def order_state(now: OrderState, visits: Collection[VisitState], *, on_hold: bool) -> OrderState:
    """Return an order's state, given the states of its visits.

    The table is the one service companies know from Dynamics: work under way wins, then what is
    still planned, then what was finished; an order whose visits all ended half done has to be
    planned again.
    """
    if now in SAID_BY_OFFICE:
        return now
    live = [state for state in visits if state is not S.CANCELLED]
    waiting = [state for state in live if state in WAITING]
    if (
        live
        and not waiting
        and not any(state in UNDER_WAY for state in live)
        and S.COMPLETED in live
    ):
        return OrderState.WORK_DONE
    if on_hold:
        return OrderState.ON_HOLD
    if any(state in UNDER_WAY for state in live):
        return OrderState.IN_PROGRESS
    if waiting:
        if any(state in FINISHED for state in live):
            return OrderState.IN_PROGRESS
        firm = {S.CONFIRMED, S.DISPATCHED, S.ACCEPTED}
        return OrderState.SCHEDULED if any(state in firm for state in waiting) else OrderState.NEW
    return OrderState.NEW
