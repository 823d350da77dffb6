"""The offline door's address: push, pull, both at once, repair."""

from typing import Any

import marshmallow as ma
import orjson
from flask import Response
from flask.views import MethodView

from api.doors import Blueprint, answer, current_actor
from core.actor import Actor
from core.errors import Invalid
from core.shapes import Shape
from people.permissions import require
from sync import pull, push
from sync.schemas import (
    PullIn,
    PullOut,
    PushIn,
    PushOut,
    RepairIn,
    RepairOut,
    SyncIn,
    SyncOut,
    messages_of,
)

blp = Blueprint(
    "sync",
    __name__,
    url_prefix="/v1/sync",
    description="The offline door; see docs/sync-protocol.md.",
)


def _push(data: dict[str, Any]) -> dict[str, Any]:
    # A device that was cut off may still say what it has to say; it is kept for a person.
    return push.push(current_actor(any_device=True), **data)


def _reader() -> Actor:
    actor = current_actor()
    # Before anything is said about devices: others than engineers have no business here.
    require(actor, "sync")
    return actor


def _pull(data: dict[str, Any]) -> bytes | None:
    return pull.pull(_reader(), **data)


def _json(body: bytes | None) -> Response:
    return Response(status=204) if body is None else Response(body, mimetype="application/json")


@blp.route("/push")
class Push(MethodView):
    """What the phone has to say."""

    @blp.arguments(PushIn)
    @blp.response(200, PushOut)
    def post(self, data: dict[str, Any]) -> Response:
        """Say what happened; each mutation is applied once and answered from its receipt ever after."""
        return answer(_push(data))


@blp.route("/pull")
class Pull(MethodView):
    """What the phone does not know yet."""

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
        fields = {f"{name}.{key}": [str(value)] for key, value in messages_of(error).items()}
        raise Invalid("Some fields are missing or make no sense.", fields=fields) from error
    return loaded


@blp.route("")
class Both(MethodView):
    """A push and a pull in one round trip."""

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
        return _json(pull.repair(_reader(), **data))
