"""Write the types that the client library reads: what the server describes, as TypeScript.

    python -m tools.client_types        writes web/sync/src/openapi.ts

Only what phones exchange with the server is written. A view is sent whole, so every field of one is there.
"""

from pathlib import Path
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

import assets.schemas
import parts.schemas
import people.schemas
import sync.wiring  # noqa: F401 - makes the entities known
import work.schemas
from core.feed import BY_NAME
from sync.mutations import MUTATIONS
from sync.versions import RAISED

WHERE = Path(__file__).parent.parent / "web" / "sync" / "src" / "openapi.ts"
HEAD = "/** What the server describes, written by `npm run types`. Not to be edited. */\n"
ROOMS = (assets.schemas, parts.schemas, people.schemas, work.schemas)
# Where the name of an entity is not the name of its view.
VIEWS = {"work_order": "OrderView", "repair": "RepairDoc", "signoff": "SignOffDoc"}
SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean"}


def written() -> str:
    """Return the whole file."""
    spec = APISpec("Fieldwright", "1", "3.1.0", plugins=[MarshmallowPlugin()])
    names = {entity: VIEWS.get(entity) or _camel(entity) + "View" for entity in sorted(BY_NAME)}
    for name in names.values():
        spec.components.schema(name, schema=_shape(name))
    blocks = [
        _interface(name, shape)
        for name, shape in sorted(spec.to_dict()["components"]["schemas"].items())
    ]
    documents = "".join(f"  {entity}: {name}\n" for entity, name in names.items())
    blocks.append(f"export interface Views {{\n{documents}}}\n")
    sayings = "".join(f"\n  | '{name}'" for name in sorted({*MUTATIONS, *RAISED}))
    blocks.append(f"export type Understood ={sayings}\n")
    return HEAD + "\n" + "\n".join(blocks)


def _camel(entity: str) -> str:
    return "".join(word.capitalize() for word in entity.split("_"))


def _shape(name: str) -> Any:
    return next(getattr(room, name) for room in ROOMS if hasattr(room, name))


def _interface(name: str, shape: dict[str, Any]) -> str:
    fields = "".join(
        f"  {field}: {_type(form)}\n" for field, form in shape.get("properties", {}).items()
    )
    return f"export interface {name} {{\n{fields}}}\n"


def _type(form: dict[str, Any]) -> str:
    if "$ref" in form:
        return str(form["$ref"]).rpartition("/")[2]
    for many in ("anyOf", "allOf", "oneOf"):
        if many in form:
            return " | ".join(_type(each) for each in form[many])
    if "enum" in form:
        return " | ".join("null" if each is None else f"'{each}'" for each in form["enum"])
    kinds = form.get("type")
    if isinstance(kinds, list):
        return " | ".join(_type(form | {"type": kind}) for kind in kinds)
    if kinds == "array":
        return f"({_type(form.get('items', {}))})[]"
    if kinds == "object":
        return f"Record<string, {_type(form.get('additionalProperties') or {})}>"
    return SCALARS.get(str(kinds), "null" if kinds == "null" else "unknown")


if __name__ == "__main__":
    WHERE.write_text(written(), encoding="utf-8")
