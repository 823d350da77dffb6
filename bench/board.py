"""A dispatcher's questions through the whole app on a busy day: who could take a visit, does it fit there."""

from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from assets.models import Asset, Site
from bench.orders import getter, timed
from bench.places import app_on
from core import clock
from core.unit import unit_of_work
from parts.models import Part
from people import actions as people
from people.models import Technician
from tests.makers import Maker
from work.models import Visit, WorkOrder

ENGINEERS, VISITS, MACHINES = 200, 1500, 300
SKILLS = ("hydraulics", "electrical", "engine", "crane")
TERRITORIES = ("north", "south", "east", "west")


def fill(make: Maker, day: date) -> tuple[Visit, Visit]:
    """Hire the engineers and plan their day; return a visit that waits for some of them, and one for anybody."""
    random = Random(7)
    part = make.part()
    with unit_of_work(make.system, action="bench.territories") as unit:
        for name in TERRITORIES:
            people.add_territory(unit, name=name)
    crew = [_hired(make, random) for _ in range(ENGINEERS)]
    machines = [_machine(make, random) for _ in range(MACHINES)]
    with unit_of_work(make.system, action="bench.territories") as unit:
        for machine in machines:
            site = unit.must(Site, machine.site_id, "gone")
            site.territory = random.choice(TERRITORIES)
        for one in crew:
            person = unit.must(Technician, one.id, "gone")
            person.territories = random.sample(TERRITORIES, 2)
    waits = make.visit(order=_order(make, random, machines, part), duration_min=60)
    easy = make.visit(order=make.order(make.asset(make.site())), duration_min=60)
    midnight = datetime.combine(day, time(0), ZoneInfo(make.org.timezone))
    for number in range(VISITS):
        hour = 8 + number // ENGINEERS
        make.visit(
            by=crew[number % ENGINEERS],
            order=_order(make, random, machines, part),
            day=day,
            arrives_at=midnight.astimezone(UTC) + timedelta(hours=hour, minutes=10),
            duration_min=random.choice((30, 40, 50)),
        )
    return waits, easy


def _hired(make: Maker, random: Random) -> Technician:
    skills = [
        {"code": code, "level": random.choice((2, 3)), "expires_on": None}
        for code in random.sample(SKILLS, 2)
    ]
    home = _place(random)
    return make.technician(skills=skills, home_lat=home["lat"], home_lng=home["lng"])


def _place(random: Random) -> dict[str, float]:
    return {"lat": 31.0 + random.random() * 0.5, "lng": 121.2 + random.random() * 0.6}


def _machine(make: Maker, random: Random) -> Asset:
    place = _place(random)
    return make.asset(make.site(lat=place["lat"], lng=place["lng"]))


def _order(make: Maker, random: Random, machines: list[Asset], part: Part) -> WorkOrder:
    return make.order(
        random.choice(machines),
        skills=[{"code": random.choice(SKILLS), "level": random.choice((1, 2))}],
        parts=[{"part_id": part.id, "qty": 1}] if random.random() < 0.1 else [],
        priority=random.choice((2, 3, 3, 4)),
    )


def run(kind: str) -> None:
    """Measure on one kind of database."""
    with app_on(kind) as (_, app):
        make = Maker()
        account = make.account("dispatcher")
        day = clock.now().date() + timedelta(days=3)
        visit, easy = fill(make, day)
        get = getter(app.test_client(), account.email)
        print(f"{kind}: {ENGINEERS} engineers, {VISITS:,} visits on one day")
        for name, path in (
            ("candidates", f"/v1/visits/{visit.id}/candidates?day={day}"),
            ("of everybody", f"/v1/visits/{easy.id}/candidates?day={day}"),
            ("board", f"/v1/dispatch/board?day={day}"),
            ("bare health page", "/healthz"),
        ):
            print(f"  {name:18} {timed(lambda path=path: get(path))}")
