"""A part of a question as a question of its own: some days, and the visits that are theirs to make.

A search looks at all drives and at what is remembered of each visit and day. Of two hundred days
that is more than stays near the processor; of a part it is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dispatch.engine.arrays import Question, State, neighbours
from dispatch.engine.kernel import layout as at
from dispatch.engine.kernel.layout import FOREVER
from dispatch.engine.kernel.memory import I64, packed


@dataclass(frozen=True, slots=True)
class Part:
    """The question of a part; `days` and `nodes` say which each of its rows is in the whole."""

    question: Question
    days: I64
    nodes: I64
    number: I64

    def inward(self, route: Sequence[int]) -> list[int]:
        """Return a route of the whole in the numbers of the part."""
        inside: list[int] = self.number[np.asarray(route, np.int64)].tolist()
        return inside

    def outward(self, route: Sequence[int] | I64) -> list[int]:
        """Return a route of the part in the numbers of the whole."""
        outside: list[int] = self.nodes[np.asarray(route, np.int64)].tolist()
        return outside


def part_of(question: Question, state: State, days: I64, visits: I64) -> Part:
    """Return the question of these days and visits; `state` has the plan of the whole.

    Where a visit is linked to one that is on a day outside, the moment at which the latter begins
    parts the two: so both parts may change at once, and still fit together. What others wait for
    stays on its route.
    """
    whole = question.memory
    n = int(whole[at.VISIT_COUNT])
    depots = np.arange(n, n + int(whole[at.DEPOTS]))
    engineers = question.engineers[days].copy()
    nowhere = int(whole[at.NODES]) - 1
    ends = np.unique(engineers[:, [at.START, at.END]])
    nodes = np.concatenate([visits, depots, ends[ends != nowhere], [nowhere]])
    number = np.full(nowhere + 1, -1)
    number[nodes] = np.arange(len(nodes))
    rows = question.visits[nodes].copy()
    for column in (at.START, at.END):
        engineers[:, column] = number[engineers[:, column]]
    kinds, engineers[:, at.KIND] = np.unique(engineers[:, at.KIND], return_inverse=True)
    rows[:, at.PARTNER] = np.where(rows[:, at.PARTNER] >= 0, number[rows[:, at.PARTNER]], -1)
    groups, numbered = np.unique(rows[:, at.GROUP], return_inverse=True)
    first = int(groups[0] < 0) if len(groups) else 0
    rows[:, at.GROUP] = numbered.reshape(-1) - first
    pairs = np.ix_(days, visits)
    ends_by = question.skill_ends
    windows = question.windows
    if whole[at.HAS_LINKS]:
        bounded = bool(whole[at.HAS_SKILL_ENDS])
        shape = (len(days), max(1, len(visits)))
        ends_by = ends_by[pairs] if bounded else np.full(shape, FOREVER)
        windows = _cut(question, state, visits, number, rows, ends_by)
    elif whole[at.HAS_SKILL_ENDS]:
        ends_by = ends_by[pairs]
    tables = {
        "visits": rows, "engineers": engineers, "allowed": question.allowed[pairs],
        "extra": question.extra[pairs], "needs": question.needs[visits],
        "stock": question.stock[days], "supply": question.supply, "windows": windows,
        "breaks": question.breaks, "paces": question.paces,
        "preds": _links(question.preds, rows, number, at.FIRST_PRED, at.LAST_PRED),
        "succs": _links(question.succs, rows, number, at.FIRST_SUCC, at.LAST_SUCC),
        "friends": _links(question.friends, rows, number, at.FIRST_FRIEND, at.LAST_FRIEND),
        "skill_ends": ends_by,
        "keys": question.keys[: len(visits) + len(days) + 1],
    }  # fmt: skip
    drives = np.ascontiguousarray(question.drives[:, nodes[:, None], nodes])
    near, homes = neighbours(drives, engineers, tables["allowed"], len(visits))
    tables["near"], tables["homes"] = near, homes
    memory, views = packed(at.QUESTION_HEAD, at.SETTINGS, at.QUESTION_REGIONS, tables)
    memory[: at.SETTINGS] = whole[: at.SETTINGS]
    memory[at.VISIT_COUNT], memory[at.ENGINEER_COUNT] = len(visits), len(days)
    memory[at.NODES], memory[at.GROUPS] = len(nodes), len(groups) - first
    memory[at.KINDS], memory[at.KEY_COUNT] = len(kinds), len(tables["keys"])
    memory[at.HAS_LINKS] = int(rows[:, at.LINKED].any())
    memory[at.HAS_SKILL_ENDS] = int(whole[at.HAS_SKILL_ENDS] or (ends_by < FOREVER).any())
    others = np.delete(state.work, days)
    if others.size:
        memory[at.WORK_LOW] = min(int(whole[at.WORK_LOW]), int(others.min()))
        memory[at.WORK_HIGH] = max(int(whole[at.WORK_HIGH]), int(others.max()))
    return Part(Question(memory, views, drives), days, nodes, number)


def _cut(
    question: Question, state: State, visits: I64, number: I64, rows: I64, ends_by: I64
) -> I64:
    """Bound the visits that are linked to others outside; return the windows, theirs at the end."""
    windows = question.windows.tolist()
    for k in np.flatnonzero(rows[: len(visits), at.LINKED]).tolist():
        u = int(visits[k])
        own = question.visits[u]
        for other, gap in question.succs[own[at.FIRST_SUCC] : own[at.LAST_SUCC]].tolist():
            if number[other] < 0 <= state.where[other]:
                ends_by[:, k] = np.minimum(ends_by[:, k], int(state.begins[other, 0]) - gap)
        friends = question.friends[own[at.FIRST_FRIEND] : own[at.LAST_FRIEND]]
        if any(number[other] < 0 <= state.where[other] for other in friends):
            rows[k, at.PINNED] = 1
        preds = question.preds[own[at.FIRST_PRED] : own[at.LAST_PRED], 0]
        if state.where[u] < 0 or all(number[other] >= 0 for other in preds):
            continue
        begins = int(state.begins[u, 0])
        mine = windows[own[at.FIRST_WINDOW] : own[at.LAST_WINDOW]]
        mine = [[max(opens, begins), closes] for opens, closes in mine if closes >= begins]
        rows[k, at.FIRST_WINDOW], rows[k, at.LAST_WINDOW] = len(windows), len(windows) + len(mine)
        rows[k, at.OPENS], rows[k, at.CLOSES] = mine[0][0], mine[-1][1]
        windows += mine
    return np.array(windows, np.int64)


def _links(table: I64, rows: I64, number: I64, first: int, last: int) -> I64:
    """Return the links of these visits to one another in their new numbers, row by row."""
    kept = []
    for a, b in rows[:, [first, last]].tolist():
        mine = table[a:b]
        kept.append(mine[number[mine if mine.ndim == 1 else mine[:, 0]] >= 0])
    sizes = np.array([len(one) for one in kept])
    rows[:, last] = np.cumsum(sizes)
    rows[:, first] = rows[:, last] - sizes
    links = np.concatenate(kept)
    if len(links) == 0:
        return np.zeros((1, *table.shape[1:]), np.int64)
    if links.ndim == 1:
        return number[links]
    links[:, 0] = number[links[:, 0]]
    return links


def linked_sets(question: Question) -> list[list[int]]:
    """Return the visits that hang together by links, set by set."""
    visits, friends = question.visits, question.friends
    preds = question.preds
    root = list(range(int(question.memory[at.VISIT_COUNT])))

    def find(u: int) -> int:
        while root[u] != u:
            root[u] = root[root[u]]
            u = root[u]
        return u

    linked = np.flatnonzero(visits[: len(root), at.LINKED]).tolist()
    for u in linked:
        others = friends[visits[u, at.FIRST_FRIEND] : visits[u, at.LAST_FRIEND]].tolist()
        others += preds[visits[u, at.FIRST_PRED] : visits[u, at.LAST_PRED], 0].tolist()
        for other in others:
            root[find(other)] = find(u)
    sets: dict[int, list[int]] = {}
    for u in linked:
        sets.setdefault(find(u), []).append(u)
    return list(sets.values())
