"""Chance with a number: the same seed draws the same ids, labels and choices."""

import hashlib
from dataclasses import dataclass
from random import Random
from uuid import UUID, uuid5

_SPACE = UUID("6f5b5b3e-2c0b-5b6a-9c55-0f1e1d2c3b4a")
# The alphabet of printed labels, as in core.ids: nothing in it is confused when read aloud.
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LABEL_LENGTH = 26


@dataclass(frozen=True, slots=True)
class Draw:
    """What is drawn from one seed. Each purpose has its own stream, so that one more draw here changes nothing there."""

    seed: int

    def id(self, kind: str, name: object) -> UUID:
        """Return the id of the thing of this kind and name."""
        return uuid5(_SPACE, f"{self.seed}/{kind}/{name}")

    def stream(self, purpose: str) -> Random:
        """Return the random numbers for one purpose."""
        return Random(f"{self.seed}/{purpose}")

    def label(self, name: str) -> str:
        """Return the code of a machine's label. Whoever knows the seed knows it: for demonstration alone."""
        number = int.from_bytes(hashlib.sha256(f"{self.seed}/label/{name}".encode()).digest())
        letters = []
        for _ in range(LABEL_LENGTH):
            number, digit = divmod(number, len(_CROCKFORD))
            letters.append(_CROCKFORD[digit])
        return "".join(letters)
