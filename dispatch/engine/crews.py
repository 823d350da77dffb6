"""Who goes together where a visit takes several at once, and when: settled before the search.

CP-SAT picks for every such visit its engineers and a common start so that nobody is at two places at
once, the drives between them included; the search then plans everything else around these stops.
"""

from collections.abc import Sequence
from itertools import combinations

from ortools.sat.python import cp_model

from dispatch.engine.arrays import Copy
from dispatch.engine.day import Day
from dispatch.engine.problem import Engineer, Problem, Visit
from dispatch.engine.rules import obstacles

SECONDS = 1.0
# So many of those who live nearest are thought of, more where the crew is large.
MOST_MEMBERS, A_PLACE = 20, 5


def chosen_crews(problem: Problem, days: Sequence[Day], visits: Sequence[Visit]) -> list[Copy]:
    """Return for each visit that takes a crew who makes it and when; those that cannot be stay out."""
    wanted = [k for k, visit in enumerate(visits) if visit.crew > 1]
    if not wanted:
        return []
    model = cp_model.CpModel()
    horizon = max((day.latest_s for day in days), default=0) + 1
    begins: dict[int, cp_model.IntVar] = {}
    made: dict[int, cp_model.IntVar] = {}
    member: dict[tuple[int, int], cp_model.IntVar] = {}
    price: list[cp_model.LinearExprT] = []
    for k in wanted:
        visit = visits[k]
        windows = _windows(problem, visit, horizon)
        made[k] = model.new_bool_var("")
        if not windows:
            model.add(made[k] == 0)
            continue
        domain = cp_model.Domain.from_intervals(windows)
        begins[k] = model.new_int_var_from_domain(domain, "")
        able = _able(problem, days, visit)[: max(MOST_MEMBERS, A_PLACE * visit.crew)]
        for v in able:
            member[k, v] = model.new_bool_var("")
            _hold_day(model, problem, days[v], visit, begins[k], member[k, v])
            price.append(member[k, v] * _pair_price(problem, days[v], visit))
        mine = [member[k, v] for v in able]
        model.add(sum(mine) == visit.crew * made[k])
        locked, _ = problem.locks_of(visit)
        here = [member[k, v] for v in able if days[v].engineer.id == locked]
        if locked is not None:
            model.add(sum(here) == made[k])
        price.append((1 - made[k]) * problem.weights.penalty(visit))
        if visit.due_s is not None:
            late = model.new_int_var(0, horizon, "")
            model.add(late >= begins[k] - visit.due_s)
            price.append(late * problem.weights.late[visit.priority])
    _keep_apart(model, problem, days, visits, begins, member)
    model.minimize(sum(price))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.max_deterministic_time = SECONDS
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return []
    return [
        Copy(k, v, solver.value(begins[k]))
        for (k, v), chosen in member.items()
        if solver.boolean_value(chosen)
    ]


def _windows(problem: Problem, visit: Visit, horizon: int) -> list[list[int]]:
    _, start = problem.locks_of(visit)
    if start is not None:
        return [[start, start]] if start <= horizon else []
    windows = [[w.from_s, min(w.to_s, horizon)] for w in visit.start_windows()]
    if visit.promised is not None:
        told = [[max(a, visit.promised.from_s), min(b, visit.promised.to_s)] for a, b in windows]
        windows = [w for w in told if w[0] <= w[1]] or windows
    return [w for w in windows if w[0] <= w[1]]


def _able(problem: Problem, days: Sequence[Day], visit: Visit) -> list[int]:
    """Return who may go, nearest first."""
    able = [
        v
        for v, day in enumerate(days)
        if not any(True for _ in obstacles(problem, day.engineer, visit))
    ]
    return sorted(able, key=lambda v: (_drive(problem, days[v].engineer, days[v].start, visit), v))


def _drive(problem: Problem, engineer: Engineer, place: int, visit: Visit) -> int:
    return engineer.base_drive_s(problem.matrix_of(engineer)[place][visit.place])


def _hold_day(
    model: cp_model.CpModel,
    problem: Problem,
    day: Day,
    visit: Visit,
    begins: cp_model.IntVar,
    goes: cp_model.IntVar,
) -> None:
    """Let a member come from home in time and be back in time, and rest in between."""
    there = _drive(problem, day.engineer, day.start, visit)
    lasts = visit.duration_s + visit.setup_s
    model.add(begins >= day.from_s + there).only_enforce_if(goes)
    home = 0
    if day.engineer.end is not None:
        table = problem.matrix_of(day.engineer)
        home = day.engineer.base_drive_s(table[visit.place][day.engineer.end])
    model.add(begins + lasts + home <= day.latest_s).only_enforce_if(goes)
    for pause in day.breaks:
        before = model.new_bool_var("")
        model.add(begins + lasts <= pause.latest_s).only_enforce_if(goes, before)
        model.add(begins >= pause.earliest_s + pause.duration_s).only_enforce_if(goes, ~before)


def _pair_price(problem: Problem, day: Day, visit: Visit) -> int:
    strange = bool(visit.preferred) and day.engineer.id not in visit.preferred
    known = visit.planned is not None and visit.planned.engineer == day.engineer.id
    price = 2 * _drive(problem, day.engineer, day.start, visit) * problem.weights.travel
    price += problem.weights.not_preferred if strange else 0
    return price + (0 if known or visit.planned is None else problem.weights.moved)


def _keep_apart(
    model: cp_model.CpModel,
    problem: Problem,
    days: Sequence[Day],
    visits: Sequence[Visit],
    begins: dict[int, cp_model.IntVar],
    member: dict[tuple[int, int], cp_model.IntVar],
) -> None:
    for v, day in enumerate(days):
        mine = [k for k in begins if (k, v) in member]
        for a, b in combinations(mine, 2):
            first = model.new_bool_var("")
            both = (member[a, v], member[b, v])
            for one, other, order in ((a, b, first), (b, a, ~first)):
                gap = visits[one].duration_s + visits[one].setup_s
                table = problem.matrix_of(day.engineer)
                gap += day.engineer.base_drive_s(table[visits[one].place][visits[other].place])
                model.add(begins[other] >= begins[one] + gap).only_enforce_if(*both, order)
