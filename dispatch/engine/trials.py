"""One more visit on a route as it stands, at every position: what it would cost, what would break."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from dispatch.engine.inventory import Shortage, shortage
from dispatch.engine.itinerary import Bounds, Call, End, Mark, Walker
from dispatch.engine.problem import LATEST_S, Engineer, Visit


@dataclass(frozen=True, slots=True)
class Trial:
    """A visit put at one position of a route."""

    position: int
    end: End
    added_cost: int
    # By how much each limit of the engineer would be passed.
    passed: Mapping[str, int]


class Itinerary:
    """One engineer's route as it stands, ready to try one more visit at every position."""

    def __init__(
        self,
        walker: Walker,
        calls: Sequence[Call],
        bounds: Mapping[str, Mapping[str, Bounds]],
        light: frozenset[str],
    ) -> None:
        self.walker = walker
        self.engineer = walker.engineer
        self.calls = calls
        self.bounds = bounds
        # What this engineer goes to as one of a crew, while the parts come from another's van.
        self.light = light

    @cached_property
    def marks(self) -> list[list[Mark]]:
        """Return the marks before each position."""
        at, marks = self.walker.start, [self.walker.begins()]
        for stop in self.calls:
            marks.append(self.walker.advance(marks[-1], at, stop))
            at = stop.place
        return marks

    @cached_property
    def end(self) -> End:
        """Return how the day ends as it is."""
        at = self.calls[-1].place if self.calls else self.walker.start
        return self.walker.ends(self.marks[-1], at, self.calls)

    @cached_property
    def before(self) -> list[int]:
        """Return the place before each position."""
        return [self.walker.start, *(stop.place for stop in self.calls)]

    def call(self, visit: Visit) -> Call:
        """Return the visit as a stop of this route."""
        return self.walker.call(visit, self.bounds.get(visit.id, {}).get(self.engineer.id))

    def without(self, visit_id: str) -> "Itinerary":
        """Return the route without one of its visits."""
        calls = [stop for stop in self.calls if stop.visit is None or stop.visit.id != visit_id]
        return Itinerary(self.walker, calls, self.bounds, self.light)

    def detours(self, place: int) -> list[int]:
        """Return the extra drive at each position, at the usual pace."""
        drive, end = self.walker.drive, self.engineer.end
        after: list[int | None] = [*(stop.place for stop in self.calls), end]
        if not self.calls and self.walker.running is None:
            after = [end]
            home = drive(place, end, 0) if end is not None else 0
            return [drive(self.walker.start, place, 0) + home]
        return [
            drive(a, place, 0) + (drive(place, b, 0) - drive(a, b, 0) if b is not None else 0)
            for a, b in zip(self.before, after, strict=True)
        ]

    @cached_property
    def latest(self) -> list[int]:
        """Return by when one must be on the way from each position, were there no breaks ahead."""
        walker, end = self.walker, self.engineer.end
        moment, place = walker.latest_s, end
        latest = []
        for number in range(len(self.calls), -1, -1):
            at = self.before[number]
            drive = walker.least_drive(at, place) if place is not None else 0
            latest.append(moment - drive)
            if number:
                stop, before = self.calls[number - 1], self.before[number - 1]
                lasts = stop.lasts + (stop.setup if stop.place != before else 0)
                done = min(moment - drive, stop.ends_by) - lasts
                fits = [min(done, closes) for opens, closes in stop.spans if opens <= done]
                moment, place = max(fits, default=done), stop.place
        return latest[::-1]

    def missed(self, stop: Call, position: int) -> int:
        """Return by how much a rule is missed at least when the stop is put there: a quick look."""
        walker = self.walker
        at = self.before[position]
        leaves = min(mark.time for mark in self.marks[position])
        ready = leaves + walker.drive(at, stop.place, leaves)
        closes = max(closes for _, closes in stop.spans)
        starts = max(ready, min(opens for opens, _ in stop.spans))
        done = starts + stop.lasts + (stop.setup if stop.place != at else 0)
        # From here it is on to the next, or home, instead of from the place before.
        onward = self.calls[position].place if position < len(self.calls) else self.engineer.end
        more = 0
        if onward is not None:
            more = walker.least_drive(stop.place, onward) - walker.least_drive(at, onward)
        return max(0, ready - closes, done + more - self.latest[position])

    def trial(self, stop: Call, position: int, cutoff: int = LATEST_S) -> Trial:
        """Put the stop there and walk on, no further than it is clear that more than `cutoff` is missed."""
        walker, at = self.walker, self.before[position]
        marks = walker.advance(self.marks[position], at, stop)
        at = stop.place
        for later in self.calls[position:]:
            marks = walker.advance(marks, at, later)
            at = later.place
            missed = min(mark.overrun for mark in marks)
            if missed > cutoff:
                return Trial(position, End(missed, missed, 0, 0, 0, 0, ()), 0, {})
        calls = [*self.calls[:position], stop, *self.calls[position:]]
        end = walker.ends(marks, at, calls)
        if late := self._out_of_order(calls, end):
            end = end._replace(missed=max(end.missed, late), overrun=max(end.overrun, late))
        return Trial(position, end, end.cost - self.end.cost, self._passed(calls, end))

    def _passed(self, calls: Sequence[Call], end: End) -> dict[str, int]:
        engineer, passed = self.engineer, dict[str, int]()
        if engineer.max_visits is engineer.max_travel_s is engineer.max_work_s is None:
            return passed
        stops = sum(1 for stop in calls if stop.visit is not None)
        stops += self.walker.running is not None
        for name, has in (
            ("max_visits", stops),
            ("max_travel_s", end.travel),
            ("max_work_s", end.travel + end.work),
        ):
            most = getattr(engineer, name)
            if most is not None and has > most:
                passed[name] = has - most
        return passed

    def _out_of_order(self, calls: Sequence[Call], end: End) -> int:
        if not self.bounds:
            return 0
        ended: dict[str, int] = {}
        late, at = 0, self.walker.start
        names = {stop.visit.id for stop in calls if stop.visit is not None}
        if self.walker.running is not None:
            ended[self.walker.running.id] = self.walker.busy_until()
        for stop, starts in zip(calls, end.starts, strict=True):
            if stop.visit is not None:
                for other in stop.visit.after:
                    if other in names and other not in ended:
                        late = LATEST_S
                    elif other in ended:
                        late = max(late, ended[other] + stop.visit.gap_s - starts)
                ended[stop.visit.id] = starts + stop.lasts + (stop.setup if stop.place != at else 0)
            at = stop.place
        return late

    def short(
        self, visit: Visit, position: int, carrying: Engineer | None = None
    ) -> Shortage | None:
        """Return what is not on board when the visit is put there, for one who carries that much."""
        if not (visit.parts or visit.tools or visit.amount):
            return None
        running = self.walker.running
        order = [running] if running is not None else []
        depot = None
        for number, stop in enumerate([*self.calls, None]):
            if number == position:
                order.append(visit)
            if stop is not None and stop.depot is not None:
                depot = (len(order), stop.depot)
            elif stop is not None and stop.visit is not None:
                order.append(stop.visit)
        bears = [one.id not in self.light for one in order] if self.light else None
        return shortage(carrying or self.engineer, order, depot, bears=bears)
