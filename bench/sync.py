"""The sync door over real servers: the workloads of the protocol, beside a bare Flask in the same run.

W1 a first download of 5,000 records, W2 20 changed of many, W3 mutations through the whole action
layer in batches of 50, W4 50 devices that pull and push in turn, W5 pulls with nothing new. Two
gunicorn workers, sign-in and validation on, every commit on disk.
"""

import os
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa

from bench.places import fresh
from bench.servers import Line, Server, request, serving
from core import clock, feed
from core.database import Database
from core.ids import new_id
from core.tenancy import announce
from core.unit import perform
from people.models import Technician
from tests.makers import PASSWORD, Maker
from work.models import WorkOrder

QUICK = os.environ.get("BENCH_QUICK") == "1"
SECONDS = 4 if QUICK else 10
MANY = 20_000 if QUICK else 100_000
MOST = 50_000 if QUICK else 1_000_000
COMPLETED = 200 if QUICK else 500
TEXT = "The left cylinder drips oil at the rod seal; the customer tops it up every morning. "


@dataclass(slots=True)
class Phone:
    """A device on its own connection."""

    line: Line
    token: str
    device_id: UUID
    technician: Technician
    cursor: str | None = None
    seq: int = 0

    def pull(self, *, limit: int = 1000) -> tuple[int, bytes]:
        """Ask for the next page."""
        body = {
            "device_id": self.device_id,
            "schema": 2,
            "cursor": self.cursor,
            "limit": limit,
        }
        return self.line.ask(request("POST", "/v1/sync/pull", orjson.dumps(body), self.token))

    def catch_up(self, *, limit: int = 1000) -> int:
        """Pull until nothing is left; return how many changes came."""
        count = 0
        while True:
            status, body = self.pull(limit=limit)
            if status == 204:
                return count
            assert status == 200, body[:300]
            page = orjson.loads(body)
            self.cursor = page["cursor"]
            count += len(page["changes"])
            if page["complete"]:
                return count

    def batch(self, sayings: Sequence[tuple[str, dict[str, Any]]]) -> bytes:
        """Return the request that says these."""
        now = clock.now()
        mutations = []
        for kind, args in sayings:
            self.seq += 1
            mutations.append(
                {
                    "id": new_id(),
                    "seq": self.seq,
                    "type": kind,
                    "happened_at": now,
                    "base": {},
                    "depends_on": [],
                    "args": args,
                }
            )
        body = {
            "device_id": self.device_id,
            "schema": 2,
            "app_version": "1",
            "unsent": 0,
            "confirmed_seq": max(self.seq - 200, 0),
            "device_time": now,
            "mutations": mutations,
        }
        return request("POST", "/v1/sync/push", orjson.dumps(body), self.token)

    def push(self, message: bytes) -> None:
        """Send a batch; everything in it must be applied."""
        status, body = self.line.ask(message)
        assert status == 200, (status, body[:500])
        results = orjson.loads(body)["results"]
        assert all(result["status"] == "applied" for result in results), results[0]


def phone(server: Server, make: Maker) -> Phone:
    """Hire an engineer and sign their phone in."""
    account = make.account("technician")
    technician = make.technician(account=account)
    line = Line(server.port)
    device_id = new_id()
    card = {
        "id": device_id,
        "name": "Bench",
        "platform": "bench",
        "app_version": "1",
        "schema": 2,
    }
    body = orjson.dumps({"email": account.email, "password": PASSWORD, "device": card})
    status, answer = line.ask(request("POST", "/v1/session", body))
    assert status == 200, answer
    return Phone(line, orjson.loads(answer)["access_token"], device_id, technician)


def crowd(database: Database, make: Maker, holder: Phone, count: int) -> None:
    """Put copies of one real order's document into the phone's scope: rows past the actions, feed as it is."""
    order = make.order(description=TEXT * 3)
    make.visit(holder.technician, order=order)
    with database.engine.begin() as connection:
        announce(connection, make.org.id)
        model = connection.execute(
            sa.select(feed.documents).where(feed.documents.c.id == order.id)
        ).one()
        scope = connection.execute(
            sa.select(feed.scopes).where(
                feed.scopes.c.name == f"technician:{holder.technician.id}",
                feed.scopes.c.org_id == make.org.id,
            )
        ).one()
        no = connection.execute(sa.select(sa.func.max(feed.documents.c.no))).scalar_one()
        total = (scope.sum_high << 32) + scope.sum_low
        now = clock.now()
        old = str(order.id).encode()
        for start in range(0, count, 5000):
            documents, entries = [], []
            for place in range(start, min(start + 5000, count)):
                row_id = new_id()
                number = no + 1 + place
                documents.append(
                    dict(model._mapping)
                    | {
                        "no": number,
                        "id": row_id,
                        "body": model.body.replace(old, str(row_id).encode()),
                        "links": [],
                    }
                )
                entries.append(
                    {
                        "scope_no": scope.no,
                        "document_no": number,
                        "org_id": make.org.id,
                        "seq": scope.counter + 1 + place,
                        "version": model.version,
                        "reasons": 1,
                        "present": True,
                        "changed_at": now,
                    }
                )
                total += feed.digest("work_order", row_id, model.version)
            connection.execute(feed.documents.insert(), documents)
            connection.execute(feed.entries.insert(), entries)
        total %= 2**64
        connection.execute(
            feed.scopes.update()
            .where(feed.scopes.c.no == scope.no)
            .values(
                counter=scope.counter + count,
                rows=scope.rows + count,
                sum_high=total >> 32,
                sum_low=total & 0xFFFFFFFF,
            )
        )
    _as_owner(
        database,
        "SELECT setval(pg_get_serial_sequence('document', 'no'), max(no)) FROM document",
        "ANALYZE document, feed_entry, scope, hanging, receipt",
    )


def _as_owner(database: Database, *statements: str) -> None:
    """Run what only PostgreSQL knows, as the owner of the tables."""
    if database.sqlite:
        return
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in ("RESET ROLE", *statements):
            connection.exec_driver_sql(statement)


def times(call: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Return the median and the 95th percentile of a call, in milliseconds."""
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        taken.append((time.perf_counter() - begun) * 1000)
    taken.sort()
    return statistics.median(taken), taken[int(rounds * 0.95) - 1]


def together(calls: Sequence[Callable[[], int]]) -> float:
    """Run the calls at once and return what they count, for each second."""
    counts = [0] * len(calls)

    def run(place: int) -> None:
        counts[place] = calls[place]()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - begun)


def until(seconds: float, call: Callable[[], int]) -> Callable[[], int]:
    """Return what repeats the call for so long and adds up."""

    def repeat() -> int:
        end = time.perf_counter() + seconds
        count = 0
        while time.perf_counter() < end:
            count += call()
        return count

    return repeat


def run(kind: str) -> None:
    """Measure on one kind of database."""
    with fresh(kind) as (database, folder), serving("bench.bare:app", {}) as bare:
        environ = {
            "FIELDWRIGHT_DATABASE_URL": database.url,
            "FIELDWRIGHT_VAR": str(folder),
            "FIELDWRIGHT_LIMITS": "off",
            "FIELDWRIGHT_RUN_JOBS": "no",
            "FIELDWRIGHT_LOG": "json",
        }
        print(f"{kind}: sync over {bare.process.args[6]} workers")
        make = Maker()
        with serving("wsgi:app", environ) as server:
            _downloads(database, make, server, bare)
            _memory(server, "after the downloads")
        with serving("wsgi:app", environ) as server:
            _mutations(database, make, server, bare)
            _memory(server, "after the mutations")
            _devices(make, server, bare)


def _memory(server: Server, when: str) -> None:
    print(f"  worker memory {when}: {', '.join(map(str, server.memory()))} MB")


def _against(bare: Server, size: int, sent: int) -> tuple[Line, bytes]:
    return Line(bare.port), request("POST", f"/{size}", orjson.dumps({"x": "x" * sent}))


def _downloads(database: Database, make: Maker, server: Server, bare: Server) -> None:
    small = phone(server, make)
    crowd(database, make, small, 5000)
    best = 0.0
    for _ in range(5):
        small.cursor = None
        begun = time.perf_counter()
        count = small.catch_up()
        best = max(best, count / (time.perf_counter() - begun))
    small.cursor = None
    size = len(small.pull()[1])
    line, message = _against(bare, size, 100)
    median, _ = times(lambda: line.ask(message), 20)
    most = 1000 / median * 1000
    print(
        f"  W1 first pull of 5,000: {best:,.0f} records/s   bare Flask {most:,.0f}, {best / most:.2f} of it"
    )
    few = phone(server, make)
    crowd(database, make, few, 1000)
    at_1000, _ = _changes("1,000", make, few)
    many = phone(server, make)
    crowd(database, make, many, MANY)
    _changes(f"{MANY:,}", make, many)
    _memory(server, f"at {MANY:,} documents")
    most_of_all = phone(server, make)
    crowd(database, make, most_of_all, MOST)
    at_most, _ = _changes(f"{MOST:,}", make, most_of_all)
    print(f"  W2 at {MOST:,} over at 1,000: {at_most / at_1000:.2f}")
    line, message = _against(bare, 25_000, 300)
    median, p95 = times(lambda: line.ask(message), 100)
    print(f"     bare Flask, 25 kB: median {median:.2f} ms, p95 {p95:.2f} ms")


def _changes(label: str, make: Maker, holder: Phone) -> tuple[float, float]:
    """Change 20 orders and pull them, again and again."""
    orders = []
    for _ in range(20):
        order = make.order(description=TEXT * 3)
        make.visit(holder.technician, order=order)
        orders.append(order.id)
    holder.catch_up(limit=5000)
    taken = []
    for turn in range(20 if QUICK else 60):

        def change(unit: Any, turn: int = turn) -> None:
            for order_id in orders:
                order = unit.take(WorkOrder, order_id)
                order.title = f"Turn {turn}"

        perform(make.system, change, name="bench")
        begun = time.perf_counter()
        status, body = holder.pull()
        taken.append((time.perf_counter() - begun) * 1000)
        page = orjson.loads(body)
        assert status == 200
        assert len(page["changes"]) == 20, len(page["changes"])
        holder.cursor = page["cursor"]
    taken.sort()
    median, p95 = statistics.median(taken), taken[int(len(taken) * 0.95) - 1]
    print(f"  W2 20 changed of {label}: median {median:.2f} ms, p95 {p95:.2f} ms")
    return median, p95


def _mutations(database: Database, make: Maker, server: Server, bare: Server) -> None:
    phones = [phone(server, make) for _ in range(4)]
    calls = []
    batches = 10 if QUICK else 60
    for holder in phones:
        order = make.order(description=TEXT * 3)
        make.visit(holder.technician, order=order)
        messages = [
            holder.batch(
                [
                    ("comment.add", {"order_id": order.id, "id": new_id(), "text": TEXT * 6})
                    for _ in range(50)
                ]
            )
            for _ in range(batches + 1)
        ]
        holder.push(messages.pop(0))
        calls.append(_says(holder, messages))
    rate = together(calls)
    line, message = _against(bare, 6000, 40_000)
    median, _ = times(lambda: line.ask(message), 100)
    print(f"  W3 comments: {rate:,.0f} mutations/s   bare Flask {50_000 / median:,.0f} on one line")
    part = make.part()
    calls = []
    for holder in phones:
        assert holder.technician.van_place_id is not None
        make.stock(holder.technician.van_place_id, part, 100_000)
        # Four engineers are at four customers' machines.
        machines = [make.asset() for _ in range(25)]
        sayings = []
        for place in range(COMPLETED):
            visit = make.visit(holder.technician, order=make.order(machines[place % len(machines)]))
            sayings.append(
                (
                    "visit.complete",
                    {
                        "visit_id": visit.id,
                        "findings": TEXT,
                        "answers": {"safe": True, "hours": 12_400, "tested": True},
                        "parts": [{"id": new_id(), "part_id": part.id, "qty": 1}],
                    },
                )
            )
        messages = [holder.batch(sayings[n : n + 50]) for n in range(0, COMPLETED, 50)]
        holder.push(messages.pop(0))
        calls.append(_says(holder, messages))
    # As PostgreSQL counts its rows by itself within a minute of their coming.
    _as_owner(database, "ANALYZE")
    rate = together(calls)
    print(f"  W3 completions with checklist, part and findings: {rate:,.0f} mutations/s")


def _says(holder: Phone, messages: list[bytes]) -> Callable[[], int]:
    def say() -> int:
        for message in messages:
            holder.push(message)
        return len(messages) * 50

    return say


def _devices(make: Maker, server: Server, bare: Server) -> None:
    phones = [phone(server, make) for _ in range(10 if QUICK else 50)]
    orders = {}
    for holder in phones:
        order = make.order(description=TEXT * 3)
        make.visit(holder.technician, order=order)
        orders[holder.device_id] = order.id
        holder.catch_up()
    taken: list[float] = []

    def cycle(holder: Phone) -> int:
        begun = time.perf_counter()
        said = [
            (
                "comment.add",
                {"order_id": orders[holder.device_id], "id": new_id(), "text": TEXT * 6},
            )
            for _ in range(5)
        ]
        holder.push(holder.batch(said))
        holder.catch_up()
        taken.append((time.perf_counter() - begun) * 1000)
        return 1

    rate = together([until(SECONDS, lambda holder=holder: cycle(holder)) for holder in phones])  # type: ignore[misc]
    taken.sort()
    print(
        f"  W4 {len(phones)} devices: {rate:,.0f} cycles/s, p95 {taken[int(len(taken) * 0.95)]:.0f} ms"
    )
    eight = phones[:8]
    for holder in eight:
        holder.catch_up()

    def nothing(holder: Phone) -> int:
        status, body = holder.pull()
        assert status == 204, body[:300]
        return 1

    rate = together([until(SECONDS / 2, lambda holder=holder: nothing(holder)) for holder in eight])  # type: ignore[misc]
    lines = [_against(bare, 0, 200) for _ in range(8)]
    most = together(
        [until(SECONDS / 2, lambda pair=pair: bool(pair[0].ask(pair[1]))) for pair in lines]  # type: ignore[misc]
    )
    print(f"  W5 empty pulls: {rate:,.0f}/s   bare Flask {most:,.0f}/s, {rate / most:.2f} of it")
