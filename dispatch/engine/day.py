"""An engineer's day made ready for planning: what is left of it once running work is done."""

from dataclasses import dataclass

from dispatch.engine.problem import Break, Engineer, Problem, Visit


@dataclass(frozen=True, slots=True)
class Day:
    """From when, from where and with which parts an engineer can still be sent.

    `ran_s` is the running work that counts against a limit, `load` what it added to the vehicle.
    """

    engineer: Engineer
    from_s: int
    to_s: int
    start: int
    breaks: tuple[Break, ...]
    parts: dict[str, int]
    running: Visit | None
    ran_s: int = 0
    load: tuple[int, ...] = ()

    @property
    def latest_s(self) -> int:
        """Return when the engineer must be back, overtime included."""
        return self.to_s + self.engineer.max_overtime_s

    @property
    def paid_to_s(self) -> int:
        """Return from when on the time is overtime: running work may already have outlasted it."""
        if self.running is None or self.running.lock_start_s is None:
            return self.to_s
        return max(self.to_s, self.running.lock_start_s + self.running.duration_s)


def days_of(problem: Problem) -> dict[str, Day]:
    """Return the day of each engineer, by id."""
    running = {visit.lock_engineer: visit for visit in problem.visits if visit.running}
    return {
        engineer.id: _day_of(problem, engineer, running.get(engineer.id))
        for engineer in problem.engineers
    }


def _day_of(problem: Problem, engineer: Engineer, running: Visit | None) -> Day:
    from_s, start, ran_s = max(engineer.shifts[0].from_s, problem.now_s), engineer.start, 0
    parts = dict(engineer.parts)
    load = (0,) * len(engineer.capacity)
    if running is not None and running.lock_start_s is not None:
        # Work under way is a fact: it may have begun before the shift and ends when it ends.
        from_s, start = running.lock_start_s + running.duration_s, running.place
        ran_s = running.duration_s
        for part, quantity in running.parts.items():
            parts[part] = max(0, parts.get(part, 0) - quantity)
        if running.amount and load:
            load = running.amount
    from_s = max(from_s, problem.now_s)
    from_s = next((max(from_s, s.from_s) for s in engineer.shifts if from_s < s.to_s), from_s)
    off = [
        Break(earlier.to_s, earlier.to_s, later.from_s - earlier.to_s)
        for earlier, later in zip(engineer.shifts, engineer.shifts[1:], strict=False)
        if later.from_s > earlier.to_s
    ]
    ahead = [pause for pause in (*engineer.breaks, *off) if pause.latest_s >= from_s]
    ahead.sort(key=lambda pause: (pause.earliest_s, pause.latest_s))
    # What is under way may end after the shift; nothing more is begun then.
    to_s = engineer.shifts[-1].to_s
    return Day(engineer, from_s, to_s, start, tuple(ahead), parts, running, ran_s, load)
