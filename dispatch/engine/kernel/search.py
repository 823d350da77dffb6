"""The search itself: ruin and recreate by strings, with simulated annealing.

After Christiaens and Vanden Berghe, "Slack Induction by String Removals for Vehicle Routing
Problems", Transportation Science 54(2), 2020. A step tears strings of neighbouring visits out of
neighbouring routes and puts them back greedily, blinking now and then. Only the routes a step
touches are noted down and put back when it is rejected. What the best place of a visit on a route
is, is remembered until that route changes: most routes outlive thousands of steps.

Plain problems (one window, no breaks or soft promises) are judged in constant time by the earliest
departure before and the latest start after a place; all others by `timing.simulate`.
"""

import math

import numpy as np

from dispatch.engine.kernel.layout import (
    ABSENT,
    ABSENT_,
    ABSENT_SEQ_,
    ALLOWED_,
    ANY_ORDER,
    APART,
    BALANCE,
    BARE,
    BEGINS_,
    BEGUN,
    BEST,
    BEST_LENGTH_,
    BEST_ROUTE_,
    BOUNDS_,
    BY_THEN_,
    CHAINED_,
    CLOSES,
    COST_,
    DEPOTS,
    DIRTY_,
    DONE_,
    DROVE,
    END,
    ENGINEER_COUNT,
    ENGINEERS_,
    EXTRA_,
    FIRST_BREAK,
    FIRST_FRIEND,
    FIRST_PRED,
    FIRST_SUCC,
    FIXED,
    FRIENDS_,
    FROM,
    FROM_MARK,
    GROUP,
    GROUPS,
    HAS_DEPOTS,
    HAS_DIPS,
    HAS_LINKS,
    HOMES_,
    IS_RICH,
    KEY_COUNT,
    KEYS_,
    KIND,
    KNOWN_COST_,
    KNOWN_PLACE_,
    KNOWN_VERSION_,
    LAST_,
    LAST_BREAK,
    LAST_FRIEND,
    LAST_PRED,
    LAST_SUCC,
    LATEST,
    LENGTH_,
    LINKED,
    LOAD_,
    MARK_COLUMNS,
    MARKS_,
    MEMBERS_,
    MOST_VISITS,
    NEAR_,
    NEEDS_,
    NEVER,
    NODES,
    OLD_ABSENT_,
    OLD_BEGINS_,
    OLD_CHAINED_,
    OLD_COST_,
    OLD_DONE_,
    OLD_LAST_,
    OLD_LENGTH_,
    OLD_LOAD_,
    OLD_MARKS_,
    OLD_ROUTE_,
    OLD_VERSION_,
    OLD_WORK_,
    OPEN_ROUTES_,
    OPENS,
    ORDER_,
    OWN_TOOLS,
    PARTNER,
    PENALTY,
    PEOPLE_,
    PINNED,
    PLACE_,
    POOL_AT_,
    POOL_COST_,
    POOL_DATA_,
    POOL_KEY_,
    POOL_USED,
    POOLED,
    PREDS_,
    PROFILE,
    RANDOM,
    RESOURCES,
    ROUTE_,
    SAME_PERSON,
    SCRATCH_,
    SEEDS,
    SEEDS_,
    SEQ_,
    SLOT_OF_,
    SLOTS,
    SOONEST_,
    SPAN,
    SPLIT_KEY,
    STAMP,
    STAMPS_,
    START,
    STARTS,
    STEPS,
    STOCK_,
    STOPS_ROOM,
    SUCCS_,
    SUPPLY_,
    TIME,
    TOOLS,
    TOTAL,
    TOUCHED,
    TOUCHED_,
    TRAVEL,
    VERSION_,
    VISIT_COUNT,
    VISITS_,
    WAITING_,
    WHERE_,
    WHOLE_SEQ_,
    WORK,
    WORK_,
    WORK_HIGH,
    WORK_LOW,
)
from dispatch.engine.kernel.memory import inside, mark, native, row
from dispatch.engine.kernel.timing import (
    advance,
    begin,
    bounds_by_links,
    drive,
    finish,
    least_drive,
    ride,
    simulate,
    worked,
)

# A place in a route and, where a depot is called at on the way, which and where, in one number.
SPLIT = 8192
# Of many visits left out only some are tried again in each step.
RETRIED = 24
# From so many routes on only those near a visit are tried.
MANY_ROUTES = 36
NEAR_TRIED = 40
# In place of a place: nothing below the noted cost.
AT_LEAST = -2


@native
def draw(s):
    """Return a random number of 53 bits (xorshift64*)."""
    x = np.uint64(s[RANDOM])
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    s[RANDOM] = np.int64(x)
    return np.int64((x * np.uint64(2685821657736338717)) >> np.uint64(11))


@native
def chance(s):
    """Return a random number from 0 up to 1."""
    return draw(s) * (1.0 / 9007199254740992.0)


@native
def below(s, count):
    """Return a random whole number from 0 up to count."""
    return int(chance(s) * count)


@native
def lay_plain(q, drives, s, v):
    """Work out the times of a plain route; return its drive, or -1 where it is late."""
    size = s[s[LENGTH_] + v]
    profile = q[row(q, ENGINEERS_, v) + PROFILE]
    a = q[row(q, ENGINEERS_, v) + START]
    s[row(s, DONE_, v) + 0] = q[row(q, ENGINEERS_, v) + FROM]
    time = q[row(q, ENGINEERS_, v) + FROM]
    total = 0
    for i in range(size):
        u = s[row(s, ROUTE_, v) + i]
        road = drives[profile, a, u]
        total += road
        time = max(time + road, q[row(q, VISITS_, u) + OPENS])
        if time > q[row(q, VISITS_, u) + CLOSES]:
            return -1
        time += q[row(q, VISITS_, u) + WORK]
        s[row(s, DONE_, v) + i + 1] = time
        a = u
    b = q[row(q, ENGINEERS_, v) + END]
    time = q[row(q, ENGINEERS_, v) + LATEST]
    s[row(s, LAST_, v) + size] = time
    if size > 0:
        total += drives[profile, a, b]
        if s[row(s, DONE_, v) + size] + drives[profile, a, b] > time:
            return -1
    for i in range(size - 1, -1, -1):
        u = s[row(s, ROUTE_, v) + i]
        time = min(
            time - drives[profile, u, b] - q[row(q, VISITS_, u) + WORK],
            q[row(q, VISITS_, u) + CLOSES],
        )
        s[row(s, LAST_, v) + i] = time
        b = u
    return total


@native
def idle_drive(q, drives, v):
    """Return the seconds on the road of one who gets no visit: home, for one who is out already."""
    if q[row(q, ENGINEERS_, v) + BEGUN] < 0:
        return 0
    me = row(q, ENGINEERS_, v)
    return drive(q, drives, v, q[me + START], q[me + END], q[me + FROM])


@native
def lay_rich(q, drives, s, v):
    """Work out the marks of a route with every rule; return its cost without pairings, or NEVER."""
    size = s[s[LENGTH_] + v]
    nb = q[row(q, ENGINEERS_, v) + LAST_BREAK] - q[row(q, ENGINEERS_, v) + FIRST_BREAK]
    begin(q, s, mark(s, MARKS_, v, 0), v)
    if size == 0:
        s[s[WORK_] + v] = idle_drive(q, drives, v)
        s[row(s, LAST_, v)] = q[row(q, ENGINEERS_, v) + LATEST]
        return 0
    s[STAMP] += 1
    stamp = s[STAMP]
    a = q[row(q, ENGINEERS_, v) + START]
    for i in range(size):
        u = s[row(s, ROUTE_, v) + i]
        earliest = 0
        latest_end = NEVER
        if q[HAS_LINKS] == 1 and q[row(q, VISITS_, u) + LINKED] == 1:
            earliest, latest_end = bounds_by_links(q, s, v, u, 0, stamp)
        before = mark(s, MARKS_, v, i)
        after = mark(s, MARKS_, v, i + 1)
        if not advance(q, drives, s, v, a, u, before, after, earliest, latest_end, i == 0):
            return NEVER
        if q[HAS_LINKS] == 1 and q[row(q, VISITS_, u) + LINKED] == 1:
            ends = 0
            for k in range(nb + 1):
                if (
                    s[mark(s, MARKS_, v, i + 1) + k * MARK_COLUMNS + TIME] < NEVER
                    and s[mark(s, MARKS_, v, i + 1) + k * MARK_COLUMNS + TIME] > ends
                ):
                    ends = s[mark(s, MARKS_, v, i + 1) + k * MARK_COLUMNS + TIME]
            s[row(s, SCRATCH_, u) + 0] = stamp
            s[row(s, SCRATCH_, u) + 1] = ends
        a = u
    work = worked(q, s, v, row(s, ROUTE_, v), size)
    price, chosen = finish(q, drives, s, v, a, mark(s, MARKS_, v, size), work)
    if price >= NEVER:
        return NEVER
    # Rich routes have no other use for this number: how the day ends.
    s[row(s, DONE_, v)] = chosen
    k = chosen // (nb + 1)
    last = mark(s, MARKS_, v, size) + k * MARK_COLUMNS
    b = q[row(q, ENGINEERS_, v) + END]
    road = drive(q, drives, v, a, b, s[last + TIME])
    first = q[row(q, ENGINEERS_, v) + FIRST_BREAK] + k
    _, road = ride(q, drives, v, a, b, road, s[last + TIME], first, chosen % (nb + 1))
    s[s[WORK_] + v] = work + s[last + DROVE] + road
    for i in range(size - 1, -1, -1):
        u = s[row(s, ROUTE_, v) + i]
        s[row(s, BEGINS_, u) + 0] = s[mark(s, MARKS_, v, i + 1) + k * MARK_COLUMNS + STARTS]
        s[row(s, BEGINS_, u) + 1] = s[mark(s, MARKS_, v, i + 1) + k * MARK_COLUMNS + TIME]
        k = s[mark(s, MARKS_, v, i + 1) + k * MARK_COLUMNS + FROM_MARK]
    b = q[row(q, ENGINEERS_, v) + END]
    time = q[row(q, ENGINEERS_, v) + LATEST]
    s[row(s, LAST_, v) + size] = time
    for i in range(size - 1, -1, -1):
        u = s[row(s, ROUTE_, v) + i]
        road = least_drive(q, drives, v, u, b)
        time = min(time - road - q[row(q, VISITS_, u) + WORK], q[row(q, VISITS_, u) + CLOSES])
        s[row(s, LAST_, v) + i] = time
        b = u
    return price


@native
def stocked(q, s, v, seq, size):
    """Return whether parts, tools and load last for these stops in this order."""
    n = q[VISIT_COUNT]
    count = q[RESOURCES]
    for r in range(count):
        used = 0
        room = q[row(q, STOCK_, v) + r]
        for i in range(size):
            u = s[seq + i]
            if u >= n:
                room += q[row(q, SUPPLY_, u - n) + r]
            else:
                used += q[row(q, NEEDS_, u) + r]
                if used > room:
                    return False
    tools = q[row(q, ENGINEERS_, v) + OWN_TOOLS]
    for i in range(size):
        u = s[seq + i]
        if u >= n:
            tools |= q[row(q, VISITS_, u) + TOOLS]
        elif q[row(q, VISITS_, u) + TOOLS] & ~tools:
            return False
    return True


@native
def lay(q, drives, s, v):
    """Bring all that is known of a route up to date; return whether it keeps the rules."""
    n = q[VISIT_COUNT]
    size = s[s[LENGTH_] + v]
    price = 0
    if q[IS_RICH] == 1:
        if q[HAS_LINKS] == 1:
            for i in range(size):
                s[s[WHERE_] + s[row(s, ROUTE_, v) + i]] = v
                s[s[PLACE_] + s[row(s, ROUTE_, v) + i]] = i
        price = lay_rich(q, drives, s, v)
        if price >= NEVER:
            return False
        # Where a stop has taken load off, the rest may be too much without it.
        if q[HAS_DIPS] == 1 and not stocked(q, s, v, row(s, ROUTE_, v), size):
            return False
    else:
        road = lay_plain(q, drives, s, v)
        if road < 0:
            return False
        price = road * q[TRAVEL]
        s[s[WORK_] + v] = road
    for r in range(q[RESOURCES]):
        s[row(s, LOAD_, v) + r] = 0
    s[s[CHAINED_] + v] = 0
    for i in range(size):
        u = s[row(s, ROUTE_, v) + i]
        s[s[WHERE_] + u] = v
        s[s[PLACE_] + u] = i
        s[s[CHAINED_] + v] += q[row(q, VISITS_, u) + LINKED]
        if u < n:
            price += q[row(q, EXTRA_, v) + u]
            for r in range(q[RESOURCES]):
                s[row(s, LOAD_, v) + r] += q[row(q, NEEDS_, u) + r]
    if size > 0:
        price += q[row(q, ENGINEERS_, v) + FIXED]
    s[s[COST_] + v] = price
    s[STAMP] += 1
    s[s[VERSION_] + v] = s[STAMP]
    if q[HAS_LINKS] == 1:
        disturb(q, s, v)
    return True


@native
def join_group(q, s, v, u):
    """Count a visit among those that its group has with an engineer."""
    g = q[row(q, VISITS_, u) + GROUP]
    if g < 0:
        return
    if s[row(s, MEMBERS_, g) + v] == 0:
        s[s[PEOPLE_] + g] += 1
        if s[s[PEOPLE_] + g] > 1:
            s[APART] += 1
    s[row(s, MEMBERS_, g) + v] += 1


@native
def quit_group(q, s, v, u):
    """Count a visit no longer among those that its group has with an engineer."""
    g = q[row(q, VISITS_, u) + GROUP]
    if g < 0:
        return
    s[row(s, MEMBERS_, g) + v] -= 1
    if s[row(s, MEMBERS_, g) + v] == 0:
        s[s[PEOPLE_] + g] -= 1
        if s[s[PEOPLE_] + g] > 0:
            s[APART] -= 1


@native
def forget(s, v):
    """Let nothing count any more that is remembered of a route as it is, or was before the step."""
    s[STAMP] += 1
    s[s[VERSION_] + v] = s[STAMP]
    if s[s[SLOT_OF_] + v] >= 0:
        s[s[OLD_VERSION_] + s[s[SLOT_OF_] + v]] = s[STAMP]


@native
def forget_place(q, s, u, v):
    """Forget where a visit may be put, and what is remembered of its route unless that is v."""
    for w in range(q[ENGINEER_COUNT]):
        s[row(s, KNOWN_VERSION_, u) + w] = -1
    w = s[s[WHERE_] + u]
    if w >= 0 and w != v:
        forget(s, w)


@native
def disturb_for(q, s, v, u):
    """Forget what is remembered of all whose times hang on this visit of route v."""
    own = row(q, VISITS_, u)
    for k in range(q[own + FIRST_PRED], q[own + LAST_PRED]):
        forget_place(q, s, q[row(q, PREDS_, k)], v)
    for k in range(q[own + FIRST_SUCC], q[own + LAST_SUCC]):
        forget_place(q, s, q[row(q, SUCCS_, k)], v)


@native
def disturb(q, s, v):
    """Forget what is remembered of all whose times hang on this route."""
    if s[s[CHAINED_] + v] == 0:
        return
    for i in range(s[s[LENGTH_] + v]):
        u = s[row(s, ROUTE_, v) + i]
        if q[row(q, VISITS_, u) + LINKED] == 1:
            disturb_for(q, s, v, u)


@native
def touch(q, s, v):
    """Note a route down before it is changed for the first time in a step."""
    if s[s[SLOT_OF_] + v] >= 0:
        return
    k = s[TOUCHED]
    s[TOUCHED] = k + 1
    s[s[SLOT_OF_] + v] = k
    s[s[TOUCHED_] + k] = v
    size = s[s[LENGTH_] + v]
    s[s[OLD_LENGTH_] + k] = size
    s[s[OLD_COST_] + k] = s[s[COST_] + v]
    s[s[OLD_WORK_] + k] = s[s[WORK_] + v]
    s[s[OLD_CHAINED_] + k] = s[s[CHAINED_] + v]
    s[s[OLD_VERSION_] + k] = s[s[VERSION_] + v]
    for i in range(size):
        s[row(s, OLD_ROUTE_, k) + i] = s[row(s, ROUTE_, v) + i]
    for r in range(q[RESOURCES]):
        s[row(s, OLD_LOAD_, k) + r] = s[row(s, LOAD_, v) + r]
    for i in range(size + 1):
        s[row(s, OLD_DONE_, k) + i] = s[row(s, DONE_, v) + i]
        s[row(s, OLD_LAST_, k) + i] = s[row(s, LAST_, v) + i]
    if q[IS_RICH] == 1:
        nb = q[row(q, ENGINEERS_, v) + LAST_BREAK] - q[row(q, ENGINEERS_, v) + FIRST_BREAK]
        for i in range(size + 1):
            for b in range(nb + 1):
                for f in range(MARK_COLUMNS):
                    s[mark(s, OLD_MARKS_, k, i) + b * MARK_COLUMNS + f] = s[
                        mark(s, MARKS_, v, i) + b * MARK_COLUMNS + f
                    ]
        for i in range(size):
            s[row(s, OLD_BEGINS_, k) + 2 * i] = s[row(s, BEGINS_, s[row(s, ROUTE_, v) + i]) + 0]
            s[row(s, OLD_BEGINS_, k) + 2 * i + 1] = s[row(s, BEGINS_, s[row(s, ROUTE_, v) + i]) + 1]


@native
def put_back(q, s):
    """Undo what a step did to the routes."""
    groups = q[SAME_PERSON] > 0
    touched = s[TOUCHED]
    if q[HAS_LINKS] == 1:
        for k in range(touched):
            disturb(q, s, s[s[TOUCHED_] + k])
    for k in range(touched):
        v = s[s[TOUCHED_] + k]
        for i in range(s[s[LENGTH_] + v]):
            u = s[row(s, ROUTE_, v) + i]
            s[s[WHERE_] + u] = -1
            if groups:
                quit_group(q, s, v, u)
    rich = q[IS_RICH] == 1
    for k in range(s[TOUCHED]):
        v = s[s[TOUCHED_] + k]
        s[s[SLOT_OF_] + v] = -1
        size = s[s[OLD_LENGTH_] + k]
        s[s[LENGTH_] + v] = size
        s[s[COST_] + v] = s[s[OLD_COST_] + k]
        s[s[WORK_] + v] = s[s[OLD_WORK_] + k]
        s[s[CHAINED_] + v] = s[s[OLD_CHAINED_] + k]
        s[s[VERSION_] + v] = s[s[OLD_VERSION_] + k]
        for r in range(q[RESOURCES]):
            s[row(s, LOAD_, v) + r] = s[row(s, OLD_LOAD_, k) + r]
        for i in range(size + 1):
            s[row(s, DONE_, v) + i] = s[row(s, OLD_DONE_, k) + i]
            s[row(s, LAST_, v) + i] = s[row(s, OLD_LAST_, k) + i]
        if rich:
            nb = q[row(q, ENGINEERS_, v) + LAST_BREAK] - q[row(q, ENGINEERS_, v) + FIRST_BREAK]
            for i in range(size + 1):
                for b in range(nb + 1):
                    for f in range(MARK_COLUMNS):
                        s[mark(s, MARKS_, v, i) + b * MARK_COLUMNS + f] = s[
                            mark(s, OLD_MARKS_, k, i) + b * MARK_COLUMNS + f
                        ]
        for i in range(size):
            u = s[row(s, OLD_ROUTE_, k) + i]
            s[row(s, ROUTE_, v) + i] = u
            s[s[WHERE_] + u] = v
            s[s[PLACE_] + u] = i
            if rich:
                s[row(s, BEGINS_, u) + 0] = s[row(s, OLD_BEGINS_, k) + 2 * i]
                s[row(s, BEGINS_, u) + 1] = s[row(s, OLD_BEGINS_, k) + 2 * i + 1]
            if groups:
                join_group(q, s, v, u)
    s[TOUCHED] = 0
    if q[HAS_LINKS] == 1:
        for k in range(touched):
            disturb(q, s, s[s[TOUCHED_] + k])


@inside
def lower_bounds(q, drives, s, v, u, own, base, blink):
    """Note down for every place on a route the least a visit can cost there; NEVER where it is late."""
    size = s[s[LENGTH_] + v]
    nb = q[row(q, ENGINEERS_, v) + LAST_BREAK] - q[row(q, ENGINEERS_, v) + FIRST_BREAK]
    a = q[row(q, ENGINEERS_, v) + START]
    work = q[row(q, VISITS_, u) + WORK]
    opens = q[row(q, VISITS_, u) + OPENS]
    closes = q[row(q, VISITS_, u) + CLOSES]
    route = row(s, ROUTE_, v)
    over = False
    for i in range(size + 1):
        s[s[BOUNDS_] + i] = NEVER
        if over:
            continue
        earliest = NEVER
        for k in range(nb + 1):
            earliest = min(earliest, s[mark(s, MARKS_, v, i) + k * MARK_COLUMNS + TIME])
        to_it = drive(q, drives, v, a, u, earliest)
        if earliest + to_it > closes:
            over = True
            continue
        b = q[row(q, ENGINEERS_, v) + END] if i == size else s[route + i]
        if blink > 0.0 and chance(s) < blink:
            a = b
            continue
        # Where the pace changes, what the rest of the route loses or gains by it is left aside.
        leaves = max(earliest + to_it, opens) + work
        on = drive(q, drives, v, u, b, leaves)
        if leaves + on > s[row(s, LAST_, v) + i]:
            a = b
            continue
        direct = drive(q, drives, v, a, b, earliest) if size > 0 else 0
        more = to_it + on - direct
        bound = more * q[TRAVEL] + base
        if q[SPAN] > 0:
            known = s[s[WORK_] + v] if size > 0 else 0
            bound = (known + more + work) * q[SPAN] - own + base
        s[s[BOUNDS_] + i] = bound
        a = b


@inside
def try_rich(q, drives, s, v, u, most, blink):
    """Return the least cost of adding visit u to route v below `most`, and where (or -1)."""
    size = s[s[LENGTH_] + v]
    count = q[RESOURCES]
    n = q[VISIT_COUNT]
    if size + 1 > q[row(q, ENGINEERS_, v) + MOST_VISITS] or size + 3 > s[ROUTE_ + 1]:
        calls = 0
        for i in range(size):
            if s[row(s, ROUTE_, v) + i] >= n:
                calls += 1
        if size + 1 - calls > q[row(q, ENGINEERS_, v) + MOST_VISITS] or size + 3 > s[ROUTE_ + 1]:
            return NEVER, -1
    if q[HAS_DEPOTS] == 0:
        for r in range(count):
            if s[row(s, LOAD_, v) + r] + q[row(q, NEEDS_, u) + r] > q[row(q, STOCK_, v) + r]:
                return NEVER, -1
    if q[row(q, VISITS_, u) + PARTNER] >= 0 and s[s[WHERE_] + q[row(q, VISITS_, u) + PARTNER]] != v:
        return NEVER, -1
    base = q[row(q, EXTRA_, v) + u]
    if size == 0:
        base += q[row(q, ENGINEERS_, v) + FIXED]
    own = s[s[COST_] + v]
    pairs = 0
    called = False
    for i in range(size):
        if s[row(s, ROUTE_, v) + i] < n:
            pairs += q[row(q, EXTRA_, v) + s[row(s, ROUTE_, v) + i]]
        else:
            called = True
    if size > 0:
        pairs += q[row(q, ENGINEERS_, v) + FIXED]
    own -= pairs
    seq = s[SEQ_]
    best = most
    where = -1
    # Where all is on board from the start, the order does not matter.
    lacking = q[HAS_DEPOTS] == 1 and short(q, s, v, u)
    rounds = size + 1
    if lacking and q[HAS_DIPS] == 0 and not called:
        rounds = 0
    else:
        lower_bounds(q, drives, s, v, u, own, base, blink)
    at = -1
    for _ in range(rounds):
        # The least that a place can cost comes first: most others need not be judged exactly.
        i = -1
        least = best
        for k in range(size + 1):
            if s[s[BOUNDS_] + k] < least:
                least = s[s[BOUNDS_] + k]
                i = k
        if i < 0:
            break
        s[s[BOUNDS_] + i] = NEVER
        if at < 0:
            for k in range(size):
                s[seq + k + (1 if k >= i else 0)] = s[row(s, ROUTE_, v) + k]
        while at > i:
            s[seq + at] = s[seq + at - 1]
            at -= 1
        while 0 <= at < i:
            s[seq + at] = s[seq + at + 1]
            at += 1
        at = i
        s[seq + i] = u
        if (lacking or q[HAS_DIPS] == 1) and not stocked(q, s, v, seq, size + 1):
            continue
        s[STAMP] += 1
        price = simulate(q, drives, s, v, seq, size + 1, i, s[STAMP])
        if price < NEVER and price - own + base < best:
            best = price - own + base
            where = i
    if lacking:
        best, where = try_depots(q, drives, s, v, u, best, where, own, base)
    return best, where


@native
def short(q, s, v, u):
    """Return whether a route's own stock and tools do not last for one more visit."""
    if q[row(q, VISITS_, u) + TOOLS] & ~q[row(q, ENGINEERS_, v) + OWN_TOOLS]:
        return True
    for r in range(q[RESOURCES]):
        if s[row(s, LOAD_, v) + r] + q[row(q, NEEDS_, u) + r] > q[row(q, STOCK_, v) + r]:
            return True
    return False


@native
def try_depots(q, drives, s, v, u, best, where, own, base):
    """The same with a call at a depot laid anew, for without it something is short."""
    n = q[VISIT_COUNT]
    rest = 0
    base_seq = s[ABSENT_SEQ_]
    spared = 0
    a = q[row(q, ENGINEERS_, v) + START]
    size = s[s[LENGTH_] + v]
    for i in range(size):
        c = s[row(s, ROUTE_, v) + i]
        if c < n:
            s[base_seq + rest] = c
            rest += 1
        else:
            b = q[row(q, ENGINEERS_, v) + END] if i + 1 == size else s[row(s, ROUTE_, v) + i + 1]
            spared += detour(q, drives, v, a, c, b)
        a = c
    seq = s[SEQ_]
    known = s[s[WORK_] + v] if size > 0 else 0
    bracket(q, drives, s, v, rest)
    for d in range(q[DEPOTS]):
        for i in range(rest + 1):
            after = q[row(q, ENGINEERS_, v) + END] if i == rest else s[base_seq + i]
            before = q[row(q, ENGINEERS_, v) + START] if i == 0 else s[base_seq + i - 1]
            if too_late(q, drives, s, v, u, i, s[s[SOONEST_] + i], before):
                continue
            by_itself = detour(q, drives, v, before, u, after) if rest > 0 else 0
            for j in range(i, -1, -1):
                a = q[row(q, ENGINEERS_, v) + START] if j == 0 else s[base_seq + j - 1]
                if i == j:
                    more = drive(q, drives, v, a, n + d, 0) + drive(q, drives, v, n + d, u, 0)
                    more += drive(q, drives, v, u, after, 0)
                    if rest > 0:
                        more -= drive(q, drives, v, a, after, 0)
                else:
                    more = by_itself + detour(q, drives, v, a, n + d, s[base_seq + j])
                more -= spared
                bound = more * q[TRAVEL] + base
                if q[SPAN] > 0:
                    bound = (known + more + q[row(q, VISITS_, u) + WORK]) * q[SPAN] - own + base
                if bound >= best or too_late_by_depot(q, drives, s, v, u, n + d, j, i):
                    continue
                at = 0
                for k in range(rest + 1):
                    if k == j:
                        s[seq + at] = n + d
                        at += 1
                    if k == i:
                        s[seq + at] = u
                        at += 1
                    if k < rest:
                        s[seq + at] = s[base_seq + k]
                        at += 1
                if not stocked(q, s, v, seq, at):
                    continue
                kept = 0
                while kept < size and kept < at and s[row(s, ROUTE_, v) + kept] == s[seq + kept]:
                    kept += 1
                s[STAMP] += 1
                price = simulate(q, drives, s, v, seq, at, kept, s[STAMP])
                if price < NEVER and price - own + base < best:
                    best = price - own + base
                    where = i + SPLIT * (1 + j + SPLIT * d)
    return best, where


@native
def bracket(q, drives, s, v, rest):
    """Note when one is ready at each place of the bare route at the soonest, and must begin there.

    Breaks are left aside and all drives are taken at the fastest pace: what is too late by this is
    too late.
    """
    base_seq = s[ABSENT_SEQ_]
    s[BARE] = rest
    me = row(q, ENGINEERS_, v)
    a = q[me + START]
    time = q[me + FROM]
    s[s[SOONEST_]] = time
    for i in range(rest):
        u = s[base_seq + i]
        own = row(q, VISITS_, u)
        time = max(time + least_drive(q, drives, v, a, u), q[own + OPENS]) + q[own + WORK]
        s[s[SOONEST_] + i + 1] = time
        a = u
    b = q[me + END]
    time = q[me + LATEST]
    s[s[BY_THEN_] + rest] = time
    for i in range(rest - 1, -1, -1):
        u = s[base_seq + i]
        own = row(q, VISITS_, u)
        time = min(time - least_drive(q, drives, v, u, b) - q[own + WORK], q[own + CLOSES])
        s[s[BY_THEN_] + i] = time
        b = u


@inside
def too_late(q, drives, s, v, u, i, time, a):
    """Return whether a visit is too late at place i of the bare route for one who leaves a then."""
    own = row(q, VISITS_, u)
    starts = max(time + least_drive(q, drives, v, a, u), q[own + OPENS])
    if starts > q[own + CLOSES]:
        return True
    b = s[s[ABSENT_SEQ_] + i] if i < s[BARE] else q[row(q, ENGINEERS_, v) + END]
    return starts + q[own + WORK] + least_drive(q, drives, v, u, b) > s[s[BY_THEN_] + i]


@native
def too_late_by_depot(q, drives, s, v, u, depot, j, i):
    """Return whether a visit at place i is too late with a call at a depot before place j."""
    base_seq = s[ABSENT_SEQ_]
    a = q[row(q, ENGINEERS_, v) + START] if j == 0 else s[base_seq + j - 1]
    own = row(q, VISITS_, depot)
    time = max(s[s[SOONEST_] + j] + least_drive(q, drives, v, a, depot), q[own + OPENS])
    if time > q[own + CLOSES]:
        return True
    time += q[own + WORK]
    a = depot
    for k in range(j, i):
        b = s[base_seq + k]
        time = max(time + least_drive(q, drives, v, a, b), q[row(q, VISITS_, b) + OPENS])
        if time > s[s[BY_THEN_] + k]:
            return True
        time += q[row(q, VISITS_, b) + WORK]
        a = b
    return too_late(q, drives, s, v, u, i, time, a)


@native
def detour(q, drives, v, a, u, b):
    """Return how much longer the way is by node u, at the usual pace."""
    by = drive(q, drives, v, a, u, 0) + drive(q, drives, v, u, b, 0)
    return by - drive(q, drives, v, a, b, 0)


@inside
def try_plain(q, drives, s, v, u, most, blink):
    """Return the least cost of adding visit u to a plain route below `most`, and where (or -1)."""
    for r in range(q[RESOURCES]):
        if s[row(s, LOAD_, v) + r] + q[row(q, NEEDS_, u) + r] > q[row(q, STOCK_, v) + r]:
            return NEVER, -1
    size = s[s[LENGTH_] + v]
    if size + 3 > s[ROUTE_ + 1] or size + 1 > q[row(q, ENGINEERS_, v) + MOST_VISITS]:
        return NEVER, -1
    profile = q[row(q, ENGINEERS_, v) + PROFILE]
    weight = q[TRAVEL]
    base = q[row(q, EXTRA_, v) + u]
    end = q[row(q, ENGINEERS_, v) + END]
    a = q[row(q, ENGINEERS_, v) + START]
    opens = q[row(q, VISITS_, u) + OPENS]
    closes = q[row(q, VISITS_, u) + CLOSES]
    work = q[row(q, VISITS_, u) + WORK]
    where = -1
    if size == 0:
        base += q[row(q, ENGINEERS_, v) + FIXED]
        starts = max(q[row(q, ENGINEERS_, v) + FROM] + drives[profile, a, u], opens)
        if (
            starts > closes
            or starts + work + drives[profile, u, end] > q[row(q, ENGINEERS_, v) + LATEST]
        ):
            return NEVER, -1
        price = (drives[profile, a, u] + drives[profile, u, end]) * weight + base
        if price < most:
            return price, 0
        return NEVER, -1
    best = most
    route = row(s, ROUTE_, v)
    done = row(s, DONE_, v)
    last = row(s, LAST_, v)
    for i in range(size + 1):
        to_it = drives[profile, a, u]
        starts = s[done + i] + to_it
        if starts > closes:
            break
        b = s[route + i] if i < size else end
        if starts < opens:
            starts = opens
        on = drives[profile, u, b]
        if starts + work + on <= s[last + i]:
            price = (to_it + on - drives[profile, a, b]) * weight + base
            if price < best and not (blink > 0.0 and chance(s) < blink):
                best = price
                where = i
        a = b
    return best, where


@native
def add(q, drives, s, v, u, code):
    """Put a visit into a route; return whether all rules hold (or leave it as it was)."""
    touch(q, s, v)
    n = q[VISIT_COUNT]
    size = s[s[LENGTH_] + v]
    route = row(s, ROUTE_, v)
    seq = s[SEQ_]
    for i in range(size):
        s[seq + i] = s[route + i]
    i = code % SPLIT
    if code < SPLIT:
        for k in range(size, i, -1):
            s[route + k] = s[route + k - 1]
        s[route + i] = u
        s[s[LENGTH_] + v] = size + 1
    else:
        j = (code // SPLIT) % SPLIT - 1
        d = code // SPLIT // SPLIT
        at = 0
        passed = 0
        for k in range(size + 1):
            if k < size and s[seq + k] >= n:
                continue
            if passed == j:
                s[route + at] = n + d
                at += 1
            if passed == i:
                s[route + at] = u
                at += 1
            if k < size:
                s[route + at] = s[seq + k]
                at += 1
                passed += 1
        s[s[LENGTH_] + v] = at
    if lay(q, drives, s, v):
        if q[SAME_PERSON] > 0:
            join_group(q, s, v, u)
        return True
    for i in range(size):
        s[route + i] = s[seq + i]
    s[s[LENGTH_] + v] = size
    s[s[WHERE_] + u] = -1
    lay(q, drives, s, v)
    return False


@native
def settle_depot(q, drives, s, v):
    """Call at a depot only where it is needed, and where it costs least."""
    n = q[VISIT_COUNT]
    size = s[s[LENGTH_] + v]
    route = row(s, ROUTE_, v)
    calls = 0
    base_seq = s[ABSENT_SEQ_]
    rest = 0
    for i in range(size):
        if s[route + i] >= n:
            calls += 1
        else:
            s[base_seq + rest] = s[route + i]
            rest += 1
    if calls == 0:
        return
    for i in range(size):
        s[s[WHOLE_SEQ_] + i] = s[route + i]
    best = NEVER
    spare = NEVER
    chosen = -1
    seq = s[SEQ_]
    if stocked(q, s, v, base_seq, rest):
        best = -1
        chosen = 0
    else:
        for d in range(q[DEPOTS]):
            for j in range(rest):
                a = q[row(q, ENGINEERS_, v) + START] if j == 0 else s[base_seq + j - 1]
                if detour(q, drives, v, a, n + d, s[base_seq + j]) * q[TRAVEL] >= spare:
                    continue
                at = 0
                for k in range(rest):
                    if k == j:
                        s[seq + at] = n + d
                        at += 1
                    s[seq + at] = s[base_seq + k]
                    at += 1
                if not stocked(q, s, v, seq, at):
                    continue
                s[STAMP] += 1
                price = simulate(q, drives, s, v, seq, at, 0, s[STAMP])
                if price < best:
                    best = price
                    chosen = 1 + j + SPLIT * d
                    if q[SPAN] == 0:
                        # What is a longer way cannot be cheaper, but for what may come later.
                        spare = detour(q, drives, v, a, n + d, s[base_seq + j]) * q[TRAVEL]
    if chosen < 0:
        return
    at = 0
    for k in range(rest):
        if chosen > 0 and k == (chosen - 1) % SPLIT:
            s[route + at] = n + (chosen - 1) // SPLIT
            at += 1
        s[route + at] = s[base_seq + k]
        at += 1
    s[s[LENGTH_] + v] = at
    if not lay(q, drives, s, v):
        for i in range(size):
            s[route + i] = s[s[WHOLE_SEQ_] + i]
        s[s[LENGTH_] + v] = size
        lay(q, drives, s, v)


@native
def leave(q, s, u):
    """Put a visit, and those that cannot be without it, on the list of those left out."""
    v = s[s[WHERE_] + u]
    if q[SAME_PERSON] > 0:
        quit_group(q, s, v, u)
    s[s[WHERE_] + u] = -1
    if q[HAS_LINKS] == 1 and q[row(q, VISITS_, u) + LINKED] == 1:
        disturb_for(q, s, v, u)
    s[s[ABSENT_] + s[ABSENT]] = u
    s[ABSENT] += 1


@native
def close_gaps(q, drives, s, v):
    """Draw a route together after visits have left it."""
    n = q[VISIT_COUNT]
    at = 0
    for i in range(s[s[LENGTH_] + v]):
        u = s[row(s, ROUTE_, v) + i]
        if u >= n or s[s[WHERE_] + u] == v:
            s[row(s, ROUTE_, v) + at] = u
            at += 1
    s[s[LENGTH_] + v] = at
    if not lay(q, drives, s, v):
        # Where the drives break the triangle, or only a link held a route together, it may be late.
        for i in range(at):
            if s[row(s, ROUTE_, v) + i] < n:
                leave(q, s, s[row(s, ROUTE_, v) + i])
        s[s[LENGTH_] + v] = 0
        lay(q, drives, s, v)
    elif q[HAS_DEPOTS] == 1:
        settle_depot(q, drives, s, v)


@native
def follow(q, drives, s):
    """Leave out what depends on a visit that has left."""
    k = 0
    while k < s[ABSENT]:
        u = s[s[ABSENT_] + k]
        for f in range(q[row(q, VISITS_, u) + FIRST_FRIEND], q[row(q, VISITS_, u) + LAST_FRIEND]):
            w = q[q[FRIENDS_] + f]
            v = s[s[WHERE_] + w]
            if v >= 0:
                touch(q, s, v)
                leave(q, s, w)
                close_gaps(q, drives, s, v)
        k += 1


@inside
def ruin(q, drives, s, average, longest):
    """Tear strings of neighbouring visits out of neighbouring routes."""
    n = q[VISIT_COUNT]
    seed = s[s[SEEDS_] + below(s, s[SEEDS])]
    placed = 0
    used = 0
    for v in range(q[ENGINEER_COUNT]):
        if s[s[LENGTH_] + v] > 0 and s[s[OPEN_ROUTES_] + v] == 1:
            placed += s[s[LENGTH_] + v]
            used += 1
    if used == 0:
        return
    most = min(float(longest), placed / used)
    strings = int(1.0 + chance(s) * (4.0 * average / (1.0 + most) - 1.0))
    torn = 0
    for k in range(q[NEAR_ + 1]):
        if torn >= strings:
            break
        c = q[row(q, NEAR_, seed) + k]
        v = s[s[WHERE_] + c]
        if v < 0 or s[s[SLOT_OF_] + v] >= 0 or s[s[OPEN_ROUTES_] + v] == 0:
            continue
        size = s[s[LENGTH_] + v]
        cut = int(1.0 + chance(s) * min(float(size), most))
        spared = 0
        if cut > 1 and cut < size and chance(s) < 0.5:
            spared = 1
            while cut + spared < size and chance(s) < 0.01:
                spared += 1
        span = cut + spared
        p = s[s[PLACE_] + c]
        low = max(0, p - span + 1)
        high = min(p, size - span)
        first = low + below(s, high - low + 1)
        gap = first + span
        if spared > 0:
            gap = first + 1 + below(s, cut - 1) if cut > 1 else first + span
        touch(q, s, v)
        for i in range(first, first + span):
            if gap <= i < gap + spared:
                continue
            u = s[row(s, ROUTE_, v) + i]
            if u < n and q[row(q, VISITS_, u) + PINNED] == 0:
                leave(q, s, u)
        close_gaps(q, drives, s, v)
        torn += 1
    if q[HAS_LINKS] == 1:
        follow(q, drives, s)


@inside
def sort_absent(q, drives, s, first):
    """Put those left out into one of several orders, chosen at random."""
    count = s[ABSENT]
    way = below(s, 14)
    for k in range(first, count):
        u = s[s[ABSENT_] + k]
        if way < 4:
            s[s[ORDER_] + k] = draw(s)
        elif way < 7:
            s[s[ORDER_] + k] = -q[row(q, VISITS_, u) + SPLIT_KEY]
        elif way < 8:
            s[s[ORDER_] + k] = -drives[0, q[row(q, ENGINEERS_, 0) + START], u]
        elif way < 9:
            s[s[ORDER_] + k] = drives[0, q[row(q, ENGINEERS_, 0) + START], u]
        elif way < 11:
            s[s[ORDER_] + k] = q[row(q, VISITS_, u) + CLOSES] - q[row(q, VISITS_, u) + OPENS]
        elif way < 12:
            s[s[ORDER_] + k] = q[row(q, VISITS_, u) + OPENS]
        elif way < 13:
            s[s[ORDER_] + k] = -q[row(q, VISITS_, u) + CLOSES]
        else:
            s[s[ORDER_] + k] = -(
                q[row(q, VISITS_, u) + PENALTY] * 1000 // (1 + q[row(q, VISITS_, u) + WORK])
            )
    for k in range(first + 1, count):
        key = s[s[ORDER_] + k]
        u = s[s[ABSENT_] + k]
        j = k - 1
        while j >= first and s[s[ORDER_] + j] > key:
            s[s[ORDER_] + j + 1] = s[s[ORDER_] + j]
            s[s[ABSENT_] + j + 1] = s[s[ABSENT_] + j]
            j -= 1
        s[s[ORDER_] + j + 1] = key
        s[s[ABSENT_] + j + 1] = u


@native
def group_price(q, s, v, u):
    """Return what one more engineer in the visit's group would cost."""
    if q[SAME_PERSON] == 0:
        return 0
    g = q[row(q, VISITS_, u) + GROUP]
    if g < 0 or s[row(s, MEMBERS_, g) + v] > 0:
        return 0
    return q[SAME_PERSON] if s[s[PEOPLE_] + g] > 0 else 0


@native
def remembered(s, u, v, most):
    """Return whether it is known what a visit costs on a route, or that it is not below `most`."""
    if s[row(s, KNOWN_VERSION_, u) + v] != s[s[VERSION_] + v]:
        return False
    return s[row(s, KNOWN_PLACE_, u) + v] != AT_LEAST or s[row(s, KNOWN_COST_, u) + v] >= most


@native
def best_place(q, drives, s, u, v, blink, most):
    """Return the least cost below `most` and the place of a visit on one route, or -1 for none."""
    if remembered(s, u, v, most):
        if s[row(s, KNOWN_PLACE_, u) + v] < 0 or (blink > 0.0 and chance(s) < blink):
            return NEVER, -1
        return s[row(s, KNOWN_COST_, u) + v], s[row(s, KNOWN_PLACE_, u) + v]
    blinks = 0.0
    if blink > 0.0 and chance(s) < 0.1:
        blinks = blink * 10.0
    if q[IS_RICH] == 1:
        price, code = try_rich(q, drives, s, v, u, most, blinks)
    else:
        price, code = try_plain(q, drives, s, v, u, most, blinks)
    if blinks == 0.0:
        s[row(s, KNOWN_VERSION_, u) + v] = s[s[VERSION_] + v]
        s[row(s, KNOWN_COST_, u) + v] = price if code >= 0 else most
        s[row(s, KNOWN_PLACE_, u) + v] = code if code >= 0 else AT_LEAST
    return price, code


@native
def may_come(q, s, u, linked):
    """Return whether all that a visit waits for is there; with `linked`, whether it waits at all."""
    own = row(q, VISITS_, u)
    partner = q[own + PARTNER]
    if partner >= 0 and s[s[WHERE_] + partner] < 0:
        return False
    for k in range(q[own + FIRST_PRED], q[own + LAST_PRED]):
        if s[s[WHERE_] + q[row(q, PREDS_, k)]] < 0:
            return False
    return not linked or partner >= 0 or q[own + LAST_PRED] > q[own + FIRST_PRED]


@native
def recreate(q, drives, s, first, blink, everywhere, linked, reached, limit):
    """Put those left out back where each costs least, one after the other; return the price then.

    With `linked` only those that wait for others, which may be there by now. `reached` is what all
    but these and the groups cost; from `limit` on they are left as they are.
    """
    m = q[ENGINEER_COUNT]
    many = m > MANY_ROUTES and not everywhere
    kinds = row(s, STAMPS_, 0)
    seen = row(s, STAMPS_, 1)
    count = s[ABSENT]
    left = first
    for k in range(first, count):
        if reached + group_total(q, s) >= limit:
            # What was passed is written down anew at the front already.
            return reached
        u = s[s[ABSENT_] + k]
        if q[HAS_LINKS] == 1 and not may_come(q, s, u, linked):
            s[s[ABSENT_] + left] = u
            left += 1
            continue
        s[STAMP] += 1
        stamp = s[STAMP]
        # Nor is a place looked for that would make the step too dear.
        best = min(q[row(q, VISITS_, u) + PENALTY], 1 + int(limit - reached) - group_total(q, s))
        chosen = -1
        code = -1
        near = 0
        rounds = m
        if many:
            near = min(NEAR_TRIED, q[NEAR_ + 1])
            rounds = near + s[TOUCHED] + q[HOMES_ + 1]
        waiting = 0
        allowed = q[ALLOWED_] + u
        width = q[ALLOWED_ + 1]
        for t in range(rounds):
            v = t
            if many:
                if t < near:
                    v = s[s[WHERE_] + q[row(q, NEAR_, u) + t]]
                elif t < near + s[TOUCHED]:
                    v = s[s[TOUCHED_] + t - near]
                else:
                    v = q[row(q, HOMES_, u) + t - near - s[TOUCHED]]
                if v < 0 or s[seen + v] == stamp:
                    continue
                s[seen + v] = stamp
            if q[allowed + v * width] == 0 or s[s[OPEN_ROUTES_] + v] == 0:
                continue
            if s[s[LENGTH_] + v] == 0:
                kind = kinds + q[row(q, ENGINEERS_, v) + KIND]
                if s[kind] == stamp:
                    continue
                s[kind] = stamp
            more = group_price(q, s, v, u)
            # What is remembered comes first: it often spares the rest the trouble.
            if not remembered(s, u, v, best - more):
                s[s[WAITING_] + waiting] = v
                waiting += 1
                continue
            price, place = best_place(q, drives, s, u, v, blink, best - more)
            if place >= 0 and price + more < best:
                best = price + more
                chosen = v
                code = place
        for t in range(waiting):
            v = s[s[WAITING_] + t]
            more = group_price(q, s, v, u)
            price, place = best_place(q, drives, s, u, v, blink, best - more)
            if place >= 0 and price + more < best:
                best = price + more
                chosen = v
                code = place
        placed = False
        if chosen >= 0:
            reached -= s[s[COST_] + chosen]
            placed = add(q, drives, s, chosen, u, code)
            reached += s[s[COST_] + chosen]
        if not placed:
            s[s[ABSENT_] + left] = u
            left += 1
            if not linked and not may_come(q, s, u, True):
                # Who waits for nobody is not tried a second time.
                reached += q[row(q, VISITS_, u) + PENALTY]
    s[ABSENT] = left
    return reached


@native
def spread(q, s):
    """Return the price of the difference between most and least work."""
    if q[BALANCE] == 0 or q[ENGINEER_COUNT] == 0:
        return 0
    low = q[WORK_LOW]
    high = q[WORK_HIGH]
    for v in range(q[ENGINEER_COUNT]):
        low = min(low, s[s[WORK_] + v])
        high = max(high, s[s[WORK_] + v])
    return (high - low) * q[BALANCE] // 100


@native
def total(q, s):
    """Return the cost of the whole solution, counted afresh."""
    price = 0
    for v in range(q[ENGINEER_COUNT]):
        price += s[s[COST_] + v]
    for k in range(s[ABSENT]):
        price += q[row(q, VISITS_, s[s[ABSENT_] + k]) + PENALTY]
    return price + group_total(q, s) + spread(q, s)


@native
def keep_best(q, s):
    """Note the solution down as the best; only routes changed since the last time are copied."""
    for v in range(q[ENGINEER_COUNT]):
        if s[s[DIRTY_] + v] == 1:
            s[s[DIRTY_] + v] = 0
            s[s[BEST_LENGTH_] + v] = s[s[LENGTH_] + v]
            for i in range(s[s[LENGTH_] + v]):
                s[row(s, BEST_ROUTE_, v) + i] = s[row(s, ROUTE_, v) + i]


@native
def pool(q, s, v):
    """Keep a route for the set partitioning, once for each set of visits and kind of engineer."""
    n = q[VISIT_COUNT]
    size = s[s[LENGTH_] + v]
    if size == 0:
        return
    key = q[q[KEYS_] + q[KEY_COUNT] - 1 - q[row(q, ENGINEERS_, v) + KIND]]
    for i in range(size):
        if s[row(s, ROUTE_, v) + i] < n:
            key ^= q[q[KEYS_] + s[row(s, ROUTE_, v) + i]]
    slots = s[SLOTS]
    at = (key >> 8) & (slots - 1)
    while s[s[POOL_COST_] + at] >= 0 and s[s[POOL_KEY_] + at] != key:
        at = (at + 1) & (slots - 1)
    if s[s[POOL_COST_] + at] >= 0:
        if s[s[POOL_COST_] + at] <= s[s[COST_] + v] or s[row(s, POOL_AT_, at) + 1] < size:
            return
    else:
        used = s[POOL_USED]
        if used + size > s[STOPS_ROOM] or 2 * s[POOLED] > slots:
            return
        s[POOLED] += 1
        s[POOL_USED] = used + size
        s[s[POOL_KEY_] + at] = key
        s[row(s, POOL_AT_, at) + 0] = used
    s[s[POOL_COST_] + at] = s[s[COST_] + v]
    s[row(s, POOL_AT_, at) + 1] = size
    s[row(s, POOL_AT_, at) + 2] = v
    for i in range(size):
        s[s[POOL_DATA_] + s[row(s, POOL_AT_, at) + 0] + i] = s[row(s, ROUTE_, v) + i]


@native
def penalties(q, s):
    """Return the price of all that is left out."""
    price = 0
    for k in range(s[ABSENT]):
        price += q[row(q, VISITS_, s[s[ABSENT_] + k]) + PENALTY]
    return price


@native
def group_total(q, s):
    """Return the price of engineers beyond the first in every group."""
    return s[APART] * q[SAME_PERSON]


@native
def settle_links(q, drives, s):
    """Find the moments of routes that wait for one another, before they are judged one by one."""
    for u in range(q[NODES]):
        s[row(s, BEGINS_, u) + 0] = 0
        s[row(s, BEGINS_, u) + 1] = 0
    s[ANY_ORDER] = 1
    for _ in range(q[ENGINEER_COUNT] + 1):
        before = 0
        for u in range(q[NODES]):
            before += s[row(s, BEGINS_, u) + 1]
        for v in range(q[ENGINEER_COUNT]):
            lay(q, drives, s, v)
        now = 0
        for u in range(q[NODES]):
            now += s[row(s, BEGINS_, u) + 1]
        if now == before:
            break
    s[ANY_ORDER] = 0


@native
def start(q, drives, s):
    """Lay all routes and count from the start; visits on no route are left out."""
    n = q[VISIT_COUNT]
    for g in range(q[GROUPS]):
        for v in range(q[ENGINEER_COUNT]):
            s[row(s, MEMBERS_, g) + v] = 0
        s[s[PEOPLE_] + g] = 0
    s[APART] = 0
    for u in range(q[NODES]):
        s[s[WHERE_] + u] = -1
    for v in range(q[ENGINEER_COUNT]):
        s[s[SLOT_OF_] + v] = -1
    for v in range(q[ENGINEER_COUNT]):
        for i in range(s[s[LENGTH_] + v]):
            u = s[row(s, ROUTE_, v) + i]
            s[s[WHERE_] + u] = v
            s[s[PLACE_] + u] = i
            if u < n and q[SAME_PERSON] > 0:
                join_group(q, s, v, u)
    s[ABSENT] = 0
    for k in range(s[SEEDS]):
        if s[s[WHERE_] + s[s[SEEDS_] + k]] < 0:
            s[s[ABSENT_] + s[ABSENT]] = s[s[SEEDS_] + k]
            s[ABSENT] += 1
    if q[HAS_LINKS] == 1:
        settle_links(q, drives, s)
    for v in range(q[ENGINEER_COUNT]):
        if not lay(q, drives, s, v):
            for i in range(s[s[LENGTH_] + v]):
                if s[row(s, ROUTE_, v) + i] < n:
                    leave(q, s, s[row(s, ROUTE_, v) + i])
            s[s[LENGTH_] + v] = 0
            lay(q, drives, s, v)
        s[s[DIRTY_] + v] = 1
    if q[HAS_LINKS] == 1:
        follow(q, drives, s)
    s[TOUCHED] = 0
    for v in range(q[ENGINEER_COUNT]):
        s[s[SLOT_OF_] + v] = -1
    s[TOTAL] = total(q, s)
    s[BEST] = s[TOTAL]
    keep_best(q, s)


@native
def keep(q, drives, s, v, u):
    """Put a visit back on the route it is known to be on; return whether it still fits there."""
    if q[row(q, ALLOWED_, v) + u] == 0 or s[s[WHERE_] + u] >= 0:
        return False
    _, code = best_place(q, drives, s, u, v, 0.0, NEVER)
    if code < 0 or not add(q, drives, s, v, u, code):
        return False
    for k in range(s[ABSENT]):
        if s[s[ABSENT_] + k] == u:
            s[ABSENT] -= 1
            s[s[ABSENT_] + k] = s[s[ABSENT_] + s[ABSENT]]
            break
    return True


@native
def room_for_one(q, drives, s, u, may):
    """Return whose leaving makes room for visit u at the least cost, and on which route, or -1.

    `may` says which visits may leave; whoever does goes on where it fits best, or is left out.
    """
    n = q[VISIT_COUNT]
    best = total(q, s)
    chosen = -1
    route_of = -1
    known = s[ABSENT]
    for v in range(q[ENGINEER_COUNT]):
        if q[row(q, ALLOWED_, v) + u] == 0:
            continue
        for i in range(s[s[LENGTH_] + v]):
            node = s[row(s, ROUTE_, v) + i]
            if node >= n or may[node] == 0:
                continue
            touch(q, s, v)
            leave(q, s, node)
            close_gaps(q, drives, s, v)
            if q[HAS_LINKS] == 1:
                follow(q, drives, s)
            if s[ABSENT] == known + 1:
                _, code = best_place(q, drives, s, u, v, 0.0, NEVER)
                if code >= 0 and add(q, drives, s, v, u, code):
                    price = total(q, s) - q[row(q, VISITS_, u) + PENALTY]
                    spared = 0
                    for w in range(q[ENGINEER_COUNT]):
                        if q[row(q, ALLOWED_, w) + node] == 1:
                            more, code = best_place(q, drives, s, node, w, 0.0, NEVER)
                            if code >= 0:
                                spared = max(spared, q[row(q, VISITS_, node) + PENALTY] - more)
                    if price - spared < best:
                        best = price - spared
                        chosen = node
                        route_of = v
            put_back(q, s)
            s[ABSENT] = known
            s[s[WHERE_] + u] = -1
    return chosen, route_of


@native
def fill(q, drives, s, everywhere):
    """Put in what is left out and worth it, greedily; the first plan when there is none."""
    sort_absent(q, drives, s, 0)
    recreate(q, drives, s, 0, 0.0, everywhere, False, 0, float(NEVER))
    if q[HAS_LINKS] == 1:
        for _ in range(3):
            recreate(q, drives, s, 0, 0.0, everywhere, True, 0, float(NEVER))
    for k in range(s[TOUCHED]):
        v = s[s[TOUCHED_] + k]
        s[s[DIRTY_] + v] = 1
        s[s[SLOT_OF_] + v] = -1
    s[TOUCHED] = 0
    s[TOTAL] = total(q, s)
    if s[TOTAL] <= s[BEST]:
        s[BEST] = s[TOTAL]
        keep_best(q, s)


@native
def run(q, drives, s, steps, hot, cold, average, longest, blink, room):
    """Search for so many steps, from one temperature to the other; return how many were accepted."""
    accepted = 0
    cooling = (cold / hot) ** (1.0 / max(1, steps))
    heat = hot
    for _ in range(steps):
        heat *= cooling
        known = s[ABSENT]
        for k in range(known):
            s[s[OLD_ABSENT_] + k] = s[s[ABSENT_] + k]
        before = s[TOTAL]
        roads = before - penalties(q, s) - spread(q, s) - group_total(q, s)
        first = 0
        if known > RETRIED:
            first = known - RETRIED
            for k in range(first, known):
                j = below(s, known)
                u = s[s[ABSENT_] + k]
                s[s[ABSENT_] + k] = s[s[ABSENT_] + j]
                s[s[ABSENT_] + j] = u
        # A step is given up as soon as it has become too dear.
        limit = before - heat * math.log(1e-300 + chance(s))
        ruin(q, drives, s, average, longest)
        sort_absent(q, drives, s, first)
        price = roads
        for k in range(s[TOUCHED]):
            price += s[s[COST_] + s[s[TOUCHED_] + k]] - s[s[OLD_COST_] + k]
        for k in range(first):
            price += q[row(q, VISITS_, s[s[ABSENT_] + k]) + PENALTY]
        price = recreate(q, drives, s, first, blink, False, False, price, limit)
        if q[HAS_LINKS] == 1 and s[ABSENT] > first and price + group_total(q, s) < limit:
            price = recreate(q, drives, s, first, blink, False, True, price, limit)
        price += group_total(q, s)
        if price < limit:
            price = roads + penalties(q, s) + spread(q, s) + group_total(q, s)
            for k in range(s[TOUCHED]):
                price += s[s[COST_] + s[s[TOUCHED_] + k]] - s[s[OLD_COST_] + k]
        if price < limit:
            accepted += 1
            s[TOTAL] = price
            for k in range(s[TOUCHED]):
                v = s[s[TOUCHED_] + k]
                s[s[DIRTY_] + v] = 1
                s[s[SLOT_OF_] + v] = -1
                if price < s[BEST] + room:
                    pool(q, s, v)
            s[TOUCHED] = 0
            if price < s[BEST]:
                s[BEST] = price
                keep_best(q, s)
        else:
            put_back(q, s)
            for k in range(known):
                s[s[ABSENT_] + k] = s[s[OLD_ABSENT_] + k]
            s[ABSENT] = known
    s[STEPS] += steps
    return accepted
