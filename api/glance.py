"""What phones ask all day, answered before the framework is woken: pulls, and pushes of the usual form.

What is entirely ordinary gets the same answer here that the view would give, from the same
functions of the sync room. Whatever is not, an error as much as an unusual form, goes on to the
view as it came: there is one place that refuses and says why.
"""

import io
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import structlog
from flask import Flask

from api import health
from api.doors import dumps
from api.headers import common_headers, request_id
from api.herd import WAITED, Gate
from api.packing import packed
from core.actor import Actor
from core.errors import Busy
from core.settings import Settings
from core.shapes import LARGEST_NUMBER
from core.tenancy import snapshot
from people.models import DeviceState
from people.permissions import require
from people.signin import actor_for, known_by, org_of
from sync import contacts, pull, push
from sync.group_commit import GroupCommit
from sync.schemas import MOST_MUTATIONS

log = structlog.get_logger("api")

LARGEST_PULL = 16 * 1024
MOST_SPOKE = 10_000
LARGEST_PUSH = 1024 * 1024
_PULL_FIELDS = {"device_id", "schema", "cursor", "limit", "max_bytes"}
_PUSH_FIELDS = {
    "device_id",
    "schema",
    "app_version",
    "unsent",
    "confirmed_seq",
    "device_time",
    "mutations",
}
_MOST_UNSENT = 10_000_000

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class _Answer:
    actor: Actor
    body: bytes | None


class Glance:
    """Stands before the application and looks at what phones ask."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self.wsgi: Wsgi = app.wsgi_app
        self.app = app
        self.settings = settings
        # Phones that have something to fetch, for all we know: their own echo at least.
        self._spoke: set[UUID] = set()
        self._looks = {"/v1/sync/pull": self._pull, "/v1/sync/push": self._push}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer the request, or pass it on."""
        path = environ.get("PATH_INFO", "")
        look = self._looks.get(path)
        if look is None or environ.get("REQUEST_METHOD") != "POST":
            return self.wsgi(environ, start_response)
        begun = time.perf_counter()
        name = request_id(environ.get("HTTP_X_REQUEST_ID", ""))
        try:
            answer = look(environ, name)
        except Exception:  # noqa: BLE001 - the view finds the same, and says or logs it as it should be
            answer = None
        if answer is None:
            return self.wsgi(environ, start_response)
        return self._told(answer, path, name, begun, environ, start_response)

    def _told(
        self,
        answer: _Answer,
        path: str,
        name: str,
        begun: float,
        environ: dict[str, Any],
        start_response: Any,
    ) -> Iterable[bytes]:
        status, line = (204, "204 NO CONTENT") if answer.body is None else (200, "200 OK")
        headers = [*common_headers(self.settings, name), ("Cache-Control", "no-store")]
        content: tuple[bytes, ...] = ()
        if answer.body is not None:
            body, more = packed(answer.body, environ.get("HTTP_ACCEPT_ENCODING", ""))
            content = (body,)
            headers += [
                *more,
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
            ]
        took = time.perf_counter() - begun
        health.observe("POST", path, status, took)
        log.info(
            "request",
            request_id=name,
            method="POST",
            path=path,
            status=status,
            ms=round(took * 1000, 1),
            actor=str(answer.actor.account_id),
        )
        start_response(line, headers)
        return content

    def _pull(self, environ: dict[str, Any], _name: str) -> _Answer | None:
        """Answer a pull; None when the view has to look."""
        said, token = _said(environ, LARGEST_PULL), _token(environ)
        if said is None or token is None or not _is_usual_pull(said):
            return None
        device_id = UUID(said["device_id"])
        pulls: Gate = self.app.extensions["fieldwright.pulls"]
        # The views stand behind the same gate, but nobody waits twice.
        environ[WAITED] = True
        with pulls.passing():
            actor, _ = actor_for(token)
            if not _may_sync(actor, device_id):
                return None
            cursor, schema = said.get("cursor"), said["schema"]
            if (
                cursor is not None
                and device_id not in self._spoke
                and pull.up_to_date(actor, schema=schema, cursor=cursor)
            ):
                contacts.note_pull(actor, device_id)
                return _Answer(actor, None)
            # Who asks, and what is new for them, out of one snapshot.
            org_id = org_of(token)
            with snapshot(org_id) as connection:
                actor, _ = known_by(connection, org_id, token)
                if not _may_sync(actor, device_id):
                    return None
                page = pull.pull(
                    actor,
                    device_id=device_id,
                    schema=schema,
                    cursor=cursor,
                    limit=said.get("limit", pull.USUAL_LIMIT),
                    max_bytes=said.get("max_bytes"),
                    snapshot=connection,
                )
        self._spoke.discard(device_id)
        contacts.note_pull(actor, device_id)
        return _Answer(actor, page)

    def _push(self, environ: dict[str, Any], name: str) -> _Answer | None:
        """Apply a push; None when the view has to look, which answers what was applied from its receipts."""
        said, token = _said(environ, LARGEST_PUSH), _token(environ)
        if said is None or token is None or not _is_usual_push(said):
            return None
        device_id = UUID(said["device_id"])
        actor, _ = actor_for(token)
        if not _may_sync(actor, device_id):
            return None
        speaker = actor.with_request(name).speaking(environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        batch = push.read(speaker, **(said | {"device_id": device_id}))
        pushes: GroupCommit = self.app.extensions["fieldwright.pushes"]
        try:
            done = pushes.apply(batch)
        except Busy:
            environ[WAITED] = True
            raise
        if len(self._spoke) >= MOST_SPOKE:
            self._spoke.clear()
        self._spoke.add(device_id)
        return _Answer(actor, dumps(done))


def _may_sync(actor: Actor, device_id: UUID) -> bool:
    if actor.device_id != device_id or actor.device_state != DeviceState.ACTIVE:
        return False
    require(actor, "sync")
    return True


def _token(environ: dict[str, Any]) -> str | None:
    header = environ.get("HTTP_AUTHORIZATION", "")
    return header[7:] if header[:7] == "Bearer " and len(header) <= 200 else None


def _said(environ: dict[str, Any], largest: int) -> dict[str, Any] | None:
    """Return what the body says, if it is an object; it can be read again afterwards."""
    length = environ.get("CONTENT_LENGTH", "")
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind != "application/json" or not length.isdecimal() or not 0 < int(length) <= largest:
        return None
    raw = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = io.BytesIO(raw)
    try:
        said = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return said if isinstance(said, dict) and isinstance(said.get("device_id"), str) else None


def _is_usual_pull(said: dict[str, Any]) -> bool:
    return (
        said.keys() <= _PULL_FIELDS
        and (said.get("cursor") is None or 0 < len(_text(said["cursor"])) <= 8000)
        and _whole(said.get("schema"), 0, 1000)
        and _whole(said.get("limit", 1), 1, 5000)
        and (said.get("max_bytes") is None or _whole(said["max_bytes"], 1000, 64 * 1024 * 1024))
    )


def _is_usual_push(said: dict[str, Any]) -> bool:
    version = said.get("app_version", "1")
    mutations = said.get("mutations")
    return (
        said.keys() <= _PUSH_FIELDS
        and 0 < len(_text(version)) <= 40
        and version.isprintable()
        and version.strip() == version
        and _whole(said.get("schema"), 0, 1000)
        and _whole(said.get("unsent", 0), 0, _MOST_UNSENT)
        and _whole(said.get("confirmed_seq", 0), 0, LARGEST_NUMBER)
        and isinstance(said.get("device_time"), str | None)
        and "\x00" not in (said.get("device_time") or "")
        and isinstance(mutations, list)
        and len(mutations) <= MOST_MUTATIONS
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most
