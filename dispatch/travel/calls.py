"""Asking a service over HTTP: one connection, one deadline for all of its calls, JSON or a plain sentence."""

import http.client
import json
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

LARGEST_ANSWER = 64 * 1024 * 1024
PIECE = 64 * 1024


class ServiceError(Exception):
    """The service did not answer, or not with what its documents promise; the message says which."""


class Refused(ServiceError):
    """The service answered that it will not: its status, and its own code when it gave one."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"it answered {status} {code}: {message}"[:300])
        self.status = status
        self.code = code


class Caller:
    """A conversation with one service that ends at a deadline, however slowly it drips."""

    def __init__(
        self, url: str, *, seconds: float, headers: Mapping[str, str] | None = None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ServiceError(f"{url!r} is not an address on the web")
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(parts.hostname, parts.port, timeout=seconds)
        self._path = parts.path.rstrip("/")
        self._headers = {"Accept": "application/json", "User-Agent": "Fieldwright"} | dict(
            headers or {}
        )
        self._until = time.monotonic() + seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def ask(self, path: str = "", body: Any = None) -> dict[str, Any]:
        """Return the JSON object that the service answers; a body makes it a POST.

        Raises Refused for an error status, ServiceError for silence and for anything but an object.
        """
        sent = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({"Content-Type": "application/json"} if sent is not None else {})
        try:
            self._be_in_time()
            self._connection.request(
                "GET" if sent is None else "POST", self._path + path or "/", sent, headers
            )
            response = self._connection.getresponse()
            raw = self._read(response)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise ServiceError(f"it did not answer: {error or type(error).__name__}") from error
        return _object(response.status, raw)

    def _be_in_time(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("too slow")
        self._connection.timeout = left
        if self._connection.sock is not None:
            self._connection.sock.settimeout(left)

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        pieces: list[bytes] = []
        size = 0
        # `read1` returns what is there, so that the deadline is looked at between the drops.
        while piece := response.read1(PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST_ANSWER:
                raise http.client.HTTPException("the answer is too large")
            self._be_in_time()
        # Only then is the connection free for the next question.
        response.close()
        return b"".join(pieces)


def _object(status: int, raw: bytes) -> dict[str, Any]:
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError) as error:
        if status >= 400:
            raise Refused(status, "", raw[:100].decode(errors="replace")) from error
        raise ServiceError("its answer is not JSON") from error
    if not isinstance(said, dict):
        raise ServiceError("its answer is not an object")
    if status >= 400:
        code = said.get("code", said.get("error_code", ""))
        message = said.get("message", said.get("error", ""))
        raise Refused(status, str(code), str(message))
    return said
