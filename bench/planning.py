"""How good a plan the planner finds in how many seconds, on the skills instances where they are at hand."""

import time
from random import Random

from dispatch.engine.problem import Engineer, Place, Problem, StoppingRule, Visit, Window
from dispatch.engine.solver import solve
from dispatch.engine.travel import travel_matrix
from dispatch.engine.validator import violations

SHIFT = Window(8 * 3600, 17 * 3600)


def a_day(visits: int, engineers: int, seed: int = 7) -> Problem:
    """Return a made-up day around one town: the same for the same numbers."""
    random = Random(seed)
    places = [
        Place(31.0 + random.random() * 0.5, 121.2 + random.random() * 0.6)
        for _ in range(visits + engineers)
    ]
    skills = ["hydraulics", "electrical", "engine"]
    return Problem(
        places=tuple(places),
        travel_s=travel_matrix(places),
        engineers=tuple(
            Engineer(
                id=f"e{n}",
                shifts=(SHIFT,),
                start=n,
                end=n,
                skills={random.choice(skills): 3, skills[n % 3]: 2},
            )
            for n in range(engineers)
        ),
        visits=tuple(
            Visit(
                id=f"v{n}",
                place=engineers + n,
                duration_s=random.choice((1800, 2700, 3600)),
                windows=(Window((8 + n % 4) * 3600, (12 + n % 5) * 3600),) if n % 3 == 0 else (),
                skills={random.choice(skills): random.choice((1, 2))},
                priority=random.choice((2, 3, 3, 4)),
            )
            for n in range(visits)
        ),
    )


def run() -> None:
    """Print cost and validity after one, three and ten seconds."""
    problem = a_day(60, 8)
    print("planning: 60 visits, 8 engineers, made up")
    for seconds in (1, 3, 10):
        begun = time.perf_counter()
        plan = solve(problem, StoppingRule(seconds=float(seconds)), seed=1)
        broken = violations(problem, plan)
        took = time.perf_counter() - begun
        print(
            f"  {seconds:3d} s allowed, {took:5.1f} s taken: cost {plan.cost.total:8,d}, {len(plan.unplaced)} left out, {broken if broken else 'valid'}"
        )
