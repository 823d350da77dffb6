"""Every sentence that the code says to people, found in its source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import marshmallow as ma
from jinja2 import Environment, nodes
from marshmallow import fields, validate

from api.errors import HTTP
from core.errors import DomainError
from dispatch.sentences import CHOICES, FINDINGS, OBSTACLES, SKILLS

ROOT = Path(__file__).parents[2]
ROOMS = ("api", "sync", "analytics", "dispatch", "work", "parts", "assets", "people", "core")

# Functions that say something, and which of their arguments it is.
SPEAKERS = {
    "ValidationError": 0,
    "must": 2,
    "notice": 1,
    "say": 0,
    "body": 1,
    "_ask": 3,
    "_flag": 2,
    "flag_doubt": 1,
    "_seen": 3,
    "_report_page": 2,
}


def sources() -> Iterator[tuple[Path, ast.Module]]:
    """Return every module of the house."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path, ast.parse(path.read_text())


def _kinds(kind: type[DomainError] = DomainError) -> set[str]:
    return {kind.__name__}.union(*(_kinds(one) for one in kind.__subclasses__()))


def _text(node: ast.AST | None, constants: dict[str, str]) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return constants.get(node.id) if isinstance(node, ast.Name) else None


def _constants(module: ast.Module) -> dict[str, str]:
    return {
        target.id: node.value.value
        for node in ast.walk(module)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def in_code() -> set[str]:
    """Return what refusals, notices, requests for attention and the public pages say."""
    speakers = SPEAKERS | dict.fromkeys(_kinds(), 0)
    found: set[str | None] = set()
    for path, module in sources():
        constants = _constants(module)
        for node in ast.walk(module):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                place = speakers.get(name)
                if place is not None and len(node.args) > place:
                    found.add(_text(node.args[place], constants))
                for word in node.keywords:
                    if word.arg == "fields":
                        found |= set(_field_words(word.value))
                    if (name, word.arg) in (("raise_attention", "message"), ("_page", "title")):
                        found.add(_text(word.value, constants))
            if (
                path.name == "public.py"
                and isinstance(node, ast.Assign)
                and ast.unparse(node.targets[0]).startswith("errors[")
            ):
                found.add(_text(node.value, constants))
    return {sentence for sentence in found if sentence}


def _field_words(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.List):
            for item in part.elts:
                if isinstance(item, ast.Constant) and isinstance(item.value, str):
                    yield item.value


def of_the_planner() -> set[str]:
    """Return what the planner says of a problem it cannot read, with {} for what is filled in."""
    return {
        _shape(node.args[0])
        for path, module in sources()
        if path.is_relative_to(ROOT / "dispatch")
        for node in ast.walk(module)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")).endswith("Error")
        and node.args
    }


def _shape(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_shape, node.values))
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else "{}"


def in_templates() -> set[str]:
    """Return what the public pages say."""
    found: set[str] = set()
    for path in sorted((ROOT / "api" / "templates").glob("*.html")):
        tree = Environment(autoescape=True).parse(path.read_text())
        for call in tree.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "t":
                found |= {arg.value for arg in call.args if isinstance(arg, nodes.Const)}
        for loop in tree.find_all(nodes.For):
            if isinstance(loop.iter, nodes.Tuple):
                found |= {str(one.value) for one in loop.iter.items if isinstance(one, nodes.Const)}
    return found


def in_tables() -> set[str]:
    """Return what stands in tables of sentences."""
    return {message for _, message in HTTP.values()} | {
        *OBSTACLES.values(),
        *CHOICES.values(),
        *FINDINGS.values(),
        *SKILLS.values(),
    }


def of_shapes() -> set[str]:
    """Return what the library of shapes says about the kinds of fields and checks that we use."""
    kinds = (
        fields.Field,
        fields.String,
        fields.Integer,
        fields.Float,
        fields.Boolean,
        fields.UUID,
        fields.AwareDateTime,
        fields.Date,
        fields.List,
        fields.Dict,
        fields.Nested,
    )
    said = {
        text
        for kind in {base for kind in kinds for base in kind.__mro__}
        for name, text in vars(kind).get("default_error_messages", {}).items()
        if name != "format"  # said on the way out, where we write by ourselves
    }
    said |= set(ma.Schema._default_error_messages.values())
    said |= {
        validate.Length.message_min,
        validate.Length.message_max,
        validate.Length.message_all,
        validate.Length.message_equal,
        validate.OneOf.default_message,
        validate.Regexp.default_message,
    }
    bounds = (validate.Range.message_min, validate.Range.message_max, validate.Range.message_all)
    at_least, at_most = validate.Range.message_gte, validate.Range.message_lte
    return said | {text.format(min_op=at_least, max_op=at_most) for text in bounds}


def spoken() -> set[str]:
    """Return every sentence that must be known in every language."""
    return in_code() | in_templates() | in_tables() | of_shapes()


def words_in_code() -> set[str]:
    """Return every text constant of the house."""
    return {
        node.value
        for _, module in sources()
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
