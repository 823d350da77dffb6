"""What a phone says, as it came and as far as it makes sense."""

import contextlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import marshmallow as ma

from core import clock
from core.errors import DomainError, Invalid
from core.receipts import exact, hashed_content
from sync.envelope import well_formed
from sync.mutations import MUTATIONS, arguments
from sync.schemas import EnvelopeHead, MutationIn, messages_of
from sync.versions import raised

# A phone's clock may differ this much before its times are put right by the measured offset.
CLOCK_SKEW_ALLOWED = timedelta(minutes=5)
# A time further back than this is no longer believed: it counts as now, and a person looks.
OLDEST_TIME = timedelta(days=366)


@dataclass(slots=True)
class Said:
    """One mutation as it came, once its envelope was understood."""

    id: UUID
    seq: int
    type: str
    happened_at: datetime
    base: dict[str, int]
    depends_on: list[UUID]
    args: dict[str, Any]
    raw: bytes
    print_: bytes
    problem: DomainError | None
    subject: UUID | None = None
    loaded: dict[str, Any] = field(default_factory=dict)
    clashed: bool = False
    # Another device of the person said something else under this id.
    reused: bool = False


@dataclass(frozen=True, slots=True)
class Contact:
    """What a device tells of itself with a batch."""

    schema: int
    app_version: str | None
    unsent: int | None
    confirmed_seq: int | None
    offset: timedelta

    @property
    def skew(self) -> timedelta:
        """Return by how much the phone's times are put right; a small difference is let be."""
        return self.offset if abs(self.offset) > CLOCK_SKEW_ALLOWED else timedelta()


def offset_of(device_time: Any) -> timedelta:
    """Return how far the phone's clock is from ours; nothing for a time that cannot be read."""
    try:
        said = datetime.fromisoformat(str(device_time))
        return clock.now() - said if said.tzinfo is not None else timedelta()
    except (ValueError, OverflowError):
        return timedelta()


def put_right(said: list[Said], skew: timedelta) -> None:
    """Shift what was read off a clock that goes wrong."""
    for item in said:
        mutation = MUTATIONS.get(item.type)
        for name in mutation.clocked if mutation else ():
            if isinstance(moment := item.loaded.get(name), datetime):
                # What lies at the end of all time stays there.
                with contextlib.suppress(OverflowError):
                    item.loaded[name] = moment + skew


def understood(raw: Any, place: int) -> Said:
    """Read an envelope. One that makes no sense is refused by itself, as long as it has an id and a number.

    Raises Invalid without those: then nothing can be remembered about it.
    """
    problem: DomainError | None = None
    data = well_formed(raw)
    if data is None:
        data, problem = _looked_into(raw, place)
    names = ("id", "seq", "type", "happened_at", "base", "depends_on", "args")
    content = exact({key: raw.get(key) for key in names})
    kind, args = raised(data["type"].replace("\x00", ""), data["args"])
    said = Said(
        id=data["id"],
        seq=data["seq"],
        type=kind,
        happened_at=data["happened_at"],
        base=data.get("base") or {},
        depends_on=data.get("depends_on") or [],
        args=args,
        raw=content,
        print_=hashed_content(content),
        problem=problem,
    )
    if problem is None:
        said.problem = _load_arguments(said)
    return said


def _looked_into(raw: Any, place: int) -> tuple[dict[str, Any], Invalid | None]:
    """Return an envelope by its shape, and what is wrong with it."""
    try:
        head = EnvelopeHead().load(raw)
    except ma.ValidationError as error:
        fields = messages_of(error, f"mutations.{place}")
        raise Invalid("A mutation needs an id and a number.", fields=fields) from error
    try:
        return MutationIn().load(raw), None
    except ma.ValidationError as error:
        problem = Invalid("Some fields are missing or make no sense.", fields=messages_of(error))
        known = {"type": str(raw.get("type"))[:60], "happened_at": clock.now(), "args": {}}
        return head | known, problem


def _load_arguments(said: Said) -> DomainError | None:
    """Check the arguments and keep them on the mutation; return what is wrong with them."""
    mutation = MUTATIONS.get(said.type)
    if mutation is None:
        return DomainError(
            "There is no mutation of this type.", code="unknown_mutation", type=said.type
        )
    try:
        said.subject, said.loaded = arguments(mutation, said.args, said.id)
    except Invalid as error:
        return error
    return None
