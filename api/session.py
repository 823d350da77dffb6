"""Sign-in at the REST door: tokens for phones and programs, cookies for the browser."""

from typing import Any

from flask import Response, g, make_response, request
from flask.views import MethodView

from api.doors import Blueprint, answer, check_csrf, current_actor, reads, settings
from api.limits import limiter
from core.actor import Actor
from core.errors import Invalid
from core.ids import hashed, new_secret
from core.unit import Unit, reading, unit_of_work
from people.models import Account
from people.queries import organisation_of
from people.schemas import AccountView, Refresh, SessionView, SignIn
from people.signin import ACCESS_LIFE, REFRESH_LIFE, SignedIn, refresh, sign_in, sign_out

blp = Blueprint(
    "session", __name__, url_prefix="/v1/session", description="Sign in, stay signed in, sign out."
)

REFRESH_PATH = "/v1/session"


def _whose() -> str:
    """Return whose door is being knocked at, so that many addresses together do not try one account faster."""
    body = request.get_json(silent=True)
    email = body.get("email") if isinstance(body, dict) else None
    return f"account:{hashed(str(email).strip().lower()).hex()}"


def account_view(unit: Unit, actor: Actor) -> dict[str, Any]:
    """Return who is signed in, with their company."""
    account = unit.must(Account, actor.account_id or unit.org_id, "No such account.")
    return {
        "id": account.id,
        "name": account.name,
        "email": account.email,
        "roles": account.roles,
        "language": account.language,
        "technician_id": actor.technician_id,
        "organisation": organisation_of(unit),
    }


def _answer(signed: SignedIn, *, cookies: bool) -> Response:
    with reading(signed.actor) as unit:
        shown: dict[str, Any] = {
            "account": account_view(unit, signed.actor),
            "expires_in": int(ACCESS_LIFE.total_seconds()),
        }
    if not cookies:
        shown |= {
            "access_token": signed.access_token,
            "refresh_token": signed.refresh_token,
            "csrf_token": None,
        }
        return answer(SessionView().dump(shown))
    csrf = new_secret()
    response = make_response(
        answer(
            SessionView().dump(
                shown | {"access_token": None, "refresh_token": None, "csrf_token": csrf}
            )
        )
    )
    secure = settings().secure_cookies
    life = int(REFRESH_LIFE.total_seconds())
    response.set_cookie(
        "fw_access",
        signed.access_token,
        max_age=int(ACCESS_LIFE.total_seconds()),
        httponly=True,
        secure=secure,
        samesite="Lax",
    )
    response.set_cookie(
        "fw_refresh",
        signed.refresh_token,
        max_age=life,
        httponly=True,
        secure=secure,
        samesite="Strict",
        path=REFRESH_PATH,
    )
    # Readable by our own page alone, which sends it back in a header.
    response.set_cookie(
        "fw_csrf", csrf, max_age=life, httponly=False, secure=secure, samesite="Strict"
    )
    return response


@blp.route("")
class Session(MethodView):
    """The present sign-in."""

    @blp.public
    @limiter.limit("30/minute;300/hour")
    @limiter.limit("10/minute;60/hour", key_func=_whose)
    @blp.arguments(SignIn)
    @blp.response(200, SessionView)
    def post(self, data: dict[str, Any]) -> Response:
        """Sign in with e-mail address and password."""
        signed = sign_in(
            data["email"], data["password"], device=data.get("device"), request_id=g.request_id
        )
        return _answer(signed, cookies=data["cookies"])

    @blp.response(200, AccountView)
    def get(self) -> dict[str, Any]:
        """Say who is signed in."""
        with reads() as unit:
            return account_view(unit, current_actor())

    @blp.response(204)
    def delete(self) -> Response:
        """Sign out: every token of this sign-in ends."""
        actor = current_actor()
        with unit_of_work(actor, action="session.end") as unit:
            sign_out(unit, g.family)
        response = Response(status=204)
        for name, path in (("fw_access", "/"), ("fw_refresh", REFRESH_PATH), ("fw_csrf", "/")):
            response.delete_cookie(name, path=path)
        return response


@blp.route("/refresh")
class SessionRefresh(MethodView):
    """A new pair of tokens for an old one."""

    @blp.public
    @limiter.limit("120/minute")
    @blp.arguments(Refresh)
    @blp.response(200, SessionView)
    def post(self, data: dict[str, Any]) -> Response:
        """Exchange the refresh token; each is good once."""
        given = data.get("refresh_token")
        cookies = given is None and "fw_refresh" in request.cookies
        if cookies:
            check_csrf()
            given = request.cookies["fw_refresh"]
        if not given:
            raise Invalid("A refresh token is needed.", fields={"refresh_token": ["Missing."]})
        return _answer(refresh(given), cookies=cookies)
