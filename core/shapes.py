"""The shapes of what comes in and goes out: marshmallow, with our limits built in."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from operator import attrgetter, itemgetter
from typing import Any

import marshmallow as ma
from marshmallow import fields, validate

LONGEST_TEXT = 20_000
# The JSON writer gives up at 254; nobody needs half of that.
DEEPEST = 64
LARGEST_NUMBER = 2**53 - 1  # what JavaScript holds exactly


class Shape(ma.Schema):
    """A shape in one direction. Unknown fields are refused on the way in.

    The way out copies what the shape names, from a row or a mapping; the JSON writer knows ids,
    moments and enumerations by itself.
    """

    class Meta:
        """Refuse what is not declared."""

        unknown = ma.RAISE

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """Return plain values for the JSON writer."""
        if self.many if many is None else many:
            return [self._out(item) for item in obj]
        return self._out(obj)

    def _out(self, obj: Any) -> dict[str, Any]:
        return _picker(type(self))(obj)


_pickers: dict[type[Shape], Callable[[Any], dict[str, Any]]] = {}


def _picker(shape: type[Shape]) -> Callable[[Any], dict[str, Any]]:
    if shape not in _pickers:
        _pickers[shape] = _make_picker(shape())
    return _pickers[shape]


def _make_picker(shape: Shape) -> Callable[[Any], dict[str, Any]]:
    names = tuple(shape.dump_fields)
    nested = {name: inner for name, field in shape.dump_fields.items() if (inner := _nested(field))}
    from_row = attrgetter(*names) if len(names) > 1 else lambda row: (getattr(row, names[0]),)
    from_map = itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)

    def pick(obj: Any) -> dict[str, Any]:
        if isinstance(obj, Mapping):
            if len(obj) < len(names):
                found = {name: obj[name] for name in names if name in obj}
            else:
                found = dict(zip(names, from_map(obj), strict=True))
        else:
            try:
                # A row as the mapper loaded it has all of it at hand; asking the mapper takes longer.
                values = from_map(obj.__dict__)
            except (KeyError, AttributeError):
                values = from_row(obj)
            found = dict(zip(names, values, strict=True))
        for name, inner in nested.items():
            if (value := found.get(name)) is not None:
                found[name] = (
                    [_picker(inner)(item) for item in value]
                    if isinstance(value, list | tuple)
                    else _picker(inner)(value)
                )
        return found

    return pick


def _nested(field: Any) -> type[Shape] | None:
    inner = field.inner if isinstance(field, fields.List) else field
    return (
        type(inner.schema)
        if isinstance(inner, fields.Nested) and isinstance(inner.schema, Shape)
        else None
    )


def renderer(shape: type[Shape]) -> Callable[[Any], dict[str, Any]]:
    """Return the function that turns a row into this shape."""
    return _picker(shape)


class _Text(fields.String):
    """Text as people write it: trimmed, and without what a database cannot hold."""

    def __init__(self, *, trimmed: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.trimmed = trimmed

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if "\x00" in text:
            raise ma.ValidationError("Text must not contain the NUL character.")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ma.ValidationError("Text must be valid Unicode.") from None
        return text.strip() if self.trimmed else text


class _Anything(fields.Raw):
    """Any JSON value that a database can hold and that can be written again."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        level = [value]
        for _ in range(DEEPEST):
            if any(isinstance(item, str) and "\x00" in item for item in level):
                raise ma.ValidationError("Text must not contain the NUL character.")
            if any(isinstance(item, int) and abs(item) > LARGEST_NUMBER for item in level):
                raise ma.ValidationError("A whole number is too large.")
            inside = [
                part for item in level if isinstance(item, dict) for part in (*item, *item.values())
            ]
            inside += [part for item in level if isinstance(item, list) for part in item]
            if not inside:
                return value
            level = inside
        raise ma.ValidationError("This is nested too deeply.")


class _Moment(fields.AwareDateTime):
    """A moment with its offset, between 1900 and 2200, kept in UTC. A phone whose clock lost its battery says 1970."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        moment = super()._deserialize(value, attr, data, **kwargs)
        if not 1900 < moment.year < 2200:
            raise ma.ValidationError("This moment is too far away.")
        return moment.astimezone(UTC)


class _Day(fields.Date):
    """A calendar date between 1970 and 2200."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        day = super()._deserialize(value, attr, data, **kwargs)
        if not 1970 < day.year < 2200:
            raise ma.ValidationError("This day is too far away.")
        return day


def _options(required: bool, none: bool, default: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"required": required, "allow_none": none}
    if default is not None:
        options["load_default"] = default
    return options


def text(
    *,
    required: bool = False,
    none: bool = False,
    default: str | None = None,
    most: int = LONGEST_TEXT,
    least: int | None = None,
    one_of: Sequence[str] | None = None,
    pattern: str | None = None,
    trimmed: bool = True,
) -> Any:
    """Return a field for text; a secret is taken as it is, the rest without blanks around it."""
    if least is None:
        least = 1 if required else 0
    checks: list[Any] = [validate.Length(min=least, max=most)]
    if one_of is not None:
        checks = [validate.OneOf(one_of)]
    if pattern is not None:
        checks.append(validate.Regexp(pattern))
    return _Text(trimmed=trimmed, validate=checks, **_options(required, none, default))


def number(
    *,
    required: bool = False,
    none: bool = False,
    default: int | None = None,
    least: int | None = None,
    most: int = LARGEST_NUMBER,
) -> Any:
    """Return a field for a whole number."""
    span = validate.Range(min=-LARGEST_NUMBER if least is None else least, max=most)
    return fields.Integer(strict=True, validate=span, **_options(required, none, default))


def real(
    *,
    required: bool = False,
    none: bool = False,
    default: float | None = None,
    least: float | None = None,
    most: float | None = None,
) -> Any:
    """Return a field for a finite number."""
    checks = [validate.Range(min=least, max=most)] if least is not None or most is not None else []
    return fields.Float(allow_nan=False, validate=checks, **_options(required, none, default))


def flag(*, required: bool = False, default: bool | None = None) -> Any:
    """Return a field for yes or no."""
    return fields.Boolean(truthy={True}, falsy={False}, **_options(required, False, default))


def flag_in_query(*, default: bool | None = None) -> Any:
    """Return a field for yes or no in an address, where everything is text."""
    return fields.Boolean(
        truthy={"true", "1"}, falsy={"false", "0"}, **_options(False, False, default)
    )


def ident(*, required: bool = False, none: bool = False) -> Any:
    """Return a field for an id."""
    return fields.UUID(**_options(required, none, None))


def moment(*, required: bool = False, none: bool = False) -> Any:
    """Return a field for a moment."""
    return _Moment(format="iso", default_timezone=None, **_options(required, none, None))


def date_(*, required: bool = False, none: bool = False) -> Any:
    """Return a field for a calendar date."""
    return _Day(**_options(required, none, None))


def nested(shape: type[Shape], *, required: bool = False, none: bool = False) -> Any:
    """Return a field for a shape inside a shape."""
    return fields.Nested(shape, **_options(required, none, None))


def listed(
    inner: Any, *, required: bool = False, none: bool = False, default: Any = None, most: int = 1000
) -> Any:
    """Return a field for a list of shapes or of fields."""
    if isinstance(inner, type):
        inner = fields.Nested(inner)
    return fields.List(
        inner, validate=validate.Length(max=most), **_options(required, none, default)
    )


def mapped(value: Any, *, required: bool = False, none: bool = False) -> Any:
    """Return a field for a mapping from short names to values."""
    return fields.Dict(
        keys=text(most=100),
        values=value,
        validate=validate.Length(max=500),
        **_options(required, none, None),
    )


def anything(*, none: bool = False) -> Any:
    """Return a field for any JSON value."""
    return _Anything(**_options(False, none, None))


def unchecked() -> Any:
    """Return a field for a value that is looked into later."""
    return fields.Raw()


def page_of(shape: type[Shape]) -> type[Shape]:
    """Return the shape of one page of a list."""
    return type(
        shape.__name__.removesuffix("View") + "Page",
        (Shape,),
        {
            "__doc__": "One page of a list.",
            "items": listed(shape, most=10**9),
            "next": text(none=True),
        },
    )


class Paged(Shape):
    """How much of a list, from where on."""

    limit = number(default=50, least=1, most=200)
    cursor = text(most=400)

    @ma.pre_load
    def _whole(self, data: Any, **_: Any) -> Any:
        return whole_numbers(data, "limit")


def whole_numbers(data: Any, *names: str) -> dict[str, Any]:
    """Return what an address says with written numbers taken for numbers: query strings carry text."""
    given = dict(data)
    for name in names:
        said = given.get(name)
        if (
            isinstance(said, str)
            and said.isascii()
            and said.lstrip("-").isdigit()
            and len(said) < 10
        ):
            given[name] = int(said)
    return given
