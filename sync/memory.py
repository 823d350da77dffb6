"""What was said before, and what we answered: the receipts of phones."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import select

from core import bulk, clock
from core.errors import Conflict
from core.receipts import Receipt, exact, hashed_content
from core.unit import Unit
from people.models import Device
from sync.retention import KEPT_WHOLE
from sync.sayings import Said

receipts: Any = Receipt.__table__


class DeviceForked(Conflict):
    """The phone was restored from a backup or copied; it must register anew and number its outbox again."""

    code = "device_forked"


class _Kept(NamedTuple):
    """What a receipt says that matters here."""

    sender_id: UUID
    key: str
    seq: int | None
    fingerprint: bytes
    answer: bytes


@dataclass(slots=True)
class Memory:
    """The receipts of what these mutations said before: on this device, or on one that it was copied from.

    A mutation takes effect once, whichever of a person's devices says it again.
    """

    own: dict[str, _Kept] = field(default_factory=dict)
    elsewhere: dict[str, list[_Kept]] = field(default_factory=dict)

    def said_elsewhere(self, said: Said) -> _Kept | None:
        """Return the receipt of the very same words from another device; they had a number of its own there."""
        for receipt in self.elsewhere.get(str(said.id), ()):
            words = exact(json.loads(said.raw) | {"seq": receipt.seq})
            if hashed_content(words) == receipt.fingerprint:
                return receipt
        return None


def recall(unit: Unit, said: Iterable[tuple[Device, Sequence[Said]]]) -> list[Memory]:
    """Return for each device what is remembered of what it says."""
    asked = [(device, {str(item.id) for item in sayings}) for device, sayings in said]
    keys = sorted({key for _, wanted in asked for key in wanted})
    known = _receipts(unit, "key", keys)
    return [
        _recalled(unit, device, [receipt for receipt in known if receipt.key in wanted])
        for device, wanted in asked
    ]


def _recalled(unit: Unit, device: Device, known: list[_Kept]) -> Memory:
    own = {receipt.key: receipt for receipt in known if receipt.sender_id == device.id}
    if len(own) == len(known):
        return Memory(own)
    query = select(Device.id).where(Device.account_id == device.account_id)
    mine = set(unit.session.scalars(query))
    elsewhere: dict[str, list[_Kept]] = {}
    for receipt in known:
        if receipt.sender_id in mine and receipt.key not in own:
            elsewhere.setdefault(receipt.key, []).append(receipt)
    return Memory(own, elsewhere)


def check_fork(unit: Unit, device: Device, memory: Memory, said: Sequence[Said]) -> None:
    """See that every number and id that came before comes with what it came with then.

    Raises DeviceForked.
    """
    before = [item.seq for item in said if item.seq <= device.last_seq]
    by_seq = {receipt.seq: receipt for receipt in _receipts(unit, "seq", before, device)}
    for item in said:
        earlier = memory.own.get(str(item.id)) or by_seq.get(item.seq)
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


def statuses_of(unit: Unit, said: Sequence[Said]) -> dict[str, str]:
    """Return what became of the earlier mutations that these depend on."""
    needed = {str(needed) for item in said for needed in item.depends_on}
    needed -= {str(item.id) for item in said}
    if not needed:
        return {}
    query = select(Receipt.key, Receipt.status).where(Receipt.key.in_(sorted(needed)))
    return {row.key: row.status for row in unit.session.execute(query)}


def receipt_of(device: Device, said: Said, answer: dict[str, Any]) -> dict[str, Any]:
    """Return the row that keeps this answer."""
    return {
        "org_id": device.org_id,
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


def keep(unit: Unit, rows: Sequence[dict[str, Any]]) -> None:
    """Write receipts in one statement."""
    bulk.insert(unit.session.connection(), receipts, rows)
