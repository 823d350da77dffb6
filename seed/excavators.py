"""The public excavator work orders: five machines, 5,485 orders of the years 2001 to 2012, as people typed them.

They come as two plain CSV files inside the package nist-nestor, which is installed without what
it depends on and never imported. The data are real and dirty, and stay so: no row is dropped. The
costs are in a currency that the source does not name; they are taken as they stand, as if in the
company's own. Where a figure makes no sense as the cost of an order it is kept and doubted.

The kinds of order are those of a SAP system:

| PMType | what it holds                         | our kind     |
| ------ | ------------------------------------- | ------------ |
| PM01   | breakdowns and defects                | corrective   |
| PM02   | planned change-outs                   | preventive   |
| PM04   | capital: upgrades, new equipment      | installation |
| PM05   | a year's wear parts of a machine      | preventive   |
| PM06   | repairs after accidents               | corrective   |
| PM13   | spare units repaired in the workshop  | preventive   |

PM13 is no failure of the machine, which ran on with another unit meanwhile.
"""

import csv
import importlib.metadata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

PACKAGE = "nist-nestor"
_CLEANED = "nestor/datasets/excavators-cleaned.csv"
_ORIGINAL = "nestor/datasets/excavators.csv"

# Everything else in the data stays below half of this; the one order above it is a crack in a boom.
DOUBTED_FROM = Decimal(1_000_000)
MICRO = 1_000_000

KINDS = {
    "PM01": "corrective",
    "PM02": "preventive",
    "PM04": "installation",
    "PM05": "preventive",
    "PM06": "corrective",
    "PM13": "preventive",
}

# A row may name several, such as `Fluid Levels_Structural Integrity`: the first one listed here counts,
# and the vague `Unspecified` comes last.
MODES = {
    "Structural Integrity": "structural",
    "Leak": "leak",
    "Over Temp": "overheated",
    "Smoke / Burning": "burning",
    "Seized": "seized",
    "Fail to Start": "fail_to_start",
    "Fail to Stop": "fail_to_stop",
    "Missing / Loose": "missing_loose",
    "Contamination": "contaminated",
    "Fluid Levels": "fluid_level",
    "Overfuel": "fluid_level",
    "Warning Light": "warning",
    "Voltage Out of Parameter": "warning",
    "Over pressure": "other",
    "Noise": "other",
    "Hours": "other",
    "Accidental Damage": "structural",
    "Unspecified": "other",
}
# The data name no causes; these two follow from what they say.
CAUSES = {"Accidental Damage": "accident", "Contamination": "contamination", "Hours": "age"}
REMEDIES = {
    "Replace": "replaced",
    "Repair": "repaired",
    "Modify": "modified",
    "Minor Maint": "serviced",
    "CM": "inspected",
}


class DataMissing(Exception):
    """The files are not there; the message says what to do."""


@dataclass(frozen=True, slots=True)
class ExcavatorOrder:
    """One historic order, with its words mapped to ours."""

    row: int
    day: date
    machine: str
    text: str
    kind: str
    cost_micro: int
    cost_doubted: bool
    mode: str | None
    cause: str | None
    remedy: str | None
    component: str | None
    location: str | None

    @property
    def no(self) -> str:
        """Return the number under which it stands in the history: its row in the file."""
        return f"EX-{self.row:05d}"


def read() -> list[ExcavatorOrder]:
    """Return all orders in the order of the file.

    Raises DataMissing with a sentence for people.
    """
    cleaned, original = (_rows(_path(name)) for name in (_CLEANED, _ORIGINAL))
    if len(cleaned) != len(original):
        raise DataMissing(
            f"The two files of {PACKAGE} hold different numbers of rows. Run `make` to install it anew."
        )
    return [_order(number, _mended(row)) for number, row in enumerate(cleaned, start=1)]


def _path(name: str) -> Path:
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if str(file) == name and (path := Path(str(file.locate()))).is_file():
            return path
    raise DataMissing(
        f"The excavator data of {PACKAGE} are not installed. Run `make run` or `make test`; both install them."
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _mended(row: dict[str, str]) -> dict[str, str]:
    """Return the row with its fields in their places.

    In one row a cut at the apostrophe of "won't" moved all that follows by one column.
    """
    if row["PMType"] in KINDS or row["Cost"] not in KINDS:
        return row
    names = list(row)
    at = names.index("PMType")
    values = list(row.values())
    text = f"{row['OriginalShorttext']}'{row['PMType']}"
    moved = [*values[: at - 1], text, *values[at + 1 :]]
    return dict(zip(names, [*moved, ""], strict=True))


def _order(number: int, row: dict[str, str]) -> ExcavatorOrder:
    cost = Decimal(row["Cost"])
    failures = _parts(row["FM"])
    kind = KINDS[row["PMType"]]
    cause = next((CAUSES[word] for word in failures if word in CAUSES), None)
    return ExcavatorOrder(
        row=number,
        day=date.fromisoformat(row["BscStartDate"]),
        machine=row["Asset"],
        text=row["OriginalShorttext"].strip(),
        kind=kind,
        cost_micro=int(cost * MICRO),
        cost_doubted=not 0 < cost < DOUBTED_FROM,
        mode=_first(MODES, failures),
        cause="accident" if row["PMType"] == "PM06" else cause,
        remedy=_first(REMEDIES, _parts(row["Action"])),
        component=_component(row),
        location=_word(row["FuncLocation"]),
    )


def _word(text: str) -> str | None:
    text = " ".join(text.split()).lstrip("+")
    return None if text in ("", "NA") else text


def _parts(text: str) -> list[str]:
    return [] if text == "NA" else [part.strip() for part in text.split("_")]


def _first(known: dict[str, str], said: Sequence[str]) -> str | None:
    return next((code for word, code in known.items() if word in said), None)


def _component(row: dict[str, str]) -> str | None:
    """Return what the order was about, from the place in the machine down to the part."""
    part = _word(row["Part"]) or _word(row["MajorSystem"])
    path = [_word(row["FuncLocation"]), part.replace("_", ", ") if part else None]
    return " / ".join(word for word in path if word) or None


def locations(orders: Sequence[ExcavatorOrder], *, at_least: int) -> Iterator[tuple[str, str, int]]:
    """Yield the functional locations named in so many orders of a machine: machine, location, how often.

    The busiest of a machine come first; its own name is no place inside it.
    """
    counted: dict[tuple[str, str], int] = {}
    for order in orders:
        if order.location and not _is_the_machine(order.location):
            key = (order.machine, order.location)
            counted[key] = counted.get(key, 0) + 1
    for (machine, location), times in sorted(
        counted.items(), key=lambda item: (item[0][0], -item[1], item[0][1])
    ):
        if times >= at_least:
            yield machine, location, times


def _is_the_machine(location: str) -> bool:
    return location == "MACHINE" or "O&K" in location
