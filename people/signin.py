"""Sign-in: from a password to tokens, from a token to an actor, and the ways a sign-in ends."""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import select

from core import clock
from core.actor import Actor
from core.database import retried
from core.errors import DomainError, Forbidden, Invalid
from core.ids import hashed, new_id, new_secret
from core.tenancy import snapshot
from core.unit import Unit, perform, reading, unit_of_work, watch
from people import doors, passwords
from people.models import Account, Device, DeviceState, Role, Technician, Token

ACCESS_LIFE = timedelta(minutes=15)
REFRESH_LIFE = timedelta(days=60)
# A browser with several tabs may present the same refresh token twice within a moment.
REFRESH_GRACE = timedelta(seconds=20)


class BadCredentials(DomainError):
    """The address or the password is wrong; we do not say which."""

    code = "invalid_credentials"


class SessionEnded(DomainError):
    """The server's clear word: this sign-in is over."""

    code = "session_ended"


class DeviceRevoked(Forbidden):
    """This device was cut off and must wipe what it holds."""

    code = "device_revoked"


class DeviceSuspended(Forbidden):
    """This device may send, for a person to read, and nothing else."""

    code = "device_suspended"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh pair of tokens and who they stand for."""

    actor: Actor
    family: UUID
    access_token: str
    refresh_token: str


def sign_in(
    email: str, password: str, *, device: dict[str, Any] | None, request_id: str = ""
) -> SignedIn:
    """Check the password and open a session, registering the device when one is named.

    Raises BadCredentials, or DeviceRevoked.
    """
    email = email.strip().lower()
    org_id = doors.behind("email", email)
    account: Account | None = None
    if org_id is not None:
        with reading(Actor.system(org_id)) as unit:
            account = unit.session.scalar(
                select(Account).where(Account.email == email, Account.active)
            )
    if (
        not passwords.matches(password, account.password_hash if account else None)
        or org_id is None
        or account is None
    ):
        raise BadCredentials("The e-mail address or the password is wrong.")
    account_id = account.id

    def open_session(unit: Unit) -> SignedIn:
        # Only who syncs has a device: anybody else's browser would be one more phone on the list.
        carries = device if Role.TECHNICIAN in account.roles else None
        device_id = _register(unit, account_id, carries) if carries else None
        return _issue(unit, account_id, device_id, family=new_id())

    return perform(
        Actor.system(org_id, "sign-in").with_request(request_id), open_session, name="session.open"
    )


def _register(unit: Unit, account_id: UUID, given: dict[str, Any]) -> UUID:
    row = unit.take(Device, given["id"])
    now = clock.now()
    if row is None:
        row = unit.add(
            Device(
                id=given["id"],
                account_id=account_id,
                state=DeviceState.ACTIVE,
                registered_at=now,
                last_contact_at=now,
                last_seq=0,
            )
        )
    elif row.account_id != account_id:
        # A phone that changed hands: the app makes a new device id for its next user.
        raise Invalid(
            "This device belongs to another account; sign in with a new device id.",
            code="device_taken",
        )
    elif row.state is DeviceState.REVOKED:
        raise DeviceRevoked("This device was cut off by your office.", wipe=True)
    row.name, row.platform = given["name"], given["platform"]
    row.app_version, row.schema = given["app_version"], given["schema"]
    row.last_contact_at = now
    return row.id


def _issue(
    unit: Unit,
    account_id: UUID,
    device_id: UUID | None,
    *,
    family: UUID,
    until: datetime | None = None,
) -> SignedIn:
    now = clock.now()
    access, refresh = _new_token("fsd_", unit.org_id), _new_token("fsr_", unit.org_id)
    last = until or now + REFRESH_LIFE
    for kind, secret, ends in (
        ("access", access, min(now + ACCESS_LIFE, last)),
        ("refresh", refresh, last),
    ):
        unit.add(
            Token(
                account_id=account_id,
                device_id=device_id,
                family=family,
                kind=kind,
                hash=hashed(secret),
                expires_at=ends,
            )
        )
    unit.session.flush()
    return SignedIn(_actor(unit, account_id, device_id), family, access, refresh)


def _actor(unit: Unit, account_id: UUID, device_id: UUID | None) -> Actor:
    account = unit.get(Account, account_id)
    if account is None or not account.active:
        raise SessionEnded("This account is closed.")
    technician_id = unit.session.scalar(
        select(Technician.id).where(
            Technician.account_id == account_id, Technician.deleted_at.is_(None)
        )
    )
    return Actor(
        org_id=unit.org_id,
        kind="person",
        account_id=account.id,
        name=account.name,
        roles=frozenset(account.roles),
        technician_id=technician_id,
        customer_id=account.customer_id,
        device_id=device_id,
        device_state=_device_state(unit, device_id),
        language=account.language,
    )


def _device_state(unit: Unit, device_id: UUID | None) -> str:
    device = unit.get(Device, device_id) if device_id else None
    return device.state.value if device else DeviceState.ACTIVE.value


def check_device(actor: Actor) -> None:
    """Let an active device pass.

    Raises DeviceRevoked, with the order to wipe, or DeviceSuspended.
    """
    if actor.device_state == DeviceState.REVOKED:
        raise DeviceRevoked("This device was cut off by your office.", wipe=True)
    if actor.device_state == DeviceState.SUSPENDED:
        raise DeviceSuspended("This device is suspended. Please call your office.")


# Tokens once did not name their organisation; those that still live are looked up.
_NAMELESS = 47


def _new_token(kind: str, org_id: UUID) -> str:
    """Return a secret that also says which organisation it opens, so that nobody has to look that up."""
    return kind + urlsafe_b64encode(org_id.bytes).decode().rstrip("=") + new_secret()


def org_of(token: str) -> UUID:
    """Return the organisation that a token names; whether it opens it is another question.

    Raises SessionEnded for what was never a token of ours.
    """
    if len(token) == _NAMELESS:
        org_id = doors.behind("token", token)
        if org_id is None:
            raise SessionEnded("Please sign in again.")
        return org_id
    try:
        return UUID(bytes=urlsafe_b64decode(token[4:26] + "=="))
    except ValueError:
        raise SessionEnded("Please sign in again.") from None


_tokens, _accounts, _devices, _technicians = (
    model.__table__ for model in (Token, Account, Device, Technician)
)
_WHO = (
    select(
        _tokens.c.revoked_at,
        _tokens.c.expires_at,
        _tokens.c.family,
        _tokens.c.device_id,
        _accounts.c.id,
        _accounts.c.name,
        _accounts.c.roles,
        _accounts.c.customer_id,
        _accounts.c.language,
        _accounts.c.active,
        _devices.c.state,
        _technicians.c.id.label("technician_id"),
    )
    .select_from(
        _tokens.join(
            _accounts,
            (_accounts.c.org_id == _tokens.c.org_id) & (_accounts.c.id == _tokens.c.account_id),
        )
        .outerjoin(
            _devices,
            (_devices.c.org_id == _tokens.c.org_id) & (_devices.c.id == _tokens.c.device_id),
        )
        .outerjoin(
            _technicians,
            (_technicians.c.org_id == _tokens.c.org_id)
            & (_technicians.c.account_id == _tokens.c.account_id)
            & _technicians.c.deleted_at.is_(None),
        )
    )
    .where(
        _tokens.c.hash == sa.bindparam("hash"),
        _tokens.c.org_id == sa.bindparam("org"),
        _tokens.c.kind == "access",
    )
    .limit(1)
)


def actor_for(access_token: str) -> tuple[Actor, UUID]:
    """Return who this access token stands for, and its family.

    Raises SessionEnded, with code `token_expired` when a refresh would help.
    """
    if believed := _believe(hashed(access_token)):
        return believed
    org_id = org_of(access_token)
    with snapshot(org_id) as connection:
        return known_by(connection, org_id, access_token)


# A phone asks often, and it is the same phone: who it is, is asked of the database again after this.
# A process that changes something of it forgets at once; another one goes on believing for so long.
_BELIEVED_S = 2.0
_MOST_BELIEVED = 20_000
_believed: dict[bytes, tuple[float, datetime, Actor, UUID]] = {}


def forget_who() -> None:
    """Ask the database again who everybody is."""
    _believed.clear()


for _model in (Account, Technician):
    watch(_model, forget_who)


def _believe(hash_: bytes) -> tuple[Actor, UUID] | None:
    if believed := _believed.get(hash_):
        until, expires_at, actor, family = believed
        if time.monotonic() < until and clock.now() < expires_at:
            return actor, family
    return None


def known_by(connection: sa.Connection, org_id: UUID, access_token: str) -> tuple[Actor, UUID]:
    """Return who an access token stands for, asked over a connection that was announced."""
    hash_ = hashed(access_token)
    if believed := _believe(hash_):
        return believed
    row = connection.execute(_WHO, {"hash": hash_, "org": org_id}).one_or_none()
    if row is None or row.revoked_at is not None:
        raise SessionEnded("Please sign in again.")
    if row.expires_at <= clock.now():
        raise SessionEnded("The access token has run out; refresh it.", code="token_expired")
    if not row.active:
        raise SessionEnded("This account is closed.")
    actor = Actor(
        org_id=org_id,
        kind="person",
        account_id=row.id,
        name=row.name,
        roles=frozenset(row.roles),
        technician_id=row.technician_id,
        customer_id=row.customer_id,
        device_id=row.device_id,
        device_state=(row.state or DeviceState.ACTIVE).value,
        language=row.language,
    )
    if len(_believed) >= _MOST_BELIEVED:
        forget_who()
    _believed[hash_] = (time.monotonic() + _BELIEVED_S, row.expires_at, actor, row.family)
    return actor, row.family


def refresh(refresh_token: str) -> SignedIn:
    """Exchange a refresh token for a new pair. One that comes a second time ends its whole family.

    A device that was cut off gets one too, to say what is unsent and that it has erased itself:
    `check_device` stands before everything else. Its sign-in is not made any longer by that.
    Raises SessionEnded.
    """
    actor = Actor.system(org_of(refresh_token), "sign-in")

    def exchange() -> SignedIn | None:
        with unit_of_work(actor, action="session.refresh") as unit:
            query = (
                select(Token)
                .where(Token.hash == hashed(refresh_token), Token.kind == "refresh")
                .with_for_update()
            )
            token = unit.session.scalar(query)
            now = clock.now()
            if token is None or token.revoked_at is not None or token.expires_at <= now:
                return None
            if token.replaced_at is not None and now - token.replaced_at > REFRESH_GRACE:
                _revoke_family(unit, token.family)
                return None
            token.replaced_at = token.replaced_at or now
            cut_off = _device_state(unit, token.device_id) == DeviceState.REVOKED
            until = token.expires_at if cut_off else None
            return _issue(unit, token.account_id, token.device_id, family=token.family, until=until)

    issued = retried(exchange)
    if issued is None:
        raise SessionEnded("Please sign in again.")
    return issued


def _revoke_family(unit: Unit, family: UUID) -> None:
    unit.afterwards(forget_who)
    unit.session.execute(
        sa.update(Token)
        .where(Token.family == family, Token.revoked_at.is_(None))
        .values(revoked_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def sign_out(unit: Unit, family: UUID) -> None:
    """End a sign-in on all its tokens."""
    _revoke_family(unit, family)
