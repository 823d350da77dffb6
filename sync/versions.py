"""Schemas: what older apps say is understood as today's, and today's rows are told them in their own words.

A kind of mutation never changes its meaning: a changed one gets a new name, and the old name is
translated at the door. It is the name that counts, not the schema of the app that sends it: an
app that was brought up to date still holds what it wrote down before.
"""

from collections.abc import Callable
from typing import Any

import orjson

from core.errors import DomainError

SCHEMA = 2
OLDEST_SCHEMA = 1


class UpgradeRequired(DomainError):
    """This app is too old to be told anything; what it has to say is still taken."""

    code = "upgrade_required"


def check_schema(schema: int) -> None:
    """Let an app pass whose schema we still serve; one that is newer than ours is told ours.

    Raises UpgradeRequired.
    """
    if schema < OLDEST_SCHEMA:
        raise UpgradeRequired(
            "This app is too old to fetch anything. Update it; what it has to say is still taken.",
            oldest=OLDEST_SCHEMA,
            current=SCHEMA,
        )


def raised(kind: str, args: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a mutation as today's: its kind and its arguments."""
    translate = RAISED.get(kind)
    return translate(args) if translate else (kind, args)


def _pause_to_hold(args: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "visit.hold", args | {"reason": "other", "text": args.get("reason")}


RAISED: dict[str, Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]] = {
    "visit.pause": _pause_to_hold,
}


def lowered(entity: str, body: bytes) -> bytes:
    """Return a document as schema 1 knows it; one that has not changed since is the very bytes."""
    lower = _LOWERED.get(entity)
    if lower is None:
        return body
    change = orjson.loads(body)
    lower(change["doc"])
    return orjson.dumps(change)


def _visit_without_hold(doc: dict[str, Any]) -> None:
    hold = doc.pop("hold", None)
    if hold and doc.get("state") == "paused":
        doc["outcome_reason"] = hold.get("text") or hold.get("reason")


_LOWERED: dict[str, Callable[[dict[str, Any]], None]] = {"visit": _visit_without_hold}
