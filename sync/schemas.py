"""Shapes at the offline door. Fields that we do not know are let pass: an app may be newer than we are."""

from typing import Any

import marshmallow as ma

from core.shapes import (
    Shape,
    anything,
    flag,
    ident,
    listed,
    mapped,
    moment,
    nested,
    number,
    text,
    unchecked,
)

MOST_MUTATIONS = 500


LONGEST_MESSAGE = 500


def messages_of(error: ma.ValidationError, prefix: str = "") -> dict[str, list[str]]:
    """Return what is wrong where: sentences by field, a field of a field as `parts.0.qty`."""
    found: dict[str, list[str]] = {}

    def note(place: str, said: Any) -> None:
        if isinstance(said, dict):
            for key, more in said.items():
                # What is wrong with the whole is said of the place itself.
                within = "" if key == "_schema" else str(key)
                note(".".join(filter(None, (place, within))), more)
            return
        sentences = said if isinstance(said, list) else [said]
        found.setdefault(place or "body", []).extend(
            str(one)[:LONGEST_MESSAGE] for one in sentences
        )

    note(prefix, error.messages)
    return found


class _Tolerant(Shape):
    class Meta:
        """Let unknown fields pass."""

        unknown = ma.EXCLUDE


class EnvelopeHead(_Tolerant):
    """What it takes to remember what became of a mutation."""

    id = ident(required=True)
    seq = number(required=True, least=1)


class MutationIn(_Tolerant):
    """One thing a phone says."""

    id = ident(required=True)
    seq = number(required=True, least=1)
    type = text(required=True, most=60)
    happened_at = moment(required=True)
    base = mapped(number(least=0), none=True)
    depends_on = listed(ident(), most=50, none=True)
    args = mapped(anything(none=True), required=True)


class PushIn(_Tolerant):
    """What a phone has to say, in the order in which it happened."""

    device_id = ident(required=True)
    app_version = text(most=40)
    schema = number(required=True, least=0, most=1000)
    unsent = number(least=0, most=10_000_000)
    confirmed_seq = number(least=0)
    # A clock that is out of its mind must not keep a phone from speaking.
    device_time = anything(none=True)
    # Each is looked into by itself, so that one that makes no sense does not condemn the batch.
    mutations = listed(unchecked(), required=True, most=100_000)


class NoticeOut(Shape):
    """Something a person should know."""

    kind = text()
    message = text()
    messages = mapped(text())
    details = anything()


class ResultOut(Shape):
    """What became of one mutation."""

    id = ident()
    seq = number()
    status = text(one_of=["applied", "merged", "review", "refused", "blocked", "quarantined"])
    replayed = flag()
    versions = mapped(number())
    notices = listed(NoticeOut)
    error = anything(none=True)


class PushOut(Shape):
    """What became of everything said."""

    results = listed(ResultOut)
    last_seq = number()
    server_time = moment()


class PullIn(_Tolerant):
    """Where a phone stands."""

    device_id = ident(required=True)
    cursor = text(none=True, most=8000)
    limit = number(default=1000, least=1, most=5000)
    max_bytes = number(none=True, least=1000, most=64 * 1024 * 1024)
    schema = number(required=True, least=0, most=1000)


class Change(Shape):
    """One step on the way to the server's state: `put`, `remove`, `leave` or `drop_scope`."""

    op = text(one_of=["put", "remove", "leave", "drop_scope"])
    scope = text()
    entity = text()
    id = ident()
    version = number()
    doc = anything()


class PullOut(Shape):
    """A page of changes, and where the next one begins."""

    changes = listed(Change)
    cursor = text()
    complete = flag()
    reset = flag()
    checkpoint = anything(none=True)
    server_time = moment()


class SyncIn(_Tolerant):
    """A push and a pull in one round trip."""

    push = anything()
    pull = anything()


class SyncOut(Shape):
    """The answers to both."""

    push = anything()
    pull = anything(none=True)


class HeldRow(_Tolerant):
    """A row as the phone holds it."""

    entity = text(required=True, most=60)
    id = ident(required=True)
    version = number(required=True, least=0)


class RepairIn(_Tolerant):
    """A scope whose checksum differs: first asked for its 256 sums, then for the parts that differ."""

    device_id = ident(required=True)
    scope = text(required=True, most=200)
    schema = number(none=True, least=0, most=1000)
    prefixes = listed(text(pattern="^[0-9a-f]{2}$"), most=256)
    rows = listed(HeldRow, most=100_000)
    limit = number(default=1000, least=1, most=5000)
    max_bytes = number(none=True, least=1000, most=64 * 1024 * 1024)
    # Whether to note that the replica differed.
    report = flag(default=False)


class RepairOut(Shape):
    """The sums by the first two digits of the id, or the changes that make the named parts equal."""

    sums = anything(none=True)
    changes = listed(Change, none=True)
    # Whether nothing is left to mend once these are applied.
    complete = flag()
    count = number()
    checksum = text()


class DivergenceIn(_Tolerant):
    """What a phone found when it counted its rows."""

    device_id = ident(required=True)
    scope = text(required=True, most=200)
    expected = text(default="", most=200)
    found = text(default="", most=200)
    rows_fetched = number(default=0, least=0, most=10_000_000)
    repaired = flag(required=True)


class DeviceOnly(_Tolerant):
    """Which device speaks."""

    device_id = ident(required=True)


class PushKeys(_Tolerant):
    """The keys with which only this browser reads what we send."""

    p256dh = text(required=True, most=200)
    auth = text(required=True, most=100)


class SubscriptionIn(_Tolerant):
    """Where a browser lets itself be woken."""

    endpoint = text(required=True, most=2000)
    keys = nested(PushKeys, required=True)


class PushKeyOut(Shape):
    """The key with which browsers subscribe."""

    public_key = text()
