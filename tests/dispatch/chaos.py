"""Days drawn by lot with every rule of the planner at once, also ones that cannot be."""

import random

from dispatch.engine.problem import (
    Break,
    Depot,
    Engineer,
    Pace,
    Planned,
    Problem,
    Visit,
    Weights,
    Window,
)
from tests.dispatch.days import HOUR, MINUTE

DAY = 24 * HOUR
SKILLS, PARTS, TOOLS, LANDS = "abc", ("valve", "seal"), ("crane", "press"), ("north", "south")


def a_day_by_lot(seed: int, people: int = 6, visits: int = 24) -> Problem:
    """Return a problem; each rule is in it or not by its own throw."""
    return _Draw(seed, people, visits).problem()


class _Draw:
    def __init__(self, seed: int, people: int, visits: int) -> None:
        self.rnd = random.Random(seed)
        self.size = self.rnd.choice([1, 2, 5, 9, 15])
        self.people = [f"e{n}" for n in range(self.rnd.randint(0, people))]
        self.count = self.rnd.choice([0, 1, 3, visits // 2, visits])
        self.runs: list[str] = []
        self.rules = {name: self.rnd.random() < 0.5 for name in (
            "windows", "breaks", "days", "locks", "running", "planned", "skills", "lands", "tools",
            "parts", "depots", "crews", "after", "partners", "promised", "due", "limits", "paces",
            "asymmetric", "setup", "load", "equal", "profiles", "span", "groups", "present", "only",
            "prices",
        )}  # fmt: skip

    def on(self, rule: str, share: float = 1.0) -> bool:
        return self.rules[rule] and self.rnd.random() < share

    def problem(self) -> Problem:
        rnd = self.rnd
        now = rnd.choice([0, 9 * HOUR, 13 * HOUR]) if self.rules["present"] else 0
        profiles = {"bike": self.drives(2)} if self.rules["profiles"] else {}
        self.depots: tuple[Depot, ...] = ()
        running = self.running()
        self.runs = [visit.id for visit in running]
        if self.rules["depots"]:
            self.depots = tuple(self.depot() for _ in range(rnd.randint(1, 2)))
        return Problem(
            (),
            self.drives(1),  # type: ignore[arg-type]
            tuple(self.engineer(name) for name in self.people),
            tuple(self.visit(n) for n in range(self.count)) + running,
            weights=self.weights(),
            depots=self.depots,
            profiles=profiles,  # type: ignore[arg-type]
            paces=(Pace(8 * HOUR, 1500), Pace(10 * HOUR, 900), Pace(16 * HOUR, 1300))
            if self.rules["paces"]
            else (),
            now_s=now,
            frozen_until_s=now + rnd.choice([0, HOUR]) if self.rules["present"] else 0,
        )

    def drives(self, slower: int) -> tuple[tuple[int, ...], ...]:
        rnd = self.rnd
        spots = [(rnd.random() * 50, rnd.random() * 50) for _ in range(self.size)]
        if self.rules["equal"]:
            spots = [rnd.choice(spots[: max(1, self.size // 2)]) for _ in spots]
        return tuple(
            tuple(
                0
                if i == j
                else int((abs(a - c) + abs(b - d)) * MINUTE * slower)
                + (rnd.randrange(900) if self.rules["asymmetric"] else 0)
                for j, (c, d) in enumerate(spots)
            )
            for i, (a, b) in enumerate(spots)
        )

    def place(self) -> int:
        return self.rnd.randrange(self.size)

    def depot(self) -> Depot:
        rnd = self.rnd
        return Depot(
            self.place(),
            Window(8 * HOUR, 16 * HOUR),
            rnd.choice([0, 600]),
            rnd.choice([None, {"valve": 4}, {}]),
            rnd.choice([None, frozenset({"crane"})]),
        )

    def weights(self) -> Weights:
        rnd = self.rnd
        return Weights(
            span=rnd.choice([0, 1]) if self.rules["span"] else 0,
            travel=rnd.choice([1, 1, 0]) if self.rules["span"] else 1,
            balance=rnd.choice([0, 1, 30]),
            late_steep_after_s=rnd.choice([0, 2 * HOUR]),
        )

    def engineer(self, name: str) -> Engineer:
        rnd = self.rnd
        shifts: tuple[Window, ...] = (Window(8 * HOUR, 17 * HOUR),)
        if self.on("days", 0.6):
            shifts = rnd.choice([
                (Window(8 * HOUR, 12 * HOUR), Window(13 * HOUR, 17 * HOUR)),
                (Window(8 * HOUR, 17 * HOUR), Window(DAY + 8 * HOUR, DAY + 17 * HOUR)),
                (Window(8 * HOUR, 12 * HOUR), Window(12 * HOUR, 15 * HOUR), Window(DAY, DAY + 9 * HOUR)),
                (Window(9 * HOUR, 9 * HOUR),),
            ])  # fmt: skip
        breaks: tuple[Break, ...] = ()
        if self.on("breaks", 0.7):
            breaks = rnd.choice([
                (Break(12 * HOUR, 13 * HOUR, HOUR // 2),),
                (Break(10 * HOUR, 10 * HOUR, 900), Break(12 * HOUR, 14 * HOUR, HOUR)),
                (Break(11 * HOUR, 13 * HOUR, 0), Break(11 * HOUR, 13 * HOUR, 1800)),
                (Break(7 * HOUR, 8 * HOUR, 900),),
            ])  # fmt: skip
        return Engineer(
            name,
            shifts,
            self.place(),
            rnd.choice([None, self.place(), self.place()]),
            breaks,
            {s: rnd.randint(0, 3) for s in SKILLS if self.on("skills", 0.8)},
            {p: rnd.randint(0, 3) for p in PARTS if self.on("parts", 0.8)},
            rnd.choice([0, HOUR]),
            {s: rnd.choice([11 * HOUR, 15 * HOUR]) for s in SKILLS if self.on("skills", 0.2)},
            frozenset(land for land in LANDS if self.on("lands", 0.4)),
            frozenset(tool for tool in TOOLS if self.on("tools", 0.5)),
            tuple(rnd.randint(0, 8) for _ in range(2)) if self.on("load", 0.8) else (),
            rnd.choice([1.0, 1.0, 1.3, 0.7]),
            "bike" if self.on("profiles", 0.5) else None,
            rnd.choice([None, 5 * HOUR, 0]) if self.on("limits", 0.6) else None,
            rnd.choice([None, 2 * HOUR, 0]) if self.on("limits", 0.6) else None,
            rnd.choice([None, 3, 1, 0]) if self.on("limits", 0.6) else None,
            rnd.choice([0, 600]),
        )

    def moment(self) -> int:
        return self.rnd.randrange(7 * HOUR, 18 * HOUR) + (DAY if self.on("days", 0.2) else 0)

    def windows(self) -> tuple[Window, ...]:
        starts = [self.moment() for _ in range(self.rnd.randint(1, 2))]
        return tuple(Window(s, s + self.rnd.choice([0, HOUR, 4 * HOUR])) for s in starts)

    def whom(self) -> str:
        return self.rnd.choice([*self.people, *self.people, "gone"])

    def visit(self, n: int) -> Visit:
        rnd = self.rnd
        crew = rnd.randint(2, 3) if self.on("crews", 0.12) else 1
        earlier = [f"v{k}" for k in range(n)] + self.runs
        return Visit(
            f"v{n}",
            self.place(),
            rnd.choice([0, 600, 1800, HOUR, 3 * HOUR]),
            self.windows() if self.on("windows", 0.5) else (),
            {rnd.choice(SKILLS): rnd.randint(0, 2)} if self.on("skills", 0.5) else {},
            {rnd.choice(PARTS): rnd.randint(0, 2)} if self.on("parts", 0.4) else {},
            rnd.randint(1, 4),
            rnd.choice([0, 100, 50_000]) if self.on("prices", 0.3) else None,
            self.moment() if self.on("due", 0.5) else None,
            frozenset({self.whom()}) if self.on("only", 0.2) else frozenset(),
            frozenset({self.whom()}) if self.on("only", 0.2) else frozenset(),
            self.whom() if self.on("locks", 0.15) else None,
            self.moment() if self.on("locks", 0.15) else None,
            False,
            Planned(self.whom(), self.moment()) if self.on("planned", 0.5) else None,
            rnd.choice([300, 900]) if self.on("setup", 0.5) else 0,
            frozenset({rnd.choice(TOOLS)}) if self.on("tools", 0.2) else frozenset(),
            rnd.choice(LANDS) if self.on("lands", 0.4) else None,
            tuple(rnd.randint(-2, 3) for _ in range(2)) if self.on("load", 0.6) else (),
            frozenset(rnd.sample(self.people, rnd.randint(0, len(self.people))))
            if self.on("only", 0.2)
            else None,
            rnd.choice(["family", "block"]) if self.on("groups", 0.3) else None,
            crew,
            tuple(rnd.sample(earlier, min(len(earlier), rnd.randint(1, 2))))
            if self.on("after", 0.2)
            else (),
            rnd.choice([0, HOUR]),
            rnd.choice(earlier) if earlier and self.on("partners", 0.2) else None,
            Window(h := self.moment(), h + HOUR) if self.on("promised", 0.3) else None,
        )

    def running(self) -> tuple[Visit, ...]:
        return tuple(
            Visit(
                f"run {name}",
                self.place(),
                self.rnd.choice([0, HOUR, 12 * HOUR]),
                lock_engineer=name,
                lock_start_s=self.rnd.choice([7 * HOUR, 8 * HOUR, 12 * HOUR, 18 * HOUR]),
                running=True,
                parts={"valve": 1} if self.on("parts", 0.3) else {},
                amount=(1, 0) if self.on("load", 0.5) else (),
            )
            for name in self.people
            if self.on("running", 0.4)
        )
