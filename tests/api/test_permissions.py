"""Every address of the REST door, knocked at as every role and as a stranger."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from core import clock
from core.ids import new_id
from tests.api.world import World, furnish, picture, sha_of
from tests.doors import Visitor
from tests.makers import Maker

ROLES = ("technician", "dispatcher", "storekeeper", "customer", "manager", "admin")

# Who may pass: t technician, d dispatcher, s storekeeper, c customer, m manager, a admin. A stranger
# passes none of them. What an endpoint shows of other people's things is asked further down.
TABLE = """
GET    /v1/accounts                                     ....ma
GET    /v1/assets                                       tdscma
POST   /v1/assets                                       .d..ma
GET    /v1/assets/<asset_id>                            tdscma
GET    /v1/assets/<asset_id>/history                    tdscma
GET    /v1/assets/<asset_id>/readings                   tdscma
POST   /v1/assets/<asset_id>/readings                   td..ma
GET    /v1/assets/<asset_id>/reliability                tdscma
POST   /v1/assets/<asset_id>/tags                       .d..ma
GET    /v1/attention                                    td..ma
POST   /v1/attention/<attention_id>/retry               .d..ma
PUT    /v1/attention/<attention_id>/settlement          td..ma
GET    /v1/customers                                    tdscma
POST   /v1/customers                                    .d..ma
GET    /v1/customers/<customer_id>                      tdscma
GET    /v1/devices                                      .d..ma
PUT    /v1/devices/<device_id>/revocation               .d..ma
PUT    /v1/devices/<device_id>/suspension               .d..ma
DELETE /v1/devices/<device_id>/suspension               .d..ma
PUT    /v1/devices/<device_id>/state                    .d..ma
GET    /v1/discrepancies                                tds.ma
GET    /v1/dispatch/board                               .d..ma
GET    /v1/dispatch/absences                            .d..ma
POST   /v1/dispatch/absences                            .d..ma
DELETE /v1/dispatch/absences/<absence_id>               .d..ma
GET    /v1/dispatch/assignment-rules                    .d..ma
POST   /v1/dispatch/assignment-rules                    .d..ma
PATCH  /v1/dispatch/assignment-rules/<rule_id>          .d..ma
GET    /v1/dispatch/assignments                         .d..ma
PUT    /v1/dispatch/assignments/<assignment_id>/undoing .d..ma
GET    /v1/dispatch/comparison                          .d..ma
GET    /v1/dispatch/plans                               .d..ma
DELETE /v1/dispatch/plans                               .d..ma
GET    /v1/dispatch/wishes                              .d..ma
PUT    /v1/customers/<customer_id>/wishes               .d..ma
GET    /v1/sites/<site_id>/place                       .d..ma
PUT    /v1/sites/<site_id>/place                       .d..ma
PUT    /v1/sites/<site_id>/wishes                       .d..ma
GET    /v1/dispatch/standby                             .d..ma
POST   /v1/dispatch/standby                             .d..ma
DELETE /v1/dispatch/standby/<standby_id>                .d..ma
POST   /v1/dispatch/plans                               .d..ma
GET    /v1/dispatch/plans/<plan_id>                     .d..ma
PUT    /v1/dispatch/plans/<plan_id>/publication         .d..ma
DELETE /v1/dispatch/plans/<plan_id>                     .d..ma
POST   /v1/dispatch/replans                             .d..ma
GET    /v1/dispatch/rules                               .d..ma
PUT    /v1/dispatch/rules                               ....ma
POST   /v1/dispatch/check                               .d..ma
POST   /v1/dispatch/moves                               .d..ma
POST   /v1/dispatch/solve                               .d..ma
GET    /v1/failure-codes                                tdscma
GET    /v1/figures                                      ....ma
GET    /v1/files/<sha256>                               tdscma
PUT    /v1/files/<sha256>                               tds.ma
GET    /v1/parts                                        tds.ma
POST   /v1/parts                                        ..s.ma
GET    /v1/parts/<part_id>                              tds.ma
GET    /v1/places                                       tds.ma
POST   /v1/places                                       ..s.ma
GET    /v1/positions                                    .d..ma
POST   /v1/positions                                    t.....
GET    /v1/positions/consent                            t.....
PUT    /v1/positions/consent                            t.....
DELETE /v1/positions/consent                            t.....
GET    /v1/requests                                     .d.cma
POST   /v1/requests                                     tdscma
GET    /v1/requests/<request_id>                        .d.cma
POST   /v1/requests/<request_id>/order                  .d..ma
POST   /v1/requests/<request_id>/rejection              .d..ma
GET    /v1/session                                      tdscma
GET    /v1/sites                                        tdscma
POST   /v1/sites                                        .d..ma
GET    /v1/sites/<site_id>                              tdscma
PUT    /v1/sites/<site_id>/territory                    .d..ma
GET    /v1/slips                                        t.s.ma
POST   /v1/slips                                        t.s.ma
GET    /v1/slips/<slip_id>                              t.s.ma
GET    /v1/slips/<slip_id>/qr.svg                       ..s.ma
PUT    /v1/slips/<slip_id>/approval                     ..s.ma
PUT    /v1/slips/<slip_id>/lines/<line_id>/pick         ..s.ma
PUT    /v1/slips/<slip_id>/readiness                    ..s.ma
PUT    /v1/slips/<slip_id>/hand-over                    ..s.ma
PUT    /v1/slips/<slip_id>/receipt                      t.s.ma
PUT    /v1/slips/<slip_id>/cancellation                 ..s.ma
POST   /v1/slips/proposals                              ..s.ma
GET    /v1/stock                                        tds.ma
POST   /v1/stock/adjustments                            ..s.ma
PUT    /v1/stock/levels                                 ..s.ma
GET    /v1/stock/moves                                  tds.ma
PUT    /v1/stock/moves/<move_id>/correction             ..s.ma
POST   /v1/stock/receipts                               ..s.ma
POST   /v1/stock/transfers                              ..s.ma
POST   /v1/sync                                         t.....
POST   /v1/sync/divergence                              t.....
POST   /v1/sync/pull                                    t.....
POST   /v1/sync/push                                    t.....
GET    /v1/sync/push-key                                t.....
PUT    /v1/sync/push-subscription                       t.....
DELETE /v1/sync/push-subscription                       t.....
POST   /v1/sync/repair                                  t.....
POST   /v1/sync/restart                                 t.....
GET    /v1/sync/stream                                  t.....
POST   /v1/sync/files                                   tds.ma
GET    /v1/sync/files/<upload_id>                       tds.ma
PATCH  /v1/sync/files/<upload_id>                       tds.ma
DELETE /v1/sync/files/<upload_id>                       tds.ma
GET    /v1/tags/<token>.svg                             tdscma
GET    /v1/technicians                                  tds.ma
PUT    /v1/technicians/<technician_id>/kind             .d..ma
PUT    /v1/technicians/<technician_id>/territories      .d..ma
GET    /v1/territories                                  tds.ma
POST   /v1/territories                                  .d..ma
PATCH  /v1/territories/<territory_id>                   .d..ma
DELETE /v1/territories/<territory_id>                   .d..ma
GET    /v1/visits                                       tdscma
GET    /v1/visits/<visit_id>                            tdscma
PATCH  /v1/visits/<visit_id>                            .d..ma
PUT    /v1/visits/<visit_id>/acceptance                 td..ma
PUT    /v1/visits/<visit_id>/answers                    td..ma
PUT    /v1/visits/<visit_id>/travel                     td..ma
PUT    /v1/visits/<visit_id>/arrival                    td..ma
POST   /v1/visits/<visit_id>/arrival-link               .d..ma
GET    /v1/visits/<visit_id>/candidates                 .d..ma
GET    /v1/visits/<visit_id>/offers                     .d..ma
PUT    /v1/visits/<visit_id>/claim                      t.....
PUT    /v1/visits/<visit_id>/hold                       td..ma
GET    /v1/visits/<visit_id>/times                      tds.ma
POST   /v1/visits/<visit_id>/times                      td..ma
PUT    /v1/visits/<visit_id>/start                      td..ma
PUT    /v1/visits/<visit_id>/pause                      td..ma
POST   /v1/visits/<visit_id>/parts                      td..ma
GET    /v1/visits/<visit_id>/photos                     tdscma
POST   /v1/visits/<visit_id>/photos                     tds.ma
PUT    /v1/visits/<visit_id>/refusal                    td..ma
POST   /v1/visits/<visit_id>/report-link                td..ma
GET    /v1/visits/<visit_id>/report.pdf                 tdscma
GET    /v1/visits/<visit_id>/sign-off                   tdscma
PUT    /v1/visits/<visit_id>/sign-off                   td..ma
PUT    /v1/visits/<visit_id>/completion                 td..ma
GET    /v1/work-orders                                  tdscma
POST   /v1/work-orders                                  .d..ma
GET    /v1/work-orders/<order_id>                       tdscma
PATCH  /v1/work-orders/<order_id>                       .d..ma
GET    /v1/work-orders/<order_id>/comments              tds.ma
POST   /v1/work-orders/<order_id>/comments              tds.ma
GET    /v1/work-orders/<order_id>/timeline              tdscma
PUT    /v1/work-orders/<order_id>/hold                  .d..ma
DELETE /v1/work-orders/<order_id>/hold                  .d..ma
PUT    /v1/work-orders/<order_id>/closure               .d..ma
PUT    /v1/work-orders/<order_id>/cancellation          .d..ma
DELETE /v1/session                                      tdscma
"""

# Where strangers belong: pages behind a secret or a code, the way in, and what machines ask.
PUBLIC = """
POST /v1/session
POST /v1/session/refresh
POST /v1/sync/wiped
GET  /v1/docs
GET  /v1/docs/assets/<name>
GET  /v1/openapi.json
GET  /
GET  /app/
GET  /app/<name>
GET  /app/settings.json
GET  /check/<sha256>
GET  /favicon.ico
GET  /healthz
GET  /metrics
GET  /readyz
GET  /q/<token>
POST /q/<token>
GET  /q/<token>/code.svg
GET  /e/<secret>
GET  /r/<secret>
GET  /s/<secret>
POST /s/<secret>
GET  /s/<secret>/report.pdf
"""

NOBODY = "01a20413-1585-74cc-87c3-beca2e2e9152"


def rows() -> Iterator[tuple[str, str, str]]:
    """Return method, address and who may pass."""
    for line in TABLE.strip().splitlines():
        method, rule, who = line.split()
        yield method, rule, who


def body_for(method: str, rule: str, ids: dict[str, str]) -> dict[str, Any] | None:
    """Return a body that makes sense at this address."""
    if method in ("GET", "DELETE"):
        return None
    sync = {"device_id": ids["device_id"], "schema": 1}
    seal = {"id": str(new_id()), "manifest": {"visit_id": ids["visit_id"]}}
    right: dict[str, dict[str, Any]] = {
        "/v1/assets": {
            "no": str(new_id()),
            "name": "Crane",
            "maker": "M",
            "model": "C",
            "serial": str(new_id()),
            "kind": "crane",
            "site_id": ids["site_id"],
        },
        "/v1/attention/<attention_id>/settlement": {"keep": "office"},
        "/v1/customers": {"name": str(new_id())},
        "/v1/dispatch/absences": {
            "technician_id": ids["technician_id"],
            "kind": "leave",
            "begins_at": "2126-01-01T08:00:00Z",
            "ends_at": "2126-01-02T08:00:00Z",
        },
        "/v1/dispatch/replans": {"event": "cancellation", "day": "2126-01-01"},
        "/v1/dispatch/rules": {"budget": 3},
        "/v1/dispatch/plans": {"day": "2126-01-01", "seconds": 1},
        "/v1/dispatch/check": {
            "visit_id": ids["visit_id"],
            "technician_id": ids["technician_id"],
            "day": "2126-01-01",
        },
        "/v1/dispatch/moves": {"moves": []},
        "/v1/dispatch/solve": {
            "vehicles": [{"id": 1, "start": [121.5, 31.2]}],
            "jobs": [{"id": 1, "location": [121.6, 31.2]}],
            "options": {"seconds": 0.1},
        },
        "/v1/parts": {"sku": str(new_id()), "name": "Bolt"},
        "/v1/places": {"kind": "bin", "name": str(new_id())},
        "/v1/dispatch/assignment-rules": {"name": str(new_id())},
        "/v1/dispatch/assignment-rules/<rule_id>": {"active": False},
        "/v1/dispatch/standby": {
            "technician_id": ids["technician_id"],
            "begins_at": "2027-03-02T08:00:00Z",
            "ends_at": "2027-03-02T09:00:00Z",
        },
        "/v1/technicians/<technician_id>/kind": {"kind": "own"},
        "/v1/positions": {"lat": 31.2, "lng": 121.5, "at": clock.now().isoformat()},
        "/v1/requests": {"asset_id": ids["asset_id"], "symptom": "noise"},
        "/v1/requests/<request_id>/rejection": {"reason": "Not ours"},
        "/v1/sites": {
            "customer_id": ids["customer_id"],
            "name": str(new_id()),
            "lat": 1.0,
            "lng": 1.0,
        },
        "/v1/slips": {
            "to_place_id": ids["van_id"],
            "lines": [{"part_id": ids["part_id"], "qty": 1}],
        },
        "/v1/slips/<slip_id>/lines/<line_id>/pick": {"code": "6900000000001", "qty": 1},
        "/v1/slips/<slip_id>/receipt": {"token": ids["slip_code"]},
        "/v1/slips/<slip_id>/cancellation": {"reason": "Not needed"},
        "/v1/slips/proposals": {"place_id": ids["van_id"]},
        "/v1/sites/<site_id>/place": {"lat": 31.2, "lng": 121.5},
        "/v1/sites/<site_id>/territory": {"territory": None},
        "/v1/technicians/<technician_id>/territories": {"territories": []},
        "/v1/territories": {"name": str(new_id())},
        "/v1/territories/<territory_id>": {"name": str(new_id())},
        "/v1/stock/adjustments": {
            "place_id": ids["place_id"],
            "part_id": ids["part_id"],
            "counted": 3,
            "reason": "Counted",
        },
        "/v1/stock/levels": {
            "place_id": ids["van_id"],
            "part_id": ids["part_id"],
            "min": 1,
            "max": 2,
        },
        "/v1/stock/moves/<move_id>/correction": {"reason": "Wrong shelf"},
        "/v1/stock/receipts": {"place_id": ids["place_id"], "part_id": ids["part_id"], "qty": 1},
        "/v1/stock/transfers": {
            "from_place_id": ids["place_id"],
            "to_place_id": ids["van_id"],
            "part_id": ids["part_id"],
            "qty": 1,
        },
        "/v1/sync": {"pull": sync},
        "/v1/devices/<device_id>/state": {"state": "active"},
        "/v1/sync/divergence": sync | {"scope": "catalogue", "repaired": True},
        "/v1/sync/pull": sync,
        "/v1/sync/push-subscription": {
            "endpoint": "https://push.example.com/x",
            "keys": {"p256dh": "AAAA", "auth": "AAAA"},
        },
        "/v1/sync/restart": sync,
        "/v1/sync/push": sync | {"mutations": []},
        "/v1/sync/repair": {"device_id": ids["device_id"], "scope": "catalogue"},
        "/v1/visits/<visit_id>": {"locked": True},
        "/v1/visits/<visit_id>/answers": {"key": "safe", "value": True},
        "/v1/visits/<visit_id>/hold": {"reason": "weather"},
        "/v1/visits/<visit_id>/pause": {"reason": "Rain"},
        "/v1/visits/<visit_id>/times": {
            "kind": "work",
            "begun_at": "2026-03-02T08:00:00Z",
            "ended_at": "2026-03-02T09:00:00Z",
        },
        "/v1/assets/<asset_id>/readings": {"meter": "hours", "value": 1.5, "unit": "h"},
        "/v1/visits/<visit_id>/parts": {
            "id": str(new_id()),
            "part_id": ids["part_id"],
            "qty": 1,
        },
        "/v1/visits/<visit_id>/photos": {"sha256": ids["sha256"]},
        "/v1/visits/<visit_id>/refusal": {"reason": "Ill"},
        "/v1/visits/<visit_id>/sign-off": seal | {"manifest_sha256": "0" * 64},
        "/v1/visits/<visit_id>/completion": {"findings": "Seal worn"},
        "/v1/work-orders": {"title": "Check", "asset_id": ids["asset_id"]},
        "/v1/work-orders/<order_id>": {"priority": 2},
        "/v1/work-orders/<order_id>/comments": {"text": "Called"},
        "/v1/work-orders/<order_id>/hold": {"reason": "customer"},
        "/v1/work-orders/<order_id>/cancellation": {"reason": "Sold"},
    }
    return right.get(rule, {})


def knock(visitor: Visitor, method: str, rule: str, ids: dict[str, str]) -> Any:
    """Ask at an address with these ids in it."""
    path = re.sub(r"<(\w+)>", lambda match: ids[match[1]], rule)
    if (method, rule) == ("PUT", "/v1/files/<sha256>"):
        photo = picture("blue")
        return visitor.client.put(
            f"/v1/files/{sha_of(photo)}",
            data=photo,
            content_type="image/jpeg",
            headers=visitor.headers,
        )
    return visitor.call(method, path, body_for(method, rule, ids))


def known_rules(app: Flask) -> set[tuple[str, str]]:
    """Return every method and address the application has."""
    return {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@only_sqlite
def test_every_address_stands_in_the_table(app: Flask) -> None:
    public = {(line.split()[0], line.split()[1]) for line in PUBLIC.strip().splitlines()}
    assert {(method, rule) for method, rule, _ in rows()} | public == known_rules(app)


@only_sqlite
@pytest.mark.parametrize("role", ROLES)
def test_a_role_passes_where_the_table_says_so_and_nowhere_else(
    world: World, sign_in: Callable[..., Visitor], role: str
) -> None:
    visitor = sign_in(world.accounts[role])
    wrong = []
    for method, rule, who in rows():
        response = knock(visitor, method, rule, world.ids)
        said = f"{method} {rule}: {response.status_code} {response.data[:200]!r}"
        if role[0] not in who:
            if response.status_code != 403 or response.json["code"] != "forbidden":
                wrong.append(said)
        elif response.status_code in (401, 403, 404, 405) or response.status_code >= 500:
            wrong.append(said)
    assert not wrong, "\n".join(wrong)


@only_sqlite
@pytest.mark.parametrize("role", ROLES)
def test_who_may_not_pass_learns_nothing_of_what_is_there(
    world: World, sign_in: Callable[..., Visitor], role: str
) -> None:
    visitor = sign_in(world.accounts[role])
    unknown = dict.fromkeys(world.ids, NOBODY) | {"sha256": "0" * 64}
    wrong = []
    for method, rule, who in rows():
        if role[0] in who:
            continue
        response = knock(visitor, method, rule, unknown)
        if response.status_code not in (403, 404):
            wrong.append(f"{method} {rule}: {response.status_code}")
    assert not wrong, "\n".join(wrong)


@only_sqlite
def test_a_stranger_is_asked_to_sign_in_before_anything_is_looked_into(
    world: World, stranger: Visitor
) -> None:
    for method, rule, _ in rows():
        path = re.sub(r"<(\w+)>", lambda match: world.ids[match[1]], rule)
        for answer in (
            knock(stranger, method, rule, world.ids),
            stranger.client.open(path, method=method, data="{", content_type="text/plain"),
        ):
            assert answer.status_code == 401, (method, rule, answer.get_data(as_text=True))
            assert set(answer.json) == {"code", "message", "details", "request_id"}
            assert answer.json["code"] == "unauthenticated"
            assert answer.headers["WWW-Authenticate"] == "Bearer"


@only_sqlite
def test_a_made_up_token_opens_nothing(world: World, app: Flask) -> None:
    visitor = Visitor(app.test_client(), "fsd_" + "x" * 43)
    for method, rule, _ in rows():
        answer = knock(visitor, method, rule, world.ids)
        assert (answer.status_code, answer.json["code"]) == (401, "session_ended"), (method, rule)


@pytest.fixture
def other(make: Maker) -> Maker:
    """Give the same company with another customer and another engineer in it."""
    twin = Maker.__new__(Maker)
    twin.count, twin.org, twin._customer, twin._site = make.count, make.org, None, None
    return twin


# The list and the field that tells whose a row is.
CUSTOMERS_LISTS = {
    "/v1/assets": "customer_id",
    "/v1/sites": "customer_id",
    "/v1/customers": "id",
    "/v1/work-orders": "customer_id",
}
CUSTOMERS_ROWS = (
    "/v1/assets/<asset_id>",
    "/v1/assets/<asset_id>/history",
    "/v1/assets/<asset_id>/readings",
    "/v1/assets/<asset_id>/reliability",
    "/v1/customers/<customer_id>",
    "/v1/sites/<site_id>",
    "/v1/requests/<request_id>",
    "/v1/work-orders/<order_id>",
    "/v1/work-orders/<order_id>/comments",
    "/v1/work-orders/<order_id>/timeline",
    "/v1/visits/<visit_id>",
    "/v1/visits/<visit_id>/photos",
    "/v1/visits/<visit_id>/sign-off",
    "/v1/visits/<visit_id>/report.pdf",
)


def test_a_customer_sees_nothing_of_another_customer(
    app: Flask,
    make: Maker,
    other: Maker,
    sign_in: Callable[..., Visitor],
) -> None:
    mine, theirs = furnish(make), furnish(other, words=False)
    visitor = sign_in(mine.accounts["customer"])
    for path, name in CUSTOMERS_LISTS.items():
        owners = {row[name] for row in visitor.get(f"{path}?limit=200")["items"]}
        assert owners == {mine.ids["customer_id"]}, path
    assert {row["order_id"] for row in visitor.get("/v1/visits")["items"]} == {mine.ids["order_id"]}
    assert {row["asset_id"] for row in visitor.get("/v1/requests")["items"]} == {
        mine.ids["asset_id"]
    }
    for rule in CUSTOMERS_ROWS:
        path = re.sub(r"<(\w+)>", lambda match: theirs.ids[match[1]], rule)
        answer = visitor.call("GET", path)
        assert (answer.status_code, answer.json["code"]) == (404, "not_found"), rule
    filtered = visitor.get(f"/v1/work-orders?customer_id={theirs.ids['customer_id']}")
    assert filtered["items"] == []
    body = {"asset_id": theirs.ids["asset_id"], "symptom": "leak"}
    assert visitor.call("POST", "/v1/requests", body).status_code == 404


def test_an_engineer_sees_no_visit_and_no_order_of_another_engineer(
    app: Flask,
    make: Maker,
    other: Maker,
    sign_in: Callable[..., Visitor],
) -> None:
    mine, theirs = furnish(make), furnish(other, words=False)
    visitor = sign_in(mine.accounts["technician"])
    assert {row["id"] for row in visitor.get("/v1/visits")["items"]} == {mine.ids["visit_id"]}
    assert {row["id"] for row in visitor.get("/v1/work-orders")["items"]} == {mine.ids["order_id"]}
    assert {row["id"] for row in visitor.get("/v1/attention")["items"]} == {
        mine.ids["attention_id"]
    }
    assert {row["id"] for row in visitor.get("/v1/slips")["items"]} == {mine.ids["slip_id"]}
    for method, rule, who in rows():
        if who[0] != "t" or not re.search("<(visit|order|attention|slip)_id>", rule):
            continue
        if (method, rule) in ADDED_BY_WHOEVER_WAS_THERE:
            continue
        answer = knock(visitor, method, rule, theirs.ids)
        assert answer.status_code in (403, 409, 422), (method, rule, answer.status_code)
        if (method, rule) == ("PUT", "/v1/visits/<visit_id>/claim"):
            assert answer.json["code"] == "taken"
        elif (method, rule) != ("PUT", "/v1/visits/<visit_id>/sign-off"):
            assert answer.status_code == 403, (method, rule, answer.get_data(as_text=True))


# Facts: a visit may have changed hands while its engineer was out of signal, and what was done there
# is taken all the same.
ADDED_BY_WHOEVER_WAS_THERE = {
    ("POST", "/v1/work-orders/<order_id>/comments"),
    ("POST", "/v1/visits/<visit_id>/photos"),
    ("POST", "/v1/visits/<visit_id>/parts"),
    ("POST", "/v1/visits/<visit_id>/times"),
    ("PUT", "/v1/visits/<visit_id>/sign-off"),
}


def test_a_technician_without_an_engineer_sees_no_visit_at_all(
    make: Maker, sign_in: Callable[..., Visitor]
) -> None:
    visit = make.visit()
    visitor = sign_in(make.account("technician"))
    assert visitor.get("/v1/visits")["items"] == []
    assert visitor.get("/v1/work-orders")["items"] == []
    assert visitor.call("GET", f"/v1/visits/{visit.id}").status_code == 403


def test_a_customer_does_not_learn_what_a_repair_cost_us(
    world: World, sign_in: Callable[..., Visitor]
) -> None:
    engineer = sign_in(world.accounts["technician"])
    used = {"id": str(new_id()), "part_id": world.ids["part_id"], "qty": 1}
    engineer.send("POST", f"/v1/visits/{world.ids['visit_id']}/parts", used)
    engineer.send(
        "PUT", f"/v1/visits/{world.ids['visit_id']}/completion", {"findings": "Seal worn"}
    )
    customer = sign_in(world.accounts["customer"])
    for path in ("/v1/assets", f"/v1/assets/{world.ids['asset_id']}/history"):
        answer = customer.call("GET", path).get_data(as_text=True)
        assert '"cost_micro":125000000' not in answer, path


def test_an_account_without_roles_gets_nowhere(
    make: Maker, sign_in: Callable[..., Visitor]
) -> None:
    world = furnish(make)
    visitor = sign_in(make.account())
    for method, rule, _ in rows():
        if rule in ("/v1/session", "/v1/failure-codes", "/v1/tags/<token>.svg"):
            continue
        assert knock(visitor, method, rule, world.ids).status_code == 403, (method, rule)
