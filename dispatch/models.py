"""Proposals for a day: what the planner was asked, what it answered, and what became of it."""

import enum
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.models import Base, Versioned


class PlanState(enum.StrEnum):
    """How far a proposal is."""

    QUEUED = "queued"
    RUNNING = "running"
    PROPOSED = "proposed"
    PUBLISHED = "published"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DayPlan(Versioned, Base):
    """One proposal for one day.

    `seen` keeps the version of every visit that the planner saw: publication refuses, row by row,
    what has changed since.
    """

    __tablename__ = "day_plan"
    __audited__ = True
    day: Mapped[date]
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
    asked_by: Mapped[UUID | None]
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
