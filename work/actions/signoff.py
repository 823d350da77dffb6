"""What the customer signed: sealed as it was shown, chained, and answered by the customer."""

import hashlib
from typing import Any
from uuid import UUID

from sqlalchemy import select

from core import clock
from core.errors import Conflict, Invalid, NotFound
from core.ids import hashed, new_secret
from core.unit import Unit
from people import doors
from people.permissions import require
from work.actions.attention import raise_attention
from work.canonical import NotCanonical, canonical_json, sha256_hex
from work.events import SignedOff
from work.manifest import check_manifest
from work.models import Seal, SignOff, Visit
from work.queries import signoff_of, visit_for

_FIRST = bytes(32)


def seal_signoff(
    unit: Unit,
    visit_id: UUID,
    *,
    id: UUID,
    manifest: dict[str, Any],
    manifest_sha256: str,
    signature: dict[str, Any] | None = None,
    refusal: dict[str, Any] | None = None,
) -> SignOff:
    """Seal what was on the screen. A second sealing of one visit is a new version that names the old.

    Raises Invalid when the hash is not that of what was sent: then it is not what was signed.
    """
    visit = visit_for(unit, visit_id, change=True)
    if (known := unit.get(SignOff, id)) is not None:
        return known
    try:
        text = canonical_json(manifest)
    except NotCanonical as error:
        raise Invalid(
            "The report holds something that cannot be sealed: {why}", why=str(error)
        ) from error
    check_manifest(manifest)
    if sha256_hex(text) != manifest_sha256:
        raise Invalid(
            "The report is not the one that was signed: its hash differs.",
            fields={"manifest_sha256": ["Differs."]},
        )
    if signature is None and refusal is None:
        raise Invalid(
            "A sign-off needs a signature, or the reason why there is none.",
            fields={"signature": ["Missing."]},
        )
    earlier = signoff_of(unit, visit.id)
    signoff = unit.add(
        SignOff(
            id=id,
            visit_id=visit.id,
            order_id=visit.order_id,
            number=earlier.number + 1 if earlier else 1,
            manifest=text.decode(),
            manifest_sha256=manifest_sha256,
            signer_name=signature["name"] if signature else None,
            signer_relation=signature["relation"] if signature else None,
            strokes=signature["strokes"] if signature else None,
            refusal=refusal["reason"] if refusal else None,
            language=str(manifest.get("language", unit.actor.language)),
            sealed_at_device=signature["signed_at"] if signature else unit.happened_at,
            received_at=clock.now(),
            device_id=unit.actor.device_id,
        )
    )
    visit.signoff_id = signoff.id
    if doors.org_behind(unit.session, "check", manifest_sha256) is None:
        # Whoever holds the paper can ask whether a report with this number was sealed.
        doors.open_door(unit, "check", manifest_sha256)
    _check_against(unit, visit, manifest)
    _chain(unit, signoff)
    unit.record(SignedOff(signoff.id))
    return signoff


def share_report(unit: Unit, visit_id: UUID) -> str:
    """Make a link's secret under which the customer opens the report; an older link stops working.

    Raises NotFound before anybody has signed off.
    """
    require(unit.actor, "report.share")
    visit_for(unit, visit_id)
    newest = signoff_of(unit, visit_id)
    signoff = unit.take(SignOff, newest.id) if newest is not None else None
    if signoff is None:
        raise NotFound("Nobody has signed this visit off yet.")
    secret = new_secret()
    doors.open_door(unit, "report", secret)
    signoff.report_hash = hashed(secret)
    return secret


def _check_against(unit: Unit, visit: Visit, manifest: dict[str, Any]) -> None:
    """Compare what was signed with what we hold; where it differs both stand, and a person looks."""
    if str(manifest.get("visit_id")) != str(visit.id):
        raise Invalid(
            "The report is of another visit.", fields={"manifest.visit_id": ["Another visit."]}
        )
    differing = {
        name: (held, manifest.get(name))
        for name, held in (("findings", visit.findings), ("outcome", visit.state.value))
        if visit.completed_at is not None and manifest.get(name) not in (None, held)
    }
    for name, (held, signed) in differing.items():
        visit.needs_review = True
        unit.notice("review", "What was signed differs from what is recorded: {field}", field=name)
        raise_attention(
            unit,
            kind="review",
            entity="visit",
            entity_id=visit.id,
            message=f"What was signed differs from what is recorded: {name}",
            technician_id=visit.technician_id,
            office_value=held,
            phone_value=signed,
        )


def _chain(unit: Unit, signoff: SignOff) -> None:
    unit.session.flush()
    # The newest link is locked, so that two sign-offs do not follow the same one.
    last = unit.session.scalar(select(Seal).order_by(Seal.n.desc()).limit(1).with_for_update())
    previous = last.head if last else _FIRST
    unit.session.add(
        Seal(
            org_id=unit.org_id,
            n=last.n + 1 if last else 1,
            signoff_id=signoff.id,
            previous=previous,
            head=link(previous, signoff.manifest_sha256),
        )
    )


def link(previous: bytes, manifest_sha256: str) -> bytes:
    """Return the head that follows when this manifest is sealed after `previous`."""
    return hashlib.sha256(b"\x01" + previous + bytes.fromhex(manifest_sha256)).digest()


def give_verdict(
    unit: Unit,
    signoff_id: UUID,
    *,
    verdict: str,
    rating: int | None = None,
    text: str | None = None,
) -> SignOff:
    """Let the customer confirm or dispute the work, and rate it. The first verdict stands; its rating may be added.

    Raises NotFound, Conflict.
    """
    signoff = unit.take(SignOff, signoff_id)
    if signoff is None:
        raise NotFound("No such report.")
    if signoff.verdict is not None and signoff.verdict != verdict:
        raise Conflict("You have answered already. Please call us if something changed.")
    first = signoff.verdict is None
    signoff.verdict, signoff.verdict_at = verdict, signoff.verdict_at or unit.happened_at
    signoff.rating = signoff.rating or rating
    signoff.verdict_text = signoff.verdict_text or text
    if verdict == "disputed" and first:
        visit = unit.take(Visit, signoff.visit_id)
        if visit is not None:
            raise_attention(
                unit,
                kind="review",
                entity="visit",
                entity_id=visit.id,
                message="The customer disputes the work.",
                technician_id=visit.technician_id,
                phone_value=text,
            )
    return signoff
