"""The pages of people without an account: small, without scripts, and careful with what they show."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from api.app import create_app
from api.limits import limiter
from assets.models import AssetTag, TagState
from core import clock, files
from core.database import Database, bound
from core.ids import new_id, new_label
from core.models import Base
from core.unit import perform, reading
from tests.api.world import World, picture
from tests.doors import settings_for
from tests.makers import Maker
from work import actions as work
from work.models import Attention, Confirmation, Request, RequestPhoto, SignOff

NASTY = "<script>alert('x')</script>\" onload=\"x'; DROP TABLE request; --"


@pytest.fixture
def public(app: Flask) -> FlaskClient:
    """Give a browser without any sign-in."""
    return app.test_client()


def page(world: World) -> str:
    """Return the address of the machine's page."""
    return f"/q/{world.links['tag']}"


def form(**more: Any) -> dict[str, Any]:
    """Return what a browser sends."""
    return {"symptom": "noise", "text": "It rattles", "form_id": str(new_id())} | more


def send(public: FlaskClient, path: str, data: dict[str, Any], **more: Any) -> Any:
    """Send the form."""
    return public.post(path, data=data, content_type="multipart/form-data", **more)


def rows(world: World, model: Any) -> list[Any]:
    """Return all rows of a kind."""
    with reading(world.make.system) as unit:
        return list(unit.session.scalars(sa.select(model)).all())


def counts(world: World) -> dict[str, int]:
    """Return how many rows each table holds."""
    with bound().engine.connect() as connection:
        from core.tenancy import announce

        announce(connection, world.make.org.id)
        return {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def test_a_machines_page_is_small_and_works_without_scripts(
    world: World, public: FlaskClient
) -> None:
    answer = public.get(page(world))
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert len(answer.data) < 30_000
    assert "<script" not in text
    assert not re.search(r"(?:src|href|action)=\"https?:", text), "nothing comes from elsewhere"
    assert 'method="post"' in text
    assert 'enctype="multipart/form-data"' in text
    assert text.count('type="radio"') == 3


def test_a_page_shows_nothing_that_only_the_company_should_know(
    world: World, public: FlaskClient
) -> None:
    text = public.get(page(world)).get_data(as_text=True)
    for secret in ("Ann", "1 Quarry Road", "Mr Zhou", "+86", *world.ids.values()):
        if secret != world.links["tag"]:
            assert secret not in text, secret


def test_a_page_speaks_both_languages(world: World, public: FlaskClient) -> None:
    english = public.get(page(world), headers={"Accept-Language": "en"}).get_data(as_text=True)
    chinese = public.get(page(world), headers={"Accept-Language": "zh-CN"}).get_data(as_text=True)
    asked = public.get(f"{page(world)}?lang=zh-CN", headers={"Accept-Language": "en"})
    assert '<html lang="en">' in english
    assert "What is wrong?" in english
    assert '<html lang="zh-CN">' in chinese
    assert "哪里出了故障？" in chinese
    assert "漏油" in chinese
    assert "哪里出了故障？" in asked.get_data(as_text=True)
    assert '?lang=zh-CN"' in english
    assert '?lang=en"' in chinese
    assert not re.search(r"\b(?:optional|Photo|Report)\b", re.sub("<[^>]+>", "", chinese))


def test_every_page_tells_browsers_and_search_engines_to_forget_it(
    world: World, public: FlaskClient
) -> None:
    sent = send(public, page(world), form())
    for path in (page(world), sent.location, f"/s/{world.links['report']}", "/q/unknown"):
        headers = public.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Robots-Tag"] == "noindex"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Set-Cookie" not in headers


def test_who_fills_in_the_hidden_field_is_no_person(world: World, public: FlaskClient) -> None:
    text = public.get(page(world)).get_data(as_text=True)
    assert re.search(r'class="hp" aria-hidden="true".*name="website" tabindex="-1"', text)
    before = counts(world)
    answer = send(public, page(world), form(website="http://spam.example"))
    assert answer.status_code == 422
    assert counts(world) == before


def test_the_same_form_sent_twice_is_one_report(world: World, public: FlaskClient) -> None:
    given = form()
    first, second = send(public, page(world), given), send(public, page(world), given)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    assert len([one for one in rows(world, Request) if one.symptom == "noise"]) == 1
    assert rows(world, Confirmation) == []


def test_the_same_form_with_other_words_is_refused(world: World, public: FlaskClient) -> None:
    given = form()
    send(public, page(world), given)
    answer = send(public, page(world), given | {"text": "Something else"})
    assert answer.status_code == 422
    assert len([one for one in rows(world, Request) if one.symptom == "noise"]) == 1


def test_a_second_report_of_an_open_fault_joins_it(world: World, public: FlaskClient) -> None:
    first = send(public, page(world), form(), follow_redirects=True).get_data(as_text=True)
    second = send(public, page(world), form(name="Li"), follow_redirects=True).get_data(
        as_text=True
    )
    assert "Thank you. We have your report." in first
    assert "You joined it" in second
    assert "reported by 2 people" in second
    [request] = [one for one in rows(world, Request) if one.symptom == "noise"]
    assert request.confirmations == 1
    [joined] = rows(world, Confirmation)
    assert joined.reporter_name == "Li"
    assert "already reported" in public.get(page(world)).get_data(as_text=True)


def with_position() -> bytes:
    """Return a photo that tells where it was taken, and by which camera."""
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[2] = (31.0, 14.0, 3.0)
    exif.get_ifd(0x8825)[1] = "N"
    out = io.BytesIO()
    Image.new("RGB", (64, 32), "green").save(out, "JPEG", exif=exif, comment=b"hidden words")
    return out.getvalue()


def test_a_strangers_photo_is_kept_without_its_position(world: World, public: FlaskClient) -> None:
    photo = with_position()
    assert b"SecretCamera" in photo
    sent = send(public, page(world), form(photo=(io.BytesIO(photo), "p.jpg")))
    assert sent.status_code == 303
    [kept] = rows(world, RequestPhoto)
    content = files.bound().read(world.make.org.id, kept.sha256)
    shown = Image.open(io.BytesIO(content))
    assert (shown.format, shown.size) == ("JPEG", (32, 64)), "upright without its note on turning"
    assert dict(shown.getexif()) == {}
    assert b"SecretCamera" not in content
    assert b"hidden words" not in content


@pytest.mark.parametrize(
    "content",
    [b"<svg onload=alert(1)>", b"%PDF-1.7", picture()[:100], b"GIF89a" + b"\x00" * 50],
    ids=["svg", "pdf", "cut off", "gif"],
)
def test_what_is_no_photo_is_refused_and_nothing_is_written(
    world: World, public: FlaskClient, content: bytes
) -> None:
    before = counts(world)
    answer = send(public, page(world), form(photo=(io.BytesIO(content), "p.jpg")))
    assert answer.status_code == 422
    assert "not a picture we can read" in answer.get_data(as_text=True)
    assert counts(world) == before


@pytest.mark.parametrize(("megabytes", "status"), [(9, 422), (13, 413)])
def test_a_photo_that_is_too_large_is_refused_on_a_page(
    world: World, public: FlaskClient, megabytes: int, status: int
) -> None:
    parts = [
        *(
            f'--x\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}'
            for k, v in form().items()
        ),
        '--x\r\nContent-Disposition: form-data; name="photo"; filename="p.jpg"\r\n\r\n',
    ]
    body = "\r\n".join(parts).encode() + b"\xff\xd8" * (megabytes * 512 * 1024) + b"\r\n--x--\r\n"
    answer = public.post(page(world), data=body, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == status
    assert "The picture is too large." in answer.get_data(as_text=True)


MISFILLED = [
    {"symptom": "no such word"},
    {"symptom": ""},
    {"text": "x" * 4001},
    {"name": "x" * 201},
    {"phone": "x" * 61},
    {"text": "a\x00b"},
    {"form_id": "x" * 61},
]


def test_a_form_that_makes_no_sense_comes_back_with_what_was_written(
    world: World, public: FlaskClient
) -> None:
    for wrong in MISFILLED:
        before = counts(world)
        answer = send(public, page(world), form(**({"name": "Zhou"} | wrong)))
        text = answer.get_data(as_text=True)
        assert answer.status_code == 422
        if "form_id" not in wrong:
            assert 'role="alert"' in text
        if "name" not in wrong:
            assert 'value="Zhou"' in text
        assert counts(world) == before


def test_unknown_void_and_misread_codes_get_the_same_answer(
    world: World, public: FlaskClient
) -> None:
    void = new_label()
    world.do(_stick, world.ids["asset_id"], void)
    with reading(world.make.system) as unit:
        tag = unit.session.scalars(sa.select(AssetTag).order_by(AssetTag.bound_at.desc())).first()
        assert tag is not None
        tag_id = tag.id
    perform(
        world.make.system, lambda unit: setattr(unit.get(AssetTag, tag_id), "state", TagState.VOID)
    )
    codes = (void, new_label(), "x", "x" * 500, "../etc", world.links["report"], "%00", "é")
    for suffix in ("", "/code.svg"):
        answers = {
            (answer.status_code, answer.data)
            for answer in (public.get(f"/q/{code}{suffix}") for code in codes if "/" not in code)
        }
        assert len(answers) == 1
        assert next(iter(answers))[0] == 404
    posted = {
        (answer.status_code, answer.data)
        for answer in (send(public, f"/q/{code}", form()) for code in (void, new_label()))
    }
    assert len(posted) == 1


def _stick(unit: Any, asset_id: str, token: str) -> None:
    from uuid import UUID

    from assets.actions import stick_tag

    stick_tag(unit, UUID(asset_id), token)


def test_a_code_may_be_typed_as_people_type(world: World, public: FlaskClient) -> None:
    label = world.links["tag"]
    typed = f"{label[:4]}-{label[4:10]} {label[10:]}".lower().replace("1", "i").replace("0", "o")
    assert public.get(f"/q/{typed}").status_code == 200


def test_who_posts_too_often_is_asked_for_patience_on_a_page(
    database: Database, tmp_path: Path, world: World
) -> None:
    app = create_app(settings_for(tmp_path, FIELDWRIGHT_LIMITS="on"), db=database)
    limiter.reset()
    public = app.test_client()
    answers = [send(public, page(world), form(symptom="")) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert "Too many requests. Please wait a moment." in answers[-1].get_data(as_text=True)
    assert answers[-1].mimetype == "text/html"
    assert int(answers[-1].headers["Retry-After"]) > 0
    limiter.reset()


def test_a_machine_is_not_reported_by_a_crowd_that_spells_its_code_differently(
    database: Database, tmp_path: Path, world: World
) -> None:
    app = create_app(settings_for(tmp_path, FIELDWRIGHT_LIMITS="on"), db=database)
    limiter.reset()
    public, label = app.test_client(), world.links["tag"]
    spelled = [label, label.lower(), f"{label[:3]}-{label[3:]}"]
    last = [
        send(
            public,
            f"/q/{spelled[n % 3]}",
            form(symptom=""),
            environ_base={"REMOTE_ADDR": f"10.0.0.{n}"},
        ).status_code
        for n in range(31)
    ]
    assert last == [422] * 30 + [429]
    limiter.reset()


def test_a_report_goes_through_its_steps(world: World, public: FlaskClient, make: Maker) -> None:
    sent = send(public, page(world), form())

    def step() -> str:
        text = public.get(sent.location).get_data(as_text=True)
        found = re.search(r'aria-current="step">([^<]+)<', text)
        assert found is not None
        return found[1]

    assert step() == "Reported"
    [request] = [one for one in rows(world, Request) if one.symptom == "noise"]
    order = world.do(work.accept_request, request.id)
    assert step() == "Accepted"
    visit = make.visit(by=world.technician, order=order, arrives_at=clock.now())
    assert step() == "Planned"
    assert '<p class="when">' in public.get(sent.location).get_data(as_text=True)
    world.do(work.start_travel, visit.id)
    assert step() == "Technician on the way or on site"
    world.do(work.complete_visit, visit.id, findings="Tightened")
    assert step() == "Done"


def test_a_rejection_is_read_by_its_reporter(world: World, public: FlaskClient) -> None:
    sent = send(public, page(world), form())
    [request] = [one for one in rows(world, Request) if one.symptom == "noise"]
    world.do(work.reject_request, request.id, reason=NASTY)
    text = public.get(sent.location).get_data(as_text=True)
    assert "We will not come for this" in text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_what_strangers_write_is_kept_as_written_and_shown_escaped(
    world: World, public: FlaskClient
) -> None:
    given = {"text": NASTY, "name": NASTY, "phone": "<b>1</b>"}
    back = send(public, page(world), form(symptom=NASTY, **given)).get_data(as_text=True)
    assert "<script>alert" not in back
    assert "<b>1</b>" not in back
    assert '" onload="' not in back
    assert send(public, page(world), form(**given)).status_code == 303
    [request] = [one for one in rows(world, Request) if one.symptom == "noise"]
    assert (request.text, request.reporter_name) == (NASTY, NASTY)
    checked = public.get("/check/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert checked.status_code == 404 or "<script>alert" not in checked.get_data(as_text=True)


def test_a_status_link_opens_nothing_else(world: World, public: FlaskClient) -> None:
    secret = send(public, page(world), form()).location.split("/r/")[1].split("?")[0]
    for path in (f"/s/{secret}", f"/q/{secret}", f"/r/{world.links['report']}"):
        assert public.get(path).status_code == 404, path


def test_looking_at_a_report_saves_nothing(world: World, public: FlaskClient) -> None:
    before = counts(world)
    path = f"/s/{world.links['report']}"
    for address in (path, f"{path}?verdict=confirmed&rating=5", f"{path}/report.pdf"):
        assert public.get(address).status_code == 200
        assert public.head(address).status_code == 200
    assert counts(world) == before
    assert [one.verdict for one in rows(world, SignOff)] == [None]


def test_a_customer_confirms_and_rates_and_stays_with_it(world: World, public: FlaskClient) -> None:
    path = f"/s/{world.links['report']}"
    for wrong in ({}, {"verdict": "maybe"}, {"verdict": "confirmed", "rating": "6"}):
        answer = public.post(path, data=wrong)
        assert answer.status_code == 422
        assert "Please choose an answer." in answer.get_data(as_text=True)
    assert [one.verdict for one in rows(world, SignOff)] == [None]
    given = {"verdict": "confirmed", "rating": "4", "text": NASTY}
    assert public.post(path, data=given).status_code == 303
    assert public.post(path, data=given).status_code == 303, "the same word again is no quarrel"
    [signoff] = rows(world, SignOff)
    assert (signoff.verdict, signoff.rating, signoff.verdict_text) == ("confirmed", 4, NASTY)
    other = public.post(path, data={"verdict": "disputed"})
    assert other.status_code == 409
    assert "You have answered already" in other.get_data(as_text=True)
    assert rows(world, SignOff)[0].verdict == "confirmed"
    shown = public.get(path).get_data(as_text=True)
    assert "★★★★" in shown
    assert "<form" not in shown


def test_a_dispute_reaches_a_person(world: World, public: FlaskClient) -> None:
    before = len(rows(world, Attention))
    assert (
        public.post(f"/s/{world.links['report']}", data={"verdict": "disputed"}).status_code == 303
    )
    assert len(rows(world, Attention)) == before + 1


def test_the_same_dispute_sent_twice_reaches_a_person_once(
    world: World, public: FlaskClient
) -> None:
    before = len(rows(world, Attention))
    for _ in range(2):
        public.post(f"/s/{world.links['report']}", data={"verdict": "disputed"})
    assert len(rows(world, Attention)) == before + 1


def test_a_newer_link_ends_the_older(world: World, public: FlaskClient) -> None:
    from uuid import UUID

    old = f"/s/{world.links['report']}"
    secret = world.do(work.share_report, UUID(world.ids["visit_id"]))
    assert public.get(old).status_code == 404
    assert public.get(f"/s/{secret}").status_code == 200
    assert public.get(f"/s/{secret}/report.pdf").mimetype == "application/pdf"


def test_a_report_whose_file_is_lost_says_that_it_is_not_there(
    world: World, public: FlaskClient
) -> None:
    for path in Path(files.bound().root).rglob("*"):
        if path.is_file():
            path.unlink()
    answer = public.get(f"/s/{world.links['report']}/report.pdf")
    assert answer.status_code == 404
    assert "The report is not ready yet." in answer.get_data(as_text=True)
