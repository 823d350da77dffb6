"""Lists in pages: by the key of the last row seen, never by counting rows."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
from sqlalchemy import Select, and_, or_
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import desc_op

from core.errors import Invalid
from core.unit import Unit

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """Some rows of a list, and where the next ones begin."""

    items: Sequence[R]
    next: str | None


def page(
    unit: Unit, query: Select[Any], order: Sequence[Any], *, limit: int, cursor: str | None
) -> Page[Any]:
    """Return a page of the query in this order; the last column of the order must be unique.

    Raises Invalid for a cursor that is not of this list.
    """
    columns = [part.element if isinstance(part, UnaryExpression) else part for part in order]
    falling = [isinstance(part, UnaryExpression) and part.modifier is desc_op for part in order]
    if cursor is not None:
        query = query.where(_beyond(columns, falling, _read(cursor, columns)))
    rows = unit.session.scalars(query.order_by(*order).limit(limit + 1)).all()
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    return Page(rows[:limit], _write([getattr(last, str(column.key)) for column in columns]))


def _beyond(columns: Sequence[Any], falling: Sequence[bool], values: Sequence[Any]) -> Any:
    # (a, b) > (x, y), spelled out because the directions may differ from column to column.
    either = []
    for place, (column, down) in enumerate(zip(columns, falling, strict=True)):
        equal = [columns[i] == values[i] for i in range(place)]
        either.append(and_(*equal, column < values[place] if down else column > values[place]))
    return or_(*either)


def _write(values: Sequence[Any]) -> str:
    plain = [
        value.value
        if isinstance(value, Enum)
        else str(value)
        if isinstance(value, UUID | datetime | date)
        else value
        for value in values
    ]
    return base64.urlsafe_b64encode(orjson.dumps(plain)).decode().rstrip("=")


def _read(cursor: str, columns: Sequence[Any]) -> list[Any]:
    try:
        plain = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(plain, list) or len(plain) != len(columns):
            raise ValueError("another list's cursor")
        return [
            _value(column.type.python_type, value)
            for column, value in zip(columns, plain, strict=True)
        ]
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise Invalid("This cursor is not one of this list.") from error


def _value(kind: type, value: Any) -> Any:
    if isinstance(value, str) and "\x00" in value:
        raise ValueError("no text")
    if kind is datetime:
        # A moment without its zone fits no row, and one at the edge of time has no place in another.
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("no moment")
        return moment.astimezone(UTC)
    if kind is date:
        return date.fromisoformat(value)
    if kind is UUID:
        return UUID(value)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError("another kind of value")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError("no number of a row")
    return value
