"""Canonical JSON: the one spelling of a document, so that two machines hash it alike.

RFC 8785 restricted to strings, integers, booleans, null, lists and objects. Floats are left out:
their shortest spelling is where two languages would first disagree.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import TypeAlias

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"

# JavaScript holds whole numbers exactly up to here; beyond it the phone would hash another one.
LARGEST_SAFE_INTEGER = 2**53 - 1
DEEPEST_NESTING = 100


class NotCanonical(ValueError):
    """The document holds something that has no canonical spelling."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(f"{message} at {path}")
        self.path = path


class FloatRefused(NotCanonical):
    """A number with a fraction was found; send micro-units or text instead."""


class UnsafeInteger(NotCanonical):
    """A whole number is too large for every machine to hold exactly."""


def canonical_json(document: Json) -> bytes:
    """Return the canonical UTF-8 bytes of `document`."""
    return "".join(_spell(document, "$", 0)).encode("utf-8")


def sha256_hex(document: "Json | bytes") -> str:
    """Return the SHA-256 of a document's canonical form, or of bytes as they are, in hex."""
    body = document if isinstance(document, bytes) else canonical_json(document)
    return hashlib.sha256(body).hexdigest()


def _spell(value: object, path: str, depth: int) -> Iterator[str]:
    if depth > DEEPEST_NESTING:
        raise NotCanonical("The document is nested too deeply", path)
    if value is None:
        yield "null"
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif isinstance(value, str):
        yield _text(value, path)
    elif isinstance(value, int):
        if abs(value) > LARGEST_SAFE_INTEGER:
            raise UnsafeInteger("The number is not safe in every language", path)
        yield int.__repr__(value)
    elif isinstance(value, list):
        yield "["
        for place, item in enumerate(value):
            if place:
                yield ","
            yield from _spell(item, f"{path}[{place}]", depth + 1)
        yield "]"
    elif isinstance(value, dict):
        yield from _spell_object(value, path, depth)
    elif isinstance(value, float):
        raise FloatRefused("A floating-point number was found", path)
    else:
        raise NotCanonical(f"A {type(value).__name__} has no place in JSON", path)


def _spell_object(value: dict[object, object], path: str, depth: int) -> Iterator[str]:
    keys: list[str] = []
    for key in value:
        if not isinstance(key, str):
            raise NotCanonical("An object's key must be text", path)
        _text(key, path)
        keys.append(key)
    # JavaScript compares strings by UTF-16 code units, which differs from code points above U+FFFF.
    keys.sort(key=lambda key: key.encode("utf-16-be"))
    yield "{"
    for place, key in enumerate(keys):
        if place:
            yield ","
        yield _text(key, path)
        yield ":"
        yield from _spell(value[key], f"{path}.{key}", depth + 1)
    yield "}"


def _text(value: str, path: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotCanonical("Half of a surrogate pair was found", path) from error
    return json.dumps(value, ensure_ascii=False)
