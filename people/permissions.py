"""Who may do what, in one place. Actions and queries ask here; the doors do not."""

from core.actor import Actor
from core.errors import Forbidden, Unauthenticated
from people.models import Role

_OFFICE = {Role.DISPATCHER, Role.MANAGER, Role.ADMIN}
_STAFF = {*_OFFICE, Role.TECHNICIAN, Role.STOREKEEPER}
_STORE = {Role.STOREKEEPER, Role.MANAGER, Role.ADMIN}

PERMISSIONS: dict[str, set[Role]] = {
    "account.read": {Role.MANAGER, Role.ADMIN},
    "account.change": {Role.ADMIN},
    "arrival.share": _OFFICE,
    "asset.change": _OFFICE,
    "asset.read": {*_STAFF, Role.CUSTOMER},
    "attention.read": {*_OFFICE, Role.TECHNICIAN},
    "attention.retry": _OFFICE,
    "attention.settle": {*_OFFICE, Role.TECHNICIAN},
    "audit.read": {Role.ADMIN},
    "board.read": _OFFICE,
    "comment.add": _STAFF,
    "customer.change": _OFFICE,
    "customer.read": {*_STAFF, Role.CUSTOMER},
    "device.manage": _OFFICE,
    "figures.read": {Role.MANAGER, Role.ADMIN},
    "file.keep": _STAFF,
    "file.read": {*_STAFF, Role.CUSTOMER},
    "order.change": _OFFICE,
    "order.open": {*_OFFICE, Role.TECHNICIAN},
    "order.read": {*_STAFF, Role.CUSTOMER},
    "part.change": _STORE,
    "part.read": _STAFF,
    "plan.change": _OFFICE,
    "plan.read": _OFFICE,
    "plan.rules": {Role.MANAGER, Role.ADMIN},
    "position.read": _OFFICE,
    "position.share": {Role.TECHNICIAN},
    "report.read": {*_STAFF, Role.CUSTOMER},
    "report.share": {*_OFFICE, Role.TECHNICIAN},
    "request.add": {*_STAFF, Role.CUSTOMER},
    "request.change": _OFFICE,
    "request.read": {*_OFFICE, Role.CUSTOMER},
    "rule.change": _OFFICE,
    "rule.read": _OFFICE,
    "slip.receive": {Role.TECHNICIAN, *_STORE},
    "slip.work": _STORE,
    "stock.change": _STORE,
    "stock.read": {*_STORE, Role.DISPATCHER, Role.TECHNICIAN},
    "sync": {Role.TECHNICIAN},
    "technician.read": _STAFF,
    "territory.change": _OFFICE,
    "territory.read": _STAFF,
    "visit.read": {*_STAFF, Role.CUSTOMER},
    "visit.work": {Role.TECHNICIAN, *_OFFICE},
}


def may(actor: Actor, permission: str) -> bool:
    """Tell whether the actor's roles allow it. Our own jobs may do everything inside their organisation."""
    allowed = PERMISSIONS[permission]
    return actor.kind == "system" or bool(allowed & actor.roles)


def require(actor: Actor, permission: str) -> None:
    """Let the actor pass.

    Raises Forbidden, or Unauthenticated for the public.
    """
    if may(actor, permission):
        return
    if actor.kind == "public":
        raise Unauthenticated("Please sign in.")
    raise Forbidden("Your role does not allow this.", permission=permission)


def is_customer_only(actor: Actor) -> bool:
    """Tell whether the actor sees only what belongs to their own company."""
    return actor.kind == "person" and actor.roles <= {Role.CUSTOMER}


def is_field_only(actor: Actor) -> bool:
    """Tell whether the actor works visits and has no view of the whole office."""
    return (
        actor.kind == "person"
        and Role.TECHNICIAN in actor.roles
        and not (actor.roles & {*_OFFICE, Role.STOREKEEPER})
    )
