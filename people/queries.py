"""Reads of people and devices."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from core.errors import NotFound
from core.unit import Unit
from people.models import Account, Device, Organisation, Technician, Territory
from people.permissions import may, require


def organisation_of(unit: Unit) -> Organisation:
    """Return the unit's organisation."""
    organisation = unit.session.get(Organisation, unit.org_id)
    if organisation is None:
        raise NotFound("No such organisation.")
    return organisation


def technicians(unit: Unit) -> Sequence[Technician]:
    """Return the technicians at work for the organisation, by name."""
    require(unit.actor, "technician.read")
    query = (
        select(Technician)
        .where(Technician.deleted_at.is_(None))
        .order_by(Technician.name, Technician.id)
    )
    if not may(unit.actor, "board.read"):
        # Where colleagues live and how to ring them is the office's to know.
        query = query.where(Technician.id == unit.actor.engineer)
    return unit.session.scalars(query).all()


def territories(unit: Unit) -> Sequence[Territory]:
    """Return the company's territories by name."""
    require(unit.actor, "territory.read")
    return unit.session.scalars(select(Territory).order_by(Territory.name)).all()


def territory_for(unit: Unit, territory_id: UUID) -> Territory:
    """Return one territory, locked because it is going to change.

    Raises NotFound.
    """
    territory = unit.take(Territory, territory_id)
    if territory is None:
        raise NotFound("No such territory.")
    return territory


def working_in(unit: Unit, territory: str) -> list[Technician]:
    """Return the technicians who work in a territory by name, beside those who work everywhere."""
    rows = unit.session.scalars(select(Technician).where(Technician.deleted_at.is_(None)))
    return [row for row in rows if territory in row.territories]


def technician_for(unit: Unit, technician_id: UUID) -> Technician:
    """Return one technician.

    Raises NotFound.
    """
    technician = unit.get(Technician, technician_id)
    if technician is None or technician.deleted_at is not None:
        raise NotFound("No such technician.")
    return technician


def technician_of(unit: Unit, account: Account) -> Technician | None:
    """Return the technician who signs in with this account."""
    return unit.session.scalar(select(Technician).where(Technician.account_id == account.id))


def accounts(unit: Unit) -> Sequence[Account]:
    """Return all accounts, by name."""
    require(unit.actor, "account.read")
    return unit.session.scalars(select(Account).order_by(Account.name, Account.id)).all()


def devices(unit: Unit) -> Sequence[Device]:
    """Return all devices, those heard of last first."""
    require(unit.actor, "device.manage")
    return unit.session.scalars(
        select(Device).order_by(Device.last_contact_at.desc(), Device.id)
    ).all()
