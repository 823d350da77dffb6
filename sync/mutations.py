"""What a phone may say, and which action each saying is.

A fact is what happened on site: never refused. An intent is a wish, and may be.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from core.shapes import Shape
from core.unit import Unit
from parts.actions import receive_slip
from parts.schemas import ReceiveSlip
from work import actions as work
from work.models import Visit, WorkOrder
from work.schemas import (
    Answer,
    Arrive,
    CompleteVisit,
    Decline,
    EditOrder,
    InstalledPart,
    NewComment,
    NewPhoto,
    Reason,
    SealSignOff,
)


@dataclass(frozen=True, slots=True)
class Mutation:
    """One kind of saying.

    `subject` names the argument that holds the id of the row spoken of; `entity` says which class
    it is. `merged` are the fields that are merged one by one against the version the phone saw, and
    whose value stands where both sides changed one: the office's, or text of both.

    `gather` reads together what a group of such mutations will ask for, given their subjects and
    arguments. An action with one does no harm when it fails: it checks all before it changes
    anything, or is done again behind a savepoint.
    """

    subject: str
    entity: str
    shape: type[Shape]
    action: Callable[..., Any]
    fact: bool = True
    makes_id: bool = False
    merged: dict[str, str] = field(default_factory=dict)
    gather: Callable[[Unit, list[tuple[UUID, dict[str, Any]]]], None] | None = None


class Nothing(Shape):
    """No arguments but the subject."""


MUTATIONS: dict[str, Mutation] = {
    "visit.accept": Mutation("visit_id", "visit", Nothing, work.accept_visit, fact=False),
    "visit.decline": Mutation("visit_id", "visit", Decline, work.decline_visit, fact=False),
    "visit.travel": Mutation("visit_id", "visit", Nothing, work.start_travel),
    "visit.arrive": Mutation("visit_id", "visit", Arrive, work.arrive),
    "visit.start": Mutation("visit_id", "visit", Nothing, work.start_work),
    "visit.pause": Mutation("visit_id", "visit", Reason, work.pause_visit),
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
    "photo.attach": Mutation("visit_id", "visit", NewPhoto, work.attach_photo, makes_id=True),
    "signoff.seal": Mutation("visit_id", "visit", SealSignOff, work.seal_signoff, makes_id=True),
    "slip.receive": Mutation("slip_id", "issue_slip", ReceiveSlip, receive_slip),
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

MODELS = {"visit": Visit, "work_order": WorkOrder}
