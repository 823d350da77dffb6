"""The least that Flask does: answers of a wished size, bodies read as JSON and thrown away."""

import functools

import orjson
from flask import Flask, Response, request

app = Flask(__name__)


@app.get("/healthz")
def health() -> Response:
    """Say that it stands."""
    return Response(b"{}", mimetype="application/json")


@functools.lru_cache
def _bytes(size: int) -> bytes:
    return b'{"changes":"' + b"x" * size + b'"}'


@app.post("/<int:size>")
def answer(size: int) -> Response:
    """Read the body and answer with so many bytes."""
    orjson.loads(request.get_data())
    if size == 0:
        return Response(status=204)
    return Response(_bytes(size), mimetype="application/json")
