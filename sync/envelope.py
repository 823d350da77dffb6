"""The envelope of a mutation, read quickly where it is as it should be.

`sync.schemas.MutationIn` is what an envelope must be, and says what is wrong with one. A phone's
whole queue passes here, and nearly every envelope is in order: that is found out without building
a report of what might not be.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from core.shapes import DEEPEST, LARGEST_NUMBER

_LONGEST_NAME = 100
_MOST_NAMES = 500
_MOST_CAUSES = 50


def well_formed(raw: Any) -> dict[str, Any] | None:
    """Return what `MutationIn` would make of the envelope, or None when the shape itself must look."""
    try:
        seq, type_, args = raw["seq"], raw["type"], raw["args"]
        base, causes = raw.get("base") or {}, raw.get("depends_on") or []
        moment = datetime.fromisoformat(raw["happened_at"])
        if not (
            type(seq) is int
            and 1 <= seq <= LARGEST_NUMBER
            and type(type_) is str
            and 1 <= len(type_) <= 60
            and type_.isascii()
            and type_.isprintable()
            and type_.strip() == type_
            and moment.tzinfo is not None
            and 1900 < moment.year < 2200
            and type(args) is dict
            and len(args) <= _MOST_NAMES
            and type(base) is dict
            and len(base) <= _MOST_NAMES
            and type(causes) is list
            and len(causes) <= _MOST_CAUSES
            and all(type(v) is int and 0 <= v <= LARGEST_NUMBER for v in base.values())
            and all(_name(name) for name in (*base, *args))
            and all(_holdable(value, DEEPEST - 1) for value in args.values())
        ):
            return None
        return {
            "id": UUID(raw["id"]),
            "seq": seq,
            "type": type_,
            "happened_at": moment.astimezone(UTC),
            "base": base,
            "depends_on": [UUID(cause) for cause in causes],
            "args": args,
        }
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        return None


def _name(name: str) -> bool:
    return len(name) <= _LONGEST_NAME and name.isprintable() and name.strip() == name


def _holdable(value: Any, depth: int) -> bool:
    """Tell whether a database can hold this JSON value."""
    kind = type(value)
    if kind is str:
        return "\x00" not in value
    if kind is int:
        return bool(abs(value) <= LARGEST_NUMBER)
    if kind is dict:
        return depth > 0 and all(
            "\x00" not in name and _holdable(item, depth - 1) for name, item in value.items()
        )
    if kind is list:
        return depth > 0 and all(_holdable(item, depth - 1) for item in value)
    return True
