"""A pull with nothing new, answered before the framework is woken: every phone asks for it every minute.

It answers what is entirely ordinary with the same 204 that the view would give. Whatever is not,
an error as much as something to fetch, goes on to the view as it came.
"""

import io
import time
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy.exc import SQLAlchemyError

from api import health
from api.headers import common_headers, request_id
from core.actor import Actor
from core.errors import DomainError
from core.settings import Settings
from people.models import DeviceState
from people.permissions import require
from people.signin import actor_for
from sync import contacts, pull

log = structlog.get_logger("api")

PATH = "/v1/sync/pull"
LARGEST = 16 * 1024
_FIELDS = {"device_id", "schema", "cursor", "limit", "max_bytes"}

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Glance:
    """Stands before the application and looks at pulls."""

    def __init__(self, wsgi: Wsgi, settings: Settings) -> None:
        self.wsgi = wsgi
        self.settings = settings

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer the request, or pass it on."""
        if environ.get("PATH_INFO") != PATH or environ.get("REQUEST_METHOD") != "POST":
            return self.wsgi(environ, start_response)
        begun = time.perf_counter()
        actor = _nothing_new_for(environ)
        if actor is None:
            return self.wsgi(environ, start_response)
        name = request_id(environ.get("HTTP_X_REQUEST_ID", ""))
        took = time.perf_counter() - begun
        health.observe("POST", PATH, 204, took)
        log.info(
            "request",
            request_id=name,
            method="POST",
            path=PATH,
            status=204,
            ms=round(took * 1000, 1),
            actor=str(actor.account_id),
        )
        headers = common_headers(self.settings, name)
        start_response("204 NO CONTENT", [*headers, ("Cache-Control", "no-store")])
        return ()


def _nothing_new_for(environ: dict[str, Any]) -> Actor | None:
    """Return who asks, if there is nothing new for them; None when the view has to look."""
    said = _said(environ)
    header = environ.get("HTTP_AUTHORIZATION", "")
    if said is None or header[:7] != "Bearer " or len(header) > 200:
        return None
    try:
        device_id = UUID(said["device_id"])
        actor, _ = actor_for(header[7:])
        if actor.device_id != device_id or actor.device_state != DeviceState.ACTIVE:
            return None
        require(actor, "sync")
        if not pull.up_to_date(actor, schema=said["schema"], cursor=said["cursor"]):
            return None
        contacts.note_pull(actor, device_id)
    except (DomainError, SQLAlchemyError, ValueError):
        # The view finds the same, and says it as it is to be said.
        return None
    return actor


def _said(environ: dict[str, Any]) -> dict[str, Any] | None:
    """Return what a pull of the usual form says; the body can be read again afterwards."""
    length = environ.get("CONTENT_LENGTH", "")
    usual = environ.get("CONTENT_TYPE", "").startswith("application/json") and length.isdecimal()
    if not usual or not 0 < int(length) <= LARGEST:
        return None
    raw = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = io.BytesIO(raw)
    try:
        said = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(said, dict) or not said.keys() <= _FIELDS:
        return None
    usual = (
        isinstance(said.get("device_id"), str)
        and isinstance(said.get("cursor"), str)
        and _whole(said.get("schema"), 0, 1000)
        and _whole(said.get("limit", 1), 1, 5000)
        and (said.get("max_bytes") is None or _whole(said["max_bytes"], 1000, 64 * 1024 * 1024))
    )
    return said if usual else None


def _whole(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most
