"""What people do with people: found a company, hire, change roles, cut a device off."""

from typing import Any
from uuid import UUID

from core import clock
from core.actor import Actor
from core.errors import Conflict, Invalid, NotFound
from core.ids import new_id
from core.unit import Unit, perform
from people import doors, passwords
from people.models import (
    Account,
    Device,
    DeviceState,
    Organisation,
    Role,
    Technician,
    TechnicianKind,
    Territory,
)
from people.permissions import require
from people.queries import technician_for, territories, territory_for, working_in
from people.signin import forget_who


def found_organisation(*, name: str, timezone: str, currency: str, language: str) -> Organisation:
    """Create a tenant."""
    organisation = Organisation(
        id=new_id(),
        name=name,
        timezone=timezone,
        currency=currency,
        language=language,
        created_at=clock.now(),
    )

    def write(unit: Unit) -> None:
        unit.session.add(organisation)

    perform(Actor.system(organisation.id), write, name="organisation.found")
    return organisation


def open_account(
    unit: Unit,
    *,
    email: str,
    name: str,
    password: str,
    roles: list[str],
    language: str,
    id: UUID | None = None,
    customer_id: UUID | None = None,
) -> Account:
    """Give somebody an account."""
    require(unit.actor, "account.change")
    if unknown := set(roles) - {role.value for role in Role}:
        raise Invalid("There is no role named {role}.", role=sorted(unknown)[0])
    email = email.strip().lower()
    doors.open_door(unit, "email", email)
    return unit.add(
        Account(
            id=id or new_id(),
            email=email,
            name=name,
            password_hash=passwords.hash_password(password),
            roles=roles,
            language=language,
            customer_id=customer_id,
            active=True,
        )
    )


def hire_technician(unit: Unit, *, id: UUID | None = None, **details: Any) -> Technician:
    """Add a field engineer."""
    require(unit.actor, "account.change")
    return unit.add(Technician(id=id or new_id(), **details))


def give_van(unit: Unit, technician_id: UUID, place_id: UUID) -> Technician:
    """Hand a van over to a technician."""
    require(unit.actor, "account.change")
    technician = technician_for(unit, technician_id)
    technician.van_place_id = place_id
    return technician


def add_territory(unit: Unit, *, name: str, id: UUID | None = None) -> Territory:
    """Draw a territory on the company's map.

    Raises Conflict when there is one of this name.
    """
    require(unit.actor, "territory.change")
    _is_new(unit, name)
    return unit.add(Territory(id=id or new_id(), name=name))


def rename_territory(unit: Unit, territory_id: UUID, *, name: str) -> Territory:
    """Call a territory something else, for its engineers and sites too.

    Raises NotFound, Conflict when there is one of this name.
    """
    require(unit.actor, "territory.change")
    territory = territory_for(unit, territory_id)
    if territory.name == name:
        return territory
    _is_new(unit, name)
    for technician in working_in(unit, territory.name):
        technician.territories = sorted({*technician.territories, name} - {territory.name})
    territory.name = name
    return territory


def cover_territories(unit: Unit, technician_id: UUID, *, names: list[str]) -> Technician:
    """Say in which territories a technician works; none means everywhere.

    Raises NotFound, Invalid for a territory that is not on the map.
    """
    require(unit.actor, "territory.change")
    technician = technician_for(unit, technician_id)
    if unknown := sorted(set(names) - {territory.name for territory in territories(unit)}):
        raise Invalid("There is no territory named {territory}.", territory=unknown[0])
    technician.territories = sorted(set(names))
    return technician


def _is_new(unit: Unit, name: str) -> None:
    if any(territory.name == name for territory in territories(unit)):
        raise Conflict("There is a territory of this name already.", name=name)


def say_kind(
    unit: Unit, technician_id: UUID, *, kind: str, hourly_cost_micro: int = 0
) -> Technician:
    """Say whether somebody is ours or a contractor, and what an hour of theirs costs.

    Raises NotFound.
    """
    require(unit.actor, "rule.change")
    technician = technician_for(unit, technician_id)
    technician.kind, technician.hourly_cost_micro = TechnicianKind(kind), hourly_cost_micro
    return technician


def set_device_state(unit: Unit, device_id: UUID, state: DeviceState) -> Device:
    """Suspend a device, cut it off, or let it back in."""
    require(unit.actor, "device.manage")
    device = unit.take(Device, device_id)
    if device is None:
        raise NotFound("No such device.")
    device.state = state
    unit.afterwards(forget_who)
    if state is not DeviceState.REVOKED:
        device.wiped_at = None
    return device
