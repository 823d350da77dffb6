"""What becomes of one mutation: applied, merged, refused, put before a person, or kept apart."""

from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
import structlog

from core.errors import Conflict, DomainError
from core.languages import say, say_in_all
from core.unit import Notice, Step, Unit
from sync.mutations import MODELS, MUTATIONS, Mutation
from sync.sayings import Said
from work.actions import raise_attention

log = structlog.get_logger("sync")

# What a person is shown of something that is nested too deeply to be kept as it is, in bytes.
LONGEST_SHOWN = 2000
# What our own code or the database says of a mutation that it cannot take.
BROKEN = (
    sa.exc.DataError,
    sa.exc.IntegrityError,
    TypeError,
    ValueError,
    KeyError,
    ArithmeticError,
)


class TryCarefully(Exception):
    """One mutation failed after it had changed something: the group is to be done again, that one by itself."""

    def __init__(self, mutation_id: UUID) -> None:
        super().__init__(str(mutation_id))
        self.mutation_id = mutation_id


class Clashed(Exception):
    """Somebody else has just made the row that a mutation was about to make: done again, it finds theirs."""

    def __init__(self, said: Said) -> None:
        super().__init__(str(said.id))
        self.said = said


Result = tuple[str, dict[str, Any] | None]


def lightly(unit: Unit, mutation: Mutation, said: Said, step: Step) -> Result:
    """Apply without a savepoint what said beforehand what it needs; it is written with its neighbours."""
    if mutation.gather is None:
        return carefully(unit, mutation, said)
    notices, events = len(unit.notices), len(unit.events)
    try:
        _act(unit, mutation, said)
    except DomainError as error:
        if unit.changed_by(step):
            raise TryCarefully(said.id) from error
        del unit.notices[notices:], unit.events[events:]
        return turned_down(unit, mutation, said, error)
    except BROKEN as error:
        raise TryCarefully(said.id) from error
    return "applied", None


def carefully(unit: Unit, mutation: Mutation, said: Said) -> Result:
    """Apply behind a savepoint, so that what fails takes back what it did."""
    try:
        with unit.attempt():
            _act(unit, mutation, said)
    except DomainError as error:
        return turned_down(unit, mutation, said, error)
    except BROKEN as error:
        if isinstance(error, sa.exc.IntegrityError) and not said.clashed:
            raise Clashed(said) from error
        # One mutation that breaks our code must not stand in the way of all that follow it.
        log.exception("a mutation could not be applied", type=said.type, id=str(said.id))
        return turned_down(unit, mutation, said, internal())
    return "applied", None


def _act(unit: Unit, mutation: Mutation, said: Said) -> None:
    assert said.subject is not None  # noqa: S101 - a mutation without one has a problem
    args = _merged(unit, mutation, said.subject, said, said.loaded)
    mutation.action(unit, said.subject, **args)


def key_reused() -> DomainError:
    """Return what is wrong with an id that meant something else."""
    return Conflict("This key was already used for something else.", code="key_reused")


def internal() -> DomainError:
    """Return what a phone is told where our own code broke."""
    return DomainError(
        "We could not apply this. It is kept, and it has been noted.", code="internal"
    )


def turned_down(unit: Unit, mutation: Mutation, said: Said, error: DomainError) -> Result:
    """Refuse a wish, and put a fact before a person."""
    return _review(unit, said, error) if mutation.fact else refuse(unit, said, error)


def quarantine(unit: Unit, said: Said) -> Result:
    """Keep what a suspended or revoked device says, for a person to read, applied by nobody."""
    _ask(
        unit, said, "quarantined", "A device that was cut off sent this; nothing of it was applied."
    )
    return "quarantined", None


def doubt(unit: Unit, said: Said) -> None:
    """Let a person look at a time that cannot be: what was said is done, and counts from now."""
    message = "It is said to have happened more than a year ago; it counts as of now."
    unit.notice("review", message, happened_at=said.happened_at)
    _ask(unit, said, "review", message)


def block(unit: Unit, said: Said, cause: str) -> Result:
    """Turn down what depends on something that was refused."""
    _ask(unit, said, "refused", "Something this depends on was refused.")
    return "blocked", {
        "code": "blocked",
        "message": say("Something this depends on was refused.", unit.actor.language),
        "messages": say_in_all("Something this depends on was refused."),
        "details": {"depends_on": cause},
    }


def notices_of(unit: Unit, notices: list[Notice]) -> list[dict[str, Any]]:
    """Return notices in the actor's language, and in all."""
    language = unit.actor.language
    return [
        {
            "kind": n.kind,
            "message": say(n.message, language, n.details),
            "messages": say_in_all(n.message, n.details),
            "details": orjson.loads(orjson.dumps(n.details, default=str)),
        }
        for n in notices
    ]


def _merged(
    unit: Unit, mutation: Mutation, subject: UUID, said: Said, args: dict[str, Any]
) -> dict[str, Any]:
    """Set aside the fields that the office changed since the phone saw them; both values are kept."""
    base = said.base.get(mutation.entity)
    model = MODELS.get(mutation.entity)
    if not mutation.merged or base is None or model is None:
        return args
    row = unit.take(model, subject)
    if row is None:
        return args
    kept = dict(args)
    for name, rule in mutation.merged.items():
        if name not in args or getattr(row, name) == args[name]:
            continue
        if not _changed_elsewhere(row.touched.get(name), base, unit.actor.device_id):
            continue
        office, phone = getattr(row, name), args[name]
        if rule == "office":
            del kept[name]
        elif rule == "both":
            kept[name] = f"{office}\n—\n{phone}"
        unit.notice("merged", "The office changed this too; both values are kept.", field=name)
        raise_attention(
            unit,
            kind="conflict",
            entity=mutation.entity,
            entity_id=subject,
            message="The office changed this too; both values are kept.",
            mutation_id=said.id,
            field=name,
            office_value=orjson.loads(orjson.dumps(office)),
            phone_value=orjson.loads(orjson.dumps(phone)),
        )
    return kept


def _changed_elsewhere(touched: Any, base: int, device_id: UUID | None) -> bool:
    """Tell whether somebody else changed a field since the phone saw it; its own words are no rival's."""
    if touched is None:
        return False
    version, device = touched if isinstance(touched, list) else (touched, None)
    return bool(version > base) and (device is None or device_id is None or device != device_id.hex)


def _error(unit: Unit, error: DomainError) -> dict[str, Any]:
    details = orjson.loads(orjson.dumps(error.details, default=str))
    return {
        "code": error.code,
        "message": say(error.message, unit.actor.language, error.details),
        "messages": say_in_all(error.message, error.details),
        "details": details,
    }


def refuse(unit: Unit, said: Said, error: DomainError) -> Result:
    """Turn a mutation down, tell its phone why, and let a person see it."""
    _ask(unit, said, "refused", say(error.message, "en", error.details))
    return "refused", _error(unit, error)


def _review(unit: Unit, said: Said, error: DomainError) -> Result:
    """Accept a fact that does not fit what we hold: nothing is changed, all of it is kept, a person looks."""
    _ask(unit, said, "review", say(error.message, "en", error.details))
    return "review", _error(unit, error)


def _ask(unit: Unit, said: Said, kind: str, message: str) -> None:
    mutation = MUTATIONS.get(said.type)
    subject = said.args.get(mutation.subject) if mutation else None
    try:
        entity_id = UUID(str(subject))
    except ValueError:
        entity_id = said.id
    raise_attention(
        unit,
        kind=kind,
        entity=mutation.entity if mutation else "mutation",
        entity_id=entity_id,
        message=message,
        mutation_id=said.id,
        phone_value=_shown(said.raw),
    )


def _shown(raw: bytes) -> Any:
    """Return what was said for a person to look at; the receipt keeps it to the byte."""
    # PostgreSQL's JSON has no NUL.
    value = orjson.loads(raw.replace(b"\\u0000", b"\\ufffd"))
    try:
        # It will stand inside a document and an entry of the trail.
        orjson.dumps([[[[[[[[value]]]]]]]])
    except TypeError:
        return {"text": raw[:LONGEST_SHOWN].decode(errors="replace")}
    return value
