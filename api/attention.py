"""What people have to look at, at the REST door."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Response
from flask.views import MethodView

from api.doors import Blueprint, performs, reads
from core.languages import say
from core.shapes import Paged, page_of
from core.unit import Unit
from sync.retries import retry
from work import actions, queries
from work.matters import abouts
from work.models import Attention
from work.schemas import AttentionDetail, AttentionView, Retry, Settlement


def _in_words(unit: Unit, row: Attention) -> dict[str, Any]:
    """Return it in the reader's language; it was written down in English."""
    shown = {name: getattr(row, name) for name in AttentionView._declared_fields}
    return shown | {"message": say(row.message, unit.actor.language)}


def _in_full(unit: Unit, rows: Sequence[Attention]) -> list[dict[str, Any]]:
    about = abouts(unit, rows)
    return [_in_words(unit, row) | {"about": about.get(row.id)} for row in rows]


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
    @blp.response(200, page_of(AttentionDetail))
    def get(self, data: dict[str, Any]) -> dict[str, Any]:
        """List what a person has to look at, newest first, and tell the office what each is about."""
        with reads() as unit:
            found = queries.attention(unit, **data)
            return {"items": _in_full(unit, found.items), "next": found.next}


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
            present=_in_words,
        )


@blp.route("/<uuid:attention_id>/retry")
class Retrying(MethodView):
    """A second chance."""

    @blp.arguments(Retry)
    @blp.response(200, AttentionView)
    def post(self, data: dict[str, Any], attention_id: UUID) -> Response:
        """Apply what a phone said and we did not take, as it was said or corrected."""
        return performs(
            lambda unit: retry(unit, attention_id, **data),
            AttentionView,
            name="attention.retry",
            present=_in_words,
        )
