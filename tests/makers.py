"""A migrated, empty database for each test, on both kinds, and a maker of believable things in it."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

import sync.wiring  # noqa: F401 - rows are written as in the real processes
from assets import actions as assets
from assets.models import Asset, Customer, Site
from core import clock, files
from core import database as databases
from core.actor import Actor
from core.database import Database
from core.ids import new_id
from core.migrations import upgrade
from core.models import Base
from core.unit import perform, unit_of_work
from parts import actions as parts
from parts.models import Part, Place
from people import actions as people
from people import passwords
from people.models import Account, Organisation, Technician
from work import actions as work
from work import reports
from work.models import Visit, WorkOrder

PASSWORD = "correct horse battery"
# What a hash costs is the matter of one test alone.
CHEAP_KIB = 8
MEMORY = Path("/dev/shm")  # noqa: S108 - folders of our own in it
ROOM = 1024**3


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.db"
    upgrade(f"sqlite:///{path}")
    with sa.create_engine(f"sqlite:///{path}").connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture(scope="session")
def _emptied() -> Iterator[Callable[[str], str]]:
    """Return a function that gives the address of a PostgreSQL database that is migrated and empty."""
    cleaners: dict[str, sa.Engine] = {}

    def emptied(url: str) -> str:
        if url not in cleaners:
            upgrade(url)
            _hurry(url)
            cleaners[url] = sa.create_engine(url, connect_args={"prepare_threshold": None})
        _empty(cleaners[url])
        return url

    yield emptied
    for cleaner in cleaners.values():
        cleaner.dispose()


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> None:
    passwords.configure(CHEAP_KIB)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Give the process an empty, migrated database of each kind."""
    folder: ExitStack = ExitStack()
    if request.param == "sqlite":
        path = Path(folder.enter_context(_memory_folder(tmp_path))) / "fieldwright.db"
        shutil.copy(request.getfixturevalue("_sqlite_template"), path)
        bound = Database(f"sqlite:///{path}")
    else:
        url = request.getfixturevalue("postgres_url")
        bound = Database(request.getfixturevalue("_emptied")(url))
    databases.bind(bound)
    files.bind(files.FileStore(tmp_path / "files"))
    reports.configure(
        fonts=Path(__file__).parent.parent / "build" / "fonts", public_url="http://127.0.0.1:8000"
    )
    yield bound
    bound.close()
    databases.bind(None)
    folder.close()


def _memory_folder(otherwise: Path) -> AbstractContextManager[str]:
    """Return a folder where a commit does not wait for the disk, if this machine has such a place with some room."""
    try:
        if shutil.disk_usage(MEMORY).free > ROOM:
            return TemporaryDirectory(prefix="fieldwright-test-", dir=MEMORY)
    except OSError:
        pass
    return nullcontext(str(otherwise))


def _hurry(url: str) -> None:
    """Let a test's commits not wait for the disk: what a test holds may be lost with the machine."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(
            f'ALTER DATABASE "{engine.url.database}" SET synchronous_commit = off'
        )
    engine.dispose()


def _empty(cleaner: sa.Engine) -> None:
    names = [table.name for table in Base.metadata.sorted_tables if table.name != "epoch"]
    with cleaner.begin() as connection:
        # Deleting a few rows is a hundred times quicker than truncating, which makes new files; the
        # guards of append-only tables and the foreign keys are let sleep meanwhile. In one message.
        connection.exec_driver_sql(
            "SET LOCAL session_replication_role = replica;"
            + ";".join(f"DELETE FROM {name}" for name in names)
        )


class Maker:
    """Makes things through the actions that people use, with defaults for all that a test does not name."""

    def __init__(self) -> None:
        self.count = itertools.count(1)
        self.org = self.organisation()
        self._customer: Customer | None = None
        self._site: Site | None = None

    def organisation(self, name: str = "") -> Organisation:
        """Found a company."""
        name = name or f"Company {next(self.count)}"
        return people.found_organisation(
            name=name, timezone="Asia/Shanghai", currency="CNY", language="en"
        )

    @property
    def system(self) -> Actor:
        """Return the company's own hand."""
        return Actor.system(self.org.id)

    def account(self, *roles: str, name: str = "", customer_id: UUID | None = None) -> Account:
        """Give somebody an account."""
        number = next(self.count)
        return perform(
            self.system,
            lambda unit: people.open_account(
                unit,
                email=f"person{number}.{self.org.id.hex[-6:]}@example.com",
                name=name or f"Person {number}",
                password=PASSWORD,
                roles=list(roles),
                language="en",
                customer_id=customer_id,
            ),
        )

    def actor(self, *roles: str, name: str = "", customer_id: UUID | None = None) -> Actor:
        """Return somebody with these roles, without the work of a password."""
        return Actor(
            org_id=self.org.id,
            kind="person",
            account_id=new_id(),
            name=name or "Somebody",
            roles=frozenset(roles),
            customer_id=customer_id,
        )

    def technician(
        self, name: str = "", *, account: Account | None = None, van: bool = True, **details: Any
    ) -> Technician:
        """Hire an engineer, with a van."""
        number = next(self.count)
        given = {
            "no": f"T{number}",
            "name": name or f"Technician {number}",
            "phone": "+86 21 5555 0000",
            "skills": [{"code": "hydraulics", "level": 3, "expires_on": None}],
            "home_lat": 31.2304,
            "home_lng": 121.4737,
            "shift_from": "08:00",
            "shift_to": "17:00",
            "days": [0, 1, 2, 3, 4, 5, 6],
            "account_id": account.id if account else None,
        } | details

        def hire(unit: Any) -> Technician:
            technician = people.hire_technician(unit, **given)
            if van:
                unit.session.flush()
                place = parts.add_place(
                    unit, kind="van", name=f"Van of {given['no']}", technician_id=technician.id
                )
                technician.van_place_id = place.id
            return technician

        return perform(self.system, hire)

    def as_technician(self, technician: Technician, device_id: UUID | None = None) -> Actor:
        """Return the technician as an actor."""
        return Actor(
            org_id=self.org.id,
            kind="person",
            account_id=technician.account_id or new_id(),
            name=technician.name,
            roles=frozenset({"technician"}),
            technician_id=technician.id,
            device_id=device_id,
        )

    def customer(self, **details: Any) -> Customer:
        """Win a customer."""
        given = {
            "name": f"Customer {next(self.count)}",
            "language": "en",
            "contact_name": "Mr Zhou",
            "contact_phone": "+86 21 5555 0001",
            "email": None,
        } | details
        return perform(self.system, lambda unit: assets.add_customer(unit, **given))

    def site(self, customer: Customer | None = None, **details: Any) -> Site:
        """Add a site."""
        owner = customer or self._customer or self.customer()
        self._customer = self._customer or owner
        given = {
            "name": f"Site {next(self.count)}",
            "address": "1 Quarry Road",
            "lat": 31.25,
            "lng": 121.5,
            "timezone": "Asia/Shanghai",
            "contact_name": "Ms Wu",
            "contact_phone": "+86 21 5555 0002",
            "access_notes": "",
        } | details
        return perform(
            self.system, lambda unit: assets.add_site(unit, customer_id=owner.id, **given)
        )

    def asset(self, site: Site | None = None, **details: Any) -> Asset:
        """Add a machine."""
        place = site or self._site or self.site()
        self._site = self._site or place
        number = next(self.count)
        given = {
            "no": f"M-{number}",
            "name": f"Excavator {number}",
            "maker": "O&K",
            "model": "RH120E",
            "serial": f"S{number}",
            "kind": "excavator",
            "commissioned_on": date(2001, 1, 1),
        } | details
        return perform(self.system, lambda unit: assets.add_asset(unit, site_id=place.id, **given))

    def part(self, **details: Any) -> Part:
        """Add a part to the catalogue."""
        number = next(self.count)
        given = {
            "sku": f"P-{number}",
            "name": f"Pump seal {number}",
            "cost_micro": 125_000_000,
            "codes": [f"69{number:011d}"],
        } | details
        return perform(self.system, lambda unit: parts.add_part(unit, **given))

    def warehouse(self, name: str = "") -> Place:
        """Add a shelf."""
        return perform(
            self.system,
            lambda unit: parts.add_place(unit, kind="bin", name=name or f"Bin {next(self.count)}"),
        )

    def stock(self, place_id: UUID, part: Part, qty: int) -> None:
        """Put parts somewhere."""
        perform(
            self.system,
            lambda unit: parts.receive_goods(
                unit, id=new_id(), place_id=place_id, part_id=part.id, qty=qty
            ),
        )

    def order(
        self, asset: Asset | None = None, *, happened_at: datetime | None = None, **details: Any
    ) -> WorkOrder:
        """Open an order."""
        machine = asset or self.asset()
        given = {"title": "Leaking cylinder", "asset_id": machine.id} | details
        return perform(
            self.system, lambda unit: work.open_order(unit, **given), happened_at=happened_at
        )

    def visit(
        self,
        by: Technician | None = None,
        *,
        order: WorkOrder | None = None,
        day: date | None = None,
        **details: Any,
    ) -> Visit:
        """Plan a visit of an order, for somebody when `by` says so."""
        wanted = order or self.order()
        with unit_of_work(self.system, action="visit.make") as unit:
            visit = unit.session.scalars(
                sa.select(Visit).where(Visit.order_id == wanted.id).order_by(Visit.no)
            ).first()
            assert visit is not None
            if by is not None:
                work.edit_visit(unit, visit.id, technician_id=by.id, day=day or clock.now().date())
            for name, value in details.items():
                setattr(visit, name, value)
        return visit


@pytest.fixture
def make(database: Database) -> Maker:
    """Make believable things."""
    return Maker()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that sets the server's clock."""

    def set_clock(moment: datetime) -> None:
        monkeypatch.setattr(clock, "source", lambda: moment)

    return set_clock


MORNING = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
