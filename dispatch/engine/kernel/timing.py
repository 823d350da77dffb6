"""When things happen on a route, and what that costs: the exact judge inside the search.

One mark per number of breaks taken is carried along a route, the earliest moment each; the cost on
the way comes with it. What the day's length costs is read off the waiting and the slack collected on
the way, after Savelsbergh ("The vehicle routing problem with time windows: minimizing route
duration", ORSA Journal on Computing 1992).
"""

import numpy as np

from dispatch.engine.kernel.layout import (
    ANY_ORDER,
    BEGINS_,
    BEGUN,
    BREAKS_,
    COST,
    DROVE,
    DUE,
    END,
    ENGINEERS_,
    FASTEST,
    FIRST_BREAK,
    FIRST_PRED,
    FIRST_SUCC,
    FIRST_WINDOW,
    FOREVER,
    FROM,
    FROM_MARK,
    HAS_LINKS,
    HAS_PACES,
    HAS_SKILL_ENDS,
    LAST_BREAK,
    LAST_PRED,
    LAST_SUCC,
    LAST_WINDOW,
    LATE,
    LATEST,
    LINKED,
    MARK_COLUMNS,
    MARKS_,
    MOST_BREAKS,
    MOST_TRAVEL,
    MOST_WORK,
    MOVED_TIME,
    NEVER,
    OVERTIME,
    PACES,
    PACES_,
    PAID_TO,
    PLACE,
    PLACE_,
    PLANNED,
    PREDS_,
    PROFILE,
    PROMISE,
    PROMISE_FROM,
    PROMISE_TO,
    SCRATCH_,
    SETUP,
    SIM_,
    SKILL_ENDS_,
    SLACK,
    SPAN,
    SPEED,
    START,
    STARTS,
    STEEP,
    STEEP_AFTER,
    SUCCS_,
    TIME,
    TOLERANCE,
    TRAVEL,
    VISIT_COUNT,
    VISITS_,
    WAITED,
    WHERE_,
    WINDOWS_,
    WORK,
)
from dispatch.engine.kernel.memory import inside, mark, native, row


@inside
def own_drive(q, drives, v, a, b):
    """Return the seconds from node a to node b at an engineer's own speed and the usual pace."""
    me = q[ENGINEERS_] + v * q[ENGINEERS_ + 1]
    base = np.int64(drives[q[me + PROFILE], a, b])
    if q[me + SPEED] != 1000:
        base = (base * 1000 + q[me + SPEED] - 1) // q[me + SPEED]
    return base


@inside
def drive(q, drives, v, a, b, leaves):
    """Return the seconds from node a to node b for who leaves then."""
    base = own_drive(q, drives, v, a, b)
    if q[HAS_PACES] == 0:
        return base
    return paced(q, base, leaves)


@inside
def least_drive(q, drives, v, a, b):
    """Return the seconds from node a to node b at the fastest pace of the day."""
    base = own_drive(q, drives, v, a, b)
    if q[HAS_PACES] == 0:
        return base
    return (base * 1000 + q[FASTEST] - 1) // q[FASTEST]


@native
def paced(q, base, leaves):
    """Return how long a drive takes at the paces of its hours."""
    if base == 0:
        return base
    left = base * 1000
    time = leaves
    count = q[PACES]
    paces = q[PACES_]
    width = q[PACES_ + 1]
    number = -1
    while number + 1 < count and time >= q[paces + (number + 1) * width]:
        number += 1
    while True:
        eats = q[paces + number * width + 2] if number >= 0 else 1000
        needs = (left + eats - 1) // eats
        if number + 1 == count or time + needs <= q[paces + (number + 1) * width]:
            return time + needs - leaves
        number += 1
        left -= (q[paces + number * width] - time) * eats
        time = q[paces + number * width]


@native
def ride(q, drives, v, a, b, road, leaves, first, count):
    """Drive with these breaks on the way; return when all is done and the seconds on the road.

    `road` is the drive for who leaves at once. A break comes on arrival, or else before leaving or
    midway. NEVER stands for a break too late.
    """
    pauses = q[BREAKS_]
    width = q[BREAKS_ + 1]
    time = leaves + road
    good = True
    for k in range(pauses + first * width, pauses + (first + count) * width, width):
        time = max(time, q[k])
        if time > q[k + 1]:
            good = False
            break
        time += q[k + 2]
    if good:
        return time, road
    time = leaves
    resting = 0
    for k in range(pauses + first * width, pauses + (first + count) * width, width):
        time = max(time, q[k])
        if time > q[k + 1]:
            return NEVER, road
        time += q[k + 2]
        resting += q[k + 2]
    if q[HAS_PACES] == 1:
        road = drive(q, drives, v, a, b, time)
        return time + road, road
    return max(time, leaves + road + resting), road


@native
def begin(q, s, marks, v):
    """Write the mark of a day that has not begun; the others are nowhere."""
    for k in range(q[MOST_BREAKS] + 1):
        s[marks + k * MARK_COLUMNS + TIME] = NEVER
    s[marks + TIME] = q[row(q, ENGINEERS_, v) + FROM]
    s[marks + COST] = 0
    s[marks + WAITED] = 0
    s[marks + SLACK] = FOREVER
    s[marks + DROVE] = 0


@inside
def bounds_by_links(q, s, v, u, upto, stamp):
    """Return from when a visit may start and by when it must have ended, for visits elsewhere.

    Of its own route those before `upto` stand as they are, the others must have been passed.
    """
    earliest = 0
    latest_end = FOREVER
    for k in range(q[row(q, VISITS_, u) + FIRST_PRED], q[row(q, VISITS_, u) + LAST_PRED]):
        p = q[row(q, PREDS_, k) + 0]
        if s[s[WHERE_] + p] < 0:
            return FOREVER, 0
        if s[s[WHERE_] + p] == v and s[s[PLACE_] + p] >= upto:
            if s[row(s, SCRATCH_, p) + 0] != stamp:
                return FOREVER, 0
            earliest = max(earliest, s[row(s, SCRATCH_, p) + 1] + q[row(q, PREDS_, k) + 1])
        else:
            earliest = max(earliest, s[row(s, BEGINS_, p) + 1] + q[row(q, PREDS_, k) + 1])
    for k in range(q[row(q, VISITS_, u) + FIRST_SUCC], q[row(q, VISITS_, u) + LAST_SUCC]):
        z = q[row(q, SUCCS_, k) + 0]
        if s[s[WHERE_] + z] == v and s[s[PLACE_] + z] < upto:
            return FOREVER, 0
        if s[ANY_ORDER] == 0 and s[s[WHERE_] + z] >= 0 and s[s[WHERE_] + z] != v:
            latest_end = min(latest_end, s[row(s, BEGINS_, z) + 0] - q[row(q, SUCCS_, k) + 1])
    return earliest, latest_end


@inside
def advance(q, drives, s, v, a, u, before, after, earliest, latest_end, first):
    """Go from node a to visit u with every mark; return whether any came through."""
    # Nobody but we knows that these numbers stay the same while marks are written: read them once.
    own = row(q, VISITS_, u)
    me = row(q, ENGINEERS_, v)
    b0 = q[me + FIRST_BREAK]
    nb = q[me + LAST_BREAK] - b0
    work = q[own + WORK]
    if q[own + SETUP] > 0 and q[row(q, VISITS_, a) + PLACE] != q[own + PLACE]:
        work += q[own + SETUP]
    windows = q[WINDOWS_]
    window_width = q[WINDOWS_ + 1]
    first_window = windows + q[own + FIRST_WINDOW] * window_width
    last_window = windows + q[own + LAST_WINDOW] * window_width
    promise = q[own + PROMISE]
    late_rate = q[own + LATE]
    steep_rate = q[own + STEEP]
    planned = q[own + PLANNED] if q[MOVED_TIME] > 0 else -1
    weight = q[TRAVEL]
    paced_day = q[HAS_PACES] == 1
    limit = latest_end
    if q[HAS_SKILL_ENDS] == 1:
        limit = min(limit, q[row(q, SKILL_ENDS_, v) + u])
    for k in range(nb + 1):
        s[after + k * MARK_COLUMNS + TIME] = NEVER
    road = 0
    if not paced_day:
        road = drive(q, drives, v, a, u, 0)
    came = False
    for k in range(nb + 1):
        mine = before + k * MARK_COLUMNS
        t = s[mine + TIME]
        if t >= NEVER:
            continue
        if paced_day:
            road = drive(q, drives, v, a, u, t)
        for count in range(nb - k + 1):
            ready = t + road
            drove = road
            if count > 0:
                ready, drove = ride(q, drives, v, a, u, road, t, b0 + k, count)
                if ready >= NEVER:
                    break
            starts = max(ready, earliest)
            closes = -1
            for w in range(first_window, last_window, window_width):
                if starts <= q[w + 1]:
                    starts = max(starts, q[w])
                    closes = q[w + 1]
                    break
            if closes < 0:
                break
            price = 0
            if promise > 0:
                # To wait for the hour that a customer was told is no loss worth searching for.
                if starts < q[own + PROMISE_FROM] <= closes:
                    starts = q[own + PROMISE_FROM]
                if starts < q[own + PROMISE_FROM] or starts > q[own + PROMISE_TO]:
                    price += promise
                else:
                    closes = min(closes, q[own + PROMISE_TO])
            ends = starts + work
            if ends > limit:
                break
            closes = min(closes, limit - work)
            if late_rate > 0 or steep_rate > 0:
                late = starts - q[own + DUE]
                if late > 0:
                    price += late * late_rate + max(0, late - q[STEEP_AFTER]) * steep_rate
                closes = max(starts, min(closes, q[own + DUE]))
            if planned >= 0:
                shift = starts - planned
                if shift > q[TOLERANCE] or -shift > q[TOLERANCE]:
                    price += q[MOVED_TIME]
                    closes = starts
                else:
                    closes = min(closes, planned + q[TOLERANCE])
            to = after + (k + count) * MARK_COLUMNS
            price += s[mine + COST] + drove * weight
            if ends > s[to + TIME] or (ends == s[to + TIME] and price >= s[to + COST]):
                continue
            waited = s[mine + WAITED] + starts - ready
            if count > 0 or (nb > 0 and not first):
                # A day with breaks is only shortened by leaving home later.
                waited = s[mine + WAITED]
            s[to + TIME] = ends
            s[to + COST] = price
            s[to + WAITED] = waited
            s[to + SLACK] = min(s[mine + SLACK], waited + closes - starts)
            s[to + DROVE] = s[mine + DROVE] + drove
            s[to + STARTS] = starts
            s[to + FROM_MARK] = k
            came = True
    return came


@inside
def finish(q, drives, s, v, a, before, work):
    """Go home; return the cost of the day (NEVER if nothing keeps the rules) and the mark to take."""
    b0 = q[row(q, ENGINEERS_, v) + FIRST_BREAK]
    nb = q[row(q, ENGINEERS_, v) + LAST_BREAK] - b0
    best = NEVER
    chosen = -1
    for k in range(nb + 1):
        t = s[before + k * MARK_COLUMNS + TIME]
        if t >= NEVER:
            continue
        for count in range(nb - k + 1):
            end = q[row(q, ENGINEERS_, v) + END]
            road = drive(q, drives, v, a, end, t)
            ready, road = ride(q, drives, v, a, end, road, t, b0 + k, count)
            if ready > q[row(q, ENGINEERS_, v) + LATEST]:
                continue
            time = ready
            good = True
            for j in range(b0 + k + count, b0 + nb):
                time = max(time, q[row(q, BREAKS_, j) + 0])
                if time > q[row(q, BREAKS_, j) + 1]:
                    good = False
                    break
                time += q[row(q, BREAKS_, j) + 2]
            drove = s[before + k * MARK_COLUMNS + DROVE] + road
            if not good or drove > q[row(q, ENGINEERS_, v) + MOST_TRAVEL]:
                continue
            if drove + work > q[row(q, ENGINEERS_, v) + MOST_WORK]:
                continue
            price = s[before + k * MARK_COLUMNS + COST] + road * q[TRAVEL]
            price += max(0, ready - q[row(q, ENGINEERS_, v) + PAID_TO]) * q[OVERTIME]
            if q[SPAN] > 0:
                left = q[row(q, ENGINEERS_, v) + FROM]
                if q[row(q, ENGINEERS_, v) + BEGUN] >= 0:
                    left = q[row(q, ENGINEERS_, v) + BEGUN]
                else:
                    left += max(
                        0,
                        min(
                            s[before + k * MARK_COLUMNS + SLACK],
                            s[before + k * MARK_COLUMNS + WAITED],
                        ),
                    )
                price += (ready - left) * q[SPAN]
            if price < best:
                best = price
                chosen = k * (nb + 1) + count
    return best, chosen


@native
def simulate(q, drives, s, v, seq, size, kept, stamp):
    """Return the cost of the first `size` stops of `seq` for engineer v, or NEVER.

    The first `kept` stops are those of the route as it stands; `marks` holds what is known of them.
    """
    for k in range(
        q[row(q, ENGINEERS_, v) + LAST_BREAK] - q[row(q, ENGINEERS_, v) + FIRST_BREAK] + 1
    ):
        for f in range(SLACK + 2):
            s[mark(s, SIM_, 0, 0) + k * MARK_COLUMNS + f] = s[
                mark(s, MARKS_, v, kept) + k * MARK_COLUMNS + f
            ]
    a = q[row(q, ENGINEERS_, v) + START] if kept == 0 else s[seq + kept - 1]
    for i in range(kept, size):
        u = s[seq + i]
        earliest = 0
        latest_end = FOREVER
        if q[HAS_LINKS] == 1 and q[row(q, VISITS_, u) + LINKED] == 1:
            earliest, latest_end = bounds_by_links(q, s, v, u, kept, stamp)
        before = mark(s, SIM_, 0, (i - kept) & 1)
        after = mark(s, SIM_, 0, (i - kept + 1) & 1)
        if earliest >= FOREVER or not advance(
            q, drives, s, v, a, u, before, after, earliest, latest_end, i == 0
        ):
            return NEVER
        if q[HAS_LINKS] == 1 and q[row(q, VISITS_, u) + LINKED] == 1:
            # Whichever way the breaks are taken in the end, it is over by then.
            ends = 0
            for k in range(q[MOST_BREAKS] + 1):
                if (
                    s[after + k * MARK_COLUMNS + TIME] < NEVER
                    and s[after + k * MARK_COLUMNS + TIME] > ends
                ):
                    ends = s[after + k * MARK_COLUMNS + TIME]
            s[row(s, SCRATCH_, u) + 0] = stamp
            s[row(s, SCRATCH_, u) + 1] = ends
        a = u
    work = worked(q, s, v, seq, size)
    price, _ = finish(q, drives, s, v, a, mark(s, SIM_, 0, (size - kept) & 1), work)
    return price


@native
def worked(q, s, v, seq, size):
    """Return the seconds at work on a route."""
    total = 0
    a = q[row(q, ENGINEERS_, v) + START]
    for i in range(size):
        u = s[seq + i]
        if u >= q[VISIT_COUNT]:
            a = u
            continue
        total += q[row(q, VISITS_, u) + WORK]
        if (
            q[row(q, VISITS_, u) + SETUP] > 0
            and q[row(q, VISITS_, a) + PLACE] != q[row(q, VISITS_, u) + PLACE]
        ):
            total += q[row(q, VISITS_, u) + SETUP]
        a = u
    return total
