"""Files in pieces at the offline door: the tus protocol, version 1.0.0."""

import base64
import binascii
import re
from collections.abc import Iterator
from email.utils import format_datetime
from typing import Any
from uuid import UUID

from flask import Response, current_app, request, url_for
from flask.blueprints import BlueprintSetupState
from flask.views import MethodView
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    HTTPException,
    PreconditionFailed,
    UnsupportedMediaType,
)

from api.doors import Blueprint, answer, current_actor, reads
from api.herd import Gate
from core.actor import Actor
from core.errors import TooLarge
from core.shapes import Shape, moment, number, text
from core.unit import perform
from people.permissions import require
from sync import uploads
from sync.uploads import Upload

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,termination,expiration"
CHECKSUMS = ("sha256", "sha1")
PIECE_TYPE = "application/offset+octet-stream"
PIECE = 64 * 1024
# A line on which nothing comes for so long is as good as cut.
PATIENCE_S = 60.0

blp = Blueprint(
    "uploads",
    __name__,
    url_prefix="/v1/sync/files",
    description="Photos in pieces, resumed after any cut, by the tus protocol 1.0.0.",
)


# They wait for their line more than for anything here.
UPLOADS_AT_ONCE = 8


def _set_up_gate(state: BlueprintSetupState) -> None:
    # Of their own, so that photos on slow lines never take the places of what people say.
    at_once = max(state.app.extensions["fieldwright"].sync_at_once, UPLOADS_AT_ONCE)
    state.app.extensions["fieldwright.files_gate"] = Gate(at_once)


blp.record(_set_up_gate)


class UploadView(Shape):
    """A file on its way."""

    sha256 = text()
    length = number()
    offset = number()
    expires_at = moment()


class DamagedPiece(HTTPException):
    """A piece is not what its checksum says."""

    code = 460
    description = "Checksum Mismatch"


@blp.after_request
def _speak(response: Response) -> Response:
    """Say with every answer which version is spoken here, and to who asks, what else."""
    response.headers["Tus-Resumable"] = VERSION
    if request.method == "OPTIONS" or response.status_code == 412:
        response.headers["Tus-Version"] = VERSION
        response.headers["Tus-Extension"] = EXTENSIONS
        response.headers["Tus-Max-Size"] = str(uploads.LARGEST)
        response.headers["Tus-Checksum-Algorithm"] = ",".join(CHECKSUMS)
    return response


def _enter() -> Actor:
    """Return who sends, once they may and speak our version."""
    actor = current_actor()
    require(actor, "file.keep")
    if request.headers.get("Tus-Resumable") != VERSION:
        raise PreconditionFailed
    return actor


def _whole(name: str) -> int:
    """Return a header that must be a whole number."""
    given = request.headers.get(name, "")
    if not re.fullmatch(r"[0-9]{1,15}", given):
        raise BadRequest
    return int(given)


def _metadata() -> dict[str, str]:
    """Return what is said about the file: names, and values in base 64."""
    found: dict[str, str] = {}
    for pair in request.headers.get("Upload-Metadata", "").split(","):
        name, _, value = pair.strip().partition(" ")
        if name:
            found[name] = _decoded(value).decode("utf-8", "replace")
    return found


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise BadRequest from None


def _checksum() -> tuple[str, bytes] | None:
    given = request.headers.get("Upload-Checksum")
    if given is None:
        return None
    kind, _, value = given.partition(" ")
    if kind not in CHECKSUMS:
        raise BadRequest
    return kind, _decoded(value)


def _pieces() -> Iterator[bytes]:
    """Return the body as it comes; where the line breaks, it ends."""
    line = request.environ.get("gunicorn.socket")
    if line is not None:
        line.settimeout(PATIENCE_S)
    try:
        while piece := request.stream.read(PIECE):
            yield piece
    except (ClientDisconnected, OSError):
        return


def _receive(actor: Actor, upload: Upload, at: int) -> int:
    if request.mimetype != PIECE_TYPE:
        raise UnsupportedMediaType
    if at + (request.content_length or 0) > upload.length:
        raise TooLarge("This is more than was announced.", limit=upload.length)
    # Pieces are written as they come and never whole in memory, so that our usual limit says nothing here.
    request.max_content_length = uploads.LARGEST
    gate: Gate = current_app.extensions["fieldwright.files_gate"]
    try:
        with gate.passing():
            return uploads.go_on(actor, upload, at, _pieces(), checksum=_checksum())
    except uploads.ChecksumMismatch:
        raise DamagedPiece from None


def _told(response: Response, upload: Upload, offset: int) -> Response:
    response.headers["Upload-Offset"] = str(offset)
    response.headers["Upload-Expires"] = format_datetime(upload.expires_at, usegmt=True)
    return response


def _own(upload_id: UUID) -> Upload:
    with reads() as unit:
        return uploads.upload_for(unit, upload_id)


@blp.route("")
class Uploads(MethodView):
    """Files on their way."""

    @blp.response(201, description="`Location` is where its bytes go, from `Upload-Offset` on.")
    def post(self) -> Response:
        """Announce a file by its length and the SHA-256 of its bytes; the first bytes may come along."""
        actor = _enter()
        if "Upload-Defer-Length" in request.headers:
            raise BadRequest
        length, said = _whole("Upload-Length"), _metadata()

        def begin(unit: Any) -> Upload:
            return uploads.begin(
                unit,
                sha256=said.get("sha256", "").lower(),
                length=length,
                media_type=said.get("filetype", ""),
            )

        upload = perform(actor, begin, name="file.begin")
        offset = uploads.offset_of(upload)
        if request.mimetype == PIECE_TYPE and offset == 0:
            offset = _receive(actor, upload, 0)
        response = Response(status=201)
        response.headers["Location"] = url_for("uploads.OneUpload", upload_id=upload.id)
        return _told(response, upload, offset)


@blp.route("/<uuid:upload_id>")
class OneUpload(MethodView):
    """A file on its way."""

    @blp.response(200, UploadView)
    def get(self, upload_id: UUID) -> Response:
        """Tell how far a file has come; asked with HEAD, in headers alone."""
        actor = _enter()
        upload = _own(upload_id)
        offset = uploads.offset_of(upload)
        if offset == upload.length and upload.stored_at is None:
            uploads.finish(actor, upload)
        shown = {name: getattr(upload, name) for name in ("sha256", "length", "expires_at")}
        response = answer(UploadView().dump(shown | {"offset": offset}))
        response.headers["Upload-Length"] = str(upload.length)
        response.headers["Upload-Metadata"] = ",".join(
            f"{name} {base64.b64encode(value.encode()).decode()}"
            for name, value in (("sha256", upload.sha256), ("filetype", upload.media_type))
        )
        return _told(response, upload, offset)

    @blp.response(204)
    def patch(self, upload_id: UUID) -> Response:
        """Send the next bytes of a file, from `Upload-Offset` on."""
        actor = _enter()
        upload = _own(upload_id)
        offset = _receive(actor, upload, _whole("Upload-Offset"))
        return _told(Response(status=204), upload, offset)

    @blp.response(204)
    def delete(self, upload_id: UUID) -> Response:
        """Give up a file on its way."""
        actor = _enter()
        _own(upload_id)
        perform(actor, lambda unit: uploads.cancel(unit, upload_id), name="file.cancel")
        return Response(status=204)


class MethodOverride:
    """Take the method from `X-HTTP-Method-Override` where a proxy lets POST alone through, as tus asks for."""

    METHODS = ("PATCH", "DELETE", "HEAD")

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Serve the request under the method that was meant."""
        wanted = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", "").upper()
        here = environ.get("PATH_INFO", "").startswith("/v1/sync/files")
        if here and environ["REQUEST_METHOD"] == "POST" and wanted in self.METHODS:
            environ["REQUEST_METHOD"] = wanted
        return self.app(environ, start_response)
