"""Plans at the REST door."""

from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from api.doors import Blueprint, performs, reads
from dispatch import actions
from dispatch.queries import plan_for, plan_view
from dispatch.schemas import AskPlan, PlanView

blp = Blueprint(
    "dispatch", __name__, url_prefix="/v1/dispatch", description="Who goes where, when and why."
)


@blp.route("/plans")
class Plans(MethodView):
    """Proposals for a day."""

    @blp.arguments(AskPlan)
    @blp.response(202, PlanView)
    def post(self, data: dict[str, Any]) -> Response:
        """Ask for a plan of a day. It is worked out as a job; ask for it again to see how far it is."""
        return performs(
            lambda unit: actions.ask_plan(unit, **data),
            PlanView,
            name="plan.ask",
            status=202,
            present=plan_view,
        )


@blp.route("/plans/<uuid:plan_id>")
class OnePlan(MethodView):
    """One proposal."""

    @blp.response(200, PlanView)
    def get(self, plan_id: UUID) -> dict[str, Any]:
        """Show a proposal: its progress, then its routes, its cost term by term, and every reason."""
        with reads() as unit:
            return plan_view(unit, plan_for(unit, plan_id))

    @blp.response(200, PlanView)
    def delete(self, plan_id: UUID) -> Response:
        """Call the search off, or throw the proposal away."""
        return performs(
            lambda unit: actions.cancel_plan(unit, plan_id),
            PlanView,
            name="plan.cancel",
            present=plan_view,
        )


@blp.route("/plans/<uuid:plan_id>/publication")
class Publication(MethodView):
    """From a proposal to the plan of the day."""

    @blp.response(200, PlanView)
    def put(self, plan_id: UUID) -> Response:
        """Publish the proposal; what changed since it was planned is left as it is, and named."""
        return performs(
            lambda unit: actions.publish_plan(unit, plan_id),
            PlanView,
            name="plan.publish",
            present=plan_view,
        )
