"""Territories: who works where, which site lies where, and what the planner makes of it."""

from collections.abc import Callable

import pytest
from flask import Flask

from assets import actions as assets
from assets.models import Site
from core import clock
from core.errors import Conflict, Invalid
from core.unit import perform, reading
from dispatch.actions import ask_plan
from dispatch.queries import board
from dispatch.questions import candidates
from people import actions as people
from people.models import Technician, Territory
from tests.dispatch.test_placing import a_day, at, check, messages
from tests.dispatch.test_planning import planned
from tests.dispatch.test_planning import visit as now
from tests.doors import Visitor
from tests.makers import Maker
from work.models import Visit


def draw(make: Maker, name: str) -> Territory:
    return perform(make.system, lambda unit: people.add_territory(unit, name=name))


def cover(make: Maker, who: Technician, *names: str) -> None:
    perform(make.system, lambda unit: people.cover_territories(unit, who.id, names=list(names)))


def lies_in(make: Maker, territory: str | None) -> Site:
    site = make.site()
    perform(
        make.system,
        lambda unit: assets.place_in_territory(unit, site.id, territory=territory),
    )
    return site


def visit_in(make: Maker, territory: str | None, title: str = "Pump") -> Visit:
    asset = make.asset(lies_in(make, territory))
    return make.visit(order=make.order(asset, title=title))


def test_nobody_is_planned_outside_their_territories_and_the_reason_names_it(make: Maker) -> None:
    draw(make, "North")
    draw(make, "South")
    ann, ben = make.technician("Ann"), make.technician("Ben")
    cover(make, ann, "North")
    cover(make, ben, "South")
    north, south = visit_in(make, "North"), visit_in(make, "South")
    plan = planned(make)
    by_visit = {
        stop["visit_id"]: route["technician_id"] for route in plan.routes for stop in route["stops"]
    }
    assert by_visit == {str(north.id): str(ann.id), str(south.id): str(ben.id)}
    said = check(make, south, ann, at(10))
    assert messages(said["violations"]) == ["Ann does not work in South."]
    with reading(make.system) as unit:
        found = candidates(unit, south.id, day=a_day())["candidates"]
    assert [(one["name"], one["fits"]) for one in found] == [("Ben", True), ("Ann", False)]


def test_who_has_no_territory_works_everywhere_and_a_site_without_one_is_anybodys(
    make: Maker,
) -> None:
    draw(make, "North")
    ann, ben = make.technician("Ann"), make.technician("Ben")
    cover(make, ben, "North")
    far, loose = visit_in(make, "North"), visit_in(make, None)
    assert check(make, far, ann, at(10))["fits"]
    assert check(make, loose, ben, at(10))["fits"]


def test_a_plan_leaves_out_what_lies_in_nobodys_territory(make: Maker) -> None:
    draw(make, "North")
    draw(make, "South")
    ann = make.technician("Ann")
    cover(make, ann, "North")
    south = visit_in(make, "South")
    plan = planned(make)
    [left] = plan.unplaced
    assert left["visit_id"] == str(south.id)
    assert [(one["code"], one["details"]["territory"]) for one in left["reasons"]] == [
        ("territory", "South")
    ]


def test_a_territory_that_is_renamed_is_renamed_for_its_engineers_and_sites(make: Maker) -> None:
    north = draw(make, "North")
    draw(make, "South")
    ann = make.technician("Ann")
    cover(make, ann, "South", "North")
    site = lies_in(make, "North")
    perform(make.system, lambda unit: people.rename_territory(unit, north.id, name="Harbour"))
    with reading(make.system) as unit:
        assert unit.must(Technician, ann.id, "gone").territories == ["Harbour", "South"]
        assert unit.must(Site, site.id, "gone").territory == "Harbour"
    with pytest.raises(Conflict):
        perform(make.system, lambda unit: people.rename_territory(unit, north.id, name="South"))


def test_a_territory_is_dropped_only_when_no_site_lies_there_and_nobody_is_left_without_one(
    make: Maker,
) -> None:
    north, south = draw(make, "North"), draw(make, "South")
    ann = make.technician("Ann")
    cover(make, ann, "North")
    site = lies_in(make, "North")
    with pytest.raises(Conflict, match="lies in this territory"):
        perform(make.system, lambda unit: assets.drop_territory(unit, north.id))
    perform(make.system, lambda unit: assets.place_in_territory(unit, site.id, territory="South"))
    with pytest.raises(Conflict, match="alone"):
        perform(make.system, lambda unit: assets.drop_territory(unit, north.id))
    cover(make, ann, "North", "South")
    perform(make.system, lambda unit: assets.drop_territory(unit, north.id))
    with reading(make.system) as unit:
        assert unit.must(Technician, ann.id, "gone").territories == ["South"]
    with pytest.raises(Conflict):
        perform(make.system, lambda unit: assets.drop_territory(unit, south.id))


def test_only_a_territory_on_the_map_can_be_covered_or_hold_a_site(make: Maker) -> None:
    stranger = Maker()
    draw(stranger, "Theirs")
    ann, site = make.technician("Ann"), make.site()
    with pytest.raises(Invalid):
        cover(make, ann, "Theirs")
    with pytest.raises(Invalid):
        perform(
            make.system,
            lambda unit: assets.place_in_territory(unit, site.id, territory="Theirs"),
        )


def test_the_board_and_the_doors_say_who_works_where(
    app: Flask, make: Maker, sign_in: Callable[..., Visitor]
) -> None:
    draw(make, "South")
    ann = make.technician("Ann")
    office = sign_in(make.account("dispatcher"))
    north = office.send("POST", "/v1/territories", {"name": "North"}, status=201)
    office.send("PUT", f"/v1/technicians/{ann.id}/territories", {"territories": ["South", "North"]})
    site = make.site()
    office.send("PUT", f"/v1/sites/{site.id}/territory", {"territory": "North"})
    make.visit(ann, order=make.order(make.asset(site)), day=clock.now().date())
    with reading(make.system) as unit:
        shown = board(unit, clock.now().date())
    assert [one["territories"] for one in shown["technicians"]] == [["North", "South"]]
    assert [one["territory"] for one in shown["visits"]] == ["North"]
    assert [one["name"] for one in office.get("/v1/territories")["items"]] == ["North", "South"]
    assert office.get(f"/v1/sites/{site.id}")["territory"] == "North"
    office.send("DELETE", f"/v1/territories/{north['id']}", status=409)
    office.send("PATCH", f"/v1/territories/{north['id']}", {"name": "Bay"})
    assert office.get(f"/v1/sites/{site.id}")["territory"] == "Bay"


def test_a_plan_for_a_day_sees_the_territories_of_today(make: Maker) -> None:
    perform(make.system, lambda unit: ask_plan(unit, day=a_day()))
    draw(make, "North")
    make.technician("Ann", territories=["North"])
    placed = visit_in(make, "North")
    plan = planned(make)
    assert [stop["visit_id"] for route in plan.routes for stop in route["stops"]] == [
        str(placed.id)
    ]
    assert now(make, placed).technician_id is None
