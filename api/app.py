"""The application: settings in, a Flask app out."""

import atexit
import importlib.resources
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import orjson
import structlog
from flask import Flask, Request, Response, g, redirect, request, send_from_directory
from flask.json.provider import JSONProvider
from flask.sessions import SessionInterface
from flask.typing import ResponseReturnValue
from flask_compress import Compress
from flask_smorest import Api
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.security import safe_join

import dispatch.positions
import sync.wiring  # noqa: F401 - this process changes rows
from api import (
    accounts,
    addresses,
    assets,
    attention,
    automatic,
    board,
    cli,
    errors,
    figures,
    files,
    health,
    orders,
    parts,
    plans,
    positions,
    public,
    replans,
    session,
    slips,
    territories,
    tus,
    visits,
    wishes,
)
from api import requests as fault_reports
from api import sync as sync_door
from api.doors import close_snapshot, dumps
from api.glance import Glance
from api.headers import common_headers, request_id
from api.limits import limiter
from api.timetable import Timetable
from core import database, feed, jobs
from core import files as core_files
from core.logs import configure_logs
from core.settings import Settings, from_environment
from dispatch import addresses as finding
from dispatch.travel import roads
from people import passwords
from sync import cursor, hints, spans
from work import reports

log = structlog.get_logger("api")

BIGGEST_BODY = 12 * 1024 * 1024

VIEWS = (
    session.blp,
    accounts.blp,
    fault_reports.blp,
    orders.blp,
    visits.blp,
    assets.blp,
    parts.blp,
    slips.blp,
    plans.blp,
    replans.blp,
    board.blp,
    territories.blp,
    positions.blp,
    automatic.blp,
    wishes.blp,
    addresses.blp,
    figures.blp,
    attention.blp,
    files.blp,
    sync_door.blp,
    tus.blp,
)

# The documentation page starts itself with an inline script.
DOCS_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'"


class _Json(JSONProvider):
    """Our JSON writer also where the framework writes."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        options = orjson.OPT_UTC_Z | (orjson.OPT_SORT_KEYS if kwargs.get("sort_keys") else 0)
        return orjson.dumps(obj, option=options, default=str).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return orjson.loads(s)


class _NoSession(SessionInterface):
    """The framework's own sessions are not used: who asks is said by tokens."""

    def open_session(self, app: Flask, request: Request) -> None:
        return None


class _App(Flask):
    json_provider_class = _Json
    session_interface = _NoSession()


class _Api(Api):
    """Writes the documentation when it is first asked for: it takes longer than all the rest of a start."""

    ERROR_SCHEMA = errors.ErrorView

    def __init__(self, app: Flask) -> None:
        self._written: Any = None
        self._unwritten: list[Any] = []
        self._writing = threading.RLock()
        super().__init__(app)

    @property
    def spec(self) -> Any:
        """Return the whole documentation."""
        with self._writing:
            while self._unwritten:
                blp = self._unwritten.pop(0)
                blp.register_views_in_doc(
                    self, self._app, self._written, name=blp.name, parameters=None
                )
                self._written.tag({"name": blp.name, "description": blp.description})
                if not self._unwritten:
                    self._write_documents()
        return self._written

    @spec.setter
    def spec(self, spec: Any) -> None:
        self._written = spec

    def _write_documents(self) -> None:
        """Describe the documents that phones hold too, of which no view may speak."""
        components = self._written.components
        for entity in feed.BY_NAME.values():
            name = entity.shape.__name__
            if name not in components.schemas:
                components.schema(name, schema=entity.shape)

    def register_blueprint(self, blp: Any) -> None:
        """Register the views, and put their documentation off."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blp.name] = self
        self._app.register_blueprint(blp)
        self._unwritten.append(blp)


def create_app(settings: Settings | None = None, *, db: database.Database | None = None) -> Flask:
    """Return the application.

    Raises SettingsError when the environment makes no sense.
    """
    settings = settings or from_environment()
    configure_logs(settings.log_format)
    db = db or database.Database(settings.database_url)
    database.bind(db)
    core_files.bind(_file_store(settings))
    cursor.configure(settings.secret_key)
    reports.configure(fonts=settings.fonts, public_url=settings.public_url)
    hints.configure(settings.public_url)
    spans.configure(settings.spans)
    roads.configure(settings.router)
    finding.configure(settings.geocoder)
    dispatch.positions.configure(settings.positions_hours)
    passwords.configure(settings.password_memory_kib)

    app = _App("fieldwright", root_path=str(importlib.resources.files("api")), static_folder=None)
    app.extensions["fieldwright"] = settings
    app.secret_key = settings.secret_key
    app.config.update(
        API_TITLE="Fieldwright",
        API_VERSION="1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/v1",
        OPENAPI_JSON_PATH="openapi.json",
        OPENAPI_SWAGGER_UI_PATH="/docs",
        OPENAPI_SWAGGER_UI_URL="/v1/docs/assets/",
        API_SPEC_OPTIONS={
            "info": {"description": "The backend a field-service company runs its day on."},
            "components": {
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"},
                    "cookie": {"type": "apiKey", "in": "cookie", "name": "fw_access"},
                }
            },
            "security": [{"bearer": []}, {"cookie": []}],
        },
        MAX_CONTENT_LENGTH=BIGGEST_BODY,
        MAX_FORM_MEMORY_SIZE=1024 * 1024,
        COMPRESS_MIMETYPES=[
            "text/html",
            "text/css",
            "application/javascript",
            "text/javascript",
            "application/json",
            "image/svg+xml",
        ],
        COMPRESS_ALGORITHM=["zstd", "br", "gzip"],
        COMPRESS_MIN_SIZE=1000,
        RATELIMIT_ENABLED=settings.limits,
        RATELIMIT_STORAGE_URI=settings.redis_url or "memory://",
    )
    limiter.init_app(app)
    Compress(app)
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(close_snapshot)

    api = _Api(app)
    # After the framework's own, which would answer in another format.
    if settings.proxies:
        near = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=near, x_proto=near, x_host=near)  # type: ignore[method-assign]
    app.wsgi_app = tus.MethodOverride(app.wsgi_app)  # type: ignore[method-assign]
    app.wsgi_app = Glance(app, settings)  # type: ignore[method-assign]
    errors.install(app)
    for blp in VIEWS:
        api.register_blueprint(blp)
    app.register_blueprint(public.blp)
    app.register_blueprint(health.blp)
    _serve_docs(app)
    _serve_web(app, settings)
    cli.install(app)
    return app


def _file_store(settings: Settings) -> core_files.Store:
    """Return where files are kept: a bucket, or a folder of this machine."""
    if settings.bucket is None:
        return core_files.FileStore(settings.files, most_bytes=settings.files_most_bytes)
    from core.buckets import BucketStore  # noqa: PLC0415 - loaded only where files live in a bucket

    return BucketStore(settings.bucket, settings.files / ".partial")


def start_jobs(app: Flask) -> Callable[[], None]:
    """Begin to work the queue in this process, or to hand it to RQ; return what stops it again."""
    settings: Settings = app.extensions["fieldwright"]
    if not settings.run_jobs:
        return lambda: None
    worker: jobs.Runner | jobs.Clockwork
    if settings.redis_url:
        from api.queues import rq_sender  # noqa: PLC0415 - RQ is loaded only where Redis is used

        worker = jobs.Clockwork(database.bound(), rq_sender(settings.redis_url)).start()
    else:
        worker = jobs.Runner(database.bound()).start()
    timetable = Timetable(database.bound()).start()
    jobs.waker = worker.wake

    def stop() -> None:
        timetable.close()
        worker.close()

    atexit.register(stop)
    return stop


def _begin() -> None:
    g.request_id = request_id(request.headers.get("X-Request-Id", ""))
    g.started = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    for name, value in common_headers(_settings(), g.get("request_id", "")):
        response.headers.setdefault(name, value)
    if request.path.startswith("/v1/"):
        response.headers.setdefault("Cache-Control", "no-store")
    took = time.perf_counter() - g.get("started", time.perf_counter())
    route = request.url_rule.rule if request.url_rule else None
    health.observe(request.method, route, response.status_code, took)
    log.info(
        "request",
        method=request.method,
        path=request.path,
        status=response.status_code,
        ms=round(took * 1000, 1),
        actor=str(g.actor.account_id) if "actor" in g else None,
    )
    return response


def _settings() -> Settings:
    from api.doors import settings  # noqa: PLC0415

    return settings()


def _serve_docs(app: Flask) -> None:
    assets_folder = str(importlib.resources.files("flask_swagger_ui") / "dist")

    @app.get("/v1/docs/assets/<path:name>")
    def docs_asset(name: str) -> Response:
        return send_from_directory(assets_folder, name, max_age=86400)

    @app.after_request
    def docs_policy(response: Response) -> Response:
        if request.path == "/v1/docs":
            response.headers["Content-Security-Policy"] = DOCS_POLICY
        return response


def _serve_web(app: Flask, settings: Settings) -> None:
    @app.get("/")
    def home() -> ResponseReturnValue:
        return redirect("/app/")

    @app.get("/favicon.ico")
    def favicon() -> ResponseReturnValue:
        return redirect("/app/icons/icon-192.png")

    @app.get("/app/")
    @app.get("/app/<path:name>")
    def web(name: str = "index.html") -> ResponseReturnValue:
        if not os.path.isfile(safe_join(str(settings.web), name) or ""):
            name = "index.html"
        response = send_from_directory(settings.web, name)
        fixed = name.startswith("assets/")
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if fixed else "no-cache"
        )
        return response

    @app.get("/app/settings.json")
    def web_settings() -> Response:
        return Response(
            dumps(
                {
                    "tiles_url": settings.tiles_url,
                    "tiles_attribution": settings.tiles_attribution,
                    "finds_addresses": settings.geocoder is not None,
                    "demo": not settings.production,
                }
            ),
            mimetype="application/json",
        )
