"""Is it alive, is it ready, and how does it do."""

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from api.doors import answer
from core import clock, migrations
from core.database import bound
from core.jobs import jobs

blp = Blueprint("health", __name__)

registry = CollectorRegistry()
_requests = Counter(
    "fieldwright_requests_total",
    "Requests answered.",
    ["method", "route", "status"],
    registry=registry,
)
_seconds = Histogram(
    "fieldwright_request_seconds", "How long answers took.", ["route"], registry=registry
)
_waiting = Gauge("fieldwright_jobs", "Jobs by state.", ["state"], registry=registry)
_oldest = Gauge(
    "fieldwright_oldest_job_seconds", "How long the oldest ready job has waited.", registry=registry
)


def observe(method: str, route: str | None, status: int, took: float) -> None:
    """Count an answer under its route, so that ids do not make a series each."""
    _requests.labels(method if route else "other", route or "none", status).inc()
    _seconds.labels(route or "none").observe(took)


@blp.get("/healthz")
def healthz() -> Response:
    """Say that the process answers."""
    return answer({"status": "ok"})


@blp.get("/readyz")
def readyz() -> Response:
    """Say whether the database answers and is up to date, and how long jobs wait."""
    said: dict[str, Any] = {"status": "ok"}
    try:
        with bound().engine.connect() as connection:
            said["database"] = "ok"
            said["migrations"] = "ok" if migrations.is_current(connection) else "behind"
        said["oldest_job_seconds"] = _queue()
    except sa.exc.SQLAlchemyError:
        said["database"] = "unreachable"
    ready = said.get("database") == "ok" and said.get("migrations") == "ok"
    said["status"] = "ok" if ready else "not ready"
    return answer(said, 200 if ready else 503)


def _queue() -> float:
    with bound().reading() as session:
        by_state = sa.select(jobs.c.state, sa.func.count()).group_by(jobs.c.state)
        counts: dict[str, int] = dict(session.execute(by_state).all())
        oldest = session.scalar(
            sa.select(sa.func.min(jobs.c.run_at)).where(jobs.c.state == "ready")
        )
    for state in ("ready", "running", "done", "failed"):
        _waiting.labels(state).set(counts.get(state, 0))
    waited = max(0.0, (clock.now() - oldest).total_seconds()) if oldest else 0.0
    _oldest.set(waited)
    return round(waited, 1)


@blp.get("/metrics")
def metrics() -> Response:
    """Give the figures to Prometheus."""
    _queue()
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
