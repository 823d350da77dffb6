"""What people have to look at, at the REST door."""

from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from api.doors import Blueprint, performs, reads
from api.pages import page_view
from core.shapes import Paged, page_of
from work import actions, queries
from work.schemas import AttentionView, Settlement

blp = Blueprint(
    "attention",
    __name__,
    url_prefix="/v1/attention",
    description="Contradictions and surprises, with both sides.",
)


@blp.route("")
class Attentions(MethodView):
    """What is open."""

    @blp.arguments(Paged, location="query")
    @blp.response(200, page_of(AttentionView))
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """List what a person has to look at, newest first."""
        with reads() as unit:
            return page_view(queries.attention(unit, **data))


@blp.route("/<uuid:attention_id>/settlement")
class Settling(MethodView):
    """A decision."""

    @blp.arguments(Settlement)
    @blp.response(200, AttentionView)
    def put(self, data: dict[str, Any], attention_id: UUID) -> Response:
        """Keep one side."""
        return performs(
            lambda unit: actions.settle_attention(unit, attention_id, **data),
            AttentionView,
            name="attention.settle",
        )
