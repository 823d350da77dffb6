"""Tours whose length counts, with tools, parts and a depot: any place is judged in constant time.

A part of a tour is known by four numbers: how long it takes at least, when it begins for that, by
when it must begin, and when it ends at the earliest. Two parts are joined without looking inside,
after Vidal, Crainic, Gendreau and Prins ("A hybrid genetic algorithm with adaptive diversity
management for a large class of vehicle routing problems with time-windows", Computers & Operations
Research 2013). Nothing is ever late here, so their time warp is left out.
"""

import numpy as np

from dispatch.engine.kernel.layout import (
    AWAITED,
    BEGUN,
    CLOSES,
    END,
    FIXED,
    FROM,
    LASTED,
    LATEST,
    LEAVES,
    MOST_VISITS,
    NEVER,
    OPENS,
    OWN_TOOLS,
    PAID_TO,
    PROFILE,
    REMAINS,
    STAMP,
    START,
    TOOLS,
    WORK,
)
from dispatch.engine.kernel.memory import inside, native
from dispatch.engine.kernel.ways import part, turn

# In place of a place: nothing below the noted cost.
AT_LEAST = -2
# Where a blink falls on what is remembered, each place is passed over that often.
BLINKING = 0.3
# A place in a route and, where a depot is called at on the way, which and where, in one number.
SPLIT = 8192


@native
def trace(q, road, s, w, v, route, size, done, last, marks):
    """Note down the parts of a tour before and after each stop.

    Return how long it takes at least, when it ends and the seconds on the road; -1 where it is late.
    """
    me = w.engineers + v * w.traits
    table = q[me + PROFILE] * w.square
    a = q[me + START]
    time = q[me + FROM]
    lasted = 0
    leaves = q[me + LATEST]
    if q[me + BEGUN] >= 0:
        lasted = time - q[me + BEGUN]
        leaves = q[me + BEGUN]
    s[done] = time
    s[marks + LASTED] = lasted
    s[marks + LEAVES] = leaves
    total = 0
    for i in range(size):
        u = s[route + i]
        own = w.visits + u * w.columns
        leg = np.int64(road[table + a * w.nodes + u])
        total += leg
        lasted += leg
        waits = max(0, q[own + OPENS] - lasted - leaves)
        leaves = min(leaves, q[own + CLOSES] - lasted)
        time = max(time + leg, q[own + OPENS])
        if time > q[own + CLOSES]:
            return -1, 0, 0
        time += q[own + WORK]
        lasted += waits + q[own + WORK]
        s[done + i + 1] = time
        s[marks + (i + 1) * w.marks_step + LASTED] = lasted
        s[marks + (i + 1) * w.marks_step + LEAVES] = leaves
        a = u
    latest = q[me + LATEST]
    s[last + size] = latest
    s[marks + size * w.marks_step + AWAITED] = 0
    s[marks + size * w.marks_step + REMAINS] = 0
    if size == 0:
        # Whoever is out already drives home anyway.
        idle = q[me + BEGUN] >= 0
        return 0, time, np.int64(road[table + a * w.nodes + q[me + END]]) if idle else 0
    b = q[me + END]
    leg = np.int64(road[table + a * w.nodes + b])
    if time + leg > latest:
        return -1, 0, 0
    ends = time + leg
    length = lasted + leg
    total += leg
    awaited = 0
    remains = 0
    for i in range(size - 1, -1, -1):
        u = s[route + i]
        own = w.visits + u * w.columns
        leg = q[own + WORK] + np.int64(road[table + u * w.nodes + b])
        waits = max(0, awaited - leg - q[own + CLOSES])
        awaited = max(awaited - leg, q[own + OPENS]) - waits
        remains += leg + waits
        latest = min(latest - leg, q[own + CLOSES])
        s[last + i] = latest
        s[marks + i * w.marks_step + AWAITED] = awaited
        s[marks + i * w.marks_step + REMAINS] = remains
        b = u
    return length, ends, total


@native
def time_price(q, w, v, length, ends):
    """Return what the length and the end of a tour cost."""
    price = length * w.span
    if w.overtime > 0:
        price += max(0, ends - q[w.engineers + v * w.traits + PAID_TO]) * w.overtime
    return price


@native
def lay_tour(q, road, s, w, v):
    """Bring all that is known of a tour up to date; return whether it keeps the rules."""
    size = s[w.length + v]
    route = w.route + v * w.width
    length, ends, total = trace(
        q, road, s, w, v, route, size,
        w.done + v * (w.width + 1), w.last + v * (w.width + 1), w.marks + v * w.marks_row,
    )  # fmt: skip
    if length < 0:
        return False
    price = 0
    depot = -1
    work = 0
    loads = w.load + v * w.resources
    early = w.early + v * w.resources
    for r in range(w.resources):
        s[loads + r] = 0
        s[early + r] = 0
    for i in range(size):
        u = s[route + i]
        if u >= w.visit_count:
            depot = i
            for r in range(w.resources):
                s[early + r] = s[loads + r]
            continue
        s[w.where + u] = v
        s[w.place + u] = i
        work += q[w.visits + u * w.columns + WORK]
        price += q[w.extra + v * w.extra_row + u]
        for r in range(w.resources):
            s[loads + r] += q[w.needs + u * w.resources + r]
    s[w.depot_at + v] = depot
    s[w.spent + v] = 0
    s[w.work + v] = work + total
    if size > 0:
        s[w.spent + v] = time_price(q, w, v, length, ends)
        price += q[w.engineers + v * w.traits + FIXED] + s[w.spent + v]
        price += total * w.travel
    s[w.cost + v] = price
    s[STAMP] += 1
    s[w.version + v] = s[STAMP]
    return True


@inside
def scan_tour(q, road, back, s, w, u, v, most, blink, x):
    """Return the least cost of a visit on tour v below `most`, where (or -1), and chance."""
    size = s[w.length + v]
    me = w.engineers + v * w.traits
    if size + 3 > w.width:
        return most, -1, x
    depot = s[w.depot_at + v]
    calls = 1 if depot >= 0 else 0
    if size - calls + 1 > q[me + MOST_VISITS]:
        return most, -1, x
    own = w.visits + u * w.columns
    lacks = q[own + TOOLS] & ~q[me + OWN_TOOLS]
    before = lacks == 0
    after = True
    if depot >= 0:
        n = s[w.route + v * w.width + depot]
        after = (lacks & ~q[w.visits + n * w.columns + TOOLS]) == 0
        for r in range(w.resources):
            need = q[w.needs + u * w.resources + r]
            stock = q[w.stock + v * w.resources + r]
            if s[w.early + v * w.resources + r] + need > stock:
                before = False
            supply = q[w.supply + (n - w.visit_count) * w.resources + r]
            if s[w.load + v * w.resources + r] + need > stock + supply:
                after = False
    else:
        for r in range(w.resources):
            load = s[w.load + v * w.resources + r] + q[w.needs + u * w.resources + r]
            if load > q[w.stock + v * w.resources + r]:
                before = False
        after = before
    if not before and w.depots == 0:
        return most, -1, x
    opens = q[own + OPENS]
    closes = q[own + CLOSES]
    work = q[own + WORK]
    ready = opens + work
    table = q[me + PROFILE] * w.square
    into = table + u * w.nodes
    base = q[w.extra + v * w.extra_row + u] - s[w.spent + v]
    if size == 0:
        base += q[me + FIXED]
    route = w.route + v * w.width
    done = w.done + v * (w.width + 1)
    last = w.last + v * (w.width + 1)
    marks = w.marks + v * w.marks_row
    end = q[me + END]
    where = -1
    if after:
        first = 0 if before else depot + 1
        a = q[me + START] if first == 0 else s[route + first - 1]
        for i in range(first, size + 1):
            if s[done + i] > closes:
                break
            b = s[route + i] if i < size else end
            if s[last + i] >= ready:
                to_it = np.int64(back[into + a])
                on = np.int64(road[into + b])
                starts = s[done + i] + to_it
                if starts <= closes and max(starts, opens) + work + on <= s[last + i]:
                    mark = marks + i * w.marks_step
                    lasted = s[mark + LASTED] + to_it
                    leaves = s[mark + LEAVES]
                    waits = max(0, opens - lasted - leaves)
                    leaves = min(leaves, closes - lasted)
                    lasted += waits + work + on
                    length = lasted + s[mark + REMAINS]
                    length += max(0, s[mark + AWAITED] - lasted - leaves)
                    price = base + length * w.span
                    if w.travel > 0:
                        direct = np.int64(road[table + a * w.nodes + b]) if size > 0 else 0
                        price += (to_it + on - direct) * w.travel
                    if price < most:
                        if w.overtime > 0:
                            begins = max(starts, opens) + work + on - lasted
                            late = max(0, s[mark + AWAITED] - lasted - leaves)
                            begins = max(s[mark + AWAITED] - lasted, begins) - late
                            price += max(0, begins + length - q[me + PAID_TO]) * w.overtime
                        x = turn(x)
                        if price < most and part(x) >= blink:
                            most = price
                            where = i
            a = b
    if not before:
        return scan_depots(q, road, back, s, w, u, v, most, where, blink, x)
    return most, where, x


@inside
def recalled(q, road, back, s, w, u, v, most, blink, x):
    """The same, remembered until the tour changes: most tours outlive many steps."""
    x = turn(x)
    blinks = part(x) < blink
    at = u * w.known_row + v
    if not blinks and s[w.known_version + at] == s[w.version + v]:
        place = s[w.known_place + at]
        if place >= 0:
            if s[w.known_cost + at] < most:
                return s[w.known_cost + at], place, x
            return most, -1, x
        if s[w.known_cost + at] >= most:
            return most, -1, x
    price, place, x = scan_tour(q, road, back, s, w, u, v, most, BLINKING if blinks else 0.0, x)
    if not blinks:
        s[w.known_version + at] = s[w.version + v]
        s[w.known_cost + at] = price
        s[w.known_place + at] = place if place >= 0 else AT_LEAST
    return price, place, x


@native
def rest_of(s, w, v):
    """Write a tour without its call at a depot into the sequence at hand; return its length."""
    route = w.route + v * w.width
    rest = 0
    for i in range(s[w.length + v]):
        if s[route + i] < w.visit_count:
            s[w.seq + rest] = s[route + i]
            rest += 1
    return rest


@native
def stocked_to(q, s, w, v, route, size):
    """Return how many stops in a row can be made with what is in the van."""
    tools = q[w.engineers + v * w.traits + OWN_TOOLS]
    stock = w.stock + v * w.resources
    used = w.trail
    for r in range(w.resources):
        s[used + r] = 0
    for i in range(size):
        u = s[route + i]
        if q[w.visits + u * w.columns + TOOLS] & ~tools:
            return i
        for r in range(w.resources):
            s[used + r] += q[w.needs + u * w.resources + r]
            if s[used + r] > q[stock + r]:
                return i
    return size


@native
def supplied(q, s, w, v, route, size, u, d):
    """Return whether these stops, and visit u if there is one, lack nothing after that depot."""
    tools = q[w.engineers + v * w.traits + OWN_TOOLS]
    tools |= q[w.visits + (w.visit_count + d) * w.columns + TOOLS]
    if u >= 0 and q[w.visits + u * w.columns + TOOLS] & ~tools:
        return False
    for i in range(size):
        if q[w.visits + s[route + i] * w.columns + TOOLS] & ~tools:
            return False
    for r in range(w.resources):
        room = q[w.stock + v * w.resources + r] + q[w.supply + d * w.resources + r]
        room -= s[w.load + v * w.resources + r]
        if u >= 0:
            room -= q[w.needs + u * w.resources + r]
        if room < 0:
            return False
    return True


@inside
def scan_depots(q, road, back, s, w, u, v, most, where, blink, x):
    """The same with a call at a depot laid anew somewhere before the visit."""
    me = w.engineers + v * w.traits
    table = q[me + PROFILE] * w.square
    own = w.visits + u * w.columns
    opens = q[own + OPENS]
    closes = q[own + CLOSES]
    work = q[own + WORK]
    into = table + u * w.nodes
    end = q[me + END]
    route = w.route + v * w.width
    done = w.done + v * (w.width + 1)
    last = w.last + v * (w.width + 1)
    marks = w.marks + v * w.marks_row
    size = s[w.length + v]
    drove = 0
    if w.travel > 0:
        a = q[me + START]
        for i in range(size):
            drove += np.int64(road[table + a * w.nodes + s[route + i]])
            a = s[route + i]
        if size > 0:
            drove += np.int64(road[table + a * w.nodes + end])
    held = size
    if s[w.depot_at + v] >= 0:
        size = rest_of(s, w, v)
        route = w.seq
        done = w.trail + w.resources
        last = done + w.width + 1
        marks = last + w.width + 1
        length, _, _ = trace(q, road, s, w, v, route, size, done, last, marks)
        if length < 0:
            return most, where, x
        held = stocked_to(q, s, w, v, route, size)
    base = q[w.extra + v * w.extra_row + u] - s[w.spent + v] - drove * w.travel
    if size == 0:
        base += q[me + FIXED]
    for d in range(w.depots):
        if not supplied(q, s, w, v, route, size, u, d):
            continue
        depot = w.visit_count + d
        its = w.visits + depot * w.columns
        a = q[me + START]
        before = 0
        for j in range(held + 1):
            # The part from leaving home to leaving the depot.
            leg = np.int64(road[table + a * w.nodes + depot])
            time = s[done + j] + leg
            if time > q[its + CLOSES] or s[done + j] > closes:
                break
            mark = marks + j * w.marks_step
            lasted = s[mark + LASTED] + leg
            waits = max(0, q[its + OPENS] - lasted - s[mark + LEAVES])
            leaves = min(s[mark + LEAVES], q[its + CLOSES] - lasted)
            time = max(time, q[its + OPENS]) + q[its + WORK]
            lasted += waits + q[its + WORK]
            so_far = before + leg
            c = depot
            for i in range(j, size + 1):
                if time > closes:
                    break
                b = s[route + i] if i < size else end
                mark = marks + i * w.marks_step
                to_it = np.int64(back[into + c])
                on = np.int64(road[into + b])
                starts = time + to_it
                ends = max(starts, opens) + work + on
                if starts <= closes and ends <= s[last + i]:
                    whole = lasted + to_it
                    waits = max(0, opens - whole - leaves)
                    till = min(leaves, closes - whole)
                    whole += waits + work + on
                    late = max(0, s[mark + AWAITED] - whole - till)
                    length = whole + s[mark + REMAINS] + late
                    price = base + length * w.span
                    if w.travel > 0:
                        price += (so_far + to_it + on) * w.travel
                        price += rest_drive(s, road, w, table, route, i, size, end) * w.travel
                    if price < most:
                        if w.overtime > 0:
                            begins = max(s[mark + AWAITED] - whole, ends - whole) - late
                            price += max(0, begins + length - q[me + PAID_TO]) * w.overtime
                        x = turn(x)
                        if price < most and part(x) >= blink:
                            most = price
                            where = i + SPLIT * (1 + j + SPLIT * d)
                if i == size:
                    break
                leg = np.int64(road[table + c * w.nodes + b])
                next_to = w.visits + b * w.columns
                if time + leg > s[last + i]:
                    break
                lasted += leg
                waits = max(0, q[next_to + OPENS] - lasted - leaves)
                leaves = min(leaves, q[next_to + CLOSES] - lasted)
                time = max(time + leg, q[next_to + OPENS]) + q[next_to + WORK]
                lasted += waits + q[next_to + WORK]
                so_far += leg
                c = b
            if j < size:
                before += np.int64(road[table + a * w.nodes + s[route + j]])
                a = s[route + j]
    return most, where, x


@native
def rest_drive(s, road, w, table, route, i, size, end):
    """Return the seconds on the road from stop i to the end."""
    total = 0
    if i >= size:
        return total
    for k in range(i, size):
        b = s[route + k + 1] if k + 1 < size else end
        total += np.int64(road[table + s[route + k] * w.nodes + b])
    return total


@native
def settle_tour(q, road, s, w, v):
    """Call at a depot only where it is needed, and where it costs least."""
    if s[w.depot_at + v] < 0:
        return
    me = w.engineers + v * w.traits
    table = q[me + PROFILE] * w.square
    size = rest_of(s, w, v)
    route = w.route + v * w.width
    held = stocked_to(q, s, w, v, w.seq, size)
    best = NEVER
    place = -1
    which = -1
    if held < size:
        done = w.trail + w.resources
        last = done + w.width + 1
        marks = last + w.width + 1
        length, _, _ = trace(q, road, s, w, v, w.seq, size, done, last, marks)
        if length < 0:
            return
        for d in range(w.depots):
            if not supplied(q, s, w, v, w.seq, size, -1, d):
                continue
            depot = w.visit_count + d
            its = w.visits + depot * w.columns
            a = q[me + START]
            for j in range(held + 1):
                b = s[w.seq + j]
                mark = marks + j * w.marks_step
                to_it = np.int64(road[table + a * w.nodes + depot])
                on = np.int64(road[table + depot * w.nodes + b])
                starts = s[done + j] + to_it
                if starts > q[its + CLOSES]:
                    break
                ends = max(starts, q[its + OPENS]) + q[its + WORK] + on
                if ends <= s[last + j]:
                    lasted = s[mark + LASTED] + to_it
                    leaves = s[mark + LEAVES]
                    waits = max(0, q[its + OPENS] - lasted - leaves)
                    leaves = min(leaves, q[its + CLOSES] - lasted)
                    lasted += waits + q[its + WORK] + on
                    late = max(0, s[mark + AWAITED] - lasted - leaves)
                    length = lasted + s[mark + REMAINS] + late
                    begins = max(s[mark + AWAITED] - lasted, ends - lasted) - late
                    price = time_price(q, w, v, length, begins + length)
                    direct = np.int64(road[table + a * w.nodes + b])
                    price += (to_it + on - direct) * w.travel
                    if price < best:
                        best = price
                        place = j
                        which = depot
                a = b
        if which < 0:
            return
        if place == s[w.depot_at + v] and which == s[route + place]:
            return
    known = s[w.depot_at + v]
    old = s[route + known]
    call_at(s, w, v, size, place, which)
    if not lay_tour(q, road, s, w, v):
        # Where the drives break the triangle, a shorter tour may be late.
        call_at(s, w, v, size, known, old)
        lay_tour(q, road, s, w, v)


@native
def call_at(s, w, v, rest, place, depot):
    """Write the sequence at hand into a tour, with a call at a depot before that place."""
    route = w.route + v * w.width
    at = 0
    for k in range(rest + 1):
        if k == place:
            s[route + at] = depot
            at += 1
        if k < rest:
            s[route + at] = s[w.seq + k]
            at += 1
    s[w.length + v] = at


@native
def add_tour(s, w, v, u, code):
    """Write a visit, and the call at a depot that it needs, into a tour."""
    route = w.route + v * w.width
    size = s[w.length + v]
    i = code % SPLIT
    if code < SPLIT:
        for k in range(size, i, -1):
            s[route + k] = s[route + k - 1]
        s[route + i] = u
        s[w.length + v] = size + 1
        return
    j = (code // SPLIT) % SPLIT - 1
    d = code // SPLIT // SPLIT
    rest = rest_of(s, w, v)
    at = 0
    for k in range(rest + 1):
        if k == j:
            s[route + at] = w.visit_count + d
            at += 1
        if k == i:
            s[route + at] = u
            at += 1
        if k < rest:
            s[route + at] = s[w.seq + k]
            at += 1
    s[w.length + v] = at
