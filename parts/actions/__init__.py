"""What people do with parts and stock."""

from parts.actions.catalogue import add_part, add_place, assign_van, replace_part
from parts.actions.movements import (
    adjust_stock,
    correct_transfer,
    open_balance,
    receive_goods,
    transfer_stock,
)
from parts.actions.reservations import release, reserve
from parts.actions.slips import (
    approve_slip,
    create_slip,
    hand_over,
    make_ready,
    pick_line,
    receive_slip,
    void_slip,
)
from parts.actions.uses import Consumption, Use, consume_part, expect_uses
from parts.actions.vans import propose_replenishment, set_van_level

__all__ = [
    "Consumption",
    "Use",
    "add_part",
    "add_place",
    "adjust_stock",
    "approve_slip",
    "assign_van",
    "consume_part",
    "correct_transfer",
    "create_slip",
    "expect_uses",
    "hand_over",
    "make_ready",
    "open_balance",
    "pick_line",
    "propose_replenishment",
    "receive_goods",
    "receive_slip",
    "release",
    "replace_part",
    "reserve",
    "set_van_level",
    "transfer_stock",
    "void_slip",
]
