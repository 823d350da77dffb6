"""The same search for tours: one window a visit, no rule but hours, drives, amounts, tools and parts.

It reads and writes the memory that `search` does, but everything a step needs to find its way in
there is read once a call and handed on by value. A place on a tour is judged in constant time, and
the best one is remembered until the tour changes.
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
    KIND,
    OPENS,
    PENALTY,
    PINNED,
    RANDOM,
    SEEDS,
    SEEDS_,
    SPLIT_KEY,
    STAMP,
    START,
    STEPS,
    TOTAL,
    TOUCHED,
)
from dispatch.engine.kernel.memory import inside, native
from dispatch.engine.kernel.search import pool, spread
from dispatch.engine.kernel.tours import add_tour, lay_tour, recalled, settle_tour
from dispatch.engine.kernel.ways import part, turn, ways

# Of many visits left out only some are tried again in each step.
RETRIED = 24
# From so many routes on only those near a visit are tried.
MANY_ROUTES = 36
NEAR_TRIED = 40


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
    for r in range(w.resources):
        s[w.old_load + k * w.resources + r] = s[w.load + v * w.resources + r]
    for i in range(size):
        s[w.old_route + k * w.width + i] = s[w.route + v * w.width + i]
    for i in range(size + 1):
        s[w.old_done + k * (w.width + 1) + i] = s[w.done + v * (w.width + 1) + i]
        s[w.old_last + k * (w.width + 1) + i] = s[w.last + v * (w.width + 1) + i]
    s[w.old_version + k] = s[w.version + v]
    s[w.old_spent + k] = s[w.spent + v]
    s[w.old_work + k] = s[w.work + v]
    s[w.old_depot_at + k] = s[w.depot_at + v]
    for r in range(w.resources):
        s[w.old_early + k * w.resources + r] = s[w.early + v * w.resources + r]
    for i in range((size + 1) * w.marks_step):
        s[w.old_marks + k * w.marks_row + i] = s[w.marks + v * w.marks_row + i]
    return k + 1


@native
def put_back(s, w, count):
    """Undo what a step did to the routes."""
    for k in range(count):
        v = s[w.touched + k]
        s[w.slot_of + v] = -1
        size = s[w.old_length + k]
        s[w.length + v] = size
        s[w.cost + v] = s[w.old_cost + k]
        for r in range(w.resources):
            s[w.load + v * w.resources + r] = s[w.old_load + k * w.resources + r]
        for i in range(size):
            u = s[w.old_route + k * w.width + i]
            s[w.route + v * w.width + i] = u
            if u < w.visit_count:
                s[w.where + u] = v
                s[w.place + u] = i
        for i in range(size + 1):
            s[w.done + v * (w.width + 1) + i] = s[w.old_done + k * (w.width + 1) + i]
            s[w.last + v * (w.width + 1) + i] = s[w.old_last + k * (w.width + 1) + i]
        s[w.version + v] = s[w.old_version + k]
        s[w.spent + v] = s[w.old_spent + k]
        s[w.work + v] = s[w.old_work + k]
        s[w.depot_at + v] = s[w.old_depot_at + k]
        for r in range(w.resources):
            s[w.early + v * w.resources + r] = s[w.old_early + k * w.resources + r]
        for i in range((size + 1) * w.marks_step):
            s[w.marks + v * w.marks_row + i] = s[w.old_marks + k * w.marks_row + i]


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
    p = s[w.place + c]
    low = max(0, p - span + 1)
    high = min(p, size - span)
    x = turn(x)
    first = low + int(part(x) * (high - low + 1))
    gap = first + span
    if spared > 0:
        x = turn(x)
        gap = first + 1 + int(part(x) * (cut - 1))
    route = w.route + v * w.width
    at = first
    for i in range(first, size):
        u = s[route + i]
        spare = i >= first + span or gap <= i < gap + spared
        if spare or u >= w.visit_count or q[w.visits + u * w.columns + PINNED] == 1:
            s[route + at] = u
            at += 1
        else:
            s[w.where + u] = -1
            s[w.absent + gone] = u
            gone += 1
    s[w.length + v] = at
    if not lay_tour(q, road, s, w, v):
        # Where the drives break the triangle, a shorter route may be late.
        for i in range(at):
            u = s[route + i]
            if u < w.visit_count:
                s[w.where + u] = -1
                s[w.absent + gone] = u
                gone += 1
        s[w.length + v] = 0
        lay_tour(q, road, s, w, v)
    elif w.depots > 0:
        settle_tour(q, road, s, w, v)
    return gone, x


@inside
def sort_absent(q, road, s, w, first, count, x):
    """Put those left out into one of several orders, chosen at random."""
    x = turn(x)
    way = int(part(x) * 14)
    home = q[w.engineers + START]
    for k in range(first, count):
        u = s[w.absent + k]
        own = w.visits + u * w.columns
        if way < 4:
            x = turn(x)
            key = np.int64(x >> np.uint64(2))
        elif way < 7:
            key = -q[own + SPLIT_KEY]
        elif way < 8:
            key = -np.int64(road[home * w.nodes + u])
        elif way < 9:
            key = np.int64(road[home * w.nodes + u])
        elif way < 11:
            key = q[own + CLOSES] - q[own + OPENS]
        elif way < 12:
            key = q[own + OPENS]
        elif way < 13:
            key = -q[own + CLOSES]
        else:
            key = -q[own + PENALTY]
        j = k - 1
        while j >= first and s[w.order + j] > key:
            s[w.order + j + 1] = s[w.order + j]
            s[w.absent + j + 1] = s[w.absent + j]
            j -= 1
        s[w.order + j + 1] = key
        s[w.absent + j + 1] = u
    return x


@inside
def choose(q, road, back, s, w, u, noted, stamp, blink, x):
    """Return the route and place where a visit costs least, or -1, and chance."""
    best = q[w.visits + u * w.columns + PENALTY]
    chosen = -1
    place = -1
    near = 0
    rounds = w.people
    many = w.people > MANY_ROUTES
    if many:
        near = min(NEAR_TRIED, w.near_row)
        rounds = near + noted + w.homes_row
    for t in range(rounds):
        v = t
        if many:
            if t < near:
                v = s[w.where + q[w.near + u * w.near_row + t]]
            elif t < near + noted:
                v = s[w.touched + t - near]
            else:
                v = q[w.homes + u * w.homes_row + t - near - noted]
            if v < 0 or s[w.stamps + w.stamps_row + v] == stamp:
                continue
            s[w.stamps + w.stamps_row + v] = stamp
        if q[w.allowed + v * w.allowed_row + u] == 0 or s[w.open_routes + v] == 0:
            continue
        if s[w.length + v] == 0:
            kind = w.stamps + q[w.engineers + v * w.traits + KIND]
            if s[kind] == stamp:
                continue
            s[kind] = stamp
        best, at, x = recalled(q, road, back, s, w, u, v, best, blink, x)
        if at >= 0:
            chosen = v
            place = at
    return chosen, place, x


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
            pool(q, s, v)
    if not better:
        return
    s[BEST] = price
    for v in range(w.people):
        if s[s[DIRTY_] + v] == 1:
            s[s[DIRTY_] + v] = 0
            s[s[BEST_LENGTH_] + v] = s[w.length + v]
            for i in range(s[w.length + v]):
                s[s[BEST_ROUTE_] + v * w.width + i] = s[w.route + v * w.width + i]


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
    used = 0
    for v in range(w.people):
        # Whoever laid the routes before may have noted other things in the same place.
        lay_tour(q, road, s, w, v)
        if s[w.length + v] > 0 and s[w.open_routes + v] == 1:
            placed += s[w.length + v]
            used += 1
    most = min(longest, placed / max(1, used))
    s[STEPS] += steps
    for _ in range(steps):
        heat *= cooling
        known = s[ABSENT]
        before = s[TOTAL]
        price = before
        if w.balance > 0:
            price -= spread(q, s)
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
        strings = int(1.0 + part(x) * (4.0 * average / (1.0 + most) - 1.0))
        noted = 0
        gone = known
        for k in range(w.near_row):
            if noted >= strings:
                break
            c = q[w.near + seed * w.near_row + k]
            v = s[w.where + c]
            if v < 0 or s[w.slot_of + v] >= 0 or s[w.open_routes + v] == 0:
                continue
            noted = touch(s, w, v, noted)
            gone, x = tear(q, road, s, w, v, c, gone, most, x)
        x = sort_absent(q, road, s, w, first, gone, x)
        left = first
        for k in range(first, gone):
            u = s[w.absent + k]
            s[STAMP] += 1
            v, place, x = choose(q, road, back, s, w, u, noted, s[STAMP], blink, x)
            if v < 0:
                s[w.absent + left] = u
                left += 1
                price += q[w.visits + u * w.columns + PENALTY]
                continue
            noted = touch(s, w, v, noted)
            add_tour(s, w, v, u, place)
            lay_tour(q, road, s, w, v)
        s[ABSENT] = left
        for k in range(noted):
            v = s[w.touched + k]
            if w.depots > 0:
                settle_tour(q, road, s, w, v)
            price += s[w.cost + v] - s[w.old_cost + k]
        if w.balance > 0:
            price += spread(q, s)
        x = turn(x)
        if price < before or price - before < -heat * math.log(1e-300 + part(x)):
            accepted += 1
            accept(q, s, w, noted, price, room)
        else:
            put_back(s, w, noted)
            for k in range(known):
                s[w.absent + k] = s[w.old_absent + k]
                s[w.where + s[w.absent + k]] = -1
            s[ABSENT] = known
    s[TOUCHED] = 0
    s[RANDOM] = np.int64(x)
    return accepted
