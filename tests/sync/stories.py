"""Stories made up from a seed: phones, an office and a store over a hostile network, and what must be true after.

Each story has an organisation of its own, so that thousands are told in one database. Nothing in
it is drawn but from the story's own generator: the seed tells the story again.
"""

import contextlib
import copy
import io
import random
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from flask import Flask

from conformance.client import Client, Offline, Refused
from core import clock, feed
from core.database import bound
from core.errors import DomainError
from core.ids import new_id
from core.receipts import Receipt
from core.tenancy import announce
from core.unit import Unit, perform, reading
from parts import actions as parts
from parts import audit as books
from tests.makers import PASSWORD, Maker
from work import actions as work
from work.models import Comment, PartUse, Visit, VisitState, WorkOrder

STEPS = 24
# After this many rounds over a good line everything must have been said and heard.
ROUNDS = 6


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
        return int(begun[0][:3]), content

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
        self.told: list[str] = []
        self.skew: dict[int, timedelta] = {}
        self.accounts = [self.make.account("technician") for _ in range(2)]
        self.technicians = [self.make.technician(account=account) for account in self.accounts]
        self.network = Network(self.send, self.chance)
        # The first engineer carries two phones.
        emails = [self.accounts[0].email, self.accounts[0].email, self.accounts[1].email]
        self.phones = [
            Client(
                self.network,
                email=email,
                password=PASSWORD,
                clock=lambda place=place: clock.now() + self.skew.get(place, timedelta()),
            )
            for place, email in enumerate(emails)
        ]
        self.part = self.make.part()
        self.bin = self.make.warehouse().id
        self.make.stock(self.bin, self.part, 50)
        self.orders: list[WorkOrder] = []
        self.visits: list[Visit] = []
        for _ in range(2):
            self.open_order()
        for phone in self.phones:
            phone.sign_in()
        self.backups = {
            place: copy.deepcopy(phone.store) for place, phone in enumerate(self.phones)
        }

    def tell(self) -> None:
        """Let things happen."""
        deeds: list[tuple[int, Callable[[], None]]] = [
            (10, self.say_something),
            (8, self.talk_to_the_server),
            (3, self.listen_only),
            (2, self.open_order),
            (3, self.reassign),
            (2, self.edit_the_order),
            (1, self.cancel),
            (2, self.move_stock),
            (1, self.die),
            (1, self.turn_the_clock),
            (1, self.back_up),
            (1, self.restore_the_phone),
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

    def _my_visit(self, phone: Client) -> UUID:
        """Return a visit that this phone knows, or one that it cannot know."""
        known = [UUID(row) for entity, row in phone.state.replica.docs if entity == "visit"]
        return self.chance.choice(known or [visit.id for visit in self.visits])

    def say_something(self) -> None:
        """An engineer says something, with or without signal."""
        _, phone = self._phone()
        visit_id = self._my_visit(phone)
        order_id = next(visit.order_id for visit in self.visits if visit.id == visit_id)
        sayings: list[tuple[str, dict[str, Any]]] = [
            ("comment.add", {"order_id": str(order_id), "id": str(new_id()), "text": "Seen."}),
            (
                "part.consume",
                {
                    "visit_id": str(visit_id),
                    "id": str(new_id()),
                    "part_id": str(self.part.id),
                    "qty": self.chance.randint(1, 3),
                },
            ),
            ("visit.start", {"visit_id": str(visit_id)}),
            ("visit.accept", {"visit_id": str(visit_id)}),
            (
                "visit.complete",
                {
                    "visit_id": str(visit_id),
                    "findings": "Replaced the seal.",
                    "answers": {"safe": True, "tested": True},
                    "parts": [{"id": str(new_id()), "part_id": str(self.part.id), "qty": 1}],
                },
            ),
            ("visit.answer", {"visit_id": str(visit_id), "key": "safe", "value": True}),
            ("comment.add", {"order_id": str(order_id), "text": ""}),
            ("nonsense.say", {"visit_id": str(visit_id)}),
        ]
        kind, args = self.chance.choice(sayings)
        depends = []
        if self.chance.random() < 0.2 and phone.state.outbox:
            depends = [phone.state.outbox[-1]["id"]]
        self.said[phone.say(kind, args, depends_on=depends)] = (kind, args)

    def talk_to_the_server(self) -> None:
        """A phone has signal for a while."""
        _, phone = self._phone()
        with contextlib.suppress(Offline):
            for _ in range(3):
                if phone.state.outbox:
                    phone.push_some()
            phone.pull(limit=self.chance.choice([3, 20, 1000]))

    def listen_only(self) -> None:
        """A phone pulls one page and loses its signal."""
        _, phone = self._phone()
        with contextlib.suppress(Offline):
            phone.pull_some(limit=self.chance.choice([1, 5, 50]))

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
        self.backups[place] = copy.deepcopy(phone.store)

    def restore_the_phone(self) -> None:
        """A phone is put back to its backup; what it has said since it may say otherwise."""
        place, phone = self._phone()
        lost = {m["id"] for m in phone.state.outbox}
        phone.store = copy.deepcopy(self.backups[place])
        kept = {m["id"] for m in phone.state.outbox}
        for mutation_id in lost - kept:
            # It was on the phone alone, and the phone forgot it.
            self.said.pop(mutation_id)
        phone.access = None

    # What the office and the store do

    def open_order(self) -> None:
        """Somebody opens an order; it goes to an engineer, or waits."""
        order = self.make.order()
        by = self.chance.choice([*self.technicians, None])
        self.orders.append(order)
        self.visits.append(self.make.visit(by, order=order))

    def _in_the_office(self, action: Callable[[Unit], Any]) -> None:
        with contextlib.suppress(DomainError):
            perform(self.make.system, action, name="story")

    def reassign(self) -> None:
        """A visit goes to somebody else."""
        visit = self.chance.choice(self.visits)
        to = self.chance.choice(self.technicians)
        self._in_the_office(
            lambda unit: work.edit_visit(
                unit, visit.id, technician_id=to.id, day=clock.now().date()
            )
        )

    def edit_the_order(self) -> None:
        """The office changes what is written on an order."""
        order = self.chance.choice(self.orders)
        title = f"Title {self.chance.randrange(1000)}"
        self._in_the_office(lambda unit: work.edit_order(unit, order.id, title=title))

    def cancel(self) -> None:
        """The office calls an order off."""
        order = self.chance.choice(self.orders)
        self._in_the_office(lambda unit: work.cancel_order(unit, order.id, reason="Not needed."))

    def move_stock(self) -> None:
        """The store gives a van something to carry."""
        technician = self.chance.choice(self.technicians)
        assert technician.van_place_id is not None
        van = technician.van_place_id
        self._in_the_office(
            lambda unit: parts.transfer_stock(
                unit,
                id=new_id(),
                from_place_id=self.bin,
                to_place_id=van,
                part_id=self.part.id,
                qty=self.chance.randint(1, 4),
            )
        )

    # What must be true

    def end_well(self) -> None:
        """Mend the line, let everybody finish, and look whether everything is as it must be."""
        self.network.bad = False
        for late in self.network.late:
            self.send(*late)
        self.skew.clear()
        for _ in range(ROUNDS):
            for phone in self.phones:
                phone.sync()
        for phone in self.phones:
            assert not phone.state.outbox, "something was never said"
            self._check_replica(phone)
        self._check_receipts()
        self._check_effects()
        with reading(self.make.system) as unit:
            broken = {name: rows for name, rows in books.broken(unit).items() if rows}
        assert not broken, f"the books are wrong: {broken}"

    def _check_replica(self, phone: Client) -> None:
        replica = phone.state.replica
        with bound().reading() as session:
            connection = session.connection()
            announce(connection, self.make.org.id)
            for scope, members in replica.members.items():
                rows = connection.execute(
                    sa.select(feed.documents.c.entity, feed.documents.c.id, feed.documents.c.body)
                    .join(feed.entries, feed.entries.c.document_no == feed.documents.c.no)
                    .join(feed.scopes, feed.scopes.c.no == feed.entries.c.scope_no)
                    .where(
                        feed.scopes.c.org_id == self.make.org.id,
                        feed.scopes.c.name == scope,
                        feed.entries.c.present,
                    )
                ).all()
                truth = {(row.entity, str(row.id)): orjson.loads(row.body) for row in rows}
                assert members == set(truth), f"{scope} differs: {members ^ set(truth)}"
                for key, said in truth.items():
                    assert replica.docs[key] == (said["version"], said["doc"]), key
        assert phone.state.repairs == 0, "a checksum differed"

    def _check_receipts(self) -> None:
        """Each thing said has an answer, the same wherever it was asked for."""
        with reading(self.make.system) as unit:
            rows = unit.session.execute(sa.select(Receipt.key, Receipt.status)).all()
        statuses: dict[str, set[str]] = {}
        for key, status in rows:
            statuses.setdefault(key, set()).add(status)
        for mutation_id in self.said:
            found = statuses.get(mutation_id)
            assert found is not None, f"{self.said[mutation_id][0]} was lost"
            assert len(found) == 1, f"{self.said[mutation_id][0]} ended in two ways: {found}"

    def _check_effects(self) -> None:
        """What was accepted stands once."""
        results: dict[str, dict[str, Any]] = {}
        for phone in self.phones:
            results |= phone.state.results
        with reading(self.make.system) as unit:
            comments = set(unit.session.scalars(sa.select(Comment.id)))
            uses = {use.id: use.qty for use in unit.session.scalars(sa.select(PartUse))}
            done = set(
                unit.session.scalars(sa.select(Visit.id).where(Visit.state == VisitState.COMPLETED))
            )
        for mutation_id, (kind, args) in self.said.items():
            result = results.get(mutation_id)
            if result is None or "error" in result:
                continue
            if kind == "comment.add":
                assert UUID(args["id"]) in comments
            if kind == "part.consume":
                assert uses[UUID(args["id"])] == args["qty"]
            if kind == "visit.complete" and result["status"] == "applied":
                assert UUID(args["visit_id"]) in done


@contextlib.contextmanager
def retold(seed: int) -> Iterator[None]:
    """Say which story it was when it ends badly."""
    try:
        yield
    except (AssertionError, Refused, KeyError) as error:
        raise AssertionError(f"The story of seed {seed} ends badly: {error}") from error
