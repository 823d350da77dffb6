"""The service report: from a sealed sign-off to a PDF, once."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select

from assets.models import Asset, FailureCode, Site
from core import files
from core.errors import NotFound
from core.pictures import stripped_picture
from core.unit import Unit
from work.models import SignOff, Visit, WorkOrder


@dataclass(slots=True)
class _Setting:
    fonts: Path = Path("build/fonts")
    public_url: str = "http://127.0.0.1:8000"


_setting = _Setting()


def configure(*, fonts: Path, public_url: str) -> None:
    """Say where the fonts lie and under which address people check a report."""
    _setting.fonts, _setting.public_url = fonts, public_url


def report_pdf(unit: Unit, signoff: SignOff) -> bytes:
    """Return the report of a sign-off: equal for equal input, to the byte."""
    # The printer's library takes 30 MB, and most processes never print.
    from work.paper import Fonts  # noqa: PLC0415
    from work.report import Refusal, Seal, Signature, render_report  # noqa: PLC0415

    manifest = json.loads(signoff.manifest)
    order = unit.must(WorkOrder, signoff.order_id, "No such work order.")
    site = unit.must(Site, order.site_id, "No such site.")
    store = files.bound()
    photos = {
        sha: stripped_picture(store.read(unit.org_id, sha))
        for sha in manifest.get("photos", [])
        if _here(unit, sha)
    }
    sign_off: Signature | Refusal | None = None
    if signoff.strokes is not None:
        sign_off = Signature(
            signoff.signer_name or "",
            signoff.signer_relation or "",
            signoff.strokes,
            signoff.sealed_at_device,
        )
    elif signoff.refusal is not None:
        sign_off = Refusal(signoff.refusal)
    return render_report(
        manifest,
        seal=Seal(
            sha256=signoff.manifest_sha256,
            version=signoff.number,
            sealed_at=signoff.received_at,
            check_url=f"{_setting.public_url}/check/{signoff.manifest_sha256}",
            supersedes=signoff.number - 1 if signoff.number > 1 else None,
        ),
        sign_off=sign_off,
        photos=photos,
        zone=site.timezone,
        fonts=Fonts(
            _setting.fonts / "NotoSansSC-Regular.ttf", _setting.fonts / "NotoSansSC-Bold.ttf"
        ),
        language=signoff.language,
        names=_code_names(unit, signoff.language),
    )


def photos_missing(unit: Unit, signoff: SignOff) -> list[str]:
    """Return the photos a report shows whose bytes have not come."""
    return [sha for sha in json.loads(signoff.manifest).get("photos", []) if not _here(unit, sha)]


def _here(unit: Unit, sha256: str) -> bool:
    try:
        return files.bound().has(unit.org_id, sha256)
    except ValueError:
        return False


def _code_names(unit: Unit, language: str) -> dict[str, str]:
    rows = unit.session.execute(select(FailureCode.code, FailureCode.label)).all()
    return {code: str(label.get(language) or label.get("en") or code) for code, label in rows}


def signoff_for(unit: Unit, signoff_id: UUID) -> SignOff:
    """Return a sign-off.

    Raises NotFound.
    """
    signoff = unit.get(SignOff, signoff_id)
    if signoff is None:
        raise NotFound("No such report.")
    return signoff


def signed_by_link(unit: Unit, secret_hash: bytes) -> SignOff:
    """Return the sign-off behind a report link.

    Raises NotFound.
    """
    signoff = unit.session.scalar(select(SignOff).where(SignOff.report_hash == secret_hash))
    if signoff is None:
        raise NotFound("This link is not known.")
    return signoff


def summary(unit: Unit, signoff: SignOff) -> dict[str, Any]:
    """Return what the report's page shows of it."""
    order = unit.must(WorkOrder, signoff.order_id, "No such work order.")
    visit = unit.must(Visit, signoff.visit_id, "No such visit.")
    site = unit.must(Site, order.site_id, "No such site.")
    asset = unit.get(Asset, order.asset_id) if order.asset_id else None
    manifest = json.loads(signoff.manifest)
    completed: datetime | None = visit.completed_at
    return {
        "order_no": order.no,
        "asset_name": asset.public_name if asset else site.name,
        "findings": manifest.get("findings"),
        "technician": manifest.get("technician"),
        "completed_at": completed,
        "timezone": site.timezone,
        "manifest_sha256": signoff.manifest_sha256,
        "ready": signoff.report_sha256 is not None,
        "verdict": signoff.verdict,
        "rating": signoff.rating,
        "photos": len(manifest.get("photos", [])),
    }
