"""Reading JSON that a stranger wrote: every value is asked for its kind, and every refusal says where."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from dispatch.engine.problem import ProblemError

T = TypeVar("T")
LONGEST_TEXT = 1000
LARGEST = 2**53 - 1
MISSING = object()


class BadInput(ProblemError):
    """The JSON cannot be read as a problem: a code, a sentence, and the place in the JSON."""

    def __init__(self, code: str, message: str, place: str = "") -> None:
        super().__init__(message, code)
        self.place = place


@contextmanager
def told_at(place: str) -> Iterator[None]:
    """Say the place of what the planner itself refuses."""
    try:
        yield
    except BadInput:
        raise
    except ProblemError as error:
        raise BadInput(error.code, str(error), place) from error


class Node:
    """One value of the JSON with its place, such as `jobs[3].time_windows[0]`."""

    def __init__(self, value: Any, place: str = "") -> None:
        self.value = value
        self.place = place

    def refuse(self, code: str, message: str) -> BadInput:
        """Return the refusal of this value."""
        return BadInput(code, f"{self.place or 'The problem'}: {message}", self.place)

    def has(self, key: str) -> bool:
        """Tell whether the key is there and not null."""
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def at(self, key: str) -> "Node":
        """Return a member that must be there."""
        if not self.has(key):
            raise self.refuse(f"{key}_missing", f"{key} is missing.")
        return self.get(key)

    def get(self, key: str) -> "Node":
        """Return a member, null when it is not there."""
        return Node(self.value.get(key), f"{self.place}.{key}" if self.place else key)

    def maybe(self, key: str, read: Callable[["Node"], T], default: Any = None) -> Any:
        """Return what `read` makes of a member, or the default when it is not there."""
        return read(self.get(key)) if self.has(key) else default

    def object(self) -> "Node":
        """Return this, which must be an object."""
        if not isinstance(self.value, dict):
            raise self.refuse("not_an_object", "it must be an object.")
        return self

    def unheeded(self, known: Collection[str]) -> list[str]:
        """Return what is to be said of members that mean nothing here."""
        names = [key for key in self.object().value if key not in known]
        places = [f"{self.place}.{name}" if self.place else name for name in names]
        return [f"{place} means nothing here and was left aside." for place in places]

    def list(self, most: int = 10_000) -> list["Node"]:
        """Return the members of a list."""
        if not isinstance(self.value, list):
            raise self.refuse("not_a_list", "it must be a list.")
        if len(self.value) > most:
            raise self.refuse("too_many", f"{len(self.value)} are more than the {most} allowed.")
        return [Node(one, f"{self.place}[{number}]") for number, one in enumerate(self.value)]

    def members(self) -> Iterator[tuple[str, "Node"]]:
        """Return the members of an object by name."""
        for name in self.object().value:
            if not 0 < len(name) <= LONGEST_TEXT:
                raise self.refuse("bad_name", "a name is empty or too long.")
            yield name, self.get(name)

    def whole(self, least: int = 0, most: int = LARGEST) -> int:
        """Return a whole number within bounds."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self.refuse("not_a_whole_number", f"{_shown(self.value)} is not a whole number.")
        if not least <= self.value <= most:
            kind = "negative" if self.value < 0 <= least else "out_of_range"
            raise self.refuse(kind, f"{_shown(self.value)} must be between {least} and {most}.")
        return self.value

    def number(self, least: float, most: float) -> float:
        """Return a number within bounds."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self.refuse("not_a_number", f"{_shown(self.value)} is not a number.")
        # Nothing that is no number lies between two.
        if not least <= self.value <= most:
            raise self.refuse(
                "out_of_range", f"{_shown(self.value)} must be between {least} and {most}."
            )
        return float(self.value)

    def yes(self) -> bool:
        """Return a truth value."""
        if not isinstance(self.value, bool):
            raise self.refuse("not_a_boolean", f"{_shown(self.value)} is neither true nor false.")
        return self.value

    def text(self) -> str:
        """Return a text that is not empty."""
        if not isinstance(self.value, str) or not self.value:
            raise self.refuse("not_a_text", f"{_shown(self.value)} is no text.")
        if len(self.value) > LONGEST_TEXT or any("\ud800" <= one <= "\udfff" for one in self.value):
            raise self.refuse("bad_text", "the text is too long, or no valid Unicode.")
        return self.value

    def id(self) -> int | str:
        """Return an id: a whole number as VROOM has it, or a text."""
        return self.text() if isinstance(self.value, str) else self.whole()

    def name(self) -> str:
        """Return a name, which may be written as a number."""
        return str(self.id())

    def names(self) -> frozenset[str]:
        """Return a list of names."""
        return frozenset(one.name() for one in self.list())

    def amounts(self, most: int = 1_000_000) -> dict[str, int]:
        """Return an object of names and whole numbers."""
        return {name: one.whole(0, most) for name, one in self.members()}


def _shown(value: Any) -> str:
    try:
        shown = repr(value)
    except ValueError:
        # Python does not write out a number of thousands of digits.
        return "The number"
    return shown if len(shown) <= 60 else shown[:57] + "..."
