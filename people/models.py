"""Organisations, accounts, technicians and the devices they sign in with."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.ids import new_id
from core.models import Base, Identified, Synced, Versioned, refers_to


class Role(enum.StrEnum):
    """What an account is in its organisation; it may be several things."""

    TECHNICIAN = "technician"
    DISPATCHER = "dispatcher"
    STOREKEEPER = "storekeeper"
    CUSTOMER = "customer"
    MANAGER = "manager"
    ADMIN = "admin"


class Organisation(Base):
    """A tenant: one company that runs its service here."""

    __tablename__ = "organisation"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    timezone: Mapped[str]
    currency: Mapped[str]
    language: Mapped[str]
    created_at: Mapped[datetime]


class Door(Base):
    """Which organisation a secret opens. Holds the hash of an e-mail address, token or label, nothing else."""

    __tablename__ = "door"
    key_hash: Mapped[bytes] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    kind: Mapped[str]


class Account(Versioned, Base):
    """Somebody who signs in."""

    __tablename__ = "account"
    email: Mapped[str]
    name: Mapped[str]
    password_hash: Mapped[str]
    roles: Mapped[list[str]]
    language: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    customer_id: Mapped[UUID | None]
    __table_args__ = (sa.UniqueConstraint("org_id", "email"),)


class Territory(Versioned, Base):
    """A part of the map. A site lies in one at most; an engineer works in those named, or everywhere.

    Sites and engineers speak of it by name: it is what files, filters and the planner say too.
    """

    __tablename__ = "territory"
    name: Mapped[str]
    __table_args__ = (sa.UniqueConstraint("org_id", "name"),)


class TechnicianKind(enum.StrEnum):
    """Whether somebody is ours, or is called in and paid by the hour."""

    OWN = "own"
    CONTRACTOR = "contractor"


class Technician(Synced, Base):
    """A field engineer: skills, home, shift and van.

    `skills` is a list of `{code, level, expires_on}`; `days` holds weekdays, Monday is 0;
    the shift is local wall time as `HH:MM`; `territories` are names, none means everywhere.
    A contractor is sent only where nobody of our own can be.
    """

    __tablename__ = "technician"
    account_id: Mapped[UUID | None] = refers_to("account")
    no: Mapped[str]
    name: Mapped[str]
    phone: Mapped[str]
    skills: Mapped[list[dict[str, Any]]]
    home_lat: Mapped[float] = mapped_column(sa.Float)
    home_lng: Mapped[float] = mapped_column(sa.Float)
    shift_from: Mapped[str]
    shift_to: Mapped[str]
    days: Mapped[list[Any]]
    territories: Mapped[list[str]] = mapped_column(default=list)
    kind: Mapped[TechnicianKind] = mapped_column(default=TechnicianKind.OWN)
    hourly_cost_micro: Mapped[int] = mapped_column(default=0)
    van_place_id: Mapped[UUID | None]
    __table_args__ = (sa.UniqueConstraint("org_id", "no"),)


class DeviceState(enum.StrEnum):
    """Whether a device may still speak."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class Device(Identified, Base):
    """One installation of a client, registered by a signed-in person."""

    __tablename__ = "device"
    __audited__ = False
    account_id: Mapped[UUID] = refers_to("account")
    name: Mapped[str]
    platform: Mapped[str]
    app_version: Mapped[str]
    schema: Mapped[int] = mapped_column(sa.Integer)
    state: Mapped[DeviceState]
    registered_at: Mapped[datetime]
    last_contact_at: Mapped[datetime]
    unsent: Mapped[int] = mapped_column(sa.Integer, default=0)
    clock_offset_ms: Mapped[int] = mapped_column(default=0)
    clock_flagged: Mapped[bool] = mapped_column(default=False)
    last_seq: Mapped[int] = mapped_column(default=0)
    confirmed_seq: Mapped[int] = mapped_column(default=0)
    # Noted now and then, so that a pull with nothing new costs no write.
    last_pull_at: Mapped[datetime | None]
    wiped_at: Mapped[datetime | None]
    diverged_at: Mapped[datetime | None]
    restarted_at: Mapped[datetime | None]


class Token(Identified, Base):
    """A secret that stands for a sign-in; only its hash is kept.

    A family is one sign-in on one device. Its refresh tokens replace one another; an old one
    that comes again was stolen or copied, and ends the family.
    """

    __tablename__ = "token"
    __audited__ = False
    account_id: Mapped[UUID] = refers_to("account")
    device_id: Mapped[UUID | None] = refers_to("device")
    family: Mapped[UUID] = mapped_column(index=True)
    kind: Mapped[str]
    hash: Mapped[bytes] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    replaced_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
