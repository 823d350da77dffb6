"""An engineer's day made ready for planning: what is left of it once running work is done."""

from dataclasses import dataclass

from dispatch.engine.problem import Break, Engineer, Problem, Visit


@dataclass(frozen=True, slots=True)
class Day:
    """From when, from where and with which parts an engineer can still be sent."""

    engineer: Engineer
    from_s: int
    to_s: int
    start: int
    breaks: tuple[Break, ...]
    parts: dict[str, int]
    running: Visit | None

    @property
    def latest_s(self) -> int:
        """Return when the engineer must be back, overtime included."""
        return self.to_s + self.engineer.max_overtime_s


def days_of(problem: Problem) -> dict[str, Day]:
    """Return the day of each engineer, by id."""
    running = {visit.lock_engineer: visit for visit in problem.visits if visit.running}
    return {
        engineer.id: _day_of(engineer, running.get(engineer.id)) for engineer in problem.engineers
    }


def _day_of(engineer: Engineer, running: Visit | None) -> Day:
    from_s, start = engineer.shifts[0].from_s, engineer.start
    parts = dict(engineer.parts)
    if running is not None and running.lock_start_s is not None:
        # Work under way is a fact: it may have begun before the shift and ends when it ends.
        from_s, start = running.lock_start_s + running.duration_s, running.place
        for part, quantity in running.parts.items():
            parts[part] = max(0, parts.get(part, 0) - quantity)
        from_s = next((max(from_s, s.from_s) for s in engineer.shifts if from_s < s.to_s), from_s)
    off = [
        Break(earlier.to_s, earlier.to_s, later.from_s - earlier.to_s)
        for earlier, later in zip(engineer.shifts, engineer.shifts[1:], strict=False)
        if later.from_s > earlier.to_s
    ]
    ahead = [pause for pause in (*engineer.breaks, *off) if pause.latest_s >= from_s]
    ahead.sort(key=lambda pause: (pause.earliest_s, pause.latest_s))
    # What is under way may end after the shift; nothing more is begun then.
    return Day(engineer, from_s, engineer.shifts[-1].to_s, start, tuple(ahead), parts, running)
