"""From the search's routes back to a plan that people can read: every moment of every day."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dispatch.engine.arrays import Compiled, State, room_for, set_routes
from dispatch.engine.day import Day
from dispatch.engine.kernel import layout as at
from dispatch.engine.kernel import search
from dispatch.engine.plan import DepotCall, Rest, Route, Stop
from dispatch.engine.problem import Break, Problem


@dataclass(slots=True)
class _Draft:
    """A day as it is being written down."""

    time: int
    place: int
    stops: list[Stop] = field(default_factory=list)
    rests: list[Rest] = field(default_factory=list)
    depot: DepotCall | None = None


def drawn(problem: Problem, made: Compiled, routes: Sequence[Sequence[int]]) -> tuple[Route, ...]:
    """Return the routes as people see them, one for each day in the order of the days.

    A route that cannot be driven after all is left empty.
    """
    question = made.question
    state = room_for(question, 0, pooled=False)
    set_routes(state, routes)
    search.start(question.memory, question.drives, state.memory)
    kept = question.engineers[:, at.FROM].copy()
    if problem.weights.span:
        _leave_late(made, state)
        search.start(question.memory, question.drives, state.memory)
    drawn_routes = tuple(_route(problem, made, state, v) for v in range(len(made.days)))
    question.engineers[:, at.FROM] = kept
    return drawn_routes


def _leave_late(made: Compiled, state: State) -> None:
    """Let everybody leave as late as the day allows without ending later."""
    question = made.question
    for v, day in enumerate(made.days):
        size = int(state.length[v])
        if size and day.running is None:
            mark = state.marks[v, size, _last_mark(question.engineers, state, v)]
            delay = min(int(mark[at.SLACK]), int(mark[at.WAITED]))
            question.engineers[v, at.FROM] += max(0, delay)


def _last_mark(engineers: np.ndarray, state: State, v: int) -> int:
    breaks = int(engineers[v, at.LAST_BREAK] - engineers[v, at.FIRST_BREAK])
    return int(state.done[v, 0]) // (breaks + 1)


def _route(problem: Problem, made: Compiled, state: State, v: int) -> Route:
    day = made.days[v]
    engineer = day.engineer
    from_s = int(made.question.engineers[v, at.FROM])
    draft = _Draft(from_s, day.start)
    began = None
    if day.running is not None and day.running.lock_start_s is not None:
        began = day.running.lock_start_s
        ends = began + day.running.duration_s
        draft.stops.append(Stop(day.running.id, 0, began, began, ends))
    size = int(state.length[v])
    leaves = from_s if began is None else began
    if size == 0:
        home = 0
        if began is not None and engineer.end is not None:
            home = problem.drive_s(engineer, day.start, engineer.end, ends)
            return Route(engineer.id, leaves, ends + home, tuple(draft.stops), (), home)
        return Route(engineer.id, leaves, ends if began is not None else leaves, tuple(draft.stops))
    taken = _taken(made, state, v, size)
    for i in range(size):
        node = int(state.route[v, i])
        first = began is None and i == 0
        leaves = _stop(problem, made, state, day, draft, node, taken[i], leaves, first=first)
    done = sum(taken[:size])
    home = 0
    if engineer.end is not None:
        home = _drive(problem, day, draft, engineer.end, day.breaks[done : done + taken[size]])[0]
    returns = draft.time
    time = returns
    for pause in day.breaks[done + taken[size] :]:
        time = max(time, pause.earliest_s)
        draft.rests.append(Rest(time, time + pause.duration_s))
        time += pause.duration_s
    return Route(
        engineer.id, leaves, returns, tuple(draft.stops), tuple(draft.rests), home, draft.depot
    )


def _taken(made: Compiled, state: State, v: int, size: int) -> list[int]:
    """Return how many breaks are taken on the way to each stop, and on the way home."""
    if not made.days[v].breaks:
        return [0] * (size + 1)
    breaks = len(made.days[v].breaks)
    k, on_way_home = divmod(int(state.done[v, 0]), breaks + 1)
    counts = [on_way_home]
    for i in range(size, 0, -1):
        before = int(state.marks[v, i, k, at.FROM_MARK])
        counts.append(k - before)
        k = before
    return counts[::-1]


def _drive(
    problem: Problem, day: Day, draft: _Draft, place: int, breaks: Sequence[Break]
) -> tuple[int, int]:
    """Drive with these breaks, on arrival or else on the way; return the drive and the arrival."""
    road = problem.drive_s(day.engineer, draft.place, place, draft.time)
    arrives = draft.time + road
    rests = _rests(arrives, breaks)
    if rests is None:
        rests = _rests(draft.time, breaks) or []
        resting = sum(pause.duration_s for pause in breaks)
        if problem.paces:
            road = problem.drive_s(day.engineer, draft.place, place, rests[-1].ends_s)
            arrives = rests[-1].ends_s + road
        else:
            arrives = max(rests[-1].ends_s, draft.time + road + resting)
        draft.time = arrives
    else:
        draft.time = rests[-1].ends_s if rests else arrives
    draft.rests += rests
    draft.place = place
    return road, arrives


def _rests(time: int, pauses: Sequence[Break]) -> list[Rest] | None:
    rests: list[Rest] = []
    for pause in pauses:
        time = max(time, pause.earliest_s)
        if time > pause.latest_s:
            return None
        rests.append(Rest(time, time + pause.duration_s))
        time += pause.duration_s
    return rests


def _stop(
    problem: Problem,
    made: Compiled,
    state: State,
    day: Day,
    draft: _Draft,
    node: int,
    breaks: int,
    leaves: int,
    *,
    first: bool,
) -> int:
    """Write a stop down; return when the day begins, later where one would wait at the first door."""
    done = len(draft.rests)
    visits = made.question.visits
    place, before = int(visits[node, at.PLACE]), draft.place
    road, arrives = _drive(problem, day, draft, place, day.breaks[done : done + breaks])
    count = int(made.question.memory[at.VISIT_COUNT])
    starts = _starts(made, state, node, draft.time)
    lasts = int(visits[node, at.WORK])
    if place != before:
        lasts += int(visits[node, at.SETUP])
    if first and not breaks and not problem.paces and starts > arrives:
        # Nobody leaves home to wait in front of a closed door. Setting out later costs nothing.
        leaves, arrives = starts - road, starts
    if node >= count:
        draft.depot = DepotCall(
            node - count, len(draft.stops), road, arrives, starts, starts + lasts
        )
    else:
        draft.stops.append(Stop(made.visits[node].id, road, arrives, starts, starts + lasts))
    draft.time = starts + lasts
    return leaves


def _starts(made: Compiled, state: State, node: int, ready: int) -> int:
    """Return when a stop begins for one who is ready then, as the search has found it."""
    question = made.question
    if question.memory[at.IS_RICH] and node < question.memory[at.VISIT_COUNT]:
        return int(state.begins[node, 0])
    return max(ready, int(question.visits[node, at.OPENS]))
