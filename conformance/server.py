"""Drives any server of the sync protocol through its hazards, over the line, as a client would.

It needs an engineer's account with at least one visit, and leaves some comments and devices behind.
"""

import gzip
import hashlib
import json
import struct
import threading
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from conformance.client import Key, Replica, digest
from conformance.line import Answer, Line

SCHEMA = 2
MOST_MUTATIONS = 500
DONE = ("applied", "merged")


class Failed(Exception):
    """The server did something else than the protocol says."""


def expect(is_so: bool, *, said: str) -> None:
    """Go on where it is so.

    Raises Failed otherwise, with what should have been.
    """
    if not is_so:
        raise Failed(said)


@dataclass
class Company:
    """Where the server is, and who signs in there."""

    line: Line
    email: str
    password: str


@dataclass
class Phone:
    """A device of its own with an outbox and a replica, which does what it is told and nothing by itself."""

    company: Company
    schema: int = SCHEMA
    device_id: str = field(default_factory=lambda: str(uuid4()))
    seq: int = 0
    replica: Replica = field(default_factory=Replica)
    token: str = ""
    refresh: str = ""

    def __post_init__(self) -> None:
        card = {
            "id": self.device_id,
            "name": "Conformance",
            "platform": "conformance",
            "app_version": "1",
            "schema": self.schema,
        }
        body = {"email": self.company.email, "password": self.company.password, "device": card}
        answer = self.ask("/v1/session", body)
        expect(answer.status == 200, said=f"signing in answers 200, not {answer.status}")
        self.token, self.refresh = answer.json["access_token"], answer.json["refresh_token"]

    def ask(self, path: str, body: Any, **headers: str) -> Answer:
        """Post a body, and return the answer."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send("POST", path, raw, {"Content-Type": "application/json"} | headers)

    def send(self, method: str, path: str, raw: bytes, headers: dict[str, str]) -> Answer:
        """Send a request as it is given, signed."""
        signed = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return self.company.line(method, path, raw, signed | headers)

    def say(self, kind: str, args: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Return a mutation under the next number."""
        self.seq += 1
        said = {
            "id": str(uuid4()),
            "seq": self.seq,
            "type": kind,
            "happened_at": datetime.now(UTC).isoformat(),
            "base": {},
            "depends_on": [],
            "args": args,
        }
        return said | more

    def comment(self, text: str, **more: Any) -> dict[str, Any]:
        """Return a comment on an order that the phone holds."""
        return self.say("comment.add", {"order_id": self.order_id(), "text": text}, **more)

    def order_id(self) -> str:
        """Return an order that the phone holds."""
        if not self.replica.cursor:
            self.pull()
        orders = sorted(row for entity, row in self.replica.docs if entity == "work_order")
        expect(bool(orders), said="the account has at least one visit, and so an order")
        return orders[0]

    def push_body(self, mutations: list[Any], **more: Any) -> dict[str, Any]:
        """Return the request that says these."""
        return {
            "device_id": self.device_id,
            "app_version": "1",
            "schema": self.schema,
            "unsent": 0,
            "device_time": datetime.now(UTC).isoformat(),
            "mutations": mutations,
        } | more

    def push(self, mutations: list[Any], **more: Any) -> dict[str, Any]:
        """Say these, and return the answer."""
        answer = self.ask("/v1/sync/push", self.push_body(mutations, **more))
        expect(answer.status == 200, said=f"the push answers 200, not {told(answer)}")
        content: dict[str, Any] = answer.json
        ids = [result["id"] for result in content["results"]]
        expect(ids == [said["id"] for said in mutations], said="results stand in the order said")
        return content

    def page(self, **more: Any) -> Answer:
        """Ask for the page behind the cursor that the phone keeps."""
        body = {"device_id": self.device_id, "schema": self.schema, "cursor": self.replica.cursor}
        return self.ask("/v1/sync/pull", body | more)

    def pages(self, **more: Any) -> Iterator[dict[str, Any]]:
        """Fetch and apply page after page, and prove the checkpoint at the end."""
        while True:
            answer = self.page(**more)
            if answer.status == 204:
                return
            expect(answer.status == 200, said=f"the pull answers 200, not {told(answer)}")
            page: dict[str, Any] = answer.json
            for change in page["changes"]:
                self.replica.apply(change)
            self.replica.cursor = page["cursor"]
            yield page
            if page["complete"]:
                self.prove(page["checkpoint"])
                return

    def pull(self, **more: Any) -> list[dict[str, Any]]:
        """Fetch everything that is new, and return the changes."""
        return [change for page in self.pages(**more) for change in page["changes"]]

    def prove(self, checkpoint: dict[str, Any]) -> None:
        """Compare what the phone holds with a checkpoint."""
        for scope, stands in checkpoint["scopes"].items():
            here = self.replica.checksum(scope)
            expect(
                here == (stands["count"], stands["checksum"]),
                said=f"the checkpoint of {scope} is {here}, not {stands}",
            )


def told(answer: Answer) -> str:
    """Return an answer in few words."""
    return f"{answer.status} {answer.body[:200].decode(errors='replace')}"


def refusal(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """Return the details of an error that is to have this status and code, and the form of all errors."""
    expect(answer.status == status, said=f"{status} {code}, not {told(answer)}")
    body = answer.json
    expect(body["code"] == code, said=f"the code is {code}, not {body['code']}")
    for name, kind in (("message", str), ("details", dict), ("request_id", str)):
        expect(isinstance(body.get(name), kind), said=f"an error has {name}")
    details: dict[str, Any] = body["details"]
    return details


def statuses(answer: dict[str, Any]) -> list[str]:
    """Return what became of each mutation."""
    return [result["status"] for result in answer["results"]]


def texts(phone: Phone) -> list[str]:
    """Return the comments that the phone holds."""
    return [
        doc["text"] for (entity, _), (_, doc) in phone.replica.docs.items() if entity == "comment"
    ]


# The checks. The name of each is the sentence that is printed.


def signing_in_gives_a_pair_of_tokens_and_a_refresh_another_pair(company: Company) -> None:
    phone = Phone(company)
    answer = phone.ask("/v1/session/refresh", {"refresh_token": phone.refresh})
    expect(answer.status == 200, said=f"a refresh answers 200, not {told(answer)}")
    expect(answer.json["refresh_token"] != phone.refresh, said="a refresh token is used once")
    phone.token = answer.json["access_token"]
    phone.pull()


def without_a_sign_in_nothing_is_told(company: Company) -> None:
    phone = Phone(company)
    for token in ("", "made-up"):
        phone.token = token
        answer = phone.page()
        expect(answer.status == 401, said=f"401, not {told(answer)}")
        refusal(answer, 401, answer.json["code"])


def h7_a_cursor_that_was_cut_changed_or_made_up_starts_over(company: Company) -> None:
    phone = Phone(company)
    phone.pull()
    good = phone.replica.cursor or ""
    middle = len(good) // 2
    flipped = good[:middle] + ("A" if good[middle] != "A" else "B") + good[middle + 1 :]
    for cursor in (good[:-4], flipped, "made-up", "é", ""):
        refusal(phone.page(cursor=cursor), 409, "start_over")
    expect(phone.page().status == 204, said="the good cursor stays good")


def h21_what_was_said_again_is_answered_from_its_receipt(company: Company) -> None:
    phone = Phone(company)
    mark = str(uuid4())
    said = [phone.comment(f"{mark} {number}") for number in range(3)]
    first, again = phone.push(said), phone.push(said)
    expect(statuses(first) == ["applied"] * 3, said=f"comments are taken: {statuses(first)}")
    expect([r["replayed"] for r in first["results"]] == [False] * 3, said="the first is no replay")
    for one, two in zip(first["results"], again["results"], strict=True):
        expect(one | {"replayed": True} == two, said="the same answer, marked as replayed")
    phone.pull()
    expect(sum(mark in text for text in texts(phone)) == 3, said="each comment is there once")


def h22_the_same_batch_many_times_at_once_is_applied_once(company: Company) -> None:
    phone = Phone(company)
    mark = str(uuid4())
    body = phone.push_body([phone.comment(f"{mark} {number}") for number in range(3)])
    answers: list[Answer] = []

    def push() -> None:
        answers.append(phone.ask("/v1/sync/push", body))

    threads = [threading.Thread(target=push) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [answer for answer in answers if answer.status == 200]
    expect(bool(taken), said="one of them is taken")
    for answer in answers:
        expect(answer.status in (200, 503), said=f"200, or 503 for later, not {told(answer)}")
    expect(
        {tuple(statuses(a.json)) for a in taken} == {("applied",) * 3}, said="one answer for all"
    )
    phone.pull()
    expect(sum(mark in text for text in texts(phone)) == 3, said="each comment is there once")


def h23_one_that_makes_no_sense_is_refused_by_itself(company: Company) -> None:
    phone = Phone(company)
    mark = str(uuid4())
    order = phone.order_id()
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    said = [
        phone.comment(f"{mark} before"),
        phone.say("no.such.thing", {"x": 1}),
        phone.say("comment.add", {"order_id": "not an id", "text": "x"}),
        phone.say("comment.add", {"order_id": order}),
        phone.say("comment.add", {"order_id": order, "text": "\x00"}),
        phone.say("comment.add", {"order_id": order, "text": "x"}, happened_at="yesterday"),
        phone.say("comment.add", {"order_id": order, "text": deep}),
        phone.say("comment.add", {"order_id": order, "text": 2**70}),
        phone.say("comment.add", [1, 2]),  # type: ignore[arg-type]
        phone.comment(f"{mark} after"),
    ]
    answer = phone.push(said)
    expect(
        statuses(answer) == ["applied", *["refused"] * 8, "applied"],
        said=f"the first and the last are taken, the others refused: {statuses(answer)}",
    )
    expect(answer["last_seq"] == 10, said="all of them are counted")
    for result in answer["results"][1:-1]:
        expect(
            {"code", "message", "details"} <= set(result["error"]), said="a refusal has its error"
        )
    unknown = answer["results"][1]["error"]["code"]
    expect(unknown == "unknown_mutation", said=f"unknown_mutation, not {unknown}")
    expect(all(r["replayed"] for r in phone.push(said)["results"]), said="refusals are remembered")


def h23_what_cannot_be_remembered_condemns_the_batch_with_its_place(company: Company) -> None:
    phone = Phone(company)
    good, bad = phone.comment("good"), phone.comment("bad")
    del bad["id"]
    answer = phone.ask("/v1/sync/push", phone.push_body([good, bad]))
    fields = refusal(answer, 422, "invalid")["fields"]
    expect(any("mutations.1" in name for name in fields), said=f"the place is named: {fields}")
    for raw in (b"{", b"\xff\xfe", b"[]", b'{"device_id": NaN}'):
        answer = phone.ask("/v1/sync/push", raw)
        expect(answer.status in (400, 422), said=f"400 or 422 for {raw!r}, not {told(answer)}")
    expect(statuses(phone.push([good])) == ["applied"], said="nothing of the batch was applied")


def h24_a_gap_applies_nothing_and_says_what_is_expected(company: Company) -> None:
    phone = Phone(company)
    one, two, three = (phone.comment(str(uuid4())) for _ in range(3))
    for batch in ([two], [two, three], [one, three]):
        answer = phone.ask("/v1/sync/push", phone.push_body(batch))
        expected = refusal(answer, 409, "gap")["expected_seq"]
        right = 2 if batch[0] is one else 1
        expect(expected == right, said=f"expected_seq is {right}, not {expected}")
    answer = phone.push([one, two, three])
    expect(not any(r["replayed"] for r in answer["results"]), said="nothing of those was applied")


def h25_a_number_that_was_used_for_something_else_is_a_fork(company: Company) -> None:
    phone = Phone(company)
    mark = str(uuid4())
    first = phone.comment(f"{mark} first")
    phone.push([first])
    phone.seq = 0
    other = phone.comment(f"{mark} other")
    refusal(phone.ask("/v1/sync/push", phone.push_body([other])), 409, "device_forked")
    changed = first | {"args": first["args"] | {"text": "changed"}}
    refusal(phone.ask("/v1/sync/push", phone.push_body([changed])), 409, "device_forked")
    anew = Phone(company)
    said = [first | {"seq": 1}, other | {"seq": 2}]
    expect(statuses(anew.push(said)) == ["applied"] * 2, said="the new device is heard")
    anew.pull()
    expect(sum(mark in text for text in texts(anew)) == 2, said="nothing is there twice")


def h27_what_depends_on_a_refused_one_is_blocked(company: Company) -> None:
    phone = Phone(company)
    refused = phone.say("no.such.thing", {})
    blocked = phone.comment("blocked", depends_on=[refused["id"]])
    further = phone.comment("blocked too", depends_on=[blocked["id"]])
    free = phone.comment("free", depends_on=[str(uuid4())])
    answer = phone.push([refused, blocked, further, free])
    expect(
        statuses(answer) == ["refused", "blocked", "blocked", "applied"],
        said=f"refused, blocked, blocked, applied: {statuses(answer)}",
    )


def h28_a_pull_brings_no_older_version_than_the_push_named(company: Company) -> None:
    phone = Phone(company)
    answer = phone.push([phone.comment(str(uuid4()))])
    versions = answer["results"][0]["versions"]
    expect(bool(versions), said="the answer names the versions of what changed")
    phone.pull()
    for name, version in versions.items():
        entity, row = name.split(":")
        held = phone.replica.docs.get((entity, row))
        expect(held is not None and held[0] >= version, said=f"{name} is at {version} or newer")


def h35_a_clock_that_is_wrong_is_no_reason_to_refuse(company: Company) -> None:
    phone = Phone(company)
    for wrong in (timedelta(days=365), timedelta(days=-365)):
        then = (datetime.now(UTC) + wrong).isoformat()
        said = phone.comment(str(uuid4()), happened_at=then)
        expect(statuses(phone.push([said], device_time=then)) == ["applied"], said="it is taken")
    said = phone.comment(str(uuid4()))
    expect(statuses(phone.push([said], device_time="half past")) == ["applied"], said="it is taken")


def h37_a_download_resumes_at_any_page(company: Company) -> None:
    phone = Phone(company)
    cursors: list[str] = []
    for page in phone.pages(limit=7):
        expect(len(page["changes"]) <= 7, said="a page holds no more than its limit")
        expect(bool(page["changes"]) or page["complete"], said="no page but the last is empty")
        cursors.append(page["cursor"])
    expect(len(cursors) > 2, said="the account holds at least 15 rows, to fill some pages")
    middle = Phone(company)
    for number, _ in enumerate(middle.pages(limit=7)):
        if number == len(cursors) // 2:
            break
    lost, again = middle.page(limit=7).json, middle.page(limit=7).json
    expect(lost["changes"] == again["changes"], said="a page that was lost is sent again")
    kept = {key: version for key, (version, _) in phone.replica.docs.items()}
    middle.pull(limit=11)
    here = {key: version for key, (version, _) in middle.replica.docs.items()}
    expect(here == kept, said="a download that was cut ends where another one does")


def h39_nothing_new_is_204_and_the_cursor_stays(company: Company) -> None:
    phone = Phone(company)
    phone.pull()
    for _ in range(2):
        answer = phone.page()
        expect((answer.status, answer.body) == (204, b""), said=f"204, not {told(answer)}")


def h41_pages_are_bounded_in_bytes(company: Company) -> None:
    phone = Phone(company)
    while True:
        answer = phone.page(max_bytes=4000)
        page = answer.json
        few = len(page["changes"]) <= 1
        expect(few or sum_of(page["changes"]) <= 4400, said="a page holds no more bytes than asked")
        for change in page["changes"]:
            phone.replica.apply(change)
        phone.replica.cursor = page["cursor"]
        if page["complete"]:
            phone.prove(page["checkpoint"])
            return


def sum_of(changes: list[dict[str, Any]]) -> int:
    """Return how many bytes these take, written shortly."""
    return sum(
        len(json.dumps(c, ensure_ascii=False, separators=(",", ":")).encode()) for c in changes
    )


def h42_an_answer_says_how_long_it_is_also_when_packed(company: Company) -> None:
    phone = Phone(company)
    body = json.dumps({"device_id": phone.device_id, "schema": SCHEMA}).encode()
    headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
    answer = phone.send("POST", "/v1/sync/pull", body, headers)
    length = answer.headers.get("content-length")
    expect(length == str(len(answer.body)), said=f"the length is {len(answer.body)}, not {length}")
    if answer.headers.get("content-encoding") == "gzip":
        json.loads(gzip.decompress(answer.body))


def h43_a_replica_that_differs_is_mended_with_two_requests(company: Company) -> None:
    phone = Phone(company)
    phone.pull()
    replica = phone.replica
    scope = max(replica.members, key=lambda name: len(replica.members[name]))
    rows = sorted(replica.members[scope])
    lost, wrong = rows[0], rows[-1]
    stranger: Key = ("comment", str(uuid4()))
    replica.members[scope].discard(lost)
    replica.docs[wrong] = (replica.docs[wrong][0] + 7, {})
    replica.members[scope].add(stranger)
    replica.docs[stranger] = (1, {})
    ask = {"device_id": phone.device_id, "scope": scope, "schema": SCHEMA}
    sums = phone.ask("/v1/sync/repair", ask).json["sums"]
    here: dict[str, list[Key]] = {}
    for key in replica.members[scope]:
        here.setdefault(UUID(key[1]).hex[:2], []).append(key)
    differ = [
        prefix
        for prefix in sorted({*sums, *here})
        if sums.get(prefix, [0, f"{0:016x}"]) != part_of(replica, here.get(prefix, []))
    ]
    expect(0 < len(differ) <= 3, said=f"at most three parts differ, not {differ}")
    held = [
        {"entity": entity, "id": row, "version": replica.docs[(entity, row)][0]}
        for prefix in differ
        for entity, row in here.get(prefix, [])
    ]
    answer = phone.ask("/v1/sync/repair", ask | {"prefixes": differ, "rows": held}).json
    expect(len(answer["changes"]) == 3, said=f"three changes mend it, not {answer['changes']}")
    for change in answer["changes"]:
        replica.apply(change)
    phone.prove({"scopes": {scope: {"count": answer["count"], "checksum": answer["checksum"]}}})
    note = {"device_id": phone.device_id, "scope": scope, "expected": "", "found": ""}
    answer = phone.ask("/v1/sync/divergence", note | {"rows_fetched": 3, "repaired": True})
    expect(answer.status == 204, said=f"204, not {told(answer)}")


def part_of(replica: Replica, keys: list[Key]) -> list[Any]:
    """Return number and sum of some rows."""
    total = sum(digest(entity, row, replica.docs[(entity, row)][0]) for entity, row in keys)
    return [len(keys), f"{total % 2**64:016x}"]


def h19_a_scope_that_is_not_one_s_own_is_not_repaired_from(company: Company) -> None:
    phone = Phone(company)
    ask = {"device_id": phone.device_id, "scope": f"technician:{uuid4()}"}
    refusal(phone.ask("/v1/sync/repair", ask), 403, "forbidden")


def h45_everything_anew_is_granted_once_a_day(company: Company) -> None:
    phone = Phone(company)
    body = {"device_id": phone.device_id}
    answer = phone.ask("/v1/sync/restart", body)
    expect(answer.status == 200, said=f"200, not {told(answer)}")
    answer = phone.ask("/v1/sync/restart", body)
    refusal(answer, 429, "restart_too_soon")
    expect(int(answer.headers["retry-after"]) > 0, said="it says when to come again")


def h46_a_file_that_was_cut_goes_on_where_it_stood(company: Company) -> None:
    phone = Phone(company)
    content = picture()
    sha256 = hashlib.sha256(content).hexdigest()
    tus = {"Tus-Resumable": "1.0.0"}
    metadata = f"sha256 {base64_of(sha256)},filetype {base64_of('image/png')}"
    begin = tus | {"Upload-Length": str(len(content)), "Upload-Metadata": metadata}
    made = phone.send("POST", "/v1/sync/files", b"", begin)
    expect(made.status == 201, said=f"201, not {told(made)}")
    place = made.headers["location"]
    half = len(content) // 2

    def patch(offset: int, piece: bytes, **more: str) -> Answer:
        kind = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
        return phone.send("PATCH", place, piece, tus | kind | more)

    expect(patch(0, content[:half]).status == 204, said="the first half is taken")
    expect(patch(0, content).status == 409, said="another offset is answered 409")
    wrong = patch(half, content[half:], **{"Upload-Checksum": f"sha256 {base64_of('x' * 32)}"})
    expect(wrong.status == 460, said=f"460 for another checksum, not {told(wrong)}")
    asked = phone.send("HEAD", place, b"", tus).headers["upload-offset"]
    expect(asked == str(half), said=f"it stands at {half}, not {asked}")
    last = patch(half, content[half:])
    expect(last.headers.get("upload-offset") == str(len(content)), said="the whole file has come")
    again = phone.send("POST", "/v1/sync/files", b"", begin)
    expect(again.headers.get("upload-offset") == str(len(content)), said="it is sent once")


def base64_of(text: str) -> str:
    """Return a text as tus wants it."""
    return b64encode(text.encode()).decode()


def picture() -> bytes:
    """Return a picture of one pixel that is like no other."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    said = b"Comment\x00" + str(uuid4()).encode()
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            chunk(b"IHDR", head),
            chunk(b"tEXt", said),
            chunk(b"IDAT", zlib.compress(b"\x00\x10\x20\x30")),
            chunk(b"IEND", b""),
        ]
    )


def h49_what_the_server_does_not_know_is_let_pass(company: Company) -> None:
    phone = Phone(company)
    said = phone.comment(str(uuid4()), mood="good")
    answer = phone.push([said], battery=71)
    expect(statuses(answer) == ["applied"], said="unknown fields are let pass")
    newer = Phone(company, schema=SCHEMA + 7)
    expect(newer.page().status == 200, said="a newer app is told the server's schema")


def h50_an_app_that_is_too_old_is_still_heard(company: Company) -> None:
    phone = Phone(company)
    said = phone.comment(str(uuid4()))
    phone.schema = 0
    details = refusal(phone.page(), 426, "upgrade_required")
    expect({"oldest", "current"} <= set(details), said="it says which schemas there are")
    expect(statuses(phone.push([said])) == ["applied"], said="its push is taken")


def h54_413_says_how_many_may_come_at_once(company: Company) -> None:
    phone = Phone(company)
    phone.order_id()
    many = [phone.comment("x") for _ in range(MOST_MUTATIONS + 1)]
    details = refusal(phone.ask("/v1/sync/push", phone.push_body(many)), 413, "too_large")
    expect(details.get("limit") == MOST_MUTATIONS, said=f"the limit is told: {details}")
    large = phone.push_body([many[0] | {"args": {"text": "x" * 3 * 1024 * 1024}}])
    refusal(phone.ask("/v1/sync/push", large), 413, "too_large")
    expect(statuses(phone.push([many[0]])) == ["applied"], said="nothing of them was applied")


def h55_two_phones_of_one_person_do_not_mix(company: Company) -> None:
    one, other = Phone(company), Phone(company)
    mark = str(uuid4())
    for phone in (one, other):
        said = phone.comment(f"{mark} {phone.device_id}")
        expect(statuses(phone.push([said])) == ["applied"], said="each has numbers of its own")
    body = one.push_body([]) | {"device_id": other.device_id}
    refusal(one.ask("/v1/sync/push", body), 403, "wrong_device")
    for phone in (one, other):
        phone.pull()
        expect(sum(mark in text for text in texts(phone)) == 2, said="both hold both comments")


def both_ways_in_one_round_trip(company: Company) -> None:
    phone = Phone(company)
    phone.pull()
    mark = str(uuid4())
    pull = {"device_id": phone.device_id, "schema": SCHEMA, "cursor": phone.replica.cursor}
    body = {"push": phone.push_body([phone.comment(mark)]), "pull": pull}
    answer = phone.ask("/v1/sync", body).json
    expect(statuses(answer["push"]) == ["applied"], said="the push is answered")
    expect(mark in json.dumps(answer["pull"]["changes"]), said="the pull behind it brings the echo")


def what_was_confirmed_is_not_asked_for_again(company: Company) -> None:
    phone = Phone(company)
    phone.push([phone.comment("one")])
    answer = phone.push([phone.comment("two")], confirmed_seq=1)
    expect(answer["last_seq"] == 2, said=f"the last number is 2, not {answer['last_seq']}")
    expect(phone.push([])["last_seq"] == 2, said="an empty push tells the last number")


CHECKS: tuple[Callable[[Company], None], ...] = (
    signing_in_gives_a_pair_of_tokens_and_a_refresh_another_pair,
    without_a_sign_in_nothing_is_told,
    h7_a_cursor_that_was_cut_changed_or_made_up_starts_over,
    h19_a_scope_that_is_not_one_s_own_is_not_repaired_from,
    h21_what_was_said_again_is_answered_from_its_receipt,
    h22_the_same_batch_many_times_at_once_is_applied_once,
    h23_one_that_makes_no_sense_is_refused_by_itself,
    h23_what_cannot_be_remembered_condemns_the_batch_with_its_place,
    h24_a_gap_applies_nothing_and_says_what_is_expected,
    h25_a_number_that_was_used_for_something_else_is_a_fork,
    h27_what_depends_on_a_refused_one_is_blocked,
    h28_a_pull_brings_no_older_version_than_the_push_named,
    h35_a_clock_that_is_wrong_is_no_reason_to_refuse,
    h37_a_download_resumes_at_any_page,
    h39_nothing_new_is_204_and_the_cursor_stays,
    h41_pages_are_bounded_in_bytes,
    h42_an_answer_says_how_long_it_is_also_when_packed,
    h43_a_replica_that_differs_is_mended_with_two_requests,
    h45_everything_anew_is_granted_once_a_day,
    h46_a_file_that_was_cut_goes_on_where_it_stood,
    h49_what_the_server_does_not_know_is_let_pass,
    h50_an_app_that_is_too_old_is_still_heard,
    h54_413_says_how_many_may_come_at_once,
    h55_two_phones_of_one_person_do_not_mix,
    both_ways_in_one_round_trip,
    what_was_confirmed_is_not_asked_for_again,
)


def examine(company: Company, tell: Callable[[str], None]) -> int:
    """Make every check, tell each outcome in a line, and return how many failed."""
    failed = 0
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            check(company)
        except Failed as wrong:
            failed += 1
            tell(f"FAILED  {name}: {wrong}")
        except (KeyError, TypeError, ValueError, AttributeError, OSError) as broken:
            failed += 1
            tell(f"FAILED  {name}: the answer cannot be read: {broken!r}")
        else:
            tell(f"ok      {name}")
    return failed
