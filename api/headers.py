"""What every answer says beside its content."""

import functools
import re

from core.ids import new_id
from core.settings import Settings

PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data: blob: {tiles}; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def request_id(given: str) -> str:
    """Return the id under which a request is logged: the asker's own where it makes sense."""
    return given if _GIVEN_ID.fullmatch(given) else new_id().hex


def common_headers(settings: Settings, request_id: str) -> list[tuple[str, str]]:
    """Return the headers of every answer that does not say otherwise."""
    headers = [
        ("X-Request-Id", request_id),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("Content-Security-Policy", _page_policy(settings.tiles_url)),
    ]
    if settings.secure_cookies:
        headers.append(("Strict-Transport-Security", "max-age=31536000"))
    return headers


@functools.cache
def _page_policy(tiles_url: str | None) -> str:
    match = re.match(r"https?://[^/]+", tiles_url or "")
    return PAGE_POLICY.format(tiles=match[0].replace("{s}", "*") if match else "")
