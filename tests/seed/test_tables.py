"""The import of a company's own data: looked through, refused line by line, written once."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from rich.console import Console
from sqlalchemy import select

from assets.models import Asset, Customer, Repair, Site
from core import feed
from core.actor import Actor
from core.database import bound
from core.tenancy import announce
from core.unit import perform, reading
from parts import actions as parts
from parts.models import Part, StockAccount, VanStock
from people.models import Organisation, Technician
from seed import tables
from seed.csvfiles import decoded
from work import actions as work
from work.models import OrderState, WorkOrder

NAME = "Nanhai Service 南海服务"

Table = list[dict[str, str]]

FILES: dict[str, Table] = {
    "customers": [
        {
            "name": "南海石业",
            "language": "zh-CN",
            "contact_name": "梁工",
            "contact_phone": "+86 20 5555 0001",
            "email": "liang@example.com",
        },
        {
            "name": "Harbour Works",
            "language": "en",
            "contact_name": "",
            "contact_phone": "",
            "email": "",
        },
    ],
    "sites": [
        {
            "customer": "南海石业",
            "name": "一号矿",
            "lat": "23.05",
            "lng": "113.15",
            "address": "佛山市南海区",
            "access_notes": "Gate 2, ring twice",
        },
        {
            "customer": "Harbour Works",
            "name": "Quay 3",
            "lat": "22.9",
            "lng": "113.5",
            "address": "",
            "access_notes": "a note\nof two lines",
        },
    ],
    "assets": [
        {
            "no": "N-1",
            "name": "挖掘机一号",
            "customer": "南海石业",
            "site": "一号矿",
            "maker": "SANY",
            "model": "SY365H",
            "serial": "77",
            "kind": "excavator",
            "criticality": "A",
            "commissioned_on": "2019-04-01",
        },
        {
            "no": "N-2",
            "name": "Crane 2",
            "customer": "Harbour Works",
            "site": "Quay 3",
            "maker": "Liebherr",
            "model": "LHM 280",
            "serial": "8",
            "kind": "crane",
            "criticality": "",
            "commissioned_on": "",
        },
    ],
    "technicians": [
        {
            "no": "T1",
            "name": "梁伟",
            "home_lat": "23.1",
            "home_lng": "113.2",
            "skills": "hydraulics:4; crane:3:2031-05-01",
            "days": "123456",
            "van": "粤A·0001",
        },
    ],
    "parts": [
        {"sku": "HOSE-1", "name": "Hose", "name_zh": "软管", "codes": "6901;6902", "cost": "12.50"},
        {"sku": "SEAL-1", "name": "Seal", "name_zh": "", "codes": "", "cost": ""},
    ],
    "stock": [
        {"place": "Main", "sku": "HOSE-1", "on_hand": "40", "min": "", "max": ""},
        {"place": "粤A·0001", "sku": "HOSE-1", "on_hand": "3", "min": "2", "max": "6"},
        {"place": "粤A·0001", "sku": "SEAL-1", "on_hand": "0", "min": "1", "max": "2"},
    ],
    "orders": [
        {
            "no": "SAP-1",
            "title": "漏油",
            "asset": "N-1",
            "customer": "",
            "site": "",
            "priority": "2",
            "skills": "hydraulics:3",
            "opened_at": "2026-03-01 08:00",
            "window_from": "2026-03-03 09:00",
            "window_to": "2026-03-03 11:00",
        },
        {
            "no": "SAP-2",
            "title": "Inspect the quay",
            "asset": "",
            "customer": "Harbour Works",
            "site": "Quay 3",
            "priority": "",
            "skills": "",
            "opened_at": "",
            "window_from": "",
            "window_to": "",
        },
    ],
    "history": [
        {
            "order_no": "OLD-1",
            "asset": "N-1",
            "day": "2024-02-29",
            "title": "换软管",
            "parts": "HOSE-1:2",
            "cost": "312.40",
            "fixed": "yes",
        },
        {
            "order_no": "OLD-2",
            "asset": "N-1",
            "day": "2025-02-28",
            "title": "Credit note",
            "parts": "",
            "cost": "-5",
            "fixed": "no",
        },
        {
            "order_no": "OLD-3",
            "asset": "N-2",
            "day": "2025-03-01",
            "title": "Rope",
            "parts": "",
            "cost": "",
            "fixed": "",
        },
    ],
}


class Desk:
    """A folder of files, and somebody who imports it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = ""
        for name, rows in FILES.items():
            self.put(name, rows)

    def put(self, name: str, rows: Table, *, encoding: str = "utf-8") -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        self.write(name, text.getvalue().encode(encoding))

    def write(self, name: str, content: bytes) -> None:
        (self.folder / f"{name}.csv").write_bytes(content)

    def change(self, name: str, number: int, /, **cells: str) -> None:
        rows = [dict(row) for row in FILES[name]]
        rows[number] |= cells
        self.put(name, rows)

    def run(self, *, write: bool = True) -> bool:
        console = Console(file=io.StringIO(), width=200)
        right = tables.run(console, self.folder, NAME, write=write)
        assert isinstance(console.file, io.StringIO)
        self.said = console.file.getvalue()
        return right

    def counts(self) -> dict[str, tuple[int, int, int]]:
        preview = tables.look_through(self.folder, organisation())
        assert preview.errors == []
        return {
            name: (fates.count("new"), fates.count("same"), fates.count("changed"))
            for name, fates in (
                (name, [fate for _, fate in rows]) for name, rows in preview.fates.items()
            )
        }


@pytest.fixture
def desk(database: Any, tmp_path: Path) -> Desk:
    folder = tmp_path / "import"
    folder.mkdir()
    return Desk(folder)


def organisation() -> Organisation | None:
    with bound().reading() as session:
        return session.scalar(select(Organisation).where(Organisation.name == NAME))


def actor() -> Actor:
    found = organisation()
    assert found is not None
    return Actor.system(found.id)


def test_a_preview_writes_nothing(desk: Desk) -> None:
    assert desk.run(write=False)

    assert "--apply" in desk.said
    assert organisation() is None


def test_what_the_files_say_is_there_afterwards(desk: Desk) -> None:
    assert desk.run()

    with reading(actor()) as unit:
        machine = unit.session.scalar(select(Asset).where(Asset.no == "N-1"))
        assert machine is not None
        assert [line["order_no"] for line in machine.recent_repairs] == ["OLD-2", "OLD-1"]
        site = unit.must(Site, machine.site_id, "")
        assert (site.name, site.lat, site.timezone) == ("一号矿", 23.05, "Asia/Shanghai")
        technician = unit.session.scalars(select(Technician)).one()
        assert technician.skills[1] == {"code": "crane", "level": 3, "expires_on": "2031-05-01"}
        assert technician.days == [0, 1, 2, 3, 4, 5]
        vans = {row.part_id: row for row in unit.session.scalars(select(VanStock))}
        assert {row.technician_id for row in vans.values()} == {technician.id}
        assert {row.place_id for row in vans.values()} == {technician.van_place_id}
        assert sorted((row.on_hand, row.min, row.max) for row in vans.values()) == [
            (0, 1, 2),
            (3, 2, 6),
        ]
        hose = unit.session.scalars(select(Part).where(Part.sku == "HOSE-1")).one()
        assert (hose.codes, hose.cost_micro) == (["6901", "6902"], 12_500_000)
        orders = {order.title: order for order in unit.session.scalars(select(WorkOrder))}
        assert orders["漏油"].opened_at.isoformat() == "2026-03-01T00:00:00+00:00"
        assert "SAP-1" in orders["漏油"].description
        assert orders["Inspect the quay"].asset_id is None
        repairs = {line.order_no: line for line in unit.session.scalars(select(Repair))}
        assert repairs["OLD-2"].cost_micro == -5_000_000
        assert {no for no, line in repairs.items() if line.cost_doubted} == {"OLD-2"}


def test_every_imported_row_reached_the_feed(desk: Desk) -> None:
    assert desk.run()

    with bound().engine.connect() as connection:
        announce(connection, actor().org_id)
        found = set(connection.execute(sa.select(feed.documents.c.entity)).scalars())
    assert found == {
        "customer",
        "site",
        "asset",
        "repair",
        "technician",
        "part",
        "van_stock",
        "work_order",
        "visit",
    }


def test_the_same_folder_twice_changes_nothing(desk: Desk) -> None:
    assert desk.run()
    versions = _versions()

    counts = desk.counts()
    assert desk.run()

    assert {name: (new, changed) for name, (new, _, changed) in counts.items()} == dict.fromkeys(
        FILES, (0, 0)
    )
    assert _versions() == versions


def _versions() -> list[Any]:
    with reading(actor()) as unit:
        models: tuple[Any, ...] = (Customer, Site, Asset, Technician, Part, VanStock, WorkOrder)
        return [
            sorted(map(str, unit.session.execute(select(model.id, model.version)).all()))
            for model in models
        ]


def test_what_moved_since_is_not_set_back(desk: Desk) -> None:
    assert desk.run()
    with reading(actor()) as unit:
        van = unit.session.scalars(select(VanStock).where(VanStock.on_hand == 3)).one()
    used = {
        "id": van.id,
        "part_id": van.part_id,
        "qty": 2,
        "van_place_id": van.place_id,
        "reference_kind": "test",
        "reference_id": van.id,
    }
    perform(actor(), lambda unit: parts.consume_part(unit, **used))

    assert desk.counts()["stock"] == (0, 3, 0)
    assert desk.run()

    with reading(actor()) as unit:
        assert unit.must(VanStock, van.id, "").on_hand == 1


@pytest.mark.parametrize(
    ("file", "number", "cells", "check"),
    [
        (
            "customers",
            1,
            {"contact_name": "Ms Lee"},
            lambda unit: select_one(unit, Customer.contact_name, "Ms Lee"),
        ),
        ("sites", 0, {"lat": "23.5"}, lambda unit: select_one(unit, Site.lat, 23.5)),
        ("assets", 1, {"criticality": "C"}, lambda unit: select_one(unit, Asset.criticality, "C")),
        (
            "technicians",
            0,
            {"days": "12"},
            lambda unit: unit.session.scalars(select(Technician)).one().days == [0, 1],
        ),
        (
            "technicians",
            0,
            {"van": "粤B"},
            lambda unit: unit.session.scalars(select(Technician)).one().van_place_id,
        ),
        (
            "parts",
            0,
            {"codes": "6903"},
            lambda unit: ["6903"] in unit.session.scalars(select(Part.codes)).all(),
        ),
        ("stock", 1, {"max": "9"}, lambda unit: select_one(unit, VanStock.max, 9)),
        ("stock", 2, {"on_hand": "1"}, lambda unit: select_one(unit, VanStock.on_hand, 1)),
        ("orders", 0, {"priority": "1"}, lambda unit: select_one(unit, WorkOrder.priority, 1)),
        (
            "history",
            0,
            {"cost": "400"},
            lambda unit: select_one(unit, Repair.cost_micro, 400_000_000),
        ),
    ],
)
def test_a_changed_cell_changes_its_row_alone(
    desk: Desk, file: str, number: int, cells: dict[str, str], check: Callable[[Any], Any]
) -> None:
    assert desk.run()
    desk.change(file, number, **cells)

    counts = desk.counts()
    assert counts[file] == (0, len(FILES[file]) - 1, 1)
    assert sum(changed for _, _, changed in counts.values()) == 1
    assert desk.run()

    with reading(actor()) as unit:
        assert check(unit)
    assert desk.counts()[file] == (0, len(FILES[file]), 0)


def select_one(unit: Any, column: Any, value: Any) -> bool:
    return value in unit.session.scalars(select(column)).all()


@pytest.mark.parametrize(
    ("file", "number", "cells", "line", "words"),
    [
        ("customers", 1, {"name": ""}, 3, "name must not be empty"),
        ("customers", 1, {"name": "南海石业"}, 3, "name on line 2 already"),
        ("customers", 0, {"language": "German"}, 2, "language none of en, zh-CN"),
        ("sites", 0, {"lat": "123"}, 2, "lat not between -90 and 90"),
        ("sites", 0, {"lng": "east"}, 2, "lng not a number of degrees"),
        ("sites", 1, {"customer": "Nobody"}, 3, "customer no customer named"),
        ("assets", 1, {"site": "Quay 9"}, 3, "site has no site named"),
        (
            "assets",
            1,
            {"maker": "SANY", "model": "SY365H", "serial": "77"},
            3,
            "serial has this maker",
        ),
        ("assets", 0, {"commissioned_on": "1.4.2019"}, 2, "commissioned_on not a date"),
        ("technicians", 0, {"skills": "crane:9"}, 2, "skills not between 1 and 5"),
        ("technicians", 0, {"days": "8"}, 2, "days no days of the week"),
        ("parts", 0, {"cost": "twelve"}, 2, "cost not a sum of money"),
        ("parts", 0, {"cost": "NaN"}, 2, "cost not a sum that makes sense"),
        ("stock", 0, {"sku": "HOSE-9"}, 2, "sku no part with the number"),
        ("stock", 0, {"on_hand": "2.5"}, 2, "on_hand not a whole number"),
        ("stock", 0, {"min": "1", "max": "2"}, 2, "max Only vans"),
        ("stock", 1, {"max": "1"}, 3, "max not be below the minimum"),
        ("orders", 1, {"site": ""}, 3, "asset needs a machine"),
        ("orders", 0, {"window_to": "2026-03-03 08:00"}, 2, "window_to must end after"),
        ("orders", 0, {"opened_at": "yesterday"}, 2, "opened_at not a moment"),
        ("history", 2, {"asset": "N-9"}, 4, "asset no machine with the number"),
        ("history", 2, {"day": ""}, 4, "day must not be empty"),
        ("history", 0, {"fixed": "maybe"}, 2, "fixed neither yes nor no"),
        ("history", 0, {"title": "nul\x00"}, 2, "title no text"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_column_and_nothing_is_written(
    desk: Desk, file: str, number: int, cells: dict[str, str], line: int, words: str
) -> None:
    desk.change(file, number, **cells)

    assert not desk.run()

    column, sentence = words.split(" ", 1)
    errors = tables.look_through(desk.folder, None).errors
    (error,) = [error for error in errors if error.file == f"{file}.csv"]
    # The second site's note has a line break; the lines after it are counted as an editor counts them.
    assert error.line == line
    assert sentence in error.sentence
    assert error.column == column
    assert organisation() is None


def test_a_mistake_is_named_once_and_not_again_wherever_its_row_is_named(desk: Desk) -> None:
    desk.change("customers", 0, language="German")

    assert len(tables.look_through(desk.folder, None).errors) == 1


def test_a_line_is_counted_as_an_editor_counts_it(desk: Desk) -> None:
    rows = [*FILES["sites"], FILES["sites"][0] | {"name": "二号矿", "lat": "north"}]
    desk.put("sites", rows)

    (error,) = tables.look_through(desk.folder, None).errors

    assert (error.line, error.column) == (5, "lat")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_files_are_read_as_they_were_saved(desk: Desk, encoding: str) -> None:
    desk.put("customers", FILES["customers"], encoding=encoding)

    assert desk.counts()["customers"] == (2, 0, 0)
    assert "南海石业" in decoded((desk.folder / "customers.csv").read_bytes())


def test_semicolons_and_old_line_ends_are_understood(desk: Desk) -> None:
    desk.write("parts", b"SKU;Name;Codes\r\nA-1;Bolt;1,2\r\n")

    preview = tables.look_through(desk.folder, None)

    assert [row.values["codes"] for row in preview.book.rows["parts"]] == [["1,2"]]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"sku,nmae\nA,B\n", "no column of this name"),
        (b"sku\nA\n", "column is missing"),
        (b"sku,sku,name\nA,A,B\n", "named twice"),
        (b"sku,name\nA,B,C\n", "3 cells"),
        (b"\xff\xff\xff\xff", "neither UTF-8 nor GB18030"),
        (b'sku,name\n"A,B', ""),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_a_sentence(
    desk: Desk, content: bytes, sentence: str
) -> None:
    desk.write("parts", content)

    assert not desk.run()

    assert any(
        sentence in error.sentence for error in tables.look_through(desk.folder, None).errors
    )


def test_the_books_do_not_begin_twice(desk: Desk) -> None:
    assert desk.run()
    desk.change("stock", 0, on_hand="41")

    assert not desk.run()

    assert "began with 40" in desk.said
    with reading(actor()) as unit:
        assert 40 in unit.session.scalars(select(StockAccount.on_hand)).all()


def test_an_order_that_is_over_stays_as_it_was(desk: Desk) -> None:
    assert desk.run()
    with reading(actor()) as unit:
        order = unit.session.scalars(select(WorkOrder).where(WorkOrder.title == "漏油")).one()
    perform(actor(), lambda unit: work.cancel_order(unit, order.id, reason="A mistake"))
    desk.change("orders", 0, priority="1")

    assert desk.counts()["orders"] == (0, 2, 0)
    assert desk.run()

    with reading(actor()) as unit:
        assert unit.must(WorkOrder, order.id, "").state is OrderState.CANCELLED


def test_an_empty_folder_says_which_files_may_be_there(desk: Desk) -> None:
    for path in desk.folder.iterdir():
        path.unlink()

    assert not desk.run()

    assert "customers.csv" in desk.said
