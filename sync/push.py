"""Push: what a phone says, applied once, in order, and answered from the receipt ever after.

Mutations are applied in groups, each group in one transaction together with its receipts. Inside
it each mutation is a step of its own: one that is refused leaves nothing but its receipt. Kinds
that say what they will read (`Mutation.gather`) are read and written together; the others run
behind a savepoint. Whatever goes wrong in a group is tried again more carefully, in the end one
mutation at a time, so that none stands in the way of another.

Several phones may share a transaction (`apply_together`); what goes wrong for one of them is then
tried again for that phone by itself.
"""

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import structlog

from core import clock
from core.actor import Actor
from core.database import retried
from core.errors import Conflict, DomainError, Invalid, TooLarge
from core.unit import Notice, Saying, Step, Unit, unit_of_work
from people.models import Device, DeviceState
from people.permissions import require
from sync import epochs, memory, verdicts
from sync.memory import Memory
from sync.mutations import MUTATIONS
from sync.pull import check_device
from sync.sayings import (
    CLOCK_SKEW_ALLOWED,
    OLDEST_TIME,
    Contact,
    Said,
    offset_of,
    put_right,
    understood,
)
from sync.schemas import MOST_MUTATIONS

log = structlog.get_logger("sync")

# How many mutations share a transaction: enough to share its cost, few enough to hold no lock long.
GROUP = 100


class Gap(Conflict):
    """Something the phone said earlier has not arrived."""

    code = "gap"


class Spoiled(Exception):
    """One phone's part kept others from being applied together with it."""

    def __init__(self, batch: "Batch") -> None:
        super().__init__(str(batch.device_id))
        self.batch = batch


@dataclass(slots=True)
class _Outcome:
    """What became of one mutation; the versions are known after the flush."""

    said: Said
    status: str
    step: Step
    notices: list[Notice]
    error: dict[str, Any] | None = None


_Answers = tuple[list[dict[str, Any]], int]


def read(
    actor: Actor,
    *,
    device_id: UUID,
    schema: int,
    mutations: list[Any],
    app_version: str | None = None,
    unsent: int | None = None,
    confirmed_seq: int | None = None,
    device_time: Any = None,
) -> "Batch":
    """Return what a phone says as a batch to be applied; nothing is read from the database.

    Raises Invalid for what has neither id nor number, TooLarge, and Forbidden for another device's.
    """
    require(actor, "sync")
    check_device(actor, device_id)
    if len(mutations) > MOST_MUTATIONS:
        raise TooLarge("At most {limit} mutations at a time.", limit=MOST_MUTATIONS)
    said = [understood(raw, place) for place, raw in enumerate(mutations)]
    first: dict[UUID, int] = {}
    for place, item in enumerate(said):
        if first.setdefault(item.id, place) != place:
            message = "The same mutation stands twice in one batch."
            raise Invalid(message, fields={f"mutations.{place}.id": [message]})
    contact = Contact(schema, app_version, unsent, confirmed_seq, offset_of(device_time))
    if contact.skew:
        put_right(said, contact.skew)
    return Batch(actor, device_id, said, contact)


class Batch:
    """One device's batch on its way into the database."""

    def __init__(self, actor: Actor, device_id: UUID, said: list[Said], contact: Contact) -> None:
        self.actor = actor
        self.device_id = device_id
        self.said = said
        self.contact = contact

    @property
    def sociable(self) -> bool:
        """Tell whether it may share a transaction: all it says is read and written together anyway."""
        return len(self.said) <= GROUP and all(
            item.problem is None and MUTATIONS[item.type].gather is not None for item in self.said
        )

    def apply(self) -> dict[str, Any]:
        """Apply the mutations group by group, each together with its receipt, and return the answer.

        Raises Gap or DeviceForked, before anything was applied.
        """
        results: list[dict[str, Any]] = []
        last_seq = 0
        for start in range(0, max(len(self.said), 1), GROUP):
            group = self.said[start : start + GROUP]
            answers, last_seq = self._settle(group, first=start == 0)
            results += answers
        return answer_of(results, last_seq)

    def _settle(self, group: list[Said], *, first: bool) -> _Answers:
        """Apply a group; where one mutation spoils it, again with more care."""
        careful: set[UUID] = set()
        alone = functools.partial(self._alone, group, first, careful)
        while True:
            try:
                return retried(alone)
            except verdicts.TryCarefully as failed:
                careful.add(failed.mutation_id)
            except verdicts.Clashed as clash:
                clash.said.clashed = True
            except verdicts.BROKEN:
                if len(careful) < len(group):
                    careful.update(item.id for item in group)
                elif len(group) > 1:
                    return self._one_by_one(group, first=first)
                else:
                    # Only the commit finds it out, so that nothing of it can be tried.
                    log.exception("a mutation could not be applied", type=group[0].type)
                    group[0].problem = verdicts.internal()

    def _one_by_one(self, group: list[Said], *, first: bool) -> _Answers:
        results: list[dict[str, Any]] = []
        last_seq = 0
        for place, item in enumerate(group):
            answers, last_seq = self._settle([item], first=first and place == 0)
            results += answers
        return results, last_seq

    def _alone(self, group: list[Said], first: bool, careful: set[UUID]) -> _Answers:
        with unit_of_work(self.actor, action="sync.push") as unit:
            (part,) = _parts(unit, [(self, group, first)])
            part.look()
            _gather(unit, [part])
            part.act(memory.statuses_of(unit, part.new), careful)
            return _finish(unit, [part])[0]

    def note_contact(self, device: Device) -> None:
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

    def time_of(self, said: Said) -> datetime:
        """Return when it happened by our clock: never in the future, and never before anybody can have said it."""
        now = clock.now()
        return now if self.is_stale(said) else min(said.happened_at + self.contact.skew, now)

    def is_stale(self, said: Said) -> bool:
        """Tell whether it is said to have happened so long ago that nobody believes it."""
        return said.happened_at < clock.now() - OLDEST_TIME - self.contact.skew


def answer_of(results: list[dict[str, Any]], last_seq: int) -> dict[str, Any]:
    """Return the answer to a batch."""
    return {"results": results, "last_seq": last_seq, "server_time": clock.now()}


def apply_together(batches: Sequence[Batch]) -> list[dict[str, Any]]:
    """Apply several phones' batches of one organisation in one transaction, and return their answers.

    None of the mutations may stand in two of the batches. Raises Spoiled with the first batch that
    needs a transaction of its own; nothing was applied then.
    """

    def once() -> list[_Answers]:
        with unit_of_work(batches[0].actor, action="sync.push") as unit:
            parts = _parts(unit, [(batch, batch.said, True) for batch in batches])
            for part in parts:
                _by_itself(part, part.look)
            _gather(unit, parts)
            statuses = memory.statuses_of(unit, [item for part in parts for item in part.new])
            for part in parts:
                _by_itself(part, part.act, statuses, set())
            return _finish(unit, parts)

    return [answer_of(results, last_seq) for results, last_seq in retried(once)]


def _by_itself(part: "_Part", do: Callable[..., None], *args: Any) -> None:
    try:
        do(*args)
    except (DomainError, verdicts.TryCarefully, verdicts.Clashed, *verdicts.BROKEN) as error:
        raise Spoiled(part.batch) from error


@dataclass(slots=True)
class _Part:
    """What one device has in a transaction: some of its batch, the first of it or not."""

    unit: Unit
    batch: Batch
    group: list[Said]
    first: bool
    device: Device
    memory: Memory
    answers: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    fresh: list[Said] = field(default_factory=list)
    again: list[tuple[Said, Any]] = field(default_factory=list)
    new: list[Said] = field(default_factory=list)
    outcomes: list[_Outcome] = field(default_factory=list)

    def look(self) -> None:
        """See that the batch follows on what we know, and what of it is new.

        Raises Gap or DeviceForked.
        """
        if self.first:
            with self.unit.acting(self.batch.actor):
                self._check_order()
        known = self.memory
        self.answers = {
            item.id: orjson.loads(receipt.answer) | {"replayed": True}
            for item in self.group
            if (receipt := known.own.get(str(item.id)))
        }
        self.fresh = [item for item in self.group if item.id not in self.answers]
        last_seq = self.device.last_seq
        if self.fresh and self.fresh[0].seq != last_seq + 1:
            raise Gap("A mutation before this one is missing.", expected_seq=last_seq + 1)
        for item in self.fresh:
            if receipt := known.said_elsewhere(item):
                self.again.append((item, receipt))
            else:
                item.reused = str(item.id) in known.elsewhere
                self.new.append(item)

    def _check_order(self) -> None:
        said, device = self.batch.said, self.device
        confirmed = self.batch.contact.confirmed_seq or 0
        with self.unit.step("sync.push", clock.now()):
            epochs.bridge(self.unit, device, said[0].seq if said else 0, confirmed)
        if said and said[0].seq > device.last_seq + 1:
            raise Gap("A mutation before this one is missing.", expected_seq=device.last_seq + 1)
        for item, following in itertools.pairwise(said):
            if following.seq != item.seq + 1:
                raise Gap(
                    "A mutation before this one is missing.",
                    expected_seq=max(device.last_seq, item.seq) + 1,
                )
        memory.check_fork(self.unit, device, self.memory, said)

    @property
    def active(self) -> bool:
        """Tell whether what the device says is applied, and not kept apart."""
        return self.device.state is DeviceState.ACTIVE

    def act(self, statuses: dict[str, str], careful: set[UUID]) -> None:
        """Apply what is new, mutation by mutation."""
        unit = self.unit
        with unit.acting(self.batch.actor):
            for item in self.new:
                notices = len(unit.notices)
                with unit.step(item.type, self.batch.time_of(item)) as step:
                    status, error = self._applied(item, step, statuses, careful)
                    if status == "applied" and self.batch.is_stale(item):
                        verdicts.doubt(unit, item)
                said = unit.notices[notices:]
                if status == "applied":
                    kinds = {notice.kind for notice in said}
                    status = (
                        "review" if "review" in kinds else "merged" if "merged" in kinds else status
                    )
                statuses[str(item.id)] = status
                self.outcomes.append(_Outcome(item, status, step, said, error))

    def _applied(
        self, item: Said, step: Step, statuses: dict[str, str], careful: set[UUID]
    ) -> verdicts.Result:
        if not self.active:
            return verdicts.quarantine(self.unit, item)
        if item.problem is not None:
            return verdicts.refuse(self.unit, item, item.problem)
        if item.reused:
            return verdicts.turned_down(
                self.unit, MUTATIONS[item.type], item, verdicts.key_reused()
            )
        if cause := _refused_cause(item, statuses):
            return verdicts.block(self.unit, item, cause)
        if item.id in careful:
            return verdicts.carefully(self.unit, MUTATIONS[item.type], item)
        return verdicts.lightly(self.unit, MUTATIONS[item.type], item, step)

    def note(self) -> None:
        """Note on the device how far it has come."""
        if self.fresh:
            self.device.last_seq = self.fresh[-1].seq
        if self.first:
            self.batch.note_contact(self.device)

    def receipts(self) -> list[dict[str, Any]]:
        """Return the receipts of what was applied, and note the answers they hold; after the flush."""
        rows = []
        with self.unit.acting(self.batch.actor):
            for outcome in self.outcomes:
                said = outcome.said
                answer: dict[str, Any] = {
                    "id": str(said.id),
                    "seq": said.seq,
                    "replayed": False,
                    "status": outcome.status,
                    "versions": {} if outcome.error else outcome.step.versions(),
                    "notices": verdicts.notices_of(self.unit, outcome.notices),
                }
                if outcome.error:
                    answer["error"] = outcome.error
                self.answers[said.id] = answer
                rows.append(memory.receipt_of(self.device, said, answer))
            for said, earlier in self.again:
                answer = orjson.loads(earlier.answer) | {"seq": said.seq}
                self.answers[said.id] = answer | {"replayed": True}
                rows.append(memory.receipt_of(self.device, said, answer))
        return rows


def _parts(unit: Unit, wanted: Sequence[tuple[Batch, list[Said], bool]]) -> list[_Part]:
    """Lock the devices, recall what they said before, and return what each has in the transaction."""
    unit.expect(Device, [batch.device_id for batch, *_ in wanted], lock=True)
    said = [
        (_device(unit, batch.device_id), batch.said if first else group)
        for batch, group, first in wanted
    ]
    return [
        _Part(unit, batch, group, first, device, known)
        for (batch, group, first), (device, _), known in zip(
            wanted, said, memory.recall(unit, said), strict=True
        )
    ]


def _device(unit: Unit, device_id: UUID) -> Device:
    device = unit.take(Device, device_id)
    if device is None:
        raise Invalid("Sign in with a device first.", fields={"device_id": ["Unknown device."]})
    return device


def _refused_cause(said: Said, statuses: dict[str, str]) -> str | None:
    for needed in said.depends_on:
        if statuses.get(str(needed)) in ("refused", "blocked"):
            return str(needed)
    return None


def _gather(unit: Unit, parts: Sequence[_Part]) -> None:
    """Read together what the new mutations will ask for one by one."""
    wanted: dict[Callable[..., None], list[Saying]] = {}
    for part in parts:
        for item in part.new if part.active else ():
            mutation = MUTATIONS.get(item.type)
            if mutation and mutation.gather and item.problem is None and item.subject is not None:
                saying = Saying(part.batch.actor, item.subject, item.loaded)
                wanted.setdefault(mutation.gather, []).append(saying)
    for gather, sayings in wanted.items():
        gather(unit, sayings)


def _finish(unit: Unit, parts: Sequence[_Part]) -> list[_Answers]:
    """Write what was changed, and the receipts; return what each device is answered."""
    for part in parts:
        part.note()
    unit.session.flush()
    memory.keep(unit, [row for part in parts for row in part.receipts()])
    return [
        ([part.answers[item.id] for item in part.group], part.device.last_seq) for part in parts
    ]
