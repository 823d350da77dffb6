"""From a secret to the organisation it opens, before anything else is known."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.database import bound
from core.errors import Conflict
from core.ids import hashed
from core.unit import Unit
from people.models import Door


def _key(kind: str, secret: str) -> bytes:
    return hashed(f"{kind}:{secret}")


def open_door(unit: Unit, kind: str, secret: str) -> None:
    """Let this secret lead to the unit's organisation.

    Raises Conflict when it leads somewhere already.
    """
    if unit.session.get(Door, _key(kind, secret)) is not None:
        raise Conflict("This is already in use.", kind=kind)
    unit.session.add(Door(key_hash=_key(kind, secret), org_id=unit.org_id, kind=kind))


def behind(kind: str, secret: str) -> UUID | None:
    """Return the organisation behind a secret."""
    with bound().reading() as session:
        return org_behind(session, kind, secret)


def org_behind(session: Session, kind: str, secret: str) -> UUID | None:
    """Return the organisation behind a secret, in a session that is open already."""
    return session.scalar(sa.select(Door.org_id).where(Door.key_hash == _key(kind, secret)))
