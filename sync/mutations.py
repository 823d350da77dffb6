"""What a phone may say, and which action each saying is.

A fact is what happened on site: never refused. An intent is a wish, and may be.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import marshmallow as ma

from core.errors import Invalid
from core.shapes import Shape
from core.unit import Saying, Unit
from parts.actions import receive_slip
from parts.schemas import ReceiveSlip
from sync.schemas import messages_of
from work import actions as work
from work.models import Visit, WorkOrder
from work.schemas import (
    Answer,
    Arrive,
    CompleteVisit,
    Decline,
    EditOrder,
    HoldVisit,
    InstalledPart,
    NewComment,
    NewPhoto,
    NewReading,
    NewTime,
    OpenOrder,
    SealSignOff,
    Settlement,
)


@dataclass(frozen=True, slots=True)
class Mutation:
    """One kind of saying.

    `subject` names the argument that holds the id of the row spoken of; `entity` says which class
    it is. `merged` are the fields that are merged one by one against the version the phone saw, and
    whose value stands where both sides changed one: the office's, or text of both.

    `gather` reads together what a group of such mutations will ask for, of one phone or of several. An action with one does no harm when it fails: it checks all before it changes
    anything, or is done again behind a savepoint. `clocked` are arguments that were read off the
    phone's clock, and are put right with it.
    """

    subject: str
    entity: str
    shape: type[Shape]
    action: Callable[..., Any]
    fact: bool = True
    makes_id: bool = False
    merged: dict[str, str] = field(default_factory=dict)
    gather: Callable[[Unit, list[Saying]], None] | None = None
    clocked: tuple[str, ...] = ()


class Nothing(Shape):
    """No arguments but the subject."""


MUTATIONS: dict[str, Mutation] = {
    "visit.accept": Mutation("visit_id", "visit", Nothing, work.accept_visit, fact=False),
    "visit.claim": Mutation("visit_id", "visit", Nothing, work.claim_visit, fact=False),
    "visit.decline": Mutation("visit_id", "visit", Decline, work.decline_visit, fact=False),
    "visit.travel": Mutation("visit_id", "visit", Nothing, work.start_travel),
    "visit.arrive": Mutation("visit_id", "visit", Arrive, work.arrive),
    "visit.start": Mutation("visit_id", "visit", Nothing, work.start_work),
    "visit.hold": Mutation("visit_id", "visit", HoldVisit, work.hold_visit),
    "visit.answer": Mutation("visit_id", "visit", Answer, work.answer_step),
    "visit.complete": Mutation(
        "visit_id",
        "visit",
        CompleteVisit,
        work.complete_visit,
        gather=work.expect_completions,
    ),
    "part.consume": Mutation("visit_id", "visit", InstalledPart, work.use_part, makes_id=True),
    "comment.add": Mutation(
        "order_id",
        "work_order",
        NewComment,
        work.add_comment,
        makes_id=True,
        gather=work.expect_comments,
    ),
    "reading.add": Mutation(
        "asset_id",
        "asset",
        NewReading,
        work.add_reading,
        makes_id=True,
        gather=work.expect_readings,
    ),
    "time.add": Mutation(
        "visit_id",
        "visit",
        NewTime,
        work.add_time,
        makes_id=True,
        gather=work.expect_times,
        clocked=("begun_at", "ended_at"),
    ),
    "photo.attach": Mutation("visit_id", "visit", NewPhoto, work.attach_photo, makes_id=True),
    "signoff.seal": Mutation("visit_id", "visit", SealSignOff, work.seal_signoff, makes_id=True),
    "slip.receive": Mutation("slip_id", "issue_slip", ReceiveSlip, receive_slip),
    "attention.settle": Mutation(
        "attention_id", "attention", Settlement, work.settle_attention, fact=False
    ),
    "order.open": Mutation(
        "order_id", "work_order", OpenOrder, work.open_order_on_site, fact=False
    ),
    "order.edit": Mutation(
        "order_id",
        "work_order",
        EditOrder,
        work.edit_order,
        fact=False,
        merged={
            "title": "office",
            "priority": "office",
            "duration_min": "office",
            "window_from": "office",
            "window_to": "office",
            "description": "both",
        },
    ),
}


def arguments(
    mutation: Mutation, said: dict[str, Any], own_id: UUID
) -> tuple[UUID, dict[str, Any]]:
    """Return the subject's id and the checked arguments; `own_id` serves where a new row was given none.

    Raises Invalid with what is wrong where.
    """
    args = dict(said)
    try:
        subject = UUID(str(args.pop(mutation.subject)))
    except (KeyError, ValueError) as error:
        raise Invalid(
            "Some fields are missing or make no sense.",
            fields={mutation.subject: ["Not a valid UUID."]},
        ) from error
    if mutation.makes_id and args.get("id") is None:
        args["id"] = str(own_id)
    try:
        return subject, _tolerant(mutation.shape).load(args)
    except ma.ValidationError as error:
        fields = messages_of(error)
        raise Invalid("Some fields are missing or make no sense.", fields=fields) from error


@functools.cache
def _tolerant(shape: type[Shape]) -> Shape:
    """Return the shape's one instance that lets unknown fields pass; to build one takes longer than to use it."""
    return shape(unknown=ma.EXCLUDE)


MODELS = {"visit": Visit, "work_order": WorkOrder}
