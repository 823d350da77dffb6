"""The doors of the house as tests knock on them: REST clients signed in as somebody, and phones."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from core import clock
from core.database import Database
from core.ids import new_id
from core.settings import Settings, from_environment
from people.models import Account
from tests.makers import CHEAP_KIB, PASSWORD


def settings_for(folder: Path, **more: str) -> Settings:
    """Return settings for a test, with its own folder and without limits on how often one may knock."""
    root = Path(__file__).parent.parent
    given = {
        "FIELDWRIGHT_VAR": str(folder),
        "FIELDWRIGHT_LIMITS": "off",
        "FIELDWRIGHT_LOG": "json",
        "FIELDWRIGHT_PASSWORD_MEMORY_KIB": str(CHEAP_KIB),
    } | more
    return from_environment(given, root=root)


@pytest.fixture
def app(database: Database, tmp_path: Path) -> Flask:
    """Give the application over the test's database."""
    return create_app(settings_for(tmp_path), db=database)


class Visitor:
    """Somebody at the REST door."""

    def __init__(
        self, client: FlaskClient, token: str = "", language: str = "", refresh_token: str = ""
    ) -> None:
        self.client = client
        self.refresh_token = refresh_token
        self.headers = {"Accept-Language": language} if language else {}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request and return the response."""
        kwargs: dict[str, Any] = {
            "headers": self.headers | {k.replace("_", "-"): v for k, v in headers.items()}
        }
        if body is not None:
            # The standard writer, because it writes every number that a client might.
            kwargs["data"], kwargs["content_type"] = json.dumps(body), "application/json"
        response = self.client.open(path, method=method, **kwargs)
        if (
            response.status_code == 401
            and response.json["code"] == "token_expired"
            and self.refresh_token
        ):
            self._refresh()
            kwargs["headers"] = kwargs["headers"] | {"Authorization": self.headers["Authorization"]}
            response = self.client.open(path, method=method, **kwargs)
        return response

    def _refresh(self) -> None:
        answer = self.client.post(
            "/v1/session/refresh", json={"refresh_token": self.refresh_token}
        ).json
        self.headers["Authorization"] = f"Bearer {answer['access_token']}"
        self.refresh_token = answer["refresh_token"]

    def get(self, path: str, **headers: str) -> Any:
        """Fetch, and return the answer's JSON."""
        response = self.call("GET", path, **headers)
        assert response.status_code == 200, (
            path,
            response.status_code,
            response.get_data(as_text=True)[:500],
        )
        return response.json

    def send(
        self, method: str, path: str, body: Any = None, *, status: int | None = None, **headers: str
    ) -> Any:
        """Write, and return the answer's JSON."""
        response = self.call(method, path, body if body is not None else {}, **headers)
        expected = (status,) if status else (200, 201, 202, 204)
        assert response.status_code in expected, (
            method,
            path,
            response.status_code,
            response.get_data(as_text=True)[:800],
        )
        return response.json if response.data else None


class Phone(Visitor):
    """A phone: a device with an outbox and a replica, as the protocol has it."""

    def __init__(
        self, client: FlaskClient, email: str, *, device_id: UUID | None = None, schema: int = 2
    ) -> None:
        super().__init__(client)
        self.schema = schema
        self.device_id = device_id or new_id()
        self.email = email
        self.seq = 0
        self.outbox: list[dict[str, Any]] = []
        self.cursor: str | None = None
        self.held: dict[tuple[str, str], dict[str, Any]] = {}
        self.members: dict[str, set[tuple[str, str]]] = {}
        self.sign_in()

    def sign_in(self) -> None:
        """Sign in and register the device."""
        device = {
            "id": str(self.device_id),
            "name": "Phone",
            "platform": "test",
            "app_version": "1",
            "schema": self.schema,
        }
        answer = self.send(
            "POST", "/v1/session", {"email": self.email, "password": PASSWORD, "device": device}
        )
        self.headers["Authorization"] = f"Bearer {answer['access_token']}"
        self.refresh_token = answer["refresh_token"]

    def say(self, kind: str, args: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Put a mutation into the outbox."""
        self.seq += 1
        mutation = {
            "id": str(new_id()),
            "seq": self.seq,
            "type": kind,
            "happened_at": clock.now().isoformat(),
            "base": {},
            "depends_on": [],
            "args": args,
        } | more
        self.outbox.append(mutation)
        return mutation

    def push(self, mutations: list[dict[str, Any]] | None = None, **more: Any) -> Any:
        """Send what is in the outbox, and empty it of what was answered."""
        said = self.outbox if mutations is None else mutations
        body = {
            "device_id": str(self.device_id),
            "app_version": "1",
            "schema": self.schema,
            "unsent": len(said),
            "device_time": clock.now().isoformat(),
            "mutations": said,
        } | more
        answer = self.send("POST", "/v1/sync/push", body, status=200)
        answered = {result["id"] for result in answer["results"]}
        self.outbox = [item for item in self.outbox if item["id"] not in answered]
        return answer

    def pull_page(self, *, limit: int = 1000, **more: Any) -> dict[str, Any] | None:
        """Fetch one page and apply it with its cursor."""
        body = {
            "device_id": str(self.device_id),
            "cursor": self.cursor,
            "limit": limit,
            "schema": self.schema,
        } | more
        response = self.call("POST", "/v1/sync/pull", body)
        if response.status_code == 204:
            return None
        assert response.status_code == 200, response.get_data(as_text=True)[:500]
        page: dict[str, Any] = response.json
        if page.get("reset"):
            self.cursor, self.held, self.members = None, {}, {}
            return page
        for change in page["changes"]:
            self.apply(change)
        self.cursor = page["cursor"]
        return page

    def apply(self, change: dict[str, Any]) -> None:
        """Apply one change as the protocol says."""
        if change["op"] == "drop_scope":
            for key in self.members.pop(change["scope"], set()):
                self._forget(key)
            return
        key = (change["entity"], change["id"])
        members = self.members.setdefault(change["scope"], set())
        if change["op"] == "put":
            members.add(key)
            self.held[key] = {"version": change["version"], "doc": change["doc"]}
        else:
            members.discard(key)
            self._forget(key)

    def _forget(self, key: tuple[str, str]) -> None:
        if not any(key in members for members in self.members.values()):
            self.held.pop(key, None)

    def pull(self, *, limit: int = 1000) -> None:
        """Pull until there is nothing more, and check the checkpoint."""
        while True:
            page = self.pull_page(limit=limit)
            if page is None:
                return
            if page.get("complete"):
                self.check(page["checkpoint"])
                return

    def check(self, checkpoint: dict[str, Any]) -> None:
        """Compare what the phone holds with the server's checksums."""
        from core.feed import digest

        for scope, said in checkpoint["scopes"].items():
            keys = self.members.get(scope, set())
            total = (
                sum(
                    digest(entity, UUID(row), self.held[(entity, row)]["version"])
                    for entity, row in keys
                )
                % 2**64
            )
            assert (len(keys), f"{total:016x}") == (said["count"], said["checksum"]), scope

    def docs(self, entity: str) -> list[dict[str, Any]]:
        """Return the documents of one kind that the phone holds."""
        return [row["doc"] for (name, _), row in self.held.items() if name == entity]


@pytest.fixture
def stranger(app: Flask) -> Visitor:
    """Give somebody who is not signed in."""
    return Visitor(app.test_client())


@pytest.fixture
def sign_in(app: Flask) -> Callable[..., Visitor]:
    """Return a function that signs an account in at the REST door."""

    def enter(account: Account, language: str = "") -> Visitor:
        client = app.test_client()
        answer = Visitor(client).send(
            "POST", "/v1/session", {"email": account.email, "password": PASSWORD}
        )
        return Visitor(client, answer["access_token"], language, answer["refresh_token"])

    return enter


@pytest.fixture
def phone(app: Flask) -> Callable[..., Phone]:
    """Return a function that signs an account in on a phone."""

    def take(account: Account, **more: Any) -> Phone:
        return Phone(app.test_client(), account.email, **more)

    return take
