"""What every view needs at the door: who asks, in which unit, answered how, and only once."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import orjson
from flask import Response, current_app, g, request
from flask_smorest import Blueprint as SmorestBlueprint
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from core import clock
from core.actor import Actor
from core.database import retried
from core.errors import Forbidden, Invalid, StaleVersion, Unauthenticated
from core.receipts import Receipt, earlier, fingerprint
from core.settings import Settings
from core.shapes import Shape
from core.tenancy import snapshot
from core.unit import Unit, reading, unit_of_work
from people.signin import actor_for, check_device, known_by, org_of

T = TypeVar("T")

CSRF_HEADER = "X-CSRF-Token"
BIGGEST_JSON = 2 * 1024 * 1024
# A problem to be planned may bring its own table of driving times.
BIGGEST_AT = {"/v1/dispatch/solve": 12 * 1024 * 1024}
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def settings() -> Settings:
    """Return the settings of this process."""
    found: Settings = current_app.extensions["fieldwright"]
    return found


V = TypeVar("V", bound=Callable[..., Any])


class Blueprint(SmorestBlueprint):
    """A part of the REST door. Its views need a sign-in unless they say `public`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.before_request(_enter)

    def arguments(self, schema: Any, **more: Any) -> Any:
        """Read what comes in by a shape; one is built once, and not for every request."""
        return super().arguments(schema() if isinstance(schema, type) else schema, **more)

    def response(self, status_code: int, schema: Any = None, **more: Any) -> Any:
        """Document an answer; one with a type and no shape is bytes."""
        if schema is None and more.get("content_type"):
            schema = {"type": "string", "format": "binary"}
        return super().response(status_code, schema, **more)

    def in_snapshot(self, view: V) -> V:
        """Read the whole answer, and who asks for it, from one snapshot: `g.snapshot`."""
        view.in_snapshot = True  # type: ignore[attr-defined]
        return view

    def any_device(self, view: V) -> V:
        """Let a device that was suspended or cut off say here what it still has to say; every other door is shut to it."""
        view.any_device = True  # type: ignore[attr-defined]
        return view

    def public(self, view: V) -> V:
        """Let strangers in at this view, and say so in the documentation."""
        view = self.doc(security=[])(view)
        view.public = True  # type: ignore[attr-defined]
        return view


def _open_snapshot() -> None:
    """Ask who knocks in the same snapshot from which the answer will be read."""
    g.org_id = org_of(token_sent())
    g.closing = contextlib.ExitStack()
    g.snapshot = g.closing.enter_context(snapshot(g.org_id))


def close_snapshot(_error: BaseException | None = None) -> None:
    """Let go of the request's snapshot, when it has one."""
    if closing := g.pop("closing", None):
        closing.close()


def _enter() -> None:
    """Ask who knocks before anything they sent is looked into."""
    view = getattr(current_app.view_functions[str(request.endpoint)], "view_class", None)
    method = "get" if request.method == "HEAD" else request.method.lower()
    handler = getattr(view, method, None)
    if request.method != "OPTIONS" and not getattr(handler, "public", False):
        if getattr(handler, "in_snapshot", False):
            _open_snapshot()
        current_actor(any_device=getattr(handler, "any_device", False))
    _check_body()


def _check_body() -> None:
    """Refuse a body that is not JSON where only JSON is understood, before anything reads it."""
    if request.method in ("GET", "HEAD", "OPTIONS", "DELETE") or request.path.startswith(
        ("/v1/files/", "/v1/sync/files")
    ):
        return
    if not (request.content_length or "chunked" in request.headers.get("Transfer-Encoding", "")):
        return
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    most = BIGGEST_AT.get(request.path, BIGGEST_JSON)
    if (request.content_length or 0) > most:
        raise RequestEntityTooLarge
    raw = request.get_data()
    # A body that comes in pieces does not say its length beforehand.
    if len(raw) > most:
        raise RequestEntityTooLarge
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Invalid(
            "The body is not valid JSON.", fields={"body": ["Not valid JSON."]}
        ) from error
    if not isinstance(content, dict):
        raise Invalid("The body must be a JSON object.", fields={"body": ["Not an object."]})


def token_sent() -> str:
    """Return the access token that came with the request, in its header or in a cookie.

    Raises Unauthenticated without one.
    """
    header = request.headers.get("Authorization", "")
    token = header[7:].strip() if header[:7].lower() == "bearer " else ""
    token = token or request.cookies.get("fw_access", "")
    if not token or len(token) > 200:
        raise Unauthenticated("Please sign in.")
    return token


def current_actor(*, any_device: bool = False) -> Actor:
    """Return who asks; `any_device` lets a suspended or revoked one say what it still has to say.

    Raises Unauthenticated without a token, SessionEnded for a dead one, Forbidden when a cookie
    comes without the matching header: another site may have sent it.
    """
    if "actor" not in g:
        token = token_sent()
        by_cookie = token == request.cookies.get("fw_access")
        if by_cookie and request.method not in SAFE_METHODS:
            check_csrf()
        if "snapshot" in g:
            actor, g.family = known_by(g.snapshot, g.org_id, token)
        else:
            actor, g.family = actor_for(token)
        accepted = request.headers.get("Accept-Language", "")
        g.actor = actor.with_request(g.request_id).speaking(accepted)
    if not any_device:
        check_device(g.actor)
    return g.actor  # type: ignore[no-any-return]


def check_csrf() -> None:
    """Let a request with cookies pass when it also carries the token that only our own page can read."""
    sent = request.headers.get(CSRF_HEADER, "")
    if not sent or sent != request.cookies.get("fw_csrf"):
        raise Forbidden(
            "The request lacks its anti-forgery token; load the page again.", code="csrf"
        )


@contextmanager
def reads() -> Iterator[Unit]:
    """Open a read for whoever asks."""
    with reading(current_actor()) as unit:
        yield unit


def dumps(value: Any) -> bytes:
    """Return JSON as all our answers are written."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def answer(value: Any, status: int = 200, version: int | None = None) -> Response:
    """Return a JSON answer; the version of a row becomes its ETag."""
    response = Response(dumps(value), status, mimetype="application/json")
    if version is not None:
        response.headers["ETag"] = f'"{version}"'
    return response


def performs(
    action: Callable[[Unit], T],
    view: type[Shape] | None,
    *,
    name: str,
    status: int = 200,
    happened_at: datetime | None = None,
    present: Callable[[Unit, T], Any] | None = None,
) -> Response:
    """Run an action for whoever asks and answer with what it returns, in the shape of `view`.

    With an `Idempotency-Key` the answer is kept beside the effect, and given again to the same
    key; the same key with another request is refused.
    """
    actor = current_actor()
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 1 <= len(key) <= 200:
        raise Invalid("An Idempotency-Key has 1 to 200 characters.")
    sender = actor.account_id or actor.org_id
    print_ = (
        fingerprint([request.method, request.path, request.get_data(as_text=True)]) if key else b""
    )

    def once() -> tuple[int, bytes, int | None]:
        with unit_of_work(actor, happened_at=happened_at, action=name) as unit:
            if key and (receipt := earlier(unit, sender, key, print_)):
                return int(receipt.status), receipt.answer, None
            result = action(unit)
            unit.session.flush()
            shown = present(unit, result) if present else result
            body = dumps(view().dump(shown)) if view else b""
            version = getattr(result, "version", None)
            if key:
                _keep(unit, sender, key, print_, name, status, body)
        return status, body, version

    code, body, version = retried(once)
    response = Response(body, code, mimetype="application/json")
    if version is not None:
        response.headers["ETag"] = f'"{version}"'
    return response


def _keep(
    unit: Unit, sender: UUID, key: str, print_: bytes, name: str, status: int, body: bytes
) -> None:
    unit.add(
        Receipt(
            sender_id=sender,
            key=key,
            type=name,
            fingerprint=print_,
            status=str(status),
            answer=body,
            happened_at=unit.happened_at,
            received_at=clock.now(),
        )
    )


def check_version(row: Any) -> None:
    """Compare the row with the version in `If-Match`, when there is one.

    Raises StaleVersion when somebody else changed the row since.
    """
    wanted = request.headers.get("If-Match")
    if (
        wanted
        and wanted.strip() != "*"
        and wanted.strip().removeprefix("W/").strip('"') != str(row.version)
    ):
        raise StaleVersion(
            "Somebody else changed this at the same time. Load it again.", version=row.version
        )
