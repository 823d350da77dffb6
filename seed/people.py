"""The people of the company: accounts, technicians with their skills, homes, shifts and vans."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from core.unit import Unit
from parts import actions as parts
from people import actions as people
from seed.draw import Draw
from seed.places import SITES, TERRITORIES, phone, territory_at

# Everybody in the demo company signs in with it. It is printed on purpose and protects nothing.
PASSWORD = "fieldwright-demo"  # noqa: S105 - see above

EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)


@dataclass(frozen=True, slots=True)
class AccountCard:
    """Somebody who signs in."""

    key: str
    name: str
    role: str
    language: str
    customer: str | None = None

    @property
    def email(self) -> str:
        """Return the address with which they sign in."""
        return f"{self.key}@example.com"


ACCOUNTS = [
    AccountCard("admin", "Admin 管理员", "admin", "en"),
    AccountCard("manager", "Helen Marsh", "manager", "en"),
    AccountCard("dispatcher", "Shen Yue 沈悦", "dispatcher", "en"),
    AccountCard("storekeeper", "Bao Gang 鲍刚", "storekeeper", "zh-CN"),
    AccountCard("customer", "周建国 Zhou Jianguo", "customer", "zh-CN", customer="dushan"),
]


@dataclass(frozen=True, slots=True)
class TechnicianCard:
    """A field engineer. A certificate's days say for how long it is good from today; below zero it has run out."""

    key: str
    name: str
    language: str
    home: tuple[float, float]
    skills: dict[str, int]
    certificates: dict[str, int] = field(default_factory=dict)
    shift: tuple[str, str] = ("08:00", "17:00")
    day_off: int | None = None

    @property
    def account(self) -> AccountCard:
        """Return the account with which they sign in."""
        return AccountCard(self.key, self.name, "technician", self.language)


# Somebody is off on every day of the week, and most are not: whatever day it is, there is a crew.
TECHNICIANS = [
    TechnicianCard(
        "wang",
        "Wang Jun 王军",
        "zh-CN",
        (30.7420, 121.3450),
        {"hydraulics": 5, "engine": 4, "electrical": 2},
    ),
    TechnicianCard(
        "li",
        "Li Na 李娜",
        "en",
        (31.0340, 121.2250),
        {"electrical": 5, "hvac": 4, "engine": 3},
        {"electrical": 400},
    ),
    TechnicianCard(
        "zhang",
        "Zhang Wei 张伟",
        "zh-CN",
        (31.2980, 121.1650),
        {"hydraulics": 4, "structural": 4},
        {"structural": 120},
        day_off=0,
    ),
    TechnicianCard(
        "chen",
        "Chen Gang 陈刚",
        "zh-CN",
        (31.4050, 121.4850),
        {"crane": 5, "hydraulics": 3, "electrical": 3},
        {"crane": 210},
        day_off=1,
    ),
    TechnicianCard(
        "liu",
        "Liu Yang 刘洋",
        "zh-CN",
        (31.3750, 120.9550),
        {"engine": 5, "hydraulics": 3, "structural": 3},
        day_off=2,
    ),
    TechnicianCard(
        "zhao",
        "Zhao Lei 赵磊",
        "zh-CN",
        (31.1950, 121.5950),
        {"crane": 4, "electrical": 4},
        {"crane": 9, "electrical": 300},
        day_off=3,
    ),
    TechnicianCard(
        "sun",
        "Sun Hao 孙浩",
        "zh-CN",
        (30.9200, 121.4720),
        {"structural": 5, "hydraulics": 2},
        {"structural": -5},
        day_off=4,
    ),
    TechnicianCard(
        "zhou",
        "Zhou Min 周敏",
        "zh-CN",
        (31.3080, 120.6250),
        {"electrical": 4, "hvac": 5},
        {"hvac": 60},
        day_off=5,
    ),
    TechnicianCard(
        "novak",
        "Daniel Novak",
        "en",
        (31.1880, 121.4370),
        {"hydraulics": 4, "engine": 4, "hvac": 2},
        day_off=6,
    ),
    TechnicianCard(
        "xu",
        "Xu Bin 徐斌",
        "zh-CN",
        (30.8950, 121.9280),
        {"hydraulics": 4, "crane": 3, "engine": 3},
        {"crane": 150},
        day_off=5,
    ),
    TechnicianCard(
        "ma",
        "Ma Chao 马超",
        "zh-CN",
        (31.4550, 121.1150),
        {"engine": 3, "electrical": 3, "structural": 4},
        shift=("10:00", "20:00"),
        day_off=1,
    ),
    TechnicianCard(
        "guo",
        "Guo Ting 郭婷",
        "zh-CN",
        (31.2450, 121.5050),
        {"electrical": 3, "hydraulics": 3, "hvac": 3},
        shift=("13:00", "22:00"),
        day_off=4,
    ),
]


def accounts() -> list[AccountCard]:
    """Return everybody who signs in, the office first."""
    return [*ACCOUNTS, *(technician.account for technician in TECHNICIANS)]


def van_name(card: TechnicianCard) -> str:
    """Return what is painted on a technician's van."""
    return f"Van {card.name.rsplit(' ', 1)[0] if not card.name.isascii() else card.name}"


def open_accounts(unit: Unit, draw: Draw) -> None:
    """Give everybody an account."""
    for card in accounts():
        people.open_account(
            unit,
            id=draw.id("account", card.key),
            email=card.email,
            name=card.name,
            password=PASSWORD,
            roles=[card.role],
            language=card.language,
            customer_id=draw.id("customer", card.customer) if card.customer else None,
        )


def hire(unit: Unit, draw: Draw, today: date) -> None:
    """Hire the technicians and give each a van."""
    for number, card in enumerate(TECHNICIANS, start=1):
        technician = people.hire_technician(
            unit,
            id=draw.id("technician", card.key),
            account_id=draw.id("account", card.key),
            no=f"T-{number:02d}",
            name=card.name,
            phone=phone(3000 + number),
            skills=_skills(card, today),
            home_lat=card.home[0],
            home_lng=card.home[1],
            shift_from=card.shift[0],
            shift_to=card.shift[1],
            days=[day for day in EVERY_DAY if day != card.day_off],
            territories=_territories(card),
        )
        unit.session.flush()
        van = parts.add_place(
            unit,
            id=draw.id("place", card.key),
            kind="van",
            name=van_name(card),
            technician_id=technician.id,
        )
        unit.session.flush()
        people.give_van(unit, technician.id, van.id)


# Some thirty kilometres from home, an engineer knows the way.
_REACH_DEGREES = 0.3


def _territories(card: TechnicianCard) -> list[str]:
    """Return the territories with a site within the technician's reach; those who reach all work everywhere."""
    near = {
        territory_at(site.lat, site.lng)
        for site in SITES
        if max(abs(site.lat - card.home[0]), abs(site.lng - card.home[1])) < _REACH_DEGREES
    }
    return [] if near == set(TERRITORIES) else sorted(near)


def _skills(card: TechnicianCard, today: date) -> list[dict[str, Any]]:
    return [
        {
            "code": code,
            "level": level,
            "expires_on": str(today + timedelta(days=card.certificates[code]))
            if code in card.certificates
            else None,
        }
        for code, level in card.skills.items()
    ]
