"""What the offline door remembers beside the feed."""

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.models import Base, Identified, Tenanted, refers_to


class Horizon(Tenanted, Base):
    """The day for which an organisation's scopes were last worked out."""

    __tablename__ = "horizon"
    __audited__ = False
    day: Mapped[date]


class Divergence(Identified, Base):
    """A device's word that a scope of its replica was not what the server said it is."""

    __tablename__ = "divergence"
    __audited__ = False
    device_id: Mapped[UUID] = refers_to("device")
    scope: Mapped[str]
    expected: Mapped[str]
    found: Mapped[str]
    rows_fetched: Mapped[int]
    repaired: Mapped[bool]
    at: Mapped[datetime]


class PushKey(Tenanted, Base):
    """The key with which an organisation's hints are signed; made once, when it is first asked for."""

    __tablename__ = "push_key"
    __audited__ = False
    secret_key: Mapped[bytes]


class PushSubscription(Tenanted, Base):
    """Where a sleeping device lets itself be woken.

    `hinted` is the counter of its technician's scope when it was last told.
    """

    __tablename__ = "push_subscription"
    __audited__ = False
    device_id: Mapped[UUID] = refers_to("device", primary_key=True)
    endpoint: Mapped[str]
    p256dh: Mapped[str]
    auth: Mapped[str]
    hinted: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    subscribed_at: Mapped[datetime]
