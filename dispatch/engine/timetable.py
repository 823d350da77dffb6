"""When everything on a route happens, as early as possible: drives, waits, breaks, visits.

Being earlier is never worse, so one best moment per number of breaks taken is all that has to be
remembered on the way: the timetable found is exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dispatch.engine.day import Day
from dispatch.engine.plan import Rest
from dispatch.engine.problem import Break, Problem, Visit


@dataclass(frozen=True, slots=True)
class Timetable:
    """The moments of a route. `overrun_s` tells by how much the worst rule is broken; 0 is good."""

    arrives: tuple[int, ...]
    starts: tuple[int, ...]
    rests: tuple[Rest, ...]
    leaves_s: int
    returns_s: int
    overrun_s: int


class _Mark(NamedTuple):
    """The best way found to be done with a stop: compared by overrun, then by time."""

    overrun: int
    time: int
    trail: "_Step | None"


class _Step(NamedTuple):
    before: "_Step | None"
    arrives: int
    starts: int
    rests: tuple[Rest, ...]


class _Ride(NamedTuple):
    overrun: int
    ready: int
    arrives: int
    rests: tuple[Rest, ...]


def timetable(problem: Problem, day: Day, visits: Sequence[Visit]) -> Timetable:
    """Return the earliest timetable of these visits in this order, good or not."""
    marks: dict[int, _Mark] = {0: _Mark(0, day.from_s, None)}
    at = day.start
    for visit in visits:
        marks = _advance(marks, problem.travel_s[at][visit.place], day.breaks, visit)
        at = visit.place

    end = day.engineer.end
    leaves_home = bool(visits) or day.running is not None
    home = problem.travel_s[at][end] if leaves_home and end is not None else 0
    ways: list[_Mark] = []
    for taken, mark in marks.items():
        for count in range(len(day.breaks) - taken + 1):
            ride = _ride(mark.time, home, day.breaks[taken : taken + count])
            after = _after_work(ride.ready, day.breaks[taken + count :])
            # Who has only finished what was under way goes home, however late it is.
            late = ride.ready - day.latest_s if visits else 0
            overrun = max(mark.overrun, ride.overrun, after.overrun, late)
            step = _Step(mark.trail, ride.arrives, ride.ready, ride.rests + after.rests)
            ways.append(_Mark(max(0, overrun), ride.ready, step))
    return _read_back(problem, day, visits, min(ways, key=lambda way: way[:2]))


def _advance(
    marks: dict[int, _Mark], travel_s: int, breaks: tuple[Break, ...], visit: Visit
) -> dict[int, _Mark]:
    windows = visit.start_windows()
    reached: dict[int, _Mark] = {}
    for taken, mark in marks.items():
        for count in range(len(breaks) - taken + 1):
            ride = _ride(mark.time, travel_s, breaks[taken : taken + count])
            starts = next(
                (max(ride.ready, w.from_s) for w in windows if ride.ready <= w.to_s), None
            )
            late = 0
            if starts is None:
                starts, late = ride.ready, ride.ready - max(w.to_s for w in windows)
            step = _Step(mark.trail, ride.arrives, starts, ride.rests)
            overrun = max(mark.overrun, ride.overrun, late)
            found = _Mark(overrun, starts + visit.duration_s, step)
            known = reached.get(taken + count)
            if known is None or found[:2] < known[:2]:
                reached[taken + count] = found
    return reached


def _ride(time: int, travel_s: int, breaks: tuple[Break, ...]) -> _Ride:
    """Drive, taking these breaks on the way; better on arrival, else before leaving or midway."""
    if not breaks:
        return _Ride(0, time + travel_s, time + travel_s, ())
    on_arrival = _rests(time + travel_s, breaks)
    if on_arrival.overrun == 0:
        return on_arrival._replace(arrives=time + travel_s)
    on_the_way = _rests(time, breaks)
    resting = sum(pause.duration_s for pause in breaks)
    ready = max(on_the_way.ready, time + travel_s + resting)
    return on_the_way._replace(ready=ready, arrives=ready)


def _rests(time: int, breaks: tuple[Break, ...]) -> _Ride:
    overrun, rests = 0, []
    for pause in breaks:
        starts = max(time, pause.earliest_s)
        overrun = max(overrun, starts - pause.latest_s)
        time = starts + pause.duration_s
        rests.append(Rest(starts, time))
    return _Ride(overrun, time, time, tuple(rests))


def _after_work(time: int, breaks: tuple[Break, ...]) -> _Ride:
    return _rests(time, breaks) if breaks else _Ride(0, time, time, ())


def _read_back(problem: Problem, day: Day, visits: Sequence[Visit], back: _Mark) -> Timetable:
    steps: list[_Step] = []
    step = back.trail
    while step is not None:
        steps.append(step)
        step = step.before
    steps.reverse()
    rests = [rest for step in steps for rest in step.rests]
    leaves = day.from_s
    arrives = [step.arrives for step in steps[:-1]]
    if visits:
        # Nobody leaves home to wait in front of a closed door. Setting out later costs nothing.
        drive = problem.travel_s[day.start][visits[0].place]
        rested = max((rest.ends_s for rest in steps[0].rests), default=0)
        if rested + drive <= steps[0].starts:
            leaves, arrives[0] = steps[0].starts - drive, steps[0].starts
    return Timetable(
        arrives=tuple(arrives),
        starts=tuple(step.starts for step in steps[:-1]),
        rests=tuple(rests),
        leaves_s=leaves,
        returns_s=steps[-1].arrives,
        overrun_s=back.overrun,
    )
