"""One of everything, so that every address of the REST door has something behind it."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest
from flask import Flask
from PIL import Image

from assets import actions as assets
from assets.models import CodeLevel
from core import clock, files
from core.actor import Actor
from core.ids import new_id, new_label
from core.unit import perform
from dispatch import actions as dispatch
from dispatch import automatic
from parts import actions as parts
from people import actions as people
from people.models import Account, Device, DeviceState, Technician
from tests.makers import Maker
from work import actions as work
from work.canonical import sha256_hex
from work.models import SignOff

T = TypeVar("T")


def picture(colour: str = "red", kind: str = "JPEG", size: tuple[int, int] = (64, 48)) -> bytes:
    """Return a small picture."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


def manifest_of(visit: Any, **more: Any) -> dict[str, Any]:
    """Return what a phone shows before somebody signs."""
    return {
        "schema": 1,
        "organisation": "Company",
        "order_no": "WO-000001",
        "visit_no": visit.no,
        "visit_id": str(visit.id),
        "language": "en",
        "asset": {"name": "Excavator", "model": "M", "serial": "S", "location": ""},
        "fault": "leak",
        "findings": "Seal worn",
        "outcome": "completed",
        "checklist": [],
        "parts": [],
        "photos": [],
        "times": {"completed_at": clock.now().isoformat()},
        "technician": "Ann",
        "statement": "The work is done.",
    } | more


@dataclass(slots=True)
class World:
    """A company with one of everything; `ids` fill the addresses, `accounts` knock."""

    make: Maker
    technician: Technician
    ids: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def do(self, action: Callable[..., T], *args: Any, by: Actor | None = None, **given: Any) -> T:
        """Run an action in a unit of its own."""
        return perform(by or self.make.system, lambda unit: action(unit, *args, **given))


def furnish(make: Maker, *, words: bool = True) -> World:
    """Build a company with one of everything; the words people pick from are the company's, once."""
    driver = make.account("technician", name="Ann")
    ann = make.technician("Ann", account=driver)
    world = World(make, ann)
    customer = make.customer()
    for role in ("dispatcher", "storekeeper", "manager", "admin"):
        world.accounts[role] = make.account(role)
    world.accounts["technician"] = driver
    world.accounts["customer"] = make.account("customer", customer_id=customer.id)
    site = make.site(customer)
    asset = make.asset(site)
    label = new_label()
    world.do(assets.stick_tag, asset.id, label)
    for rank, code in enumerate(("leak", "noise", "other") if words else ()):
        world.do(
            assets.add_failure_code,
            level=CodeLevel.SYMPTOM,
            code=code,
            label={
                "en": code.title(),
                "zh-CN": {"leak": "漏油", "noise": "异响"}.get(code, "其他"),
            },
            rank=rank,
        )
    territory = world.do(people.add_territory, name=str(new_id()))
    rule = world.do(automatic.make_rule, **RULE, name=str(new_id()), active=False)
    begins_at = clock.now() + timedelta(days=1)
    standby = world.do(
        automatic.put_on_call,
        technician_id=ann.id,
        begins_at=begins_at,
        ends_at=begins_at + timedelta(hours=1),
    )
    part, shelf = make.part(), make.warehouse()
    make.stock(shelf.id, part, 50)
    make.stock(ann.van_place_id, part, 5)
    move = world.do(parts.receive_goods, id=new_id(), place_id=shelf.id, part_id=part.id, qty=1)
    slip = world.do(
        parts.create_slip,
        to_place_id=ann.van_place_id,
        from_place_id=shelf.id,
        lines=[{"part_id": part.id, "qty": 1}],
    )
    visit = make.visit(by=ann, order=make.order(asset))
    request, _ = world.do(work.report_fault, asset, symptom="leak", text="Oil")
    plan = world.do(dispatch.ask_plan, day=clock.now().date() + timedelta(days=2))
    absence = world.do(
        dispatch.note_absence,
        technician_id=ann.id,
        kind="leave",
        begins_at=clock.now() + timedelta(days=30),
        ends_at=clock.now() + timedelta(days=31),
    )
    attention = world.do(
        work.raise_attention,
        kind="review",
        entity="visit",
        entity_id=visit.id,
        message="The customer disputes the work.",
        technician_id=ann.id,
    )
    device = _device(world, driver)
    photo = picture()
    sha256 = files.bound().keep(make.org.id, photo)
    world.do(work.attach_photo, visit.id, sha256=sha256)
    world.links["report"] = _signed(world, visit)
    world.links["tag"] = label
    world.ids = {
        name: str(value)
        for name, value in {
            "absence_id": absence.id,
            "asset_id": asset.id,
            "assignment_id": _assigned(world, visit, rule.id),
            "attention_id": attention.id,
            "customer_id": customer.id,
            "device_id": device,
            "plan_id": plan.id,
            "part_id": part.id,
            "request_id": request.id,
            "rule_id": rule.id,
            "standby_id": standby.id,
            "site_id": site.id,
            "slip_id": slip.id,
            "slip_code": slip.token,
            "line_id": slip.lines[0]["id"],
            "move_id": move.id,
            "upload_id": new_id(),
            "visit_id": visit.id,
            "order_id": visit.order_id,
            "sha256": sha256,
            "token": label,
            "technician_id": ann.id,
            "territory_id": territory.id,
            "place_id": shelf.id,
            "van_id": ann.van_place_id,
        }.items()
    }
    return world


RULE: dict[str, Any] = {
    "kinds": [],
    "urgency": 1,
    "territories": [],
    "within_hours": 4,
    "most_added_min": 60,
}


def _assigned(world: World, visit: Any, rule_id: UUID) -> UUID:
    def write(unit: Any) -> UUID:
        made = automatic.Assignment(
            id=new_id(),
            order_id=visit.order_id,
            visit_id=visit.id,
            rule_id=rule_id,
            how=automatic.How.NOBODY,
            reasons=[],
            decided_at=clock.now(),
        )
        return unit.add(made).id

    return world.do(write)


def _device(world: World, account: Account) -> UUID:
    def register(unit: Any) -> UUID:
        now = clock.now()
        device = Device(
            id=new_id(),
            account_id=account.id,
            state=DeviceState.ACTIVE,
            name="Spare",
            platform="test",
            app_version="1",
            schema=1,
            registered_at=now,
            last_contact_at=now,
        )
        return unit.add(device).id

    return world.do(register)


def _signed(world: World, visit: Any) -> str:
    """Let the customer sign, keep a report, and return the secret of its link."""
    manifest = manifest_of(visit)
    signoff = world.do(
        work.seal_signoff,
        visit.id,
        id=new_id(),
        manifest=manifest,
        manifest_sha256=sha256_hex(manifest),
        refusal={"reason": "Nobody there"},
    )
    paper = files.bound().keep(world.make.org.id, b"%PDF-1.7 a report")

    def keep(unit: Any) -> None:
        unit.must(SignOff, signoff.id, "gone").report_sha256 = paper

    world.do(keep)
    return world.do(work.share_report, visit.id)


@pytest.fixture
def world(app: Flask, make: Maker) -> World:
    """Give a company with one of everything."""
    return furnish(make)


def sha_of(content: bytes) -> str:
    """Return the name under which these bytes are kept."""
    return hashlib.sha256(content).hexdigest()
