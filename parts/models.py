"""The catalogue, the places where parts lie, and the ledger that says how many.

Quantities are whole numbers of the part's base unit. What a place holds is the sum of immutable
entries; every stored balance repeats it and is checked against it, never repaired.
"""

import enum
import hashlib
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid5

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.models import Base, Identified, Synced, Tenanted, Versioned, refers_to


class Tracking(enum.StrEnum):
    """How closely pieces of a part are told apart."""

    NONE = "none"
    LOT = "lot"
    SERIAL = "serial"


class Part(Synced, Base):
    """Something that goes into a machine. `codes` are the bar codes that mean it."""

    __tablename__ = "part"
    sku: Mapped[str]
    name: Mapped[str]
    name_zh: Mapped[str]
    unit: Mapped[str]
    tracking: Mapped[Tracking]
    codes: Mapped[list[str]]
    successor_id: Mapped[UUID | None] = refers_to("part")
    cost_micro: Mapped[int] = mapped_column(default=0)
    __table_args__ = (sa.UniqueConstraint("org_id", "sku"),)


class PlaceKind(enum.StrEnum):
    """What a place is. The last five are the other side of the books."""

    BIN = "bin"
    VAN = "van"
    TRANSIT = "transit"
    ASSET = "asset"
    SUPPLIER = "supplier"
    OPENING = "opening"
    COUNT = "count"
    SCRAP = "scrap"
    UNEXPLAINED = "unexplained"


# These may owe: they stand for the outside world, or for what nobody has explained yet.
MAY_OWE = frozenset({PlaceKind.SUPPLIER, PlaceKind.OPENING, PlaceKind.COUNT, PlaceKind.UNEXPLAINED})


class Place(Versioned, Base):
    """Where parts can be: a shelf, a van, a machine, a supplier."""

    __tablename__ = "place"
    kind: Mapped[PlaceKind]
    name: Mapped[str]
    # A van's unexplained account names the van; a van names who drives it.
    parent_id: Mapped[UUID | None] = refers_to("place")
    technician_id: Mapped[UUID | None] = refers_to("technician")
    __table_args__ = (sa.UniqueConstraint("org_id", "kind", "name"),)


# The ids below are worked out, not drawn, and remembered because they are asked for often: two people who need the same account at the same moment
# mean the same row, and a place behind the books is found without looking for it.
GOOD = "good"


@lru_cache(maxsize=100_000)
def account_id_of(place_id: UUID, part_id: UUID, condition: str = GOOD) -> UUID:
    """Return the id of the account of this part at this place."""
    return uuid5(place_id, f"{part_id}/{condition}")


@lru_cache(maxsize=100_000)
def unexplained_place_id(van_place_id: UUID) -> UUID:
    """Return the id of the place that owes what a van used beyond the books."""
    return uuid5(van_place_id, "unexplained")


@lru_cache(maxsize=100_000)
def asset_place_id(asset_id: UUID) -> UUID:
    """Return the id of the place that stands for a machine."""
    return uuid5(asset_id, "place")


def house_place_id(org_id: UUID, kind: PlaceKind, name: str) -> UUID:
    """Return the id of the organisation's one place of this kind and name."""
    return uuid5(org_id, f"{kind.value}/{name}")


class StockAccount(Identified, Base):
    """One part at one place in one condition, with what the ledger says is there."""

    __tablename__ = "stock_account"
    __audited__ = False  # the ledger is its own trail
    part_id: Mapped[UUID] = refers_to("part")
    place_id: Mapped[UUID] = refers_to("place")
    condition: Mapped[str]
    may_owe: Mapped[bool]
    on_hand: Mapped[int] = mapped_column(default=0)
    reserved: Mapped[int] = mapped_column(default=0)
    last_seq: Mapped[int] = mapped_column(default=0)
    part: Mapped[Part] = relationship(viewonly=True, lazy="raise")
    place: Mapped[Place] = relationship(viewonly=True, lazy="raise")

    # A list of stock is in the order of these two, and goes on after them.
    @property
    def name(self) -> str:
        """Return the name of the place."""
        return self.place.name

    @property
    def sku(self) -> str:
        """Return the number of the part."""
        return self.part.sku

    __table_args__ = (
        sa.UniqueConstraint("org_id", "part_id", "place_id", "condition"),
        sa.CheckConstraint("reserved >= 0", name="reserved"),
        sa.CheckConstraint("may_owe OR on_hand >= reserved", name="not_negative"),
    )


class StockTransfer(Identified, Base):
    """A movement from one account to another, and why. A correction is a new, opposite one."""

    __tablename__ = "stock_transfer"
    __audited__ = False
    part_id: Mapped[UUID] = refers_to("part")
    source_id: Mapped[UUID] = refers_to("stock_account")
    target_id: Mapped[UUID] = refers_to("stock_account")
    qty: Mapped[int]
    # opening, receive, issue, transfer, return, scrap, adjust, consume, unexplained, explain, correct
    kind: Mapped[str]
    group_id: Mapped[UUID]
    reference_kind: Mapped[str | None]
    reference_id: Mapped[UUID | None]
    reason: Mapped[str | None]
    corrects_id: Mapped[UUID | None]
    value_micro: Mapped[int]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    actor_id: Mapped[UUID | None]
    device_id: Mapped[UUID | None]
    __table_args__ = (
        sa.CheckConstraint("qty > 0", name="qty"),
        sa.CheckConstraint("source_id <> target_id", name="two_sides"),
        sa.Index("ix_stock_transfer_reference", "org_id", "reference_kind", "reference_id"),
        sa.Index("ix_stock_transfer_recorded", "org_id", "recorded_at", "id"),
    )


class StockEntry(Tenanted, Base):
    """One side of a transfer in the account's own book, with the balance carried."""

    __tablename__ = "stock_entry"
    __audited__ = False
    account_id: Mapped[UUID] = mapped_column(primary_key=True, info={"refers_to": "stock_account"})
    account_seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    transfer_id: Mapped[UUID] = refers_to("stock_transfer")
    delta: Mapped[int]
    balance_after: Mapped[int]
    recorded_at: Mapped[datetime]


class Reservation(Identified, Base):
    """Pieces kept for something, until they are used, let go, or the time runs out."""

    __tablename__ = "reservation"
    account_id: Mapped[UUID] = refers_to("stock_account")
    reference_kind: Mapped[str]
    reference_id: Mapped[UUID]
    qty_open: Mapped[int]
    expires_at: Mapped[datetime | None]
    __table_args__ = (sa.CheckConstraint("qty_open >= 0", name="qty_open"),)


class Discrepancy(Versioned, Base):
    """A van used more than the books gave it. Open until a receipt, a count or a person explains it."""

    __tablename__ = "discrepancy"
    part_id: Mapped[UUID] = refers_to("part")
    van_place_id: Mapped[UUID] = refers_to("place")
    qty_open: Mapped[int]
    opened_by_transfer: Mapped[UUID]
    opened_at: Mapped[datetime]
    state: Mapped[str]  # open, resolved
    resolution: Mapped[str | None]
    __table_args__ = (sa.CheckConstraint("qty_open >= 0", name="qty_open"),)


class VanStock(Synced, Base):
    """One part in one van, as the technician's phone holds it: the books' balance, and how much there should be.

    Its id is its account's.
    """

    __tablename__ = "van_stock"
    __audited__ = False
    place_id: Mapped[UUID] = refers_to("place")
    part_id: Mapped[UUID] = refers_to("part")
    technician_id: Mapped[UUID | None]
    on_hand: Mapped[int] = mapped_column(default=0)
    reserved: Mapped[int] = mapped_column(default=0)
    unexplained: Mapped[int] = mapped_column(default=0)
    min: Mapped[int] = mapped_column(default=0)
    max: Mapped[int] = mapped_column(default=0)
    __table_args__ = (sa.UniqueConstraint("org_id", "place_id", "part_id"),)


class SlipState(enum.StrEnum):
    """How far an issue slip is."""

    DRAFT = "draft"
    APPROVED = "approved"
    PICKING = "picking"
    READY = "ready"
    HANDED_OVER = "handed_over"
    CLOSED = "closed"
    VOID = "void"


OPEN_SLIP = frozenset({SlipState.DRAFT, SlipState.APPROVED, SlipState.PICKING, SlipState.READY})


class IssueSlip(Synced, Base):
    """Parts asked for by a van from a shelf: approved, picked, handed over by two scans."""

    __tablename__ = "issue_slip"
    no: Mapped[str]
    from_place_id: Mapped[UUID] = refers_to("place")
    to_place_id: Mapped[UUID] = refers_to("place")
    technician_id: Mapped[UUID | None]
    state: Mapped[SlipState]
    reason: Mapped[str]
    # What the storekeeper's screen shows as a code and the technician scans.
    token: Mapped[str]
    approved_by: Mapped[UUID | None]
    handed_by: Mapped[UUID | None]
    handed_at: Mapped[datetime | None]
    received_by: Mapped[UUID | None]
    received_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    # The lines as they go out; the slip itself changes whenever a line does, so phones hear of it.
    lines_doc: Mapped[list[dict[str, Any]]]
    from_place: Mapped[Place] = relationship(
        viewonly=True, lazy="raise", foreign_keys=[from_place_id]
    )
    to_place: Mapped[Place] = relationship(viewonly=True, lazy="raise", foreign_keys=[to_place_id])
    __table_args__ = (sa.UniqueConstraint("org_id", "no"),)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Return the lines as they go out."""
        return self.lines_doc

    @property
    def token_sha256(self) -> str:
        """Return by what a phone knows the code when it sees it, without holding it."""
        return hashlib.sha256(self.token.encode()).hexdigest()


class IssueLine(Identified, Base):
    """One part on a slip."""

    __tablename__ = "issue_line"
    slip_id: Mapped[UUID] = refers_to("issue_slip")
    position: Mapped[int] = mapped_column(sa.Integer)
    part_id: Mapped[UUID] = refers_to("part")
    qty_asked: Mapped[int]
    qty_picked: Mapped[int] = mapped_column(default=0)
    short_reason: Mapped[str | None]
    reservation_id: Mapped[UUID | None]
