"""The line to a server, as a stranger has it: a request goes out, an answer comes back whole or not at all."""

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; the names of its headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body as JSON; None for an empty one."""
        return json.loads(self.body) if self.body else None


# Method, path, body and headers in.
Line = Callable[[str, str, bytes, dict[str, str]], Answer]


def line_to(url: str) -> Line:
    """Return a line to the server at this address, with a connection of its own for each request."""
    place = urlsplit(url)
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection

    def ask(method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        wire = kind(place.hostname or "127.0.0.1", place.port, timeout=PATIENCE_S)
        try:
            wire.request(method, place.path.rstrip("/") + path, body, headers)
            answer = wire.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, told, answer.read())
        finally:
            wire.close()

    return ask
