"""Web Push: a sleeping phone is woken once, told nothing, and forgotten when it is gone."""

import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from core import clock, jobs
from core.errors import Invalid
from core.unit import perform, reading
from people.actions import set_device_state
from people.models import Account, DeviceState, Technician
from sync import webpush
from sync.jobs import look_for_hints
from sync.models import PushSubscription
from sync.webpush import b64, unb64
from tests.doors import Phone
from tests.makers import Maker

ENDPOINT = "https://push.example.com/send/abc?device=1"
# The example of RFC 8291, Appendix A.
PHONE_SECRET = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
PHONE_PUBLIC = (
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
SENDER_SECRET = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
SEALED = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6"
    "TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulc"
    "y4a-fN"
)
KEYS = {"p256dh": PHONE_PUBLIC, "auth": AUTH}


class Service:
    """A push service of the outside world."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 201

    def __call__(self, endpoint: str, headers: dict[str, str], body: bytes) -> int:
        self.got.append((endpoint, headers, body))
        return self.status


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    service = Service()
    monkeypatch.setattr(webpush, "post", service)
    return service


@pytest.fixture
def mobile(ann: Technician, account: Account, phone: Callable[..., Phone]) -> Phone:
    mobile = phone(account)
    mobile.get("/v1/sync/push-key")
    subscribe(mobile)
    return mobile


def subscribe(mobile: Phone, endpoint: str = ENDPOINT) -> None:
    body = {"endpoint": endpoint, "keys": KEYS, "expirationTime": None}
    mobile.send("PUT", "/v1/sync/push-subscription", body, status=204)


def look(make: Maker) -> None:
    """Let the recurring job look, and everything that follows happen."""
    perform(make.system, lambda unit: unit.enqueue(look_for_hints, {}))
    jobs.drain()


def subscriptions(make: Maker) -> list[str]:
    with reading(make.system) as unit:
        return list(unit.session.scalars(sa.select(PushSubscription.endpoint)))


def test_a_phone_is_woken_once_for_all_that_changed_and_told_nothing_of_it(
    make: Maker, ann: Technician, mobile: Phone, service: Service
) -> None:
    look(make)
    assert service.got == [], "nothing has changed"
    for _ in range(3):
        make.visit(by=ann)
    look(make)
    look(make)
    assert len(service.got) == 1
    endpoint, headers, body = service.got[0]
    assert endpoint == ENDPOINT
    assert (headers["Topic"], headers["TTL"]) == ("sync", "86400")
    assert len(body) == 16 + 4 + 1 + 65 + len(b'{"changed":true}') + 1 + 16
    make.visit(by=ann)
    look(make)
    assert len(service.got) == 2


def test_what_concerns_somebody_else_wakes_nobody(
    make: Maker, mobile: Phone, service: Service
) -> None:
    make.visit(by=make.technician("Ben"))
    make.part()
    look(make)
    assert service.got == []


def test_a_browser_that_is_gone_is_forgotten(
    make: Maker, ann: Technician, mobile: Phone, service: Service
) -> None:
    service.status = 410
    make.visit(by=ann)
    look(make)
    assert subscriptions(make) == []
    make.visit(by=ann)
    look(make)
    assert len(service.got) == 1


def test_a_push_service_that_fails_is_tried_again(
    make: Maker, ann: Technician, mobile: Phone, service: Service, at: Callable[..., None]
) -> None:
    service.status = 503
    make.visit(by=ann)
    look(make)
    assert len(service.got) == 1
    service.status = 201
    at(clock.now() + timedelta(minutes=1))
    jobs.drain()
    assert len(service.got) == 2
    look(make)
    assert len(service.got) == 2


def test_a_device_that_was_cut_off_or_asked_to_sleep_is_not_woken(
    make: Maker, ann: Technician, mobile: Phone, service: Service
) -> None:
    make.visit(by=ann)
    perform(
        make.system, lambda unit: set_device_state(unit, mobile.device_id, DeviceState.SUSPENDED)
    )
    look(make)
    perform(make.system, lambda unit: set_device_state(unit, mobile.device_id, DeviceState.ACTIVE))
    mobile.send("DELETE", "/v1/sync/push-subscription", status=204)
    look(make)
    assert service.got == []
    assert subscriptions(make) == []


def test_a_device_is_woken_at_one_place(make: Maker, mobile: Phone) -> None:
    subscribe(mobile, "https://push.example.com/another")
    assert subscriptions(make) == ["https://push.example.com/another"]


def test_the_key_is_made_once_and_is_the_company_s_own(
    make: Maker, ann: Technician, mobile: Phone, phone: Callable[..., Phone]
) -> None:
    key = mobile.get("/v1/sync/push-key")["public_key"]
    assert mobile.get("/v1/sync/push-key")["public_key"] == key
    assert len(unb64(key)) == 65
    other = Maker()
    theirs = other.account("technician")
    other.technician(account=theirs)
    assert phone(theirs).get("/v1/sync/push-key")["public_key"] != key


def test_the_service_can_check_who_sends(
    make: Maker, ann: Technician, mobile: Phone, service: Service
) -> None:
    make.visit(by=ann)
    look(make)
    header = service.got[0][1]["Authorization"]
    token, key = header.removeprefix("vapid t=").split(", k=")
    assert key == mobile.get("/v1/sync/push-key")["public_key"]
    signed, _, signature = token.rpartition(".")
    raw = unb64(signature)
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(key))
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
    claims = orjson.loads(unb64(signed.split(".")[1]))
    assert claims["aud"] == "https://push.example.com"
    assert 0 < claims["exp"] - clock.now().timestamp() <= 24 * 3600


def test_what_is_sealed_is_what_the_standard_s_example_says() -> None:
    sender = ec.derive_private_key(int.from_bytes(unb64(SENDER_SECRET)), ec.SECP256R1())
    content = b"When I grow up, I want to be a watermelon"
    found = webpush.sealed(content, PHONE_PUBLIC, AUTH, sender=sender, salt=unb64(SALT))
    assert b64(found) == SEALED


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example.com/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://10.0.0.8/x",
        "https://192.168.1.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00::1]/x",
        "https://localhost/x",
        "https://database.internal/x",
        "https://push.example.com:8443/x",
        "https://user@push.example.com/x",
        "https://[broken/x",
        "ftp://push.example.com/x",
        "",
    ],
)
def test_no_subscription_makes_us_knock_at_doors_of_our_own_house(endpoint: str) -> None:
    with pytest.raises(Invalid):
        webpush.check_subscription(endpoint, PHONE_PUBLIC, AUTH)


def test_a_name_that_leads_into_our_own_house_is_not_followed() -> None:
    with pytest.raises(OSError, match="open internet"):
        webpush.public_address("localhost")


def test_a_name_that_leads_to_the_open_internet_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*addresses: str) -> Any:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in addresses]
        return lambda *_, **__: found

    monkeypatch.setattr(socket, "getaddrinfo", answer("93.184.216.34"))
    assert webpush.public_address("push.example.com") == "93.184.216.34"
    monkeypatch.setattr(socket, "getaddrinfo", answer("93.184.216.34", "10.0.0.1"))
    with pytest.raises(OSError, match="open internet"):
        webpush.public_address("push.example.com")


@pytest.mark.parametrize(
    "keys",
    [
        {"p256dh": "AAAA", "auth": AUTH},
        {"p256dh": PHONE_PUBLIC, "auth": "AAAA"},
        {"p256dh": PHONE_PUBLIC, "auth": "é"},
        {"p256dh": PHONE_PUBLIC},
    ],
)
def test_keys_that_are_none_are_refused(mobile: Phone, keys: dict[str, str]) -> None:
    body = {"endpoint": ENDPOINT, "keys": keys}
    assert mobile.call("PUT", "/v1/sync/push-subscription", body).status_code == 422
