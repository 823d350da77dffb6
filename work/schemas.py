"""Shapes of requests, orders, visits and what hangs on them."""

from typing import Any

import marshmallow as ma

from core.shapes import (
    Paged,
    Shape,
    anything,
    date_,
    flag,
    ident,
    listed,
    mapped,
    moment,
    nested,
    number,
    real,
    text,
)
from work.models import (
    HoldReason,
    OrderKind,
    OrderState,
    PhotoState,
    RequestState,
    TimeKind,
    VisitState,
)

SHA256 = "^[0-9a-f]{64}$"
STEP_KINDS = ("check", "number", "text", "choice")
# Why work stands still on site: all that holds an order, but for the office's own change of mind.
ON_SITE_REASONS = tuple(r.value for r in HoldReason if r is not HoldReason.REPRIORITISED)
OUTCOMES = ("completed", "partially_completed", "could_not_complete")


class OrderSkill(Shape):
    """A skill an order asks for, and at which level."""

    code = text(required=True, most=40)
    level = number(default=1, least=1, most=5)


class OrderPart(Shape):
    """A part an order will need."""

    part_id = ident(required=True)
    qty = number(default=1, least=1, most=10_000)


class Step(Shape):
    """One step of a checklist."""

    key = text(required=True, most=60)
    label = mapped(text(most=300), required=True)
    kind = text(required=True, one_of=STEP_KINDS)
    required = flag(default=False)
    unit = text(none=True, most=20)
    min = real(none=True)
    max = real(none=True)
    choices = listed(text(most=100), none=True, most=50)


class SlaSegment(Shape):
    """A stretch of time in which a promise's clock ran, was paused, or was out of hours."""

    since = moment()
    until = moment()
    state = text()
    reason = text(none=True)


class SlaView(Shape):
    """A promise's clock: when it falls due, and which stretches made that so."""

    due_at = moment()
    warn_at = moment(none=True)
    breached_at = moment(none=True)
    met_at = moment(none=True)
    segments = listed(SlaSegment)


class OrderView(Shape):
    """A work order."""

    id = ident()
    version = number()
    no = text()
    title = text()
    description = text()
    kind = text(one_of=[k.value for k in OrderKind])
    priority = number(least=1, most=4)
    state = text(one_of=[s.value for s in OrderState])
    hold_reason = text(none=True)
    asset_id = ident(none=True)
    site_id = ident()
    customer_id = ident()
    symptom = text(none=True)
    skills = listed(OrderSkill)
    parts = listed(OrderPart)
    duration_min = number()
    window_from = moment(none=True)
    window_to = moment(none=True)
    due_at = moment(none=True)
    sla = nested(SlaView, none=True)
    checklist = listed(Step)
    opened_at = moment()
    first_completed_at = moment(none=True)
    closed_at = moment(none=True)


class _OrderPlan(Shape):
    """What the office decides about an order."""

    title = text(least=1, most=300)
    description = text()
    priority = number(least=1, most=4)
    duration_min = number(least=1, most=7 * 24 * 60)
    skills = listed(OrderSkill, most=20)
    parts = listed(OrderPart, most=100)
    window_from = moment(none=True)
    window_to = moment(none=True)

    @ma.validates_schema
    def _window(self, data: dict[str, object], **_: object) -> None:
        start, end = data.get("window_from"), data.get("window_to")
        if start is not None and end is not None and not start < end:  # type: ignore[operator]
            raise ma.ValidationError("The window must end after it begins.", "window_to")


class NewOrder(_OrderPlan):
    """What it takes to open an order: a machine or a site, and what to do."""

    id = ident()
    title = text(required=True, most=300)
    kind = text(default="corrective", one_of=[k.value for k in OrderKind])
    asset_id = ident(none=True)
    site_id = ident(none=True)
    checklist = listed(Step, none=True, most=200)


class OpenOrder(Shape):
    """An order that an engineer opens on site; `visit_id` when they see to it at once."""

    title = text(required=True, most=300)
    description = text(default="")
    kind = text(default="corrective", one_of=[k.value for k in OrderKind])
    priority = number(default=3, least=1, most=4)
    asset_id = ident(none=True)
    site_id = ident(none=True)
    visit_id = ident(none=True)


class FromRequest(_OrderPlan):
    """What the dispatcher adds when a request becomes an order."""

    id = ident()
    checklist = listed(Step, none=True, most=200)


class EditOrder(_OrderPlan):
    """What may change about an order."""


class Reason(Shape):
    """Why."""

    reason = text(required=True, most=500)


class HoldIn(Shape):
    """Why an order has to wait."""

    reason = text(required=True, one_of=[r.value for r in HoldReason])


class OrderFilter(Paged):
    """Which orders."""

    state = text(one_of=[s.value for s in OrderState])
    open = text(one_of=["true", "false"])
    asset_id = ident()
    customer_id = ident()
    search = text(most=200)


class PhotoName(Shape):
    """A picture, by its content."""

    sha256 = text()


class RequestView(Shape):
    """What somebody reported."""

    id = ident()
    version = number()
    no = text()
    asset_id = ident()
    asset_name = text()
    symptom = text()
    reporter_name = text(none=True)
    reporter_phone = text(none=True)
    language = text()
    state = text(one_of=[s.value for s in RequestState])
    confirmations = number()
    order_id = ident(none=True)
    rejection = text(none=True)
    photos = listed(PhotoName)
    created_at = moment()
    # Last, because from here on the name means the field.
    text = text()


class NewRequest(Shape):
    """What it takes to report a fault from inside the house."""

    id = ident()
    asset_id = ident(required=True)
    symptom = text(required=True, most=60)
    reporter_name = text(none=True, most=200)
    reporter_phone = text(none=True, most=60)
    text = text(default="", most=4000)


class RequestFilter(Paged):
    """Which requests."""

    state = text(one_of=[s.value for s in RequestState])


class VisitHold(Shape):
    """Why a visit stands still, in a word and as the engineer put it, and since when."""

    reason = text(one_of=ON_SITE_REASONS)
    since = moment()
    # Last, because from here on the name means the field.
    text = text(none=True)


class VisitView(Shape):
    """One trip of one person to one site for one order."""

    id = ident()
    version = number()
    no = text()
    order_id = ident()
    technician_id = ident(none=True)
    state = text(one_of=[s.value for s in VisitState])
    day = date_(none=True)
    arrives_at = moment(none=True)
    departs_at = moment(none=True)
    travel_s = number(none=True)
    position = number(none=True)
    duration_min = number()
    window_from = moment(none=True)
    window_to = moment(none=True)
    locked = flag()
    hold = nested(VisitHold, none=True)
    outcome_reason = text(none=True)
    findings = text(none=True)
    failure_mode = text(none=True)
    cause = text(none=True)
    remedy = text(none=True)
    answers = mapped(anything(none=True))
    no_parts_used = flag()
    travel_started_at = moment(none=True)
    arrived_at = moment(none=True)
    work_started_at = moment(none=True)
    completed_at = moment(none=True)
    needs_review = flag()
    signoff_id = ident(none=True)


class VisitFilter(Paged):
    """Which visits."""

    day = date_()
    technician_id = ident()
    order_id = ident()


class EditVisit(Shape):
    """What the office decides about a visit."""

    technician_id = ident(none=True)
    day = date_(none=True)
    arrives_at = moment(none=True)
    duration_min = number(least=1, most=24 * 60)
    window_from = moment(none=True)
    window_to = moment(none=True)
    locked = flag()
    start_locked = flag()


class Decline(Shape):
    """Why a technician does not take a visit."""

    reason = text(required=True, most=500)


class HoldVisit(Shape):
    """Why the work on site stands still."""

    reason = text(required=True, one_of=ON_SITE_REASONS)
    text = text(none=True, most=500)


class Arrive(Shape):
    """Where the technician arrived, when they share it."""

    lat = real(none=True, least=-90, most=90)
    lng = real(none=True, least=-180, most=180)


class Answer(Shape):
    """One answer of the checklist."""

    key = text(required=True, most=60)
    value = anything(none=True)


class InstalledPart(Shape):
    """A part that went from the van into the machine."""

    id = ident(required=True)
    part_id = ident(required=True)
    qty = number(required=True, least=1, most=1_000_000)
    code = text(none=True, most=200)


class CompleteVisit(Shape):
    """What the technician found and did."""

    outcome = text(default="completed", one_of=OUTCOMES)
    reason = text(none=True, most=500)
    findings = text(required=True)
    failure_mode = text(none=True, most=60)
    cause = text(none=True, most=60)
    remedy = text(none=True, most=60)
    answers = mapped(anything(none=True))
    parts = listed(InstalledPart, most=200)
    no_parts_used = flag(default=False)


class CommentView(Shape):
    """What somebody said about an order."""

    id = ident()
    version = number()
    order_id = ident()
    author = text()
    at = moment()
    text = text()


class NewComment(Shape):
    """What somebody says about an order."""

    id = ident()
    text = text(required=True, most=10_000)


class ReadingView(Shape):
    """What a meter of a machine showed."""

    id = ident()
    version = number()
    asset_id = ident()
    visit_id = ident(none=True)
    meter = text()
    value = real()
    unit = text()
    at = moment()
    by = text()


class NewReading(Shape):
    """What a meter shows."""

    id = ident()
    meter = text(required=True, most=60)
    value = real(required=True, least=-1e15, most=1e15)
    unit = text(required=True, most=20)
    visit_id = ident(none=True)

    @ma.post_load
    def _named(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        # Inside the house `unit` is the unit of work.
        return data | {"measured_in": data.pop("unit")}


class TimeEntryView(Shape):
    """A stretch of an engineer's time on a visit."""

    id = ident()
    version = number()
    visit_id = ident()
    order_id = ident()
    technician_id = ident()
    kind = text(one_of=[k.value for k in TimeKind])
    begun_at = moment()
    ended_at = moment()
    note = text(none=True)


class NewTime(Shape):
    """How long an engineer did what."""

    id = ident()
    kind = text(required=True, one_of=[k.value for k in TimeKind])
    begun_at = moment(required=True)
    ended_at = moment(required=True)
    note = text(none=True, most=2000)


class PartUseView(Shape):
    """A part that went into a machine on a visit."""

    id = ident()
    version = number()
    visit_id = ident()
    order_id = ident()
    part_id = ident()
    qty = number()
    code = text(none=True)
    used_at = moment()


class NewPhoto(Shape):
    """A picture taken on site; its bytes may come later."""

    id = ident()
    sha256 = text(required=True, pattern=SHA256)
    kind = text(default="other", one_of=["before", "after", "damage", "other"])
    taken_at = moment()


class PhotoView(Shape):
    """A picture taken on site."""

    id = ident()
    version = number()
    order_id = ident()
    visit_id = ident(none=True)
    sha256 = text()
    kind = text()
    taken_at = moment()
    state = text(one_of=[s.value for s in PhotoState])


class Signature(Shape):
    """A drawn signature: strokes of `[x, y, milliseconds]`, and who drew them."""

    name = text(required=True, most=200)
    relation = text(default="", most=100)
    strokes = listed(listed(listed(real(), most=4), most=5000), required=True, most=500)
    signed_at = moment(required=True)


class Refusal(Shape):
    """Why nobody signed."""

    reason = text(required=True, most=500)


class SealSignOff(Shape):
    """What was on the screen, its hash as the phone took it, and the signature or why there is none."""

    id = ident(required=True)
    manifest = mapped(anything(none=True), required=True)
    manifest_sha256 = text(required=True, pattern=SHA256)
    signature = nested(Signature, none=True)
    refusal = nested(Refusal, none=True)


class SignOffDoc(Shape):
    """A sealed sign-off as phones hold it: who signed what and when, without the strokes."""

    id = ident()
    version = number()
    visit_id = ident()
    order_id = ident()
    number = number()
    manifest_sha256 = text()
    signer_name = text(none=True)
    refusal = text(none=True)
    sealed_at_device = moment()
    verdict = text(none=True)


class SignOffView(Shape):
    """A sealed sign-off."""

    id = ident()
    visit_id = ident()
    order_id = ident()
    number = number()
    manifest_sha256 = text()
    signer_name = text(none=True)
    signer_relation = text(none=True)
    refusal = text(none=True)
    language = text()
    sealed_at_device = moment()
    received_at = moment()
    report_sha256 = text(none=True)
    verdict = text(none=True)
    rating = anything(none=True)


class LinkView(Shape):
    """An address to give to the customer; it is shown this once."""

    url = text()


class AttentionView(Shape):
    """Something a person has to look at."""

    id = ident()
    version = number()
    kind = text()
    entity = text()
    entity_id = ident()
    mutation_id = ident(none=True)
    field = text(none=True)
    office_value = anything(none=True)
    phone_value = anything(none=True)
    message = text()
    messages = mapped(text())
    state = text()
    created_at = moment()


class MatterOf(Shape):
    """What a matter is about, where that is known: the order or the thing, where it is, and whose word it is."""

    order_id = ident(none=True)
    order_no = text(none=True)
    title = text(none=True)
    customer_name = text(none=True)
    site_name = text(none=True)
    technician_name = text(none=True)


class AttentionDetail(AttentionView):
    """Something a person has to look at, with the words that the office needs; phones hold the rows themselves."""

    about = nested(MatterOf, none=True)


class Settlement(Shape):
    """Which side a person keeps."""

    keep = text(required=True, one_of=["office", "phone"])
    note = text(none=True, most=1000)


class Retry(Shape):
    """What to say instead of what the phone said; left out, it is said again as it was."""

    args = mapped(anything(none=True), none=True)


class TimelineItem(Shape):
    """One thing that happened to an order."""

    at = moment()
    kind = text()
    who = text()
    what = text()
    details = anything(none=True)
