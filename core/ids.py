"""Identifiers: time-ordered UUIDs, made by whoever creates the thing, and secrets nobody can guess."""

import hashlib
import secrets
from uuid import UUID, SafeUUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """Return a fresh UUIDv7."""
    return uuid7()


_put = object.__setattr__


def read_id(text: str) -> UUID:
    """Return the id that one of our own columns holds as text: thousands are read where one is taken from outside.

    Raises ValueError for what is no number; whether it is an id nobody asks.
    """
    read = object.__new__(UUID)
    _put(read, "int", int(text.replace("-", ""), 16))
    _put(read, "is_safe", SafeUUID.unknown)
    return read


def new_secret(prefix: str = "") -> str:
    """Return 256 random bits as text, with a prefix that tells people what kind of secret it is."""
    return prefix + secrets.token_urlsafe(32)


def hashed(secret: str) -> bytes:
    """Return the SHA-256 under which a secret is kept; the secret itself is never stored."""
    return hashlib.sha256(secret.encode()).digest()


# Crockford's alphabet has no I, L, O or U: read aloud or typed from a label, nothing is confused.
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_label() -> str:
    """Return 130 random bits as 26 characters that people can also type."""
    return "".join(secrets.choice(_CROCKFORD) for _ in range(26))


def typed_label(text: str) -> str:
    """Return a label as it was printed, however it was typed."""
    return text.strip().upper().translate(str.maketrans("ILO", "110", "- "))
