"""The same search where only drives, hours and amounts count, and no rule joins two stops.

Routes are chains here: each stop knows who comes before and after it, when it is left at the
earliest and must begin at the latest. Only as much of a route is worked out anew as a change can
reach, and what a visit costs at the best place of a route is looked up until that route changes.
"""

import math

import numpy as np

from dispatch.engine.kernel.layout import (
    ABSENT,
    BEST,
    BEST_LENGTH_,
    BEST_ROUTE_,
    CLOSES,
    DIRTY_,
    END,
    FIXED,
    FROM,
    KIND,
    LATEST,
    LEFT,
    LEG,
    LOG_COLUMNS,
    MOST_VISITS,
    NEVER,
    NEXT,
    NODE,
    OPENS,
    PENALTY,
    PINNED,
    PREVIOUS,
    PROFILE,
    RANDOM,
    RIDE,
    SEEDS,
    SEEDS_,
    STAMP,
    START,
    STEPS,
    STOP_COLUMNS,
    TOTAL,
    UNTIL,
    WORK,
)
from dispatch.engine.kernel.memory import inside, native
from dispatch.engine.kernel.plain import RETRIED, sort_absent
from dispatch.engine.kernel.search import pool
from dispatch.engine.kernel.ways import part, turn, ways

# From so many routes on only those near a visit are tried.
MANY_ROUTES = 36
NEAR_TRIED = 40
# With more kinds of engineers than this, only the nearest of those who stay at home are tried.
MANY_KINDS = 12
# A price and the stop before a visit share one number.
PRICE_STEP = 1 << 20
NOWHERE = 1 << 62


@native
def link_up(q, road, s, w):
    """Make chains of all routes."""
    for u in range(w.visit_count):
        s[w.chain + u * STOP_COLUMNS + RIDE] = -1
        s[w.chain + u * STOP_COLUMNS + NODE] = u
    for kind in range(w.kinds):
        s[w.spare + kind] = -1
    for v in range(w.people):
        me = w.engineers + v * w.traits
        table = q[me + PROFILE] * w.square
        head = w.visit_count + 2 * v
        tail = head + 1
        first = w.chain + head * STOP_COLUMNS
        last = first + STOP_COLUMNS
        s[first + RIDE] = v
        s[last + RIDE] = v
        s[first + NODE] = q[me + START]
        s[last + NODE] = q[me + END]
        s[first + LEFT] = q[me + FROM]
        s[last + UNTIL] = q[me + LATEST]
        size = s[w.length + v]
        a = head
        for i in range(size):
            u = s[w.route + v * w.width + i]
            at = w.chain + u * STOP_COLUMNS
            before = w.chain + a * STOP_COLUMNS
            s[at + RIDE] = v
            s[at + PREVIOUS] = a
            s[before + NEXT] = u
            s[at + LEG] = road[table + s[before + NODE] * w.nodes + u]
            a = u
        before = w.chain + a * STOP_COLUMNS
        s[before + NEXT] = tail
        s[last + PREVIOUS] = a
        s[last + LEG] = 0
        if size > 0:
            s[last + LEG] = road[table + s[before + NODE] * w.nodes + q[me + END]]
            ahead(q, s, w, s[first + NEXT], tail)
            astern(q, s, w, a, head)
        else:
            s[w.spare + q[me + KIND]] = v


@inside
def ahead(q, s, w, c, sure):
    """Work out when stops are left from `c` on, at least up to `sure`; return whether none is late."""
    reached = False
    while True:
        at = w.chain + c * STOP_COLUMNS
        arrives = s[w.chain + s[at + PREVIOUS] * STOP_COLUMNS + LEFT] + s[at + LEG]
        if c >= w.visit_count:
            return arrives <= s[at + UNTIL]
        own = w.visits + c * w.columns
        if arrives > q[own + CLOSES]:
            return False
        leaves = max(arrives, q[own + OPENS]) + q[own + WORK]
        reached = reached or c == sure
        if reached and leaves == s[at + LEFT]:
            return True
        s[at + LEFT] = leaves
        c = s[at + NEXT]


@inside
def astern(q, s, w, c, sure):
    """Work out by when stops must begin from `c` back, at least down to `sure`."""
    reached = False
    while c < w.visit_count:
        at = w.chain + c * STOP_COLUMNS
        after = w.chain + s[at + NEXT] * STOP_COLUMNS
        own = w.visits + c * w.columns
        until = min(s[after + UNTIL] - s[after + LEG] - q[own + WORK], q[own + CLOSES])
        reached = reached or c == sure
        if reached and until == s[at + UNTIL]:
            return
        s[at + UNTIL] = until
        c = s[at + PREVIOUS]


@inside
def touch(s, w, v, k):
    """Note a route down before it is changed; return how many are noted now."""
    if s[w.slot_of + v] >= 0:
        return k
    s[w.slot_of + v] = k
    s[w.touched + k] = v
    size = s[w.length + v]
    s[w.old_length + k] = size
    s[w.old_cost + k] = s[w.cost + v]
    s[w.old_version + k] = s[w.version + v]
    for r in range(w.resources):
        s[w.old_load + k * w.resources + r] = s[w.load + v * w.resources + r]
    log = w.log
    if k > 0:
        log = s[w.log_at + k - 1] + (s[w.old_length + k - 1] + 1) * LOG_COLUMNS
    s[w.log_at + k] = log
    c = s[w.chain + (w.visit_count + 2 * v) * STOP_COLUMNS + NEXT]
    for _ in range(size + 1):
        at = w.chain + c * STOP_COLUMNS
        s[log] = c
        s[log + 1] = s[at + LEFT]
        s[log + 2] = s[at + UNTIL]
        s[log + 3] = s[at + LEG]
        log += LOG_COLUMNS
        c = s[at + NEXT]
    return k + 1


@native
def put_back(q, s, w, count):
    """Undo what a step did to the routes."""
    for k in range(count):
        v = s[w.touched + k]
        s[w.slot_of + v] = -1
        size = s[w.old_length + k]
        s[w.length + v] = size
        s[w.cost + v] = s[w.old_cost + k]
        s[w.version + v] = s[w.old_version + k]
        if size == 0:
            s[w.spare + q[w.engineers + v * w.traits + KIND]] = v
        for r in range(w.resources):
            s[w.load + v * w.resources + r] = s[w.old_load + k * w.resources + r]
        log = s[w.log_at + k]
        a = w.visit_count + 2 * v
        for _ in range(size + 1):
            c = s[log]
            at = w.chain + c * STOP_COLUMNS
            s[at + RIDE] = v
            s[at + PREVIOUS] = a
            s[at + LEFT] = s[log + 1]
            s[at + UNTIL] = s[log + 2]
            s[at + LEG] = s[log + 3]
            s[w.chain + a * STOP_COLUMNS + NEXT] = c
            log += LOG_COLUMNS
            a = c


@inside
def unlink(q, road, s, w, v, table, u):
    """Take a stop out of its chain; the times around it are still to be worked out."""
    at = w.chain + u * STOP_COLUMNS
    a = s[at + PREVIOUS]
    b = s[at + NEXT]
    before = w.chain + a * STOP_COLUMNS
    after = w.chain + b * STOP_COLUMNS
    s[before + NEXT] = b
    s[after + PREVIOUS] = a
    leg = 0
    price = -q[w.extra + v * w.extra_row + u]
    size = s[w.length + v] - 1
    if size > 0:
        leg = np.int64(road[table + s[before + NODE] * w.nodes + s[after + NODE]])
    else:
        price -= q[w.engineers + v * w.traits + FIXED]
        s[w.spare + q[w.engineers + v * w.traits + KIND]] = v
    s[w.length + v] = size
    s[w.cost + v] += price + (leg - s[at + LEG] - s[after + LEG]) * w.travel
    s[after + LEG] = leg
    s[at + RIDE] = -1
    for r in range(w.resources):
        s[w.load + v * w.resources + r] -= q[w.needs + u * w.resources + r]


@inside
def tear(q, road, s, w, v, c, gone, most, x):
    """Tear a string of visits out that holds visit c; return how many are left out, and chance."""
    size = s[w.length + v]
    x = turn(x)
    cut = int(1.0 + part(x) * min(float(size), most))
    spared = 0
    if 1 < cut < size:
        x = turn(x)
        if part(x) < 0.5:
            spared = 1
            x = turn(x)
            while cut + spared < size and part(x) < 0.01:
                spared += 1
                x = turn(x)
    span = cut + spared
    first = c
    most_back = 0
    while most_back < span - 1:
        a = s[w.chain + first * STOP_COLUMNS + PREVIOUS]
        if a >= w.visit_count:
            break
        first = a
        most_back += 1
    least_back = span - 1
    b = c
    while least_back > 0:
        b = s[w.chain + b * STOP_COLUMNS + NEXT]
        if b >= w.visit_count:
            break
        least_back -= 1
    x = turn(x)
    backwards = least_back + int(part(x) * (most_back - least_back + 1))
    for _ in range(most_back - backwards):
        first = s[w.chain + first * STOP_COLUMNS + NEXT]
    gap = span
    if spared > 0:
        x = turn(x)
        gap = 1 + int(part(x) * (cut - 1))
    table = q[w.engineers + v * w.traits + PROFILE] * w.square
    low = s[w.chain + first * STOP_COLUMNS + PREVIOUS]
    high = first
    u = first
    for k in range(span):
        after = s[w.chain + u * STOP_COLUMNS + NEXT]
        if not gap <= k < gap + spared and q[w.visits + u * w.columns + PINNED] == 0:
            unlink(q, road, s, w, v, table, u)
            s[w.absent + gone] = u
            gone += 1
            high = after
        u = after
    if high == first:
        return gone, x
    s[STAMP] += 1
    s[w.version + v] = s[STAMP]
    if ahead(q, s, w, s[w.chain + low * STOP_COLUMNS + NEXT], high):
        astern(q, s, w, s[w.chain + high * STOP_COLUMNS + PREVIOUS], low)
    else:
        # Where the drives break the triangle, a shorter route may be late.
        u = s[w.chain + (w.visit_count + 2 * v) * STOP_COLUMNS + NEXT]
        while u < w.visit_count:
            after = s[w.chain + u * STOP_COLUMNS + NEXT]
            unlink(q, road, s, w, v, table, u)
            s[w.absent + gone] = u
            gone += 1
            u = after
    return gone, x


@inside
def least_on(q, road, back, s, w, u, v):
    """Return the least that visit u costs on a route, with the stop before it, in one number."""
    me = w.engineers + v * w.traits
    size = s[w.length + v]
    if (
        q[w.allowed + v * w.allowed_row + u] == 0
        or size + 1 > q[me + MOST_VISITS]
        or size + 3 > w.width
    ):
        return NOWHERE
    for r in range(w.resources):
        load = s[w.load + v * w.resources + r] + q[w.needs + u * w.resources + r]
        if load > q[w.stock + v * w.resources + r]:
            return NOWHERE
    own = w.visits + u * w.columns
    opens = q[own + OPENS]
    closes = q[own + CLOSES]
    work = q[own + WORK]
    into = q[me + PROFILE] * w.square + u * w.nodes
    least = NEVER
    chosen = -1
    a = w.visit_count + 2 * v
    before = w.chain + a * STOP_COLUMNS
    ready = opens + work
    for _ in range(size + 1):
        leaves = s[before + LEFT]
        if leaves > closes:
            break
        b = s[before + NEXT]
        after = w.chain + b * STOP_COLUMNS
        until = s[after + UNTIL]
        if until >= ready:
            to_it = np.int64(back[into + s[before + NODE]])
            on = np.int64(road[into + s[after + NODE]])
            more = to_it + on - s[after + LEG]
            starts = leaves + to_it
            if more < least and starts <= closes and max(starts, opens) + work + on <= until:
                least = more
                chosen = a
        a = b
        before = after
    if chosen < 0:
        return NOWHERE
    price = least * w.travel + q[w.extra + v * w.extra_row + u]
    if size == 0:
        price += q[me + FIXED]
    return price * PRICE_STEP + chosen


@inside
def noted_on(q, road, back, s, w, u, v):
    """The same, looked up where the route is as it was when somebody last asked."""
    note = w.notes + u * w.notes_row + 2 * v
    version = s[w.version + v]
    if s[note] == version:
        return s[note + 1]
    found = least_on(q, road, back, s, w, u, v)
    # Most steps are taken back: what is known of a route that was touched is worth keeping.
    if s[w.slot_of + v] < 0:
        s[note] = version
        s[note + 1] = found
    return found


@inside
def idle(q, s, w, kind):
    """Return an engineer of that kind who stays at home so far, or -1."""
    v = s[w.spare + kind]
    if v < 0 or (s[w.length + v] == 0 and s[w.open_routes + v] == 1):
        return v
    for one in range(w.people):
        if (
            s[w.length + one] == 0
            and s[w.open_routes + one] == 1
            and q[w.engineers + one * w.traits + KIND] == kind
        ):
            s[w.spare + kind] = one
            return one
    s[w.spare + kind] = -1
    return -1


@inside
def rides_too(s, w, v, ridden):
    """Note that a route has a visit now; return how many routes have had any."""
    for t in range(ridden):
        if s[w.riding + t] == v:
            return ridden
    s[w.riding + ridden] = v
    return ridden + 1


@inside
def choose(q, road, back, s, w, u, noted, ridden, stamp, blink, x):
    """Return where a visit costs least: that price with the stop before it, or NOWHERE; and chance."""
    best = q[w.visits + u * w.columns + PENALTY] * PRICE_STEP
    found = NOWHERE
    many = ridden > MANY_ROUTES
    near = min(NEAR_TRIED, w.near_row) if many else 0
    rounds = near + noted + w.homes_row if many else ridden
    seen = w.stamps + w.stamps_row
    for t in range(rounds):
        if many:
            if t < near:
                v = s[w.chain + q[w.near + u * w.near_row + t] * STOP_COLUMNS + RIDE]
            elif t < near + noted:
                v = s[w.touched + t - near]
            else:
                v = q[w.homes + u * w.homes_row + t - near - noted]
            if v < 0 or s[seen + v] == stamp:
                continue
            s[seen + v] = stamp
            if s[w.open_routes + v] == 0 or s[w.length + v] == 0:
                continue
        else:
            v = s[w.riding + t]
            if s[w.length + v] == 0:
                continue
        one = noted_on(q, road, back, s, w, u, v)
        if one < best:
            x = turn(x)
            if part(x) >= blink:
                best = one
                found = one
    few = w.kinds <= MANY_KINDS
    for t in range(w.kinds if few else w.homes_row):
        v = idle(q, s, w, t) if few else q[w.homes + u * w.homes_row + t]
        if v < 0 or s[w.length + v] > 0 or s[w.open_routes + v] == 0:
            continue
        one = least_on(q, road, back, s, w, u, v)
        if one < best:
            best = one
            found = one
    return found, x


@inside
def put_in(q, road, back, s, w, u, v, a, price):
    """Put a visit into a chain after stop a, where it is known to fit, at that price."""
    before = w.chain + a * STOP_COLUMNS
    b = s[before + NEXT]
    after = w.chain + b * STOP_COLUMNS
    at = w.chain + u * STOP_COLUMNS
    into = q[w.engineers + v * w.traits + PROFILE] * w.square + u * w.nodes
    s[before + NEXT] = u
    s[after + PREVIOUS] = u
    s[at + PREVIOUS] = a
    s[at + NEXT] = b
    s[at + RIDE] = v
    s[at + LEG] = back[into + s[before + NODE]]
    s[after + LEG] = road[into + s[after + NODE]]
    s[w.length + v] += 1
    s[w.cost + v] += price
    for r in range(w.resources):
        s[w.load + v * w.resources + r] += q[w.needs + u * w.resources + r]
    # What was known of it elsewhere must not look as if nothing had changed.
    s[at + LEFT] = NEVER
    s[at + UNTIL] = NEVER
    ahead(q, s, w, u, u)
    astern(q, s, w, u, u)
    s[STAMP] += 1
    s[w.version + v] = s[STAMP]


@native
def write_down(s, w, v, to):
    """Write a chain as a row of stops."""
    c = s[w.chain + (w.visit_count + 2 * v) * STOP_COLUMNS + NEXT]
    i = to
    while c < w.visit_count:
        s[i] = c
        i += 1
        c = s[w.chain + c * STOP_COLUMNS + NEXT]


@inside
def accept(q, s, w, noted, price, room):
    """Let what a step did stand, and note it down where it is the best so far."""
    s[TOTAL] = price
    better = price < s[BEST]
    for k in range(noted):
        v = s[w.touched + k]
        s[s[DIRTY_] + v] = 1
        s[w.slot_of + v] = -1
        if price < s[BEST] + room:
            write_down(s, w, v, w.route + v * w.width)
            pool(q, s, v)
    if not better:
        return
    s[BEST] = price
    for v in range(w.people):
        if s[s[DIRTY_] + v] == 1:
            s[s[DIRTY_] + v] = 0
            s[s[BEST_LENGTH_] + v] = s[w.length + v]
            write_down(s, w, v, s[BEST_ROUTE_] + v * w.width)


@native
def run(q, drives, turned, s, steps, hot, cold, average, longest, blink, room):
    """Search for so many steps, from one temperature to the other; return how many were accepted.

    `turned` holds the drives the other way round: its row of a visit says how far it is to there.
    """
    road = drives.reshape(-1)
    back = turned.reshape(-1)
    w = ways(q, drives, s)
    x = np.uint64(s[RANDOM])
    accepted = 0
    cooling = (cold / hot) ** (1.0 / max(1, steps))
    heat = hot
    placed = 0
    ridden = 0
    link_up(q, road, s, w)
    for v in range(w.people):
        if s[w.length + v] > 0 and s[w.open_routes + v] == 1:
            placed += s[w.length + v]
            s[w.riding + ridden] = v
            ridden += 1
    most = min(longest, placed / max(1, ridden))
    s[STEPS] += steps
    for _ in range(steps):
        heat *= cooling
        known = s[ABSENT]
        before = s[TOTAL]
        price = before
        first = max(0, known - RETRIED)
        for k in range(known):
            s[w.old_absent + k] = s[w.absent + k]
        for k in range(first, known):
            x = turn(x)
            j = int(part(x) * known)
            u = s[w.absent + k]
            s[w.absent + k] = s[w.absent + j]
            s[w.absent + j] = u
        for k in range(first, known):
            price -= q[w.visits + s[w.absent + k] * w.columns + PENALTY]
        x = turn(x)
        seed = s[s[SEEDS_] + int(part(x) * s[SEEDS])]
        x = turn(x)
        # A step is given up as soon as it has become too dear.
        limit = before - heat * math.log(1e-300 + part(x))
        x = turn(x)
        strings = int(1.0 + part(x) * (4.0 * average / (1.0 + most) - 1.0))
        noted = 0
        gone = known
        for k in range(w.near_row):
            if noted >= strings:
                break
            c = q[w.near + seed * w.near_row + k]
            v = s[w.chain + c * STOP_COLUMNS + RIDE]
            if v < 0 or s[w.slot_of + v] >= 0 or s[w.open_routes + v] == 0:
                continue
            noted = touch(s, w, v, noted)
            gone, x = tear(q, road, s, w, v, c, gone, most, x)
        x = sort_absent(q, road, s, w, first, gone, x)
        for k in range(noted):
            price += s[w.cost + s[w.touched + k]] - s[w.old_cost + k]
        left = first
        for k in range(first, gone):
            if price >= limit:
                break
            u = s[w.absent + k]
            s[STAMP] += 1
            found, x = choose(q, road, back, s, w, u, noted, ridden, s[STAMP], blink, x)
            if found == NOWHERE:
                s[w.absent + left] = u
                left += 1
                price += q[w.visits + u * w.columns + PENALTY]
                continue
            a = found & (PRICE_STEP - 1)
            v = s[w.chain + a * STOP_COLUMNS + RIDE]
            noted = touch(s, w, v, noted)
            if s[w.length + v] == 0:
                ridden = rides_too(s, w, v, ridden)
            put_in(q, road, back, s, w, u, v, a, found // PRICE_STEP)
            price += found // PRICE_STEP
        if price < limit:
            s[ABSENT] = left
            accepted += 1
            accept(q, s, w, noted, price, room)
        else:
            put_back(q, s, w, noted)
            for k in range(known):
                s[w.absent + k] = s[w.old_absent + k]
                s[w.chain + s[w.absent + k] * STOP_COLUMNS + RIDE] = -1
            s[ABSENT] = known
    for v in range(w.people):
        write_down(s, w, v, w.route + v * w.width)
    s[RANDOM] = np.int64(x)
    return accepted
