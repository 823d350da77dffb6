"""Signing in, staying signed in, and every way in which a sign-in ends."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.limits import limiter
from core import clock
from core.database import Database, bound
from core.ids import new_id
from core.models import Base
from core.unit import perform
from people.models import Account
from people.signin import ACCESS_LIFE, REFRESH_GRACE, REFRESH_LIFE
from tests.doors import Phone, Visitor, settings_for
from tests.makers import PASSWORD, Maker

ERROR = {"code", "message", "details", "request_id"}


def enter(client: FlaskClient, email: str, password: str = PASSWORD, **more: Any) -> Any:
    """Knock with an address and a password."""
    return client.post("/v1/session", json={"email": email, "password": password} | more)


def me(client: FlaskClient, token: str) -> Any:
    """Ask who is signed in."""
    return client.get("/v1/session", headers={"Authorization": f"Bearer {token}"})


def renew(client: FlaskClient, token: str) -> Any:
    """Exchange a refresh token."""
    return client.post("/v1/session/refresh", json={"refresh_token": token})


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Give a browser or a program."""
    return app.test_client()


@pytest.fixture
def ann(make: Maker) -> Account:
    """Give somebody with an account."""
    return make.account("dispatcher", name="Ann")


def close(make: Maker, account: Account) -> None:
    """Close an account."""

    def shut(unit: Any) -> None:
        unit.must(Account, account.id, "gone").active = False

    perform(make.system, shut)


def test_the_right_password_opens(client: FlaskClient, ann: Account) -> None:
    answer = enter(client, f"  {ann.email.upper()} ")
    assert answer.status_code == 200
    assert answer.json["account"]["name"] == "Ann"
    assert answer.json["account"]["roles"] == ["dispatcher"]
    assert answer.json["expires_in"] == ACCESS_LIFE.total_seconds()
    assert me(client, answer.json["access_token"]).json == answer.json["account"]


def test_a_wrong_password_an_unknown_address_and_a_closed_account_get_the_same_answer(
    client: FlaskClient, ann: Account, make: Maker
) -> None:
    closed = make.account("dispatcher")
    close(make, closed)
    answers = [
        enter(client, ann.email, "wrong password"),
        enter(client, "nobody@example.com"),
        enter(client, closed.email),
    ]
    for answer in answers:
        assert answer.status_code == 401
        assert set(answer.json) == ERROR
    assert len({(a.json["code"], a.json["message"], str(a.json["details"])) for a in answers}) == 1
    assert answers[0].json["code"] == "invalid_credentials"


def test_blanks_around_a_password_belong_to_it(client: FlaskClient, ann: Account) -> None:
    assert enter(client, ann.email, f" {PASSWORD} ").status_code == 401


def test_a_closed_account_is_out_at_once(client: FlaskClient, ann: Account, make: Maker) -> None:
    signed = enter(client, ann.email).json
    close(make, ann)
    assert me(client, signed["access_token"]).json["code"] == "session_ended"
    assert renew(client, signed["refresh_token"]).status_code == 401


def test_an_access_token_runs_out_and_is_refreshed(
    client: FlaskClient, ann: Account, at: Any
) -> None:
    now = clock.now()
    signed = enter(client, ann.email).json
    at(now + ACCESS_LIFE + timedelta(seconds=2))
    late = me(client, signed["access_token"])
    assert (late.status_code, late.json["code"]) == (401, "token_expired")

    fresh = renew(client, signed["refresh_token"]).json
    assert fresh["access_token"] != signed["access_token"]
    assert me(client, fresh["access_token"]).status_code == 200


def test_a_refresh_token_runs_out(client: FlaskClient, ann: Account, at: Any) -> None:
    now = clock.now()
    signed = enter(client, ann.email).json
    at(now + REFRESH_LIFE + timedelta(seconds=2))
    answer = renew(client, signed["refresh_token"])
    assert (answer.status_code, answer.json["code"]) == (401, "session_ended")


def test_two_tabs_may_refresh_within_a_moment(client: FlaskClient, ann: Account) -> None:
    signed = enter(client, ann.email).json
    first, second = (renew(client, signed["refresh_token"]) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert me(client, first.json["access_token"]).status_code == 200
    assert me(client, second.json["access_token"]).status_code == 200


def test_a_refresh_token_that_comes_again_later_ends_its_whole_family(
    client: FlaskClient, ann: Account, at: Any
) -> None:
    now = clock.now()
    elsewhere = enter(client, ann.email).json
    signed = enter(client, ann.email).json
    fresh = renew(client, signed["refresh_token"]).json
    at(now + REFRESH_GRACE + timedelta(seconds=5))
    stolen = renew(client, signed["refresh_token"])
    assert (stolen.status_code, stolen.json["code"]) == (401, "session_ended")
    for token in (signed["access_token"], fresh["access_token"]):
        assert me(client, token).json["code"] == "session_ended"
    assert renew(client, fresh["refresh_token"]).status_code == 401
    assert me(client, elsewhere["access_token"]).status_code == 200, "another sign-in goes on"


def test_one_kind_of_token_does_not_serve_as_the_other(client: FlaskClient, ann: Account) -> None:
    signed = enter(client, ann.email).json
    assert me(client, signed["refresh_token"]).status_code == 401
    assert renew(client, signed["access_token"]).status_code == 401


def test_signing_out_ends_all_tokens_of_the_sign_in(client: FlaskClient, ann: Account) -> None:
    signed = enter(client, ann.email).json
    fresh = renew(client, signed["refresh_token"]).json
    headers = {"Authorization": f"Bearer {fresh['access_token']}"}
    assert client.delete("/v1/session", headers=headers).status_code == 204
    for token in (signed["access_token"], fresh["access_token"]):
        assert me(client, token).status_code == 401
    for token in (signed["refresh_token"], fresh["refresh_token"]):
        assert renew(client, token).status_code == 401


def cookies_of(answer: Any) -> dict[str, str]:
    """Return the Set-Cookie lines by name."""
    return {line.partition("=")[0]: line for line in answer.headers.getlist("Set-Cookie")}


def test_a_browser_gets_cookies_that_scripts_and_other_sites_do_not_reach(
    client: FlaskClient, ann: Account
) -> None:
    answer = enter(client, ann.email, cookies=True)
    assert answer.json["access_token"] is None
    assert answer.json["refresh_token"] is None
    lines = cookies_of(answer)
    assert set(lines) == {"fw_access", "fw_refresh", "fw_csrf"}
    assert "HttpOnly" in lines["fw_access"]
    assert "SameSite=Lax" in lines["fw_access"]
    assert "HttpOnly" in lines["fw_refresh"]
    assert "SameSite=Strict" in lines["fw_refresh"]
    assert "Path=/v1/session" in lines["fw_refresh"]
    assert "HttpOnly" not in lines["fw_csrf"]
    assert "SameSite=Strict" in lines["fw_csrf"]
    assert client.get("/v1/session").status_code == 200


def test_cookies_of_a_site_behind_https_travel_over_https_alone(
    database: Database, tmp_path: Path, ann: Account
) -> None:
    settings = settings_for(tmp_path, FIELDWRIGHT_PUBLIC_URL="https://service.example.com")
    answer = enter(create_app(settings, db=database).test_client(), ann.email, cookies=True)
    assert all("; Secure" in line for line in cookies_of(answer).values())
    assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_a_cookie_alone_changes_nothing(client: FlaskClient, ann: Account, make: Maker) -> None:
    csrf = enter(client, ann.email, cookies=True).json["csrf_token"]
    body = {"name": "Quarry"}
    for headers in ({}, {"X-CSRF-Token": "wrong"}, {"X-CSRF-Token": ""}):
        answer = client.post("/v1/customers", json=body, headers=headers)
        assert (answer.status_code, answer.json["code"]) == (403, "csrf")
        assert client.post("/v1/session/refresh", json={}, headers=headers).status_code == 403
        assert client.delete("/v1/session", headers=headers).status_code == 403
    headers = {"X-CSRF-Token": csrf}
    assert client.post("/v1/customers", json=body, headers=headers).status_code == 201
    fresh = client.post("/v1/session/refresh", json={}, headers=headers)
    assert fresh.status_code == 200
    assert fresh.json["csrf_token"] != csrf
    headers = {"X-CSRF-Token": fresh.json["csrf_token"]}
    gone = client.delete("/v1/session", headers=headers)
    assert gone.status_code == 204
    assert all("Expires=Thu, 01 Jan 1970" in line for line in cookies_of(gone).values())
    assert client.get("/v1/session").status_code == 401


def test_a_refresh_without_a_token_says_so(client: FlaskClient) -> None:
    answer = client.post("/v1/session/refresh", json={})
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")
    assert "refresh_token" in answer.json["details"]["fields"]


@pytest.fixture
def engineer(make: Maker) -> Account:
    """Give an engineer with an account."""
    account = make.account("technician")
    make.technician(account=account)
    return account


def test_a_device_registers_with_the_sign_in(
    engineer: Account, phone: Callable[..., Phone], make: Maker, sign_in: Callable[..., Visitor]
) -> None:
    mobile = phone(engineer)
    [seen] = sign_in(make.account("dispatcher")).get("/v1/devices")["items"]
    assert (seen["id"], seen["state"], seen["account_name"]) == (
        str(mobile.device_id),
        "active",
        engineer.name,
    )
    mobile.sign_in()
    assert len(sign_in(make.account("dispatcher")).get("/v1/devices")["items"]) == 1


def test_a_phone_that_changed_hands_needs_a_new_device_id(
    engineer: Account, phone: Callable[..., Phone], make: Maker, client: FlaskClient
) -> None:
    mobile = phone(engineer)
    other = make.account("technician")
    device = {
        "id": str(mobile.device_id),
        "name": "Phone",
        "platform": "test",
        "app_version": "1",
        "schema": 1,
    }
    answer = enter(client, other.email, device=device)
    assert answer.status_code == 422
    assert answer.json["code"] == "device_taken"


def test_a_revoked_device_is_told_to_wipe_and_what_it_says_is_kept_for_a_person(
    engineer: Account, phone: Callable[..., Phone], make: Maker, sign_in: Callable[..., Visitor]
) -> None:
    [technician] = perform(make.system, _technicians)
    visit = make.visit(by=technician)
    mobile = phone(engineer)
    mobile.pull()
    dispatcher = sign_in(make.account("dispatcher"))
    dispatcher.send("PUT", f"/v1/devices/{mobile.device_id}/revocation")

    body = {"device_id": str(mobile.device_id), "schema": 1}
    for answer in (
        mobile.call("POST", "/v1/sync/pull", body),
        mobile.call("POST", "/v1/sync/repair", {"device_id": body["device_id"], "scope": "x"}),
        mobile.call("GET", "/v1/visits"),
        mobile.call("PUT", f"/v1/visits/{visit.id}/travel"),
    ):
        assert (answer.status_code, answer.json["code"]) == (403, "device_revoked")
        assert answer.json["details"] == {"wipe": True}
    mobile.say("visit.travel", {"visit_id": str(visit.id)})
    [result] = mobile.push()["results"]
    assert result["status"] == "quarantined"
    assert dispatcher.get(f"/v1/visits/{visit.id}")["travel_started_at"] is None
    assert dispatcher.get("/v1/attention")["items"][0]["kind"] == "quarantined"
    again = enter(
        mobile.client,
        engineer.email,
        device={
            "id": str(mobile.device_id),
            "name": "Phone",
            "platform": "test",
            "app_version": "1",
            "schema": 1,
        },
    )
    assert (again.status_code, again.json["code"]) == (403, "device_revoked")


def _technicians(unit: Any) -> Any:
    from people.queries import technicians

    return technicians(unit)


def test_a_suspended_device_comes_back(
    engineer: Account, phone: Callable[..., Phone], make: Maker, sign_in: Callable[..., Visitor]
) -> None:
    mobile = phone(engineer)
    dispatcher = sign_in(make.account("dispatcher"))
    dispatcher.send("PUT", f"/v1/devices/{mobile.device_id}/suspension")
    body = {"device_id": str(mobile.device_id), "schema": 1}
    answer = mobile.call("POST", "/v1/sync/pull", body)
    assert (answer.status_code, answer.json["code"]) == (403, "device_suspended")
    assert "wipe" not in answer.json["details"]
    dispatcher.send("DELETE", f"/v1/devices/{mobile.device_id}/suspension")
    assert mobile.call("POST", "/v1/sync/pull", body).status_code == 200


def test_a_device_speaks_for_itself_alone(engineer: Account, phone: Callable[..., Phone]) -> None:
    mobile = phone(engineer)
    answer = mobile.call("POST", "/v1/sync/pull", {"device_id": str(new_id()), "schema": 1})
    assert (answer.status_code, answer.json["code"]) == (403, "wrong_device")


def test_who_tries_passwords_too_often_has_to_wait(
    database: Database, tmp_path: Path, ann: Account
) -> None:
    app = create_app(settings_for(tmp_path, FIELDWRIGHT_LIMITS="on"), db=database)
    limiter.reset()
    client = app.test_client()
    for _ in range(30):
        # A body without a password costs nothing and counts all the same.
        client.post("/v1/session", json={"email": ann.email})
    answer = enter(client, ann.email)
    assert answer.status_code == 429
    assert set(answer.json) == ERROR
    assert answer.json["code"] == "too_many_requests"
    assert int(answer.headers["Retry-After"]) > 0
    chinese = client.post(
        "/v1/session", json={"email": ann.email}, headers={"Accept-Language": "zh-CN"}
    )
    assert "请" in chinese.json["message"]


def test_no_table_holds_a_secret_as_it_is(
    client: FlaskClient, engineer: Account, phone: Callable[..., Phone]
) -> None:
    mobile = phone(engineer)
    signed = enter(client, engineer.email).json
    fresh = renew(client, signed["refresh_token"]).json
    secrets = [
        PASSWORD,
        mobile.refresh_token,
        *(one[name] for one in (signed, fresh) for name in ("access_token", "refresh_token")),
    ]
    with bound().engine.connect() as connection:
        from core.tenancy import announce

        announce(connection, engineer.org_id)
        for table in Base.metadata.sorted_tables:
            rows = connection.execute(sa.select(table)).all()
            held = "\n".join(
                value.decode("latin-1") if isinstance(value, bytes) else str(value)
                for row in rows
                for value in row
            )
            assert not [secret for secret in secrets if secret in held], table.name


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic YTpi", "Bearer " + "x" * 10_000, "Bearer é", "bearer\tx"]
)
def test_a_header_that_is_no_token_is_a_stranger(client: FlaskClient, header: str) -> None:
    answer = client.get("/v1/session", headers={"Authorization": header})
    assert answer.status_code == 401
    assert set(answer.json) == ERROR
