"""The workers of a search: one thread a core, for the compiled search holds no lock.

Each worker anneals a solution of its own. Now and then the routes that all have seen are put
together by set partitioning, and the worst worker goes on from the best solution. Where only the way
counts they begin apart, several times, and then mend the best plan: each heats a group of its
neighbouring routes up and cools them down again. Large problems are split from the beginning: each
worker takes a group of neighbouring routes, and the groups are drawn anew each round.
"""

import math
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from threading import Lock

import numpy as np

from dispatch.engine.arrays import Question, State, room_for, routes_of, set_routes
from dispatch.engine.beginnings import halved
from dispatch.engine.kernel import chains, plain, search
from dispatch.engine.kernel import layout as at
from dispatch.engine.partition import Column, chosen_routes, columns_of
from dispatch.engine.parts import Part, linked_sets, part_of
from dispatch.engine.problem import StoppingRule

# So many visits a step takes out on average, and how long a string may be; one pair a worker.
RUINS = ((10.0, 10.0), (14.0, 12.0))
BLINK = 0.01
# Temperatures, as shares of what a visit costs on the way.
HOT, PLAIN_HOT, COLD = 3.0, 1.0, 0.02
# With more visits there are fewer steps for each: it begins cooler.
MANY_VISITS, MANY_HOT = 150, 0.6
# Long routes settle how many they are while it is warm.
LONG_ROUTE, LONG_HOT = 16, 2.0
PART_HOT = 1.5
# Routes of solutions so much dearer than the best, in visits, are still worth remembering.
ROOM = 0.3
# So many of those left out, the dearest first, may take the place of a cheaper one at a time.
MOST_EXCHANGED = 12
# Until when each beginning is cooled down, as shares of the search; the rest is for mending, so many
# times, from a temperature so much lower, in groups of at least so many visits.
BEGINNINGS = (0.2, 0.4)
MENDINGS, MENDING_HOT, LEAST_GROUP = 8, 0.5, 40
STEPS_A_SLICE = 200
STEPS_AN_ITERATION = 100
# In a repeatable search the number of workers must not depend on the machine.
REPEATABLE_WORKERS = 2
ROUNDS = 5
SPLIT_VISITS = 250
SPLIT_SECONDS = 0.7
# Where a part is a question of its own, each takes a while to be made, and a step so long that
# larger parts cost little.
RULED_PART_VISITS, PART_SECONDS, LEAST_PART_ROUNDS = 750, 1.5, 4
# A part is small enough for all that a worker looks at to stay near the processor.
PART_VISITS = 250
REPEATABLE_ROUNDS = 6
PARTITION_SHARE = 0.06
# With patience the first cooling takes so many times as long, and each later one begins that warm.
FIRST_PATIENCE, AGAIN = 2.0, 0.2
MOST_ROUTE_PARTITION = 900

Progress = Callable[[float, int], None]


@dataclass
class Team:
    """A search under way. `best` holds the routes by engineer, `cost` their price.

    `made` counts the steps of all workers once the search is over.
    """

    question: Question
    stop: StoppingRule
    seed: int
    progress: Progress | None = None
    cancelled: Callable[[], bool] | None = None
    best: list[list[int]] | None = None
    cost: int = 1 << 62
    steps: int = 0
    made: int = 0
    began: float = 0.0
    # When the temperatures under way began, and how long they take.
    heated: float = 0.0
    lasts: float = 0.0
    noting: Lock = field(default_factory=Lock)

    def solve(self, known: Sequence[tuple[int, int]] = (), began: float | None = None) -> None:
        """Search until the stopping rule says so; `known` are visits and the engineers they are with."""
        self.began = self.heated = time.monotonic() if began is None else began
        self.lasts = self._least_seconds(FIRST_PATIENCE)
        repeatable = self.stop.iterations is not None
        count = REPEATABLE_WORKERS if repeatable else max(1, os.cpu_count() or 1)
        first = room_for(self.question, self.seed)
        self._load(first)
        self._start(first, known)
        split = count > 1 and first.memory[at.SEEDS] > SPLIT_VISITS
        if self.question.is_plain or not split:
            # With thousands of places to try, this would take the time of the search.
            self._exchange(first)
        if first.memory[at.SEEDS] == 0 or self._share() >= 1:
            return
        states = [first]
        for number in range(1, count if not split or self.question.is_plain else 1):
            states.append(room_for(self.question, self.seed * 101 + number))
            self._adopt(states[-1], self.best or [])
        # Where not all can be served, whom to leave out is settled while it is warmer.
        whole = self.question.is_plain and first.memory[at.ABSENT] == 0
        warmest = HOT
        if whole:
            warmest = self._plain_warmth(first)
        elif split and not self.question.is_plain:
            warmest = PART_HOT
        # Where a plan stands already it is not melted down.
        standing = 2 * len(known) > first.memory[at.SEEDS]
        hot = self._visit_price(first) * (warmest / 20 if standing else warmest)
        cold = min(hot, self._visit_price(first) * COLD)
        with ThreadPoolExecutor(count) as threads:
            while True:
                before = self.cost
                if split and self.question.is_plain:
                    self._split_rounds(threads, states, hot, cold)
                elif split:
                    self._part_rounds(threads, states[0], count, hot, cold)
                elif whole and not standing and not self.question.memory[at.IS_TIMED]:
                    self._beginnings(threads, states, hot, cold)
                else:
                    self._rounds(threads, states, hot, cold)
                if not self._goes_on(before):
                    break
                hot = max(cold, hot * AGAIN)
                for state in states:
                    self._adopt(state, self.best or [])
        self.made += sum(int(state.memory[at.STEPS]) for state in states)

    def _least_seconds(self, patience: float) -> float:
        if self.stop.patience_s is None or self.stop.iterations is not None:
            return self.stop.seconds
        return min(self.stop.seconds, self.stop.patience_s * patience)

    def _goes_on(self, before: int) -> bool:
        """Return whether to cool down once more: there is time, and the last time brought something."""
        if self.stop.patience_s is None or self.stop.iterations is not None:
            return False
        first = self.heated == self.began
        if self._out_of_time() or (self.cost >= before and not first):
            return False
        self.heated = time.monotonic()
        left = self.stop.seconds - (self.heated - self.began)
        self.lasts = min(self.stop.patience_s, left)
        return left > 0

    def _load(self, state: State) -> None:
        """Have the compiled search loaded by giving it nothing to do.

        That takes a new process up to a second, which is no part of the time the search was given.
        """
        q, memory = self.question, state.memory
        began, chance = time.monotonic(), memory[at.RANDOM]
        search.start(q.memory, q.drives, memory)
        memory[at.ABSENT] = 0
        search.fill(q.memory, q.drives, memory, True)
        self._search(q, state, 1.0, RUINS[0], -math.inf, steps=0)
        memory[at.RANDOM] = chance
        self.began += time.monotonic() - began
        self.heated = self.began

    def _start(self, state: State, known: Sequence[tuple[int, int]]) -> None:
        q = self.question
        search.start(q.memory, q.drives, state.memory)
        for visit, engineer in known:
            search.keep(q.memory, q.drives, state.memory, engineer, visit)
        search.fill(q.memory, q.drives, state.memory, True)
        self._note(state)

    def _adopt(self, state: State, routes: Sequence[Sequence[int]]) -> None:
        set_routes(state, routes)
        search.start(self.question.memory, self.question.drives, state.memory)

    def _visit_price(self, state: State) -> float:
        q, memory = self.question, state.memory
        served = max(1, int(memory[at.SEEDS] - memory[at.ABSENT]))
        road = int(memory[at.TOTAL]) - search.penalties(q.memory, memory)
        return max(1.0, float(road / served))

    def _plain_warmth(self, state: State) -> float:
        """Return how warm a search begins in which only the way counts and all are served."""
        visits = int(state.memory[at.SEEDS])
        if visits <= MANY_VISITS:
            return PLAIN_HOT
        used = max(1, int(np.count_nonzero(state.length)))
        return LONG_HOT if visits > LONG_ROUTE * used else MANY_HOT

    def _note(self, state: State) -> bool:
        """Keep a worker's best as the team's if it is better."""
        cost = int(state.memory[at.BEST])
        with self.noting:
            if cost >= self.cost:
                return False
            self.cost, self.best = cost, routes_of(state)
        if self.progress is not None:
            self.progress(min(1.0, self._share()), cost)
        return True

    def _share(self) -> float:
        """Return how much of the time allowed is over."""
        if self.cancelled is not None and self.cancelled():
            return 1.0
        passed = (time.monotonic() - self.heated) / self.lasts
        if self.stop.iterations is None:
            return passed
        if passed >= 1.0:
            return 1.0
        return self.steps / (self.stop.iterations * STEPS_AN_ITERATION)

    def _count_steps(self, until: float) -> None:
        """Note how many steps are over at that share of the search, where it is steps that end it."""
        if self.stop.iterations is not None:
            self.steps = round(until * self.stop.iterations * STEPS_AN_ITERATION)

    def _anneal(
        self,
        state: State,
        ruin: tuple[float, float],
        hot: float,
        cold: float,
        until: float,
        *,
        since: float = 0.0,
        ends: float = 1.0,
        pooled: bool = True,
        question: Question | None = None,
    ) -> None:
        """Let one worker search until that share of the time is over.

        It cools down from the share `since` to the share `ends`. Who is not `pooled` has a part of
        the problem only, which may be a question of its own.
        """
        q = question or self.question
        room = self._visit_price(state) * ROOM if pooled else -math.inf
        if self.stop.iterations is not None:
            total = self.stop.iterations * STEPS_AN_ITERATION
            first, last = self.steps / total, until
            slices = max(1, round((last - first) * total / STEPS_A_SLICE))
            for number in range(slices):
                if self._out_of_time():
                    return
                share = first + (last - first) * number / slices
                heat = float(hot * (cold / hot) ** ((share - since) / (ends - since)))
                self._search(q, state, heat, ruin, room)
            return
        while (share := self._share()) < until:
            heat = float(hot * (cold / hot) ** ((share - since) / (ends - since)))
            self._search(q, state, heat, ruin, room)
            if pooled and self.progress is not None and state.memory[at.BEST] < self.cost:
                self._note(state)

    def _search(
        self,
        q: Question,
        state: State,
        heat: float,
        ruin: tuple[float, float],
        room: float,
        steps: int = STEPS_A_SLICE,
    ) -> None:
        memory = state.memory
        if q.is_plain:
            run = plain.run if q.memory[at.IS_TIMED] else chains.run
            run(q.memory, q.drives, q.turned, memory, steps, heat, heat, *ruin, BLINK, room)
        else:
            search.run(q.memory, q.drives, memory, steps, heat, heat, *ruin, BLINK, room)

    def _out_of_time(self) -> bool:
        if self.cancelled is not None and self.cancelled():
            return True
        return time.monotonic() - self.began >= self.stop.seconds

    def _rounds(
        self, threads: ThreadPoolExecutor, states: list[State], hot: float, cold: float
    ) -> None:
        columns: dict[tuple[int, ...], Column] = {}
        for number in range(1, ROUNDS + 1):
            # The last share belongs to the last partitioning.
            until = number / ROUNDS * (1 - PARTITION_SHARE)
            if self.stop.iterations is not None:
                until = number / ROUNDS
            jobs = [
                threads.submit(self._anneal, state, RUINS[k % len(RUINS)], hot, cold, until)
                for k, state in enumerate(states)
            ]
            for job in jobs:
                job.result()
            self._count_steps(until)
            for state in states:
                self._note(state)
            for column in columns_of(self.question, states):
                columns[(column.kind, *column.stops)] = column
            if number >= ROUNDS - 2:
                self._partition(states[0], list(columns.values()))
                self._exchange(states[0])
            worst = max(states, key=lambda state: int(state.memory[at.BEST]))
            if int(worst.memory[at.BEST]) > self.cost and self.best is not None:
                self._adopt(worst, self.best)
            if self._out_of_time():
                break
        for state in states:
            self._note(state)

    def _beginnings(
        self, threads: ThreadPoolExecutor, states: list[State], hot: float, cold: float
    ) -> None:
        """Cool down several beginnings, each worker for itself, then mend the best of them.

        Most beginnings end in a valley that no later search leaves, and short searches find a good
        one as often as long ones do.
        """
        first = self.best or []
        since = 0.0
        again = self.heated > self.began
        for number, until in enumerate(() if again else BEGINNINGS):
            jobs = []
            for k, state in enumerate(states):
                # One worker once begins with few routes, all others with many.
                self._adopt(state, first if number + k == 0 else halved(self.question, first))
                ruin = RUINS[k % len(RUINS)]
                task = partial(self._anneal, state, ruin, hot, cold, until, since=since, ends=until)
                jobs.append(threads.submit(task))
            for job in jobs:
                job.result()
            self._count_steps(until)
            for state in states:
                self._note(state)
            since = until
            if self._out_of_time():
                return
        self._mend(threads, states, max(cold, hot * MENDING_HOT), cold, since)

    def _mend(
        self,
        threads: ThreadPoolExecutor,
        states: list[State],
        hot: float,
        cold: float,
        since: float,
    ) -> None:
        """Heat groups of neighbouring routes of the best plan up, and keep what has become better.

        After Taillard and Voss, "POPMUSIC: partial optimization metaheuristic under special
        intensification conditions", in Essays and Surveys in Metaheuristics (2002).
        """
        rng = np.random.default_rng(self.seed)
        visits = int(states[0].memory[at.SEEDS])
        parts = max(2, min(len(states), visits // LEAST_GROUP))
        share = (1.0 - since) / MENDINGS
        for number in range(MENDINGS):
            begins = since + share * number
            current = self.best or []
            groups = self._groups(current, parts, rng.random())
            jobs = []
            for k, state in enumerate(states):
                self._adopt(state, current)
                self._confine(state, groups == k % parts, k % parts, parts)
                task = partial(
                    self._anneal, state, RUINS[k % len(RUINS)], hot, cold, begins + share,
                    since=begins, ends=begins + share, pooled=False,
                )  # fmt: skip
                jobs.append(threads.submit(task))
            for job in jobs:
                job.result()
            self._count_steps(begins + share)
            mended = [
                min(states[k::parts], key=lambda state: int(state.memory[at.BEST]))
                for k in range(min(parts, len(states)))
            ]
            mine = [groups == k for k in range(len(mended))]
            current = self._merged(mended, current, mine, best=True)
            for state in states:
                self._free(state)
            self._adopt(states[0], current)
            self._note(states[0])
            self._exchange(states[0])
            if self._out_of_time():
                return

    def _partition(self, state: State, columns: Sequence[Column]) -> None:
        q = self.question
        if q.memory[at.HAS_LINKS] or self.best is None or len(columns) < 2:
            return
        left = self.lasts - (time.monotonic() - self.heated)
        repeatable = self.stop.iterations is not None
        seconds = min(left * 0.9, max(0.05, self.lasts * PARTITION_SHARE))
        if not repeatable and seconds < 0.03:
            return
        self._adopt(state, self.best)
        incumbent = [
            Column(int(q.engineers[v, at.KIND]), v, tuple(route), int(state.cost[v]))
            for v, route in enumerate(self.best)
            if route
        ]
        found = chosen_routes(
            q, sorted(columns, key=lambda c: -c.cost / len(c.stops)), incumbent,
            seconds=0.5 if repeatable else seconds, workers=len(RUINS), repeatable=repeatable,
            seed=self.seed,
        )  # fmt: skip
        if found is None:
            return
        routes = [list(found.get(v, ())) for v in range(len(self.best))]
        self._adopt(state, routes)
        if not self._note(state):
            self._adopt(state, self.best)

    def _exchange(self, state: State) -> None:
        """Let cheap visits go where a dearer one that is left out fits in their place."""
        q, memory = self.question, state.memory
        if memory[at.ABSENT] == 0 or self.best is None:
            return
        self._adopt(state, self.best)
        price = q.visits[: len(q.needs), at.PENALTY]
        waiting = state.absent[: int(memory[at.ABSENT])].tolist()
        waiting.sort(key=lambda u: (-int(price[u]), u))
        for u in waiting[:MOST_EXCHANGED]:
            if self._out_of_time():
                break
            if state.where[u] >= 0:
                continue
            cheaper = (price < price[u]) & (q.visits[: len(price), at.PINNED] == 0)
            node, v = search.room_for_one(q.memory, q.drives, memory, u, cheaper.astype(np.int64))
            if node < 0:
                continue
            known = _routes_now(state)
            before = int(memory[at.TOTAL])
            changed = list(known)
            changed[v] = [one for one in known[v] if one != node]
            self._adopt(state, changed)
            search.keep(q.memory, q.drives, memory, v, u)
            search.fill(q.memory, q.drives, memory, True)
            if memory[at.TOTAL] >= before:
                self._adopt(state, known)
        self._note(state)

    def _split_rounds(
        self, threads: ThreadPoolExecutor, states: list[State], hot: float, cold: float
    ) -> None:
        """Let the workers take neighbouring routes each, and draw the borders anew every round."""
        rng = np.random.default_rng(self.seed)
        current = self.best or []
        repeatable = self.stop.iterations is not None
        count = len(states)
        parts = max(1, round(int(self.question.memory[at.VISIT_COUNT]) / PART_VISITS / count))
        rounds = REPEATABLE_ROUNDS
        if not repeatable:
            rounds = max(REPEATABLE_ROUNDS, round(self.lasts / SPLIT_SECONDS))
        for number in range(rounds):
            groups = self._groups(current, count * parts, rng.random())
            for turn in range(parts):
                until = (number + (turn + 1) / parts) / rounds
                mine = [groups == k * parts + turn for k in range(count)]
                jobs = []
                for k, state in enumerate(states):
                    self._adopt(state, current)
                    self._confine(state, mine[k], k, count)
                    ruin = RUINS[k % len(RUINS)]
                    task = partial(self._anneal, state, ruin, hot, cold, until, pooled=False)
                    jobs.append(threads.submit(task))
                for job in jobs:
                    job.result()
                self._count_steps(until)
                last = (number, turn) == (rounds - 1, parts - 1) or self._out_of_time()
                current = self._merged(states, current, mine, best=last)
                self._free(states[0])
                self._adopt(states[0], current)
                self._note(states[0])
                if last:
                    self._exchange(states[0])
                    break
            if last:
                break

    def _part_rounds(
        self, threads: ThreadPoolExecutor, whole: State, count: int, hot: float, cold: float
    ) -> None:
        """The same where a part is a question of its own, and visits may be linked."""
        rng = np.random.default_rng(self.seed)
        repeatable = self.stop.iterations is not None
        visits = int(self.question.memory[at.VISIT_COUNT])
        parts = max(1, round(visits / RULED_PART_VISITS / count))
        rounds = REPEATABLE_ROUNDS
        if not repeatable:
            rounds = max(LEAST_PART_ROUNDS, round(self.lasts / PART_SECONDS))
        begun = 0.0 if repeatable else self._share()
        sets = linked_sets(self.question)
        for number in range(rounds):
            routes = _routes_now(whole)
            groups = self._groups(routes, count * parts, rng.random())
            for turn in range(parts):
                until = begun + (1 - begun) * (number + (turn + 1) / parts) / rounds
                last = (number, turn) == (rounds - 1, parts - 1)
                mine = [k * parts + turn for k in range(count)]
                work = []
                for k, (part, state) in enumerate(self._parts(whole, groups, mine, sets, rng)):
                    task = partial(
                        self._anneal, state, RUINS[k % len(RUINS)], hot, cold, until,
                        pooled=False, question=part.question,
                    )  # fmt: skip
                    work.append((part, state, threads.submit(task)))
                routes = _routes_now(whole)
                last = last or self._out_of_time()
                for part, state, job in work:
                    job.result()
                    self.made += int(state.memory[at.STEPS])
                    found = routes_of(state) if last else _routes_now(state)
                    for v, route in zip(part.days.tolist(), found, strict=True):
                        routes[v] = part.outward(route)
                self._count_steps(until)
                self._adopt(whole, routes)
                self._note(whole)
                if last or self._out_of_time():
                    self._exchange(whole)
                    return

    def _parts(
        self,
        whole: State,
        groups: np.ndarray,
        mine: Sequence[int],
        sets: Sequence[Sequence[int]],
        rng: np.random.Generator,
    ) -> list[tuple[Part, State]]:
        """Return the groups asked for as questions of their own, with their routes laid.

        What is left out is dealt to the groups, or goes where what it is linked to is.
        """
        n = int(self.question.memory[at.VISIT_COUNT])
        absent = whole.absent[: int(whole.memory[at.ABSENT])].tolist()
        dealt = {u: mine[k % len(mine)] for k, u in enumerate(absent)}
        for linked in sets:
            among = {int(groups[v]) for v in whole.where[linked].tolist() if v >= 0}
            out = [u for u in linked if u in dealt]
            for u in out:
                # Who waits for nobody that is there may go anywhere, but all of them together.
                dealt[u] = dealt[out[0]] if not among else min(among) if len(among) == 1 else -1
        found = []
        for group in mine:
            days = np.flatnonzero(groups == group)
            rows = [whole.route[v, : whole.length[v]] for v in days]
            visits = [u for row in rows for u in row.tolist() if u < n]
            visits += [u for u, to in dealt.items() if to == group]
            if not len(days) or not visits:
                continue
            part = part_of(self.question, whole, days, np.array(sorted(visits), np.int64))
            state = room_for(part.question, int(rng.integers(1 << 31)), pooled=False)
            set_routes(state, [part.inward(row.tolist()) for row in rows])
            search.start(part.question.memory, part.question.drives, state.memory)
            if state.memory[at.SEEDS] > 0:
                found.append((part, state))
        return found

    def _groups(self, routes: Sequence[Sequence[int]], count: int, turn: float) -> np.ndarray:
        """Return which worker takes which route: sectors of equal work around the middle."""
        middle = self.spots
        angle = np.zeros(len(routes))
        weight = np.zeros(len(routes))
        spots = middle[np.array([u for r in routes for u in r] or [0], np.int64)]
        centre = spots.mean(axis=0)
        homes = middle[self.question.engineers[:, at.START]]
        for v, route in enumerate(routes):
            spot = middle[route].mean(axis=0) if route else homes[v]
            angle[v] = (np.arctan2(*(spot - centre)) / (2 * math.pi) + turn) % 1.0
            weight[v] = len(route)
        order = np.argsort(angle, kind="stable")
        passed = np.cumsum(weight[order]) / max(1.0, weight.sum())
        groups = np.zeros(len(routes), np.int64)
        groups[order] = np.minimum((passed * count - 1e-9).astype(np.int64), count - 1)
        empty = [v for v, route in enumerate(routes) if not route]
        for k, v in enumerate(empty):
            groups[v] = k % count
        return groups

    @cached_property
    def spots(self) -> np.ndarray:
        """Return a point in the plane for each node, from the drives alone (two landmarks)."""
        drives = self.question.drives[0].astype(np.float64)
        size = len(drives) - 1
        inner = np.minimum(drives[:size, :size], drives[:size, :size].T)
        far = int(inner[0].argmax())
        other = int(inner[far].argmax())
        third = int(np.minimum(inner[far], inner[other]).argmax())
        return np.stack([inner[far] - inner[other], inner[third]], axis=1)

    def _confine(self, state: State, mine: np.ndarray, k: int, count: int) -> None:
        state.open_routes[:] = mine
        visits = [u for v in np.flatnonzero(mine) for u in state.route[v, : state.length[v]]]
        absent = state.absent[: int(state.memory[at.ABSENT])].copy()
        own = absent[k::count]
        seeds = [u for u in visits if u < self.question.memory[at.VISIT_COUNT]]
        seeds += own.tolist()
        state.memory[at.SEEDS] = max(1, len(seeds))
        state.seeds[: len(seeds)] = seeds
        state.absent[: len(own)] = own
        gone = sum(int(self.question.visits[u, at.PENALTY]) for u in absent if u not in set(own))
        state.memory[at.ABSENT] = len(own)
        state.memory[at.TOTAL] -= gone
        state.memory[at.BEST] -= gone

    def _free(self, state: State) -> None:
        state.open_routes[:] = 1
        n = int(self.question.memory[at.VISIT_COUNT])
        everyone = np.flatnonzero(self.question.allowed[:, :n].any(axis=0))
        state.memory[at.SEEDS] = len(everyone)
        state.seeds[: len(everyone)] = everyone

    def _merged(
        self,
        states: Sequence[State],
        current: Sequence[Sequence[int]],
        mine: Sequence[np.ndarray],
        *,
        best: bool,
    ) -> list[list[int]]:
        """Return the routes now: of each worker's part as it left them, the others as they were."""
        merged = [list(route) for route in current]
        for state, part in zip(states, mine, strict=True):
            table, length = state.route, state.length
            if best:
                table, length = state.best_route, state.best_length
            for v in np.flatnonzero(part):
                merged[v] = table[v, : length[v]].tolist()
            self._free(state)
        return merged


def _routes_now(state: State) -> list[list[int]]:
    """Return a worker's routes as they are, which need not be the best."""
    rows = zip(state.route, state.length, strict=True)
    return [row[:size].tolist() for row, size in rows]
