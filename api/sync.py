"""The offline door's address: push, pull, both at once, repair, and what devices say of themselves."""

from contextlib import AbstractContextManager
from typing import Any

import marshmallow as ma
import orjson
from flask import Response, current_app, g, request
from flask.blueprints import BlueprintSetupState
from flask.views import MethodView

from api.doors import Blueprint, answer, current_actor, settings, token_sent
from api.herd import WAIT_S, WAITED, Gate, line_behind
from core.actor import Actor
from core.errors import Invalid
from core.shapes import Shape
from people.permissions import require
from people.signin import actor_for, check_device
from people.wiping import acknowledge_wipe
from sync import contacts, divergence, hints, pull, push
from sync.group_commit import GroupCommit
from sync.schemas import (
    DeviceOnly,
    DivergenceIn,
    PullIn,
    PullOut,
    PushIn,
    PushKeyOut,
    PushOut,
    RepairIn,
    RepairOut,
    SubscriptionIn,
    SyncIn,
    SyncOut,
    messages_of,
)
from sync.streams import Watch, events, watcher

# Those who look wait for nobody's lock; more at once would only take the processor from one another.
PULLS_AT_ONCE = 4

blp = Blueprint(
    "sync",
    __name__,
    url_prefix="/v1/sync",
    description="The offline door; see docs/sync-protocol.md.",
)


def _set_up_gates(state: BlueprintSetupState) -> None:
    # Pulls are kept apart, so that a morning's pushes do not stand in the way of those who only look.
    at_once = state.app.extensions["fieldwright"].sync_at_once
    pushes = GroupCommit(at_once, wait=WAIT_S, line=line_behind(at_once))
    state.app.extensions["fieldwright.pushes"] = pushes
    state.app.extensions["fieldwright.pulls"] = Gate(PULLS_AT_ONCE)


blp.record(_set_up_gates)


def _looking() -> AbstractContextManager[None]:
    gate: Gate = current_app.extensions["fieldwright.pulls"]
    return gate.passing(waited=WAITED in request.environ)


def _push(data: dict[str, Any]) -> dict[str, Any]:
    # A device that was cut off may still say what it has to say; it is kept for a person.
    actor = current_actor(any_device=True)
    pushes: GroupCommit = current_app.extensions["fieldwright.pushes"]
    return pushes.apply(push.read(actor, **data), waited=WAITED in request.environ)


def _reader() -> Actor:
    actor = current_actor()
    # Before anything is said about devices: others than engineers have no business here.
    require(actor, "sync")
    return actor


def _behind(token: str) -> Actor:
    actor, _ = actor_for(token)
    check_device(actor)
    return actor


def _pull(data: dict[str, Any]) -> bytes | None:
    actor = _reader()
    with _looking():
        page = pull.pull(actor, snapshot=g.get("snapshot"), **data)
    contacts.note_pull(actor, data["device_id"])
    return page


def _json(body: bytes | None) -> Response:
    return Response(status=204) if body is None else Response(body, mimetype="application/json")


@blp.route("/push")
class Push(MethodView):
    """What the phone has to say."""

    @blp.any_device
    @blp.arguments(PushIn)
    @blp.response(200, PushOut)
    def post(self, data: dict[str, Any]) -> Response:
        """Say what happened; each mutation is applied once and answered from its receipt ever after."""
        return answer(_push(data))


@blp.route("/pull")
class Pull(MethodView):
    """What the phone does not know yet."""

    @blp.in_snapshot
    @blp.arguments(PullIn)
    @blp.response(200, PullOut)
    @blp.alt_response(204, description="Nothing new.")
    def post(self, data: dict[str, Any]) -> Response:
        """Fetch the next page of changes after a cursor; without one, from the beginning."""
        return _json(_pull(data))


def _load(shape: type[Shape], part: Any, name: str) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = shape().load(part)
    except ma.ValidationError as error:
        fields = messages_of(error, name)
        raise Invalid("Some fields are missing or make no sense.", fields=fields) from error
    return loaded


@blp.route("")
class Both(MethodView):
    """A push and a pull in one round trip."""

    @blp.any_device
    @blp.arguments(SyncIn)
    @blp.response(200, SyncOut)
    def post(self, data: dict[str, Any]) -> Response:
        """Push, then pull, for poor lines."""
        wanted = _load(PullIn, data.get("pull") or {}, "pull")
        said = _push(_load(PushIn, data["push"], "push")) if data.get("push") else None
        fetched = _pull(wanted) or b"null"
        return Response(
            b'{"push":'
            + orjson.dumps(said, option=orjson.OPT_UTC_Z)
            + b',"pull":'
            + fetched
            + b"}",
            mimetype="application/json",
        )


@blp.route("/repair")
class Repair(MethodView):
    """A phone that differs."""

    @blp.arguments(RepairIn)
    @blp.response(200, RepairOut)
    def post(self, data: dict[str, Any]) -> Response:
        """Find where a scope differs by 256 sums, then fetch only what differs."""
        actor = _reader()
        with _looking():
            return _json(divergence.repair(actor, **data))


@blp.route("/stream")
class Stream(MethodView):
    """What a phone that is awake hears."""

    @blp.response(200, content_type="text/event-stream")
    def get(self) -> Response:
        """Listen: one event each time scopes of this device have moved; pull then."""
        actor = _reader()
        if actor.device_id is None:
            raise Invalid(
                "Sign in with a device first.", fields={"device_id": ["No device signed in."]}
            )
        watch = Watch(actor.org_id, actor.device_id, pull.scopes_of(actor))
        watcher.open(watch, most=settings().streams)
        token = token_sent()
        return Response(
            events(watch, lambda: frozenset(pull.scopes_of(_behind(token)))),
            mimetype="text/event-stream",
            # A proxy that gathers an answer before it passes it on would keep the phone waiting.
            headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"},
        )


@blp.route("/push-key")
class PushKey(MethodView):
    """Waking a phone that sleeps."""

    @blp.response(200, PushKeyOut)
    def get(self) -> Response:
        """Give the key with which a browser subscribes to hints."""
        return answer({"public_key": hints.public_key(_reader())})


@blp.route("/push-subscription")
class Subscription(MethodView):
    """Where a phone lets itself be woken."""

    @blp.arguments(SubscriptionIn)
    @blp.response(204)
    def put(self, data: dict[str, Any]) -> Response:
        """Wake this device there when there is something to pull; the hint says nothing of what."""
        hints.subscribe(_reader(), **data)
        return Response(status=204)

    @blp.response(204)
    def delete(self) -> Response:
        """Wake this device no more."""
        hints.unsubscribe(_reader())
        return Response(status=204)


@blp.route("/divergence")
class Diverged(MethodView):
    """A phone that differed."""

    @blp.arguments(DivergenceIn)
    @blp.response(204)
    def post(self, data: dict[str, Any]) -> Response:
        """Tell that a scope of the replica was not what it should have been, and whether it is again."""
        divergence.note(_reader(), **data)
        return Response(status=204)


@blp.route("/restart")
class Restart(MethodView):
    """A phone that wants everything anew."""

    @blp.arguments(DeviceOnly)
    @blp.response(200, DeviceOnly)
    def post(self, data: dict[str, Any]) -> Response:
        """Ask to fetch everything from the beginning, which a device may once a day."""
        divergence.allow_restart(_reader(), data["device_id"])
        return answer(DeviceOnly().dump(data))


@blp.route("/wiped")
class Wiped(MethodView):
    """A phone that was cut off."""

    # Its token may have run out, and nobody gives it another one.
    @blp.public
    @blp.arguments(DeviceOnly)
    @blp.response(204)
    def post(self, data: dict[str, Any]) -> Response:
        """Tell that a device that was cut off has erased itself; its access token may have run out."""
        acknowledge_wipe(token_sent(), data["device_id"])
        return Response(status=204)
