"""People and their devices at the REST door."""

from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from api.doors import Blueprint, performs, reads
from core.shapes import page_of
from core.unit import Unit
from people import queries
from people.actions import set_device_state
from people.models import Account, Device, DeviceState
from people.schemas import AccountLine, DeviceStateIn, DeviceView, TechnicianLine

blp = Blueprint(
    "people", __name__, url_prefix="/v1", description="People and the devices they sign in with."
)


def _device_view(unit: Unit, device: Device) -> dict[str, Any]:
    account = unit.get(Account, device.account_id)
    names = (name for name in DeviceView._declared_fields if name != "account_name")
    return {name: getattr(device, name) for name in names} | {
        "account_name": account.name if account else ""
    }


@blp.route("/technicians")
class Technicians(MethodView):
    """The engineers."""

    @blp.response(200, page_of(TechnicianLine))
    def get(self) -> dict[str, Any]:
        """List the technicians."""
        with reads() as unit:
            return {"items": queries.technicians(unit), "next": None}


@blp.route("/accounts")
class Accounts(MethodView):
    """Who may sign in."""

    @blp.response(200, page_of(AccountLine))
    def get(self) -> dict[str, Any]:
        """List the accounts."""
        with reads() as unit:
            return {"items": queries.accounts(unit), "next": None}


@blp.route("/devices")
class Devices(MethodView):
    """Whose phone is how far."""

    @blp.response(200, page_of(DeviceView))
    def get(self) -> dict[str, Any]:
        """List the devices, those heard of last first."""
        with reads() as unit:
            return {
                "items": [_device_view(unit, device) for device in queries.devices(unit)],
                "next": None,
            }


def _set(device_id: UUID, state: DeviceState) -> Response:
    return performs(
        lambda unit: set_device_state(unit, device_id, state),
        DeviceView,
        name=f"device.{state.value}",
        present=_device_view,
    )


@blp.route("/devices/<uuid:device_id>/state")
class State(MethodView):
    """What a device may do."""

    @blp.arguments(DeviceStateIn)
    @blp.response(200, DeviceView)
    def put(self, data: dict[str, Any], device_id: UUID) -> Response:
        """Let the device in, hold it off for a while, or cut it off for good."""
        return _set(device_id, DeviceState(data["state"]))


@blp.route("/devices/<uuid:device_id>/revocation")
class Revocation(MethodView):
    """Cut a device off."""

    @blp.response(200, DeviceView)
    def put(self, device_id: UUID) -> Response:
        """Cut the device off: it is told to wipe itself, and what it still sends is kept for a person."""
        return _set(device_id, DeviceState.REVOKED)


@blp.route("/devices/<uuid:device_id>/suspension")
class Suspension(MethodView):
    """Hold a device off for a while."""

    @blp.response(200, DeviceView)
    def put(self, device_id: UUID) -> Response:
        """Suspend the device: it may send, for a person to read, and nothing else."""
        return _set(device_id, DeviceState.SUSPENDED)

    @blp.response(200, DeviceView)
    def delete(self, device_id: UUID) -> Response:
        """Let the device back in."""
        return _set(device_id, DeviceState.ACTIVE)
