"""Real processes: four workers on PostgreSQL and Redis, fifty phones, and somebody who kills what runs."""

import http.client
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import redis
import sqlalchemy as sa

from assets import actions as assets
from conformance.client import Client, Offline
from core import audit, clock
from core import database as databases
from core.database import Database
from core.ids import new_id
from core.migrations import upgrade
from core.receipts import Receipt
from core.unit import Unit, perform, reading
from parts import actions as parts
from parts import audit as books
from people import actions as people
from prove.cluster import Cluster, own_cluster
from sync import oracle
from tests.makers import PASSWORD, Maker
from tests.services import free_port, start_redis
from tests.sync.stories import ROWS
from work import actions as work
from work.models import PartUse, Visit

ROOT = Path(__file__).resolve().parents[1]
PHONES, WORKERS = 50, 4
# How many engineers work on one machine, and so write the same rows.
CREW = 5
# How often somebody kills a worker, restarts the database and empties Redis.
KILL_S, RESTART_S, FLUSH_S = 6.0, 20.0, 9.0
PATIENCE_S = 90
WIRE_S = 15


class Server:
    """A gunicorn whose workers may be killed."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        self.port = free_port()
        self.log = folder / "server.log"
        command = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")]
        command += ["--workers", str(WORKERS), "--threads", "16"]
        command += ["--bind", f"127.0.0.1:{self.port}", "wsgi:app"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait until it answers."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with suppress(Offline):
                if self.send("GET", "/healthz", b"", {})[0] == 200:
                    return
            time.sleep(0.2)
        raise AssertionError(f"The server does not answer.\n{self.log.read_text()[-2000:]}")

    def send(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        """Carry a request; what breaks on the way and what the server is too ill to answer is no answer."""
        wire = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WIRE_S)
        try:
            wire.request(method, path, body or None, headers)
            answer = wire.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Offline(str(error)) from error
        finally:
            wire.close()
        if answer.status >= 500:
            raise Offline(f"{answer.status}: {content[:200]!r}")
        return answer.status, content

    def kill_a_worker(self, chance: random.Random) -> bool:
        """Kill one worker without a word; False when none was there."""
        pid = self.process.pid
        workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not workers:
            return False
        with suppress(ProcessLookupError):
            os.kill(int(chance.choice(workers)), signal.SIGKILL)
        return True

    def stop(self) -> None:
        """End it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Fleet:
    """A company with an engineer and a visit for each phone."""

    def __init__(self, server: Server, seed: int) -> None:
        self.make = Maker()
        self.seed = seed
        self.said: dict[str, tuple[str, dict[str, Any]]] = {}
        self.emails: list[str] = []
        self.visits: list[tuple[UUID, UUID]] = []
        self.machines: list[UUID] = []
        for number in range(PHONES):
            perform(self.make.system, lambda unit, n=number: self._hire(unit, n), name="prove")
        self.phones = [Client(server.send, email=email, password=PASSWORD) for email in self.emails]
        self.faults: list[str] = []
        self.over = threading.Event()

    def _hire(self, unit: Unit, number: int) -> None:
        if number == 0:
            customer = assets.add_customer(
                unit, name="Customer", language="en", contact_name="Mr Zhou",
                contact_phone="1", email=None,
            )  # fmt: skip
            unit.session.flush()
            site = assets.add_site(
                unit, customer_id=customer.id, name="Quarry", address="1 Quarry Road",
                lat=31.25, lng=121.5, timezone="Asia/Shanghai", contact_name="Ms Wu",
                contact_phone="2", access_notes="",
            )  # fmt: skip
            unit.session.flush()
            self.site = site.id
            self.part = parts.add_part(unit, sku="P-1", name="Seal", cost_micro=125, codes=[]).id
        if number % CREW == 0:
            self.machine = assets.add_asset(
                unit, site_id=self.site, no=f"M-{number}", name="Excavator", maker="O&K",
                model="RH120E", serial=f"S{number}", kind="excavator",
            ).id  # fmt: skip
        machine = self.machine
        self.machines.append(machine)
        email = f"person{number}@{self.make.org.id.hex}.example.com"
        account = people.open_account(
            unit, email=email, name=f"Person {number}", password=PASSWORD, roles=["technician"],
            language="en",
        )  # fmt: skip
        unit.session.flush()
        technician = people.hire_technician(
            unit, no=f"T{number}", name=f"Technician {number}", phone="3", skills=[],
            home_lat=31.2, home_lng=121.4, shift_from="08:00", shift_to="17:00",
            days=[0, 1, 2, 3, 4, 5, 6], account_id=account.id,
        )  # fmt: skip
        unit.session.flush()
        van = parts.add_place(unit, kind="van", name=f"Van {number}", technician_id=technician.id)
        technician.van_place_id = van.id
        unit.session.flush()
        parts.receive_goods(unit, id=new_id(), place_id=van.id, part_id=self.part, qty=1000)
        order = work.open_order(unit, title="Leaking cylinder", asset_id=machine)
        unit.session.flush()
        visit_id = unit.session.scalars(sa.select(Visit.id).where(Visit.order_id == order.id)).one()
        work.edit_visit(unit, visit_id, technician_id=technician.id, day=clock.now().date())
        self.emails.append(email)
        self.visits.append((visit_id, order.id))

    def work(self, number: int) -> None:
        """Let one engineer work until it is over; then finish what is left."""
        chance = random.Random(self.seed * 1000 + number)
        phone = self.phones[number]
        try:
            while not self.over.is_set():
                for _ in range(chance.randint(1, 5)):
                    self._say(phone, number, chance)
                with suppress(Offline):
                    phone.sync()
                self.over.wait(chance.random())
            self._finish(phone)
        except Exception as error:  # noqa: BLE001 - it is told at the end, with the others'
            self.faults.append(f"phone {number}: {error!r}")

    def _finish(self, phone: Client) -> None:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                phone.sync()
            except Offline:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
            else:
                return

    def _say(self, phone: Client, number: int, chance: random.Random) -> None:
        visit_id, order_id = self.visits[number]
        # Also what others work on, so that phones meet in the same rows.
        if chance.random() < 0.2:
            visit_id, order_id = chance.choice(self.visits)
        visit, own, now = {"visit_id": str(visit_id)}, {"id": str(new_id())}, clock.now()
        begun = now - timedelta(minutes=20)
        machine = str(self.machines[number])
        kind, args = chance.choice(
            [
                ("comment.add", {"order_id": str(order_id), "text": "Seen."} | own),
                ("part.consume", {"part_id": str(self.part), "qty": 1} | visit | own),
                ("time.add", {"kind": "work", "begun_at": begun.isoformat(),
                              "ended_at": now.isoformat()} | visit | own),
                ("reading.add", {"asset_id": machine, "meter": "hours", "value": 5,
                                 "unit": "h"} | own),
                ("order.open", {"order_id": str(new_id()), "asset_id": machine,
                                "title": "Cracked hose"}),
                ("visit.start", visit),
                ("comment.add", {"order_id": str(order_id), "text": ""}),
            ]
        )  # fmt: skip
        self.said[phone.say(kind, args)] = (kind, args)

    def check(self) -> list[str]:
        """Return what was lost, done twice, or is otherwise than was said."""
        faults = self.faults
        with reading(self.make.system) as unit:
            query = sa.select(Receipt.key, Receipt.status, Receipt.answer)
            receipts: dict[str, list[Any]] = {}
            for row in unit.session.execute(query):
                receipts.setdefault(row.key, []).append(row)
            there = {
                model: set(unit.session.scalars(sa.select(model.id))) for model in ROWS.values()
            }
            used = unit.session.scalar(sa.select(sa.func.sum(PartUse.qty))) or 0
            faults += [f"books: {name}" for name, rows in books.broken(unit).items() if rows]
            _, broken = audit.verify(unit.session.connection(), self.make.org.id)
            faults += [f"audit: {fault}" for fault in broken]
        faults += [f"feed: {found}" for found in oracle.differences(self.make.system)]
        faults += [
            f"broken: {key}"
            for key, rows in receipts.items()
            if any(b'"code":"internal"' in row.answer for row in rows)
        ]
        expected = 0
        for mutation_id, (kind, args) in self.said.items():
            found = receipts.get(mutation_id, [])
            if len(found) != 1:
                faults.append(f"{kind} {mutation_id} has {len(found)} receipts")
                continue
            stands = "error" not in orjson.loads(found[0].answer)
            expected += args["qty"] if kind == "part.consume" and stands else 0
            own = args.get("id") or args.get("order_id")
            if kind in ROWS and own and (UUID(own) in there[ROWS[kind]]) != stands:
                faults.append(f"{kind} {mutation_id} is {found[0].status}; its row says otherwise")
        if used != expected:
            faults.append(f"{used} parts were used, {expected} were said")
        for number, phone in enumerate(self.phones):
            for mutation_id, result in phone.state.results.items():
                if result["status"] != receipts[mutation_id][0].status:
                    faults.append(f"phone {number} was told otherwise of {mutation_id}")
            if phone.state.outbox or phone.state.repairs:
                faults.append(f"phone {number} has work left, or its rows differed")
        return faults


class Chaos:
    """Somebody who kills workers, pulls the database's plug and empties Redis."""

    def __init__(self, server: Server, cluster: Cluster, cache: str, seed: int) -> None:
        self.server, self.cluster, self.cache = server, cluster, cache
        self.chance = random.Random(seed)
        self.kills = self.restarts = self.flushes = 0

    def rage(self, seconds: float) -> None:
        """Rage for so long."""
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            time.sleep(KILL_S * (0.5 + self.chance.random()))
            self.kills += self.server.kill_a_worker(self.chance)
            if passed > (self.restarts + 1) * RESTART_S:
                self.cluster.restart()
                self.restarts += 1
            if passed > (self.flushes + 1) * FLUSH_S:
                with redis.Redis.from_url(self.cache) as client:
                    client.flushall()
                self.flushes += 1


def prove(seconds: float, seed: int) -> list[str]:
    """Let fifty phones work for so long while everything is killed; return what went wrong."""
    with ExitStack() as stack:
        cluster = stack.enter_context(own_cluster())
        cache, _ = start_redis(stack)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fieldwright-prove-")))
        upgrade(cluster.url)
        database = Database(cluster.url)
        databases.bind(database)
        stack.callback(databases.bind, None)
        stack.callback(database.close)
        environ = {
            "FIELDWRIGHT_DATABASE_URL": cluster.url,
            "FIELDWRIGHT_REDIS_URL": cache,
            "FIELDWRIGHT_VAR": str(folder),
            "FIELDWRIGHT_LIMITS": "off",
        }
        server = Server(environ, folder)
        stack.callback(server.stop)
        server.wait()
        fleet = Fleet(server, seed)
        engineers = [threading.Thread(target=fleet.work, args=(n,)) for n in range(PHONES)]
        for engineer in engineers:
            engineer.start()
        chaos = Chaos(server, cluster, cache, seed)
        try:
            chaos.rage(seconds)
            server.wait()
        finally:
            fleet.over.set()
            for engineer in engineers:
                engineer.join()
        # What a plug pulled out leaves in the pool is dead.
        database.engine.dispose()
        faults = fleet.check()
        print(
            f"    {len(fleet.said)} mutations of {PHONES} phones; {chaos.kills} workers killed, "
            f"the database killed {chaos.restarts} times, Redis emptied {chaos.flushes} times, "
            f"{len(faults)} faults"
        )
        return faults
