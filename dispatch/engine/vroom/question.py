"""From VROOM's JSON to the planner's problem. Nothing is dropped in silence: it is refused, or noted."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dispatch.engine.problem import (
    LARGEST_PENALTY,
    LATEST_S,
    MOST_CREW,
    MOST_ENGINEERS,
    MOST_VISITS,
    PRIORITIES,
    Break,
    Depot,
    Engineer,
    Matrix,
    Planned,
    Problem,
    StoppingRule,
    Visit,
    Weights,
    Window,
)
from dispatch.engine.vroom.places import Drives, Places, modelled
from dispatch.engine.vroom.reading import BadInput, Node, told_at
from dispatch.engine.vroom.shapes import (
    BREAK,
    COSTS,
    DEPOT,
    JOB,
    LOCK,
    OPTIONS,
    SHIPMENT,
    STEP,
    TASK,
    TOP,
    VEHICLE,
    Question,
    Spot,
    Task,
    Vehicle,
)

DAY_S = 24 * 3600
HOUR_S = 3600
MOST_SECONDS = 30
MOST_WINDOWS = 100
MOST_AXES = 10
# VROOM serves as many as it can, those of higher priority first; a drive never weighs against it.
LEFT_OUT = 100_000
PER_PRIORITY = 1_000_000
LARGEST_FIXED = LARGEST_PENALTY // 2


def asked(body: Any, drives: Drives = modelled) -> Question:
    """Return the question that the JSON asks.

    Raises BadInput with a code, a sentence and the place in the JSON.
    """
    with told_at(""):
        return _Reader(Node(body).object(), drives).question()


class _Reader:
    """Reads the JSON once, from the top."""

    def __init__(self, root: Node, drives: Drives) -> None:
        self.root = root
        self.places = Places(root, drives)
        # What is to be told beside the answer, of places and of all else.
        self.notes = self.places.notes
        self.tasks: dict[str, Task] = {}
        self.vehicles: dict[str, Vehicle] = {}
        self.base = 0
        self.mixed: list[bool] = []
        # What is left out at the price of its priority alone.
        self.by_priority_alone: set[str] = set()

    def question(self) -> Question:
        root = self.root
        self.notes += root.unheeded(TOP)
        jobs = root.maybe("jobs", Node.list, [])
        shipments = root.maybe("shipments", Node.list, [])
        vehicles = root.at("vehicles").list(MOST_ENGINEERS)
        if len(jobs) + 2 * len(shipments) > MOST_VISITS:
            count = len(jobs) + 2 * len(shipments)
            raise BadInput(
                "too_many_visits",
                f"{count} visits are more than the {MOST_VISITS} allowed.",
                "jobs",
            )
        if not vehicles:
            raise BadInput("vehicles_missing", "There is no vehicle.", "vehicles")
        if not jobs and not shipments:
            raise BadInput("jobs_missing", "There is neither a job nor a shipment.", "jobs")
        self.base = _base(vehicles, [*jobs, *shipments])
        tables = self.places.matrices()
        axes = self.axes(vehicles, jobs, shipments)
        self.mixed = _mixed(jobs, shipments, axes)
        visits = [visit for job in jobs for visit in self.job(job.object(), axes)]
        visits += [visit for one in shipments for visit in self.shipment(one.object(), axes)]
        engineers = [self.vehicle(one.object(), axes) for one in vehicles]
        depots = [self.depot(one.object()) for one in root.maybe("depots", Node.list, [])]
        self.check_names(visits, jobs)
        travel, metres, profiles = self.places.tables(tables, engineers)
        if len(profiles) <= 1:
            engineers = [replace(one, profile=None) for one in engineers]
        engineers = self.priced(engineers)
        visits = self.before_costs(visits, engineers)
        weights = self.weights(jobs)
        if any(self.mixed):
            self.notes.append(
                "Where deliveries meet pickups or shipments, all that a route moves counts against"
                " the capacity together: a plan that holds, but perhaps not the fullest."
            )
        with told_at(""):
            problem = Problem(
                places=(),
                travel_s=travel,
                engineers=tuple(engineers),
                visits=tuple(self.stepped(visits, engineers, travel, profiles)),
                weights=weights,
                depots=tuple(depot for depot, _, _ in depots),
                profiles=profiles if len(profiles) > 1 else {},
                now_s=root.maybe("now", self.moment, 0),
                frozen_until_s=root.maybe("frozen_until", self.moment, 0),
            )
        stop, seed = self.options()
        named = tuple((name, spot) for _, name, spot in depots)
        return Question(
            problem,
            stop,
            seed,
            self.base,
            self.tasks,
            self.vehicles,
            named,
            metres,
            tuple(self.notes),
        )

    # Time.

    def moment(self, node: Node) -> int:
        moment = node.whole() - self.base
        if not 0 <= moment <= LATEST_S:
            raise node.refuse("horizon", f"it lies outside the {LATEST_S // DAY_S} days planned.")
        return moment

    def window(self, node: Node) -> Window:
        ends = node.list()
        if len(ends) != 2:
            raise node.refuse("bad_window", "a window is a start and an end.")
        begins, closes = (end.whole() - self.base for end in ends)
        if begins > closes:
            raise node.refuse("window_backwards", "the window ends before it begins.")
        if begins > LATEST_S or closes < 0:
            raise node.refuse("horizon", f"it lies outside the {LATEST_S // DAY_S} days planned.")
        return Window(max(0, begins), min(LATEST_S, closes))

    def windows(self, node: Node) -> tuple[Window, ...]:
        windows = [self.window(one) for one in node.list(MOST_WINDOWS)]
        return tuple(sorted(windows, key=lambda window: (window.from_s, window.to_s)))

    def shifts(self, node: Node) -> tuple[Window, ...]:
        if node.has("time_window") and node.has("time_windows"):
            raise node.refuse("two_shifts", "give time_window or time_windows, not both.")
        if node.has("time_windows"):
            shifts = self.windows(node.get("time_windows"))
            if not shifts:
                raise node.get("time_windows").refuse("no_shift", "it is empty.")
            return shifts
        whole = Window(0, LATEST_S)
        return (node.maybe("time_window", self.window, whole),)

    def duration(self, node: Node) -> int:
        return node.whole(0, LATEST_S)

    # Work.

    def axes(
        self, vehicles: Sequence[Node], jobs: Sequence[Node], shipments: Sequence[Node]
    ) -> int:
        sizes: dict[int, str] = {}
        for node in (*vehicles, *jobs, *shipments):
            node.object()
            for key in ("capacity", "amount", "delivery", "pickup"):
                value = node.value.get(key)
                if isinstance(value, list) and value:
                    sizes.setdefault(len(value), f"{node.place}.{key}")
        if len(sizes) > 1:
            place = list(sizes.values())[1]
            raise BadInput(
                "amount_size", f"{place}: amounts and capacities differ in length.", place
            )
        axes = next(iter(sizes), 0)
        if axes > MOST_AXES:
            place = next(iter(sizes.values()))
            raise BadInput("amount_size", f"{place}: at most {MOST_AXES} numbers.", place)
        return axes

    def amount(self, node: Node) -> tuple[int, ...]:
        return tuple(one.whole(0, LARGEST_PENALTY // 10_000) for one in node.list(MOST_AXES))

    def skills(self, node: Node) -> dict[str, int]:
        if isinstance(node.value, dict):
            return {name: one.whole(0, 1000) for name, one in node.members()}
        return dict.fromkeys(sorted(node.names()), 1)

    def job(self, node: Node, axes: int) -> list[Visit]:
        self.notes += node.unheeded(JOB)
        task = self.task(node, "job")
        none = (0,) * axes
        out = node.maybe("delivery", self.amount, node.maybe("amount", self.amount, none)) or none
        back = node.maybe("pickup", self.amount, none) or none
        self.keep(replace(task, delivery=out, pickup=back), node)
        with told_at(node.place):
            visit = Visit(
                id=_visit_id("job", task.id),
                place=task.spot.index,
                duration_s=task.service,
                setup_s=task.setup,
                windows=node.maybe("time_windows", self.windows, ()),
                skills=node.maybe("skills", self.skills, {}),
                amount=tuple(a + b for a, b in zip(out, back, strict=True)),
                parts=node.maybe("parts", Node.amounts, {}),
                tools=node.maybe("tools", Node.names, frozenset()),
                territory=node.maybe("territory", Node.name),
                priority=node.maybe("urgency", lambda n: n.whole(1, len(PRIORITIES)), 3),
                penalty=self.penalty(node),
                due_s=node.maybe("due", self.moment),
                promised=node.maybe("promised", self.window),
                preferred=node.maybe("preferred", _vehicle_ids, frozenset()),
                forbidden=node.maybe("forbidden", _vehicle_ids, frozenset()),
                only=node.maybe("only", _vehicle_ids),
                same_person=node.maybe("group", Node.name),
                crew=node.maybe("crew", lambda n: n.whole(1, MOST_CREW), 1),
                after=node.maybe("after", _job_ids, ()),
                gap_s=node.maybe("gap", self.duration, 0),
                with_engineer_of=node.maybe("same_vehicle_as", lambda n: _visit_id("job", n.id())),
                lock_engineer=self.locked(node, "vehicle"),
                lock_start_s=self.locked(node, "start"),
                running=node.maybe("running", Node.yes, False),
                planned=node.maybe("planned", self.planned),
            )
        return [visit]

    def task(self, node: Node, kind: str, priority: int | None = None) -> Task:
        for key in ("setup_per_type", "service_per_type"):
            if node.has(key):
                raise node.get(key).refuse(
                    "unsupported", "times by vehicle type cannot be planned."
                )
        if priority is None:
            priority = node.maybe("priority", lambda n: n.whole(0, 100), 0)
        return Task(
            type=kind,
            id=node.at("id").id(),
            description=node.maybe("description", Node.text),
            spot=self.places.spot(node),
            setup=node.maybe("setup", self.duration, 0),
            service=node.maybe("service", self.duration, 0),
            priority=priority,
        )

    def keep(self, task: Task, node: Node) -> None:
        name = _visit_id(task.type, task.id)
        if name in self.tasks:
            raise node.get("id").refuse(
                "duplicate_id", f"the {task.type} {task.id} is there twice."
            )
        self.tasks[name] = task

    def penalty(self, node: Node) -> int | None:
        if node.has("penalty"):
            return node.get("penalty").whole(0, LARGEST_PENALTY)
        if node.has("urgency") and not node.has("priority"):
            return None
        priority = node.maybe("priority", lambda n: n.whole(0, 100), 0)
        self.by_priority_alone.add(_visit_id("job", node.get("id").id()))
        return LEFT_OUT + PER_PRIORITY * int(priority)

    def locked(self, node: Node, key: str) -> Any:
        if not node.has("lock"):
            return None
        lock = node.get("lock").object()
        if key == "vehicle":
            self.notes += lock.unheeded(LOCK)
            return lock.maybe("vehicle", lambda n: str(n.id()))
        return lock.maybe("start", self.moment)

    def planned(self, node: Node) -> Planned:
        self.notes += node.unheeded(LOCK)
        return Planned(str(node.at("vehicle").id()), self.moment(node.at("start")))

    def shipment(self, node: Node, axes: int) -> list[Visit]:
        self.notes += node.unheeded(SHIPMENT)
        priority = node.maybe("priority", lambda n: n.whole(0, 100), 0)
        amount = node.maybe("amount", self.amount, (0,) * axes) or (0,) * axes
        penalty = (LEFT_OUT + PER_PRIORITY * int(priority)) // 2
        pickup, delivery = node.at("pickup").object(), node.at("delivery").object()
        visits = []
        for part, kind, sign in ((pickup, "pickup", 1), (delivery, "delivery", -1)):
            self.notes += part.unheeded(TASK)
            task = self.task(part, kind, int(priority))
            self.keep(
                replace(task, pickup=amount) if sign > 0 else replace(task, delivery=amount), part
            )
            load = tuple(
                sign * a if not mixed else max(0, sign) * a
                for a, mixed in zip(amount, self.mixed, strict=True)
            )
            with told_at(part.place):
                visit = Visit(
                    id=_visit_id(kind, task.id),
                    place=task.spot.index,
                    duration_s=task.service,
                    setup_s=task.setup,
                    windows=part.maybe("time_windows", self.windows, ()),
                    skills=node.maybe("skills", self.skills, {}),
                    amount=load,
                    penalty=penalty,
                )
            self.by_priority_alone.add(visit.id)
            visits.append(visit)
        first, second = visits
        return [first, replace(second, after=(first.id,), with_engineer_of=first.id)]

    # People.

    def vehicle(self, node: Node, axes: int) -> Engineer:
        self.notes += node.unheeded(VEHICLE)
        name = node.at("id").id()
        if str(name) in self.vehicles:
            raise node.get("id").refuse("duplicate_id", f"the vehicle {name} is there twice.")
        ends = {"start": None, "end": None} | {
            key: self.places.spot(node, key, f"{key}_index")
            for key in ("start", "end")
            if node.has(f"{key}_index" if self.places.own else key)
        }
        start, end = ends["start"], ends["end"]
        if start is None and end is None:
            raise node.refuse("start_missing", "a vehicle needs a start or an end.")
        if start is None:
            self.places.anywhere = True
        shifts = self.shifts(node)
        breaks = tuple(
            self.pause(one.object(), shifts) for one in node.maybe("breaks", Node.list, [])
        )
        named = [one for one, _, _ in breaks]
        if len(set(named)) < len(named):
            raise node.get("breaks").refuse("duplicate_id", "two breaks have the same id.")
        capacity = node.maybe("capacity", self.amount, ())
        profile = node.maybe("profile", Node.text, "car")
        costs = self.costs(node)
        self.vehicles[str(name)] = Vehicle(
            id=name,
            description=node.maybe("description", Node.text),
            start=start,
            end=end,
            capacity=capacity,
            profile=profile,
            breaks=breaks,
            costs=costs,
            max_distance=node.maybe("max_distance", Node.whole),
        )
        with told_at(node.place):
            return Engineer(
                id=str(name),
                shifts=shifts,
                start=-1 if start is None else start.index,
                end=None if end is None else end.index,
                breaks=tuple(pause for _, _, pause in breaks),
                skills=node.maybe("skills", self.skills, {}),
                skills_until=node.maybe("skills_until", self.moments, {}),
                parts=node.maybe("parts", Node.amounts, {}),
                tools=node.maybe("tools", Node.names, frozenset()),
                territories=node.maybe("territories", Node.names, frozenset()),
                max_overtime_s=node.maybe("max_overtime", self.duration, 0),
                capacity=capacity,
                speed=node.maybe("speed_factor", lambda n: round(n.number(0.01, 5), 2), 1.0),
                profile=profile,
                max_work_s=node.maybe("max_work_time", self.limit),
                max_travel_s=node.maybe("max_travel_time", self.limit),
                max_visits=node.maybe("max_tasks", self.limit),
            )

    def limit(self, node: Node) -> int:
        return min(LATEST_S, node.whole())

    def moments(self, node: Node) -> dict[str, int]:
        return {name: self.moment(one) for name, one in node.members()}

    def pause(
        self, node: Node, shifts: Sequence[Window]
    ) -> tuple[int | str | None, str | None, Break]:
        self.notes += node.unheeded(BREAK)
        if node.has("max_load"):
            raise node.get("max_load").refuse(
                "unsupported", "the load at a break cannot be bounded."
            )
        windows = node.maybe("time_windows", self.windows, ())
        if len(windows) > 1:
            self.notes.append(f"{node.place}: of its windows only the longest was used.")
        window = max(windows, key=lambda w: w.to_s - w.from_s) if windows else None
        window = window or Window(shifts[0].from_s, shifts[-1].to_s)
        with told_at(node.place):
            pause = Break(window.from_s, window.to_s, node.maybe("service", self.duration, 0))
        return node.at("id").id(), node.maybe("description", Node.text), pause

    def costs(self, node: Node) -> dict[str, int]:
        costs = {"fixed": 0, "per_hour": HOUR_S, "per_task_hour": 0, "per_km": 0}
        if node.has("costs"):
            given = node.get("costs").object()
            self.notes += given.unheeded(COSTS)
            costs |= {
                key: given.get(key).whole(0, LARGEST_PENALTY) for key in COSTS if given.has(key)
            }
        return costs

    def priced(self, engineers: Sequence[Engineer]) -> list[Engineer]:
        """Return the engineers with fixed costs in seconds of driving, which is what the planner counts in."""
        rates = [one.costs["per_hour"] for one in self.vehicles.values()]
        rate = sum(rates) / len(rates)
        if len(set(rates)) > 1:
            self.notes.append("costs.per_hour differ: the plan was searched with their mean.")
        for key in ("per_km", "per_task_hour"):
            if any(one.costs[key] for one in self.vehicles.values()):
                self.notes.append(f"costs.{key} count in the answer's costs, not in the search.")
        last = self.places.anywhere_index()
        return [
            replace(
                one,
                start=last if one.start < 0 else one.start,
                fixed_cost=min(
                    LARGEST_FIXED,
                    round(self.vehicles[one.id].costs["fixed"] * HOUR_S / max(rate, 1)),
                ),
            )
            for one in engineers
        ]

    def before_costs(self, visits: Sequence[Visit], engineers: Sequence[Engineer]) -> list[Visit]:
        """Return the visits so dear to leave out that no vehicle's fixed cost keeps one from being made."""
        fixed = max(engineer.fixed_cost for engineer in engineers)
        return [
            replace(visit, penalty=min(LARGEST_PENALTY, visit.penalty + fixed))
            if visit.id in self.by_priority_alone and visit.penalty is not None
            else visit
            for visit in visits
        ]

    def depot(self, node: Node) -> tuple[Depot, int | str, Spot]:
        self.notes += node.unheeded(DEPOT)
        spot = self.places.spot(node)
        with told_at(node.place):
            depot = Depot(
                place=spot.index,
                window=node.maybe("time_window", self.window, Window(0, LATEST_S)),
                duration_s=node.maybe("service", self.duration, 0),
                parts=node.maybe("parts", Node.amounts),
                tools=node.maybe("tools", Node.names),
            )
        return depot, node.at("id").id(), spot

    # What refers to what.

    def check_names(self, visits: Sequence[Visit], jobs: Sequence[Node]) -> None:
        for visit, node in zip(visits, jobs, strict=False):
            for key, names in (
                ("preferred", visit.preferred),
                ("forbidden", visit.forbidden),
                ("only", visit.only or ()),
                ("lock", [visit.lock_engineer] if visit.lock_engineer else ()),
                ("planned", [visit.planned.engineer] if visit.planned else ()),
            ):
                for name in sorted(names):
                    if name not in self.vehicles:
                        raise node.get(key).refuse(
                            "unknown_vehicle", f"there is no vehicle {name}."
                        )
            for key, others in (
                ("after", visit.after),
                ("same_vehicle_as", [visit.with_engineer_of] if visit.with_engineer_of else ()),
            ):
                for other in others:
                    if other not in self.tasks:
                        name = other.partition(":")[2]
                        raise node.get(key).refuse("unknown_job", f"there is no job {name}.")

    def weights(self, jobs: Sequence[Node]) -> Weights:
        """Return VROOM's objective unless the JSON names prices of its own."""
        replanned = any(job.has("planned") for job in jobs)
        given: dict[str, Any] = {"balance": 0}
        if not replanned:
            given |= {"moved": 0, "moved_time": 0}
        if self.root.has("weights"):
            node = self.root.get("weights").object()
            usual = Weights()
            for name, one in node.members():
                if (
                    not hasattr(usual, name)
                    or name.startswith("_")
                    or callable(getattr(usual, name))
                ):
                    raise one.refuse("unknown_weight", "there is no such weight.")
                if isinstance(getattr(usual, name), dict):
                    given[name] = dict(getattr(usual, name)) | self.by_priority(one)
                else:
                    given[name] = one.whole(0, LARGEST_PENALTY)
        with told_at("weights"):
            return Weights(**given)

    def by_priority(self, node: Node) -> dict[int, int]:
        rates = {}
        for name, one in node.members():
            if name not in {str(priority) for priority in PRIORITIES}:
                raise one.refuse("bad_priority", "urgencies are 1 to 4.")
            rates[int(name)] = one.whole(0, LARGEST_PENALTY)
        return rates

    def stepped(
        self,
        visits: Sequence[Visit],
        engineers: Sequence[Engineer],
        travel: Matrix,
        profiles: Mapping[str, Matrix],
    ) -> list[Visit]:
        """Return the visits with the routes that `steps` give as what is planned already."""
        known = {visit.id: visit for visit in visits}
        people = {engineer.id: engineer for engineer in engineers}
        for node in self.root.get("vehicles").list():
            if not node.has("steps"):
                continue
            engineer = people[str(node.get("id").id())]
            at, time = engineer.start, engineer.shifts[0].from_s
            table = profiles.get(engineer.profile or "", travel)
            for step in node.get("steps").list():
                self.notes += step.object().unheeded(STEP)
                kind = step.at("type").text()
                if kind not in ("start", "end", "break", "job", "pickup", "delivery"):
                    raise step.get("type").refuse("unknown_step", f"{kind} is no type of step.")
                if kind in ("start", "end", "break"):
                    continue
                name = _visit_id(kind, step.at("id").id())
                if name not in known:
                    raise step.get("id").refuse("unknown_job", f"there is no {kind} by this id.")
                visit = known[name]
                time = min(LATEST_S, time + engineer.base_drive_s(int(table[at][visit.place])))
                opens = [w.from_s for w in visit.windows if w.to_s >= time]
                time = max(time, min(opens, default=time))
                if visit.planned is None:
                    known[name] = replace(visit, planned=Planned(engineer.id, time))
                at, time = visit.place, min(LATEST_S, time + visit.setup_s + visit.duration_s)
        return list(known.values())

    def options(self) -> tuple[StoppingRule, int]:
        node = self.root.maybe("options", Node.object, Node({}, "options"))
        self.notes += node.unheeded(OPTIONS)
        node.maybe("language", Node.text)
        seconds = node.maybe("seconds", lambda n: n.number(0.05, MOST_SECONDS), 3.0)
        iterations = node.maybe("iterations", lambda n: n.whole(1, 10_000_000))
        return StoppingRule(seconds, iterations), node.maybe(
            "seed", lambda n: n.whole(0, 2**31 - 1), 0
        )


def _visit_id(kind: str, name: int | str) -> str:
    return f"{kind}:{name}"


def _vehicle_ids(node: Node) -> frozenset[str]:
    return node.names()


def _job_ids(node: Node) -> tuple[str, ...]:
    return tuple(_visit_id("job", one.id()) for one in node.list())


def _base(vehicles: Sequence[Node], tasks: Sequence[Node]) -> int:
    """Return the midnight before the first shift when the JSON speaks in time stamps, else 0."""
    begins, last = [], 0
    for node in (*vehicles, *tasks):
        windows = []
        if isinstance(node.value, dict):
            windows = [node.value.get("time_window"), *_listed(node.value.get("time_windows"))]
        for window in windows:
            ends = [end for end in _listed(window) if type(end) is int]
            if len(ends) == 2:
                begins.append(ends[0])
                last = max(last, ends[0])
    return min(begins) // DAY_S * DAY_S if begins and last > LATEST_S and min(begins) > 0 else 0


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mixed(jobs: Sequence[Node], shipments: Sequence[Node], axes: int) -> list[bool]:
    """Tell for each kind of amount whether what is delivered from the start meets what is picked up."""

    def moved(nodes: Sequence[Node], *keys: str) -> list[bool]:
        rows = [_listed(node.value.get(key)) for node in nodes for key in keys]
        return [any(len(row) > axis and bool(row[axis]) for row in rows) for axis in range(axes)]

    out = moved(jobs, "delivery", "amount")
    back = moved(jobs, "pickup")
    sent = moved(shipments, "amount")
    return [o and (b or s) for o, b, s in zip(out, back, sent, strict=True)]
