"""The remembered outcome of what was asked: asked twice, done once, answered the same."""

import hashlib
import json
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.errors import Conflict, Invalid
from core.models import Base, Tenanted
from core.unit import Unit


class Receipt(Tenanted, Base):
    """What one sender asked under one key, and what we answered. Written with the effect."""

    __tablename__ = "receipt"
    __audited__ = False
    # A device of the phone app, an account of the REST door, or the machine of a public page.
    sender_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(sa.String(200), primary_key=True)
    seq: Mapped[int | None]
    type: Mapped[str]
    fingerprint: Mapped[bytes]
    status: Mapped[str]
    answer: Mapped[bytes]
    # What was said, kept as long as somebody may have to look at it.
    said: Mapped[bytes | None]
    happened_at: Mapped[datetime]
    received_at: Mapped[datetime]
    __table_args__ = (
        sa.Index("ix_receipt_seq", "org_id", "sender_id", "seq"),
        # A phone that was restored says again on a new device what it had said on the old one.
        sa.Index("ix_receipt_key", "org_id", "key"),
    )


def exact(content: Any) -> bytes:
    """Return any JSON value as bytes, also one with numbers that few machines can hold."""
    try:
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    except RecursionError as error:
        raise Invalid("This is nested too deeply.") from error


def fingerprint(content: Any) -> bytes:
    """Return what tells two contents apart that came under one key."""
    return hashed_content(exact(content))


def hashed_content(content: bytes) -> bytes:
    """Return the fingerprint of a content whose exact bytes are known."""
    return hashlib.sha256(content).digest()


def earlier(unit: Unit, sender_id: UUID, key: str, print_: bytes) -> Receipt | None:
    """Return the receipt of what was already done under this key.

    Raises Conflict when the key came with another content before.
    """
    receipt = unit.session.get(Receipt, (unit.org_id, sender_id, key))
    if receipt is not None and receipt.fingerprint != print_:
        raise Conflict("This key was already used for something else.", code="key_reused", key=key)
    return receipt
