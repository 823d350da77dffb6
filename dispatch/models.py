"""Proposals: what the planner was asked, what it answered, what became of it; who is away; what things cost."""

import enum
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.models import Base, Versioned, refers_to


class PlanState(enum.StrEnum):
    """How far a proposal is."""

    QUEUED = "queued"
    RUNNING = "running"
    PROPOSED = "proposed"
    PUBLISHED = "published"
    FAILED = "failed"
    CANCELLED = "cancelled"


class PlanKind(enum.StrEnum):
    """Why a proposal was made."""

    PLAN = "plan"
    WHAT_IF = "what_if"
    EMERGENCY = "emergency"
    CANCELLATION = "cancellation"
    ABSENCE = "absence"
    LATE = "late"


class DayPlan(Versioned, Base):
    """One proposal for one day, or for several on end.

    `seen` keeps the version of every visit that the planner saw: publication refuses, row by row,
    what has changed since. `asked` holds what was to be different from usual (`dispatch.asking`),
    `published` the visits that were taken over already. What nobody asked for is made `by_itself`
    (`dispatch.watching`).
    """

    __tablename__ = "day_plan"
    __audited__ = True
    day: Mapped[date]
    days: Mapped[int] = mapped_column(sa.Integer, default=1)
    kind: Mapped[PlanKind] = mapped_column(default=PlanKind.PLAN)
    asked: Mapped[dict[str, Any]]
    state: Mapped[PlanState]
    seconds: Mapped[int] = mapped_column(sa.Integer)
    seed: Mapped[int] = mapped_column(sa.Integer, default=0)
    technician_ids: Mapped[list[str] | None]
    progress: Mapped[int] = mapped_column(sa.Integer, default=0)
    message: Mapped[str] = mapped_column(default="")
    seen: Mapped[dict[str, Any]]
    cost: Mapped[dict[str, Any]]
    routes: Mapped[list[dict[str, Any]]]
    unplaced: Mapped[list[dict[str, Any]]]
    refused: Mapped[list[dict[str, Any]]]
    published: Mapped[list[str]]
    asked_by: Mapped[UUID | None]
    by_itself: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    __table_args__ = (sa.Index("ix_day_plan_day", "org_id", "day", "created_at"),)


class AbsenceKind(enum.StrEnum):
    """Why an engineer is not to be had."""

    SICK = "sick"
    LATE = "late"
    LEAVE = "leave"
    OTHER = "other"


class Absence(Versioned, Base):
    """A time in which an engineer takes no visit. One that was called off is kept, and counts no more."""

    __tablename__ = "absence"
    technician_id: Mapped[UUID] = refers_to("technician")
    kind: Mapped[AbsenceKind]
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    note: Mapped[str]
    noted_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    called_off_at: Mapped[datetime | None]
    __table_args__ = (sa.Index("ix_absence_ends_at", "org_id", "ends_at"),)


class OnEvents(enum.StrEnum):
    """What an urgent order, a late phone, a cancellation or an absence sets off."""

    OFF = "off"
    PROPOSE = "propose"


class PlanningRules(Versioned, Base):
    """What a company's plans cost and allow; one row, whose id is the organisation's.

    `weights` holds what differs from the planner's own prices, by name.
    """

    __tablename__ = "planning_rules"
    weights: Mapped[dict[str, Any]]
    overtime_min: Mapped[int] = mapped_column(sa.Integer)
    frozen_min: Mapped[int] = mapped_column(sa.Integer)
    budget: Mapped[int] = mapped_column(sa.Integer)
    split_above: Mapped[int] = mapped_column(sa.Integer)
    on_events: Mapped[OnEvents] = mapped_column(default=OnEvents.PROPOSE)
