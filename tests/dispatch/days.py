"""Small days to plan, for the planner's tests."""

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from dispatch.engine.problem import (
    Break,
    Engineer,
    Planned,
    Problem,
    StoppingRule,
    Visit,
    Window,
)

HOUR = 3600
MINUTE = 60
# Enough for a small day, and always the same.
QUICK = StoppingRule(seconds=2, iterations=20)


def between(from_hour: float, to_hour: float) -> Window:
    return Window(int(from_hour * HOUR), int(to_hour * HOUR))


NINE_TO_FIVE = (between(9, 17),)


def engineer(name: str = "ann", **fields: Any) -> Engineer:
    return Engineer(**{"id": name, "shifts": NINE_TO_FIVE, "start": 0, "end": 0, **fields})


def visit(name: str = "pump", **fields: Any) -> Visit:
    return Visit(**{"id": name, "place": 0, "duration_s": HOUR, **fields})


def day(
    engineers: Iterable[Engineer],
    visits: Iterable[Visit],
    *,
    minutes: tuple[int, ...] = (0, 20, 40),
) -> Problem:
    """A day on one straight road: place i lies `minutes[i]` from the depot."""
    travel = tuple(tuple(abs(a - b) * MINUTE for b in minutes) for a in minutes)
    return Problem((), travel, tuple(engineers), tuple(visits))


@st.composite
def small_days(draw: st.DrawFn) -> Problem:
    """Up to three engineers and seven visits, with every rule there is."""
    marks = tuple(draw(st.lists(st.integers(0, 90), min_size=1, max_size=5)))
    names = ["ann", "bob", "cho"][: draw(st.integers(0, 3))]
    place = st.integers(0, len(marks) - 1)
    hour = st.integers(6, 18)
    levels = st.dictionaries(st.sampled_from("xy"), st.integers(0, 3))
    amounts = st.dictionaries(st.sampled_from("pq"), st.integers(0, 3))
    whose = st.frozensets(st.sampled_from(["ann", "bob", "gone"]), max_size=1)

    def some_engineer(name: str) -> Engineer:
        split = (between(8, 12), between(13, 17))
        return engineer(
            name,
            shifts=draw(st.sampled_from([NINE_TO_FIVE, split, (between(12, 20),)])),
            start=draw(place),
            end=draw(st.none() | place),
            breaks=draw(st.sampled_from([(), (Break(12 * HOUR, 13 * HOUR, HOUR // 2),)])),
            skills=draw(levels),
            parts=draw(amounts),
            max_overtime_s=draw(st.sampled_from([0, HOUR])),
        )

    def some_window() -> Window:
        opens = draw(hour)
        return between(opens, opens + draw(st.integers(0, 4)))

    def some_visit(name: str) -> Visit:
        planned = st.builds(Planned, st.sampled_from(["ann", "bob"]), hour.map(lambda h: h * HOUR))
        return visit(
            name,
            place=draw(place),
            duration_s=draw(st.sampled_from([0, HOUR // 2, HOUR, 3 * HOUR])),
            windows=tuple(some_window() for _ in range(draw(st.integers(0, 2)))),
            skills=draw(st.just({}) | levels),
            parts=draw(st.just({}) | amounts),
            priority=draw(st.integers(1, 4)),
            due_s=draw(st.none() | hour.map(lambda h: h * HOUR)),
            preferred=draw(whose),
            forbidden=draw(whose),
            lock_engineer=draw(st.sampled_from([None, None, None, "ann", "gone"])),
            lock_start_s=draw(st.sampled_from([None, None, None, 10 * HOUR])),
            planned=draw(st.none() | planned),
        )

    visits = [some_visit(f"v{number}") for number in range(draw(st.integers(0, 7)))]
    visits += [
        visit(
            f"running by {name}",
            place=draw(place),
            running=True,
            lock_engineer=name,
            lock_start_s=draw(hour) * HOUR,
            parts=draw(amounts),
        )
        for name in names
        if draw(st.booleans())
    ]
    return day([some_engineer(name) for name in names], visits, minutes=marks)
