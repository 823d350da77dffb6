"""The files of an import: their columns, their natural keys, and how a row becomes or changes what is there.

A star marks a column that must be there and filled.

| file            | columns                                                                                     | natural key     |
| --------------- | ------------------------------------------------------------------------------------------- | --------------- |
| customers.csv   | name*, language, contact_name, contact_phone, email                                           | name            |
| sites.csv       | customer*, name*, lat*, lng*, address, timezone, contact_name, contact_phone, access_notes,   | customer, name  |
|                 | territory                                                                                   |                 |
| assets.csv      | no*, name*, customer*, site*, maker*, model*, serial*, kind*, public_name, location_path,     | no              |
|                 | criticality, commissioned_on                                                                |                 |
| technicians.csv | no*, name*, home_lat*, home_lng*, phone, skills, shift_from, shift_to, days, van, territories | no              |
| parts.csv       | sku*, name*, name_zh, unit, tracking, codes, cost                                             | sku             |
| stock.csv       | place*, sku*, on_hand*, kind, min, max                                                        | place, sku      |
| orders.csv      | no*, title*, asset, customer, site, kind, priority, description, symptom, duration_min,       | no              |
|                 | skills, opened_at, window_from, window_to                                                   |                 |
| history.csv     | order_no*, asset*, day*, title*, kind, symptom, failure_mode, cause, remedy, component,       | order_no        |
|                 | parts, cost, technician, visits, fixed                                                      |                 |

Several things in one cell stand with semicolons between them: skills as `hydraulics:3` or
`crane:4:2027-05-31`, territories by name, codes as they are scanned, parts as `sku:quantity`. A cost is the part's first
one; from then on receipts move it. Stock is what was there when the books began, and is said once.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import select

from assets import actions as assets
from assets.models import Asset, Criticality, Customer, Repair, Site
from core import clock
from core.models import Identified
from core.unit import Unit
from parts import actions as parts
from parts.models import Part, Place, PlaceKind, StockTransfer, Tracking, VanStock, account_id_of
from people import actions as people
from people.models import Technician
from people.queries import territories
from seed import csvfiles as read
from seed.csvfiles import Column, Row
from work import actions as work
from work import promises
from work.models import CLOSED_ORDER, OrderKind, WorkOrder

Key = tuple[Any, ...]
_KINDS = tuple(kind.value for kind in OrderKind)
_MOST_PIECES = 1_000_000
END_OF_SHIFT = time(17, 0)


@dataclass(slots=True)
class Book:
    """What the company has and what the files bring: so that one file may name what another one adds."""

    org_id: UUID
    zone: ZoneInfo
    known: dict[str, dict[Key, Any]] = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    named: dict[str, set[Key]] = field(default_factory=dict)

    def bring(self, sheet: str, rows: list[Row], named: set[Key]) -> None:
        """Note the rows that a file brings, and what it names even where it is wrong."""
        self.rows[sheet], self.named[sheet] = rows, named

    def id_of(self, sheet: str, key: Key) -> UUID:
        """Return the id of the thing of this key: the one it has, or the one it will get."""
        known = self.known.get(sheet, {}).get(key)
        return known.id if known is not None else self.new_id(sheet, key)

    def new_id(self, sheet: str, key: Key) -> UUID:
        """Return the id that a new thing of this key gets, whenever it is imported."""
        return uuid5(self.org_id, "/".join(("import", sheet, *(str(item) for item in key))))

    def has(self, sheet: str, key: Key) -> bool:
        """Tell whether there is such a thing, or will be."""
        return key in self.known.get(sheet, {}) or key in self.named.get(sheet, ())


class Sheet(ABC):
    """One file: its columns and key, and what its rows mean."""

    name: str
    key: Sequence[str]

    @abstractmethod
    def columns(self, zone: ZoneInfo) -> list[Column]:
        """Return the columns that the file may have."""

    @abstractmethod
    def load(self, unit: Unit) -> dict[Key, Any]:
        """Return what the company has, by natural key."""

    def check(self, book: Book, row: Row) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with a row beside its cells: the column and a sentence."""
        yield from ()

    @abstractmethod
    def fields(self, book: Book, row: Row) -> dict[str, Any]:
        """Return what the row says, as the fields of what it stands for."""

    def differs(self, book: Book, row: Row, known: Any) -> bool:
        """Tell whether the row says something new about what is known."""
        return any(getattr(known, name) != value for name, value in self.fields(book, row).items())

    @abstractmethod
    def add(self, unit: Unit, book: Book, row: Row) -> None:
        """Add what the row stands for."""

    def change(self, unit: Unit, book: Book, row: Row, known: Identified) -> None:
        """Make what is known say what the row says."""
        current = unit.must(type(known), known.id, "This row went away meanwhile.")
        for name, value in self.fields(book, row).items():
            setattr(current, name, value)


def _given(row: Row, *names: str) -> dict[str, Any]:
    """Return the values of those columns that the file has: a column that it lacks changes nothing."""
    return {name: row.values[name] for name in names if name in row.given}


class Customers(Sheet):
    """customers.csv."""

    name, key = "customers", ("name",)
    _fields = ("language", "contact_name", "contact_phone", "email")

    def columns(self, zone: ZoneInfo) -> list[Column]:
        return [
            Column("name", read.text(), required=True),
            Column("language", read.one_of("en", "zh-CN"), default="en"),
            Column("contact_name", read.text(), default=""),
            Column("contact_phone", read.text(60), default=""),
            Column("email", read.text(254)),
        ]

    def load(self, unit: Unit) -> dict[Key, Any]:
        return {(row.name,): row for row in unit.session.scalars(select(Customer))}

    def fields(self, book: Book, row: Row) -> dict[str, Any]:
        return _given(row, *self._fields)

    def add(self, unit: Unit, book: Book, row: Row) -> None:
        assets.add_customer(unit, id=book.id_of(self.name, row.key), **row.values)


class Sites(Sheet):
    """sites.csv."""

    name, key = "sites", ("customer", "name")
    _fields = (
        "lat",
        "lng",
        "address",
        "contact_name",
        "contact_phone",
        "access_notes",
        "territory",
    )

    def columns(self, zone: ZoneInfo) -> list[Column]:
        return [
            Column("customer", read.text(), required=True),
            Column("name", read.text(), required=True),
            Column("lat", read.degrees(90), required=True),
            Column("lng", read.degrees(180), required=True),
            Column("address", read.text(500), default=""),
            Column("timezone", read.text(60)),
            Column("contact_name", read.text(), default=""),
            Column("contact_phone", read.text(60), default=""),
            Column("access_notes", read.text(2000), default=""),
            Column("territory", read.text(80)),
        ]

    def load(self, unit: Unit) -> dict[Key, Any]:
        query = select(Site, Customer.name).join(
            Customer, (Customer.org_id == Site.org_id) & (Customer.id == Site.customer_id)
        )
        return {(customer, site.name): site for site, customer in unit.session.execute(query)}

    def check(self, book: Book, row: Row) -> Iterator[tuple[str, str]]:
        if not book.has("customers", (row.values["customer"],)):
            yield "customer", f"There is no customer named {row.values['customer']!r}."
        if row.values["timezone"] and row.values["timezone"] not in available_timezones():
            yield "timezone", f"There is no time zone named {row.values['timezone']!r}."

    def fields(self, book: Book, row: Row) -> dict[str, Any]:
        zone = {"timezone": row.values["timezone"]} if row.values["timezone"] else {}
        return _given(row, *self._fields) | zone

    def add(self, unit: Unit, book: Book, row: Row) -> None:
        details = {name: row.values[name] for name in (*self._fields, "timezone")}
        customer_id = book.id_of("customers", (row.values["customer"],))
        _draw(unit, details["territory"])
        assets.add_site(
            unit,
            id=book.id_of(self.name, row.key),
            customer_id=customer_id,
            name=row.values["name"],
            **details,
        )

    def change(self, unit: Unit, book: Book, row: Row, known: Identified) -> None:
        _draw(unit, row.values["territory"])
        super().change(unit, book, row, known)


def _draw(unit: Unit, *names: str | None) -> None:
    """Draw the territories that a row names for the first time."""
    wanted = {name for name in names if name}
    if not wanted:
        return
    known = {territory.name for territory in territories(unit)}
    for name in sorted(wanted - known):
        people.add_territory(unit, name=name)
    unit.session.flush()


def _plate(machine: dict[str, Any]) -> Key:
    return (machine["maker"], machine["model"], machine["serial"])


class Assets(Sheet):
    """assets.csv. A machine's site is said once; moving it is more than a changed cell."""

    name, key = "assets", ("no",)
    _fields = ("name", "maker", "model", "serial", "kind", "criticality", "commissioned_on")
    _seen: Book | None = None
    _of: dict[Key, str]

    def columns(self, zone: ZoneInfo) -> list[Column]:
        return [
            Column("no", read.text(60), required=True),
            Column("name", read.text(), required=True),
            Column("customer", read.text(), required=True),
            Column("site", read.text(), required=True),
            Column("maker", read.text(), required=True),
            Column("model", read.text(), required=True),
            Column("serial", read.text(), required=True),
            Column("kind", read.text(60), required=True),
            Column("public_name", read.text()),
            Column("location_path", read.text(500), default=""),
            Column("criticality", read.member(Criticality), default=Criticality.B),
            Column("commissioned_on", read.day),
        ]

    def load(self, unit: Unit) -> dict[Key, Any]:
        return {(row.no,): row for row in unit.session.scalars(select(Asset))}

    def check(self, book: Book, row: Row) -> Iterator[tuple[str, str]]:
        customer, site = row.values["customer"], row.values["site"]
        if not book.has("sites", (customer, site)):
            yield "site", f"The customer {customer!r} has no site named {site!r}."
            return
        known = book.known["assets"].get(row.key)
        if known is not None and known.site_id != book.id_of("sites", (customer, site)):
            yield (
                "site",
                "The machine stands at another site already; move it in the office, so that its orders follow.",
            )
        twin = self._plates(book).get(_plate(row.values), row.values["no"])
        if twin != row.values["no"]:
            yield "serial", f"The machine {twin} has this maker, model and serial number already."

    def _plates(self, book: Book) -> dict[Key, str]:
        """Return whose each plate is; whoever had it first."""
        if book is not self._seen:
            self._seen, self._of = book, {}
            for machine in book.known["assets"].values():
                self._of[(machine.maker, machine.model, machine.serial)] = machine.no
            for row in book.rows["assets"]:
                self._of.setdefault(_plate(row.values), row.values["no"])
        return self._of

    def fields(self, book: Book, row: Row) -> dict[str, Any]:
        public = {"public_name": row.values["public_name"]} if row.values["public_name"] else {}
        return _given(row, *self._fields) | public

    def add(self, unit: Unit, book: Book, row: Row) -> None:
        details = {
            name: row.values[name] for name in ("no", *self._fields, "public_name", "location_path")
        }
        site_id = book.id_of("sites", (row.values["customer"], row.values["site"]))
        assets.add_asset(unit, id=book.id_of(self.name, row.key), site_id=site_id, **details)


class Technicians(Sheet):
    """technicians.csv. Accounts are opened in the office; a file is no place for passwords."""

    name, key = "technicians", ("no",)
    _fields = (
        "name",
        "phone",
        "skills",
        "home_lat",
        "home_lng",
        "shift_from",
        "shift_to",
        "days",
        "territories",
    )

    def columns(self, zone: ZoneInfo) -> list[Column]:
        return [
            Column("no", read.text(60), required=True),
            Column("name", read.text(), required=True),
            Column("home_lat", read.degrees(90), required=True),
            Column("home_lng", read.degrees(180), required=True),
            Column("phone", read.text(60), default=""),
            Column("skills", read.several(read.skill), default=[]),
            Column("shift_from", read.wall_time, default="08:00"),
            Column("shift_to", read.wall_time, default="17:00"),
            Column("days", read.weekdays, default=[0, 1, 2, 3, 4]),
            Column("van", read.text()),
            Column("territories", read.names, default=[]),
        ]

    def load(self, unit: Unit) -> dict[Key, Any]:
        return {(row.no,): row for row in unit.session.scalars(select(Technician))}

    def check(self, book: Book, row: Row) -> Iterator[tuple[str, str]]:
        if row.values["shift_from"] >= row.values["shift_to"]:
            yield "shift_to", "The shift must end after it begins."
        place = book.known["places"].get((row.values["van"],))
        if place is not None and place.kind is not PlaceKind.VAN:
            yield "van", f"{place.name!r} is a shelf and no van."

    def fields(self, book: Book, row: Row) -> dict[str, Any]:
        van = row.values["van"]
        return _given(row, *self._fields) | (
            {"van_place_id": book.id_of("places", (van,))} if van else {}
        )

    def add(self, unit: Unit, book: Book, row: Row) -> None:
        details = {name: row.values[name] for name in ("no", *self._fields)}
        _draw(unit, *row.values["territories"])
        people.hire_technician(unit, id=book.id_of(self.name, row.key), account_id=None, **details)
        self._give_van(unit, book, row)

    def change(self, unit: Unit, book: Book, row: Row, known: Identified) -> None:
        _draw(unit, *row.values["territories"])
        super().change(unit, book, row, known)
        self._give_van(unit, book, row)

    def _give_van(self, unit: Unit, book: Book, row: Row) -> None:
        if not row.values["van"]:
            return
        unit.session.flush()
        van = place_of(unit, book, row.values["van"], PlaceKind.VAN)
        unit.session.flush()
        parts.assign_van(unit, van.id, technician_id=book.id_of(self.name, row.key))


def place_of(unit: Unit, book: Book, name: str, kind: PlaceKind) -> Place:
    """Return the place of this name, made when it is named for the first time."""
    place_id = book.id_of("places", (name,))
    return unit.get(Place, place_id) or parts.add_place(unit, id=place_id, kind=kind, name=name)


class Parts(Sheet):
    """parts.csv."""

    name, key = "parts", ("sku",)

    def columns(self, zone: ZoneInfo) -> list[Column]:
        return [
            Column("sku", read.text(60), required=True),
            Column("name", read.text(), required=True),
            Column("name_zh", read.text(), default=""),
            Column("unit", read.text(20), default="pcs"),
            Column("tracking", read.member(Tracking), default=Tracking.NONE),
            Column("codes", read.several(read.text()), default=[]),
            Column("cost", read.money, default=0),
        ]

    def load(self, unit: Unit) -> dict[Key, Any]:
        return {(row.sku,): row for row in unit.session.scalars(select(Part))}

    def check(self, book: Book, row: Row) -> Iterator[tuple[str, str]]:
        if row.values["cost"] < 0:
            yield "cost", "A part cannot cost less than nothing."

    def fields(self, book: Book, row: Row) -> dict[str, Any]:
        chinese = {"name_zh": row.values["name_zh"]} if row.values["name_zh"] else {}
        return _given(row, "name", "unit", "tracking", "codes") | chinese

    def add(self, unit: Unit, book: Book, row: Row) -> None:
        values = row.values
        parts.add_part(
            unit,
            id=book.id_of(self.name, row.key),
            sku=values["sku"],
            name=values["name"],
            name_zh=values["name_zh"],
            unit_name=values["unit"],
            tracking=values["tracking"],
            codes=values["codes"],
            cost_micro=values["cost"],
        )


@dataclass(slots=True)
class _Said:
    """What the books know of one part at one place: how many there were at the beginning, and a van's levels."""

    id: UUID
    on_hand: int
    levels: tuple[int, int] | None


class Stock(Sheet):
    """stock.csv."""

    name, key = "stock", ("place", "sku")

    def columns(self, zone: ZoneInfo) -> list[Column]:
        count = read.whole(0, _MOST_PIECES)
        return [
            Column("place", read.text(), required=True),
            Column("sku", read.text(60), required=True),
            Column("on_hand", count, required=True),
            Column("kind", read.one_of("bin", "van"), default="bin"),
            Column("min", count),
            Column("max", count),
        ]

    def load(self, unit: Unit) -> dict[Key, Any]:
        skus = {part.id: part.sku for part in unit.session.scalars(select(Part))}
        opened = {
            transfer.id: transfer.qty
            for transfer in unit.session.scalars(
                select(StockTransfer).where(StockTransfer.kind == "opening")
            )
        }
        vans = {row.id: row for row in unit.session.scalars(select(VanStock))}
        found: dict[Key, Any] = {}
        for place in unit.session.scalars(
            select(Place).where(Place.kind.in_((PlaceKind.BIN, PlaceKind.VAN)))
        ):
            for part_id, sku in skus.items():
                account_id = account_id_of(place.id, part_id)
                qty, van = opened.get(uuid5(account_id, "opening")), vans.get(account_id)
                if qty is not None or van is not None:
                    found[(place.name, sku)] = _Said(
                        account_id, qty or 0, (van.min, van.max) if van else None
                    )
        return found

    def check(self, book: Book, row: Row) -> Iterator[tuple[str, str]]:
        values = row.values
        if not book.has("parts", (values["sku"],)):
            yield "sku", f"There is no part with the number {values['sku']!r}."
        place = book.known["places"].get((values["place"],))
        is_van = place.kind is PlaceKind.VAN if place is not None else self._van_named(book, row)
        wants = {"min", "max"} & {name for name in row.given if values[name] is not None}
        if wants and not is_van:
            yield (
                min(wants),
                "Only vans have a minimum and a maximum; set kind to van if this is one.",
            )
        if wants and (values["min"] or 0) > (values["max"] or 0):
            yield "max", "The maximum must not be below the minimum."
        known = book.known["stock"].get(row.key)
        if known is not None and known.on_hand not in (0, values["on_hand"]):
            yield (
                "on_hand",
                f"The books began with {known.on_hand} here. Count the shelf instead of beginning anew.",
            )

    def _van_named(self, book: Book, row: Row) -> bool:
        named = {technician.values["van"] for technician in book.rows["technicians"]}
        return row.values["kind"] == "van" or row.values["place"] in named

    def fields(self, book: Book, row: Row) -> dict[str, Any]:
        levels = self._levels(row)
        return {"on_hand": row.values["on_hand"]} | ({"levels": levels} if levels else {})

    def _levels(self, row: Row) -> tuple[int, int] | None:
        least, most = row.values["min"], row.values["max"]
        return None if least is None and most is None else (least or 0, most or 0)

    def add(self, unit: Unit, book: Book, row: Row) -> None:
        kind = PlaceKind.VAN if self._van_named(book, row) else PlaceKind.BIN
        place = place_of(unit, book, row.values["place"], kind)
        unit.session.flush()
        part_id = book.id_of("parts", (row.values["sku"],))
        if levels := self._levels(row):
            parts.set_van_level(
                unit, place_id=place.id, part_id=part_id, min=levels[0], max=levels[1]
            )
        if row.values["on_hand"]:
            parts.open_balance(unit, place_id=place.id, part_id=part_id, qty=row.values["on_hand"])

    def change(self, unit: Unit, book: Book, row: Row, known: Any) -> None:
        self.add(unit, book, row)


class Orders(Sheet):
    """orders.csv. The number is the other system's; it goes into the description."""

    name, key = "orders", ("no",)

    def columns(self, zone: ZoneInfo) -> list[Column]:
        return [
            Column("no", read.text(60), required=True),
            Column("title", read.text(300), required=True),
            Column("asset", read.text(60)),
            Column("customer", read.text()),
            Column("site", read.text()),
            Column("kind", read.one_of(*_KINDS), default="corrective"),
            Column("priority", read.whole(1, 4), default=3),
            Column("description", read.text(4000), default=""),
            Column("symptom", read.text(60)),
            Column(
                "duration_min", read.whole(1, 7 * 24 * 60), default=work.orders.DEFAULT_DURATION_MIN
            ),
            Column("skills", read.several(read.skill), default=[]),
            Column("opened_at", read.moment(zone)),
            Column("window_from", read.moment(zone)),
            Column("window_to", read.moment(zone)),
        ]

    def load(self, unit: Unit) -> dict[Key, Any]:
        # An order is found by the id it got from its number; there is no column to look in.
        return {}

    def find(self, unit: Unit, book: Book, rows: Sequence[Row]) -> dict[Key, Any]:
        """Return those of the orders that were imported before."""
        found = {row.key: unit.get(WorkOrder, book.new_id(self.name, row.key)) for row in rows}
        return {key: order for key, order in found.items() if order is not None}

    def check(self, book: Book, row: Row) -> Iterator[tuple[str, str]]:
        values = row.values
        if values["asset"] and not book.has("assets", (values["asset"],)):
            yield "asset", f"There is no machine with the number {values['asset']!r}."
        if not values["asset"] and not book.has("sites", (values["customer"], values["site"])):
            yield "asset", "An order needs a machine, or a customer and a site."
        if (
            values["window_from"]
            and values["window_to"]
            and values["window_from"] >= values["window_to"]
        ):
            yield "window_to", "The window must end after it begins."

    def fields(self, book: Book, row: Row) -> dict[str, Any]:
        found = _given(row, "title", "priority", "duration_min", "window_from", "window_to")
        if "skills" in row.given:
            found["skills"] = _asked(row)
        if "description" in row.given:
            found["description"] = _described(row)
        return found

    def differs(self, book: Book, row: Row, known: Any) -> bool:
        # What is over stays as it was.
        return known.state not in CLOSED_ORDER and super().differs(book, row, known)

    def add(self, unit: Unit, book: Book, row: Row) -> None:
        values = row.values
        place: dict[str, Any] = (
            {"asset_id": book.id_of("assets", (values["asset"],))}
            if values["asset"]
            else {"site_id": book.id_of("sites", (values["customer"], values["site"]))}
        )
        names = ("title", "kind", "priority", "symptom", "duration_min", "window_from", "window_to")
        order = work.open_order(
            unit,
            id=book.new_id(self.name, row.key),
            description=_described(row),
            skills=_asked(row),
            **place,
            **{name: values[name] for name in names},
        )
        if values["opened_at"] is not None:
            # The promise runs from when the customer spoke.
            order.opened_at = min(values["opened_at"], order.opened_at)
            promises.rewind(unit, order, now=clock.now(), holds=[])

    def change(self, unit: Unit, book: Book, row: Row, known: Identified) -> None:
        work.edit_order(unit, known.id, **self.fields(book, row))


def _described(row: Row) -> str:
    return f"{row.values['description']}\n({row.values['no']})".strip()


def _asked(row: Row) -> list[dict[str, Any]]:
    return [{"code": skill["code"], "level": skill["level"]} for skill in row.values["skills"]]


class History(Sheet):
    """history.csv."""

    name, key = "history", ("order_no",)
    _fields = (
        "title",
        "kind",
        "symptom",
        "failure_mode",
        "cause",
        "remedy",
        "component",
        "technician",
        "visits",
        "fixed",
    )

    def columns(self, zone: ZoneInfo) -> list[Column]:
        return [
            Column("order_no", read.text(60), required=True),
            Column("asset", read.text(60), required=True),
            Column("day", read.day, required=True),
            Column("title", read.text(300), required=True),
            Column("kind", read.one_of(*_KINDS), default="corrective"),
            Column("symptom", read.text(60)),
            Column("failure_mode", read.text(60)),
            Column("cause", read.text(60)),
            Column("remedy", read.text(60)),
            Column("component", read.text()),
            Column("parts", read.several(read.pieces), default=[]),
            Column("cost", read.money),
            Column("technician", read.text()),
            Column("visits", read.whole(1, 1000), default=1),
            Column("fixed", read.yes_no, default=True),
        ]

    def load(self, unit: Unit) -> dict[Key, Any]:
        return {(row.order_no,): row for row in unit.session.scalars(select(Repair))}

    def check(self, book: Book, row: Row) -> Iterator[tuple[str, str]]:
        if not book.has("assets", (row.values["asset"],)):
            yield "asset", f"There is no machine with the number {row.values['asset']!r}."
            return
        known = book.known["history"].get(row.key)
        if known is not None and known.asset_id != book.id_of("assets", (row.values["asset"],)):
            yield "order_no", "Another machine's history has an order with this number."

    def fields(self, book: Book, row: Row) -> dict[str, Any]:
        found = _given(row, "day", *self._fields)
        if "cost" in row.given:
            found["cost_micro"] = row.values["cost"]
        return found

    def add(self, unit: Unit, book: Book, row: Row) -> None:
        values = row.values
        # One flush for many lines: each would otherwise be written alone when the next one looks for itself.
        with unit.session.no_autoflush:
            asset = unit.must(Asset, book.id_of("assets", (values["asset"],)), "No such machine.")
            cost = values["cost"]
            assets.record_repair(
                unit,
                asset,
                order_no=values["order_no"],
                day=values["day"],
                finished_at=datetime.combine(values["day"], END_OF_SHIFT, book.zone),
                parts=[
                    {"sku": item["sku"], "name": item["sku"], "qty": item["qty"]}
                    for item in values["parts"]
                ],
                cost_micro=cost,
                # Our own figures may be wrong too; they are kept as they are, and marked.
                cost_doubted=cost is not None and cost <= 0,
                **{name: values[name] for name in self._fields},
            )

    def change(self, unit: Unit, book: Book, row: Row, known: Identified) -> None:
        self.add(unit, book, row)


ORDERS = Orders()
# Whoever is named comes before who names it.
SHEETS: list[Sheet] = [
    Customers(),
    Sites(),
    Assets(),
    Technicians(),
    Parts(),
    Stock(),
    ORDERS,
    History(),
]
