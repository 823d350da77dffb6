"""Files by content at the REST door."""

import hashlib
import itertools
import re

from flask import Response, request
from flask.views import MethodView

from api.doors import Blueprint, answer, current_actor, reads
from core import files
from core.errors import Invalid, NotFound, TooLarge
from core.pictures import clean_picture
from core.shapes import Shape, number, text
from core.unit import perform
from people.permissions import require
from work.actions import photo_arrived
from work.queries import may_see_file

blp = Blueprint(
    "files",
    __name__,
    url_prefix="/v1/files",
    description="Photos, named by the SHA-256 of their bytes.",
)

BIGGEST_PHOTO = 10 * 1024 * 1024
TYPES = ("image/jpeg", "image/png", "image/webp")


class FileView(Shape):
    """A file that is here."""

    sha256 = text()
    size = number()


def _kind(content: bytes) -> str:
    if content.startswith(b"\x89PNG"):
        return "image/png"
    return "image/webp" if content[8:12] == b"WEBP" else "image/jpeg"


def _check_name(sha256: str) -> None:
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise NotFound("No such file.")


@blp.route("/<sha256>")
class OneFile(MethodView):
    """One file."""

    @blp.response(200, FileView)
    @blp.alt_response(201, schema=FileView)
    def put(self, sha256: str) -> Response:
        """Store a photo under its hash. What is here already is not stored again."""
        _check_name(sha256)
        actor = current_actor()
        require(actor, "file.keep")
        if request.mimetype not in TYPES:
            raise Invalid(
                "Only JPEG, PNG and WebP pictures are taken.",
                fields={"content_type": [request.mimetype]},
            )
        content = request.get_data(cache=False)
        if len(content) > BIGGEST_PHOTO:
            raise TooLarge("The picture is too large.")
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Invalid("The bytes are not those of this hash.", fields={"sha256": ["Differs."]})
        clean_picture(content)
        if _kind(content) != request.mimetype:
            raise Invalid(
                "The picture is not of the type it is said to be.",
                fields={"content_type": [request.mimetype]},
            )
        store = files.bound()
        known = store.has(actor.org_id, sha256)
        store.keep(actor.org_id, content)
        perform(actor, lambda unit: photo_arrived(unit, sha256), name="photo.arrive")
        return answer({"sha256": sha256, "size": len(content)}, 200 if known else 201)

    @blp.response(200, content_type="image/*")
    def get(self, sha256: str) -> Response:
        """Fetch a photo."""
        _check_name(sha256)
        with reads() as unit:
            may_see_file(unit, sha256)
            org_id = unit.org_id
        try:
            size = files.bound().size(org_id, sha256)
            pieces = files.bound().pieces(org_id, sha256)
        except FileNotFoundError:
            raise NotFound("No such file.") from None
        first = next(pieces, b"")
        headers = {
            "Cache-Control": "private, max-age=31536000, immutable",
            "Content-Security-Policy": "sandbox; default-src 'none'",
        }
        response = Response(
            itertools.chain((first,), pieces), mimetype=_kind(first), headers=headers
        )
        if size is not None:
            response.content_length = size
        return response
