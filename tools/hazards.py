"""Writes docs/hazards.md, one line for each hazard with the tests that stand against it: `python -m tools.hazards`."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "hazards.md"

HAZARDS = {
    1: "Transactions commit in another order than they were begun, while a reader pulls without a pause",
    2: "A transaction stays open for long while short ones pass",
    3: "Ten thousand rows have one time stamp",
    4: "The server's clock steps back",
    5: "Somebody writes past the change feed",
    6: "A backup is restored; phones know more than the server",
    7: "A cursor is foreign, cut, changed or of an older format",
    8: "A server or its database is killed at any point",
    9: "A copy of the database that lags behind answers a pull",
    10: "A transaction that took numbers is rolled back",
    11: "An order goes to another engineer, with everything that hangs on it",
    12: "… and comes back before the first one pulls",
    13: "A row is visible on two ways and loses one of them",
    14: "Midnight passes, and what is in sight changes though nobody writes",
    15: "A change of role takes and brings thousands of rows",
    16: "A phone was away for longer than removals are remembered",
    17: "A row is made and gone between two pulls",
    18: "What was deleted is made again under its id",
    19: "Somebody reaches for rows that are not theirs",
    20: "Work is told of an order that went to somebody else meanwhile",
    21: "The answer is lost, and the same is sent again",
    22: "The same batch comes many times at once",
    23: "One mutation among many makes no sense",
    24: "Numbers come with a gap or out of order",
    25: "A number comes again with another content: the phone was copied",
    26: "The database fails in the middle of a batch",
    27: "A mutation depends on one that was refused",
    28: "The echo of one's own words comes older than they are",
    29: "Something is changed again while the first change is on its way",
    30: "A backlog of weeks meets a server that restarts",
    31: "Office and engineer change different fields",
    32: "Office and engineer change the same field",
    33: "The office cancels what the engineer completes",
    34: "Two engineers take the same part",
    35: "The phone's clock is wrong",
    36: "All of it at once, in any order",
    37: "A download is cut at any page",
    38: "A download runs while others write",
    39: "Hundreds of phones with nothing to do ask all day",
    40: "Everybody comes back at seven",
    41: "One row is huge, one order has thousands",
    42: "A packed answer is cut on its way",
    43: "A row rots on the phone",
    44: "An entry of the feed is lost",
    45: "A phone's checksum is wrong for good",
    46: "A photo is cut again and again",
    47: "Photo and note come in the wrong order, or their order is deleted",
    48: "Fifty photos wait, and the disk is full",
    49: "App and server are of different versions",
    50: "An app is too old to be served",
    51: "A phone speaks of what the server does not have any more",
    52: "A phone is suspended, or stolen and cut off",
    53: "Somebody leaves with things unsent, and the next person signs in",
    54: "The session runs out in the middle of the queue",
    55: "One person has two phones, or two persons one",
    56: "Somebody guesses ids of another company",
}
# What is too long for `make test` stands elsewhere; a small version of it is among the tests.
LONGER = {
    1: "`make prove`",
    8: "`make prove`: four workers and PostgreSQL killed under fifty phones",
    30: "`make bench`: the rate and the memory of a drain of 10,000",
    36: "`make prove`: 20,000 stories",
    38: "`make bench`: a first pull while others write",
    39: "`make bench`: empty pulls a second",
    40: "`make prove` and `make bench`: fifty phones at once",
}
INTRODUCTION = """# Hazards

What goes wrong between phones and a server, and the tests that show that it does no harm. Tests of order and of push run
on SQLite and on PostgreSQL. The scripts of the conformance kit (`conformance/vectors/scripts.json`) name the hazards that
they play to a client, and its checks those that they try on a server.

Written by `python -m tools.hazards`; a test sees that it is up to date and leaves no hazard out.

"""
_PYTHON = re.compile(r"^ *def (test_h(\d+)_\w+)", re.MULTILINE)
_VITEST = re.compile(
    r"^ *(?:it|test|describe)(?:\.\w+)?\((['\"`])H(\d+) ((?:\\.|(?!\1).)*)\1", re.MULTILINE
)


def tests() -> dict[int, list[str]]:
    """Return the tests against each hazard, as they stand on the page."""
    found: dict[int, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name, number in _PYTHON.findall(path.read_text()):
            found.setdefault(int(number), []).append(f"`{path.relative_to(ROOT)}::{name}`")
    for path in sorted(
        [
            *(ROOT / "web" / "sync" / "tests").glob("*.test.ts"),
            *(ROOT / "web" / "tests").glob("*.test.ts"),
        ]
    ):
        for _, number, title in _VITEST.findall(path.read_text()):
            words = title.replace("\\'", "'")
            found.setdefault(int(number), []).append(f"`{path.relative_to(ROOT)}` “{words}”")
    return found


def page() -> str:
    """Return the page as it should be."""
    against = tests()
    lines = []
    for number, what in HAZARDS.items():
        named = "; ".join(against.get(number, ["**no test**"]))
        longer = f"; at length: {LONGER[number]}" if number in LONGER else ""
        lines.append(f"- **H{number}** {what}: {named}{longer}.")
    return INTRODUCTION + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
