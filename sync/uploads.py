"""Files on their way from phones: in pieces, resumed after any cut, believed when their hash is right."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

from core import clock, files
from core.actor import Actor
from core.errors import Conflict, Forbidden, Gone, Invalid, NotFound, TooLarge, TooMany
from core.ids import new_id
from core.models import Base, Identified, refers_to
from core.pictures import clean_picture
from core.unit import Unit, perform, reading
from people.models import Account
from people.permissions import require
from work.actions import photo_arrived

LARGEST = 64 * 1024 * 1024
MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp")
# How long a file may be on its way, counted from its last piece.
ON_ITS_WAY = timedelta(days=7)
# It is noted once a day that pieces still come, not with each.
PUT_OFF_AFTER = timedelta(days=1)
# How long a file is kept that nothing speaks of: what does may be on a phone without signal.
UNSPOKEN_OF = timedelta(days=30)
# What one account may have on its way at once.
MOST_UPLOADS = 100
MOST_UPLOADED_BYTES = 1024 * 1024 * 1024


class Upload(Identified, Base):
    """A file on its way. How far it is, the bytes on the disk say; `stored_at` when it was whole and right."""

    __tablename__ = "upload"
    __audited__ = False
    account_id: Mapped[UUID] = refers_to("account")
    sha256: Mapped[str]
    length: Mapped[int] = mapped_column(sa.BigInteger)
    media_type: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    stored_at: Mapped[datetime | None]
    __table_args__ = (
        sa.Index("ix_upload_sha256", "org_id", "sha256"),
        sa.Index("ix_upload_expires_at", "org_id", "expires_at"),
    )


def begin(unit: Unit, *, sha256: str, length: int, media_type: str) -> Upload:
    """Announce a file. What is here already is not sent again; what this account has begun goes on.

    Raises Invalid, TooLarge, TooMany beyond what an account may have on its way, StorageFull.
    """
    require(unit.actor, "file.keep")
    _check(sha256, length, media_type)
    # One after the other, so that nobody begins more at once than is allowed.
    account = unit.take(Account, unit.actor.account_id) if unit.actor.account_id else None
    if account is None:
        raise Forbidden("Your role does not allow this.")
    now = clock.now()
    own = unit.session.scalars(
        select(Upload).where(Upload.account_id == account.id, Upload.expires_at > now)
    ).all()
    for upload in own:
        if (upload.sha256, upload.length) == (sha256, length) and _is_good(unit.org_id, upload):
            return upload
    upload = Upload(
        id=new_id(),
        account_id=account.id,
        sha256=sha256,
        length=length,
        media_type=media_type,
        created_at=now,
        expires_at=now + ON_ITS_WAY,
    )
    here = files.bound().size(unit.org_id, sha256)
    if here is not None:
        if here != length:
            raise Invalid(
                "The bytes are not those of this hash.", fields={"Upload-Length": ["Differs."]}
            )
        _stored(unit, upload)
    else:
        open_ = [other for other in own if other.stored_at is None]
        if len(open_) >= MOST_UPLOADS or (
            sum(other.length for other in open_) + length > MOST_UPLOADED_BYTES
        ):
            raise TooMany("Too many files are on their way. Finish or cancel some first.")
        files.bound().check_room(length)
    return unit.add(upload)


def _check(sha256: str, length: int, media_type: str) -> None:
    if length > LARGEST:
        raise TooLarge("The file is too large.", limit=LARGEST)
    if media_type not in MEDIA_TYPES:
        raise Invalid(
            "Only JPEG, PNG and WebP pictures are taken.", fields={"filetype": [media_type[:100]]}
        )
    try:
        files.check_name(sha256)
    except ValueError as error:
        raise Invalid(
            "A file is named by the SHA-256 of its bytes.", fields={"sha256": [sha256[:100]]}
        ) from error


def _is_good(org_id: UUID, upload: Upload) -> bool:
    return upload.stored_at is None or files.bound().has(org_id, upload.sha256)


def upload_for(unit: Unit, upload_id: UUID) -> Upload:
    """Return one's own file on its way.

    Raises NotFound, Gone when its time is over.
    """
    require(unit.actor, "file.keep")
    upload = unit.get(Upload, upload_id)
    if upload is None or upload.account_id != unit.actor.account_id:
        raise NotFound("There is no such upload.")
    if upload.expires_at <= clock.now():
        raise Gone("This upload is over. Begin it again.")
    return upload


def offset_of(upload: Upload) -> int:
    """Return how many bytes of a file are here."""
    if upload.stored_at is not None:
        return upload.length
    offset = files.bound().partials.offset(upload.org_id, upload.id)
    if offset == 0 and files.bound().has(upload.org_id, upload.sha256):
        # It was taken over, and nobody came to write that down.
        return upload.length
    return offset


def go_on(
    actor: Actor,
    upload: Upload,
    at: int,
    pieces: Iterable[bytes],
    *,
    checksum: tuple[str, bytes] | None = None,
) -> int:
    """Write what comes behind the first `at` bytes, and return how many are here then.

    No transaction is open while bytes come, however slowly. Raises Conflict for another offset,
    ChecksumMismatch for a damaged piece, Invalid when the whole file is not the one announced,
    StorageFull.
    """
    partials = files.bound().partials
    if upload.stored_at is not None or at != offset_of(upload):
        raise Conflict(
            "The next byte is another one.", code="wrong_offset", offset=offset_of(upload)
        )
    sum_ = hashlib.new(checksum[0], usedforsecurity=False) if checksum else None
    end = at
    if at < upload.length:

        def heard() -> Iterable[bytes]:
            for piece in pieces:
                if sum_ is not None:
                    sum_.update(piece)
                yield piece

        end = partials.append(upload.org_id, upload.id, at, heard(), most=upload.length)
        if sum_ is not None and checksum is not None and sum_.digest() != checksum[1]:
            partials.cut(upload.org_id, upload.id, end, at)
            raise ChecksumMismatch("The piece was damaged on its way. Send it again.")
    if end == upload.length:
        finish(actor, upload)
    elif upload.expires_at - clock.now() < ON_ITS_WAY - PUT_OFF_AFTER:
        perform(actor, lambda unit: _put_off(unit, upload.id), name="file.go_on")
    return end


class ChecksumMismatch(Invalid):
    """A piece is not what its checksum says."""

    code = "checksum_mismatch"


def _put_off(unit: Unit, upload_id: UUID) -> None:
    if (upload := unit.take(Upload, upload_id)) is not None:
        upload.expires_at = clock.now() + ON_ITS_WAY


def finish(actor: Actor, upload: Upload) -> None:
    """Take a whole file into the store when it is the one that was announced; done twice, it is done once.

    Raises Invalid when it is not: then nothing of it is kept.
    """
    store, path = files.bound(), files.bound().partials.path(upload.org_id, upload.id)
    if path.exists():
        try:
            _look_into(upload)
        except Invalid:
            perform(actor, lambda unit: cancel(unit, upload.id), name="file.refuse")
            raise
        store.adopt(upload.org_id, upload.sha256, path)

    def note(unit: Unit) -> None:
        row = unit.take(Upload, upload.id)
        if row is not None and row.stored_at is None:
            _stored(unit, row)

    perform(actor, note, name="photo.arrive")


def _look_into(upload: Upload) -> None:
    path = files.bound().partials.path(upload.org_id, upload.id)
    sum_ = hashlib.sha256()
    for piece in files.pieces_of(path):
        sum_.update(piece)
    if sum_.hexdigest() != upload.sha256:
        raise Invalid("The bytes are not those of this hash.", fields={"sha256": ["Differs."]})
    with path.open("rb") as file:
        clean_picture(file)


def _stored(unit: Unit, upload: Upload) -> None:
    # For as long as the upload is remembered, the file counts as spoken of.
    upload.stored_at, upload.expires_at = clock.now(), clock.now() + UNSPOKEN_OF
    photo_arrived(unit, upload.sha256)


def cancel(unit: Unit, upload_id: UUID) -> None:
    """Give up a file on its way; what was stored stays as long as something speaks of it."""
    upload = unit.take(Upload, upload_id)
    if upload is not None:
        files.bound().partials.discard(unit.org_id, upload.id)
        unit.session.delete(upload)


def forget_late(actor: Actor) -> int:
    """Forget what stayed away for too long, and pieces that belong to nothing; return how many files went."""
    with reading(actor) as unit:
        late = unit.session.scalars(
            select(Upload.id).where(Upload.expires_at <= clock.now()).limit(1000)
        ).all()
    for upload_id in late:
        perform(actor, lambda unit, upload_id=upload_id: cancel(unit, upload_id), name="file.late")  # type: ignore[misc]
    partials = files.bound().partials
    stray = list(partials.older_than(actor.org_id, clock.now() - ON_ITS_WAY))
    with reading(actor) as unit:
        known = set(unit.session.scalars(select(Upload.id).where(Upload.id.in_(stray[:500]))))
    for upload_id in set(stray[:500]) - known:
        partials.discard(actor.org_id, upload_id)
    return len(late)
