"""A server of the protocol that keeps a small world in memory and misbehaves when it is told to.

What clients ask is written down, and so is what they ask against the protocol.
"""

import base64
import json
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from conformance.client import Key, digest

OLDEST, CURRENT = 1, 2
TOKEN_S = 900
# No client may look into a cursor, so this one has in it what breaks when somebody does.
ODD = 'é"\\/+= '
# What the server says it cannot read, wherever it stands.
POISON = "poison"
MUTATION = ("id", "seq", "type", "happened_at", "base", "depends_on", "args")


@dataclass
class Asked:
    """One request as it came."""

    door: str
    body: dict[str, Any]
    at: float
    device: str | None


@dataclass
class Reply:
    """What goes back; `cut` is the share of it after which the line breaks, None for none at all."""

    status: int
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: float = 1.0


def refused(status: int, code: str, details: Any = None, headers: Any = None) -> Reply:
    """Return an error in the form of all errors."""
    body = {"code": code, "message": code, "details": details or {}, "request_id": str(uuid4())}
    return Reply(status, body, headers or {})


@dataclass
class Device:
    """What the server knows of one device."""

    last_seq: int = 0
    receipts: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)


class Stage:
    """The small world, and the faults that wait at its doors."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.lock = threading.RLock()
        self.log: list[dict[str, Any] | None] = []
        self.held: dict[tuple[str, Key], dict[str, Any]] = {}
        self.scopes: set[str] = set()
        self.epoch = 1
        self.page_rows = 1000
        self.devices: dict[str, Device] = {}
        self.applied: list[dict[str, Any]] = []
        self.quarantined: list[dict[str, Any]] = []
        self.verdicts: dict[str, dict[str, Any]] = {}
        self.faults: list[dict[str, Any]] = []
        self.asked: list[Asked] = []
        self.wrong: list[str] = []
        self.tokens: dict[str, str] = {}
        self.state = "active"
        self.wiped: list[str] = []
        self.given: set[str] = set()
        for row in rows:
            self.put(row)

    # The world

    def put(self, row: dict[str, Any], *, silently: bool = False) -> None:
        """Let a row be in a scope; silently, no pull tells of it and only the checksum shows it."""
        row = {"op": "put", **row}
        self.scopes.add(row["scope"])
        self.held[(row["scope"], (row["entity"], row["id"]))] = row
        if not silently:
            self.log.append(row)

    def take(self, row: dict[str, Any]) -> None:
        """Take a row out of a scope: `leave` where another one holds it."""
        key = (row["entity"], row["id"])
        self.held.pop((row["scope"], key))
        elsewhere = any(other == key for _, other in self.held)
        self.log.append({"op": "leave" if elsewhere else "remove", **row})

    def drop(self, scope: str) -> None:
        """Take a scope from every device."""
        self.scopes.discard(scope)
        self.held = {at: row for at, row in self.held.items() if at[0] != scope}
        # Places in the log are what cursors point at: they stay.
        self.log = [None if row and row["scope"] == scope else row for row in self.log]
        self.log.append({"op": "drop_scope", "scope": scope})

    def begin_again(self, lost: int = 0) -> None:
        """Be restored from a backup: cursors lead nowhere, and the newest mutations are forgotten."""
        self.epoch += 1
        newest = self.applied[len(self.applied) - lost :] if lost else []
        gone = {said["id"] for said in newest} | {said["args"].get("id") for said in newest}
        self.applied = [said for said in self.applied if said["id"] not in gone]
        self.held = {at: row for at, row in self.held.items() if row["id"] not in gone}
        self.log = list(self.held.values())
        for device in self.devices.values():
            device.receipts = {k: v for k, v in device.receipts.items() if k not in gone}
            device.last_seq = max((r["seq"] for _, r in device.receipts.values()), default=0)

    def checkpoint(self) -> dict[str, Any]:
        """Return how many rows each scope has, and their sum."""
        return {scope: self.sum_of(self.rows_of(scope)) for scope in sorted(self.scopes)}

    def rows_of(self, scope: str) -> list[dict[str, Any]]:
        """Return the rows of a scope."""
        return [row for (name, _), row in self.held.items() if name == scope]

    def sum_of(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Return number and sum of some rows."""
        total = sum(digest(row["entity"], row["id"], row["version"]) for row in rows)
        return {"count": len(rows), "checksum": f"{total % 2**64:016x}"}

    # The doors

    def answer(self, path: str, body: dict[str, Any], token: str) -> Reply:
        """Answer a request, or fail at it as a fault says that waits at its door."""
        door = path.removeprefix("/v1/").removeprefix("sync/")
        with self.lock:
            self.asked.append(Asked(door, body, time.monotonic(), self.tokens.get(token)))
            fault = self._fault(door)
            if fault.get("do") == "drop":
                return Reply(0, cut=0)
            if fault.get("do") == "answer":
                return refused(
                    fault["status"], fault["code"], fault.get("details"), fault.get("headers")
                )
            reply = self._reply(door, body, token)
            if fault.get("do") in ("lose", "cut"):
                reply.cut = fault.get("share", 0)
            return reply

    def _fault(self, door: str) -> dict[str, Any]:
        for fault in self.faults:
            if fault["door"] == door:
                if fault.get("after", 0) > 0:
                    fault["after"] -= 1
                    return {}
                fault["times"] = fault.get("times", 1) - 1
                if fault["times"] == 0:
                    self.faults.remove(fault)
                return fault
        return {}

    def _reply(self, door: str, body: dict[str, Any], token: str) -> Reply:
        if door == "session":
            return self._sign_in(body)
        if door == "session/refresh":
            device = self.tokens.get(f"r-{body.get('refresh_token')}")
            return self._tokens(device) if device else refused(401, "session_ended")
        device = self.tokens.get(token)
        if door == "wiped":
            self.wiped.append(str(body.get("device_id")))
            return Reply(204)
        if device is None:
            return refused(401, "unauthenticated")
        if body.get("device_id") != device:
            self.wrong.append(f"{door}: the device id is another than that which signed in")
            return refused(403, "wrong_device")
        if door == "push":
            return self._push(body, self.devices[device])
        if self.state != "active":
            details = {"wipe": True} if self.state == "revoked" else {}
            return refused(403, f"device_{self.state}", details)
        doors = {"pull": self._pull, "repair": self._repair}
        if door in doors:
            return doors[door](body)
        return Reply(204) if door == "divergence" else Reply(200, {"device_id": device})

    def _sign_in(self, body: dict[str, Any]) -> Reply:
        card = body.get("device")
        if not card:
            return self._tokens("")
        self.devices.setdefault(card["id"], Device())
        return self._tokens(card["id"])

    def _tokens(self, device: str) -> Reply:
        access, refresh = uuid4().hex, uuid4().hex
        self.tokens[access] = self.tokens[f"r-{refresh}"] = device
        organisation = {
            "id": str(UUID(int=2)),
            "name": "Company",
            "timezone": "Asia/Shanghai",
            "currency": "CNY",
            "language": "en",
        }
        account = {
            "id": str(UUID(int=1)),
            "name": "Ann",
            "email": "ann@example.com",
            "roles": ["technician"],
            "language": "en",
            "technician_id": str(UUID(int=3)),
            "organisation": organisation,
        }
        return Reply(
            200,
            {
                "account": account,
                "access_token": access,
                "refresh_token": refresh,
                "expires_in": TOKEN_S,
            },
        )

    def _push(self, body: dict[str, Any], device: Device) -> Reply:
        said = body.get("mutations") or []
        if any((mutation.get("args") or {}).get("text") == POISON for mutation in said):
            return refused(422, "invalid", {"fields": {"mutations": ["unreadable"]}})
        self._look_into(body, said)
        first = said[0]["seq"] if said else device.last_seq + 1
        confirmed = body.get("confirmed_seq") or 0
        if device.last_seq + 1 < first <= confirmed + 1:
            device.last_seq = first - 1
        numbers = [mutation["seq"] for mutation in said]
        if first > device.last_seq + 1 or numbers != list(range(first, first + len(said))):
            return refused(409, "gap", {"expected_seq": device.last_seq + 1})
        results = []
        for mutation in said:
            print_ = json.dumps(mutation, sort_keys=True)
            known = device.receipts.get(mutation["id"])
            if known is not None:
                if known[0] != print_:
                    self.wrong.append("push: the same mutation was sent with another content")
                results.append(known[1] | {"replayed": True})
                continue
            if mutation["seq"] <= device.last_seq:
                return refused(409, "device_forked", {"seq": mutation["seq"]})
            result = self._apply(mutation)
            device.receipts[mutation["id"]] = (print_, result)
            device.last_seq = mutation["seq"]
            results.append(result)
        return Reply(200, {"results": results, "last_seq": device.last_seq, "server_time": now()})

    def _look_into(self, body: dict[str, Any], said: list[dict[str, Any]]) -> None:
        if not isinstance(body.get("schema"), int):
            self.wrong.append("push: schema is missing")
        for mutation in said:
            missing = [name for name in MUTATION[:4] if name not in mutation]
            try:
                UUID(mutation["id"])
                aware = datetime.fromisoformat(mutation["happened_at"]).tzinfo is not None
            except (KeyError, ValueError, TypeError):
                aware = False
            if missing or not aware or mutation["id"] != str(mutation["id"]).lower():
                self.wrong.append(f"push: an envelope makes no sense: {mutation}")

    def _apply(self, mutation: dict[str, Any]) -> dict[str, Any]:
        result = {
            "id": mutation["id"],
            "seq": mutation["seq"],
            "status": "applied",
            "replayed": False,
            "versions": {},
            "notices": [],
        }
        if self.state != "active":
            self.quarantined.append(mutation)
            return result | {"status": "quarantined"}
        if mutation["type"] == "phone.left_out":
            error = {"code": "unknown_mutation", "message": "unknown", "details": {}}
            return result | {"status": "refused", "error": error}
        verdict = self.verdicts.get(mutation["type"])
        if verdict:
            return result | verdict
        if not any(said["id"] == mutation["id"] for said in self.applied):
            self.applied.append(mutation)
            if mutation["type"] == "comment.add":
                row_id = mutation["args"].get("id") or mutation["id"]
                doc = {**mutation["args"], "id": row_id, "version": 1}
                row = {"scope": self._own(), "entity": "comment", "id": row_id, "version": 1}
                self.put(row | {"doc": doc})
                return result | {"versions": {f"comment:{row_id}": 1}}
        return result

    def _own(self) -> str:
        return next(scope for scope in sorted(self.scopes) if scope.startswith("technician:"))

    def _pull(self, body: dict[str, Any]) -> Reply:
        if not isinstance(body.get("schema"), int):
            self.wrong.append("pull: schema is missing")
        cursor = body.get("cursor")
        at = 0
        if cursor is not None:
            if cursor not in self.given:
                self.wrong.append(f"pull: this cursor was never given: {cursor!r}")
                return refused(409, "start_over")
            epoch, place = base64.b64decode(cursor.removesuffix(ODD)).decode().split(":")
            if int(epoch) != self.epoch:
                reset = {"reset": True, "changes": [], "complete": False, "server_time": now()}
                return Reply(200, reset)
            at = int(place)
            if at == len(self.log):
                return Reply(204)
        rows = min(self.page_rows, body.get("limit") or 1000)
        changes: list[dict[str, Any]] = []
        while at < len(self.log) and len(changes) < rows:
            change = self.log[at]
            changes += [change] if change else []
            at += 1
        given = base64.b64encode(f"{self.epoch}:{at}".encode()).decode() + ODD
        self.given.add(given)
        page = {
            "changes": changes,
            "cursor": given,
            "complete": at == len(self.log),
            "server_time": now(),
        }
        if page["complete"]:
            page["checkpoint"] = {"scopes": self.checkpoint()}
        return Reply(200, page)

    def _repair(self, body: dict[str, Any]) -> Reply:
        rows = self.rows_of(body["scope"])
        said: dict[str, Any] = self.sum_of(rows)
        if "prefixes" not in body:
            parts: dict[str, list[dict[str, Any]]] = {}
            for row in rows:
                parts.setdefault(UUID(row["id"]).hex[:2], []).append(row)
            sums = {prefix: list(self.sum_of(part).values()) for prefix, part in parts.items()}
            return Reply(200, said | {"sums": sums})
        chosen = set(body["prefixes"])
        there = {(row["entity"], row["id"]): row["version"] for row in body.get("rows") or []}
        here = {(r["entity"], r["id"]): r for r in rows if UUID(r["id"]).hex[:2] in chosen}
        changes = [row for key, row in here.items() if there.get(key) != row["version"]]
        for entity, row_id in there:
            if (entity, row_id) not in here:
                elsewhere = any(other == (entity, row_id) for _, other in self.held)
                op = "leave" if elsewhere else "remove"
                changes.append({"op": op, "scope": body["scope"], "entity": entity, "id": row_id})
        page = changes[: self.page_rows]
        return Reply(200, said | {"changes": page, "complete": len(page) == len(changes)})


def now() -> str:
    """Return the server's clock."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
