"""Requests, work orders and visits: three records with three life cycles, and what hangs on them."""

import enum
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from assets.models import Asset, Customer, Site
from core.languages import say_in_all
from core.models import Base, Identified, Merged, Synced, Versioned, refers_to


class RequestState(enum.StrEnum):
    """What became of what somebody reported."""

    SUBMITTED = "submitted"
    TRIAGED = "triaged"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DUPLICATE = "duplicate_of"


class OrderKind(enum.StrEnum):
    """Why there is an order."""

    CORRECTIVE = "corrective"
    PREVENTIVE = "preventive"
    INSTALLATION = "installation"
    INSPECTION = "inspection"


class OrderState(enum.StrEnum):
    """How far the commitment is kept. Derived from the visits, but for the office's own words."""

    NEW = "new"
    PLANNED = "planned"
    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    WORK_DONE = "work_done"
    VERIFIED = "verified"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class HoldReason(enum.StrEnum):
    """Why an order waits; some of these stop the promise's clock."""

    CUSTOMER = "customer"
    ACCESS = "access"
    PARTS = "parts"
    SUPPLIER = "supplier"
    WEATHER = "weather"
    REPRIORITISED = "reprioritised"
    OTHER = "other"


class VisitState(enum.StrEnum):
    """How far one trip is."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    DISPATCHED = "dispatched"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    TRAVELLING = "travelling"
    ON_SITE = "on_site"
    WORKING = "working"
    PAUSED = "paused"
    COMPLETED = "completed"
    PARTIALLY_COMPLETED = "partially_completed"
    COULD_NOT_COMPLETE = "could_not_complete"
    CANCELLED = "cancelled"


WAITING = frozenset(
    {
        VisitState.PROPOSED,
        VisitState.CONFIRMED,
        VisitState.DISPATCHED,
        VisitState.ACCEPTED,
        VisitState.DECLINED,
    }
)
UNDER_WAY = frozenset(
    {VisitState.TRAVELLING, VisitState.ON_SITE, VisitState.WORKING, VisitState.PAUSED}
)
FINISHED = frozenset(
    {VisitState.COMPLETED, VisitState.PARTIALLY_COMPLETED, VisitState.COULD_NOT_COMPLETE}
)
OPEN_VISIT = WAITING | UNDER_WAY
# What nobody has been given yet, an engineer may take.
CLAIMABLE = WAITING - {VisitState.DECLINED}
CLOSED_ORDER = frozenset(
    {OrderState.WORK_DONE, OrderState.VERIFIED, OrderState.CLOSED, OrderState.CANCELLED}
)


class Request(Versioned, Base):
    """What a person reported about a machine."""

    __tablename__ = "request"
    no: Mapped[str]
    asset_id: Mapped[UUID] = refers_to("asset")
    symptom: Mapped[str]
    text: Mapped[str] = mapped_column(sa.Text)
    reporter_name: Mapped[str | None]
    reporter_phone: Mapped[str | None]
    language: Mapped[str]
    state: Mapped[RequestState]
    confirmations: Mapped[int] = mapped_column(sa.Integer, default=0)
    order_id: Mapped[UUID | None] = refers_to("work_order")
    rejection: Mapped[str | None]
    status_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    asset: Mapped[Asset] = relationship(viewonly=True, lazy="raise")
    photos: Mapped[list["RequestPhoto"]] = relationship(
        viewonly=True, lazy="raise", order_by="RequestPhoto.created_at"
    )
    __table_args__ = (
        sa.UniqueConstraint("org_id", "no"),
        sa.Index("ix_request_state", "org_id", "state", "created_at"),
    )


class RequestPhoto(Identified, Base):
    """A picture that came with a report."""

    __tablename__ = "request_photo"
    request_id: Mapped[UUID] = refers_to("request")
    sha256: Mapped[str]
    created_at: Mapped[datetime]


class Confirmation(Identified, Base):
    """Somebody else who saw the same fault while it was open."""

    __tablename__ = "confirmation"
    request_id: Mapped[UUID] = refers_to("request")
    text: Mapped[str] = mapped_column(sa.Text)
    reporter_name: Mapped[str | None]
    reporter_phone: Mapped[str | None]
    status_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime]


class WorkOrder(Merged, Base):
    """The commitment to do something about a machine or at a site.

    `skills` is a list of `{code, level}`, `parts` of `{part_id, qty}`; `checklist` is a list of
    steps; `sla` is the promise's clock as it was last worked out.
    """

    __tablename__ = "work_order"
    no: Mapped[str]
    title: Mapped[str]
    description: Mapped[str] = mapped_column(sa.Text)
    kind: Mapped[OrderKind]
    priority: Mapped[int] = mapped_column(sa.Integer)
    state: Mapped[OrderState]
    hold_reason: Mapped[HoldReason | None]
    cancelled_because: Mapped[str | None]
    asset_id: Mapped[UUID | None] = refers_to("asset")
    site_id: Mapped[UUID] = refers_to("site")
    customer_id: Mapped[UUID] = refers_to("customer")
    symptom: Mapped[str | None]
    skills: Mapped[list[dict[str, Any]]]
    parts: Mapped[list[dict[str, Any]]]
    duration_min: Mapped[int] = mapped_column(sa.Integer)
    window_from: Mapped[datetime | None]
    window_to: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    sla: Mapped[dict[str, Any] | None]
    checklist: Mapped[list[dict[str, Any]]]
    opened_at: Mapped[datetime]
    first_completed_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    cost_micro: Mapped[int] = mapped_column(default=0)
    asset: Mapped[Asset | None] = relationship(viewonly=True, lazy="raise")
    site: Mapped[Site] = relationship(viewonly=True, lazy="raise")
    customer: Mapped[Customer] = relationship(viewonly=True, lazy="raise")
    __table_args__ = (
        sa.UniqueConstraint("org_id", "no"),
        sa.CheckConstraint("priority BETWEEN 1 AND 4", name="priority"),
        sa.Index("ix_work_order_opened", "org_id", "opened_at", "id"),
        sa.Index("ix_work_order_state", "org_id", "state", "opened_at", "id"),
    )


class Hold(Identified, Base):
    """A time during which an order waited, and why. An open one has no end.

    The office holds an order; an engineer on site holds a visit, which stops the same clock.
    """

    __tablename__ = "hold"
    order_id: Mapped[UUID] = refers_to("work_order")
    visit_id: Mapped[UUID | None]
    reason: Mapped[HoldReason]
    begun_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Visit(Merged, Base):
    """One person's trip to one site for one work order.

    `hold` says why the work stands still: `{reason, text, since}`. The plan leaves the engineer of a
    `locked` visit as it is, and the start of a `start_locked` one.
    """

    __tablename__ = "visit"
    no: Mapped[str]
    order_id: Mapped[UUID] = refers_to("work_order")
    technician_id: Mapped[UUID | None] = refers_to("technician")
    state: Mapped[VisitState]
    day: Mapped[date | None]
    arrives_at: Mapped[datetime | None]
    departs_at: Mapped[datetime | None]
    travel_s: Mapped[int | None] = mapped_column(sa.Integer)
    position: Mapped[int | None] = mapped_column(sa.Integer)
    duration_min: Mapped[int] = mapped_column(sa.Integer)
    window_from: Mapped[datetime | None]
    window_to: Mapped[datetime | None]
    locked: Mapped[bool] = mapped_column(default=False)
    start_locked: Mapped[bool] = mapped_column(default=False)
    hold: Mapped[dict[str, Any] | None]
    outcome_reason: Mapped[str | None]
    findings: Mapped[str | None] = mapped_column(sa.Text)
    failure_mode: Mapped[str | None]
    cause: Mapped[str | None]
    remedy: Mapped[str | None]
    answers: Mapped[dict[str, Any]]
    no_parts_used: Mapped[bool] = mapped_column(default=False)
    travel_started_at: Mapped[datetime | None]
    arrived_at: Mapped[datetime | None]
    arrived_lat: Mapped[float | None] = mapped_column(sa.Float)
    arrived_lng: Mapped[float | None] = mapped_column(sa.Float)
    work_started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    needs_review: Mapped[bool] = mapped_column(default=False)
    signoff_id: Mapped[UUID | None]
    order: Mapped[WorkOrder] = relationship(viewonly=True, lazy="raise")
    __table_args__ = (
        sa.UniqueConstraint("org_id", "no"),
        sa.Index("ix_visit_day", "org_id", "day", "technician_id", "position"),
    )


class Comment(Synced, Base):
    """What somebody said about an order. Never edited, only added."""

    __tablename__ = "comment"
    order_id: Mapped[UUID] = refers_to("work_order")
    author: Mapped[str]
    author_id: Mapped[UUID | None]
    text: Mapped[str] = mapped_column(sa.Text)
    at: Mapped[datetime]


class PhotoState(enum.StrEnum):
    """A photo may be spoken of before its bytes have come."""

    AWAITING = "awaiting"
    STORED = "stored"


class Photo(Synced, Base):
    """A picture taken on site."""

    __tablename__ = "photo"
    order_id: Mapped[UUID] = refers_to("work_order")
    visit_id: Mapped[UUID | None] = refers_to("visit")
    sha256: Mapped[str]
    kind: Mapped[str]
    taken_at: Mapped[datetime]
    state: Mapped[PhotoState]
    __table_args__ = (sa.Index("ix_photo_sha256", "org_id", "sha256"),)


class TimeKind(enum.StrEnum):
    """What a stretch of an engineer's time was spent on."""

    TRAVEL = "travel"
    WORK = "work"
    BREAK = "break"
    WAITING = "waiting"


class TimeEntry(Synced, Base):
    """A stretch of an engineer's time on a visit. Never edited, only added."""

    __tablename__ = "time_entry"
    visit_id: Mapped[UUID] = refers_to("visit")
    order_id: Mapped[UUID] = refers_to("work_order")
    technician_id: Mapped[UUID] = refers_to("technician")
    kind: Mapped[TimeKind]
    begun_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    note: Mapped[str | None] = mapped_column(sa.Text)


class Reading(Synced, Base):
    """What a meter of a machine showed. Never edited, only added."""

    __tablename__ = "reading"
    asset_id: Mapped[UUID] = refers_to("asset")
    visit_id: Mapped[UUID | None] = refers_to("visit")
    meter: Mapped[str]
    value: Mapped[float] = mapped_column(sa.Float)
    unit: Mapped[str]
    at: Mapped[datetime]
    by: Mapped[str]
    __table_args__ = (sa.Index("ix_reading_history", "org_id", "asset_id", "at"),)


class PartUse(Synced, Base):
    """A part that went into a machine on a visit; the ledger has its move, this its place in the story."""

    __tablename__ = "part_use"
    visit_id: Mapped[UUID] = refers_to("visit")
    order_id: Mapped[UUID] = refers_to("work_order")
    part_id: Mapped[UUID] = refers_to("part")
    # What was scanned or typed, when something was.
    code: Mapped[str | None]
    qty: Mapped[int]
    cost_micro: Mapped[int]
    used_at: Mapped[datetime]


class Attention(Synced, Base):
    """Something a person has to look at: both sides of a contradiction, and who settles it."""

    __tablename__ = "attention"
    kind: Mapped[str]  # conflict, review, refused
    entity: Mapped[str]
    entity_id: Mapped[UUID]
    technician_id: Mapped[UUID | None]
    mutation_id: Mapped[UUID | None]
    field: Mapped[str | None]
    office_value: Mapped[dict[str, Any] | None]
    phone_value: Mapped[dict[str, Any] | None]
    message: Mapped[str]
    state: Mapped[str]  # open, settled
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[UUID | None]
    kept: Mapped[str | None]
    note: Mapped[str | None]

    @property
    def messages(self) -> dict[str, str]:
        """Return the message in each language: a phone reads it in its own, also without signal."""
        return say_in_all(self.message)


class SignOff(Synced, Base):
    """What was on the screen when the customer signed, sealed. It never changes; a correction is a new version."""

    __tablename__ = "signoff"
    visit_id: Mapped[UUID] = refers_to("visit")
    order_id: Mapped[UUID] = refers_to("work_order")
    number: Mapped[int] = mapped_column(sa.Integer)
    manifest: Mapped[str] = mapped_column(sa.Text)
    manifest_sha256: Mapped[str]
    signer_name: Mapped[str | None]
    signer_relation: Mapped[str | None]
    strokes: Mapped[list[Any] | None]
    refusal: Mapped[str | None]
    language: Mapped[str]
    sealed_at_device: Mapped[datetime]
    received_at: Mapped[datetime]
    device_id: Mapped[UUID | None]
    # The secret of the link that the customer was given last; none until somebody shares the report.
    report_hash: Mapped[bytes | None] = mapped_column(unique=True)
    report_sha256: Mapped[str | None]
    verdict: Mapped[str | None]  # confirmed, disputed; silence stays silence
    verdict_at: Mapped[datetime | None]
    verdict_text: Mapped[str | None]
    rating: Mapped[int | None] = mapped_column(sa.Integer)


class Seal(Base):
    """One link of an organisation's chain of sign-offs."""

    __tablename__ = "seal"
    __audited__ = False
    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    signoff_id: Mapped[UUID]
    previous: Mapped[bytes]
    head: Mapped[bytes]
