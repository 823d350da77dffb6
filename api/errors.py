"""One error format for everything, in the caller's language."""

from typing import Any

import sqlalchemy as sa
import structlog
from flask import Flask, Response, g, request
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from api.doors import dumps
from core import errors
from core.languages import best, say
from core.shapes import Shape, anything, text
from people.signin import BadCredentials, SessionEnded
from sync.versions import UpgradeRequired

log = structlog.get_logger("api")


class ErrorView(Shape):
    """The one error format."""

    code = text()
    message = text()
    details = anything()
    request_id = text()


STATUS: dict[type[errors.DomainError], int] = {
    SessionEnded: 401,
    BadCredentials: 401,
    errors.Unauthenticated: 401,
    errors.Gone: 410,
    errors.NotFound: 404,
    errors.Forbidden: 403,
    errors.StaleVersion: 412,
    errors.Conflict: 409,
    errors.Invalid: 422,
    errors.TooLarge: 413,
    errors.StorageFull: 507,
    errors.TooMany: 429,
    errors.Busy: 503,
    UpgradeRequired: 426,
}

# What werkzeug raises, in our words.
HTTP = {
    400: ("bad_request", "The request could not be read."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take this method."),
    406: ("not_acceptable", "We cannot answer in this form."),
    408: ("timeout", "The request took too long to arrive."),
    412: ("version", "This version of the protocol is not spoken here."),
    413: ("too_large", "The request is larger than allowed."),
    414: ("too_large", "The address is longer than allowed."),
    415: ("unsupported_media_type", "The body must be JSON, sent as application/json."),
    416: ("range", "The part of the file that was asked for is not there."),
    422: ("invalid", "Some fields are missing or make no sense."),
    460: ("checksum_mismatch", "The piece was damaged on its way. Send it again."),
    429: ("too_many_requests", "Too many requests. Please wait a moment."),
    431: ("too_large", "The headers are larger than allowed."),
}


def language() -> str:
    """Return the language in which to answer."""
    if "actor" in g and g.actor.language:
        return str(g.actor.language)
    return best(request.headers.get("Accept-Language"))


def body(code: str, message: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the one error format."""
    details = details or {}
    said = say(message, language(), details)
    if isinstance(fields := details.get("fields"), dict):
        details = details | {"fields": _flat(fields)}
    return {
        "code": code,
        "message": said,
        "details": details,
        "request_id": g.get("request_id", ""),
    }


def _answer(
    status: int, content: dict[str, Any], headers: dict[str, str] | None = None
) -> Response:
    return Response(dumps(content), status, headers or {}, mimetype="application/json")


def refused(error: errors.DomainError) -> Response:
    """Answer a refusal of the business."""
    status = next((STATUS[kind] for kind in STATUS if isinstance(error, kind)), 400)
    details = {key: value for key, value in error.details.items() if key != "retry_after"}
    headers = (
        {"Retry-After": str(error.details["retry_after"])} if "retry_after" in error.details else {}
    )
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return _answer(status, body(error.code, error.message, details), headers)


def http_error(error: HTTPException) -> Response:
    """Answer what the web framework refuses."""
    status = error.code or 500
    code, message = HTTP.get(status, ("error", error.name + "."))
    details: dict[str, Any] = {}
    messages = getattr(error, "data", {}).get("messages") if hasattr(error, "data") else None
    if messages:
        code, details = "invalid", {"fields": _unwrapped(messages)}
    headers = {
        name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")
    }
    return _answer(status, body(code, message, details), headers)


def _unwrapped(messages: dict[str, Any]) -> dict[str, Any]:
    """Return field errors without the framework's word for where the fields were."""
    fields: dict[str, Any] = {}
    for place, found in messages.items():
        fields |= found if isinstance(found, dict) else {place: found}
    return fields


def _flat(messages: Any, path: str = "") -> dict[str, list[str]]:
    """Return nested field errors as one level of dotted paths, in the caller's language."""
    if isinstance(messages, dict):
        flat: dict[str, list[str]] = {}
        for key, value in messages.items():
            flat |= _flat(value, f"{path}.{key}" if path else str(key))
        return flat
    said = messages if isinstance(messages, list) else [messages]
    return {path: [say(str(item), language()) for item in said]}


def unexpected(error: Exception) -> Response:
    """Log what nobody foresaw, in one place, and say nothing of it outside."""
    log.error("unexpected error", path=request.path, method=request.method, exc_info=error)
    return _answer(500, body("internal", "Something went wrong on our side. It has been noted."))


def out_of_range(error: sa.exc.DBAPIError) -> Response:
    """Answer what only the database could refuse: a double, or a value it cannot hold."""
    state = getattr(error.orig, "sqlstate", None) or ""
    if state == "23505" or "UNIQUE constraint" in str(error.orig):
        return refused(errors.Conflict("There is one like this already.", code="exists"))
    if state == "23503" or "FOREIGN KEY constraint" in str(error.orig):
        return refused(errors.Invalid("This refers to something that is not there."))
    if state.startswith("22"):
        return refused(errors.Invalid("Some fields are missing or make no sense."))
    # A lock, a statement, or a transaction that waited for an answer took too long.
    if state in ("55P03", "57014", "25P03") or "database is locked" in str(error.orig):
        return refused(
            errors.Busy("We are busy just now. Please try again in a moment.", retry_after=2)
        )
    return unexpected(error)


def stale(_: StaleDataError) -> Response:
    """Answer a write that was overtaken."""
    return refused(
        errors.StaleVersion("Somebody else changed this at the same time. Load it again.")
    )


def install(app: Flask) -> None:
    """Make the app answer every error in the one format."""
    app.register_error_handler(errors.DomainError, refused)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(StaleDataError, stale)
    app.register_error_handler(sa.exc.DBAPIError, out_of_range)
    app.register_error_handler(Exception, unexpected)
