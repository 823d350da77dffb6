"""A client of the sync protocol in plain Python, written from docs/sync-protocol.md alone.

It keeps what a phone keeps and forgets what a killed phone forgets: `Store.saved` is the disk, and
every step of the protocol ends with one save. How bytes travel is somebody else's business.
"""

import contextlib
import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

Key = tuple[str, str]
# Method, path, body and headers in; status and body out. Raises Offline when no answer came.
Transport = Callable[[str, str, bytes, dict[str, str]], tuple[int, bytes]]

BATCH = 200
# The batch as a whole was not understood, or is too big.
UNREADABLE = (413, 422)
REPAIRS_A_DAY = 1


class Offline(Exception):
    """No answer came; what was sent may have arrived or not."""


class Refused(Exception):
    """The server answered with an error that this client cannot mend by itself."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body.get('code')}: {body.get('message')}")
        self.status = status
        self.code = body.get("code")
        self.details = body.get("details") or {}


@dataclass
class Replica:
    """The server's documents as far as they were sent, and for which scopes."""

    docs: dict[Key, tuple[int, Any]] = field(default_factory=dict)
    members: dict[str, set[Key]] = field(default_factory=dict)
    cursor: str | None = None

    def apply(self, change: dict[str, Any]) -> None:
        """Apply one change of a page."""
        scope = change["scope"]
        if change["op"] == "drop_scope":
            for key in self.members.pop(scope, set()):
                self._forget_if_unheld(key)
            return
        key = (change["entity"], change["id"])
        members = self.members.setdefault(scope, set())
        if change["op"] == "put":
            members.add(key)
            self.docs[key] = (change["version"], change["doc"])
        else:
            members.discard(key)
            if change["op"] == "remove":
                for others in self.members.values():
                    others.discard(key)
            self._forget_if_unheld(key)

    def _forget_if_unheld(self, key: Key) -> None:
        if not any(key in members for members in self.members.values()):
            self.docs.pop(key, None)

    def checksum(self, scope: str) -> tuple[int, str]:
        """Return how many rows the scope holds here, and their sum."""
        members = self.members.get(scope, set())
        total = sum(digest(entity, row, self.docs[(entity, row)][0]) for entity, row in members)
        return len(members), f"{total % 2**64:016x}"


def digest(entity: str, row_id: str, version: int) -> int:
    """Return a row's part of its scope's checksum."""
    return int.from_bytes(hashlib.sha256(f"{entity}|{row_id}|{version}".encode()).digest()[:8])


@dataclass
class State:
    """All that a phone keeps."""

    device_id: str = field(default_factory=lambda: str(uuid4()))
    next_seq: int = 1
    outbox: list[dict[str, Any]] = field(default_factory=list)
    # What was answered since the last complete pull: a server that was restored asks for it again.
    answered: list[dict[str, Any]] = field(default_factory=list)
    # What the server could not even read.
    set_aside: list[dict[str, Any]] = field(default_factory=list)
    # What became of each mutation, by its id.
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    replica: Replica = field(default_factory=Replica)
    # A replica that is being fetched anew, until it is whole.
    fresh: Replica | None = None
    repairs: int = 0

    @property
    def confirmed_seq(self) -> int:
        """Return up to which number nothing is held any more."""
        held = [mutation["seq"] for mutation in self.answered + self.outbox]
        return min([self.next_seq, *held]) - 1

    def say_again(self, first: int = 1) -> None:
        """Put what was answered from this number on back into the outbox."""
        again = [mutation for mutation in self.answered if mutation["seq"] >= first]
        self.answered = [mutation for mutation in self.answered if mutation["seq"] < first]
        self.outbox = again + self.outbox


class Store:
    """A phone's memory and its disk."""

    def __init__(self) -> None:
        self.now = State()
        self.saved = copy.deepcopy(self.now)

    def save(self) -> None:
        """Write everything to the disk, at once."""
        self.saved = copy.deepcopy(self.now)

    def die(self) -> None:
        """Lose what was not saved."""
        self.now = copy.deepcopy(self.saved)


class Client:
    """One phone of one person."""

    def __init__(
        self,
        transport: Transport,
        *,
        email: str,
        password: str,
        schema: int = 2,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.transport = transport
        self.email = email
        self.password = password
        self.schema = schema
        self.clock = clock
        self.store = Store()
        self.access: str | None = None
        self.refresh: str | None = None
        self.wiped = False
        self.batch = BATCH

    @property
    def state(self) -> State:
        """Return what the phone holds."""
        return self.store.now

    # Speaking with the server

    def sign_in(self) -> None:
        """Sign in and register the device."""
        device = {
            "id": self.state.device_id,
            "name": "Reference",
            "platform": "python",
            "app_version": "1",
            "schema": self.schema,
        }
        body = {"email": self.email, "password": self.password, "device": device}
        answer = self._answer(*self._send("/v1/session", body, signed=False))
        self.access, self.refresh = answer["access_token"], answer["refresh_token"]

    def _send(self, path: str, body: Any, *, signed: bool = True) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"}
        if signed:
            headers["Authorization"] = f"Bearer {self.access}"
        return self.transport("POST", path, json.dumps(body).encode(), headers)

    def _answer(self, status: int, body: bytes) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(body) if body else {}
        if status >= 400:
            raise Refused(status, content)
        return content

    def call(self, path: str, body: Any) -> dict[str, Any] | None:
        """Ask, with a fresh token where the old one has run out; None where nothing is new."""
        if self.access is None:
            self.sign_in()
        status, raw = self._send(path, body)
        if status == 401:
            if json.loads(raw).get("code") != "token_expired" or not self._renew():
                self.sign_in()
            status, raw = self._send(path, body)
        return None if status == 204 else self._answer(status, raw)

    def _renew(self) -> bool:
        """Ask for fresh tokens; False when the sign-in is over and the password is needed again."""
        body = {"refresh_token": self.refresh}
        status, raw = self._send("/v1/session/refresh", body, signed=False)
        if status == 401:
            return False
        renewed = self._answer(status, raw)
        self.access, self.refresh = renewed["access_token"], renewed["refresh_token"]
        return True

    # Saying

    def say(
        self,
        kind: str,
        args: dict[str, Any],
        *,
        base: dict[str, int] | None = None,
        depends_on: list[str] | None = None,
    ) -> str:
        """Put a mutation into the outbox; it is safe when this returns."""
        mutation = {
            "id": str(uuid4()),
            "seq": self.state.next_seq,
            "type": kind,
            "happened_at": self.clock().isoformat(),
            "base": base or {},
            "depends_on": depends_on or [],
            "args": args,
        }
        self.state.next_seq += 1
        self.state.outbox.append(mutation)
        self.store.save()
        return str(mutation["id"])

    def push(self) -> None:
        """Say everything that waits in the outbox."""
        while self.state.outbox:
            self.push_some()

    def push_some(self) -> None:
        """Send one batch and keep what became of it."""
        batch = self.state.outbox[: self.batch]
        try:
            answer = self.call("/v1/sync/push", self.push_body(batch))
        except Refused as error:
            if error.status in UNREADABLE:
                self._look_for_poison(batch, error)
            elif self._must_erase(error):
                self._erase()
            else:
                self._count_again(error)
            return
        self.batch = BATCH
        assert answer is not None
        self.settle(answer)

    def push_body(self, batch: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the request that says these."""
        return {
            "device_id": self.state.device_id,
            "app_version": "1",
            "schema": self.schema,
            "unsent": len(self.state.outbox) - len(batch),
            "confirmed_seq": self.state.confirmed_seq,
            "device_time": self.clock().isoformat(),
            "mutations": batch,
        }

    def settle(self, answer: dict[str, Any]) -> None:
        """Keep the results, and what they answer until the next complete pull."""
        for result in answer["results"]:
            self.state.results.setdefault(result["id"], result)
        done = {result["id"] for result in answer["results"]}
        self.state.answered += [m for m in self.state.outbox if m["id"] in done]
        self.state.outbox = [m for m in self.state.outbox if m["id"] not in done]
        self.store.save()

    def _look_for_poison(self, batch: list[dict[str, Any]], error: Refused) -> None:
        """Halve a batch that is not understood; what spoils it alone is kept for a person, its number filled."""
        if len(batch) > 1:
            self.batch = len(batch) // 2
            return
        # Whether it is this mutation that the server minds, and not the phone itself.
        self.call("/v1/sync/push", self.push_body([]))
        bad = batch[0]
        self.state.results[bad["id"]] = {"id": bad["id"], "seq": bad["seq"], "status": "refused"}
        self.state.set_aside.append(bad)
        filler = {"id": str(uuid4()), "type": "phone.left_out", "args": {}, "depends_on": []}
        self.state.outbox[0] = bad | filler
        self.batch = BATCH
        self.store.save()

    def _count_again(self, error: Refused) -> None:
        """Do what a gap or a fork asks for: the numbers begin anew on a new device, nothing is lost.

        Raises the error when it asks for something else.
        """
        expected = error.details.get("expected_seq")
        if error.code not in ("gap", "device_forked"):
            raise error
        if error.code == "gap":
            self.state.say_again(expected or 1)
            if self.state.outbox[0]["seq"] == expected:
                return
        self.state.say_again()
        self.state.device_id = str(uuid4())
        for seq, mutation in enumerate(self.state.outbox, start=1):
            mutation["seq"] = seq
        self.state.next_seq = len(self.state.outbox) + 1
        self.state.fresh = Replica()
        self.store.save()
        self.sign_in()

    # Listening

    def pull(self, *, limit: int = 1000) -> None:
        """Fetch page after page until the replica stands at a checkpoint."""
        while not self.pull_some(limit=limit):
            pass

    def pull_some(self, *, limit: int = 1000) -> bool:
        """Fetch one page; True when there is nothing more."""
        if self.wiped:
            return True
        replica = self.state.fresh or self.state.replica
        body = {
            "device_id": self.state.device_id,
            "schema": self.schema,
            "cursor": replica.cursor,
            "limit": limit,
        }
        try:
            page = self.call("/v1/sync/pull", body)
        except Refused as error:
            if self._must_erase(error):
                # The documents go at once; what is unsent goes when it has been said.
                self.state.replica, self.state.fresh = Replica(), None
                self.store.save()
                self.push()
                self._erase()
                return True
            if error.code == "start_over":
                self.begin_afresh()
                return False
            raise
        if page is None:
            self._forget_answered()
            return True
        if page.get("reset"):
            # What was answered may have been lost there; it is said again before it is forgotten here.
            self.state.say_again()
            self.begin_afresh()
            self.push()
            return False
        for change in page["changes"]:
            replica.apply(change)
        replica.cursor = page["cursor"]
        if page["complete"] and self.state.fresh is not None:
            self.state.replica, self.state.fresh = self.state.fresh, None
        self.store.save()
        if page["complete"]:
            self._forget_answered()
            self._prove(page["checkpoint"]["scopes"])
        return bool(page["complete"])

    def _forget_answered(self) -> None:
        """Let go of what was answered: its effect has come."""
        if self.state.answered:
            self.state.answered = []
            self.store.save()

    def begin_afresh(self) -> None:
        """Fetch everything again beside the old replica, which serves until the new one is whole."""
        self.state.fresh = Replica()
        self.store.save()

    def _must_erase(self, error: Refused) -> bool:
        """Tell whether the answer is that this phone was cut off."""
        return error.code == "device_revoked" and bool(error.details.get("wipe"))

    def _erase(self) -> None:
        """Erase everything, and say so: this phone was cut off."""
        self.wiped = True
        self.store.now = State(device_id=self.state.device_id)
        self.store.save()
        # A phone that cannot say so any more is erased all the same.
        with contextlib.suppress(Offline):
            self._send("/v1/sync/wiped", {"device_id": self.state.device_id})

    def _prove(self, checkpoint: dict[str, dict[str, Any]]) -> None:
        """Compare each scope with what the server says of it, and mend what differs."""
        for scope, said in checkpoint.items():
            if self.state.replica.checksum(scope) != (said["count"], said["checksum"]):
                self.repair(scope)

    def repair(self, scope: str) -> None:
        """Find the parts of a scope that differ, and fetch only those."""
        self.state.repairs += 1
        replica = self.state.replica
        device = {"device_id": self.state.device_id, "scope": scope, "schema": self.schema}
        sums = (self.call("/v1/sync/repair", device) or {})["sums"]
        here: dict[str, list[Key]] = {}
        for key in replica.members.get(scope, set()):
            here.setdefault(UUID(key[1]).hex[:2], []).append(key)
        wrong = [
            prefix
            for prefix in sorted({*sums, *here})
            if sums.get(prefix, [0, f"{0:016x}"]) != self._sum(here.get(prefix, []))
        ]
        whole = False
        while not whole:
            held = [
                {"entity": entity, "id": row, "version": replica.docs[(entity, row)][0]}
                for entity, row in sorted(replica.members.get(scope, set()))
                if UUID(row).hex[:2] in wrong
            ]
            answer = self.call("/v1/sync/repair", device | {"prefixes": wrong, "rows": held}) or {}
            for change in answer["changes"]:
                replica.apply(change)
            self.store.save()
            whole = answer.get("complete", True)

    def _sum(self, keys: list[Key]) -> list[Any]:
        docs = self.state.replica.docs
        total = sum(digest(entity, row, docs[(entity, row)][0]) for entity, row in keys)
        return [len(keys), f"{total % 2**64:016x}"]

    def sync(self) -> None:
        """Say what is to be said, then fetch what is new."""
        self.push()
        self.pull()
