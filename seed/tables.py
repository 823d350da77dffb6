"""A company's own data from CSV files: looked through first, shown, and written only when every row is right.

`seed.sheets` documents the files. Rows are recognised by what people call things, so that the same
folder may be imported again: what is there and the same stays untouched.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from sqlalchemy import select

import sync.wiring  # noqa: F401 - rows reach the feed, and events their listeners
from core.actor import Actor
from core.database import bound
from core.errors import DomainError
from core.ids import new_id
from core.unit import Unit, perform, reading
from parts.models import Place, PlaceKind
from people import actions as people
from people.models import Organisation
from seed.csvfiles import Row, RowError, read_rows
from seed.sheets import ORDERS, SHEETS, Book, Sheet

# How a new company begins; the office changes it later.
TIMEZONE, CURRENCY, LANGUAGE = "Asia/Shanghai", "CNY", "zh-CN"

NEW, SAME, CHANGED = "new", "same", "changed"
# Rows of history in one unit of work. They only add up; all that must fit together is one unit.
HISTORY_BATCH = 500
ERRORS_SHOWN = 100


@dataclass(slots=True)
class Preview:
    """What an import would do: the fate of every row, and what is wrong."""

    book: Book
    files: list[Sheet] = field(default_factory=list)
    fates: dict[str, list[tuple[Row, str]]] = field(default_factory=dict)
    errors: list[RowError] = field(default_factory=list)

    def to_write(self, sheet: Sheet) -> list[tuple[Row, str]]:
        """Return the rows of a file that are new or changed."""
        return [(row, fate) for row, fate in self.fates.get(sheet.name, ()) if fate != SAME]


class _Refused(Exception):
    """An action said no to a row."""

    def __init__(self, error: RowError) -> None:
        super().__init__(error.sentence)
        self.error = error


def run(console: Console, folder: Path, organisation: str, *, write: bool) -> bool:
    """Look the folder through and show what it would do; with `write`, do it when every row is right.

    Tell whether all was right.
    """
    known = _organisation(organisation)
    preview = look_through(folder, known)
    if not preview.files:
        names = ", ".join(f"{sheet.name}.csv" for sheet in SHEETS)
        console.print(
            f"There is nothing to read in {folder}. Files may be: {names}.", soft_wrap=True
        )
        return False
    _show(console, organisation, preview, founded=known is not None)
    if preview.errors:
        console.print(
            f"Nothing was written. To be put right first: {len(preview.errors)}.", style="red"
        )
        return False
    if not any(preview.to_write(sheet) for sheet in preview.files):
        console.print("All of this is here already; there is nothing to write.")
        return True
    if not write:
        console.print("Nothing was written yet. The same command with --apply writes it.")
        return True
    try:
        _write(console, folder, organisation, known)
    except _Refused as refused:
        _show_errors(console, [refused.error])
        console.print(
            "This row was refused, and what stood before it in this step was undone.", style="red"
        )
        return False
    console.print("All of it is written.")
    return True


def _organisation(name: str) -> Organisation | None:
    with bound().reading() as session:
        return session.scalar(
            select(Organisation).where(Organisation.name == name).order_by(Organisation.created_at)
        )


def look_through(folder: Path, organisation: Organisation | None) -> Preview:
    """Read the folder's files and compare each row with what the company has."""
    zone = ZoneInfo(organisation.timezone if organisation else TIMEZONE)
    book = Book(organisation.id if organisation else new_id(), zone)
    preview = Preview(book)
    for sheet in SHEETS:
        path = folder / f"{sheet.name}.csv"
        book.bring(sheet.name, [], set())
        if path.is_file():
            found = read_rows(path, sheet.columns(zone), sheet.key)
            preview.files.append(sheet)
            preview.errors.extend(found.errors)
            book.bring(sheet.name, found.rows, found.named)
    with reading(Actor.system(book.org_id)) as unit:
        _load(unit, book)
        for sheet in preview.files:
            preview.fates[sheet.name] = [
                (row, _fate(sheet, book, row)) for row in book.rows[sheet.name]
            ]
            preview.errors.extend(_wrong(sheet, book))
    return preview


def _load(unit: Unit, book: Book) -> None:
    query = select(Place).where(Place.kind.in_((PlaceKind.BIN, PlaceKind.VAN)))
    book.known["places"] = {(place.name,): place for place in unit.session.scalars(query)}
    for sheet in SHEETS:
        book.known[sheet.name] = sheet.load(unit)
    book.known[ORDERS.name] = ORDERS.find(unit, book, book.rows[ORDERS.name])


def _fate(sheet: Sheet, book: Book, row: Row) -> str:
    known = book.known[sheet.name].get(row.key)
    if known is None:
        return NEW
    return CHANGED if sheet.differs(book, row, known) else SAME


def _wrong(sheet: Sheet, book: Book) -> Iterator[RowError]:
    for row in book.rows[sheet.name]:
        for column, sentence in sheet.check(book, row):
            yield RowError(row.file, row.line, column, sentence)


def _write(console: Console, folder: Path, name: str, organisation: Organisation | None) -> None:
    if organisation is None:
        organisation = people.found_organisation(
            name=name, timezone=TIMEZONE, currency=CURRENCY, language=LANGUAGE
        )
    # Looked through again: the ids of what is new follow from the organisation, which may be new itself.
    preview = look_through(folder, organisation)
    if preview.errors:
        raise _Refused(preview.errors[0])
    *together, history = SHEETS
    actor = Actor.system(organisation.id, name="import")
    total = sum(len(preview.to_write(sheet)) for sheet in SHEETS)
    with Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(),
        TextColumn("{task.completed} rows"),
        console=console,
    ) as progress:
        task = progress.add_task("", total=total)

        def write_together(unit: Unit) -> None:
            for sheet in together:
                rows = preview.to_write(sheet)
                progress.update(task, description=f"{sheet.name}.csv")
                _write_rows(unit, preview.book, sheet, rows)
                progress.advance(task, len(rows))

        perform(actor, write_together, name="import")
        progress.update(task, description="history.csv")
        lines = preview.to_write(history)
        for start in range(0, len(lines), HISTORY_BATCH):
            batch = lines[start : start + HISTORY_BATCH]
            perform(
                actor,
                partial(_write_rows, book=preview.book, sheet=history, rows=batch),
                name="import",
            )
            progress.advance(task, len(batch))


def _write_rows(unit: Unit, book: Book, sheet: Sheet, rows: list[tuple[Row, str]]) -> None:
    for row, fate in rows:
        try:
            if fate == NEW:
                sheet.add(unit, book, row)
            else:
                sheet.change(unit, book, row, _known(book, sheet, row))
        except DomainError as error:
            sentence = _filled(error.message, error.details)
            raise _Refused(RowError(row.file, row.line, "", sentence)) from error
    unit.session.flush()


def _known(book: Book, sheet: Sheet, row: Row) -> Any:
    return book.known[sheet.name][row.key]


def _filled(message: str, details: dict[str, Any]) -> str:
    return (
        message.format_map({name: str(value) for name, value in details.items()})
        if "{" in message
        else message
    )


def _show(console: Console, organisation: str, preview: Preview, *, founded: bool) -> None:
    title = organisation if founded else f"{organisation} (a new company)"
    table = Table("file", "rows", "new", "same", "changed", title=title, title_justify="left")
    for sheet in preview.files:
        counted = Counter(fate for _, fate in preview.fates[sheet.name])
        rows = preview.fates[sheet.name]
        table.add_row(
            f"{sheet.name}.csv",
            *(str(number) for number in (len(rows), counted[NEW], counted[SAME], counted[CHANGED])),
        )
    console.print(table)
    if preview.errors:
        _show_errors(console, preview.errors)


def _show_errors(console: Console, errors: list[RowError]) -> None:
    table = Table(
        "file", "line", "column", "what is wrong", title="To be put right", title_justify="left"
    )
    for error in errors[:ERRORS_SHOWN]:
        table.add_row(error.file, str(error.line), error.column, error.sentence)
    console.print(table)
    if len(errors) > ERRORS_SHOWN:
        console.print(f"And {len(errors) - ERRORS_SHOWN} more.")
