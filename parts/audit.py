"""What must be true of the ledger: questions that have no answer as long as all is well.

They only tell. Nothing repairs a stored balance: a quantity that differs from its movements is a
fault to be found, not a number to be mended.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import aliased

from core.unit import Unit
from parts.models import (
    MAY_OWE,
    Discrepancy,
    IssueLine,
    IssueSlip,
    Place,
    PlaceKind,
    Reservation,
    StockAccount,
    StockEntry,
    StockTransfer,
    VanStock,
)

Question = Select[*tuple[Any, ...]]


def conservation() -> Question:
    """Find the parts of which some were made or lost (S1)."""
    return (
        select(StockAccount.part_id, func.sum(StockAccount.on_hand))
        .group_by(StockAccount.part_id)
        .having(func.sum(StockAccount.on_hand) != 0)
    )


def double_entry() -> Question:
    """Find the movements without exactly two entries of their quantity, one on each side (S2)."""
    sides = (
        select(
            StockEntry.transfer_id,
            func.count().label("entries"),
            func.sum(StockEntry.delta).label("sum"),
            func.max(StockEntry.delta).label("most"),
        )
        .group_by(StockEntry.transfer_id)
        .subquery()
    )
    wrong = or_(
        sides.c.transfer_id.is_(None),
        sides.c.entries != 2,
        sides.c.sum != 0,
        sides.c.most != StockTransfer.qty,
    )
    return (
        select(StockTransfer.id)
        .outerjoin(sides, sides.c.transfer_id == StockTransfer.id)
        .where(wrong)
    )


def chain() -> Question:
    """Find the entries that do not follow from the one before (S3)."""
    by_account: dict[str, Any] = {
        "partition_by": StockEntry.account_id,
        "order_by": StockEntry.account_seq,
    }
    steps = select(
        StockEntry.account_id,
        StockEntry.account_seq,
        (
            StockEntry.account_seq
            - func.coalesce(func.lag(StockEntry.account_seq).over(**by_account), 0)
        ).label("step"),
        (
            StockEntry.balance_after
            - StockEntry.delta
            - func.coalesce(func.lag(StockEntry.balance_after).over(**by_account), 0)
        ).label("jump"),
    ).subquery()
    return select(steps.c.account_id, steps.c.account_seq).where(
        or_(steps.c.step != 1, steps.c.jump != 0)
    )


def balances() -> Question:
    """Find the accounts that differ from their last entry or from what is kept for somebody (S4)."""
    last = aliased(StockEntry)
    newest = (
        select(StockEntry.account_id, func.max(StockEntry.account_seq).label("seq"))
        .group_by(StockEntry.account_id)
        .subquery()
    )
    kept = (
        select(Reservation.account_id, func.sum(Reservation.qty_open).label("qty"))
        .group_by(Reservation.account_id)
        .subquery()
    )
    return (
        select(StockAccount.id)
        .outerjoin(newest, newest.c.account_id == StockAccount.id)
        .outerjoin(
            last,
            and_(
                last.org_id == StockAccount.org_id,
                last.account_id == StockAccount.id,
                last.account_seq == newest.c.seq,
            ),
        )
        .outerjoin(kept, kept.c.account_id == StockAccount.id)
        .where(
            or_(
                StockAccount.on_hand != func.coalesce(last.balance_after, 0),
                StockAccount.last_seq != func.coalesce(newest.c.seq, 0),
                StockAccount.reserved != func.coalesce(kept.c.qty, 0),
            )
        )
    )


def negative() -> Question:
    """Find the accounts below zero, or promising more than is there, where that may not be (S5)."""
    return (
        select(StockAccount.id)
        .join(StockAccount.place)
        .where(
            Place.kind.not_in(MAY_OWE),
            or_(
                StockAccount.on_hand < 0,
                StockAccount.on_hand < StockAccount.reserved,
                StockAccount.may_owe,
            ),
        )
    )


def unexplained() -> Question:
    """Find the vans that owe pieces without an open discrepancy, or owe what they have (S8)."""
    van, behind = aliased(StockAccount), aliased(StockAccount)
    owed = (
        select(
            Discrepancy.van_place_id,
            Discrepancy.part_id,
            func.sum(Discrepancy.qty_open).label("qty"),
        )
        .where(Discrepancy.state == "open")
        .group_by(Discrepancy.van_place_id, Discrepancy.part_id)
        .subquery()
    )
    # From the side of the van, so that a discrepancy without anything owed is found as well.
    owing = (
        select(Place.parent_id, behind.part_id, behind.on_hand)
        .join(behind, and_(behind.org_id == Place.org_id, behind.place_id == Place.id))
        .where(Place.kind == PlaceKind.UNEXPLAINED)
        .subquery()
    )
    debt = func.coalesce(owing.c.on_hand, 0)
    return (
        select(van.place_id, van.part_id)
        .join(Place, and_(Place.org_id == van.org_id, Place.id == van.place_id))
        .outerjoin(owing, and_(owing.c.parent_id == van.place_id, owing.c.part_id == van.part_id))
        .outerjoin(owed, and_(owed.c.van_place_id == van.place_id, owed.c.part_id == van.part_id))
        .where(
            Place.kind == PlaceKind.VAN,
            or_(
                debt + func.coalesce(owed.c.qty, 0) != 0, debt > 0, and_(debt < 0, van.on_hand > 0)
            ),
        )
    )


def van_rows() -> Question:
    """Find the rows on phones that say something else than the books."""
    owing = (
        select(Place.parent_id, StockAccount.part_id, StockAccount.on_hand)
        .join(
            StockAccount,
            and_(StockAccount.org_id == Place.org_id, StockAccount.place_id == Place.id),
        )
        .where(Place.kind == PlaceKind.UNEXPLAINED)
        .subquery()
    )
    van = aliased(StockAccount)
    return (
        select(van.id)
        .join(Place, and_(Place.org_id == van.org_id, Place.id == van.place_id))
        .outerjoin(VanStock, and_(VanStock.org_id == van.org_id, VanStock.id == van.id))
        .outerjoin(owing, and_(owing.c.parent_id == van.place_id, owing.c.part_id == van.part_id))
        .where(
            Place.kind == PlaceKind.VAN,
            or_(
                VanStock.id.is_(None),
                VanStock.on_hand != van.on_hand,
                VanStock.reserved != van.reserved,
                VanStock.unexplained != -func.coalesce(owing.c.on_hand, 0),
            ),
        )
    )


INVARIANTS: dict[str, Callable[[], Question]] = {
    "S1 conservation": conservation,
    "S2 double entry": double_entry,
    "S3 chain": chain,
    "S4 balances": balances,
    "S5 not negative": negative,
    "S8 unexplained": unexplained,
    "van rows": van_rows,
}


def broken(unit: Unit) -> dict[str, list[tuple[Any, ...]]]:
    """Return what is wrong with the organisation's ledger, by invariant; nothing when all is well."""
    found = {}
    for name, question in INVARIANTS.items():
        if rows := unit.session.execute(question()).all():
            found[name] = [tuple(row) for row in rows]
    if slips := _slips_out_of_step(unit):
        found["slips"] = slips
    return found


def _slips_out_of_step(unit: Unit) -> list[tuple[UUID]]:
    """Return the slips whose outward lines are not their lines."""
    lines: dict[UUID, list[tuple[Any, ...]]] = {}
    for line in unit.session.scalars(
        select(IssueLine).order_by(IssueLine.slip_id, IssueLine.position)
    ):
        shown = (
            str(line.id),
            str(line.part_id),
            line.qty_asked,
            line.qty_picked,
            line.short_reason,
        )
        lines.setdefault(line.slip_id, []).append(shown)
    names = ("id", "part_id", "qty_asked", "qty_picked", "short_reason")
    return [
        (slip.id,)
        for slip in unit.session.scalars(select(IssueSlip))
        if [tuple(line[name] for name in names) for line in slip.lines_doc]
        != lines.get(slip.id, [])
    ]
