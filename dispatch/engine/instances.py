"""Benchmark files of the literature as problems, and independent checks of what is found for them.

Routes are lists of visit numbers as the files count them. What a check returns is the cost of the
file's own objective, recomputed from the file alone, with every rule that is broken.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import hypot, inf
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatch.engine import records
from dispatch.engine.problem import (
    Depot,
    Engineer,
    Problem,
    ProblemError,
    Visit,
    Weights,
    Window,
)

# So dear that nothing is ever left out to save a drive.
MUST = 100_000_000
TENTHS = 10


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an independent check found: the cost, how many routes and unserved, what is broken."""

    cost: float
    vehicles: int
    unserved: int
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Instance:
    """A benchmark file: the problem, its drives exactly where they are no whole numbers."""

    name: str
    kind: str
    problem: Problem
    best: float | None
    scale: int = 1
    exact: npt.NDArray[np.float64] | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)

    def check(self, routes: Mapping[str, Sequence[int]]) -> Verdict:
        """Return what these routes cost and break, by engineer; `-1` stands for the depot."""
        return CHECKS[self.kind](self.raw, routes)


def read_instance(path: Path) -> Instance:
    """Return the instance in a file; its format is told from what is in it.

    Raises ProblemError where it is none of those known.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ProblemError(f"{path} cannot be read: {error.strerror}.", "unreadable") from error
    try:
        if text.lstrip().startswith("{"):
            return _skills(path, json.loads(text))
        if "CREW COUNT" in text:
            return _technicians(path, text)
        return _windows(path, text)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        if isinstance(error, ProblemError):
            raise
        raise ProblemError(f"{path.name} is in no known format: {error}", "unreadable") from error


def _windows(path: Path, text: str) -> Instance:
    """Read Solomon's and Gehring and Homberger's format."""
    rows = [[int(float(word)) for word in line.split()] for line in text.splitlines() if _row(line)]
    (count, capacity), customers = rows[0][:2], [row for row in rows[1:] if len(row) >= 7]
    table = np.array(customers, dtype=np.int64)
    gaps = table[:, None, 1:3] - table[None, :, 1:3]
    drives = np.floor(np.sqrt((gaps**2).sum(axis=2)) * TENTHS + 1e-9).astype(np.int32)
    home = table[0]
    shift = (Window(int(home[4]) * TENTHS, int(home[5]) * TENTHS),)
    problem = Problem(
        places=(),
        travel_s=drives,
        engineers=tuple(
            Engineer(f"v{k + 1}", shift, 0, 0, capacity=(capacity,)) for k in range(count)
        ),
        visits=tuple(
            Visit(
                id=str(row[0]),
                place=k,
                duration_s=int(row[6]) * TENTHS,
                windows=(Window(int(row[4]) * TENTHS, int(row[5]) * TENTHS),),
                amount=(int(row[3]),),
                penalty=MUST,
            )
            for k, row in enumerate(table)
            if k
        ),
        weights=Weights(overtime=0, balance=0),
    )
    name = path.stem
    return Instance(
        name,
        "windows",
        problem,
        _best_beside(path) or records.DISTANCE.get(name.upper()),
        raw={"table": table, "drives": drives, "count": count, "capacity": capacity},
    )


def _row(line: str) -> bool:
    words = line.split()
    return len(words) >= 2 and all(re.fullmatch(r"-?\d+(\.\d+)?", word) for word in words)


def _best_beside(path: Path) -> float | None:
    beside = path.with_suffix(".sol")
    if not beside.exists():
        return None
    found = re.search(r"^Cost\s+([\d.]+)", beside.read_text(encoding="utf-8"), re.MULTILINE)
    return float(found[1]) if found else None


def _check_windows(raw: Mapping[str, Any], routes: Mapping[str, Sequence[int]]) -> Verdict:
    table, drives = raw["table"], raw["drives"]
    broken: list[str] = []
    cost = used = 0
    seen: list[int] = []
    for name, route in routes.items():
        if not route:
            continue
        used += 1
        seen += route
        time, at, load = int(table[0][4]) * TENTHS, 0, 0
        for stop in route:
            cost += int(drives[at][stop])
            time = max(time + int(drives[at][stop]), int(table[stop][4]) * TENTHS)
            if time > int(table[stop][5]) * TENTHS:
                broken.append(f"{name} is late at {stop}")
            time += int(table[stop][6]) * TENTHS
            load += int(table[stop][3])
            at = stop
        cost += int(drives[at][0])
        if time + int(drives[at][0]) > int(table[0][5]) * TENTHS:
            broken.append(f"{name} is late at home")
        if load > raw["capacity"]:
            broken.append(f"{name} is overloaded")
    if used > raw["count"]:
        broken.append(f"{used} vehicles of {raw['count']}")
    if len(seen) != len(set(seen)):
        broken.append("a customer is served twice")
    return Verdict(cost / TENTHS, used, len(table) - 1 - len(set(seen)), tuple(broken))


def _technicians(path: Path, text: str) -> Instance:
    """Read the technician routing and scheduling format of Pillac, Gueret and Medaglia."""
    lines = text.splitlines()
    crew, skills, _tools, kinds = (int(word) for word in _after(lines, "CREW COUNT").split())
    rows: list[dict[str, Any]] = []
    for line in lines[next(k for k, one in enumerate(lines) if one.startswith("ID")) + 1 :]:
        lists = re.findall(r"\[([^\]]*)\]", line)
        words = line.split("[")[0].split()
        if len(words) < 6:
            continue
        number, x, y, opens, closes, work = (float(word) for word in words[:6])
        can, tools, parts = ([int(w) for w in one.split(",") if w.strip()] for one in lists)
        rows.append(
            {"id": int(number), "x": x, "y": y, "opens": opens, "closes": closes, "work": work,
             "skills": can, "tools": tools, "parts": parts}
        )  # fmt: skip
    xy = np.array([(row["x"], row["y"]) for row in rows])
    exact = np.sqrt(((xy[:, None] - xy[None, :]) ** 2).sum(axis=2))
    depot, people, asked = rows[0], rows[1 : crew + 1], rows[crew + 1 :]
    problem = Problem(
        places=(),
        travel_s=np.ceil(exact).astype(np.int32),
        engineers=tuple(
            Engineer(
                id=str(one["id"]),
                shifts=(Window(int(one["opens"]), int(one["closes"])),),
                start=k,
                end=k,
                skills={str(skill): 1 for skill in one["skills"]},
                tools=frozenset(map(str, one["tools"])),
                parts={str(p): n for p, n in enumerate(one["parts"])},
            )
            for k, one in enumerate(people, start=1)
        ),
        visits=tuple(
            Visit(
                id=str(one["id"]),
                place=k,
                duration_s=int(one["work"]),
                windows=(Window(int(one["opens"]), int(one["closes"])),),
                only=frozenset(
                    str(p["id"]) for p in people if set(one["skills"]) <= set(p["skills"])
                ),
                tools=frozenset(map(str, one["tools"])),
                parts={str(p): n for p, n in enumerate(one["parts"]) if n},
                penalty=1_000_000,
            )
            for k, one in enumerate(asked, start=crew + 1)
        ),
        weights=Weights(travel=0, overtime=0, balance=0, span=1),
        depots=(Depot(0, Window(int(depot["opens"]), int(depot["closes"]))),),
    )
    best = None
    beside = path.parent / "bks.json"
    if beside.exists():
        known = json.loads(beside.read_text(encoding="utf-8"))
        best = known.get(path.stem.split(".")[0], {}).get("bks")
    return Instance(
        path.stem.split(".")[0], "technicians", problem, best, 1000, exact,
        {"rows": {row["id"]: row for row in rows}, "crew": crew, "kinds": kinds, "skills": skills},
    )  # fmt: skip


def _after(lines: Sequence[str], title: str) -> str:
    at = next(k for k, line in enumerate(lines) if line.startswith(title))
    return lines[at + 1]


def _check_technicians(raw: Mapping[str, Any], routes: Mapping[str, Sequence[int]]) -> Verdict:
    rows, crew = raw["rows"], raw["crew"]
    broken: list[str] = []
    cost, used = 0.0, 0
    seen: list[int] = []
    for name, route in routes.items():
        stops = [0 if stop < 0 else stop for stop in route]
        if not any(stops):
            continue
        used += 1
        me = rows[int(name)]
        seen += [stop for stop in stops if stop]
        broken += _stock_broken(raw, me, stops)
        spent, trouble = _least_duration([me, *(rows[stop] for stop in stops), me])
        cost += spent
        broken += [f"{name}: {word}" for word in trouble]
    if len(seen) != len(set(seen)):
        broken.append("a request is served twice")
    return Verdict(cost, used, len(rows) - 1 - crew - len(set(seen)), tuple(broken))


def _stock_broken(raw: Mapping[str, Any], me: Mapping[str, Any], stops: Sequence[int]) -> list[str]:
    broken: list[str] = []
    parts, tools, supplied = list(me["parts"]), set(me["tools"]), False
    for stop in stops:
        if stop == 0:
            supplied = True
            continue
        asked = raw["rows"][stop]
        if not set(asked["skills"]) <= set(me["skills"]):
            broken.append(f"{me['id']} lacks a skill for {stop}")
        if supplied:
            continue
        if not set(asked["tools"]) <= tools:
            broken.append(f"{me['id']} lacks a tool for {stop}")
        for part, count in enumerate(asked["parts"]):
            parts[part] -= count
            if parts[part] < 0:
                broken.append(f"{me['id']} lacks part {part} for {stop}")
    return broken


def _least_duration(stops: Sequence[Mapping[str, Any]]) -> tuple[float, list[str]]:
    """Return the time from the latest departure to the earliest end of a tour."""
    time, slack, waited, broken = stops[0]["opens"], inf, 0.0, []
    for before, stop in pairwise(stops):
        time += before["work"] + hypot(before["x"] - stop["x"], before["y"] - stop["y"])
        waited += max(0.0, stop["opens"] - time)
        time = max(time, stop["opens"])
        if time > stop["closes"] + 1e-6:
            broken.append(f"late at {stop['id']}")
        slack = min(slack, waited + max(0.0, stop["closes"] - time))
    return time - stops[0]["opens"] - min(slack, waited), broken


def _skills(path: Path, body: Mapping[str, Any]) -> Instance:
    """Read this project's skills format."""
    problem = Problem(
        places=(),
        travel_s=np.array(body["travel_seconds"]),
        engineers=tuple(
            Engineer(
                id=one["id"],
                shifts=(Window(*one["tw"]),),
                start=one["start"],
                end=one["end"],
                skills=one["skills"],
                parts={str(p): n for p, n in enumerate(one["cap"])},
            )
            for one in body["technicians"]
        ),
        visits=tuple(
            Visit(
                id=job["id"],
                place=job["loc"],
                duration_s=job["service"],
                windows=(Window(*job["tw"]),),
                skills=job["skills"],
                parts={str(p): n for p, n in enumerate(job["demand"]) if n},
                priority=job["priority"],
                penalty=job["penalty"],
            )
            for job in body["jobs"]
        ),
        weights=Weights(overtime=0, balance=0),
    )
    return Instance(path.stem, "skills", problem, records.SKILLS.get(path.stem), raw=body)


def _check_skills(raw: Mapping[str, Any], routes: Mapping[str, Sequence[int]]) -> Verdict:
    jobs, people = raw["jobs"], {one["id"]: one for one in raw["technicians"]}
    drives = raw["travel_seconds"]
    broken: list[str] = []
    seen: list[int] = []
    cost = used = 0
    for name, route in routes.items():
        if not route:
            continue
        used += 1
        seen += route
        me = people[name]
        time, at, left = me["tw"][0], me["start"], list(me["cap"])
        for number in route:
            job = jobs[number]
            cost += drives[at][job["loc"]]
            time = max(time + drives[at][job["loc"]], job["tw"][0])
            if time > job["tw"][1]:
                broken.append(f"{name} is late at {job['id']}")
            time += job["service"]
            at = job["loc"]
            left = [a - b for a, b in zip(left, job["demand"], strict=True)]
            if any(me["skills"].get(s, 0) < level for s, level in job["skills"].items()):
                broken.append(f"{name} lacks a skill for {job['id']}")
        cost += drives[at][me["end"]]
        if time + drives[at][me["end"]] > me["tw"][1]:
            broken.append(f"{name} is late at home")
        if min(left, default=0) < 0:
            broken.append(f"{name} lacks parts")
    if len(seen) != len(set(seen)):
        broken.append("a job is done twice")
    served = set(seen)
    cost += sum(job["penalty"] for k, job in enumerate(jobs) if k not in served)
    return Verdict(float(cost), used, len(jobs) - len(served), tuple(broken))


CHECKS = {
    "windows": _check_windows,
    "technicians": _check_technicians,
    "skills": _check_skills,
}
