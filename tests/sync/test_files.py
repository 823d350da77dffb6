"""Files in pieces by tus: resumed after any cut, stored once, never in the way of what people say."""

import base64
import hashlib
import io
import random
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from api.herd import Gate
from core import clock, files, jobs
from core.ids import new_id
from core.unit import perform
from sync import uploads
from sync.jobs import collect_files, forget_uploads
from sync.uploads import Upload
from tests.api.world import manifest_of, picture, sha_of
from tests.doors import Phone, Visitor
from tests.makers import Maker
from tests.sync.field import Field, statuses
from work.canonical import sha256_hex
from work.jobs import PHOTOS_AWAITED
from work.models import Photo, PhotoState, SignOff, WorkOrder

DOOR = "/v1/sync/files"
OCTETS = "application/offset+octet-stream"


def coded(value: str | bytes) -> str:
    """Return a value as tus writes it into headers."""
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


def large(size: int) -> bytes:
    """Return a picture of this many bytes."""
    small = picture()
    return small + random.Random(1).randbytes(size - len(small))


class Line:
    """The body of a request as a line brings it: cut short of what was promised, or waiting half-way."""

    def __init__(self, content: bytes, promised: int, *, waits: bool = False) -> None:
        self.content, self.promised = io.BytesIO(content), promised
        self.half = promised // 2 if waits else promised
        self.waiting, self.go = threading.Event(), threading.Event()
        self.told = 0

    def read(self, size: int = -1) -> bytes:
        """Give what has come."""
        at = self.content.tell()
        if at < self.half:
            return self.content.read(min(size, self.half - at))
        if self.half < self.promised:
            self.waiting.set()
            assert self.go.wait(30)
        return self.content.read(size)

    def seek(self, at: int, whence: int = 0) -> None:
        """Be measured by the test client, which asks where the end is."""
        self.told = self.promised if whence else at

    def tell(self) -> int:
        """Say where the end is."""
        return self.told

    def close(self) -> None:
        """Hang up."""


class Sender:
    """The files' side of a phone."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor

    def ask(self, method: str, path: str, data: bytes | None = b"", **more: Any) -> Any:
        """Send a request of the protocol."""
        headers = {"Tus-Resumable": "1.0.0"} | more.pop("headers", {})
        return self.visitor.client.open(
            path, method=method, data=data, headers=self.visitor.headers | headers, **more
        )

    def begin(self, content: bytes, *, name: str = "", data: bytes = b"", **headers: str) -> Any:
        """Announce a file."""
        said = {
            "Upload-Length": str(len(content)),
            "Upload-Metadata": f"sha256 {coded(name or sha_of(content))},filetype {coded('image/jpeg')}",
        }
        kind = {"content_type": OCTETS} if data else {}
        return self.ask("POST", DOOR, data, headers=said | headers, **kind)

    def at(self, content: bytes) -> str:
        """Announce a file, and return where its bytes go."""
        answer = self.begin(content)
        assert answer.status_code == 201, answer.data
        return str(answer.headers["Location"])

    def piece(self, place: str, at: int, data: bytes, **headers: str) -> Any:
        """Send bytes."""
        return self.ask(
            "PATCH", place, data, headers={"Upload-Offset": str(at)} | headers, content_type=OCTETS
        )

    def stream(self, place: str, at: int, line: Line) -> Any:
        """Send bytes over a line."""
        return self.ask(
            "PATCH",
            place,
            None,
            headers={"Upload-Offset": str(at)},
            input_stream=line,
            content_type=OCTETS,
        )

    def offset(self, place: str) -> int:
        """Ask how far a file is."""
        answer = self.ask("HEAD", place)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["Upload-Offset"])


@pytest.fixture
def sender(field: Field) -> Sender:
    """Give the files' side of the engineer's phone."""
    return Sender(field.phone)


def stored(field: Field, content: bytes) -> bool:
    """Tell whether the bytes are in the store, and right."""
    try:
        return files.bound().read(field.make.org.id, sha_of(content)) == content
    except FileNotFoundError:
        return False


def test_h46_a_photo_cut_fifty_times_goes_on_from_where_it_was_and_is_stored_once(
    field: Field, sender: Sender
) -> None:
    content = large(20 * 1024 * 1024)
    place = sender.at(content)
    chance = random.Random(46)
    for _ in range(50):
        at = sender.offset(place)
        sent = content[at : at + chance.randrange(1, 400_000)]
        sender.stream(place, at, Line(sent, len(content) - at))
        assert sender.offset(place) == at + len(sent), "what came before the cut stays"
    at = sender.offset(place)
    done = sender.piece(place, at, content[at:])
    assert (done.status_code, done.headers["Upload-Offset"]) == (204, str(len(content)))
    assert stored(field, content)
    again = sender.begin(content)
    assert (again.status_code, again.headers["Upload-Offset"]) == (201, str(len(content)))
    root = files.bound().root
    assert [path for path in root.rglob("*") if path.is_file()] == [
        root / field.make.org.id.hex / sha_of(content)[:2] / sha_of(content)
    ]


def test_h46_a_whole_file_with_another_hash_is_refused_and_nothing_of_it_stays(
    field: Field, sender: Sender
) -> None:
    content = large(100_000)
    place = str(sender.begin(content, name="a" * 64).headers["Location"])
    refused = sender.piece(place, 0, content)
    assert (refused.status_code, refused.json["code"]) == (422, "invalid")
    assert sender.ask("HEAD", place).status_code == 404
    assert [path for path in files.bound().root.rglob("*") if path.is_file()] == []


def test_h46_bytes_come_through_without_being_held_in_memory(sender: Sender) -> None:
    content = large(20 * 1024 * 1024)
    place = sender.at(content)
    tracemalloc.start()
    try:
        sender.stream(place, 0, Line(content, len(content)))
        assert sender.offset(place) == len(content)
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_what_another_colleague_has_sent_is_not_sent_again(
    field: Field, sender: Sender, make: Maker, phone: Callable[..., Phone]
) -> None:
    content = large(50_000)
    assert sender.piece(sender.at(content), 0, content).status_code == 204
    account = make.account("technician")
    make.technician(account=account)
    mate = Sender(phone(account))
    assert mate.begin(content).headers["Upload-Offset"] == "50000"
    short = mate.ask(
        "POST",
        DOOR,
        headers={
            "Upload-Length": "7",
            "Upload-Metadata": f"sha256 {coded(sha_of(content))},filetype {coded('image/jpeg')}",
        },
    )
    assert short.status_code == 422


def test_another_company_s_file_is_sent_all_the_same(
    field: Field, sender: Sender, app: Flask, phone: Callable[..., Phone]
) -> None:
    content = large(50_000)
    sender.piece(sender.at(content), 0, content)
    elsewhere = Maker()
    account = elsewhere.account("technician")
    elsewhere.technician(account=account)
    stranger = Sender(phone(account))
    assert stranger.begin(content).headers["Upload-Offset"] == "0"
    assert stranger.ask("HEAD", sender.at(large(60_000))).status_code == 404


def test_a_first_piece_may_come_with_the_announcement(field: Field, sender: Sender) -> None:
    content = large(90_000)
    begun = sender.begin(content, data=content[:40_000])
    assert (begun.status_code, begun.headers["Upload-Offset"]) == (201, "40000")
    place = str(begun.headers["Location"])
    assert sender.piece(place, 40_000, content[40_000:]).status_code == 204
    assert stored(field, content)


def test_a_lost_answer_to_the_announcement_begins_no_second_upload(
    field: Field, sender: Sender
) -> None:
    content = large(90_000)
    place = sender.at(content)
    sender.piece(place, 0, content[:10])
    again = sender.begin(content)
    assert (again.headers["Location"], again.headers["Upload-Offset"]) == (place, "10")
    assert len(field.all(Upload)) == 1


def test_another_offset_is_refused_with_the_right_one(sender: Sender) -> None:
    content = large(90_000)
    place = sender.at(content)
    sender.piece(place, 0, content[:100])
    for wrong in (0, 99, 101):
        refused = sender.piece(place, wrong, content[wrong:])
        assert (refused.status_code, refused.json["details"]["offset"]) == (409, 100)
    assert sender.offset(place) == 100


@pytest.mark.parametrize("kind", ["sha256", "sha1"])
def test_a_damaged_piece_is_thrown_away(field: Field, sender: Sender, kind: str) -> None:
    content = large(90_000)
    place = sender.at(content)
    right = f"{kind} {coded(hashlib.new(kind, content[:100]).digest())}"
    refused = sender.piece(place, 0, b"x" + content[1:100], **{"Upload-Checksum": right})
    assert refused.status_code == 460
    assert sender.offset(place) == 0
    assert sender.piece(place, 0, content[:100], **{"Upload-Checksum": right}).status_code == 204
    wrong = sender.piece(place, 100, content[100:], **{"Upload-Checksum": "crc32 AAAA"})
    assert wrong.status_code == 400


def test_the_protocol_is_told_to_whoever_asks_and_another_version_is_refused(
    sender: Sender, stranger: Visitor
) -> None:
    for path in (DOOR, f"{DOOR}/{new_id()}"):
        told = stranger.call("OPTIONS", path)
        assert told.status_code in (200, 204)
        assert told.headers["Tus-Resumable"] == told.headers["Tus-Version"] == "1.0.0"
        assert told.headers["Tus-Extension"].split(",") == [
            "creation",
            "creation-with-upload",
            "checksum",
            "termination",
            "expiration",
        ]
        assert told.headers["Tus-Max-Size"] == str(64 * 1024 * 1024)
        assert told.headers["Tus-Checksum-Algorithm"] == "sha256,sha1"
    for version in ("0.2.2", "2.0.0", ""):
        refused = sender.begin(large(1000), **{"Tus-Resumable": version})
        assert (refused.status_code, refused.headers["Tus-Version"]) == (412, "1.0.0")


def test_how_far_a_file_is_is_never_answered_from_a_cache(sender: Sender) -> None:
    content = large(1000)
    answer = sender.ask("HEAD", sender.at(content))
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Upload-Length"] == "1000"
    assert coded(sha_of(content)) in answer.headers["Upload-Metadata"]
    assert answer.headers["Upload-Expires"].endswith("GMT")


def test_a_method_may_be_named_in_a_header_where_a_proxy_lets_post_alone_through(
    field: Field, sender: Sender
) -> None:
    content = large(1000)
    place = sender.at(content)
    said = {"Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert sender.ask("POST", place, content, headers=said, content_type=OCTETS).status_code == 204
    assert stored(field, content)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Length": "-1"}, 400),
        ({"Upload-Length": "many"}, 400),
        ({"Upload-Length": ""}, 400),
        ({"Upload-Defer-Length": "1"}, 400),
        ({"Upload-Length": str(64 * 1024 * 1024 + 1)}, 413),
        ({"Upload-Metadata": "sha256 %%%"}, 400),
        ({"Upload-Metadata": "sha256 eA==,filetype aW1hZ2UvanBlZw=="}, 422),
        ({"Upload-Metadata": ""}, 422),
        ({"Upload-Metadata": f"sha256 {coded('a' * 64)},filetype {coded('text/html')}"}, 422),
    ],
)
def test_an_announcement_that_makes_no_sense_is_refused(
    field: Field, sender: Sender, headers: dict[str, str], status: int
) -> None:
    refused = sender.begin(large(1000), **headers)
    assert refused.status_code == status, refused.data
    assert field.all(Upload) == []


def test_what_is_no_picture_is_refused_when_it_is_whole(sender: Sender) -> None:
    content = b"#!/bin/sh\n" * 100
    place = sender.at(content)
    assert sender.piece(place, 0, content).status_code == 422
    assert sender.ask("HEAD", place).status_code == 404


def test_more_than_was_announced_is_refused(sender: Sender) -> None:
    content = large(1000)
    place = sender.at(content)
    assert sender.piece(place, 0, content + b"x").status_code == 413
    assert sender.ask("PATCH", place, b"x", headers={"Upload-Offset": "0"}).status_code == 415
    assert sender.offset(place) == 0


def test_an_upload_can_be_given_up(field: Field, sender: Sender) -> None:
    content = large(1000)
    place = sender.at(content)
    sender.piece(place, 0, content[:10])
    assert sender.ask("DELETE", place).status_code == 204
    assert sender.ask("HEAD", place).status_code == 404
    assert [path for path in files.bound().root.rglob("*") if path.is_file()] == []


def test_what_stays_away_too_long_is_forgotten(field: Field, sender: Sender, at: Any) -> None:
    content = large(1000)
    place = sender.at(content)
    sender.piece(place, 0, content[:10])
    at(clock.now() + uploads.ON_ITS_WAY + timedelta(minutes=1))
    field.phone.get("/v1/session")
    assert sender.ask("HEAD", place).status_code == 410
    forget_uploads(field.make.system)
    assert field.all(Upload) == []
    assert [path for path in files.bound().root.rglob("*") if path.is_file()] == []


def test_an_account_has_only_so_much_on_its_way(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_UPLOADS", 2)
    for size in (1000, 1001):
        assert sender.begin(large(size)).status_code == 201
    assert sender.begin(large(1002)).status_code == 429
    monkeypatch.setattr(uploads, "MOST_UPLOADS", 10)
    monkeypatch.setattr(uploads, "MOST_UPLOADED_BYTES", 3000)
    assert sender.begin(large(1002)).status_code == 429


def test_h48_a_full_store_is_answered_507_and_goes_on_when_there_is_room(
    field: Field, sender: Sender
) -> None:
    store = files.FileStore(files.bound().root, most_bytes=5000)
    files.bind(store)
    content = large(10_000)
    refused = sender.begin(content)
    assert (refused.status_code, refused.json["code"]) == (507, "storage_full")
    store.most_bytes = None
    assert sender.piece(sender.at(content), 0, content).status_code == 204


def test_h48_a_disk_that_is_full_is_answered_507_and_nothing_is_lost(
    field: Field, sender: Sender
) -> None:
    content = large(10_000)
    place = sender.at(content)
    path = files.bound().partials.path(field.make.org.id, UUID(place.rsplit("/", 1)[1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    # The kernel's own disk that is always full.
    path.symlink_to("/dev/full")
    refused = sender.piece(place, 0, content)
    assert (refused.status_code, refused.json["code"]) == (507, "storage_full")
    path.unlink()
    assert sender.offset(place) == 0
    assert sender.piece(place, 0, content).status_code == 204


def test_h48_photos_that_are_still_coming_keep_no_status_change_waiting(
    field: Field, app: Flask
) -> None:
    contents = [large(200_000 + number) for number in range(5)]
    lines, answers = [Line(content, len(content), waits=True) for content in contents], []
    lanes = [Sender(Visitor(app.test_client())) for _ in contents]
    for lane in lanes:
        lane.visitor.headers = field.phone.headers

    def send(lane: Sender, line: Line, content: bytes) -> None:
        answers.append(lane.stream(lane.at(content), 0, line).status_code)

    threads = [
        threading.Thread(target=send, args=lane)
        for lane in zip(lanes, lines, contents, strict=True)
    ]
    for thread in threads:
        thread.start()
    assert all(line.waiting.wait(30) for line in lines)
    field.say("visit.travel")
    assert statuses(field.phone.push()) == ["applied"]
    assert answers == [], "the photos are still on their way"
    for line in lines:
        line.go.set()
    for thread in threads:
        thread.join()
    assert answers == [204] * 5


def test_a_request_that_hangs_does_not_keep_its_successor_from_going_on(
    field: Field, sender: Sender, app: Flask
) -> None:
    content = large(200_000)
    place, line, answers = sender.at(content), Line(content, len(content), waits=True), []
    hanging = Sender(Visitor(app.test_client()))
    hanging.visitor.headers = field.phone.headers

    def hang() -> None:
        answers.append(hanging.stream(place, 0, line))

    thread = threading.Thread(target=hang)
    thread.start()
    assert line.waiting.wait(30)
    at = sender.offset(place)
    assert sender.piece(place, at, content[at:]).status_code == 204
    line.go.set()
    thread.join()
    assert answers[0].status_code == 409
    assert stored(field, content)


def test_h48_more_files_than_a_server_takes_at_once_are_told_when_to_come_again(
    field: Field, sender: Sender, app: Flask
) -> None:
    app.extensions["fieldwright.files_gate"] = Gate(1, wait=0)
    first, second = large(200_000), large(200_001)
    place, line = sender.at(first), Line(first, len(first), waits=True)
    other = Sender(Visitor(app.test_client()))
    other.visitor.headers = field.phone.headers
    thread = threading.Thread(target=lambda: other.stream(place, 0, line))
    thread.start()
    assert line.waiting.wait(30)
    waits = sender.at(second)
    refused = sender.piece(waits, 0, second)
    assert (refused.status_code, refused.json["code"]) == (503, "busy")
    assert int(refused.headers["Retry-After"]) >= 1
    field.say("visit.travel")
    assert statuses(field.phone.push()) == ["applied"]
    line.go.set()
    thread.join()
    assert sender.piece(waits, 0, second).status_code == 204


def photo_of(field: Field, content: bytes) -> dict[str, Any]:
    """Say that one took this picture."""
    return field.say("photo.attach", id=str(new_id()), sha256=sha_of(content))


def test_h47_a_note_before_its_photo_waits_for_it(field: Field, sender: Sender) -> None:
    content = large(5000)
    photo_of(field, content)
    field.phone.push()
    field.phone.pull()
    assert [doc["state"] for doc in field.phone.docs("photo")] == ["awaiting"]
    assert field.phone.call("GET", f"/v1/files/{sha_of(content)}").status_code == 404
    sender.piece(sender.at(content), 0, content)
    field.phone.pull()
    assert [doc["state"] for doc in field.phone.docs("photo")] == ["stored"]
    shown = field.phone.call("GET", f"/v1/files/{sha_of(content)}")
    assert (shown.status_code, shown.data, shown.mimetype) == (200, content, "image/jpeg")


def test_h47_a_photo_before_its_note_is_there_when_the_note_comes(
    field: Field, sender: Sender
) -> None:
    content = large(5000)
    sender.piece(sender.at(content), 0, content)
    photo_of(field, content)
    field.phone.push()
    assert [photo.state for photo in field.all(Photo)] == [PhotoState.STORED]


@pytest.fixture
def age(at: Any) -> Iterator[Callable[[timedelta], None]]:
    """Return a function that lets time pass."""

    def pass_by(span: timedelta) -> None:
        at(clock.now() + span)

    return pass_by


def test_h47_a_file_that_nothing_speaks_of_goes_after_its_time_and_not_before(
    field: Field, sender: Sender, age: Callable[[timedelta], None]
) -> None:
    wanted, orphan = large(5000), large(6000)
    for content in (wanted, orphan):
        sender.piece(sender.at(content), 0, content)
    photo_of(field, wanted)
    field.phone.push()
    for job in (forget_uploads, collect_files):
        job(field.make.system)
    assert stored(field, orphan)
    age(uploads.UNSPOKEN_OF + timedelta(hours=1))
    for job in (forget_uploads, collect_files):
        job(field.make.system)
    assert (stored(field, wanted), stored(field, orphan)) == (True, False)


def test_h47_the_photos_of_a_deleted_order_go_with_it(
    field: Field, sender: Sender, age: Callable[[timedelta], None]
) -> None:
    content = large(5000)
    photo_of(field, content)
    field.phone.push()
    sender.piece(sender.at(content), 0, content)

    def delete(unit: Any) -> None:
        unit.take(WorkOrder, field.order.id).deleted_at = clock.now()

    perform(field.make.system, delete)
    age(uploads.UNSPOKEN_OF + timedelta(hours=1))
    for job in (forget_uploads, collect_files):
        job(field.make.system)
    assert not stored(field, content)


def test_a_photo_of_a_mutation_that_waits_for_a_person_is_kept(
    field: Field,
    sender: Sender,
    age: Callable[[timedelta], None],
    make: Maker,
    sign_in: Callable[..., Visitor],
) -> None:
    content = large(5000)
    sender.piece(sender.at(content), 0, content)
    sign_in(make.account("dispatcher")).send(
        "PUT", f"/v1/devices/{field.phone.device_id}/suspension"
    )
    photo_of(field, content)
    assert statuses(field.phone.push()) == ["quarantined"]
    age(uploads.UNSPOKEN_OF + timedelta(hours=1))
    for job in (forget_uploads, collect_files):
        job(field.make.system)
    assert stored(field, content)


def test_a_whole_file_that_a_crash_left_unnoted_is_noted_when_asked_for(
    field: Field, sender: Sender
) -> None:
    content = large(5000)
    photo_of(field, content)
    field.phone.push()
    place = sender.at(content)
    path = files.bound().partials.path(field.make.org.id, UUID(place.rsplit("/", 1)[1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    assert sender.offset(place) == len(content)
    assert stored(field, content)
    assert [photo.state for photo in field.all(Photo)] == [PhotoState.STORED]
    assert [upload.stored_at is not None for upload in field.all(Upload)] == [True]


def signed_with(field: Field, content: bytes) -> None:
    """Let the customer refuse to sign a report that shows this picture."""
    manifest = manifest_of(field.visit, photos=[sha_of(content)])
    field.say("visit.complete", findings="Seal worn")
    photo_of(field, content)
    field.say(
        "signoff.seal",
        id=str(new_id()),
        manifest=manifest,
        manifest_sha256=sha256_hex(manifest),
        refusal={"reason": "Nobody there"},
    )
    field.phone.push()


def report_of(field: Field) -> str | None:
    """Return the name of the report, when it was made."""
    [signoff] = field.all(SignOff)
    name: str | None = signoff.report_sha256
    return name


def test_h47_a_report_waits_for_the_photos_that_it_shows(field: Field, sender: Sender) -> None:
    content = large(5000)
    signed_with(field, content)
    jobs.drain()
    assert report_of(field) is None
    assert field.phone.call("GET", f"/v1/visits/{field.visit.id}/report.pdf").status_code == 404
    sender.piece(sender.at(content), 0, content)
    jobs.drain()
    assert report_of(field) is not None


def test_a_report_whose_photos_stay_away_is_made_without_them_and_again_when_they_come(
    field: Field, sender: Sender, age: Callable[[timedelta], None]
) -> None:
    content = large(5000)
    signed_with(field, content)
    jobs.drain()
    age(PHOTOS_AWAITED + timedelta(minutes=1))
    jobs.drain()
    without = report_of(field)
    assert without is not None
    field.phone.get("/v1/session")
    sender.piece(sender.at(content), 0, content)
    jobs.drain()
    assert report_of(field) not in (None, without)
