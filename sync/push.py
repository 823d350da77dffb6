"""Push: what a phone says, applied once, in order, and answered from the receipt ever after.

Mutations are applied in groups, each group in one transaction together with its receipts. Inside
it each mutation is a step of its own: one that is refused leaves nothing but its receipt. Kinds
that say what they will read (`Mutation.gather`) are read and written together; the others run
behind a savepoint. Whatever goes wrong in a group is tried again more carefully, in the end one
mutation at a time, so that none stands in the way of another.
"""

import contextlib
import functools
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import marshmallow as ma
import orjson
import sqlalchemy as sa
import structlog
from sqlalchemy import select

from core import bulk, clock
from core.actor import Actor
from core.database import retried
from core.errors import Conflict, DomainError, Invalid, TooLarge
from core.languages import say, say_in_all
from core.receipts import Receipt, exact, hashed_content
from core.unit import Notice, Step, Unit, unit_of_work
from people.models import Device, DeviceState
from people.permissions import require
from sync import epochs
from sync.envelope import well_formed
from sync.mutations import MODELS, MUTATIONS, Mutation, arguments
from sync.pull import check_device
from sync.retention import KEPT_WHOLE
from sync.schemas import MOST_MUTATIONS, EnvelopeHead, MutationIn, messages_of
from sync.versions import raised
from work.actions import raise_attention

receipts: Any = Receipt.__table__

log = structlog.get_logger("sync")

# What a person is shown of something that is nested too deeply to be kept as it is, in bytes.
LONGEST_SHOWN = 2000
# How many mutations share a transaction: enough to share its cost, few enough to hold no lock long.
GROUP = 100
# A phone's clock may differ this much before its times are put right by the measured offset.
CLOCK_SKEW_ALLOWED = timedelta(minutes=5)
# A time further back than this is no longer believed: it counts as now, and a person looks.
OLDEST_TIME = timedelta(days=366)
# What our own code or the database says of a mutation that it cannot take.
BROKEN = (
    sa.exc.DataError,
    sa.exc.IntegrityError,
    TypeError,
    ValueError,
    KeyError,
    ArithmeticError,
)


class Gap(Conflict):
    """Something the phone said earlier has not arrived."""

    code = "gap"


class DeviceForked(Conflict):
    """The phone was restored from a backup or copied; it must register anew and number its outbox again."""

    code = "device_forked"


class _TryCarefully(Exception):
    """One mutation failed after it had changed something: the group is to be done again, that one by itself."""

    def __init__(self, mutation_id: UUID) -> None:
        super().__init__(str(mutation_id))
        self.mutation_id = mutation_id


class _Clashed(Exception):
    """Somebody else has just made the row that a mutation was about to make: done again, it finds theirs."""

    def __init__(self, said: "Said") -> None:
        super().__init__(str(said.id))
        self.said = said


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


@dataclass(slots=True)
class _Outcome:
    """What became of one mutation; the versions are known after the flush."""

    said: Said
    status: str
    step: Step
    notices: list[Notice]
    error: dict[str, Any] | None = None


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
    """Apply a batch, each mutation together with its receipt.

    Raises Gap or DeviceForked, before anything was applied, and TooLarge.
    """
    require(actor, "sync")
    check_device(actor, device_id)
    if len(mutations) > MOST_MUTATIONS:
        raise TooLarge("At most {limit} mutations at a time.", limit=MOST_MUTATIONS)
    said = [_understood(raw, place) for place, raw in enumerate(mutations)]
    if len({item.id for item in said}) < len(said):
        raise Invalid("The same mutation stands twice in one batch.")
    contact = Contact(schema, app_version, unsent, confirmed_seq, _offset(device_time))
    if contact.skew:
        _put_right(said, contact.skew)
    batch = _Batch(actor, device_id, said, contact)
    return batch.apply() | {"server_time": clock.now()}


def _offset(device_time: Any) -> timedelta:
    """Return how far the phone's clock is from ours; nothing for a time that cannot be read."""
    try:
        said = datetime.fromisoformat(str(device_time))
        return clock.now() - said if said.tzinfo is not None else timedelta()
    except (ValueError, OverflowError):
        return timedelta()


def _put_right(said: list[Said], skew: timedelta) -> None:
    """Shift what was read off a clock that goes wrong."""
    for item in said:
        mutation = MUTATIONS.get(item.type)
        for name in mutation.clocked if mutation else ():
            if isinstance(moment := item.loaded.get(name), datetime):
                # What lies at the end of all time stays there.
                with contextlib.suppress(OverflowError):
                    item.loaded[name] = moment + skew


def _understood(raw: Any, place: int) -> Said:
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
        fields = {f"mutations.{place}": [str(messages_of(error))[:500]]}
        raise Invalid("A mutation needs an id and a number.", fields=fields) from error
    try:
        return MutationIn().load(raw), None
    except ma.ValidationError as error:
        fields = {str(key): [str(value)[:500]] for key, value in messages_of(error).items()}
        problem = Invalid("Some fields are missing or make no sense.", fields=fields)
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


class _Batch:
    """One device's batch on its way into the database."""

    def __init__(self, actor: Actor, device_id: UUID, said: list[Said], contact: Contact) -> None:
        self.actor = actor
        self.device_id = device_id
        self.said = said
        self.contact = contact

    def apply(self) -> dict[str, Any]:
        """Apply the mutations group by group."""
        results: list[dict[str, Any]] = []
        last_seq = 0
        for start in range(0, max(len(self.said), 1), GROUP):
            group = self.said[start : start + GROUP]
            answers, last_seq = self._settle(group, first=start == 0)
            results += answers
        return {"results": results, "last_seq": last_seq}

    def _settle(self, group: list[Said], *, first: bool) -> tuple[list[dict[str, Any]], int]:
        """Apply a group; where one mutation spoils it, again with more care."""
        careful: set[UUID] = set()
        together = functools.partial(self._together, group, first, careful)
        while True:
            try:
                return retried(together)
            except _TryCarefully as failed:
                careful.add(failed.mutation_id)
            except _Clashed as clash:
                clash.said.clashed = True
            except BROKEN:
                if len(careful) < len(group):
                    careful.update(item.id for item in group)
                elif len(group) > 1:
                    return self._one_by_one(group, first=first)
                else:
                    # Only the commit finds it out, so that nothing of it can be tried.
                    log.exception("a mutation could not be applied", type=group[0].type)
                    group[0].problem = _internal()

    def _one_by_one(self, group: list[Said], *, first: bool) -> tuple[list[dict[str, Any]], int]:
        results: list[dict[str, Any]] = []
        last_seq = 0
        for place, item in enumerate(group):
            answers, last_seq = self._settle([item], first=first and place == 0)
            results += answers
        return results, last_seq

    def _together(
        self, group: list[Said], first: bool, careful: set[UUID]
    ) -> tuple[list[dict[str, Any]], int]:
        """Apply a group in one transaction."""
        with unit_of_work(self.actor, action="sync.push") as unit:
            device = _device(unit, self.device_id)
            memory = _Memory(unit, device, self.said if first else group)
            if first:
                self._check_order(unit, device, memory)
            answers = {
                item.id: orjson.loads(receipt.answer) | {"replayed": True}
                for item in group
                if (receipt := memory.own.get(str(item.id)))
            }
            fresh = [item for item in group if item.id not in answers]
            if fresh and fresh[0].seq != device.last_seq + 1:
                raise Gap(
                    "A mutation before this one is missing.", expected_seq=device.last_seq + 1
                )
            again = [(item, earlier) for item in fresh if (earlier := memory.said_elsewhere(item))]
            said_before = {item.id for item, _ in again}
            new = [item for item in fresh if item.id not in said_before]
            for item in new:
                item.reused = str(item.id) in memory.elsewhere
            outcomes = self._outcomes(unit, device, new, careful)
            if fresh:
                device.last_seq = fresh[-1].seq
            if first:
                self._note_contact(device)
            unit.session.flush()
            answers |= _keep_receipts(unit, device, outcomes, again)
            return [answers[item.id] for item in group], device.last_seq

    def _note_contact(self, device: Device) -> None:
        """Note what the device tells of itself."""
        contact = self.contact
        device.last_contact_at = clock.now()
        device.schema = contact.schema
        device.app_version = contact.app_version or device.app_version
        if contact.unsent is not None:
            device.unsent = contact.unsent
        device.clock_offset_ms = int(contact.offset.total_seconds() * 1000)
        device.clock_flagged = abs(contact.offset) > CLOCK_SKEW_ALLOWED
        confirmed = contact.confirmed_seq
        if confirmed is not None and device.confirmed_seq < confirmed <= device.last_seq:
            device.confirmed_seq = confirmed

    def _check_order(self, unit: Unit, device: Device, memory: "_Memory") -> None:
        """See that the batch follows on what we know."""
        said = self.said
        epochs.bridge(unit, device, said[0].seq if said else 0, self.contact.confirmed_seq or 0)
        if said and said[0].seq > device.last_seq + 1:
            raise Gap("A mutation before this one is missing.", expected_seq=device.last_seq + 1)
        for item, following in itertools.pairwise(said):
            if following.seq != item.seq + 1:
                raise Gap(
                    "A mutation before this one is missing.",
                    expected_seq=max(device.last_seq, item.seq) + 1,
                )
        memory.check_fork(unit, device, said)

    def _outcomes(
        self, unit: Unit, device: Device, fresh: list[Said], careful: set[UUID]
    ) -> list[_Outcome]:
        statuses = _statuses_of(unit, fresh)
        active = device.state is DeviceState.ACTIVE
        if active:
            _gather(unit, fresh)
        outcomes = []
        for item in fresh:
            notices = len(unit.notices)
            with unit.step(item.type, self._time_of(item)) as step:
                if not active:
                    status, error = _quarantine(unit, item)
                elif item.problem is not None:
                    status, error = _refuse(unit, item, item.problem)
                elif item.reused:
                    status, error = _turned_down(unit, MUTATIONS[item.type], item, _reused())
                elif cause := _refused_cause(item, statuses):
                    status, error = _block(unit, item, cause)
                elif item.id in careful:
                    status, error = _carefully(unit, MUTATIONS[item.type], item)
                else:
                    status, error = _lightly(unit, MUTATIONS[item.type], item, step)
                if status == "applied" and self._is_stale(item):
                    _doubt(unit, item)
            said = unit.notices[notices:]
            if status == "applied":
                kinds = {notice.kind for notice in said}
                status = (
                    "review" if "review" in kinds else "merged" if "merged" in kinds else status
                )
            statuses[str(item.id)] = status
            outcomes.append(_Outcome(item, status, step, said, error))
        return outcomes

    def _time_of(self, said: Said) -> datetime:
        """Return when it happened by our clock: never in the future, and never before anybody can have said it."""
        return (
            clock.now()
            if self._is_stale(said)
            else min(said.happened_at + self.contact.skew, clock.now())
        )

    def _is_stale(self, said: Said) -> bool:
        return said.happened_at < clock.now() - OLDEST_TIME - self.contact.skew


def _device(unit: Unit, device_id: UUID) -> Device:
    device = unit.take(Device, device_id)
    if device is None:
        raise Invalid("Sign in with a device first.", fields={"device_id": ["Unknown device."]})
    return device


class _Memory:
    """The receipts of what these mutations said before: on this device, or on one that it was copied from.

    A mutation takes effect once, whichever of a person's devices says it again.
    """

    def __init__(self, unit: Unit, device: Device, said: list[Said]) -> None:
        self.own: dict[str, Any] = {}
        self.elsewhere: dict[str, list[_Kept]] = {}
        if not said:
            return
        known = _receipts(unit, "key", [str(item.id) for item in said])
        self.own = {receipt.key: receipt for receipt in known if receipt.sender_id == device.id}
        if len(self.own) < len(known):
            query = select(Device.id).where(Device.account_id == device.account_id)
            mine = set(unit.session.scalars(query))
            for receipt in known:
                if receipt.sender_id in mine and receipt.key not in self.own:
                    self.elsewhere.setdefault(receipt.key, []).append(receipt)

    def said_elsewhere(self, said: Said) -> "_Kept | None":
        """Return the receipt of the very same words from another device; they had a number of its own there."""
        for receipt in self.elsewhere.get(str(said.id), ()):
            if (
                hashed_content(exact(json.loads(said.raw) | {"seq": receipt.seq}))
                == receipt.fingerprint
            ):
                return receipt
        return None

    def check_fork(self, unit: Unit, device: Device, said: list[Said]) -> None:
        """See that every number and id that came before comes with what it came with then."""
        before = [item.seq for item in said if item.seq <= device.last_seq]
        by_seq = {
            receipt.seq: receipt
            for receipt in (_receipts(unit, "seq", before, device) if before else [])
        }
        for item in said:
            earlier = self.own.get(str(item.id)) or by_seq.get(item.seq)
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


class _Kept(NamedTuple):
    """What a receipt says that matters here."""

    sender_id: UUID
    key: str
    seq: int | None
    fingerprint: bytes
    answer: bytes


def _receipts(
    unit: Unit, column: str, values: Sequence[Any], device: Device | None = None
) -> list[_Kept]:
    rows = bulk.select(
        unit.session.connection(),
        receipts,
        _Kept._fields,
        org_id=unit.org_id,
        equal=(("sender_id", device.id),) if device is not None else (),
        column=column,
        values=values,
    )
    return [_Kept._make(row) for row in rows]


def _statuses_of(unit: Unit, fresh: list[Said]) -> dict[str, str]:
    """Return what became of the earlier mutations that these depend on."""
    needed = {str(needed) for item in fresh for needed in item.depends_on}
    needed -= {str(item.id) for item in fresh}
    if not needed:
        return {}
    query = select(Receipt.key, Receipt.status).where(Receipt.key.in_(sorted(needed)))
    return {row.key: row.status for row in unit.session.execute(query)}


def _refused_cause(said: Said, statuses: dict[str, str]) -> str | None:
    for needed in said.depends_on:
        if statuses.get(str(needed)) in ("refused", "blocked"):
            return str(needed)
    return None


def _gather(unit: Unit, fresh: list[Said]) -> None:
    """Read together what the mutations of this group will ask for one by one."""
    wanted: dict[Callable[..., None], list[tuple[UUID, dict[str, Any]]]] = {}
    for item in fresh:
        mutation = MUTATIONS.get(item.type)
        if mutation and mutation.gather and item.problem is None and item.subject is not None:
            wanted.setdefault(mutation.gather, []).append((item.subject, item.loaded))
    for gather, sayings in wanted.items():
        gather(unit, sayings)


def _keep_receipts(
    unit: Unit, device: Device, outcomes: list[_Outcome], said_before: list[tuple[Said, Any]]
) -> dict[UUID, dict[str, Any]]:
    """Write the receipts in one statement, and return the answers they hold."""
    answers: dict[UUID, dict[str, Any]] = {}
    rows = []
    for outcome in outcomes:
        said = outcome.said
        answer: dict[str, Any] = {
            "id": str(said.id),
            "seq": said.seq,
            "replayed": False,
            "status": outcome.status,
            "versions": {} if outcome.error else outcome.step.versions(),
            "notices": _notices(unit, outcome.notices),
        }
        if outcome.error:
            answer["error"] = outcome.error
        answers[said.id] = answer
        rows.append(_receipt(unit, device, said, answer))
    for said, earlier in said_before:
        answer = orjson.loads(earlier.answer) | {"seq": said.seq}
        answers[said.id] = answer | {"replayed": True}
        rows.append(_receipt(unit, device, said, answer))
    bulk.insert(unit.session.connection(), receipts, rows)
    return answers


def _receipt(unit: Unit, device: Device, said: Said, answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "org_id": unit.org_id,
        "sender_id": device.id,
        "key": str(said.id),
        "seq": said.seq,
        "type": said.type,
        "fingerprint": said.print_,
        "status": answer["status"],
        "answer": orjson.dumps(answer, option=orjson.OPT_UTC_Z),
        "said": said.raw if answer["status"] in KEPT_WHOLE else None,
        "happened_at": said.happened_at,
        "received_at": clock.now(),
    }


_Result = tuple[str, dict[str, Any] | None]


def _lightly(unit: Unit, mutation: Mutation, said: Said, step: Step) -> _Result:
    """Apply without a savepoint what said beforehand what it needs; it is written with its neighbours."""
    if mutation.gather is None:
        return _carefully(unit, mutation, said)
    notices, events = len(unit.notices), len(unit.events)
    try:
        _act(unit, mutation, said)
    except DomainError as error:
        if unit.changed_by(step):
            raise _TryCarefully(said.id) from error
        del unit.notices[notices:], unit.events[events:]
        return _turned_down(unit, mutation, said, error)
    except BROKEN as error:
        raise _TryCarefully(said.id) from error
    return "applied", None


def _carefully(unit: Unit, mutation: Mutation, said: Said) -> _Result:
    """Apply behind a savepoint, so that what fails takes back what it did."""
    try:
        with unit.attempt():
            _act(unit, mutation, said)
    except DomainError as error:
        return _turned_down(unit, mutation, said, error)
    except BROKEN as error:
        if isinstance(error, sa.exc.IntegrityError) and not said.clashed:
            raise _Clashed(said) from error
        # One mutation that breaks our code must not stand in the way of all that follow it.
        log.exception("a mutation could not be applied", type=said.type, id=str(said.id))
        return _turned_down(unit, mutation, said, _internal())
    return "applied", None


def _act(unit: Unit, mutation: Mutation, said: Said) -> None:
    assert said.subject is not None  # noqa: S101 - a mutation without one has a problem
    args = _merged(unit, mutation, said.subject, said, said.loaded)
    mutation.action(unit, said.subject, **args)


def _reused() -> Conflict:
    return Conflict("This key was already used for something else.", code="key_reused")


def _internal() -> DomainError:
    return DomainError(
        "We could not apply this. It is kept, and it has been noted.", code="internal"
    )


def _turned_down(unit: Unit, mutation: Mutation, said: Said, error: DomainError) -> _Result:
    return _review(unit, said, error) if mutation.fact else _refuse(unit, said, error)


def _quarantine(unit: Unit, said: Said) -> _Result:
    """Keep what a suspended or revoked device says, for a person to read, applied by nobody."""
    _ask(
        unit, said, "quarantined", "A device that was cut off sent this; nothing of it was applied."
    )
    return "quarantined", None


def _doubt(unit: Unit, said: Said) -> None:
    """Let a person look at a time that cannot be: what was said is done, and counts from now."""
    message = "It is said to have happened more than a year ago; it counts as of now."
    unit.notice("review", message, happened_at=said.happened_at)
    _ask(unit, said, "review", message)


def _block(unit: Unit, said: Said, cause: str) -> _Result:
    _ask(unit, said, "refused", "Something this depends on was refused.")
    return "blocked", {
        "code": "blocked",
        "message": say("Something this depends on was refused.", unit.actor.language),
        "messages": say_in_all("Something this depends on was refused."),
        "details": {"depends_on": cause},
    }


def _notices(unit: Unit, notices: list[Notice]) -> list[dict[str, Any]]:
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


def _refuse(unit: Unit, said: Said, error: DomainError) -> _Result:
    _ask(unit, said, "refused", say(error.message, "en", error.details))
    return "refused", _error(unit, error)


def _review(unit: Unit, said: Said, error: DomainError) -> _Result:
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
