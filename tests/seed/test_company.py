"""The demo company: whole, the same for the same seed, and in the feed."""

import io
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from rich.console import Console
from sqlalchemy import func, select

from assets.models import Asset, Customer, FailureCode, Repair, Site
from assets.queries import asset_behind
from core import audit, clock, feed
from core import database as databases
from core.actor import Actor
from core.database import Database, bound
from core.tenancy import announce
from core.unit import Unit, reading
from dispatch.automatic import AssignmentRule, Standby
from dispatch.wishes import Wish
from parts.models import Part, VanStock
from people import doors
from people.models import Account, Organisation, Technician
from seed import company, today
from seed.draw import Draw
from seed.excavators import DataMissing
from seed.people import PASSWORD, accounts
from seed.setting import ZONE, Setting
from sync import oracle
from work import actions as work
from work.models import OrderState, PartUse, Request, SignOff, Visit, VisitState, WorkOrder

SOME = 200


def quiet() -> Console:
    return Console(file=io.StringIO(), width=120)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def count(unit: Unit, model: Any, *where: Any) -> int:
    return unit.session.scalar(select(func.count()).select_from(model).where(*where)) or 0


@pytest.mark.usefixtures("database")
def test_the_company_is_whole_and_can_be_found_by_its_people() -> None:
    console = quiet()
    organisation = company.build(console, history=SOME)

    with reading(Actor.system(organisation.id)) as unit:
        assert count(unit, Repair, Repair.order_no.startswith("EX-")) == SOME
        assert count(unit, Repair, Repair.order_no.startswith("RP-")) == 150
        assert count(unit, Site) == 44
        assert count(unit, Asset, Asset.kind != "assembly") == 60
        assert count(unit, Technician) == 13
        assert count(unit, Technician, Technician.kind == "contractor") == 1
        assert count(unit, AssignmentRule) == 1
        assert count(unit, Standby) == 2
        assert count(unit, Wish) == 2
        assert count(unit, Part) == 85
        assert count(unit, Account) == len(accounts())
        assert count(unit, Request, Request.state == "submitted") == 12
        states = Counter(unit.session.scalars(select(WorkOrder.state)).all())
        open_ = (OrderState.NEW, OrderState.SCHEDULED, OrderState.IN_PROGRESS)
        assert sum(states[state] for state in open_) == 43
        assert states[OrderState.ON_HOLD] == 3
        assert states[OrderState.CLOSED] == 6
        assert count(unit, WorkOrder, WorkOrder.cost_micro > 0) == 7
        assert count(unit, PartUse) == 8
        assert count(unit, SignOff, SignOff.rating.is_not(None)) == 6
        assert count(unit, Visit, Visit.state == VisitState.WORKING) == 1
        machine = unit.session.scalar(select(Asset).where(Asset.no == "EX-D"))
        assert machine is not None
        days = [line["day"] for line in machine.recent_repairs]
        assert days == sorted(days, reverse=True)

    label = Draw(company.DEFAULT_SEED).label("EX-D")
    assert doors.behind("tag", label) == organisation.id
    with reading(Actor.system(organisation.id)) as unit:
        assert asset_behind(unit, label)[0].no == "EX-D"
    company.print_accounts(console)
    assert f"/q/{label}" in said(console)
    assert PASSWORD in said(console)
    assert all(card.email in said(console) for card in accounts())

    _all_reached_the_feed(organisation.id)
    before = _spoken(organisation.id)
    assert company.build(console, history=SOME).id == organisation.id
    assert _spoken(organisation.id) == before


def _all_reached_the_feed(org_id: UUID) -> None:
    with bound().engine.connect() as connection:
        announce(connection, org_id)
        query = sa.select(feed.documents.c.entity, sa.func.count()).group_by(
            feed.documents.c.entity
        )
        documents = {row[0]: row[1] for row in connection.execute(query)}
        length, faults = audit.verify(connection, org_id)
    with reading(Actor.system(org_id)) as unit:
        rows = {feed.ENTITIES[model].name: count(unit, model) for model in feed.ENTITIES}
    assert documents == {name: number for name, number in rows.items() if number}
    assert rows["van_stock"] > 300
    assert length > 500
    assert faults == []
    assert oracle.differences(Actor.system(org_id)) == []


def _spoken(organisation_id: UUID) -> dict[str, list[Any]]:
    """Return what a company says of itself, without the ids and moments that differ from one day to the next."""
    with reading(Actor.system(organisation_id)) as unit:
        columns: dict[str, tuple[Any, ...]] = {
            "customers": (Customer.id, Customer.name),
            "sites": (Site.id, Site.name, Site.lat, Site.lng),
            "machines": (Asset.id, Asset.no, Asset.serial, Asset.criticality),
            "codes": (FailureCode.level, FailureCode.code, FailureCode.rank),
            "vans": (VanStock.id, VanStock.on_hand, VanStock.min, VanStock.max),
            "repairs": (
                Repair.order_no,
                Repair.day,
                Repair.title,
                Repair.cost_micro,
                Repair.technician,
            ),
            "orders": (
                WorkOrder.id,
                WorkOrder.no,
                WorkOrder.title,
                WorkOrder.priority,
                WorkOrder.opened_at,
            ),
            "requests": (Request.id, Request.text, Request.asset_id),
        }
        return {
            name: sorted(map(str, unit.session.execute(select(*wanted)).all()))
            for name, wanted in columns.items()
        }


def test_the_same_seed_makes_the_same_company_and_another_leaves_it_alone(
    monkeypatch: pytest.MonkeyPatch, empty: Callable[[], None]
) -> None:
    now = clock.now()
    monkeypatch.setattr(clock, "source", lambda: now)
    found = []
    for _ in range(2):
        empty()
        found.append(_spoken(company.build(quiet(), seed=7, history=20).id))
    console = quiet()
    untouched = company.build(console, seed=8, history=20)

    assert found[0] == found[1]
    assert "another seed" in said(console)
    assert _spoken(untouched.id) == found[1]


def test_another_seed_draws_another_company() -> None:
    now = clock.now()
    seven, eight = (Setting(UUID(int=1), Draw(seed), now) for seed in (7, 8))

    assert [o.machine for o in today.openings(seven)] != [o.machine for o in today.openings(eight)]
    assert seven.draw.label("EX-D") != eight.draw.label("EX-D")


def test_a_run_that_was_cut_off_goes_on(
    monkeypatch: pytest.MonkeyPatch, empty: Callable[[], None]
) -> None:
    def cut(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    empty()
    for action in ("use_part", "hold_order"):
        with monkeypatch.context() as patched:
            patched.setattr(work, action, cut)
            with pytest.raises(KeyboardInterrupt):
                company.build(quiet(), history=20)

    organisation = company.build(quiet(), history=20)

    with reading(Actor.system(organisation.id)) as unit:
        assert count(unit, WorkOrder, WorkOrder.state == OrderState.ON_HOLD) == 3
        assert count(unit, PartUse) == 8
        assert count(unit, Request, Request.state == "submitted") == 12


@pytest.mark.parametrize("hour", range(24))
def test_the_day_makes_sense_at_any_hour(hour: int) -> None:
    now = datetime(2026, 3, 2, hour, 30, tzinfo=ZONE)
    setting = Setting(UUID(int=1), Draw(7), now)
    unplanned = today.openings(setting)

    assert all(opening.opened_at < now for opening in unplanned)
    windows = [opening.window for opening in unplanned if opening.window]
    assert len(windows) > 5
    assert all(begins < ends and ends > now for begins, ends in windows)
    arrivals = [
        today.arrival(setting, key, number)
        for key, number, _ in today.firm(setting)
        if key != today.AT_WORK
    ]
    assert len(arrivals) == 6
    assert all(moment > now for moment in arrivals)
    # Whoever opens a technician's phone finds something on it, late in the evening too.
    assert {moment.astimezone(ZONE).date() for moment in arrivals} >= {setting.today}


@pytest.mark.usefixtures("database")
def test_a_person_is_told_when_the_data_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Any:
        raise DataMissing("Run `make`.")

    monkeypatch.setattr(company, "read", missing)
    console = quiet()

    with pytest.raises(SystemExit):
        company.build(console)

    assert "Run `make`." in said(console)
    with bound().reading() as session:
        assert session.scalar(select(func.count()).select_from(Organisation)) == 0


@pytest.fixture
def empty(tmp_path: Path, _sqlite_template: Path) -> Iterator[Callable[[], None]]:
    """Return a function that gives the process another empty database."""
    opened: list[Database] = []

    def bind() -> None:
        path = tmp_path / f"{len(opened)}.db"
        shutil.copy(_sqlite_template, path)
        opened.append(Database(f"sqlite:///{path}"))
        databases.bind(opened[-1])

    yield bind
    databases.bind(None)
    for database in opened:
        database.close()
