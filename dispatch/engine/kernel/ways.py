"""The way into both memories for the fast search, read once a call and handed on by value."""

from typing import NamedTuple

import numpy as np

from dispatch.engine.kernel.layout import (
    ABSENT_,
    ALLOWED_,
    BALANCE,
    CHAIN_,
    COST_,
    DEPOT_AT_,
    DEPOTS,
    DONE_,
    EARLY_,
    ENGINEER_COUNT,
    ENGINEERS_,
    EXTRA_,
    HOMES_,
    KINDS,
    KNOWN_COST_,
    KNOWN_PLACE_,
    KNOWN_VERSION_,
    LAST_,
    LENGTH_,
    LOAD_,
    LOG_,
    LOG_AT_,
    MARKS_,
    NEAR_,
    NEEDS_,
    NOTES_,
    OLD_ABSENT_,
    OLD_COST_,
    OLD_DEPOT_AT_,
    OLD_DONE_,
    OLD_EARLY_,
    OLD_LAST_,
    OLD_LENGTH_,
    OLD_LOAD_,
    OLD_MARKS_,
    OLD_ROUTE_,
    OLD_SPENT_,
    OLD_VERSION_,
    OLD_WORK_,
    OPEN_ROUTES_,
    ORDER_,
    OVERTIME,
    PLACE_,
    RESOURCES,
    ROUTE_,
    SEQ_,
    SLOT_OF_,
    SPAN,
    SPARE_,
    SPENT_,
    STAMPS_,
    STOCK_,
    SUPPLY_,
    TOUCHED_,
    TRAIL_,
    TRAVEL,
    VERSION_,
    VISIT_COUNT,
    VISITS_,
    WAITING_,
    WHERE_,
    WORK_,
)
from dispatch.engine.kernel.memory import native


class Ways(NamedTuple):
    """Where the tables are, how long their rows, and the few settings that count here."""

    visits: int
    columns: int
    engineers: int
    traits: int
    allowed: int
    allowed_row: int
    extra: int
    extra_row: int
    needs: int
    stock: int
    supply: int
    near: int
    near_row: int
    homes: int
    homes_row: int
    resources: int
    people: int
    visit_count: int
    depots: int
    travel: int
    span: int
    overtime: int
    balance: int
    nodes: int
    square: int
    route: int
    width: int
    done: int
    last: int
    marks: int
    marks_row: int
    marks_step: int
    length: int
    cost: int
    spent: int
    work: int
    load: int
    depot_at: int
    early: int
    where: int
    place: int
    absent: int
    old_absent: int
    order: int
    slot_of: int
    touched: int
    open_routes: int
    old_route: int
    old_done: int
    old_last: int
    old_marks: int
    old_length: int
    old_cost: int
    old_spent: int
    old_work: int
    old_load: int
    old_depot_at: int
    old_early: int
    stamps: int
    stamps_row: int
    seq: int
    trail: int
    version: int
    old_version: int
    known_version: int
    known_cost: int
    known_place: int
    known_row: int
    kinds: int
    chain: int
    log: int
    log_at: int
    spare: int
    notes: int
    notes_row: int
    riding: int


@native
def ways(q, drives, s):
    """Return the way into this memory."""
    return Ways(
        q[VISITS_], q[VISITS_ + 1], q[ENGINEERS_], q[ENGINEERS_ + 1],
        q[ALLOWED_], q[ALLOWED_ + 1], q[EXTRA_], q[EXTRA_ + 1], q[NEEDS_], q[STOCK_], q[SUPPLY_],
        q[NEAR_], q[NEAR_ + 1], q[HOMES_], q[HOMES_ + 1],
        q[RESOURCES], q[ENGINEER_COUNT], q[VISIT_COUNT], q[DEPOTS],
        q[TRAVEL], q[SPAN], q[OVERTIME], q[BALANCE], drives.shape[1],
        drives.shape[1] * drives.shape[2],
        s[ROUTE_], s[ROUTE_ + 1], s[DONE_], s[LAST_], s[MARKS_], s[MARKS_ + 1], s[MARKS_ + 2],
        s[LENGTH_], s[COST_], s[SPENT_], s[WORK_], s[LOAD_], s[DEPOT_AT_], s[EARLY_],
        s[WHERE_], s[PLACE_], s[ABSENT_], s[OLD_ABSENT_], s[ORDER_], s[SLOT_OF_], s[TOUCHED_],
        s[OPEN_ROUTES_],
        s[OLD_ROUTE_], s[OLD_DONE_], s[OLD_LAST_], s[OLD_MARKS_], s[OLD_LENGTH_], s[OLD_COST_],
        s[OLD_SPENT_], s[OLD_WORK_], s[OLD_LOAD_], s[OLD_DEPOT_AT_], s[OLD_EARLY_],
        s[STAMPS_], s[STAMPS_ + 1], s[SEQ_], s[TRAIL_],
        s[VERSION_], s[OLD_VERSION_], s[KNOWN_VERSION_], s[KNOWN_COST_], s[KNOWN_PLACE_],
        s[KNOWN_VERSION_ + 1],
        q[KINDS], s[CHAIN_], s[LOG_], s[LOG_AT_], s[SPARE_], s[NOTES_], s[NOTES_ + 1],
        s[WAITING_],
    )  # fmt: skip


@native
def turn(x):
    """Return the next state of the random numbers (xorshift64)."""
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    return x


@native
def part(x):
    """Return a random number from 0 up to 1."""
    return np.float64(np.int64((x * np.uint64(2685821657736338717)) >> np.uint64(11))) * (
        1.0 / 9007199254740992.0
    )
