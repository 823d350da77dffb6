import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pypdf import PdfReader

from work.canonical import sha256_hex
from work.paper import Fonts, Paper
from work.report import ManifestMismatch, Refusal, Seal, Signature, render_report
from work.report_labels import LABELS, labels_for

FONTS = Path(__file__).parents[2] / "build" / "fonts"
LINK = "https://service.example/s/7QK4M2ZT9XW1B8HD3VRN6YCPA5"
STROKES = [[[0, 0, 0], [30, 40, 9], [60, 5, 21]], [[70, 20, 400]]]


@pytest.fixture(scope="module")
def fonts() -> Fonts:
    fonts = Fonts(FONTS / "NotoSansSC-Regular.ttf", FONTS / "NotoSansSC-Bold.ttf")
    assert fonts.regular.exists(), "The fonts have not been made yet; `make test` makes them."
    return fonts


def manifest(**changes: Any) -> dict[str, Any]:
    usual = {
        "schema": 1,
        "organisation": "江南水务设备服务有限公司",
        "order_no": "WO-2026-00417",
        "visit_no": "V-2026-00893",
        "visit_id": "01900000-0000-7000-8000-000000000001",
        "language": "zh-CN",
        "asset": {
            "name": "二号循环水泵",
            "model": "NB 80",
            "serial": "A-965",
            "location": "水泵房",
        },
        "fault": "水泵漏水。",
        "findings": "更换机械密封，试运行正常。",
        "failure_mode": "leak",
        "cause": "wear",
        "remedy": "replace",
        "outcome": "completed",
        "checklist": [
            {"key": "lock", "label": {"zh-CN": "断电挂牌", "en": "Locked out"}, "value": True},
            {"key": "vibration", "label": "振动", "value": "2.1 mm/s"},
        ],
        "parts": [{"sku": "MG1-35", "name": "机械密封", "qty": 2}],
        "photos": [],
        "times": {
            "travel_started_at": "2026-03-02T00:12:00Z",
            "arrived_at": "2026-03-02T00:57:30Z",
            "work_started_at": None,
            "completed_at": "2026-03-02T16:20:00Z",
        },
        "technician": "王建国",
        "statement": "本人已查看以上内容。",
    }
    return {**usual, **changes}


def seal(of: dict[str, Any], version: int = 1) -> Seal:
    sealed_at = datetime(2026, 3, 2, 16, 24, tzinfo=UTC)
    return Seal(sha256_hex(of), version, sealed_at, LINK, version - 1 or None)


def signed(**changes: Any) -> Signature:
    usual = {
        "name": "李晓燕",
        "relation": "manager",
        "strokes": STROKES,
        "signed_at": datetime(2026, 3, 2, 16, 22, tzinfo=UTC),
    }
    return Signature(**{**usual, **changes})


def jpeg(shade: int, size: tuple[int, int] = (80, 60)) -> bytes:
    body = io.BytesIO()
    Image.new("RGB", size, (shade, 90, 120)).save(body, "JPEG")
    return body.getvalue()


def report(fonts: Fonts, of: dict[str, Any] | None = None, **changes: Any) -> bytes:
    of = of or manifest()
    usual: dict[str, Any] = {
        "seal": seal(of),
        "sign_off": signed(),
        "photos": {},
        "zone": "Asia/Shanghai",
        "fonts": fonts,
    }
    return render_report(of, **{**usual, **changes})


def pages(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


def text(pdf: bytes) -> str:
    return "\n".join(pages(pdf))


def test_the_report_says_in_chinese_what_was_sealed(fonts: Fonts) -> None:
    of = manifest()
    said = text(report(fonts, of, names={"leak": "外泄漏"}))
    for words in [
        "江南水务设备服务有限公司",
        "服务报告",
        "WO-2026-00417",
        "二号循环水泵",
        "更换机械密封，试运行正常。",
        "外泄漏 (leak)",
        "断电挂牌",
        "2.1 mm/s",
        "MG1-35",
        "李晓燕",
        "负责人",
        "本人已查看以上内容。",
        "已完成",
        sha256_hex(of),
        LINK,
    ]:
        assert words in said


def test_the_same_report_in_english_shows_english_labels(fonts: Fonts) -> None:
    said = text(report(fonts, language="en"))
    for words in ["Service report", "Locked out", "Yes", "Manager", "Version 1", "Page 1 of 1"]:
        assert words in said


def test_times_are_those_of_the_site(fonts: Fonts) -> None:
    assert "2026年3月3日 00:20" in text(report(fonts))
    said = text(report(fonts, language="en", zone="America/New_York"))
    assert "2 Mar 2026, 11:20" in said
    assert "UTC-05:00" in said


def test_equal_input_makes_equal_bytes(fonts: Fonts) -> None:
    body = jpeg(1)
    of = manifest(photos=[hashlib.sha256(body).hexdigest()])
    photos = {of["photos"][0]: body}
    assert report(fonts, of, photos=photos) == report(fonts, of, photos=photos)
    assert report(fonts, of) != report(fonts, of, photos=photos)


def test_twelve_photos_and_a_long_story_fill_pages_that_are_counted(fonts: Fonts) -> None:
    bodies = [jpeg(shade, (60, 80) if shade % 2 else (80, 60)) for shade in range(12)]
    hashes = [hashlib.sha256(body).hexdigest() for body in bodies]
    of = manifest(
        photos=hashes,
        findings="拆检泵体，发现机械密封磨损 MG1-35-G60。" * 120
        + "\nhttps://example.com/"
        + "a" * 300,
        checklist=manifest()["checklist"] * 20,
    )
    found = report(fonts, of, photos=dict(zip(hashes, bodies, strict=True)))
    read = PdfReader(io.BytesIO(found))
    count = len(read.pages)
    assert count >= 4
    assert sum(len(page.images) for page in read.pages) == 12
    for number, page in enumerate(pages(found), start=1):
        assert f"第 {number} / {count} 页" in page
        assert sha256_hex(of) in page
    assert text(found).count("断电挂牌") == 20


def test_a_step_longer_than_a_page_is_printed_whole(fonts: Fonts) -> None:
    of = manifest(checklist=[{"key": "note", "label": "备注", "value": "很长的说明。" * 700}])
    assert text(report(fonts, of)).count("长") == 700


def test_a_photo_not_yet_received_or_broken_leaves_a_frame(fonts: Fonts) -> None:
    of = manifest(photos=["a" * 64, "b" * 64])
    said = text(report(fonts, of, photos={"b" * 64: b"no picture"}))
    assert "照片尚未上传" in said
    assert "照片无法读取" in said


def test_who_did_not_sign_is_not_shown_as_having_signed(fonts: Fonts) -> None:
    said = text(report(fonts, sign_off=Refusal("现场无人，保安拒绝代签。")))
    assert "客户未签字" in said
    assert "保安拒绝代签" in said
    assert "签字时间" not in said
    assert "尚未签字" in text(report(fonts, sign_off=None))


def test_a_new_version_names_the_old_one(fonts: Fonts) -> None:
    of = manifest()
    assert "取代第 1 版" in text(report(fonts, of, seal=seal(of, version=2)))


def test_a_character_that_no_font_has_leaves_a_box(fonts: Fonts) -> None:
    said = text(report(fonts, manifest(fault="报警😀与𠮷野，cafe\u0301，零\u200b宽")))
    assert "报警□与□野，café，零宽" in said


def test_a_manifest_that_was_not_sealed_is_refused(fonts: Fonts) -> None:
    other = seal(manifest(fault="另一份"))
    with pytest.raises(ManifestMismatch):
        report(fonts, manifest(), seal=other)


@pytest.mark.parametrize(
    "strokes",
    [
        [],
        [[]],
        [[[5, 5, 0]]],
        [[[1, 1], [1, 9]]],
        [[[float("nan"), 1, 0], [1e300, 2, 3]]],
        [[[0, 0, 0], [9, 9, 1]]] * 400,
    ],
)
def test_any_strokes_can_be_drawn(fonts: Fonts, strokes: Any) -> None:
    assert len(pages(report(fonts, sign_off=signed(strokes=strokes)))) == 1


def test_an_almost_empty_manifest_still_makes_a_report(fonts: Fonts) -> None:
    assert "服务报告" in text(report(fonts, {"schema": 1}, language="zh-CN", sign_off=None))


def test_lines_break_where_chinese_and_english_allow(fonts: Fonts) -> None:
    paper = Paper(fonts, lambda _: None, lambda _: None)
    paper.add_page()
    paper.style(10)
    lines = paper.wrap("检查（驱动端）轴承，并更换 mechanical seal 与密封圈。", 30)
    assert len(lines) > 2
    assert all(paper.measure(line) <= 30 for line in lines)
    assert not any(line[0] in "，。）" or line[-1] == "（" for line in lines)
    assert any("mechanical" in line for line in lines)
    paper.let_go()


def test_every_language_has_every_word() -> None:
    first, *others = LABELS.values()
    for other in others:
        assert set(other) == set(first)
    assert labels_for("zh-TW") is LABELS["zh-CN"]
    assert labels_for("fr") is LABELS["en"]
