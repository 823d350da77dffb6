"""Stories made up from a seed: phones, an office and a store over a hostile network, and what must be true after.

Each story has an organisation of its own, so that thousands are told in one database. Nothing in
it is drawn but from the story's own generator: the seed tells the story again.
"""

import contextlib
import copy
import functools
import io
import random
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import argon2
import orjson
import sqlalchemy as sa
from flask import Flask

from assets import actions as assets
from conformance.client import Client, Offline, Refused
from core import audit, clock, feed
from core.database import bound
from core.errors import DomainError
from core.ids import new_id
from core.receipts import Receipt
from core.tenancy import announce
from core.unit import Unit, perform, reading
from parts import actions as parts
from parts import audit as books
from people import actions as people
from people import doors
from people.models import Account, Device, DeviceState, Technician
from sync import epochs, oracle
from sync.retention import forget_removals
from sync.spans import kept
from sync.versions import SCHEMA, lowered
from tests.makers import PASSWORD, Maker
from work import actions as work
from work.models import Comment, PartUse, Reading, TimeEntry, Visit, VisitState, WorkOrder

STEPS = 24
# After this many rounds over a good line everything must have been said and heard.
ROUNDS = 6
# The audit chain of every so many stories is walked.
CHAINS = 10
# What leaves a row of its own under the id that the phone gave it.
ROWS: dict[str, Any] = {
    "comment.add": Comment,
    "part.consume": PartUse,
    "reading.add": Reading,
    "time.add": TimeEntry,
    "order.open": WorkOrder,
}
# The password is the product's own; what it costs to check it is not the matter of a story.
_cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


def through(app: Flask) -> Any:
    """Return a transport that hands requests to the application in this process."""

    def send(method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SCRIPT_NAME": "",
            "SERVER_NAME": "story",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "story",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        if "Authorization" in headers:
            environ["HTTP_AUTHORIZATION"] = headers["Authorization"]
        begun: list[str] = []
        answer = app.wsgi_app(environ, lambda status, _headers, _info=None: begun.append(status))
        content = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        status = int(begun[0][:3])
        assert status < 500, f"{path} is answered {status}: {content!r}"
        return status, content

    return send


class Network:
    """A line that loses, doubles, delays and cuts, as its generator pleases."""

    def __init__(self, send: Any, chance: random.Random) -> None:
        self.send = send
        self.chance = chance
        self.bad = True
        self.late: list[tuple[Any, ...]] = []

    def __call__(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        """Carry a request, or do something worse with it."""
        message = (method, path, body, headers)
        luck = self.chance.random() if self.bad and path != "/v1/session" else 1.0
        if luck < 0.08:
            raise Offline("The request was lost.")
        if luck < 0.14:
            self.late.append(message)
            raise Offline("The request is on its way for a long time.")
        if luck < 0.20:
            self.send(*message)
        status, content = self.send(*message)
        if luck < 0.30:
            raise Offline("The answer was lost.")
        if luck < 0.36 and content:
            raise Offline("The answer was cut off.")
        if self.late and self.chance.random() < 0.5:
            # What was believed lost arrives after all, after what was said later.
            self.send(*self.late.pop(self.chance.randrange(len(self.late))))
        return status, content


class Story:
    """One story, from its seed."""

    def __init__(self, app: Flask, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.make = Maker()
        self.send = through(app)
        self.said: dict[str, tuple[str, dict[str, Any]]] = {}
        self.forgotten: set[str] = set()
        self.told: list[str] = []
        self.gone_by = timedelta()
        self.skew: dict[int, timedelta] = {}
        # Phones whose replica somebody has tampered with.
        self.tampered: set[int] = set()
        self.orders: list[UUID] = []
        self.visits: dict[UUID, UUID] = {}
        perform(self.make.system, self._found, name="story")
        self.network = Network(self.send, self.chance)
        # The first engineer carries two phones, one of them with an old app on it.
        carriers = [self.accounts[0], self.accounts[0], self.accounts[1]]
        self.phones = [
            Client(
                self.network,
                email=account.email,
                password=PASSWORD,
                schema=1 if place == 1 and self.chance.random() < 0.5 else SCHEMA,
                clock=functools.partial(self._time_on, place),
            )
            for place, account in enumerate(carriers)
        ]
        for phone in self.phones:
            phone.sign_in()
        self.backups = {
            place: copy.deepcopy(phone.store) for place, phone in enumerate(self.phones)
        }

    def _time_on(self, place: int) -> Any:
        return clock.now() + self.skew.get(place, timedelta())

    def _found(self, unit: Unit) -> None:
        """Begin with two engineers, a machine, parts on a shelf and a few visits."""
        self.accounts = [self._account(unit, number) for number in range(2)]
        self.part = parts.add_part(unit, sku="P-1", name="Seal", cost_micro=125, codes=[])
        shelf = parts.add_place(unit, kind="bin", name="Bin")
        self.shelf = shelf.id
        customer = assets.add_customer(
            unit,
            name="Customer",
            language="en",
            contact_name="Mr Zhou",
            contact_phone="+86 21 5555 0001",
            email=None,
        )
        unit.session.flush()
        site = assets.add_site(
            unit,
            customer_id=customer.id,
            name="Quarry",
            address="1 Quarry Road",
            lat=31.25,
            lng=121.5,
            timezone="Asia/Shanghai",
            contact_name="Ms Wu",
            contact_phone="+86 21 5555 0002",
            access_notes="",
        )
        unit.session.flush()
        machine = assets.add_asset(
            unit,
            site_id=site.id,
            no="M-1",
            name="Excavator",
            maker="O&K",
            model="RH120E",
            serial="S1",
            kind="excavator",
        )
        self.machine = machine.id
        self.technicians, self.vans = [], []
        for number, account in enumerate(self.accounts):
            technician = people.hire_technician(
                unit,
                no=f"T{number}",
                name=f"Technician {number}",
                phone="+86 21 5555 0000",
                skills=[],
                home_lat=31.2304,
                home_lng=121.4737,
                shift_from="08:00",
                shift_to="17:00",
                days=[0, 1, 2, 3, 4, 5, 6],
                account_id=account.id,
            )
            unit.session.flush()
            van = parts.add_place(
                unit, kind="van", name=f"Van {number}", technician_id=technician.id
            )
            technician.van_place_id = van.id
            self.technicians.append(technician.id)
            self.vans.append(van.id)
        unit.session.flush()
        parts.receive_goods(unit, id=new_id(), place_id=shelf.id, part_id=self.part.id, qty=50)
        for _ in range(3):
            self._open_order(unit)

    def _account(self, unit: Unit, number: int) -> Account:
        email = f"person{number}.{self.make.org.id.hex}@example.com"
        doors.open_door(unit, "email", email)
        return unit.add(
            Account(
                email=email,
                name=f"Person {number}",
                password_hash=_cheap,
                roles=["technician"],
                language="en",
                active=True,
            )
        )

    def _open_order(self, unit: Unit) -> None:
        order = work.open_order(unit, title="Leaking cylinder", asset_id=self.machine)
        unit.session.flush()
        visit_id = unit.session.scalars(sa.select(Visit.id).where(Visit.order_id == order.id)).one()
        by = self.chance.choice([*self.technicians, None])
        if by is not None:
            work.edit_visit(unit, visit_id, technician_id=by, day=clock.now().date())
        self.orders.append(order.id)
        self.visits[visit_id] = order.id

    def tell(self) -> None:
        """Let things happen."""
        deeds: list[tuple[float, Callable[[], None]]] = [
            (12, self.say_something),
            (8, self.talk_to_the_server),
            (3, self.listen_only),
            (2, self.open_order),
            (3, self.reassign),
            (2, self.edit_the_order),
            (1, self.cancel),
            (2, self.move_stock),
            (1, self.open_on_site),
            (1, self.want_the_same),
            (1, self.die),
            (1, self.turn_the_clock),
            (1, self.back_up),
            (1, self.restore_the_phone),
            (1, self.let_days_pass),
            (0.3, self.let_months_pass),
            (0.3, self.begin_an_epoch),
            (0.5, self.change_places),
            (0.5, self.suspend),
            (0.5, self.let_back_in),
            (0.2, self.cut_off),
            (0.5, self.update_the_app),
            (0.5, self.tamper),
        ]
        weights = [weight for weight, _ in deeds]
        for _ in range(STEPS):
            (_, deed) = self.chance.choices(deeds, weights)[0]
            self.told.append(deed.__name__)
            deed()

    # What engineers do

    def _phone(self) -> tuple[int, Client]:
        place = self.chance.randrange(len(self.phones))
        return place, self.phones[place]

    def _known(self, phone: Client, entity: str) -> list[UUID]:
        """Return the ids that a phone knows, in an order that the seed repeats."""
        docs = phone.state.replica.docs
        return [UUID(row_id) for name, row_id in docs if name == entity]

    def _say(self, phone: Client, kind: str, args: dict[str, Any], **more: Any) -> str:
        """Put something into a phone's outbox; who was cut off has no app to say it in."""
        mutation_id = phone.say(kind, args, **more)
        self.said[mutation_id] = (kind, args)
        return mutation_id

    def say_something(self) -> None:
        """An engineer says something, with or without signal."""
        _, phone = self._phone()
        if phone.wiped:
            return
        # A visit that the phone knows, or one that it cannot know.
        visit_id = self.chance.choice(self._known(phone, "visit") or list(self.visits))
        order_id = self.visits[visit_id]
        visit = {"visit_id": str(visit_id)}
        order = {"order_id": str(order_id)}
        own = {"id": str(new_id())}
        now = phone.clock()
        used = {"part_id": str(self.part.id), "qty": self.chance.randint(1, 3)}
        measured = {"meter": "hours", "value": self.chance.randrange(9000), "unit": "h"}
        spent = {
            "kind": "work",
            "begun_at": (now - timedelta(minutes=30)).isoformat(),
            "ended_at": now.isoformat(),
        }
        done = {
            "findings": "Replaced the seal.",
            "answers": {"safe": True, "tested": True},
            "parts": [own | used],
        }
        attention = self.chance.choice(self._known(phone, "attention") or [new_id()])
        rewritten = {"title": f"Title {self.chance.randrange(1000)}", "description": "On site."}
        sayings: list[tuple[str, dict[str, Any]]] = [
            ("comment.add", order | own | {"text": "Seen."}),
            ("part.consume", visit | own | used),
            ("reading.add", {"asset_id": str(self.machine)} | own | measured),
            ("reading.add", {"asset_id": str(self.machine)} | own | measured | visit),
            ("time.add", visit | own | spent),
            ("visit.claim", visit),
            ("visit.accept", visit),
            ("visit.decline", visit | {"reason": "Too far away."}),
            ("visit.travel", visit),
            ("visit.arrive", visit),
            ("visit.start", visit),
            ("visit.complete", visit | done),
            ("visit.answer", visit | {"key": "safe", "value": True}),
            ("order.edit", order | rewritten),
            ("attention.settle", {"attention_id": str(attention), "keep": "office"}),
            # Nobody can take these as they are.
            ("comment.add", order | {"text": ""}),
            ("reading.add", {"asset_id": str(new_id())} | own | measured),
            ("nonsense.say", visit),
        ]
        if phone.schema == 1:
            sayings.append(("visit.pause", visit | {"reason": "No crane."}))
        else:
            sayings.append(("visit.hold", visit | {"reason": "access", "text": "No key."}))
        kind, args = self.chance.choice(sayings)
        base = {}
        if kind == "order.edit" and (
            seen := phone.state.replica.docs.get(("work_order", str(order_id)))
        ):
            base = {"work_order": seen[0]}
        depends = []
        if self.chance.random() < 0.2 and phone.state.outbox:
            depends = [phone.state.outbox[-1]["id"]]
        self._say(phone, kind, args, depends_on=depends, base=base)

    def open_on_site(self) -> None:
        """An engineer opens an order offline and at once speaks of it."""
        _, phone = self._phone()
        if phone.wiped:
            return
        order_id, visit_id = new_id(), new_id()
        self.visits[visit_id] = order_id
        args = {
            "order_id": str(order_id),
            "visit_id": str(visit_id),
            "asset_id": str(self.machine) if self.chance.random() < 0.8 else str(new_id()),
            "title": "Cracked hose",
        }
        opened = self._say(phone, "order.open", args)
        comment = {"order_id": str(order_id), "id": str(new_id()), "text": "It drips."}
        self._say(phone, "comment.add", comment, depends_on=[opened])
        self._say(phone, "visit.start", {"visit_id": str(visit_id)}, depends_on=[opened])

    def want_the_same(self) -> None:
        """Two engineers without signal both take a visit that nobody has."""
        with reading(self.make.system) as unit:
            free = unit.session.scalars(
                sa.select(Visit.id).where(Visit.technician_id.is_(None)).order_by(Visit.no)
            ).first()
        if free is None or free not in self.visits:
            return
        for phone in self.phones[1:]:
            if not phone.wiped:
                self._say(phone, "visit.claim", {"visit_id": str(free)})

    def _with(self, phone: Client, talk: Callable[[], Any]) -> None:
        """Talk to the server, as far as the line and the office let the phone."""
        unsaid = {mutation["id"] for mutation in phone.state.outbox}
        try:
            talk()
        except Offline:
            pass
        except Refused as error:
            if error.code != "device_suspended":
                raise
        if phone.wiped:
            # What it had not said was erased with the rest, unless it had arrived.
            self._forget(unsaid)

    def _forget(self, unsaid: set[str]) -> None:
        """Expect nothing of what has never left a phone that does not hold it any more."""
        held = {m["id"] for phone in self.phones for m in phone.state.outbox}
        with reading(self.make.system) as unit:
            keys = sa.select(Receipt.key).where(Receipt.key.in_(unsaid))
            arrived = set(unit.session.scalars(keys))
        for mutation_id in unsaid - held - arrived:
            # A request that is on its way for a long time may still bring it.
            self.forgotten.add(mutation_id)
            self.said.pop(mutation_id, None)

    def talk_to_the_server(self) -> None:
        """A phone has signal for a while."""
        _, phone = self._phone()
        limit = self.chance.choice([3, 20, 1000])

        def talk() -> None:
            for _ in range(3):
                if phone.state.outbox:
                    phone.push_some()
            phone.pull(limit=limit)

        self._with(phone, talk)

    def listen_only(self) -> None:
        """A phone pulls one page and loses its signal."""
        _, phone = self._phone()
        limit = self.chance.choice([1, 5, 50])
        self._with(phone, lambda: phone.pull_some(limit=limit))

    def die(self) -> None:
        """A phone's battery dies."""
        self._phone()[1].store.die()

    def turn_the_clock(self) -> None:
        """A phone's clock is wrong from now on."""
        place, _ = self._phone()
        self.skew[place] = timedelta(hours=self.chance.choice([-30, -1, 0, 1, 24 * 400]))

    def back_up(self) -> None:
        """Somebody makes a backup of a phone."""
        place, phone = self._phone()
        if not phone.wiped:
            self.backups[place] = copy.deepcopy(phone.store)

    def restore_the_phone(self) -> None:
        """A phone is put back to its backup; what it has said since it may say otherwise."""
        place, phone = self._phone()
        if phone.wiped:
            return
        lost = {m["id"] for m in phone.state.outbox}
        phone.store = copy.deepcopy(self.backups[place])
        self._forget(lost)
        phone.access = None

    def update_the_app(self) -> None:
        """The old app is brought up to date; what it wrote down before stays as it is."""
        self.phones[1].schema = SCHEMA

    def tamper(self) -> None:
        """A row of a replica is not what the server sent."""
        place, phone = self._phone()
        replica = phone.state.replica
        # In the order of their arrival, which the seed repeats.
        rows = [
            (scope, key)
            for scope, members in replica.members.items()
            for key in replica.docs
            if key in members
        ]
        if not rows:
            return
        scope, key = self.chance.choice(rows)
        how = self.chance.randrange(3)
        if how == 0:
            version, doc = replica.docs[key]
            replica.docs[key] = (version + 1, doc)
        elif how == 1:
            replica.apply({"op": "leave", "scope": scope, "entity": key[0], "id": key[1]})
        else:
            stranger = {"entity": "comment", "id": str(new_id()), "version": 1, "doc": {}}
            replica.apply({"op": "put", "scope": scope} | stranger)
        phone.store.save()
        self.tampered.add(place)

    # What the office, the store and the years do

    def _in_the_office(self, action: Callable[[Unit], Any]) -> None:
        with contextlib.suppress(DomainError):
            perform(self.make.system, action, name="story")

    def open_order(self) -> None:
        """Somebody opens an order; it goes to an engineer, or waits."""
        perform(self.make.system, self._open_order, name="story")

    def reassign(self) -> None:
        """A visit goes to somebody else, on some day."""
        visit_id = self.chance.choice(list(self.visits))
        to = self.chance.choice(self.technicians)
        day = clock.now().date() + timedelta(days=self.chance.choice([0, 0, 0, 3, 16]))
        self._in_the_office(lambda unit: work.edit_visit(unit, visit_id, technician_id=to, day=day))

    def edit_the_order(self) -> None:
        """The office changes what is written on an order."""
        order_id = self.chance.choice(self.orders)
        title = f"Title {self.chance.randrange(1000)}"
        self._in_the_office(lambda unit: work.edit_order(unit, order_id, title=title))

    def cancel(self) -> None:
        """The office calls an order off."""
        order_id = self.chance.choice(self.orders)
        self._in_the_office(lambda unit: work.cancel_order(unit, order_id, reason="Not needed."))

    def move_stock(self) -> None:
        """The store gives a van something to carry."""
        van, qty = self.chance.choice(self.vans), self.chance.randint(1, 4)
        self._in_the_office(
            lambda unit: parts.transfer_stock(
                unit,
                id=new_id(),
                from_place_id=self.shelf,
                to_place_id=van,
                part_id=self.part.id,
                qty=qty,
            )
        )

    def change_places(self) -> None:
        """The two engineers take over each other's work and vans: every phone gets other scopes."""
        self.accounts.reverse()

        def change(unit: Unit) -> None:
            for technician_id, account in zip(self.technicians, self.accounts, strict=True):
                technician = unit.take(Technician, technician_id)
                assert technician is not None
                technician.account_id = account.id

        perform(self.make.system, change, name="story")

    def _set_device(self, phone: Client, state: DeviceState) -> None:
        device_id = UUID(phone.state.device_id)

        def change(unit: Unit) -> None:
            device = unit.take(Device, device_id)
            if device is not None and device.state is not DeviceState.REVOKED:
                people.set_device_state(unit, device_id, state)

        self._in_the_office(change)

    def suspend(self) -> None:
        """The office suspends a phone."""
        self._set_device(self._phone()[1], DeviceState.SUSPENDED)

    def let_back_in(self) -> None:
        """The office lets a phone back in."""
        self._set_device(self._phone()[1], DeviceState.ACTIVE)

    def cut_off(self) -> None:
        """A phone was stolen; the office cuts it off for good."""
        self._set_device(self._phone()[1], DeviceState.REVOKED)

    def let_days_pass(self) -> None:
        """A few days pass: visits come into sight, and old ones leave."""
        self._pass(timedelta(days=self.chance.choice([1, 2, 15, 31])))

    def let_months_pass(self) -> None:
        """A long time passes, and removals from before it are forgotten."""
        self._pass(kept.removals + timedelta(days=1))
        forget_removals(self.make.system)

    def _pass(self, time: timedelta) -> None:
        # Every story has its own calendar, put back when it ends.
        self.gone_by += time
        machine_time, gone_by = _machine_time, self.gone_by
        clock.source = lambda: machine_time() + gone_by

    def begin_an_epoch(self) -> None:
        """The server's database is said to have been restored: every phone starts over."""
        epochs.begin()

    # What must be true

    def end_well(self) -> None:
        """Mend the line, let everybody finish, and look whether everything is as it must be."""
        self.network.bad = False
        for late in self.network.late:
            self.send(*late)
        self.skew.clear()
        for phone in self.phones:
            self._set_device(phone, DeviceState.ACTIVE)
        # Something new, so that every phone hears of a checkpoint.
        self._in_the_office(
            lambda unit: parts.add_part(unit, sku="P-2", name="Hose", cost_micro=5, codes=[])
        )
        self._until_quiet()
        for place, phone in enumerate(self.phones):
            assert not phone.state.outbox, "something was never said"
            if not phone.wiped:
                self._check_replica(phone, tampered=place in self.tampered)
        self._check_receipts()
        with reading(self.make.system) as unit:
            broken = {name: rows for name, rows in books.broken(unit).items() if rows}
            assert not broken, f"the books are wrong: {broken}"
            if self.seed % CHAINS == 0:
                _, faults = audit.verify(unit.session.connection(), self.make.org.id)
                assert not faults, f"the audit chain is broken: {faults}"
        found = oracle.differences(self.make.system)
        assert not found, f"the feed says otherwise: {'; '.join(map(str, found))}"

    def _until_quiet(self) -> None:
        for _ in range(ROUNDS):
            heard = [phone.state.replica.cursor for phone in self.phones]
            for phone in self.phones:
                self._with(phone, phone.sync)
            if heard == [phone.state.replica.cursor for phone in self.phones]:
                return
        raise AssertionError("the phones never come to rest")

    def _scopes_of(self, phone: Client) -> set[str]:
        mine = [account.email for account in self.accounts].index(phone.email)
        return {
            "catalogue",
            f"technician:{self.technicians[mine]}",
            *(["pool"] if phone.schema > 1 else []),
        }

    def _check_replica(self, phone: Client, *, tampered: bool) -> None:
        replica = phone.state.replica
        assert replica.members.keys() <= self._scopes_of(phone), "it kept a scope it has lost"
        with bound().reading() as session:
            connection = session.connection()
            announce(connection, self.make.org.id)
            rows = connection.execute(
                sa.select(
                    feed.scopes.c.name,
                    feed.documents.c.entity,
                    feed.documents.c.id,
                    feed.documents.c.body,
                )
                .join(feed.entries, feed.entries.c.document_no == feed.documents.c.no)
                .join(feed.scopes, feed.scopes.c.no == feed.entries.c.scope_no)
                .where(
                    feed.scopes.c.org_id == self.make.org.id,
                    feed.scopes.c.name.in_(self._scopes_of(phone)),
                    feed.entries.c.present,
                )
            ).all()
        truth: dict[str, set[tuple[str, str]]] = {}
        docs = {}
        for row in rows:
            key = (row.entity, str(row.id))
            truth.setdefault(row.name, set()).add(key)
            body = lowered(row.entity, row.body) if phone.schema == 1 else row.body
            docs[key] = orjson.loads(body)
        for scope in self._scopes_of(phone):
            differing = replica.members.get(scope, set()) ^ truth.get(scope, set())
            assert not differing, f"{scope} differs: {differing}"
        assert replica.docs.keys() == docs.keys(), "it holds what no scope holds"
        for key, said in docs.items():
            version, doc = replica.docs[key]
            assert version == said["version"], f"{key} is of another version"
            assert doc == said["doc"] or tampered, f"{key} reads otherwise"
        assert tampered or phone.state.repairs == 0, "a checksum differed"

    def _check_receipts(self) -> None:
        """Each thing said has one answer wherever it was asked for, and what the answer says is so."""
        models = set(ROWS.values())
        with reading(self.make.system) as unit:
            query = sa.select(Receipt.key, Receipt.status, Receipt.answer)
            receipts = unit.session.execute(query).all()
            there = {model: set(unit.session.scalars(sa.select(model.id))) for model in models}
            uses = {use.id: use.qty for use in unit.session.scalars(sa.select(PartUse))}
            done = set(
                unit.session.scalars(sa.select(Visit.id).where(Visit.state == VisitState.COMPLETED))
            )
        answers: dict[str, list[Any]] = {}
        for receipt in receipts:
            answers.setdefault(receipt.key, []).append(receipt)
        never_said = answers.keys() - self.said.keys() - self.forgotten
        assert not never_said, "something was never said, and answered"
        for mutation_id, (kind, args) in self.said.items():
            found = answers.get(mutation_id)
            assert found, f"{kind} was lost"
            assert len({one.status for one in found}) == 1, f"{kind} ended in two ways"
            answer = orjson.loads(found[0].answer)
            stands = "error" not in answer and found[0].status != "quarantined"
            if (model := ROWS.get(kind)) and (own := args.get("id") or args.get("order_id")):
                known = UUID(own) in there[model]
                assert known == stands, f"{kind} is {found[0].status}, its row there: {known}"
            if kind == "part.consume" and stands:
                assert uses[UUID(args["id"])] == args["qty"]
            if kind == "visit.complete" and found[0].status == "applied":
                assert UUID(args["visit_id"]) in done
        for phone in self.phones:
            for mutation_id, result in phone.state.results.items():
                assert result["status"] == answers[mutation_id][0].status, "it was told otherwise"


_machine_time = clock.source


def tell(app: Flask, seed: int) -> None:
    """Tell the story of this seed from the beginning to the end.

    Raises AssertionError, with the seed, when it ends badly.
    """
    story = None
    try:
        story = Story(app, seed)
        story.tell()
        story.end_well()
    except Exception as error:
        told = ", ".join(story.told) if story else "nothing"
        raise AssertionError(
            f"The story of seed {seed} ends badly: {error!r}\nFIELDWRIGHT_STORY={seed} tells it again. "
            f"What happened: {told}."
        ) from error
    finally:
        clock.source = _machine_time
