"""Made-up days around one town with every rule of the planner in them: the same for the same numbers."""

from random import Random

from dispatch.engine.problem import (
    Break,
    Depot,
    Engineer,
    Pace,
    Place,
    Planned,
    Problem,
    Visit,
    Window,
)
from dispatch.engine.travel import travel_matrix

HOUR, MINUTE = 3600, 60
SKILLS = ("hydraulics", "electrical", "engine", "gas", "lifts")
LANDS = ("north", "east", "south", "west")
PARTS = ("seal", "valve", "belt")
DEPOTS = 2


def a_day(engineers: int, visits: int, seed: int = 7) -> Problem:
    """Return a day on which about all of the work fits."""
    rnd = Random(seed)
    places = [
        Place(31.0 + rnd.random() * 0.5, 121.2 + rnd.random() * 0.6)
        for _ in range(DEPOTS + engineers + visits)
    ]
    people = tuple(_engineer(rnd, n) for n in range(engineers))
    return Problem(
        tuple(places),
        travel_matrix(places),
        people,
        tuple(_visit(rnd, n, engineers) for n in range(visits)),
        depots=tuple(
            Depot(place, Window(7 * HOUR, 17 * HOUR), 10 * MINUTE, dict.fromkeys(PARTS, 200))
            for place in range(DEPOTS)
        ),
        paces=(Pace(7 * HOUR, 1300), Pace(10 * HOUR, 1000), Pace(16 * HOUR, 1250)),
    )


def _engineer(rnd: Random, n: int) -> Engineer:
    begins = rnd.choice((7, 8, 8, 9)) * HOUR
    skills = {skill: rnd.randint(1, 3) for skill in rnd.sample(SKILLS, rnd.randint(2, 4))}
    return Engineer(
        id=f"e{n}",
        shifts=(Window(begins, begins + 9 * HOUR),),
        start=DEPOTS + n,
        end=DEPOTS + n,
        breaks=(Break(11 * HOUR + 30 * MINUTE, 13 * HOUR, 30 * MINUTE),),
        skills=skills,
        parts={part: rnd.randrange(4) for part in PARTS},
        max_overtime_s=HOUR,
        skills_until={next(iter(skills)): 15 * HOUR} if n % 20 == 0 else {},
        territories=frozenset(rnd.sample(LANDS, 3)) if n % 3 == 0 else frozenset(),
        tools=frozenset(rnd.sample(("crane", "press"), rnd.randrange(3))),
        speed=rnd.choice((0.9, 1.0, 1.0, 1.1)),
        max_work_s=10 * HOUR,
        max_visits=14,
    )


def _visit(rnd: Random, n: int, engineers: int) -> Visit:
    opens = rnd.choice((7, 8, 9, 10, 12, 13)) * HOUR
    windows: tuple[Window, ...] = ()
    if n % 3 == 0:
        windows = (Window(opens, opens + 3 * HOUR),)
    elif n % 11 == 0:
        windows = (Window(8 * HOUR, 10 * HOUR), Window(14 * HOUR, 16 * HOUR))
    return Visit(
        id=f"v{n}",
        place=DEPOTS + engineers + n,
        duration_s=rnd.choice((20, 30, 45, 60)) * MINUTE,
        setup_s=5 * MINUTE if n % 4 == 0 else 0,
        windows=windows,
        skills={rnd.choice(SKILLS): rnd.choice((1, 1, 2))},
        parts={rnd.choice(PARTS): 1} if n % 4 == 1 else {},
        tools=frozenset({"crane"}) if n % 25 == 0 else frozenset(),
        territory=rnd.choice(LANDS),
        priority=rnd.choice((1, 2, 3, 3, 3, 4)),
        due_s=rnd.choice((11, 14, 16)) * HOUR if n % 5 == 0 else None,
        promised=Window(opens, opens + 2 * HOUR) if n % 7 == 0 and not windows else None,
        preferred=frozenset({f"e{rnd.randrange(engineers)}"}) if n % 15 == 0 else frozenset(),
        forbidden=frozenset({f"e{rnd.randrange(engineers)}"}) if n % 17 == 0 else frozenset(),
        same_person=f"household {n // 40}" if n % 20 == 0 else None,
        planned=Planned(f"e{rnd.randrange(engineers)}", opens) if n % 13 == 0 else None,
        crew=2 if n % 60 == 59 else 1,
        after=(f"v{n - 1}",) if n % 50 == 49 and n % 60 else (),
        gap_s=15 * MINUTE,
        with_engineer_of=f"v{n - 1}" if n % 50 == 24 and n % 60 else None,
    )
