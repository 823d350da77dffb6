"""Visits at the REST door."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from api.doors import Blueprint, answer, check_version, performs, reads, settings
from api.pages import page_view
from core import files
from core.errors import NotFound
from core.shapes import page_of
from core.unit import Unit
from dispatch.offering import offers
from dispatch.questions import candidates
from dispatch.schemas import AskOffers, CandidatesDay, CandidatesView, OffersView
from dispatch.tracking import share_arrival
from people.permissions import require
from work import actions, queries
from work.models import Visit
from work.schemas import (
    Answer,
    Arrive,
    CompleteVisit,
    Decline,
    EditVisit,
    HoldVisit,
    InstalledPart,
    LinkView,
    NewPhoto,
    NewTime,
    PhotoView,
    Reason,
    SealSignOff,
    SignOffView,
    TimeEntryView,
    VisitFilter,
    VisitView,
)

blp = Blueprint(
    "visits", __name__, url_prefix="/v1/visits", description="The trips that orders take."
)


def _does(
    action: Callable[..., Visit], visit_id: UUID, data: dict[str, Any] | None = None
) -> Response:
    return performs(
        lambda unit: action(unit, visit_id, **(data or {})),
        VisitView,
        name=f"visit.{action.__name__}",
    )


@blp.route("")
class Visits(MethodView):
    """The visits."""

    @blp.arguments(VisitFilter, location="query")
    @blp.response(200, page_of(VisitView))
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """List visits by number."""
        with reads() as unit:
            return page_view(queries.visits(unit, **data))


def _edit(unit: Unit, visit_id: UUID, data: dict[str, Any]) -> Visit:
    check_version(queries.visit_for(unit, visit_id, change=True))
    return actions.edit_visit(unit, visit_id, **data)


@blp.route("/<uuid:visit_id>")
class OneVisit(MethodView):
    """One visit."""

    @blp.response(200, VisitView)
    def get(self, visit_id: UUID) -> Response:
        """Show a visit; its version is the ETag."""
        with reads() as unit:
            visit = queries.visit_for(unit, visit_id)
            return answer(VisitView().dump(visit), version=visit.version)

    @blp.arguments(EditVisit)
    @blp.response(200, VisitView)
    def patch(self, data: dict[str, Any], visit_id: UUID) -> Response:
        """Change who goes, when, or whether the plan may move it."""
        return performs(lambda unit: _edit(unit, visit_id, data), VisitView, name="visit.edit")


@blp.route("/<uuid:visit_id>/candidates")
class Candidates(MethodView):
    """Who could go."""

    @blp.arguments(CandidatesDay, location="query")
    @blp.response(200, CandidatesView)
    def get(self, data: dict[str, Any], visit_id: UUID) -> dict[str, Any]:
        """Rank the technicians: those who can take the visit by what it adds, and what stands against the others."""
        with reads() as unit:
            return candidates(unit, visit_id, day=data.get("day"))


@blp.route("/<uuid:visit_id>/offers")
class Offers(MethodView):
    """What could be promised."""

    @blp.arguments(AskOffers, location="query")
    @blp.response(200, OffersView)
    def get(self, data: dict[str, Any], visit_id: UUID) -> dict[str, Any]:
        """List windows that could be promised to the customer, each with what it adds to the plan, and with whom."""
        with reads() as unit:
            return offers(unit, visit_id, **data)


@blp.route("/<uuid:visit_id>/acceptance")
class Acceptance(MethodView):
    """A yes."""

    @blp.response(200, VisitView)
    def put(self, visit_id: UUID) -> Response:
        """Accept the visit."""
        return _does(actions.accept_visit, visit_id)


@blp.route("/<uuid:visit_id>/claim")
class Claim(MethodView):
    """A hand raised."""

    @blp.response(200, VisitView)
    def put(self, visit_id: UUID) -> Response:
        """Take a visit that nobody has been given."""
        return _does(actions.claim_visit, visit_id)


@blp.route("/<uuid:visit_id>/refusal")
class Refusal(MethodView):
    """A no."""

    @blp.arguments(Decline)
    @blp.response(200, VisitView)
    def put(self, data: dict[str, Any], visit_id: UUID) -> Response:
        """Decline the visit, and say why."""
        return _does(actions.decline_visit, visit_id, data)


@blp.route("/<uuid:visit_id>/travel")
class Travel(MethodView):
    """Setting out."""

    @blp.response(200, VisitView)
    def put(self, visit_id: UUID) -> Response:
        """Set out."""
        return _does(actions.start_travel, visit_id)


@blp.route("/<uuid:visit_id>/arrival")
class Arrival(MethodView):
    """Being there."""

    @blp.arguments(Arrive)
    @blp.response(200, VisitView)
    def put(self, data: dict[str, Any], visit_id: UUID) -> Response:
        """Arrive on site."""
        return _does(actions.arrive, visit_id, data)


@blp.route("/<uuid:visit_id>/start")
class Start(MethodView):
    """Beginning to work."""

    @blp.response(200, VisitView)
    def put(self, visit_id: UUID) -> Response:
        """Begin, or go on after a pause."""
        return _does(actions.start_work, visit_id)


@blp.route("/<uuid:visit_id>/hold")
class Hold(MethodView):
    """A standstill."""

    @blp.arguments(HoldVisit)
    @blp.response(200, VisitView)
    def put(self, data: dict[str, Any], visit_id: UUID) -> Response:
        """Let the work stand still, and say why."""
        return _does(actions.hold_visit, visit_id, data)


@blp.route("/<uuid:visit_id>/times")
class Times(MethodView):
    """How long what took."""

    @blp.response(200, page_of(TimeEntryView))
    def get(self, visit_id: UUID) -> dict[str, Any]:
        """List how the time on the visit was spent."""
        with reads() as unit:
            return {"items": queries.times_of(unit, visit_id), "next": None}

    @blp.arguments(NewTime)
    @blp.response(201, TimeEntryView)
    def post(self, data: dict[str, Any], visit_id: UUID) -> Response:
        """Note how long an engineer did what."""
        return performs(
            lambda unit: actions.add_time(unit, visit_id, **data),
            TimeEntryView,
            name="time.add",
            status=201,
        )


@blp.route("/<uuid:visit_id>/pause")
class Pause(MethodView):
    """An interruption."""

    @blp.arguments(Reason)
    @blp.response(200, VisitView)
    def put(self, data: dict[str, Any], visit_id: UUID) -> Response:
        """Interrupt the work, and say why."""
        return _does(actions.pause_visit, visit_id, data)


@blp.route("/<uuid:visit_id>/answers")
class Answers(MethodView):
    """The checklist."""

    @blp.arguments(Answer)
    @blp.response(200, VisitView)
    def put(self, data: dict[str, Any], visit_id: UUID) -> Response:
        """Answer one step of the checklist."""
        return _does(actions.answer_step, visit_id, data)


@blp.route("/<uuid:visit_id>/completion")
class Completion(MethodView):
    """The end of a visit."""

    @blp.arguments(CompleteVisit)
    @blp.response(200, VisitView)
    def put(self, data: dict[str, Any], visit_id: UUID) -> Response:
        """Complete the visit with what was found and done."""
        return _does(actions.complete_visit, visit_id, data)


@blp.route("/<uuid:visit_id>/parts")
class Parts(MethodView):
    """Parts used."""

    @blp.arguments(InstalledPart)
    @blp.response(200, VisitView)
    def post(self, data: dict[str, Any], visit_id: UUID) -> Response:
        """Note a part that went from the van into the machine."""

        def use(unit: Unit) -> Visit:
            actions.use_part(unit, visit_id, **data)
            return queries.visit_for(unit, visit_id)

        return performs(use, VisitView, name="part.consume")


@blp.route("/<uuid:visit_id>/photos")
class Photos(MethodView):
    """Pictures."""

    @blp.response(200, page_of(PhotoView))
    def get(self, visit_id: UUID) -> dict[str, Any]:
        """List the pictures of the visit."""
        with reads() as unit:
            queries.visit_for(unit, visit_id)
            return {"items": queries.photos_of(unit, visit_id), "next": None}

    @blp.arguments(NewPhoto)
    @blp.response(201, PhotoView)
    def post(self, data: dict[str, Any], visit_id: UUID) -> Response:
        """Note a picture; its bytes go to `/v1/files`."""
        return performs(
            lambda unit: actions.attach_photo(unit, visit_id, **data),
            PhotoView,
            name="photo.attach",
            status=201,
        )


@blp.route("/<uuid:visit_id>/sign-off")
class SignOff(MethodView):
    """What the customer signed."""

    @blp.response(200, SignOffView)
    def get(self, visit_id: UUID) -> Any:
        """Show the newest sign-off."""
        with reads() as unit:
            queries.visit_for(unit, visit_id)
            signoff = queries.signoff_of(unit, visit_id)
            if signoff is None:
                raise NotFound("Nobody has signed this visit off yet.")
            return signoff

    @blp.arguments(SealSignOff)
    @blp.response(200, SignOffView)
    def put(self, data: dict[str, Any], visit_id: UUID) -> Response:
        """Seal what was shown and signed."""
        return performs(
            lambda unit: actions.seal_signoff(unit, visit_id, **data),
            SignOffView,
            name="signoff.seal",
        )


@blp.route("/<uuid:visit_id>/report-link")
class ReportLink(MethodView):
    """The customer's way to the report."""

    @blp.response(201, LinkView)
    def post(self, visit_id: UUID) -> Response:
        """Make a link for the customer; an older one stops working."""

        def share(unit: Unit) -> dict[str, str]:
            return {"url": f"{settings().public_url}/s/{actions.share_report(unit, visit_id)}"}

        return performs(share, LinkView, name="report.share", status=201)


@blp.route("/<uuid:visit_id>/arrival-link")
class ArrivalLink(MethodView):
    """The customer's way to see when somebody comes."""

    @blp.response(201, LinkView)
    def post(self, visit_id: UUID) -> Response:
        """Make a link for the customer; those made before go on working."""

        def share(unit: Unit) -> dict[str, str]:
            return {"url": f"{settings().public_url}/e/{share_arrival(unit, visit_id)}"}

        return performs(share, LinkView, name="arrival.share", status=201)


@blp.route("/<uuid:visit_id>/report.pdf")
class Report(MethodView):
    """The service report."""

    @blp.response(200, content_type="application/pdf")
    def get(self, visit_id: UUID) -> Response:
        """Fetch the sealed service report."""
        with reads() as unit:
            require(unit.actor, "report.read")
            queries.visit_for(unit, visit_id)
            signoff = queries.signoff_of(unit, visit_id)
            if signoff is None or signoff.report_sha256 is None:
                raise NotFound("The report is not ready yet.")
            try:
                content = files.bound().read(unit.org_id, signoff.report_sha256)
            except FileNotFoundError:
                raise NotFound("The report is not ready yet.") from None
        return Response(
            content,
            mimetype="application/pdf",
            headers={"Content-Disposition": "inline; filename=report.pdf"},
        )
