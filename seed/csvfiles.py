"""Reading CSV files as people's programs write them, and saying exactly where something is wrong."""

import codecs
import csv
import enum
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

MICRO = 1_000_000
LONGEST_CELL = 4000
# Beyond this a figure is a slip of the keyboard, and would not fit the books.
LARGEST_SUM = Decimal(10**9)


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong in one place of one file."""

    file: str
    line: int
    column: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, how a cell is understood, and what an empty one means."""

    name: str
    read: Callable[[str], Any]
    required: bool = False
    default: Any = None


@dataclass(slots=True)
class Row:
    """A line of a file with its cells understood. `given` names the columns that the file has."""

    file: str
    line: int
    values: dict[str, Any]
    given: frozenset[str]
    key: tuple[Any, ...] = ()
    whole: bool = True


@dataclass(slots=True)
class Rows:
    """What a file holds, and what is wrong with it. `named` are the keys of all rows, also of wrong ones."""

    rows: list[Row] = field(default_factory=list)
    named: set[tuple[Any, ...]] = field(default_factory=set)
    errors: list[RowError] = field(default_factory=list)


def read_rows(path: Path, columns: Sequence[Column], key: Sequence[str]) -> Rows:
    """Read a file; what cannot be understood is an error with its line and column, and its row is left out."""
    found = Rows()
    try:
        text = decoded(path.read_bytes())
    except UnicodeDecodeError:
        found.errors.append(
            RowError(
                path.name, 1, "", "The file is neither UTF-8 nor GB18030. Save it again as UTF-8."
            )
        )
        return found
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    known = {column.name: column for column in columns}
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        found.errors.extend(_header_errors(path.name, header, known))
        if found.errors:
            return found
        lines: dict[tuple[Any, ...], int] = {}
        for line, cells in _numbered(reader):
            row = _row(path.name, line, header, cells, known, found.errors)
            if row is None:
                continue
            row.key = tuple(row.values.get(name) for name in key)
            found.named.add(row.key)
            if not row.whole:
                continue
            if row.key in lines:
                sentence = f"This is on line {lines[row.key]} already."
                found.errors.append(RowError(path.name, line, key[-1], sentence))
                continue
            lines[row.key] = line
            found.rows.append(row)
    except csv.Error as error:
        found.errors.append(
            RowError(path.name, reader.line_num, "", f"This line is not CSV: {error}.")
        )
    return found


def decoded(content: bytes) -> str:
    """Return the text of a file in UTF-8, UTF-16 with its mark, or GB18030.

    Raises UnicodeDecodeError.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030")


def _delimiter(text: str) -> str:
    header = text.split("\n", 1)[0]
    return max(",;\t", key=header.count)


def _numbered(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the line on which it begins; a cell may hold line breaks."""
    begins = reader.line_num + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield begins, cells
        begins = reader.line_num + 1


def _header_errors(
    file: str, header: Sequence[str], known: Mapping[str, Column]
) -> Iterator[RowError]:
    if not header:
        yield RowError(file, 1, "", "The file is empty; its first line must name the columns.")
        return
    for name in header:
        if name not in known:
            yield RowError(
                file,
                1,
                name,
                f"There is no column of this name here. There are: {', '.join(known)}.",
            )
    for name in sorted({name for name in header if header.count(name) > 1}):
        yield RowError(file, 1, name, "This column is named twice.")
    for column in known.values():
        if column.required and column.name not in header:
            yield RowError(file, 1, column.name, "This column is missing.")


def _row(
    file: str,
    line: int,
    header: Sequence[str],
    cells: Sequence[str],
    known: Mapping[str, Column],
    errors: list[RowError],
) -> Row | None:
    if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
        errors.append(
            RowError(file, line, "", f"This line has {len(cells)} cells, the header {len(header)}.")
        )
        return None
    said = dict(zip(header, (cell.strip() for cell in cells), strict=False))
    values, whole = {}, True
    for name, column in known.items():
        cell = said.get(name, "")
        try:
            values[name] = _cell(column, cell)
        except ValueError as error:
            errors.append(RowError(file, line, name, str(error)))
            whole = False
    return Row(file, line, values, frozenset(header), whole=whole)


def _cell(column: Column, cell: str) -> Any:
    if "\x00" in cell:
        raise ValueError("This holds a character that is no text.")
    if len(cell) > LONGEST_CELL:
        raise ValueError(f"This is longer than {LONGEST_CELL} characters.")
    if cell:
        return column.read(cell)
    if column.required:
        raise ValueError("This must not be empty.")
    return column.default


def text(most: int = 200) -> Callable[[str], str]:
    """Return the reader of text of at most so many characters."""

    def read(cell: str) -> str:
        if len(cell) > most:
            raise ValueError(f"This is longer than {most} characters.")
        return cell

    return read


def one_of(*choices: str) -> Callable[[str], str]:
    """Return the reader of one of these words."""

    def read(cell: str) -> str:
        if cell not in choices:
            raise ValueError(f"{cell!r} is none of {', '.join(choices)}.")
        return cell

    return read


def member(choices: type[enum.StrEnum]) -> Callable[[str], enum.StrEnum]:
    """Return the reader of one member of an enumeration, by its value."""
    read_word = one_of(*(choice.value for choice in choices))
    return lambda cell: choices(read_word(cell))


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return the reader of whole numbers between these."""

    def read(cell: str) -> int:
        try:
            number = int(cell)
        except ValueError:
            raise ValueError(f"{cell!r} is not a whole number.") from None
        if not least <= number <= most:
            raise ValueError(f"{cell} is not between {least} and {most}.")
        return number

    return read


def degrees(most: float) -> Callable[[str], float]:
    """Return the reader of a latitude or longitude."""

    def read(cell: str) -> float:
        try:
            number = float(cell)
        except ValueError:
            raise ValueError(f"{cell!r} is not a number of degrees, such as 31.2304.") from None
        if not -most <= number <= most:
            raise ValueError(f"{cell} is not between -{most:g} and {most:g} degrees.")
        return number

    return read


def money(cell: str) -> int:
    """Return a sum in the company's currency as micro-units."""
    try:
        amount = Decimal(cell)
    except InvalidOperation:
        raise ValueError(f"{cell!r} is not a sum of money, such as 1250.50.") from None
    if not amount.is_finite() or abs(amount) > LARGEST_SUM:
        raise ValueError(f"{cell} is not a sum that makes sense.")
    return int(amount * MICRO)


def day(cell: str) -> date:
    """Return a date."""
    try:
        return date.fromisoformat(cell)
    except ValueError:
        raise ValueError(f"{cell!r} is not a date, such as 2026-03-02.") from None


def moment(zone: ZoneInfo) -> Callable[[str], datetime]:
    """Return the reader of moments; without an offset the company's own wall clock is meant."""

    def read(cell: str) -> datetime:
        try:
            found = datetime.fromisoformat(cell)
        except ValueError:
            raise ValueError(f"{cell!r} is not a moment, such as 2026-03-02 08:30.") from None
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)

    return read


def wall_time(cell: str) -> str:
    """Return a time of day as `HH:MM`."""
    try:
        return datetime.strptime(cell, "%H:%M").strftime("%H:%M")  # noqa: DTZ007 - a time of day has no zone
    except ValueError:
        raise ValueError(f"{cell!r} is not a time of day, such as 08:00.") from None


def yes_no(cell: str) -> bool:
    """Return yes or no."""
    words = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if cell.lower() not in words:
        raise ValueError(f"{cell!r} is neither yes nor no.")
    return words[cell.lower()]


def several(read: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Return the reader of several things in one cell, with semicolons between them."""

    def read_all(cell: str) -> list[Any]:
        return [read(item.strip()) for item in cell.replace("；", ";").split(";") if item.strip()]

    return read_all


def names(cell: str) -> list[str]:
    """Return names, each once and in order."""
    return sorted(set(several(text(80))(cell)))


def skill(cell: str) -> dict[str, Any]:
    """Return a skill, written `code:level` or `code:level:day on which the certificate ends`."""
    code, _, rest = cell.partition(":")
    level, _, ends = rest.partition(":")
    if not code.strip():
        raise ValueError(f"{cell!r} is not a skill, such as hydraulics:3.")
    return {
        "code": code.strip(),
        "level": whole(1, 5)(level.strip() or "1"),
        "expires_on": str(day(ends.strip())) if ends.strip() else None,
    }


def pieces(cell: str) -> dict[str, Any]:
    """Return a part and how many, written `sku:quantity`."""
    sku, _, qty = cell.rpartition(":") if ":" in cell else (cell, "", "1")
    return {"sku": sku.strip(), "qty": whole(1, 10_000)(qty.strip())}


def weekdays(cell: str) -> list[int]:
    """Return days of the week, written as digits from 1 (Monday) to 7, such as `12345`."""
    digits = sorted({character for character in cell if character not in " ,;"})
    if not digits or set(digits) - set("1234567"):
        raise ValueError(f"{cell!r} are no days of the week, such as 12345 for Monday to Friday.")
    return [int(digit) - 1 for digit in digits]
