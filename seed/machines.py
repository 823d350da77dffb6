"""The machines: the five excavators of the data with their assemblies, and a fleet of other makers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from assets import actions as assets
from core.unit import Unit
from seed.draw import Draw
from seed.excavators import ExcavatorOrder, locations
from seed.places import SITES

# machine in the data -> model, serial as in its name there, site, commissioned, what the public reads
EXCAVATORS: dict[str, tuple[str, str, str, date, str]] = {
    "A": ("RH120C", "SHD21", "澉浦采石场 Ganpu Quarry", date(2003, 10, 1), "1号电铲 Shovel 1"),
    "B": (
        "RH120C",
        "SHD22",
        "小洋山采石场 Xiaoyangshan Quarry",
        date(2001, 6, 1),
        "2号电铲 Shovel 2",
    ),
    "C": ("RH120E", "SHD23", "独山采石场 Dushan Quarry", date(2003, 6, 1), "3号挖掘机 Shovel 3"),
    "D": ("RH120E", "SHD24", "独山采石场 Dushan Quarry", date(2003, 6, 1), "4号挖掘机 Excavator 4"),
    "E": ("RH120E", "SHD26", "独山采石场 Dushan Quarry", date(2006, 1, 1), "6号挖掘机 Shovel 6"),
}
SHOWN = "D"
# A functional location with fewer orders than this stays a word in the history.
ASSEMBLY_FROM = 40


@dataclass(frozen=True, slots=True)
class Model:
    """A model of a maker, and what people call such a machine."""

    maker: str
    model: str
    kind: str
    english: str
    chinese: str


FLEET: dict[str, list[Model]] = {
    "quarry": [
        Model("Caterpillar", "349D2", "excavator", "Excavator", "挖掘机"),
        Model("LiuGong", "CLG888H", "wheel_loader", "Wheel loader", "装载机"),
        Model("Metso", "LT120", "crusher", "Jaw crusher", "颚式破碎机"),
        Model("Volvo", "A40G", "dump_truck", "Dump truck", "铰接卡车"),
        Model("Atlas Copco", "XRVS 476", "compressor", "Compressor", "空压机"),
    ],
    "port": [
        Model("Kalmar", "DRG450-65S5", "reach_stacker", "Reach stacker", "正面吊"),
        Model("Liebherr", "LHM 280", "crane", "Harbour crane", "港口起重机"),
        Model("Hangcha", "CPCD160", "forklift", "Forklift", "叉车"),
        Model("SANY", "SRSC45H1", "reach_stacker", "Reach stacker", "正面吊"),
    ],
    "plant": [
        Model("LiuGong", "CLG856H", "wheel_loader", "Wheel loader", "装载机"),
        Model("Zoomlion", "HZS180", "mixing_plant", "Mixing plant", "搅拌站"),
        Model("Sandvik", "QJ341", "crusher", "Jaw crusher", "破碎机"),
        Model("Cummins", "C500 D5", "generator", "Generator", "发电机组"),
    ],
    "works": [
        Model("Komatsu", "PC400-8", "excavator", "Excavator", "挖掘机"),
        Model("XCMG", "XCA100", "crane", "Mobile crane", "汽车起重机"),
        Model("SANY", "SY365H", "excavator", "Excavator", "挖掘机"),
        Model("Shantui", "SD32", "bulldozer", "Bulldozer", "推土机"),
        Model("Zoomlion", "56X-6RZ", "concrete_pump", "Concrete pump", "混凝土泵车"),
    ],
}
# Every so many sites have a second machine.
_SECOND_EVERY = 4


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as the rest of the company's making needs it."""

    no: str
    name: str
    kind: str
    site: str


def excavator_no(letter: str) -> str:
    """Return the number of one of the data's machines."""
    return f"EX-{letter}"


def fleet() -> list[tuple[Machine, Model]]:
    """Return the machines beside the five, each with its model."""
    found: list[tuple[Machine, Model]] = []
    used: dict[str, int] = {}
    for number, site in enumerate(SITES):
        choice = FLEET[site.kind]
        for _ in range(2 if number % _SECOND_EVERY == 0 else 1):
            turn = used[site.kind] = used.get(site.kind, -1) + 1
            model = choice[turn % len(choice)]
            name = f"{model.maker} {model.model} {model.english.lower()} {len(found) + 1}"
            found.append((Machine(f"M-{len(found) + 1:03d}", name, model.kind, site.name), model))
    return found


def machines() -> list[Machine]:
    """Return all machines, the five excavators first."""
    five = [
        Machine(excavator_no(letter), f"Excavator {letter} (O&K {model})", "excavator", site)
        for letter, (model, _, site, _, _) in EXCAVATORS.items()
    ]
    return [*five, *(machine for machine, _ in fleet())]


def add_machines(unit: Unit, draw: Draw, orders: Sequence[ExcavatorOrder]) -> None:
    """Add the machines with a label on each, and the assemblies that the data know of the five."""
    for letter, (model, serial, site, since, public) in EXCAVATORS.items():
        assets.add_asset(
            unit,
            id=draw.id("asset", excavator_no(letter)),
            no=excavator_no(letter),
            name=f"Excavator {letter} (O&K {model})",
            public_name=public,
            maker="O&K",
            model=model,
            serial=serial,
            kind="excavator",
            site_id=draw.id("site", site),
            location_path=f"Face {letter} 采面{letter}",
            criticality="A",
            commissioned_on=since,
        )
    unit.session.flush()
    _add_assemblies(unit, draw, orders)
    random = draw.stream("machines")
    for number, (machine, make) in enumerate(fleet(), start=1):
        assets.add_asset(
            unit,
            id=draw.id("asset", machine.no),
            no=machine.no,
            name=machine.name,
            public_name=f"{make.chinese}{number}号 {make.english} {number}",
            maker=make.maker,
            model=make.model,
            serial=f"{make.maker[:2].upper()}{random.randrange(100_000, 999_999)}",
            kind=make.kind,
            site_id=draw.id("site", machine.site),
            criticality=random.choice("AABBBBCC"),
            commissioned_on=date(
                random.randrange(2012, 2025), random.randrange(1, 13), random.randrange(1, 28)
            ),
        )
    unit.session.flush()
    for machine in machines():
        assets.stick_tag(unit, draw.id("asset", machine.no), draw.label(machine.no))


def _add_assemblies(unit: Unit, draw: Draw, orders: Sequence[ExcavatorOrder]) -> None:
    count: dict[str, int] = {}
    for letter, location, _ in locations(orders, at_least=ASSEMBLY_FROM):
        count[letter] = count.get(letter, 0) + 1
        model, serial, site, since, _ = EXCAVATORS[letter]
        no = f"{excavator_no(letter)}-{count[letter]:02d}"
        name = location.capitalize() if location.isupper() else location
        assets.add_asset(
            unit,
            id=draw.id("asset", no),
            no=no,
            name=f"{name} of excavator {letter}",
            public_name=f"{name} ({letter})",
            maker="O&K",
            model=f"{model} assembly",
            serial=f"{serial}-{count[letter]:02d}",
            kind="assembly",
            parent_id=draw.id("asset", excavator_no(letter)),
            site_id=draw.id("site", site),
            location_path=f"{serial} / {location}",
            criticality="B",
            commissioned_on=since,
        )
