"""Push: what a phone says, applied once, in order, and answered from the receipt ever after."""

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import marshmallow as ma
import orjson
import sqlalchemy as sa
import structlog
from sqlalchemy import select

from core import clock
from core.actor import Actor
from core.database import retried
from core.errors import Conflict, DomainError, Invalid, TooLarge
from core.languages import say
from core.receipts import Receipt, exact, fingerprint
from core.unit import Unit, unit_of_work
from people.models import Device, DeviceState
from people.permissions import require
from sync import epochs
from sync.mutations import MODELS, MUTATIONS, Mutation
from sync.pull import check_device
from sync.schemas import MOST_MUTATIONS, EnvelopeHead, MutationIn, messages_of
from sync.versions import raised
from work.actions import raise_attention

log = structlog.get_logger("sync")

# A phone's clock may differ this much before its times are put right by the measured offset.
CLOCK_SKEW_ALLOWED = timedelta(minutes=5)
# How long what was refused or reviewed is worth keeping whole; what was applied is in the rows.
KEPT_WHOLE = frozenset({"review", "refused", "blocked", "quarantined"})


class Gap(Conflict):
    """Something the phone said earlier has not arrived."""

    code = "gap"


class DeviceForked(Conflict):
    """The phone was restored from a backup or copied; it must register anew and number its outbox again."""

    code = "device_forked"


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
    problem: Invalid | None


def push(
    actor: Actor,
    *,
    device_id: UUID,
    schema: int,
    mutations: list[Any],
    app_version: str | None = None,
    unsent: int | None = None,
    confirmed_seq: int | None = None,
    device_time: Any = None,
) -> dict[str, Any]:
    """Apply a batch, each mutation in a transaction of its own together with its receipt.

    Raises Gap or DeviceForked, before anything was applied, and TooLarge.
    """
    require(actor, "sync")
    check_device(actor, device_id)
    if len(mutations) > MOST_MUTATIONS:
        raise TooLarge("At most {limit} mutations at a time.", limit=MOST_MUTATIONS)
    said = [_understood(raw, place) for place, raw in enumerate(mutations)]
    if len({item.id for item in said}) < len(said):
        raise Invalid("The same mutation stands twice in one batch.")
    offset = _offset(device_time)
    last_seq = retried(
        lambda: _greet(actor, device_id, said, schema, app_version, unsent, confirmed_seq, offset)
    )
    results = []
    for item in said:
        result, last_seq = retried(lambda item=item: _one(actor, device_id, item, offset))  # type: ignore[misc]
        results.append(result)
    return {"results": results, "last_seq": last_seq, "server_time": clock.now()}


def _offset(device_time: Any) -> timedelta:
    """Return how far the phone's clock is from ours; nothing for a time that cannot be read."""
    try:
        said = datetime.fromisoformat(str(device_time))
        return clock.now() - said if said.tzinfo is not None else timedelta()
    except (ValueError, OverflowError):
        return timedelta()


def _understood(raw: Any, place: int) -> Said:
    """Read an envelope. One that makes no sense is refused by itself, as long as it has an id and a number.

    Raises Invalid without those: then nothing can be remembered about it.
    """
    try:
        head = EnvelopeHead().load(raw)
    except ma.ValidationError as error:
        fields = {f"mutations.{place}": [str(messages_of(error))[:500]]}
        raise Invalid("A mutation needs an id and a number.", fields=fields) from error
    problem: Invalid | None = None
    try:
        data = MutationIn().load(raw)
    except ma.ValidationError as error:
        fields = {str(key): [str(value)[:500]] for key, value in messages_of(error).items()}
        problem = Invalid("Some fields are missing or make no sense.", fields=fields)
        data = head | {"type": str(raw.get("type"))[:60], "happened_at": clock.now(), "args": {}}
    kind, args = raised(data["type"].replace("\x00", ""), data["args"])
    names = ("id", "seq", "type", "happened_at", "base", "depends_on", "args")
    content = {key: raw.get(key) for key in names}
    return Said(
        id=data["id"],
        seq=data["seq"],
        type=kind,
        happened_at=data["happened_at"],
        base=data.get("base") or {},
        depends_on=data.get("depends_on") or [],
        args=args,
        raw=exact(content),
        print_=fingerprint(content),
        problem=problem,
    )


def _greet(
    actor: Actor,
    device_id: UUID,
    said: list[Said],
    schema: int,
    app_version: str | None,
    unsent: int | None,
    confirmed_seq: int | None,
    offset: timedelta,
) -> int:
    """Note what the device tells of itself, and see that its batch follows on what we know."""
    with unit_of_work(actor, action="device.contact") as unit:
        device = _device(unit, device_id)
        device.last_contact_at = clock.now()
        device.schema = schema
        device.app_version = app_version or device.app_version
        if unsent is not None:
            device.unsent = unsent
        device.clock_offset_ms = int(offset.total_seconds() * 1000)
        device.clock_flagged = abs(offset) > CLOCK_SKEW_ALLOWED
        if confirmed_seq is not None and device.confirmed_seq < confirmed_seq <= device.last_seq:
            device.confirmed_seq = confirmed_seq
            _forget_receipts(unit, device_id, confirmed_seq)
        epochs.bridge(unit, device, said[0].seq if said else 0, confirmed_seq or 0)
        for item, following in itertools.pairwise(said):
            if following.seq != item.seq + 1:
                raise Gap(
                    "A mutation before this one is missing.",
                    expected_seq=max(device.last_seq, item.seq) + 1,
                )
        if said and said[0].seq > device.last_seq + 1:
            raise Gap("A mutation before this one is missing.", expected_seq=device.last_seq + 1)
        _check_fork(unit, device, said)
        return device.last_seq


def _device(unit: Unit, device_id: UUID) -> Device:
    device = unit.take(Device, device_id)
    if device is None:
        raise Invalid("Sign in with a device first.", fields={"device_id": ["Unknown device."]})
    return device


def _forget_receipts(unit: Unit, device_id: UUID, confirmed_seq: int) -> None:
    unit.session.execute(
        sa.delete(Receipt)
        .where(
            Receipt.sender_id == device_id,
            Receipt.seq <= confirmed_seq,
            Receipt.status.not_in(KEPT_WHOLE),
        )
        .execution_options(synchronize_session=False)
    )


def _check_fork(unit: Unit, device: Device, said: list[Said]) -> None:
    """See that every number and id that came before comes with what it came with then."""
    if not said:
        return
    ids = [str(item.id) for item in said]
    seqs = [item.seq for item in said]
    known = unit.session.scalars(
        select(Receipt).where(
            Receipt.sender_id == device.id, sa.or_(Receipt.key.in_(ids), Receipt.seq.in_(seqs))
        )
    ).all()
    by_key = {receipt.key: receipt for receipt in known}
    by_seq = {receipt.seq: receipt for receipt in known}
    for item in said:
        earlier = by_key.get(str(item.id)) or by_seq.get(item.seq)
        same = (
            earlier is not None
            and earlier.fingerprint == item.print_
            and earlier.key == str(item.id)
            and earlier.seq == item.seq
        )
        if (earlier is not None or item.seq <= device.last_seq) and not same:
            raise DeviceForked(
                "This number was used for something else: the phone was copied or restored.",
                seq=item.seq,
            )


def _one(
    actor: Actor, device_id: UUID, said: Said, offset: timedelta
) -> tuple[dict[str, Any], int]:
    """Apply one mutation and keep its receipt, in one transaction."""
    happened_at = said.happened_at
    if abs(offset) > CLOCK_SKEW_ALLOWED:
        happened_at += offset
    happened_at = min(happened_at, clock.now())
    with unit_of_work(actor, happened_at=happened_at, action=said.type) as unit:
        device = _device(unit, device_id)
        receipt = unit.session.get(Receipt, (unit.org_id, device_id, str(said.id)))
        if receipt is not None:
            return orjson.loads(receipt.answer) | {"replayed": True}, device.last_seq
        if said.seq != device.last_seq + 1:
            raise Gap("A mutation before this one is missing.", expected_seq=device.last_seq + 1)
        if device.state is not DeviceState.ACTIVE:
            outcome = _quarantine(unit, said)
        else:
            outcome = _attempt(unit, said)
        device.last_seq = said.seq
        answer = {"id": str(said.id), "seq": said.seq, "replayed": False} | outcome
        unit.add(
            Receipt(
                sender_id=device_id,
                key=str(said.id),
                seq=said.seq,
                type=said.type,
                fingerprint=said.print_,
                status=outcome["status"],
                answer=orjson.dumps(answer, option=orjson.OPT_UTC_Z),
                said=said.raw if outcome["status"] in KEPT_WHOLE else None,
                happened_at=said.happened_at,
                received_at=clock.now(),
            )
        )
        return answer, device.last_seq


def _quarantine(unit: Unit, said: Said) -> dict[str, Any]:
    """Keep what a suspended or revoked device says, for a person to read, applied by nobody."""
    _ask(
        unit, said, "quarantined", "A device that was cut off sent this; nothing of it was applied."
    )
    return {"status": "quarantined", "versions": {}, "notices": []}


def _attempt(unit: Unit, said: Said) -> dict[str, Any]:
    if said.problem is not None:
        return _refuse(unit, said, said.problem)
    mutation = MUTATIONS.get(said.type)
    if mutation is None:
        return _refuse(
            unit,
            said,
            DomainError(
                "There is no mutation of this type.", code="unknown_mutation", type=said.type
            ),
        )
    if cause := _refused_cause(unit, said):
        _ask(unit, said, "refused", "Something this depends on was refused.")
        error = {
            "code": "blocked",
            "message": say("Something this depends on was refused.", unit.actor.language),
            "details": {"depends_on": cause},
        }
        return {"status": "blocked", "versions": {}, "notices": [], "error": error}
    try:
        subject, args = _arguments(mutation, said)
    except Invalid as error:
        return _refuse(unit, said, error)
    try:
        with unit.attempt():
            args = _merged(unit, mutation, subject, said, args)
            mutation.action(unit, subject, **args)
            unit.session.flush()
    except DomainError as error:
        return _review(unit, said, error) if mutation.fact else _refuse(unit, said, error)
    except (
        sa.exc.DataError,
        sa.exc.IntegrityError,
        TypeError,
        ValueError,
        KeyError,
        ArithmeticError,
    ):
        # One mutation that breaks our code must not stand in the way of all that follow it.
        log.exception("a mutation could not be applied", type=said.type, id=str(said.id))
        broken = DomainError(
            "We could not apply this. It is kept, and it has been noted.", code="internal"
        )
        return _review(unit, said, broken) if mutation.fact else _refuse(unit, said, broken)
    kinds = {notice.kind for notice in unit.notices}
    status = "review" if "review" in kinds else "merged" if "merged" in kinds else "applied"
    return {"status": status, "versions": unit.versions(), "notices": _notices(unit)}


def _notices(unit: Unit) -> list[dict[str, Any]]:
    language = unit.actor.language
    return [
        {
            "kind": n.kind,
            "message": say(n.message, language, n.details),
            "details": orjson.loads(orjson.dumps(n.details, default=str)),
        }
        for n in unit.notices
    ]


def _refused_cause(unit: Unit, said: Said) -> str | None:
    for needed in said.depends_on:
        receipt = unit.session.get(Receipt, (unit.org_id, unit.actor.device_id, str(needed)))
        if receipt is not None and receipt.status in ("refused", "blocked"):
            return str(needed)
    return None


def _arguments(mutation: Mutation, said: Said) -> tuple[UUID, dict[str, Any]]:
    """Return the subject's id and the checked arguments.

    Raises Invalid with what is wrong where.
    """
    args = dict(said.args)
    try:
        subject = UUID(str(args.pop(mutation.subject)))
    except (KeyError, ValueError) as error:
        raise Invalid(
            "Some fields are missing or make no sense.",
            fields={mutation.subject: ["Not a valid UUID."]},
        ) from error
    if mutation.makes_id and args.get("id") is None:
        # The mutation's own id serves where the phone gave the new row none.
        args["id"] = str(said.id)
    shape = mutation.shape(unknown=ma.EXCLUDE)
    try:
        loaded = shape.load(args)
    except ma.ValidationError as error:
        fields = {str(key): [str(value)] for key, value in messages_of(error).items()}
        raise Invalid("Some fields are missing or make no sense.", fields=fields) from error
    return subject, loaded


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
        if name not in args or row.touched.get(name, 0) <= base or getattr(row, name) == args[name]:
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


def _error(unit: Unit, error: DomainError) -> dict[str, Any]:
    details = orjson.loads(orjson.dumps(error.details, default=str))
    return {
        "code": error.code,
        "message": say(error.message, unit.actor.language, error.details),
        "details": details,
    }


def _refuse(unit: Unit, said: Said, error: DomainError) -> dict[str, Any]:
    _ask(unit, said, "refused", say(error.message, "en", error.details))
    return {"status": "refused", "versions": {}, "notices": [], "error": _error(unit, error)}


def _review(unit: Unit, said: Said, error: DomainError) -> dict[str, Any]:
    """Accept a fact that does not fit what we hold: nothing is changed, all of it is kept, a person looks."""
    _ask(unit, said, "review", say(error.message, "en", error.details))
    return {
        "status": "review",
        "versions": {},
        "notices": _notices(unit),
        "error": _error(unit, error),
    }


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
        # PostgreSQL's JSON has no NUL; the receipt keeps what was said to the byte.
        phone_value=orjson.loads(said.raw.replace(b"\\u0000", b"\\ufffd")),
    )
