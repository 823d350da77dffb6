"""Settings from the environment, refused at start with a clear sentence when wrong."""

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

# What the guidance for Argon2id asks for at least, with two passes.
PASSWORD_MEMORY_KIB = 19 * 1024


class SettingsError(Exception):
    """A setting is missing or makes no sense; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where a bucket is and how to get in; without a key, what the machine itself is allowed counts."""

    name: str
    prefix: str = ""
    endpoint: str | None = None
    key: str | None = None
    secret: str | None = None
    region: str = "us-east-1"


@dataclass(frozen=True, slots=True)
class Router:
    """A road router: which kind it is, where, and how long a whole table may take."""

    kind: str
    url: str
    key: str | None = None
    seconds: float = 10.0
    # How many places along one side of a call; 0 is what the service takes as it is shipped.
    side: int = 0


@dataclass(frozen=True, slots=True)
class Geocoder:
    """Who finds places by address: a geocoder's name in geopy, and where what it found is kept."""

    service: str
    cache: Path
    url: str | None = None
    key: str | None = None
    pause_ms: int = 1000
    days: int = 90


@dataclass(frozen=True, slots=True)
class Spans:
    """For how many days phones carry visits, and the server remembers removals and receipts."""

    back: int = 30
    ahead: int = 14
    removals: int = 90
    receipts: int = 90


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that differs from one installation to the next."""

    database_url: str
    redis_url: str | None
    secret_key: bytes
    public_url: str
    # The folder of files, or of what is on its way where `bucket` says that they live in one.
    files: Path
    bucket: Bucket | None
    files_most_bytes: int | None
    fonts: Path
    web: Path
    tiles_url: str | None
    # What the makers of the tiles want to be named as, at the edge of every map.
    tiles_attribution: str
    router: Router | None
    geocoder: Geocoder | None
    # How many problems that somebody sends in one process solves at once.
    solves_at_once: int
    production: bool
    log_format: str
    run_jobs: bool
    limits: bool
    # How many proxies of ours stand in front; their word on the client's address is believed.
    proxies: int
    # How many pushes, and how many pulls, one process works at once; the rest is told when to come again.
    sync_at_once: int
    # How many phones one process tells of changes as they happen; each holds a thread.
    streams: int
    spans: Spans
    # For how many hours an engineer's position is kept.
    positions_hours: int
    # How much memory the hash of a new password takes.
    password_memory_kib: int

    @property
    def secure_cookies(self) -> bool:
        """Cookies travel over https alone, unless the site itself is served without."""
        return self.public_url.startswith("https://")


def from_environment(
    environ: Mapping[str, str] | None = None, *, root: Path | None = None
) -> Settings:
    """Read the `FIELDWRIGHT_…` variables.

    Raises SettingsError with a sentence for people.
    """
    env = os.environ if environ is None else environ
    root = root or Path(__file__).resolve().parent.parent
    var = Path(env.get("FIELDWRIGHT_VAR", root / "var"))

    def whole(name: str, default: int, most: int, least: int = 0) -> int:
        value = env.get(name, str(default)).strip()
        if not re.fullmatch("[0-9]{1,20}", value) or not least <= int(value) <= most:
            raise SettingsError(
                f"{name} is {value[:40]!r}; it must be a whole number from {least} to {most}."
            )
        return int(value)

    def one_of(name: str, default: str, *choices: str) -> str:
        value = env.get(name, default).strip().lower()
        if value not in choices:
            raise SettingsError(f"{name} is {value!r}; it must be one of {', '.join(choices)}.")
        return value

    database_url = _database_url(env.get("FIELDWRIGHT_DATABASE_URL", ""), var)
    bucket = _bucket(env) if env.get("FIELDWRIGHT_FILES", "").startswith("s3://") else None
    production = (
        one_of("FIELDWRIGHT_ENV", "development", "development", "production") == "production"
    )
    return Settings(
        database_url=database_url,
        redis_url=_redis_url(env.get("FIELDWRIGHT_REDIS_URL", "")),
        secret_key=_secret_key(env.get("FIELDWRIGHT_SECRET_KEY", ""), var, production=production),
        public_url=_public_url(env.get("FIELDWRIGHT_PUBLIC_URL", "http://127.0.0.1:8000")),
        files=var / "files" if bucket else Path(env.get("FIELDWRIGHT_FILES", var / "files")),
        bucket=bucket,
        files_most_bytes=whole("FIELDWRIGHT_FILES_MOST_BYTES", 0, 2**60) or None,
        fonts=Path(env.get("FIELDWRIGHT_FONTS", root / "build" / "fonts")),
        web=Path(env.get("FIELDWRIGHT_WEB", root / "web" / "dist")),
        tiles_url=env.get("FIELDWRIGHT_TILES_URL") or None,
        tiles_attribution=_attribution(env),
        router=_router(
            env,
            one_of("FIELDWRIGHT_ROUTER", "none", "none", "osrm", "valhalla", "matrix"),
            seconds=whole("FIELDWRIGHT_ROUTER_SECONDS", 10, 120) or 1,
            side=whole("FIELDWRIGHT_ROUTER_SIDE", 0, 10_000),
        ),
        geocoder=_geocoder(
            env,
            var / "geocodes.db",
            pause_ms=whole("FIELDWRIGHT_GEOCODER_PAUSE_MS", 1000, 60_000),
            days=whole("FIELDWRIGHT_GEOCODER_DAYS", 90, 3650),
        ),
        solves_at_once=whole("FIELDWRIGHT_SOLVES_AT_ONCE", 1, 100),
        production=production,
        log_format=one_of("FIELDWRIGHT_LOG", "json" if production else "text", "json", "text"),
        run_jobs=one_of("FIELDWRIGHT_RUN_JOBS", "yes", "yes", "no") == "yes",
        limits=one_of("FIELDWRIGHT_LIMITS", "on", "on", "off") == "on",
        proxies=whole("FIELDWRIGHT_PROXIES", 0, 5),
        # More at a time only get into one another's way in one process: SQLite has one writer, and
        # beside PostgreSQL the interpreter has one.
        sync_at_once=whole(
            "FIELDWRIGHT_SYNC_AT_ONCE", 1 if database_url.startswith("sqlite") else 3, 1000
        )
        or 1,
        streams=whole("FIELDWRIGHT_STREAMS", 8, 10_000),
        spans=Spans(
            back=whole("FIELDWRIGHT_DAYS_BACK", 30, 3650),
            ahead=whole("FIELDWRIGHT_DAYS_AHEAD", 14, 3650),
            # A phone that lies in a drawer over a holiday is not to begin anew.
            removals=whole("FIELDWRIGHT_REMOVALS_DAYS", 90, 3650, least=7),
            receipts=whole("FIELDWRIGHT_RECEIPTS_DAYS", 90, 3650, least=7),
        ),
        positions_hours=whole("FIELDWRIGHT_POSITIONS_HOURS", 24, 168, least=1),
        password_memory_kib=whole(
            "FIELDWRIGHT_PASSWORD_MEMORY_KIB",
            PASSWORD_MEMORY_KIB,
            1024 * 1024,
            least=PASSWORD_MEMORY_KIB if production else 8,
        ),
    )


def _database_url(given: str, var: Path) -> str:
    if not given:
        var.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{var / 'fieldwright.db'}"
    scheme = given.split(":", 1)[0]
    if scheme in ("postgres", "postgresql"):
        return "postgresql+psycopg" + given[len(scheme) :]
    if scheme not in ("sqlite", "postgresql+psycopg"):
        raise SettingsError(
            f"FIELDWRIGHT_DATABASE_URL begins with {scheme!r}; Fieldwright runs on sqlite:///… or postgresql://…."
        )
    return given


def _bucket(env: Mapping[str, str]) -> Bucket:
    address = env["FIELDWRIGHT_FILES"]
    name, _, prefix = address.removeprefix("s3://").partition("/")
    endpoint = env.get("FIELDWRIGHT_S3_ENDPOINT") or None
    if not name:
        raise SettingsError(
            f"FIELDWRIGHT_FILES is {address!r}; a bucket is written s3://bucket or s3://bucket/prefix."
        )
    if endpoint and urlsplit(endpoint).scheme not in ("http", "https"):
        raise SettingsError("FIELDWRIGHT_S3_ENDPOINT must begin with http:// or https://.")
    return Bucket(
        name=name,
        prefix=prefix.strip("/"),
        endpoint=endpoint,
        key=env.get("FIELDWRIGHT_S3_KEY") or None,
        secret=env.get("FIELDWRIGHT_S3_SECRET") or None,
        region=env.get("FIELDWRIGHT_S3_REGION") or "us-east-1",
    )


def _router(env: Mapping[str, str], kind: str, *, seconds: int, side: int) -> Router | None:
    if kind == "none":
        return None
    url = _web_address(env, "FIELDWRIGHT_ROUTER_URL")
    if url is None:
        raise SettingsError("FIELDWRIGHT_ROUTER_URL is missing; say where the router answers.")
    return Router(kind, url, env.get("FIELDWRIGHT_ROUTER_KEY") or None, float(seconds), side)


def _geocoder(env: Mapping[str, str], cache: Path, *, pause_ms: int, days: int) -> Geocoder | None:
    service = env.get("FIELDWRIGHT_GEOCODER", "none").strip().lower()
    if service in ("", "none"):
        return None
    url = _web_address(env, "FIELDWRIGHT_GEOCODER_URL")
    key = env.get("FIELDWRIGHT_GEOCODER_KEY") or None
    return Geocoder(service, cache, url, key, pause_ms, days)


def _web_address(env: Mapping[str, str], name: str) -> str | None:
    given = env.get(name, "").strip()
    parts = urlsplit(given)
    if given and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise SettingsError(f"{name} is {given!r}; it must begin with http:// or https://.")
    return given.rstrip("/") or None


def _attribution(env: Mapping[str, str]) -> str:
    given = env.get("FIELDWRIGHT_TILES_ATTRIBUTION")
    if given is not None:
        return given.strip()[:200]
    # Whose licence asks for it is named without anybody having to think of it.
    is_osm = "openstreetmap" in env.get("FIELDWRIGHT_TILES_URL", "").lower()
    return "© OpenStreetMap contributors" if is_osm else ""


def _redis_url(given: str) -> str | None:
    if given and urlsplit(given).scheme not in ("redis", "rediss", "unix"):
        raise SettingsError("FIELDWRIGHT_REDIS_URL must begin with redis://, rediss:// or unix://.")
    return given or None


def _public_url(given: str) -> str:
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise SettingsError(
            f"FIELDWRIGHT_PUBLIC_URL is {given!r}; it must be the address people open, such as https://service.example.com."
        )
    return given.rstrip("/")


def _secret_key(given: str, var: Path, *, production: bool) -> bytes:
    if given:
        if len(given) < 32:
            raise SettingsError(
                "FIELDWRIGHT_SECRET_KEY is too short; give at least 32 random characters."
            )
        return given.encode()
    if production:
        raise SettingsError(
            "FIELDWRIGHT_SECRET_KEY is missing; in production give at least 32 random characters, the same to every process."
        )
    # On a laptop a key is made once and kept, so that people stay signed in over a restart.
    path = var / "secret.key"
    if not path.exists():
        var.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_bytes()
