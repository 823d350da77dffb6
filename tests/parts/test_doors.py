"""Parts, stock and slips at the REST door."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.ids import new_id
from core.languages import say
from tests.doors import Visitor
from tests.makers import Maker

NOBODY = "01a20413-1585-74cc-87c3-beca2e2e9152"
TEXTS = Path(__file__).parents[2] / "core" / "texts" / "parts.zh-CN.json"


@pytest.fixture
def keeper(make: Maker, sign_in: Callable[..., Visitor]) -> Visitor:
    """Give a storekeeper who is signed in."""
    return sign_in(make.account("storekeeper"))


def new_part(keeper: Visitor, **details: Any) -> Any:
    given = {"sku": "SEAL-1", "name": "Seal", "unit": "m", "codes": ["69001"]} | details
    return keeper.send("POST", "/v1/parts", given, status=201)


def test_a_part_is_added_found_and_shown(keeper: Visitor) -> None:
    part = new_part(keeper)

    assert {k: part[k] for k in part if k not in ("id", "version")} == {
        "sku": "SEAL-1",
        "name": "Seal",
        "name_zh": "Seal",
        "unit": "m",
        "tracking": "none",
        "codes": ["69001"],
        "successor_id": None,
    }
    assert keeper.get(f"/v1/parts/{part['id']}") == part
    assert keeper.get("/v1/parts?search=69001&limit=1") == {"items": [part], "next": None}
    assert keeper.call("POST", "/v1/parts", {"sku": "SEAL-1", "name": "Other"}).status_code == 409
    assert keeper.call("GET", f"/v1/parts/{new_id()}").status_code == 404


def test_goods_move_through_the_house(keeper: Visitor) -> None:
    part = new_part(keeper, name_zh="密封圈")
    shelf = keeper.send("POST", "/v1/places", {"kind": "bin", "name": "A1"}, status=201)
    van = keeper.send("POST", "/v1/places", {"kind": "van", "name": "Van 1"}, status=201)
    body = {
        "id": str(new_id()),
        "place_id": shelf["id"],
        "part_id": part["id"],
        "qty": 5,
        "unit_cost_micro": 10,
    }
    first = keeper.send("POST", "/v1/stock/receipts", body, status=201)
    assert keeper.send("POST", "/v1/stock/receipts", body, status=201) == first
    moved = {
        "from_place_id": shelf["id"],
        "to_place_id": van["id"],
        "part_id": part["id"],
        "qty": 2,
    }
    keeper.send("POST", "/v1/stock/transfers", moved, status=201, Idempotency_Key="once")
    keeper.send("POST", "/v1/stock/transfers", moved, status=201, Idempotency_Key="once")
    counted = {"place_id": van["id"], "part_id": part["id"], "counted": 1, "reason": "count"}
    adjusted = keeper.send("POST", "/v1/stock/adjustments", counted, status=201)
    assert keeper.send("POST", "/v1/stock/adjustments", counted, status=201) == {}
    keeper.send(
        "PUT",
        "/v1/stock/levels",
        {"place_id": van["id"], "part_id": part["id"], "min": 1, "max": 3},
    )

    rows = keeper.get(f"/v1/stock?part_id={part['id']}")["items"]
    assert [(r["place_name"], r["on_hand"], r["available"], r["max"]) for r in rows] == [
        ("A1", 3, 3, 0),
        ("Van 1", 1, 1, 3),
    ]
    moves = keeper.get(f"/v1/stock/moves?place_id={van['id']}")["items"]
    assert [m["kind"] for m in moves] == ["adjust", "transfer"]
    assert {(m["name"], m["name_zh"]) for m in moves} == {("Seal", "密封圈")}
    keeper.send("PUT", f"/v1/stock/moves/{adjusted['id']}/correction", {"reason": "miscounted"})
    assert keeper.get(f"/v1/stock?place_id={van['id']}")["items"][0]["on_hand"] == 2
    assert keeper.get("/v1/discrepancies")["items"] == []
    assert {place["name"] for place in keeper.get("/v1/places?kind=van")["items"]} == {"Van 1"}


def test_a_slip_is_worked_by_storekeeper_and_technician(
    make: Maker, keeper: Visitor, sign_in: Callable[..., Visitor]
) -> None:
    account = make.account("technician")
    technician = make.technician(account=account)
    engineer = sign_in(account)
    part, shelf = make.part(), make.warehouse()
    make.stock(shelf.id, part, 5)

    asked = {
        "to_place_id": str(technician.van_place_id),
        "lines": [{"part_id": str(part.id), "qty": 2}],
    }
    slip = keeper.send("POST", "/v1/slips", asked, status=201)
    path = f"/v1/slips/{slip['id']}"
    keeper.send("PUT", f"{path}/approval")
    line = f"{path}/lines/{slip['lines'][0]['id']}/pick"
    assert keeper.call("PUT", line, {"code": "WRONG", "qty": 2}).json["code"] == "wrong_part"
    keeper.send("PUT", line, {"code": part.codes[0], "qty": 2})
    keeper.send("PUT", f"{path}/readiness")
    image = keeper.call("GET", f"{path}/qr.svg")
    assert (image.status_code, image.mimetype) == (200, "image/svg+xml")
    assert engineer.call("GET", f"{path}/qr.svg").status_code == 403
    assert engineer.call("PUT", f"{path}/hand-over", {}).status_code == 403
    keeper.send("PUT", f"{path}/hand-over")
    done = engineer.send("PUT", f"{path}/receipt", {"token": slip["token"]})

    assert (done["state"], done["lines"][0]["qty_picked"]) == ("closed", 2)
    assert engineer.get("/v1/slips?state=closed")["items"][0]["id"] == slip["id"]
    assert engineer.get(path)["to_place_name"] == f"Van of {technician.no}"


def test_an_outdated_version_of_a_slip_is_not_changed(make: Maker, keeper: Visitor) -> None:
    part, shelf, technician = make.part(), make.warehouse(), make.technician()
    make.stock(shelf.id, part, 5)
    asked = {
        "to_place_id": str(technician.van_place_id),
        "lines": [{"part_id": str(part.id), "qty": 2}],
    }
    slip = keeper.send("POST", "/v1/slips", asked, status=201)
    path = f"/v1/slips/{slip['id']}"
    keeper.send("PUT", f"{path}/approval", If_Match=f'"{slip["version"]}"')

    assert (
        keeper.call(
            "PUT", f"{path}/cancellation", {"reason": "x"}, If_Match=f'"{slip["version"]}"'
        ).status_code
        == 412
    )
    assert keeper.send("PUT", f"{path}/cancellation", {"reason": "x"})["state"] == "void"


def test_a_van_is_filled_up_on_request(make: Maker, keeper: Visitor) -> None:
    part, technician = make.part(), make.technician()
    make.warehouse()
    van = str(technician.van_place_id)
    assert keeper.send("POST", "/v1/slips/proposals", {"place_id": van}) == {}
    keeper.send(
        "PUT", "/v1/stock/levels", {"place_id": van, "part_id": str(part.id), "min": 1, "max": 3}
    )

    assert (
        keeper.send("POST", "/v1/slips/proposals", {"place_id": van})["lines"][0]["qty_asked"] == 3
    )


def test_every_translation_keeps_the_names_of_its_sentence() -> None:
    words = json.loads(TEXTS.read_text())
    for sentence, translation in words.items():
        assert sorted(re.findall(r"{\w+}", sentence)) == sorted(re.findall(r"{\w+}", translation))
    assert say("Only {available} are available.", "zh-CN", {"available": 2}) == "可用数量只有 2。"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/parts", {"sku": "X", "name": "X"}),
        ("POST", "/v1/places", {"kind": "bin", "name": "X"}),
        (
            "POST",
            "/v1/stock/receipts",
            {"place_id": NOBODY, "part_id": NOBODY, "qty": 1},
        ),
    ],
)
def test_a_technician_works_no_store(
    make: Maker, sign_in: Callable[..., Visitor], method: str, path: str, body: dict[str, Any]
) -> None:
    account = make.account("technician")
    make.technician(account=account)
    assert sign_in(account).call(method, path, body).status_code == 403


def test_a_customer_sees_no_stock(make: Maker, sign_in: Callable[..., Visitor]) -> None:
    customer = sign_in(make.account("customer", customer_id=make.customer().id))
    for path in (
        "/v1/stock",
        "/v1/parts",
        "/v1/slips",
        "/v1/places",
        "/v1/stock/moves",
        "/v1/discrepancies",
    ):
        assert customer.call("GET", path).status_code == 403, path
