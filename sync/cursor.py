"""The cursor: opaque to the phone, authenticated by us."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from core.errors import Conflict


class StartOver(Conflict):
    """This cursor leads nowhere; pull again from the beginning."""

    code = "start_over"


_KEY: list[bytes] = []


def configure(secret_key: bytes) -> None:
    """Take the key under which cursors are signed."""
    _KEY[:] = [hashlib.sha256(b"cursor" + secret_key).digest()]


@dataclass(slots=True)
class Cursor:
    """Whose it is, of which history, and for each scope how far and since when.

    `seen` maps a scope to the last number seen and the counter when its first download began:
    removals from before that were never the phone's to know.
    """

    org_id: UUID
    epoch: UUID
    account_id: UUID
    schema: int
    seen: dict[str, list[int]] = field(default_factory=dict)

    def write(self) -> str:
        """Return the cursor as the phone keeps it."""
        said = [str(self.org_id), str(self.epoch), str(self.account_id), self.schema, self.seen]
        body = orjson.dumps(said)
        return base64.urlsafe_b64encode(_sign(body) + body).decode().rstrip("=")


def _sign(body: bytes) -> bytes:
    return hmac.new(_KEY[0], body, hashlib.sha256).digest()[:16]


def read(text: str, *, org_id: UUID, account_id: UUID) -> Cursor:
    """Return the cursor that we once wrote for this account.

    Raises StartOver for anything else.
    """
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        signature, body = raw[:16], raw[16:]
        if not hmac.compare_digest(signature, _sign(body)):
            raise ValueError("not ours")
        org, epoch, account, schema, seen = orjson.loads(body)
        cursor = Cursor(UUID(org), UUID(epoch), UUID(account), int(schema), _places(seen))
    except (ValueError, TypeError, AttributeError) as error:
        raise StartOver("This cursor is not valid here. Start over without one.") from error
    if cursor.org_id != org_id or cursor.account_id != account_id:
        raise StartOver("This cursor is not valid here. Start over without one.")
    return cursor


def _places(seen: Any) -> dict[str, list[int]]:
    """Return how far each scope was seen; a cursor of another format has something else here."""
    places: dict[str, list[int]] = {}
    for scope, (last, since) in seen.items():
        if not isinstance(last, int) or not isinstance(since, int):
            raise TypeError("not a place")
        places[scope] = [last, since]
    return places
