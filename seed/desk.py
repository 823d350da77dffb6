"""The desk around the plan: who decides by rule, who is on call, who is called in, and whom customers wish for."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import select

from core.unit import Unit
from dispatch import automatic
from dispatch.automatic import AssignmentRule
from dispatch.wishes import Wish, say_customer_wishes
from people import actions as people
from people.models import Technician
from seed.people import EVERY_DAY
from seed.places import CUSTOMERS, phone
from seed.setting import Setting
from seed.steps import Step, there

STAGE = "Setting up the dispatcher's desk"
CONTRACTOR = "pan"
CONTRACTOR_NAME = "Pan Yong 潘勇"
HOURLY_COST_MICRO = 260_000_000
ON_CALL = ("liu", "zhao")
NIGHT_BEGINS, NIGHT_ENDS = "18:00", "07:00"


def steps(setting: Setting) -> Iterator[Step]:
    """Yield what dispatchers have settled beforehand."""
    contractor = setting.draw.id("technician", CONTRACTOR)
    yield Step(
        STAGE, setting.system, lambda unit: _call_in(unit, setting), there(Technician, contractor)
    )
    yield Step(STAGE, setting.system, lambda unit: _settle(unit, setting), _any_rule)
    yield Step(STAGE, setting.system, lambda unit: _wish(unit, setting), _any_wish)


def _call_in(unit: Unit, setting: Setting) -> None:
    """Come to terms with somebody who is paid by the hour, for what nobody else can do in time."""
    people.hire_technician(
        unit,
        id=setting.draw.id("technician", CONTRACTOR),
        account_id=None,
        no="C-01",
        name=CONTRACTOR_NAME,
        phone=phone(3900),
        skills=[
            {"code": code, "level": 3, "expires_on": None}
            for code in ("electrical", "engine", "hydraulics")
        ],
        home_lat=31.1700,
        home_lng=121.4300,
        shift_from="08:00",
        shift_to="18:00",
        days=list(EVERY_DAY),
        territories=[],
    )
    unit.session.flush()
    people.say_kind(
        unit,
        setting.draw.id("technician", CONTRACTOR),
        kind="contractor",
        hourly_cost_micro=HOURLY_COST_MICRO,
    )


def _settle(unit: Unit, setting: Setting) -> None:
    """State the rule for emergencies, and who is on call in the coming nights."""
    automatic.make_rule(
        unit,
        name="Emergencies at once 紧急单自动派工",
        kinds=["corrective"],
        urgency=1,
        territories=[],
        within_hours=4,
        most_added_min=90,
        use_standby=True,
        use_contractors=True,
    )
    for number, key in enumerate(ON_CALL):
        night = setting.today + timedelta(days=number)
        automatic.put_on_call(
            unit,
            technician_id=setting.draw.id("technician", key),
            begins_at=setting.at(night, NIGHT_BEGINS),
            ends_at=setting.at(night + timedelta(days=1), NIGHT_ENDS),
        )


def _wish(unit: Unit, setting: Setting) -> None:
    """Note whom the first customer would rather have, and whom not."""
    say_customer_wishes(
        unit,
        setting.draw.id("customer", CUSTOMERS[0][3]),
        preferred=[setting.draw.id("technician", "wang")],
        forbidden=[setting.draw.id("technician", "sun")],
    )


def _any_rule(unit: Unit) -> bool:
    return unit.session.scalar(select(AssignmentRule.id).limit(1)) is not None


def _any_wish(unit: Unit) -> bool:
    return unit.session.scalar(select(Wish.id).limit(1)) is not None
