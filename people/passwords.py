"""Passwords: Argon2id, with bounded memory however many people sign in at once."""

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core.errors import Invalid

SHORTEST = 10

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Each check takes 19 MiB; a crowd at the door must not take them all at once.
_at_once = threading.Semaphore(4)
# Checked when there is no such account, so that both refusals take the same time.
_nobody = _hasher.hash("nobody has this password")


def hash_password(password: str) -> str:
    """Return what is kept of a password.

    Raises Invalid for one that is too short.
    """
    if len(password) < SHORTEST:
        raise Invalid("A password needs at least {shortest} characters.", shortest=SHORTEST)
    with _at_once:
        return _hasher.hash(password)


def matches(password: str, kept: str | None) -> bool:
    """Tell whether this is the password; takes as long for an unknown account."""
    with _at_once:
        try:
            return _hasher.verify(kept or _nobody, password) and kept is not None
        except (VerificationError, InvalidHashError):
            return False
