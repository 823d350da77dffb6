"""Rules by which orders find their engineer, who is on call, and what was decided, at the REST door."""

from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from api.doors import Blueprint, performs, reads
from core.shapes import page_of
from core.unit import Unit
from dispatch import automatic
from dispatch.automatic import Assignment
from dispatch.schemas import (
    AssignmentView,
    EditRule,
    NewRule,
    NewStandby,
    RuleView,
    StandbyView,
)
from people.actions import say_kind
from people.schemas import Hiring, TechnicianLine

blp = Blueprint(
    "automatic", __name__, url_prefix="/v1", description="Orders that find their engineer."
)


@blp.route("/dispatch/assignment-rules")
class Rules(MethodView):
    """The rules."""

    @blp.response(200, page_of(RuleView))
    def get(self) -> dict[str, Any]:
        """List the rules in the order in which they are asked."""
        with reads() as unit:
            return {"items": automatic.rules(unit), "next": None}

    @blp.arguments(NewRule)
    @blp.response(201, RuleView)
    def post(self, data: dict[str, Any]) -> Response:
        """State a rule; it is asked after those that are there."""
        return performs(
            lambda unit: automatic.make_rule(unit, **data), RuleView, name="rule.make", status=201
        )


@blp.route("/dispatch/assignment-rules/<uuid:rule_id>")
class OneRule(MethodView):
    """One of them."""

    @blp.arguments(EditRule)
    @blp.response(200, RuleView)
    def patch(self, data: dict[str, Any], rule_id: UUID) -> Response:
        """Change a rule, or switch it off."""
        return performs(
            lambda unit: automatic.change_rule(unit, rule_id, **data), RuleView, name="rule.change"
        )


@blp.route("/dispatch/standby")
class Roster(MethodView):
    """Who is on call."""

    @blp.response(200, page_of(StandbyView))
    def get(self) -> dict[str, Any]:
        """List who is or will be on call."""
        with reads() as unit:
            return {"items": automatic.roster(unit), "next": None}

    @blp.arguments(NewStandby)
    @blp.response(201, StandbyView)
    def post(self, data: dict[str, Any]) -> Response:
        """Put somebody on call."""
        return performs(
            lambda unit: automatic.put_on_call(unit, **data),
            StandbyView,
            name="standby.add",
            status=201,
        )


@blp.route("/dispatch/standby/<uuid:standby_id>")
class OneStandby(MethodView):
    """One stretch of it."""

    @blp.response(204)
    def delete(self, standby_id: UUID) -> Response:
        """Take somebody off call."""
        return performs(
            lambda unit: automatic.take_off_call(unit, standby_id),
            None,
            name="standby.drop",
            status=204,
        )


@blp.route("/dispatch/assignments")
class Assignments(MethodView):
    """What rules decided."""

    @blp.response(200, page_of(AssignmentView))
    def get(self) -> dict[str, Any]:
        """List the newest decisions, each with its reason."""
        with reads() as unit:
            return {"items": automatic.assignments(unit), "next": None}


def _told(unit: Unit, assignment: Assignment) -> dict[str, Any]:
    return next(one for one in automatic.assignments(unit) if one["id"] == assignment.id)


@blp.route("/dispatch/assignments/<uuid:assignment_id>/undoing")
class Undoing(MethodView):
    """The dispatcher's no."""

    @blp.response(200, AssignmentView)
    def put(self, assignment_id: UUID) -> Response:
        """Take a decision back: the visit waits again."""
        return performs(
            lambda unit: automatic.undo(unit, assignment_id),
            AssignmentView,
            name="assignment.undo",
            present=_told,
        )


@blp.route("/technicians/<uuid:technician_id>/kind")
class Kind(MethodView):
    """Ours, or called in."""

    @blp.arguments(Hiring)
    @blp.response(200, TechnicianLine)
    def put(self, data: dict[str, Any], technician_id: UUID) -> Response:
        """Say whether somebody is a contractor, and what an hour costs."""
        return performs(
            lambda unit: say_kind(unit, technician_id, **data),
            TechnicianLine,
            name="technician.kind",
        )
