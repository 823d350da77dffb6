"""A problem made ready for the compiled search, and room for a worker's solution."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatch.engine.day import Day
from dispatch.engine.kernel import layout as at
from dispatch.engine.kernel.layout import FOREVER
from dispatch.engine.kernel.memory import I64, packed
from dispatch.engine.problem import (
    LATEST_S,
    USUAL_PACE,
    Problem,
    Visit,
    linked_to,
)

NEAREST = 100
NEAREST_HOMES = 12
# Longer routes than this are only made where there are few of them.
ROUTE_CELLS = 4_000_000
POOL_SLOTS = 1 << 17
POOL_STOPS = 1 << 20
PLENTY = 1 << 30
# Tables of drives for each speed are made up to so many numbers.
MOST_DRIVES = 16_000_000

I32 = npt.NDArray[np.int32]


class Tables:
    """Tables in one memory, by name; `layout` says what they hold."""

    def __init__(self, memory: I64, views: Mapping[str, I64]) -> None:
        self.memory = memory
        self.views = views

    def __getattr__(self, name: str) -> I64:
        try:
            return self.views[name]
        except KeyError:
            raise AttributeError(name) from None


class Question(Tables):
    """A problem in arrays; nothing here changes while the search goes on."""

    def __init__(self, memory: I64, views: Mapping[str, I64], drives: I32) -> None:
        super().__init__(memory, views)
        self.drives = drives

    @cached_property
    def turned(self) -> I32:
        """The drives the other way round: a row holds the ways to a node, not from it."""
        turned = np.ascontiguousarray(self.drives.transpose(0, 2, 1))
        return self.drives if np.array_equal(turned, self.drives) else turned

    @property
    def is_plain(self) -> bool:
        """Return whether the fast search can say all that counts."""
        return bool(self.memory[at.IS_PLAIN])


class State(Tables):
    """One worker's solution and notes."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One engineer's part in a visit of a crew, settled."""

    visit: int
    engineer: int
    starts_s: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """The question in arrays, and which visit of the problem each row stands for.

    `crew` names the rows that are one engineer's part in a crew, and that engineer.
    """

    question: Question
    visits: tuple[Visit, ...]
    days: tuple[Day, ...]
    crew: tuple[tuple[int, int], ...] = ()


def compiled(
    problem: Problem,
    days: Sequence[Day],
    visits: Sequence[Visit],
    *,
    crew: Sequence[Copy] = (),
    scale: int = 1,
    exact: npt.NDArray[np.float64] | None = None,
    brief: bool = False,
) -> Compiled:
    """Return these visits and days as arrays.

    `crew` settles who makes the visits that take several: each of their places is a column of its
    own, after the others. With `scale` all times are finer by that factor and `exact` gives the
    drives. Running visits must be no part of `visits`: the days begin after them. A `brief` question
    is for trying a visit here and there: what only a long search is worth is not worked out.
    """
    return _Builder(problem, days, visits, crew, scale, exact, brief).build()


class _Builder:
    def __init__(
        self,
        problem: Problem,
        days: Sequence[Day],
        visits: Sequence[Visit],
        crew: Sequence[Copy],
        scale: int,
        exact: npt.NDArray[np.float64] | None,
        brief: bool,
    ) -> None:
        self.problem, self.days, self.scale, self.exact = problem, tuple(days), scale, exact
        self.brief = brief
        self.crew = tuple(crew)
        plain = [visit for visit in visits if visit.crew == 1]
        self.visits = (*plain, *(visits[copy.visit] for copy in crew))
        self.first_copy = len(plain)
        self.count = len(self.visits)
        self.weights = problem.weights
        terminals: dict[int, int] = {}
        for day in self.days:
            terminals.setdefault(day.start, len(terminals))
            if day.engineer.end is not None:
                terminals.setdefault(day.engineer.end, len(terminals))
        self.terminals = terminals
        self.first_terminal = self.count + len(problem.depots)
        self.nowhere = self.first_terminal + len(terminals)
        self.tools = {
            tool: 1 << number
            for number, tool in enumerate(sorted({t for v in self.visits for t in v.tools})[:62])
        }
        self.running = {visit.id: visit for visit in problem.visits if visit.running}
        self.levels: dict[str, I64] = {}
        self.number: dict[str, int] = {}
        for k, visit in enumerate(self.visits):
            self.number.setdefault(visit.id, k)

    def build(self) -> Compiled:
        visits, engineers = self._visits(), self._engineers()
        windows = self._windows(visits)
        breaks = self._breaks(engineers)
        resources = self._resources()
        needs, stock, supply = self._stock(resources)
        preds, succs, friends = self._links(visits)
        allowed, extra, skill_ends = self._pairs()
        drives = self._drives()
        for row, day in zip(engineers, self.days, strict=True):
            if day.running is not None:
                # Whoever is out already drives home anyway; work on top saves that drive.
                home = drives[row[at.PROFILE], row[at.START], row[at.END]]
                row[at.FIXED] -= -(-int(home) * 1000 // row[at.SPEED]) * self.weights.travel
        settings = self._settings(visits, engineers, needs, skill_ends)
        self._kinds(engineers, allowed, extra, stock, skill_ends, breaks)
        settings[at.KINDS] = engineers[:, at.KIND].max(initial=-1) + 1
        if skill_ends.size == 0:
            skill_ends = np.zeros((1, 1), np.int64)
        rng = np.random.default_rng(20_200_101)
        keys = rng.integers(1, 2**62, self.count + len(self.days) + 1)
        near = homes = np.zeros((self.count, 1), np.int64)
        if not self.brief:
            near, homes = neighbours(drives, engineers, allowed, self.count)
        paces = np.array(
            [[p.from_s * self.scale, p.per_mille, 10**6 // p.per_mille] for p in self.problem.paces]
        )
        tables = {
            "visits": visits, "engineers": engineers, "allowed": allowed, "extra": extra,
            "needs": needs, "stock": stock, "supply": supply, "windows": windows, "breaks": breaks,
            "paces": paces.reshape(-1, 3), "preds": preds, "succs": succs, "friends": friends,
            "skill_ends": skill_ends, "near": near, "homes": homes, "keys": keys,
        }  # fmt: skip
        memory, views = packed(at.QUESTION_HEAD, at.SETTINGS, at.QUESTION_REGIONS, tables)
        memory[: at.SETTINGS] = settings
        memory[at.KEY_COUNT] = len(keys)
        held = tuple((self.first_copy + k, copy.engineer) for k, copy in enumerate(self.crew))
        return Compiled(Question(memory, views, drives), self.visits, self.days, held)

    def _visits(self) -> I64:
        table = np.zeros((self.nowhere + 1, at.VISIT_COLUMNS), np.int64)
        table[self.first_terminal :, at.PLACE] = [*self.terminals, -1]
        scale, weights = self.scale, self.weights
        groups: dict[str, int] = {}
        table[:, at.GROUP] = table[:, at.PARTNER] = table[:, at.PLANNED] = -1
        for row, visit in zip(table, self.visits, strict=False):
            row[at.WORK], row[at.SETUP] = visit.duration_s * scale, visit.setup_s * scale
            row[at.PLACE] = visit.place
            row[at.PENALTY] = weights.penalty(visit) * scale
            if self.problem.locks_of(visit) != (None, None) and visit.penalty is None:
                row[at.PENALTY] = max(row[at.PENALTY], weights.unplaced_locked * scale)
            if visit.due_s is not None:
                row[at.DUE] = visit.due_s * scale
                row[at.LATE] = weights.late[visit.priority]
                row[at.STEEP] = weights.late_steep[visit.priority]
            if visit.promised is not None:
                row[at.PROMISE_FROM] = visit.promised.from_s * scale
                row[at.PROMISE_TO] = visit.promised.to_s * scale
                row[at.PROMISE] = weights.promise_broken * scale
            if visit.planned is not None:
                row[at.PLANNED] = visit.planned.start_s * scale
            if visit.same_person is not None:
                row[at.GROUP] = groups.setdefault(visit.same_person, len(groups))
            row[at.TOOLS] = sum(self.tools.get(tool, 0) for tool in visit.tools)
            row[at.SPLIT_KEY] = sum(visit.parts.values()) + sum(visit.amount)
        leads = self._leads()
        for k in range(self.first_copy, self.count):
            # A member of a crew is held where the crew was chosen.
            table[k, at.PINNED] = 1
            if not leads[k - self.first_copy]:
                table[k, at.TOOLS] = 0
        for row, depot in zip(table[self.count :], self.problem.depots, strict=False):
            row[at.WORK], row[at.PLACE] = depot.duration_s * scale, depot.place
            known = sum(self.tools.values())
            named = depot.tools
            row[at.TOOLS] = (
                known if named is None else sum(self.tools.get(tool, 0) for tool in named)
            )
        self.groups = groups
        return table

    def _windows(self, visits: I64) -> I64:
        rows: list[tuple[int, int]] = []
        for k in range(self.first_terminal):
            visits[k, at.FIRST_WINDOW] = len(rows)
            ahead = self._ahead(k, self.visits[k]) if k < self.count else []
            rows += ahead or self._windows_of(k)
            visits[k, at.LAST_WINDOW] = len(rows)
            mine = rows[visits[k, at.FIRST_WINDOW] :]
            visits[k, at.OPENS], visits[k, at.CLOSES] = mine[0][0], mine[-1][1]
        return np.array(rows or [(0, 0)], dtype=np.int64)

    def _windows_of(self, k: int) -> list[tuple[int, int]]:
        scale = self.scale
        if k >= self.count:
            window = self.problem.depots[k - self.count].window
            return [(window.from_s * scale, window.to_s * scale)]
        if k >= self.first_copy:
            moment = self.crew[k - self.first_copy].starts_s * scale
            return [(moment, moment)]
        visit = self.visits[k]
        _, start = self.problem.locks_of(visit)
        if start is not None:
            return [(start * scale, start * scale)]
        merged: list[tuple[int, int]] = []
        for window in sorted(visit.start_windows(), key=lambda w: (w.from_s, w.to_s)):
            if merged and window.from_s <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], window.to_s))
            else:
                merged.append((window.from_s, window.to_s))
        return [(a * scale, b * scale) for a, b in merged]

    def _engineers(self) -> I64:
        table = np.zeros((len(self.days), at.ENGINEER_COLUMNS), np.int64)
        scale = self.scale
        for row, day in zip(table, self.days, strict=True):
            one = day.engineer
            row[at.START] = self.first_terminal + self.terminals[day.start]
            row[at.END] = (
                self.nowhere if one.end is None else self.first_terminal + self.terminals[one.end]
            )
            row[at.FROM], row[at.PAID_TO] = day.from_s * scale, day.paid_to_s * scale
            row[at.LATEST] = day.latest_s * scale
            row[at.SPEED] = one.speed_per_mille
            row[at.FIXED] = one.fixed_cost * self.weights.fixed * scale
            ran = 1 if day.running is not None else 0
            most = PLENTY if one.max_visits is None else max(0, one.max_visits - ran)
            row[at.MOST_VISITS] = most
            row[at.MOST_TRAVEL] = FOREVER if one.max_travel_s is None else one.max_travel_s * scale
            row[at.MOST_WORK] = FOREVER
            if one.max_work_s is not None:
                row[at.MOST_WORK] = max(0, one.max_work_s - day.ran_s) * scale
            row[at.OWN_TOOLS] = sum(self.tools.get(tool, 0) for tool in one.tools)
            row[at.BEGUN] = -1
            if day.running is not None and day.running.lock_start_s is not None:
                row[at.BEGUN] = day.running.lock_start_s * scale
        self.profiles = self._profiles()
        for row, day in zip(table, self.days, strict=True):
            own = (day.engineer.profile or "", int(row[at.SPEED]))
            if own in self.profiles:
                # A table of their own spares everyone a division for each drive.
                row[at.SPEED] = USUAL_PACE
            else:
                own = (own[0], USUAL_PACE)
            row[at.PROFILE] = self.profiles.index(own)
        return table

    def _profiles(self) -> list[tuple[str, int]]:
        """Return for which matrices, and which speeds where there is room, tables are made."""
        kinds = {(d.engineer.profile or "", d.engineer.speed_per_mille) for d in self.days}
        size = self.nowhere + 1
        if self.brief or len(kinds) * size * size > MOST_DRIVES:
            kinds = {(profile, USUAL_PACE) for profile, _ in kinds}
        return sorted(kinds) or [("", USUAL_PACE)]

    def _breaks(self, engineers: I64) -> I64:
        rows: list[tuple[int, int, int]] = []
        known: dict[Any, tuple[int, int]] = {}
        for row, day in zip(engineers, self.days, strict=True):
            if day.breaks not in known:
                known[day.breaks] = (len(rows), len(rows) + len(day.breaks))
                rows += [
                    (p.earliest_s * self.scale, p.latest_s * self.scale, p.duration_s * self.scale)
                    for p in day.breaks
                ]
            row[at.FIRST_BREAK], row[at.LAST_BREAK] = known[day.breaks]
        return np.array(rows or [(0, 0, 0)], dtype=np.int64)

    def _resources(self) -> list[tuple[str, str | int]]:
        parts = {part for visit in self.visits for part in visit.parts}
        sizes = [len(visit.amount) for visit in self.visits if visit.amount]
        # What is under way may fill a vehicle by itself.
        sizes += [len(day.load) for day in self.days if any(day.load)]
        loads = range(max(sizes, default=0))
        rows: list[tuple[str, str | int]] = [("part", part) for part in sorted(parts)]
        return rows + [("load", dimension) for dimension in loads]

    def _stock(self, resources: Sequence[tuple[str, str | int]]) -> tuple[I64, I64, I64]:
        needs = np.zeros((self.count, len(resources)), np.int64)
        stock = np.zeros((len(self.days), len(resources)), np.int64)
        supply = np.zeros((len(self.problem.depots), len(resources)), np.int64)
        lead = self._leads()
        for r, (kind, name) in enumerate(resources):
            for k, visit in enumerate(self.visits):
                if k >= self.first_copy and not lead[k - self.first_copy]:
                    continue
                if isinstance(name, str):
                    needs[k, r] = visit.parts.get(name, 0)
                elif visit.amount:
                    needs[k, r] = visit.amount[name]
            for v, day in enumerate(self.days):
                capacity = day.engineer.capacity
                if isinstance(name, str):
                    stock[v, r] = day.parts.get(name, 0)
                else:
                    stock[v, r] = capacity[name] - day.load[name] if capacity else PLENTY
            for d, depot in enumerate(self.problem.depots):
                if kind == "part" and isinstance(name, str):
                    held = PLENTY if depot.parts is None else depot.parts.get(name, 0)
                    supply[d, r] = held
        return needs, stock, supply

    def _leads(self) -> list[bool]:
        first: dict[int, int] = {}
        for copy in self.crew:
            first[copy.visit] = min(first.get(copy.visit, copy.engineer), copy.engineer)
        return [first[copy.visit] == copy.engineer for copy in self.crew]

    def _links(self, visits: I64) -> tuple[I64, I64, I64]:
        preds: list[list[tuple[int, int]]] = [[] for _ in self.visits]
        succs: list[list[tuple[int, int]]] = [[] for _ in self.visits]
        friends: list[list[int]] = [[] for _ in self.visits]
        for k, visit in enumerate(self.visits):
            for other in visit.after:
                if other in self.number:
                    preds[k].append((self.number[other], visit.gap_s * self.scale))
                    succs[self.number[other]].append((k, visit.gap_s * self.scale))
            own = visit.with_engineer_of
            if own is not None and own in self.number:
                visits[k, at.PARTNER] = self.number[own]
            for other in linked_to(visit):
                if other in self.number:
                    friends[self.number[other]].append(k)
                    visits[k, at.LINKED] = visits[self.number[other], at.LINKED] = 1
        flat_preds = _flat(preds, visits, at.FIRST_PRED, at.LAST_PRED)
        flat_succs = _flat(succs, visits, at.FIRST_SUCC, at.LAST_SUCC)
        flat_friends = _flat(friends, visits, at.FIRST_FRIEND, at.LAST_FRIEND)
        return (
            np.array(flat_preds or [(0, 0)], np.int64),
            np.array(flat_succs or [(0, 0)], np.int64),
            np.array(flat_friends or [0], np.int64),
        )

    def _pairs(self) -> tuple[I64, I64, I64]:
        m = len(self.days)
        allowed = np.zeros((m, max(1, self.count)), np.int64)
        extra = np.zeros((m, max(1, self.count)), np.int64)
        number = {day.engineer.id: v for v, day in enumerate(self.days)}
        ending = [
            (v, day.engineer.skills_until)
            for v, day in enumerate(self.days)
            if day.engineer.skills_until
        ]
        ends = np.full((m, max(1, self.count)), FOREVER, np.int64) if ending else np.zeros((0, 0))
        weights = self.weights
        capable: dict[Any, npt.NDArray[np.bool_]] = {}
        leads = self._leads()
        for k, visit in enumerate(self.visits):
            kind = (frozenset(visit.skills.items()), visit.territory, visit.tools)
            if kind not in capable:
                capable[kind] = self._capable(visit)
            row = capable[kind].copy()
            for name in visit.forbidden:
                if name in number:
                    row[number[name]] = False
            if visit.only is not None:
                row &= self._among(number, visit.only)
            if k >= self.first_copy:
                row[:] = False
                who = self.crew[k - self.first_copy].engineer
                row[who] = not leads[k - self.first_copy] or capable[kind][who]
            else:
                locked, _ = self.problem.locks_of(visit)
                if locked is not None:
                    row &= self._among(number, [locked])
            row &= self._can_follow(k, visit)
            allowed[:, k] = row
            if visit.preferred:
                strange = ~self._among(number, visit.preferred)
                extra[:, k] += strange * (weights.not_preferred * self.scale)
            if visit.planned is not None and visit.crew == 1:
                moved = ~self._among(number, [visit.planned.engineer])
                extra[:, k] += moved * (weights.moved * self.scale)
            for v, until in ending if visit.skills else ():
                last = min((until[s] for s in visit.skills if s in until), default=None)
                if last is not None:
                    ends[v, k] = last * self.scale
        return allowed, extra, ends.astype(np.int64)

    def _among(self, number: Mapping[str, int], names: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Return for each engineer whether the names have theirs."""
        there = np.zeros(len(self.days), np.bool_)
        there[[number[name] for name in names if name in number]] = True
        return there

    def _can_follow(self, k: int, visit: Visit) -> npt.NDArray[np.bool_]:
        """Return who may make a visit, for what it is linked to: work under way, or a missing crew."""
        if not visit.after and visit.with_engineer_of is None:
            return np.ones(len(self.days), np.bool_)
        may = np.full(len(self.days), bool(self._ahead(k, visit)))
        for other in linked_to(visit):
            if other in self.number:
                continue
            run = self.running.get(other)
            if run is None:
                may[:] = False
            elif other == visit.with_engineer_of:
                may &= np.array([day.running is run for day in self.days], np.bool_)
        return may

    def _ahead(self, k: int, visit: Visit) -> list[tuple[int, int]]:
        """Return the windows that are left once the work under way is done that it waits for."""
        if not visit.after:
            return self._windows_of(k)
        runs = [self.running[other] for other in visit.after if other in self.running]
        least = max(((r.lock_start_s or 0) + r.duration_s + visit.gap_s for r in runs), default=0)
        least *= self.scale
        return [(max(a, least), b) for a, b in self._windows_of(k) if b >= least]

    def _capable(self, visit: Visit) -> npt.NDArray[np.bool_]:
        """Return who has the skills and tools, or could fetch these, and works in that territory."""
        may = np.ones(len(self.days), np.bool_)
        for skill, level in visit.skills.items():
            may &= self._levels(skill) >= level
        if visit.territory is None and not visit.tools:
            return may
        for v, day in enumerate(self.days):
            lands = day.engineer.territories
            if lands and visit.territory not in (None, *lands):
                may[v] = False
            elif lacking := visit.tools - day.engineer.tools:
                may[v] &= self._can_be_fetched(lacking)
        return may

    def _levels(self, skill: str) -> I64:
        if skill not in self.levels:
            have = [day.engineer.skills.get(skill, -1) for day in self.days]
            self.levels[skill] = np.array(have, np.int64)
        return self.levels[skill]

    def _can_be_fetched(self, tools: frozenset[str]) -> bool:
        # With more tools than bits those beyond are settled here; a depot cannot give them.
        if any(tool not in self.tools for tool in tools):
            return False
        return any(d.tools is None or tools <= d.tools for d in self.problem.depots)

    def _drives(self) -> I32:
        places = [visit.place for visit in self.visits]
        places += [depot.place for depot in self.problem.depots]
        places += list(self.terminals)
        size = len(places) + 1
        table = np.zeros((len(self.profiles), size, size), np.int32)
        if not places:
            return table
        for number, (name, speed) in enumerate(self.profiles):
            source = self.problem.profiles[name] if name else self.problem.travel_s
            part = source[np.ix_(places, places)]
            if self.exact is not None:
                part = np.ceil(self.exact[np.ix_(places, places)] * self.scale - 1e-6)
            if speed != USUAL_PACE:
                part = (-(-part.astype(np.int64) * 1000 // speed)).astype(np.int32)
            table[number, :-1, :-1] = part
        return table

    def _settings(self, visits: I64, engineers: I64, needs: I64, skill_ends: I64) -> I64:
        weights = self.weights
        settings = np.zeros(at.SETTINGS, np.int64)
        settings[at.TRAVEL], settings[at.OVERTIME] = weights.travel, weights.overtime
        settings[at.SPAN], settings[at.BALANCE] = weights.span, weights.balance
        settings[at.STEEP_AFTER] = weights.late_steep_after_s * self.scale
        settings[at.MOVED_TIME] = weights.moved_time * self.scale
        settings[at.TOLERANCE] = weights.moved_tolerance_s * self.scale
        if self.groups:
            settings[at.SAME_PERSON] = weights.same_person * self.scale
        settings[at.HAS_LINKS] = int(visits[:, at.LINKED].any())
        settings[at.HAS_DEPOTS] = int(bool(self.problem.depots))
        settings[at.HAS_PACES] = int(bool(self.problem.paces))
        settings[at.HAS_SKILL_ENDS] = int(skill_ends.size > 0)
        settings[at.HAS_DIPS] = int(needs.size > 0 and bool((needs < 0).any()))
        counts = engineers[:, at.LAST_BREAK] - engineers[:, at.FIRST_BREAK]
        settings[at.MOST_BREAKS] = counts.max(initial=0)
        settings[at.WORK_LOW], settings[at.WORK_HIGH] = FOREVER, 0
        settings[at.VISIT_COUNT], settings[at.RESOURCES] = needs.shape
        settings[at.ENGINEER_COUNT] = len(engineers)
        settings[at.DEPOTS], settings[at.NODES] = len(self.problem.depots), len(visits)
        settings[at.GROUPS] = len(self.groups)
        settings[at.PACES] = len(self.problem.paces)
        eaten = (10**6 // pace.per_mille for pace in self.problem.paces)
        settings[at.FASTEST] = max((1000, *eaten))
        overtime = (engineers[:, at.LATEST] > engineers[:, at.PAID_TO]).any()
        many_windows = (visits[:, at.LAST_WINDOW] - visits[:, at.FIRST_WINDOW] > 1).any()
        timed = visits[:, at.PLANNED] >= 0
        # What a place on a route costs cannot be told from its two ends alone.
        beyond = bool(
            counts.any()
            or many_windows
            or settings[[at.HAS_LINKS, at.HAS_PACES, at.HAS_SKILL_ENDS, at.HAS_DIPS]].any()
            or (timed.any() and weights.moved_time)
            or visits[:, [at.LATE, at.STEEP, at.PROMISE, at.SETUP]].any()
            or (engineers[:, at.SPEED] != 1000).any()
            or (engineers[:, [at.MOST_TRAVEL, at.MOST_WORK]] < FOREVER).any()
        )
        settings[at.IS_TIMED] = bool(
            (overtime and weights.overtime)
            or weights.span
            or weights.balance
            or settings[at.HAS_DEPOTS]
            or any(visit.tools for visit in self.visits)
        )
        settings[at.IS_RICH] = beyond or settings[at.IS_TIMED]
        settings[at.IS_PLAIN] = not beyond and not settings[at.SAME_PERSON]
        return settings

    def _kinds(self, engineers: I64, *tables: I64) -> None:
        """Number the engineers so that those who may stand for one another have one number."""
        kinds: dict[bytes, int] = {}
        *by_engineer, _ = tables
        for v, row in enumerate(engineers):
            parts = [row.tobytes()]
            parts += [table[v].tobytes() for table in by_engineer if len(table) == len(engineers)]
            row[at.KIND] = kinds.setdefault(b"".join(parts), len(kinds))


def neighbours(drives: I32, engineers: I64, allowed: I64, count: int) -> tuple[I64, I64]:
    """Return for each visit the visits that are nearest, and whose homes are among those allowed."""
    if len(engineers) == 0 or count == 0:
        return np.zeros((count, 1), np.int64), np.zeros((count, 1), np.int64)
    table = drives[0, :count, :count]
    table = np.minimum(table, table.T)
    np.fill_diagonal(table, -1)
    near = _least(table, NEAREST)
    from_home = drives[0][np.ix_(engineers[:, at.START], np.arange(count))].astype(np.int64)
    from_home = np.where(allowed[:, :count] == 1, from_home, LATEST_S * 1000)
    return near, _least(from_home.T, NEAREST_HOMES)


def _least(table: npt.NDArray[Any], many: int) -> I64:
    """Return where the least numbers of each row are, the least first."""
    width = table.shape[1]
    # Number and place in one: so a few may be picked out without sorting all.
    keys = table.astype(np.int64) * width + np.arange(width)
    if many < width:
        keys = np.partition(keys, many, axis=1)[:, :many]
    places: I64 = np.sort(keys, axis=1) % width
    return places


def _flat(lists: Sequence[list[Any]], visits: I64, first: int, last: int) -> list[Any]:
    flat: list[Any] = []
    for k, mine in enumerate(lists):
        visits[k, first] = len(flat)
        flat += mine
        visits[k, last] = len(flat)
    return flat


def room_for(question: Question, seed: int, *, pooled: bool = True) -> State:
    """Return an empty solution for one worker; nothing is on a route yet."""
    memory = question.memory
    n, m = int(memory[at.VISIT_COUNT]), int(memory[at.ENGINEER_COUNT])
    length = _longest_route(question)
    breaks, rich = int(memory[at.MOST_BREAKS]) + 1, bool(memory[at.IS_RICH])
    nodes, resources = int(memory[at.NODES]), int(memory[at.RESOURCES])
    marks = (m if rich else 1, length + 1 if rich else 2, breaks, at.MARK_COLUMNS)
    allowed = question.allowed[:, :n].any(axis=0) if m and n else np.zeros(n, np.bool_)
    seeds = np.flatnonzero(allowed)
    chained = question.is_plain and not memory[at.IS_TIMED]
    slots, stops = (POOL_SLOTS, POOL_STOPS) if pooled else (2, 1)
    tables: dict[str, I64 | tuple[int, ...]] = {
        "route": (m, length), "length": (m,), "cost": (m,), "work": (m,), "load": (m, resources),
        "done": (m, length + 1), "last": (m, length + 1), "marks": marks,
        "where": np.full(nodes, -1), "place": (nodes,), "begins": (nodes, 2), "version": (m,),
        "known_version": np.full((n, m), -1), "known_cost": (n, m), "known_place": (n, m),
        "best_route": (m, length), "best_length": (m,), "dirty": np.ones(m, np.int64),
        "old_route": (m, length), "old_length": (m,), "old_cost": (m,), "old_work": (m,),
        "old_load": (m, resources), "old_done": (m, length + 1), "old_last": (m, length + 1),
        "old_marks": marks, "old_begins": (m if rich else 1, 2 * length), "old_version": (m,),
        "touched": (m + 1,), "absent": (2 * n + 2,), "old_absent": (2 * n + 2,),
        "members": (int(memory[at.GROUPS]), m), "people": (int(memory[at.GROUPS]),), "scratch": (nodes, 2),
        "sim": (1, 2, breaks, at.MARK_COLUMNS), "seq": (length + 4,), "absent_seq": (length + 4,),
        "whole_seq": (length + 4,), "bounds": (length + 4,), "soonest": (length + 4,), "by_then": (length + 4,), "waiting": (m + 1,), "slot_of": np.full(m, -1), "stamps": (2, m + 1),
        "order": (2 * n + 2,), "seeds": seeds, "open_routes": np.ones(m, np.int64),
        "pool_key": (slots,), "pool_cost": np.full(slots, -1), "pool_at": (slots, 3),
        "pool_data": (stops,), "spent": (m,), "chained": (m,), "old_chained": (m,),
        "depot_at": np.full(m, -1),
        "early": (m, resources), "old_spent": (m,), "old_depot_at": (m,),
        "old_early": (m, resources),
        "chain": ((n + 2 * m) if chained else 1, at.STOP_COLUMNS),
        "log": ((n + 2 * m) * at.LOG_COLUMNS if chained else 1,), "log_at": (m + 1,),
        "spare": (m + 1,), "notes": np.full((n, 2 * m) if chained else (1, 1), -1),
        "trail": (resources + (length + 1) * (2 + breaks * at.MARK_COLUMNS),),
    }  # fmt: skip
    own, views = packed(at.STATE_HEAD, at.NUMBERS, at.STATE_REGIONS, tables)
    own[at.SEEDS], own[at.SLOTS], own[at.STOPS_ROOM] = len(seeds), slots, stops
    own[at.RANDOM] = (seed + 1) * 0x9E3779B97F4A7C15 % 2**63 or 1
    return State(own, views)


def _longest_route(question: Question) -> int:
    """Return how many stops a route may have, by the memory there is."""
    memory = question.memory
    n, m = int(memory[at.VISIT_COUNT]), max(1, int(memory[at.ENGINEER_COUNT]))
    marks = 8 * (1 + int(memory[at.MOST_BREAKS])) if memory[at.IS_RICH] else 1
    return min(n + 4, max(64, ROUTE_CELLS // (m * marks)))


def routes_of(state: State) -> list[list[int]]:
    """Return the best routes a worker knows, as numbers of nodes."""
    rows = zip(state.best_route, state.best_length, strict=True)
    return [row[:size].tolist() for row, size in rows]


def set_routes(state: State, routes: Sequence[Sequence[int]] | Mapping[int, Sequence[int]]) -> None:
    """Write routes into a worker's solution; `search.start` must count them afterwards."""
    pairs = routes.items() if isinstance(routes, Mapping) else enumerate(routes)
    state.length[:] = 0
    for v, route in pairs:
        kept = list(route)[: state.route.shape[1] - 3]
        state.route[v, : len(kept)] = kept
        state.length[v] = len(kept)
