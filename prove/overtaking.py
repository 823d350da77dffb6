"""Slow transactions beside fast ones on PostgreSQL, and a phone that pulls without a pause."""

import random
import threading
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy import event

from conformance.client import Replica
from core import database as databases
from core.database import Database, retried
from core.ids import new_id
from core.migrations import upgrade
from core.unit import unit_of_work
from sync import cursor
from sync.pull import pull
from tests.makers import Maker
from tests.services import fresh_database
from work import actions as work

SLOW, FAST, SLOWLY, QUICKLY = 3, 4, 25, 150
LONGEST_S = 0.2


def prove(server: str, seed: int) -> list[str]:
    """Write slowly and quickly at once; return what a phone that pulls all the while has missed."""
    with fresh_database(server, "overtaking") as url:
        upgrade(url)
        database = Database(url)
        databases.bind(database)
        cursor.configure(b"prove")
        try:
            return _Race(seed).run()
        finally:
            databases.bind(None)
            database.close()


class _Race:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.make = Maker()
        technician = self.make.technician(account=self.make.account("technician"))
        self.orders = []
        for _ in range(SLOW + FAST):
            order = self.make.order()
            self.make.visit(technician, order=order)
            self.orders.append(order.id)
        self.reader = self.make.as_technician(technician, device_id=new_id())
        self.over = threading.Event()
        self.faults: list[str] = []
        self.written: set[str] = set()
        self.replica = Replica()
        self.pages = 0

    def run(self) -> list[str]:
        """Run everybody, and compare."""
        writers = [
            threading.Thread(target=self._write, args=(place, order_id))
            for place, order_id in enumerate(self.orders)
        ]
        reader = threading.Thread(target=self._read)
        reader.start()
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        self.over.set()
        reader.join()
        self._pull()
        held = {row_id for entity, row_id in self.replica.docs if entity == "comment"}
        if missed := self.written - held:
            self.faults.append(f"a pull stepped over {len(missed)} of {len(self.written)} comments")
        print(
            f"    {len(self.written)} transactions, {self.pages} pages, {len(self.faults)} faults"
        )
        return self.faults

    def _write(self, place: int, order_id: UUID) -> None:
        chance = random.Random(self.seed * 100 + place)
        slow = place < SLOW
        for _ in range(SLOWLY if slow else QUICKLY):
            before, after = (chance.random() * LONGEST_S for _ in range(2))
            try:
                self.written.add(
                    retried(lambda b=before, a=after: self._comment(order_id, slow, b, a))
                )
            except Exception as error:  # noqa: BLE001 - it is told at the end
                self.faults.append(repr(error))

    def _comment(self, order_id: UUID, slow: bool, before: float, after: float) -> str:
        with unit_of_work(self.make.system, action="prove") as unit:
            comment = work.add_comment(unit, order_id, text="Seen.")
            if slow:
                # Once before it is given its numbers in the feed, once with them in its hand.
                unit.session.execute(sa.text("SELECT pg_sleep(:s)"), {"s": before})
                event.listen(
                    unit.session,
                    "before_commit",
                    lambda session: session.execute(sa.text("SELECT pg_sleep(:s)"), {"s": after}),
                )
            return str(comment.id)

    def _read(self) -> None:
        try:
            while not self.over.is_set():
                self._pull()
        except Exception as error:  # noqa: BLE001 - it is told at the end
            self.faults.append(repr(error))

    def _pull(self) -> None:
        """Pull until there is nothing more; each checkpoint's sums must be the replica's."""
        assert self.reader.device_id is not None
        while True:
            body = pull(
                self.reader,
                device_id=self.reader.device_id,
                schema=2,
                cursor=self.replica.cursor,
                limit=5,
            )
            if body is None:
                return
            page = orjson.loads(body)
            for change in page["changes"]:
                self.replica.apply(change)
            self.replica.cursor = page["cursor"]
            self.pages += 1
            if page["complete"]:
                for scope, said in page["checkpoint"]["scopes"].items():
                    if self.replica.checksum(scope) != (said["count"], said["checksum"]):
                        self.faults.append(f"at page {self.pages} the replica of {scope} differs")
                return
