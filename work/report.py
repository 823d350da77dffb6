"""The service report on paper: what was sealed, laid out for the customer, as a PDF.

It is made from the sealed manifest alone, beside the photos it names and the signature that seals
it, and is the same byte for byte whenever it is made again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from work.canonical import sha256_hex
from work.paper import (
    ACCENT,
    FOOT_MM,
    INK,
    LINE,
    MARGIN_MM,
    MUTED,
    PAGE_WIDTH_MM,
    PALE,
    PALE_WARNING,
    WARNING,
    WHITE,
    WIDTH_MM,
    Column,
    Fonts,
    Paper,
)
from work.report_labels import Labels, labels_for

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
PHOTOS_A_ROW = 3
PHOTO_GAP_MM = 3.5
PHOTO_HEIGHT_MM = 43.0
CAPTION_MM = 5.5
BAND_MM = 27.0
QR_MM = 17.0
SIGNATURE_MM = 40.0
FACTS = ("travel_started_at", "arrived_at", "work_started_at", "completed_at")
CODES = ("failure_mode", "cause", "remedy")

Stroke = Sequence[Sequence[float]]


class ManifestMismatch(ValueError):
    """The manifest is not the one that was sealed."""


@dataclass(frozen=True, slots=True)
class Seal:
    """What binds the paper to the record: hash, version, when the server sealed it, where to check."""

    sha256: str
    version: int
    sealed_at: datetime
    check_url: str
    supersedes: int | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed, as whom, when, and the strokes of the pen: points of x, y and time."""

    name: str
    relation: str
    strokes: Sequence[Stroke]
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nobody signed."""

    reason: str


def render_report(
    manifest: Mapping[str, Any],
    *,
    seal: Seal,
    sign_off: Signature | Refusal | None,
    photos: Mapping[str, bytes],
    zone: str,
    fonts: Fonts,
    language: str | None = None,
    names: Mapping[str, str] | None = None,
) -> bytes:
    """Return the report as a PDF in the customer's language, with the times of the site.

    `photos` maps SHA-256 to JPEG bytes; one not yet received is shown as an empty frame. `names`
    says what failure codes mean in that language; a code without a name is printed as it is.
    """
    if sha256_hex(dict(manifest)) != seal.sha256:
        raise ManifestMismatch("The report would carry a hash that is not its own.")
    language = language or str(manifest.get("language") or "")
    return _Report(manifest, seal, labels_for(language), ZoneInfo(zone), names or {}).pdf(
        fonts, language, sign_off, photos
    )


@dataclass(frozen=True, slots=True)
class _Report:
    manifest: Mapping[str, Any]
    seal: Seal
    labels: Labels
    zone: ZoneInfo
    names: Mapping[str, str]

    def pdf(
        self,
        fonts: Fonts,
        language: str,
        sign_off: Signature | Refusal | None,
        photos: Mapping[str, bytes],
    ) -> bytes:
        paper = Paper(fonts, self._head, self._foot)
        try:
            paper.set_creation_date(self.seal.sealed_at.astimezone(UTC))
            paper.set_title(f"{self.labels['title']} {self._text('order_no')}")
            paper.set_author(self._text("organisation"))
            paper.set_creator("Fieldwright")
            paper.set_lang(language or "en")
            paper.add_page()
            self._facts(paper)
            self._fault_and_findings(paper)
            self._checklist(paper)
            self._parts(paper)
            self._photos(paper, photos)
            self._sign_off(paper, sign_off)
            return bytes(paper.output())
        finally:
            paper.let_go()

    # What stands on every page.

    def _head(self, paper: Paper) -> None:
        organisation = paper.readable(self._text("organisation"))
        order = paper.readable(f"{self.labels['order']} {self._text('order_no')}")
        if paper.page_no() > 1:
            paper.style(8, MUTED)
            paper.write_line(MARGIN_MM, 9, WIDTH_MM * 0.6, organisation)
            title = f"{self.labels['title']} | {order}"
            paper.write_line(MARGIN_MM, 9, WIDTH_MM, paper.readable(title), "R")
            paper.set_draw_color(*LINE)
            paper.line(MARGIN_MM, 14.5, MARGIN_MM + WIDTH_MM, 14.5)
            paper.set_xy(MARGIN_MM, 19)
            return
        paper.set_fill_color(*ACCENT)
        paper.rect(0, 0, PAGE_WIDTH_MM, BAND_MM, style="F")
        paper.style(15, WHITE, bold=True)
        lines = paper.wrap(organisation, WIDTH_MM * 0.52)[:2]
        top = BAND_MM / 2 - len(lines) * paper.line_mm() / 2
        for number, line in enumerate(lines):
            paper.write_line(MARGIN_MM, top + number * paper.line_mm(), WIDTH_MM * 0.6, line)
        paper.style(13, WHITE, bold=True)
        paper.write_line(MARGIN_MM, 5.5, WIDTH_MM, paper.readable(self.labels["title"]), "R")
        paper.style(9.5, WHITE)
        paper.write_line(MARGIN_MM, 12.5, WIDTH_MM, order, "R")
        visit = f"{self.labels['visit']} {self._text('visit_no')} | {self._version()}"
        paper.write_line(MARGIN_MM, 17.5, WIDTH_MM, paper.readable(visit), "R")
        paper.set_xy(MARGIN_MM, BAND_MM + 5)

    def _foot(self, paper: Paper) -> None:
        top = paper.h - FOOT_MM + 4
        paper.set_draw_color(*LINE)
        paper.line(MARGIN_MM, top, MARGIN_MM + WIDTH_MM, top)
        paper.qr(self.seal.check_url, MARGIN_MM + WIDTH_MM - QR_MM, top + 2, QR_MM)
        width = WIDTH_MM - QR_MM - 6
        paper.style(7, MUTED)
        check = paper.wrap(f"{self.labels['check_at']} {self.seal.check_url}", width)[:2]
        pages = self.labels["page"].format(page=paper.page_no(), pages="{nb}")
        lines = [
            f"{self.labels['digest']}  {self.seal.sha256}",
            *check,
            f"{paper.readable(self._text('order_no'))} | {self._version()} | {pages}",
        ]
        for number, line in enumerate(lines):
            paper.write_line(MARGIN_MM, top + 2.2 + number * paper.line_mm(), width, line)

    # The body, from top to bottom.

    def _facts(self, paper: Paper) -> None:
        asset = self.manifest.get("asset") or {}
        times = self.manifest.get("times") or {}
        said, none = self.labels, self.labels["none"]
        outcome = self._text("outcome")
        paper.facts(
            [
                [
                    (said["machine"], str(asset.get("name") or none), 2),
                    (said["model"], str(asset.get("model") or none), 1),
                    (said["serial"], str(asset.get("serial") or none), 1),
                ],
                [
                    (said["location"], str(asset.get("location") or none), 2),
                    (said["technician"], self._text("technician"), 1),
                    (said["outcome"], said.get(f"outcome.{outcome}", outcome), 1),
                ],
                [(said[fact], self._moment(times.get(fact)), 1) for fact in FACTS],
            ]
        )
        offset = self.seal.sealed_at.astimezone(self.zone).strftime("%z")
        offset = f"{offset[:3]}:{offset[3:5]}"
        paper.ln(1)
        paper.style(7.5, MUTED)
        paper.paragraph(said["times_in"].format(zone=self.zone.key, offset=offset))

    def _fault_and_findings(self, paper: Paper) -> None:
        paper.section(self.labels["fault"])
        paper.style(10)
        paper.paragraph(self._text("fault"))
        paper.section(self.labels["findings"])
        paper.style(10)
        paper.paragraph(self._text("findings"))
        codes = [(self.labels[code], self._code(code), 1) for code in CODES]
        if any(self.manifest.get(code) for code in CODES):
            paper.ln(2)
            paper.facts([codes])

    def _checklist(self, paper: Paper) -> None:
        steps = self.manifest.get("checklist") or ()
        if not steps:
            return
        paper.section(self.labels["checklist"], keep_mm=22)
        columns = [Column(self.labels["check"], 7), Column(self.labels["result"], 3)]
        paper.grid(columns, [(self._word(step.get("label")), self._value(step)) for step in steps])

    def _parts(self, paper: Paper) -> None:
        paper.section(self.labels["parts"], keep_mm=14)
        parts = self.manifest.get("parts") or ()
        if not parts:
            paper.style(10, MUTED)
            paper.paragraph(self.labels["no_parts"])
            return
        columns = [
            Column(self.labels["sku"], 3),
            Column(self.labels["part"], 6),
            Column(self.labels["qty"], 1.4, "R"),
        ]
        rows = [
            (str(part.get("sku") or ""), self._word(part.get("name")), str(part.get("qty", "")))
            for part in parts
        ]
        paper.grid(columns, rows)

    def _photos(self, paper: Paper, photos: Mapping[str, bytes]) -> None:
        hashes = [str(digest) for digest in self.manifest.get("photos") or ()]
        paper.section(self.labels["photos"], keep_mm=PHOTO_HEIGHT_MM if hashes else 10)
        if not hashes:
            paper.style(10, MUTED)
            paper.paragraph(self.labels["no_photos"])
            return
        width = (WIDTH_MM - (PHOTOS_A_ROW - 1) * PHOTO_GAP_MM) / PHOTOS_A_ROW
        for first in range(0, len(hashes), PHOTOS_A_ROW):
            paper.need(PHOTO_HEIGHT_MM + CAPTION_MM)
            y = paper.get_y()
            for place, digest in enumerate(hashes[first : first + PHOTOS_A_ROW]):
                x = MARGIN_MM + place * (width + PHOTO_GAP_MM)
                self._photo(paper, photos.get(digest), x, y, width)
                paper.style(7, MUTED)
                caption = paper.readable(f"{first + place + 1} | {digest[:12]}")
                paper.write_line(x, y + PHOTO_HEIGHT_MM + 0.6, width, caption)
            paper.set_xy(MARGIN_MM, y + PHOTO_HEIGHT_MM + CAPTION_MM)

    def _photo(self, paper: Paper, body: bytes | None, x: float, y: float, width: float) -> None:
        paper.set_fill_color(*PALE)
        paper.rect(x, y, width, PHOTO_HEIGHT_MM, style="F")
        if body is not None and paper.picture(body, x, y, width, PHOTO_HEIGHT_MM):
            return
        label = "photo_awaited" if body is None else "photo_unreadable"
        paper.style(8.5, MUTED)
        paper.write_line(x, y + PHOTO_HEIGHT_MM / 2 - 2, width, self.labels[label], "C")

    def _sign_off(self, paper: Paper, sign_off: Signature | Refusal | None) -> None:
        paper.style(10)
        statement = self._text("statement")
        lines = len(paper.wrap(statement, WIDTH_MM))
        # The words and the name under them belong on one page.
        below = SIGNATURE_MM + 4 if isinstance(sign_off, Signature) else 32
        together = min(lines * paper.line_mm() + below, 200)
        paper.section(self.labels["sign_off"], keep_mm=together)
        paper.style(10)
        paper.paragraph(statement)
        paper.ln(2.5)
        if isinstance(sign_off, Signature):
            self._signature(paper, sign_off)
        elif isinstance(sign_off, Refusal):
            self._refusal(paper, sign_off)
        else:
            paper.style(10, MUTED)
            paper.paragraph(self.labels["unsigned"])
            self._sealed(paper)

    def _signature(self, paper: Paper, signature: Signature) -> None:
        paper.need(SIGNATURE_MM + 2)
        y, width = paper.get_y(), WIDTH_MM * 0.48
        paper.set_draw_color(*LINE)
        paper.rect(MARGIN_MM, y, width, SIGNATURE_MM)
        paper.strokes(signature.strokes, MARGIN_MM + 5, y + 4, width - 10, SIGNATURE_MM - 8)
        relation = self.labels.get(f"relation.{signature.relation}", signature.relation)
        facts = [
            (self.labels["signer"], signature.name),
            (self.labels["relation"], relation),
            (self.labels["signed_at"], self._moment(signature.signed_at)),
            (self.labels["sealed_at"], self._moment(self.seal.sealed_at)),
        ]
        x = MARGIN_MM + width + 6
        for number, (label, value) in enumerate(facts):
            top = y + number * (SIGNATURE_MM / len(facts))
            paper.style(7.5, MUTED)
            paper.write_line(x, top - 0.4, WIDTH_MM / 2, label)
            paper.style(10, INK, bold=not number)
            shown = paper.wrap(value, WIDTH_MM - width - 6)
            paper.write_line(x, top + 3, WIDTH_MM / 2, shown[0] + ("…" if shown[1:] else ""))
        paper.set_xy(MARGIN_MM, y + SIGNATURE_MM + 2)

    def _refusal(self, paper: Paper, refusal: Refusal) -> None:
        paper.style(10)
        reason = self.labels["refusal_reason"].format(reason=refusal.reason)
        lines = paper.wrap(reason, WIDTH_MM - 12)
        height = 12 + len(lines) * paper.line_mm()
        if height < 150:
            paper.need(height + 8)
            y = paper.get_y()
            paper.set_fill_color(*PALE_WARNING)
            paper.rect(MARGIN_MM, y, WIDTH_MM, height, style="F")
            paper.set_fill_color(*WARNING)
            paper.rect(MARGIN_MM, y, 1.2, height, style="F")
            paper.set_xy(MARGIN_MM, y + 3)
        paper.style(10.5, WARNING, bold=True)
        paper.paragraph(self.labels["refused"], x=MARGIN_MM + 6)
        paper.style(10)
        paper.paragraph(reason, x=MARGIN_MM + 6, width=WIDTH_MM - 12)
        paper.ln(4)
        self._sealed(paper)

    def _sealed(self, paper: Paper) -> None:
        paper.ln(1)
        paper.style(8.5, MUTED)
        paper.paragraph(f"{self.labels['sealed_at']}  {self._moment(self.seal.sealed_at)}")

    # Words.

    def _text(self, key: str) -> str:
        value = self.manifest.get(key)
        return self.labels["none"] if value in (None, "") else str(value)

    def _code(self, key: str) -> str:
        code = self._text(key)
        name = self.names.get(code)
        return f"{name} ({code})" if name and name != code else code

    def _word(self, value: object) -> str:
        """Return text that may be given in several languages."""
        if isinstance(value, Mapping):
            spoken = [text for tag, text in value.items() if labels_for(str(tag)) is self.labels]
            return str(next(iter([*spoken, *value.values()]), self.labels["none"]))
        return self.labels["none"] if value in (None, "") else str(value)

    def _value(self, step: Mapping[str, Any]) -> str:
        value = step.get("value")
        if isinstance(value, bool):
            return self.labels["yes"] if value else self.labels["no"]
        shown = self._word(value)
        unit = step.get("unit")
        return f"{shown} {unit}" if unit and value not in (None, "") else shown

    def _version(self) -> str:
        version = self.labels["version"].format(version=self.seal.version)
        if self.seal.supersedes is None:
            return version
        return f"{version} | {self.labels['supersedes'].format(version=self.seal.supersedes)}"

    def _moment(self, moment: datetime | str | None) -> str:
        if not moment:
            return self.labels["none"]
        if isinstance(moment, str):
            moment = datetime.fromisoformat(moment)
        local = moment.astimezone(self.zone)
        return self.labels["moment"].format(
            year=local.year,
            month=local.month,
            month_name=MONTHS[local.month - 1],
            day=local.day,
            clock=local.strftime("%H:%M"),
        )
