"""The pages of people without an account: a machine's page behind its code, a report's status, the service report.

Server-rendered, working without scripts, small. A page shows what its reader needs and nothing
more; an unknown, a void and a foreign code get the same answer.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from api.codes import qr_svg
from api.doors import settings
from api.limits import limiter
from assets.models import Asset, CodeLevel, Customer
from assets.queries import asset_behind, failure_codes
from core import clock, files
from core.actor import Actor
from core.database import retried
from core.errors import DomainError, Invalid, NotFound
from core.ids import hashed, new_id, typed_label
from core.languages import LANGUAGES, best, say
from core.pictures import stripped_picture
from core.receipts import Receipt, earlier, fingerprint
from core.unit import Unit, perform, reading, unit_of_work
from dispatch.tracking import arrival_of, visit_behind
from people import doors
from people.queries import organisation_of
from work.actions import give_verdict, report_fault
from work.models import (
    WAITING,
    Confirmation,
    Request,
    RequestState,
    SignOff,
    Visit,
    VisitState,
    WorkOrder,
)
from work.reports import signed_by_link, summary

blp = Blueprint("public", __name__)

# A crowd around one machine is real; a crowd from one address is not.
PER_ADDRESS = "5/minute;40/hour"
PER_MACHINE = "30/hour"
MOST_PHOTOS = 3
BIGGEST_PHOTO = 8 * 1024 * 1024
# Long enough to see the answer, short enough that a link found later says little.
REPORT_SHOWN = timedelta(days=400)


def _language(default: str = "en") -> str:
    asked = request.args.get("lang") or request.form.get("lang")
    return asked if asked in LANGUAGES else best(request.headers.get("Accept-Language"), default)


def _door(kind: str, secret: str, unknown: str = "This code is not known.") -> UUID:
    org_id = doors.behind(kind, secret) if len(secret) <= 100 else None
    if org_id is None:
        raise NotFound(unknown)
    return org_id


def _page(template: str, status: int = 200, **values: Any) -> Response:
    language = values["language"] = values.get("language") or _language()

    def t(sentence: str, **details: Any) -> str:
        return say(sentence, language, details)

    other = next(one for one in LANGUAGES if one != language)
    response = make_response(render_template(template, t=t, other=other, **values), status)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return response


@blp.errorhandler(DomainError)
def refused(error: DomainError) -> Response:
    """Say no on a page, in the reader's language."""
    status = (
        404 if isinstance(error, NotFound) else 429 if error.code == "too_many_requests" else 422
    )
    return _page("message.html", status, title=error.message, details=error.details)


@blp.errorhandler(429)
def too_many(_: Exception) -> Response:
    """Ask for patience on a page."""
    return _page("message.html", 429, title="Too many requests. Please wait a moment.", details={})


@blp.errorhandler(413)
def too_large(_: Exception) -> Response:
    """Say on a page that the photo is too large."""
    # The form, with the language in it, is what was too large to be read.
    language = request.args.get("lang")
    if language not in LANGUAGES:
        language = best(request.headers.get("Accept-Language"))
    return _page(
        "message.html", 413, language=language, title="The picture is too large.", details={}
    )


def _machine(unit: Unit, token: str) -> dict[str, Any]:
    asset, _ = asset_behind(unit, token)
    organisation = organisation_of(unit)
    symptoms = list(failure_codes(unit, CodeLevel.SYMPTOM, asset.kind))
    return {
        "name": asset.public_name,
        "kind": asset.kind,
        "organisation": organisation.name,
        "symptoms": [(code.code, code.label) for code in symptoms],
        "open_report": _open_since(unit, asset),
        "default": organisation.language,
    }


def _open_since(unit: Unit, asset: Asset) -> Any:
    """Return when something was reported that is still open, so that people need not report it again."""
    query = (
        select(Request.created_at)
        .where(
            Request.asset_id == asset.id,
            Request.state.in_((RequestState.SUBMITTED, RequestState.TRIAGED)),
        )
        .order_by(Request.created_at.desc())
        .limit(1)
    )
    return unit.session.scalar(query)


@blp.get("/q/<token>")
@limiter.limit("60/minute")
def machine(token: str) -> Response:
    """Show a machine's page with the form to report a fault."""
    org_id = _door("tag", typed_label(token))
    with reading(Actor.public(org_id)) as unit:
        shown = _machine(unit, token)
    return _page(
        "machine.html",
        language=_language(shown["default"]),
        token=token,
        form_id=new_id(),
        errors={},
        given={},
        **shown,
    )


@blp.post("/q/<token>")
@limiter.limit(PER_ADDRESS)
@limiter.limit(
    PER_MACHINE,
    key_func=lambda: f"machine:{typed_label(str((request.view_args or {}).get('token', '')))}",
)
def report(token: str) -> ResponseReturnValue:
    """Take a fault report; the same form sent twice is one report."""
    org_id = _door("tag", typed_label(token))
    language = _language()
    actor = Actor.public(org_id, language).with_request(g.request_id)
    with reading(actor) as unit:
        shown = _machine(unit, token)
        asset_id = asset_behind(unit, token)[0].id
    given = {
        name: request.form.get(name, "").strip()
        for name in ("symptom", "text", "name", "phone", "form_id")
    }
    errors = _wrong(given, {code for code, _ in shown["symptoms"]})
    if request.form.get("website"):
        # People do not see this field; programs fill everything in.
        errors["text"] = "Please leave the hidden field empty."
    photos = []
    try:
        photos = _photos()
    except Invalid as error:
        errors["photo"] = error.message
    if errors:
        return _page(
            "machine.html",
            422,
            language=language,
            token=token,
            form_id=given["form_id"] or new_id(),
            errors=errors,
            given=given,
            **shown,
        )
    kept = [files.bound().keep(org_id, photo) for photo in photos]
    secret = retried(lambda: _take(actor, asset_id, given, kept, language))
    return redirect(url_for("public.status", secret=secret, lang=language), 303)


def _wrong(given: dict[str, str], symptoms: set[str]) -> dict[str, str]:
    errors: dict[str, str] = {}
    if given["symptom"] not in symptoms:
        errors["symptom"] = "Please choose what is wrong."
    limits = {"text": 4000, "name": 200, "phone": 60, "form_id": 60}
    for name, most in limits.items():
        if len(given[name]) > most or "\x00" in given[name]:
            errors[name] = "This is too long."
    return errors


def _photos() -> list[bytes]:
    photos = []
    for upload in request.files.getlist("photo")[:MOST_PHOTOS]:
        content = upload.read(BIGGEST_PHOTO + 1)
        if not content:
            continue
        if len(content) > BIGGEST_PHOTO:
            raise Invalid("The picture is too large.")
        photos.append(stripped_picture(content))
    return photos


def _take(
    actor: Actor, asset_id: UUID, given: dict[str, str], photos: list[str], language: str
) -> str:
    with unit_of_work(actor, action="request.add") as unit:
        print_ = fingerprint([given, photos])
        key = given["form_id"]
        if key and (receipt := earlier(unit, asset_id, f"form:{key}", print_)):
            return receipt.answer.decode()
        asset = unit.must(Asset, asset_id, "No such machine.")
        _, secret = report_fault(
            unit,
            asset,
            symptom=given["symptom"],
            text=given["text"],
            reporter_name=given["name"] or None,
            reporter_phone=given["phone"] or None,
            language=language,
            photos=photos,
        )
        if key:
            unit.add(
                Receipt(
                    sender_id=asset_id,
                    key=f"form:{key}",
                    type="request.add",
                    fingerprint=print_,
                    status="applied",
                    answer=secret.encode(),
                    happened_at=unit.happened_at,
                    received_at=clock.now(),
                )
            )
        return secret


def _behind_status(unit: Unit, secret: str) -> tuple[Request, bool]:
    """Return the report behind a status link, and whether its reader joined it."""
    found = unit.session.scalar(select(Request).where(Request.status_hash == hashed(secret)))
    if found is not None:
        return found, False
    joined = unit.session.scalar(
        select(Confirmation).where(Confirmation.status_hash == hashed(secret))
    )
    if joined is None:
        raise NotFound("This link is not known.")
    return unit.must(Request, joined.request_id, "This link is not known."), True


@blp.get("/r/<secret>")
@limiter.limit("60/minute")
def status(secret: str) -> Response:
    """Show what has become of a report."""
    org_id = _door("status", secret)
    with reading(Actor.public(org_id)) as unit:
        found, joined = _behind_status(unit, secret)
        asset = unit.must(Asset, found.asset_id, "No such machine.")
        organisation = organisation_of(unit)
        order = unit.get(WorkOrder, found.order_id) if found.order_id else None
        visit = _visit(unit, order)
        shown: dict[str, Any] = {
            "no": found.no,
            "joined": joined,
            "machine": asset.public_name,
            "organisation": organisation.name,
            "rejection": found.rejection,
            "step": _step(order, visit),
            "arrival": _arrival(unit, visit, _language(organisation.language)),
            "confirmations": found.confirmations,
            "reported_at": found.created_at.astimezone(ZoneInfo(organisation.timezone)),
        }
        default = organisation.language
    return _page("status.html", language=_language(default), **shown)


STEPS = ("reported", "accepted", "scheduled", "under_way", "done")


def _visit(unit: Unit, order: WorkOrder | None) -> Visit | None:
    if order is None:
        return None
    return unit.session.scalar(
        select(Visit).where(Visit.order_id == order.id).order_by(Visit.no.desc()).limit(1)
    )


def _step(order: WorkOrder | None, visit: Visit | None) -> int:
    if order is None or visit is None:
        return 0
    if order.state.value in ("work_done", "verified", "closed"):
        return 4
    if visit.travel_started_at is not None:
        return 3
    return 2 if visit.day is not None and visit.technician_id is not None else 1


def _arrival(unit: Unit, visit: Visit | None, language: str) -> dict[str, Any] | None:
    """Return when somebody comes, once the visit is more than a plan of the office's own."""
    if visit is None or visit.technician_id is None or visit.state is VisitState.CANCELLED:
        return None
    firm = {VisitState.DISPATCHED, VisitState.ACCEPTED, VisitState.CONFIRMED}
    if visit.state in WAITING - firm or visit.completed_at is not None:
        return None
    return arrival_of(unit, visit, language)


@blp.get("/e/<secret>")
@limiter.limit("60/minute")
def arrival(secret: str) -> Response:
    """Show a customer when somebody comes."""
    org_id = _door("arrival", secret, "This link is not known.")
    with reading(Actor.public(org_id)) as unit:
        visit = visit_behind(unit, secret)
        organisation = organisation_of(unit)
        order = unit.must(WorkOrder, visit.order_id, "This link is not known.")
        customer = unit.must(Customer, order.customer_id, "This link is not known.")
        default = customer.language if customer.language in LANGUAGES else organisation.language
        language = _language(default)
        shown = arrival_of(unit, visit, language)
        name = organisation.name
    return _page("arrival.html", language=language, organisation=name, arrival=shown)


def _signed(unit: Unit, secret: str) -> SignOff:
    signoff = signed_by_link(unit, hashed(secret))
    if clock.now() - signoff.received_at > REPORT_SHOWN:
        raise NotFound("This link is not known.")
    return signoff


def _report_page(secret: str, status_: int = 200, said: str = "") -> Response:
    org_id = _door("report", secret)
    with reading(Actor.public(org_id)) as unit:
        signoff = _signed(unit, secret)
        shown: dict[str, Any] = summary(unit, signoff)
        organisation = organisation_of(unit).name
        language = signoff.language if signoff.language in LANGUAGES else "en"
    return _page(
        "report.html",
        status_,
        language=_language(language),
        secret=secret,
        organisation=organisation,
        said=said,
        **shown,
    )


@blp.get("/s/<secret>")
@limiter.limit("60/minute")
def service_report(secret: str) -> Response:
    """Show a finished job to the customer. Looking saves nothing: mail scanners open every link."""
    return _report_page(secret)


@blp.get("/s/<secret>/report.pdf")
@limiter.limit("30/minute")
def report_file(secret: str) -> Response:
    """Give the customer the sealed report."""
    org_id = _door("report", secret)
    with reading(Actor.public(org_id)) as unit:
        signoff = _signed(unit, secret)
        if signoff.report_sha256 is None:
            raise NotFound("The report is not ready yet.")
        try:
            content = files.bound().read(org_id, signoff.report_sha256)
        except FileNotFoundError:
            raise NotFound("The report is not ready yet.") from None
    headers = {"Content-Disposition": "inline; filename=report.pdf", "Cache-Control": "no-store"}
    return Response(content, mimetype="application/pdf", headers=headers)


@blp.post("/s/<secret>")
@limiter.limit("10/minute")
def verdict(secret: str) -> ResponseReturnValue:
    """Take the customer's word: confirmed or disputed, and a rating."""
    org_id = _door("report", secret)
    said = request.form.get("verdict", "")
    rating = request.form.get("rating", "")
    text = request.form.get("text", "").strip()[:4000].replace("\x00", "")
    if said not in ("confirmed", "disputed") or rating not in ("", "1", "2", "3", "4", "5"):
        return _report_page(secret, 422, "Please choose an answer.")
    actor = Actor.public(org_id, _language()).with_request(g.request_id)

    def take(unit: Unit) -> None:
        give_verdict(
            unit,
            _signed(unit, secret).id,
            verdict=said,
            rating=int(rating) if rating else None,
            text=text or None,
        )

    try:
        perform(actor, take, name="signoff.verdict")
    except DomainError as error:
        return _report_page(secret, 409, error.message)
    return redirect(url_for("public.service_report", secret=secret, lang=_language()), 303)


@blp.get("/check/<sha256>")
@limiter.limit("30/minute")
def check(sha256: str) -> Response:
    """Tell the holder of a paper whether we sealed a report of this number; the number alone opens nothing."""
    org_id = _door("check", sha256)
    with reading(Actor.public(org_id)) as unit:
        organisation = organisation_of(unit)
        sealed_at = unit.session.scalar(
            select(SignOff.received_at)
            .where(SignOff.manifest_sha256 == sha256)
            .order_by(SignOff.number)
            .limit(1)
        )
    if sealed_at is None:
        raise NotFound("This code is not known.")
    day = sealed_at.astimezone(ZoneInfo(organisation.timezone)).strftime("%Y-%m-%d")
    details = {"organisation": organisation.name, "day": day}
    return _page(
        "message.html",
        title="{organisation} sealed this report on {day}.",
        details=details,
        sha256=sha256,
    )


@blp.get("/q/<token>/code.svg")
@limiter.limit("30/minute")
def code(token: str) -> Response:
    """Draw the label of a machine's page."""
    org_id = _door("tag", typed_label(token))
    with reading(Actor.public(org_id)) as unit:
        asset_behind(unit, token)
    return qr_svg(f"{settings().public_url}/q/{typed_label(token)}")
