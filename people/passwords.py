"""Passwords: Argon2id, with bounded memory however many people sign in at once."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core.errors import Invalid
from core.settings import PASSWORD_MEMORY_KIB

SHORTEST = 10

# Each check takes that much memory; a crowd at the door must not take it many times at once.
_at_once = threading.Semaphore(4)


class _Hashing:
    """What a new hash costs; a kept one says itself what it cost."""

    def __init__(self, memory_kib: int) -> None:
        self.memory_kib = memory_kib
        self.hasher = PasswordHasher(time_cost=2, memory_cost=memory_kib, parallelism=1)
        # Checked when there is no such account, so that both refusals take the same time.
        self.nobody = self.hasher.hash("nobody has this password")


_hashing = _Hashing(PASSWORD_MEMORY_KIB)


def configure(memory_kib: int) -> None:
    """Let every new hash take this much memory."""
    global _hashing
    if memory_kib != _hashing.memory_kib:
        _hashing = _Hashing(memory_kib)


def hash_password(password: str) -> str:
    """Return what is kept of a password.

    Raises Invalid for one that is too short.
    """
    if len(password) < SHORTEST:
        raise Invalid("A password needs at least {shortest} characters.", shortest=SHORTEST)
    with _at_once:
        return _hashing.hasher.hash(password)


def matches(password: str, kept: str | None) -> bool:
    """Tell whether this is the password; takes as long for an unknown account."""
    with _at_once:
        try:
            return _hashing.hasher.verify(kept or _hashing.nobody, password) and kept is not None
        except (VerificationError, InvalidHashError):
            return False
