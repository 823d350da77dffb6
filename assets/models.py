"""Customers, sites, machines, the codes stuck to them and what was repaired."""

import enum
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.models import Base, Identified, Synced, refers_to


class Criticality(enum.StrEnum):
    """How much a stop of the machine hurts."""

    A = "A"
    B = "B"
    C = "C"


class AssetState(enum.StrEnum):
    """What the machine is doing."""

    OPERATING = "operating"
    STANDBY = "standby"
    DEGRADED = "degraded"
    DOWN = "down"
    RETIRED = "retired"


class CodeLevel(enum.StrEnum):
    """Whose word it is: the reporter's symptom, the technician's mode and remedy, the cause behind."""

    SYMPTOM = "symptom"
    MODE = "mode"
    CAUSE = "cause"
    REMEDY = "remedy"


class TagState(enum.StrEnum):
    """A label is spare until it is stuck on, and void when it is lost or replaced."""

    SPARE = "spare"
    ACTIVE = "active"
    VOID = "void"


class Customer(Synced, Base):
    """A company whose machines we look after."""

    __tablename__ = "customer"
    name: Mapped[str]
    language: Mapped[str]
    contact_name: Mapped[str]
    contact_phone: Mapped[str]
    email: Mapped[str | None]
    __table_args__ = (sa.UniqueConstraint("org_id", "name"),)


class Site(Synced, Base):
    """A place of a customer where machines stand."""

    __tablename__ = "site"
    customer_id: Mapped[UUID] = refers_to("customer")
    name: Mapped[str]
    address: Mapped[str]
    lat: Mapped[float] = mapped_column(sa.Float)
    lng: Mapped[float] = mapped_column(sa.Float)
    timezone: Mapped[str]
    contact_name: Mapped[str]
    contact_phone: Mapped[str]
    access_notes: Mapped[str]
    territory: Mapped[str | None]
    __table_args__ = (
        sa.UniqueConstraint("org_id", "customer_id", "name"),
        sa.ForeignKeyConstraint(
            ["org_id", "territory"],
            ["territory.org_id", "territory.name"],
            name="fk_site_territory",
            onupdate="CASCADE",
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.Index("ix_site_territory", "org_id", "territory"),
    )


class FunctionalLocation(Identified, Base):
    """A place and its role at a site, such as pump position P-101, whatever machine stands there now."""

    __tablename__ = "functional_location"
    site_id: Mapped[UUID] = refers_to("site")
    path: Mapped[str]
    name: Mapped[str]
    __table_args__ = (sa.UniqueConstraint("org_id", "site_id", "path"),)


class Asset(Synced, Base):
    """A machine with a serial number.

    `recent_repairs` repeats the last few repairs, newest first, so that a phone has them offline.
    """

    __tablename__ = "asset"
    no: Mapped[str]
    name: Mapped[str]
    public_name: Mapped[str]
    maker: Mapped[str]
    model: Mapped[str]
    serial: Mapped[str]
    kind: Mapped[str]
    parent_id: Mapped[UUID | None] = refers_to("asset")
    customer_id: Mapped[UUID] = refers_to("customer")
    site_id: Mapped[UUID] = refers_to("site")
    location_id: Mapped[UUID | None] = refers_to("functional_location")
    location_path: Mapped[str]
    criticality: Mapped[Criticality]
    state: Mapped[AssetState]
    commissioned_on: Mapped[date | None]
    recent_repairs: Mapped[list[dict[str, Any]]]
    __table_args__ = (
        sa.UniqueConstraint("org_id", "no"),
        # A serial number is the maker's, and unique for one model of that maker alone.
        sa.UniqueConstraint("org_id", "maker", "model", "serial"),
    )


class AssetTag(Identified, Base):
    """A label with a code on a machine. Only the hash of the code is kept."""

    __tablename__ = "asset_tag"
    asset_id: Mapped[UUID] = refers_to("asset")
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    state: Mapped[TagState]
    bound_at: Mapped[datetime]


class FailureCode(Synced, Base):
    """One word of the list people pick from. Retired codes stay readable."""

    __tablename__ = "failure_code"
    level: Mapped[CodeLevel]
    code: Mapped[str]
    label: Mapped[dict[str, Any]]
    asset_kind: Mapped[str | None]
    rank: Mapped[int] = mapped_column(sa.Integer)
    __table_args__ = (sa.UniqueConstraint("org_id", "level", "code"),)


class Repair(Synced, Base):
    """One line of a machine's history: what an order did to it, and what that cost."""

    __tablename__ = "repair"
    __audited__ = False  # written once by an action whose other rows are audited
    asset_id: Mapped[UUID] = refers_to("asset")
    order_no: Mapped[str]
    day: Mapped[date]
    finished_at: Mapped[datetime]
    kind: Mapped[str]
    title: Mapped[str]
    symptom: Mapped[str | None]
    failure_mode: Mapped[str | None]
    cause: Mapped[str | None]
    remedy: Mapped[str | None]
    component: Mapped[str | None]
    parts: Mapped[list[dict[str, Any]]]
    cost_micro: Mapped[int | None]
    # The source's own figure where it makes no sense as a cost, such as a negative one.
    cost_doubted: Mapped[bool] = mapped_column(default=False)
    technician: Mapped[str | None]
    visits: Mapped[int] = mapped_column(sa.Integer, default=1)
    fixed: Mapped[bool] = mapped_column(default=True)
    __table_args__ = (
        sa.UniqueConstraint("org_id", "order_no"),
        sa.Index("ix_repair_history", "org_id", "asset_id", "day"),
    )
