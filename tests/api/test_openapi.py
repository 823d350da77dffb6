"""The description of the REST door: true, complete, and served without the internet."""

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings
from jsonschema_rs import validator_for

from tests.api.world import World
from tests.doors import Visitor

METHODS = ("get", "put", "post", "delete", "patch")
PUBLIC = {("post", "/v1/session"), ("post", "/v1/session/refresh"), ("post", "/v1/sync/wiped")}
ERROR = {"code", "message", "details", "request_id"}

only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
pytestmark = only_sqlite


@pytest.fixture
def spec(stranger: Visitor) -> Any:
    """Give the description as it is served."""
    return stranger.get("/v1/openapi.json")


def operations(spec: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return method, path and description of every operation."""
    for path, item in spec["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


def behind(spec: Any, reference: dict[str, Any]) -> Any:
    """Follow a reference."""
    while "$ref" in reference:
        found: Any = spec
        for part in reference["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        reference = found
    return reference


def references(node: Any) -> Iterator[str]:
    """Return every reference in the description."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_the_description_is_openapi_3_1(spec: Any) -> None:
    assert spec["openapi"] == "3.1.0"
    assert {"title", "version", "description"} <= set(spec["info"])
    for reference in references(spec):
        assert behind(spec, {"$ref": reference}), reference
    for name, schema in spec["components"]["schemas"].items():
        # Refuses what is no JSON Schema of 2020-12, which OpenAPI 3.1 is built on.
        validator_for(schema | {"components": spec["components"]})
        assert not re.search(r"\d$", name), f"{name} is a second shape of one name"
    for method, path, operation in operations(spec):
        named = set(re.findall(r"{(\w+)}", path))
        shared = spec["paths"][path].get("parameters", [])
        given_ = [behind(spec, one) for one in (*shared, *operation.get("parameters", []))]
        assert {one["name"] for one in given_ if one["in"] == "path"} == named, (method, path)
        assert all(one["required"] for one in given_ if one["in"] == "path")
        assert operation["responses"]


def test_every_address_of_the_door_is_described(app: Flask, spec: Any) -> None:
    described = {(method, path) for method, path, _ in operations(spec)}
    known = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/v1/") and not rule.rule.startswith(("/v1/docs", "/v1/openapi"))
    }
    assert described == known


def test_every_operation_says_in_a_sentence_what_it_does(spec: Any) -> None:
    for method, path, operation in operations(spec):
        assert operation.get("summary", "").endswith("."), (method, path)
        assert operation["tags"], (method, path)


def test_every_operation_documents_the_one_error_format(spec: Any) -> None:
    for method, path, operation in operations(spec):
        response = behind(spec, operation["responses"]["default"])
        schema = behind(spec, response["content"]["application/json"]["schema"])
        assert set(schema["properties"]) == ERROR, (method, path)


def test_only_the_way_in_is_open_to_strangers(spec: Any) -> None:
    assert spec["security"] == [{"bearer": []}, {"cookie": []}]
    assert set(spec["components"]["securitySchemes"]) == {"bearer", "cookie"}
    public = {(method, path) for method, path, one in operations(spec) if one.get("security") == []}
    assert public == PUBLIC


def test_the_documentation_page_needs_no_other_host(stranger: Visitor) -> None:
    page = stranger.call("GET", "/v1/docs")
    text = page.get_data(as_text=True)
    assert page.status_code == 200
    assert not re.search(r"(?:https?:)?//[a-z]", text)
    assert "'self'" in page.headers["Content-Security-Policy"]
    assert "http" not in page.headers["Content-Security-Policy"]
    assets = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert len(assets) == 3
    for address in assets:
        answer = stranger.call("GET", address)
        assert answer.status_code == 200, address
        assert answer.mimetype in ("text/javascript", "text/css", "application/javascript")
        answer.close()
    assert 'url: "/v1/openapi.json"' in text


# It would end the visitor's own sign-in.
LEFT_ALONE = {("delete", "/v1/session")}
EXAMPLES = 10


# The tool's own warnings are none of ours.
@pytest.mark.filterwarnings("ignore")
def test_no_request_that_fits_the_description_breaks_the_house(
    app: Flask, world: World, sign_in: Callable[..., Visitor], spec: Any
) -> None:
    import schemathesis

    visitor = sign_in(world.accounts["admin"])
    engineer = sign_in(world.accounts["technician"])
    schema = schemathesis.openapi.from_dict(spec)
    broken: list[str] = []

    def explore(operation: Any) -> None:
        who = engineer if "/sync" in operation.path else visitor

        @seed(20260302)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def knock(case: Any) -> None:
            known(case, world)
            answer = ask(who, case)
            status = answer.status_code
            said = f"{operation.label}: {status} {answer.data[:200]!r} for {case.body!r:.300}"
            if status >= 500:
                broken.append(said)
            elif status >= 400:
                assert answer.mimetype == "application/json", said
                assert set(answer.json) == ERROR, said
            else:
                kinds = documented(spec, operation.method, operation.path, status)
                assert kinds is not None, f"not documented: {said}"
                fits = any(fnmatch(answer.mimetype, kind) for kind in kinds)
                assert fits or not answer.data, said

        knock()

    for result in schema.get_all_operations():
        operation = result.ok()
        if (operation.method.lower(), operation.path) not in LEFT_ALONE:
            explore(operation)
    assert not broken, "\n".join(broken)


def known(case: Any, world: World) -> None:
    """Let half of the addresses lead to something that is there."""
    for name in case.path_parameters or {}:
        if name in world.ids and len(str(case.body)) % 2:
            case.path_parameters[name] = world.ids[name]


def ask(who: Visitor, case: Any) -> Any:
    """Send a case as a client would."""
    import json
    from urllib.parse import quote

    path = case.operation.path
    for name, value in (case.path_parameters or {}).items():
        path = path.replace("{" + name + "}", quote(str(value), safe=""))
    query = {
        str(name): value
        for name, value in (case.query or {}).items()
        if not isinstance(value, dict | list)
    }
    body: dict[str, Any] = {}
    if isinstance(case.body, bytes):
        body = {"data": case.body, "content_type": case.media_type}
    elif case.media_type:
        body = {"data": json.dumps(case.body, default=str), "content_type": case.media_type}
    return who.client.open(
        path, method=case.operation.method.upper(), query_string=query, headers=who.headers, **body
    )


def documented(spec: Any, method: str, path: str, status: int) -> set[str] | None:
    """Return the media types documented for this answer."""
    responses = spec["paths"][path][method.lower()]["responses"]
    if str(status) not in responses:
        return None
    return set(behind(spec, responses[str(status)]).get("content", {}))
