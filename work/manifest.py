"""The shape of what is sealed: what a report needs to be readable for ever."""

from typing import Any

import marshmallow as ma

from core.errors import Invalid
from core.shapes import Shape, anything, listed, nested, number, text
from work.schemas import SHA256


class _Open(Shape):
    """A part of the manifest; what it holds beyond our names is sealed with it."""

    class Meta:
        """Let more pass."""

        unknown = ma.INCLUDE


class _Machine(_Open):
    name = text(required=True, most=500)
    model = text(none=True, most=500)
    serial = text(none=True, most=500)
    location = text(none=True, most=500)


class _Answer(_Open):
    key = text(required=True, most=100)
    label = text(required=True, most=500)
    value = anything(none=True)


class _Part(_Open):
    sku = text(required=True, most=200)
    name = text(required=True, most=500)
    qty = number(required=True, least=0)


class _Times(_Open):
    travel_started_at = text(none=True, most=60)
    arrived_at = text(none=True, most=60)
    work_started_at = text(none=True, most=60)
    completed_at = text(none=True, most=60)


class Manifest(_Open):
    """What was on the screen when the customer signed."""

    schema = number(required=True, least=1, most=1)
    organisation = text(required=True, most=500)
    order_no = text(required=True, most=100)
    visit_no = text(required=True, most=100)
    visit_id = text(required=True, most=60)
    language = text(required=True, one_of=["en", "zh-CN"])
    asset = nested(_Machine, none=True)
    fault = text(none=True)
    findings = text(none=True)
    failure_mode = text(none=True, most=500)
    cause = text(none=True, most=500)
    remedy = text(none=True, most=500)
    outcome = text(none=True, most=60)
    checklist = listed(_Answer, required=True, most=500)
    parts = listed(_Part, required=True, most=500)
    photos = listed(text(pattern=SHA256), required=True, most=200)
    times = nested(_Times, required=True)
    technician = text(none=True, most=500)
    statement = text(none=True)


def check_manifest(manifest: dict[str, Any]) -> None:
    """See that a report can be made of it.

    Raises Invalid with what is wrong where.
    """
    wrong = Manifest().validate(manifest)
    if wrong:
        fields = {f"manifest.{key}": [str(value)] for key, value in wrong.items()}
        raise Invalid("The report lacks something, or holds it in another shape.", fields=fields)
