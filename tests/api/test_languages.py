"""Whatever we say, we can say in every language."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.languages import best, say
from core.unit import perform
from tests.api import sentences
from tests.api.world import World
from tests.doors import Visitor
from tests.makers import Maker
from work.actions import raise_attention

TEXTS = Path(__file__).parents[2] / "core" / "texts"


def catalogues() -> list[dict[str, str]]:
    """Return every catalogue of Chinese sentences."""
    return [json.loads(path.read_text()) for path in sorted(TEXTS.glob("*.zh-CN.json"))]


def test_every_sentence_has_a_chinese_translation() -> None:
    known = set().union(*catalogues())
    assert sentences.spoken() - known == set()


def test_no_translation_is_left_behind_by_its_sentence() -> None:
    said = sentences.spoken() | sentences.words_in_code()
    left = set().union(*catalogues()) - said
    shapes = sentences.of_the_planner()
    assert {one for one in left if re.sub(r"{\w+}", "{}", one) not in shapes} == set()


def test_no_sentence_is_translated_in_two_places() -> None:
    count = Counter(sentence for words in catalogues() for sentence in words)
    assert [sentence for sentence, times in count.items() if times > 1] == []


# A moment's kind is told by the sentence itself.
DROPPED = {"{awareness}", "{obj_type}"}


def test_every_translation_keeps_the_names_of_its_sentence() -> None:
    for words in catalogues():
        for sentence, translation in words.items():
            names = set(re.findall(r"{\w+}", sentence)) - DROPPED
            assert names == set(re.findall(r"{\w+}", translation)), sentence
            assert re.search("[\u4e00-\u9fff]", translation), sentence


@pytest.mark.parametrize(
    ("filled", "chinese"),
    [
        ("Length must be between 1 and 300.", "长度必须在 1 到 300 之间。"),
        ("Longer than maximum length 20.", "长度不能超过 20。"),
        (
            "Must be greater than or equal to 1 and less than or equal to 4.",
            "必须在 1 到 4 之间。",
        ),
        ("Must be greater than or equal to 0.", "不能小于 0。"),
        ("Must be one of: office, phone.", "必须是以下之一：office, phone。"),
        ("Not a valid aware datetime.", "不是有效的时间，必须带时区。"),
        ("Required steps were left open: safe, tested", "必做步骤未完成：safe, tested"),
        ("Ann lacks the skill crane.", "Ann 不具备技能 crane。"),
        ("Nothing like this was ever said.", "Nothing like this was ever said."),
    ],
)
def test_a_sentence_that_comes_filled_is_known_by_its_pattern(filled: str, chinese: str) -> None:
    assert say(filled, "zh-CN") == chinese
    assert say(filled, "en") == filled


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "en"),
        ("zh", "zh-CN"),
        ("zh-TW, en;q=0.5", "zh-CN"),
        ("fr, en;q=0.3, zh;q=0.8", "zh-CN"),
        ("zh;q=0, en", "en"),
        ("zh;q=0", "en"),
        ("zh;q=9999, en;q=0.1", "zh-CN"),
        (";;;,,,=", "en"),
        ("x" * 100_000, "en"),
    ],
)
def test_the_language_that_is_wanted_most_is_spoken(accepted: str | None, language: str) -> None:
    assert best(accepted) == language


def test_a_stranger_is_answered_in_the_language_of_the_browser(stranger: Visitor) -> None:
    answer = stranger.call("GET", "/v1/visits", Accept_Language="zh-CN,zh;q=0.9")
    assert answer.json["message"] == "请先登录。"
    answer = stranger.call("GET", "/v1/nothing", Accept_Language="zh")
    assert answer.json["message"] == "此网址下没有内容。"


def speak_chinese(make: Maker, account: Any) -> None:
    """Set an account's language."""

    def change(unit: Any) -> None:
        unit.must(type(account), account.id, "gone").language = "zh-CN"

    perform(make.system, change)


@pytest.mark.parametrize(
    ("account", "accepted", "said"),
    [
        ("en", "zh-CN", "zh-CN"),
        ("en", None, "en"),
        ("en", "fr, *;q=0.5", "en"),
        ("zh-CN", "en", "en"),
        ("zh-CN", None, "zh-CN"),
        ("zh-CN", "fr", "zh-CN"),
    ],
)
def test_the_language_of_the_page_is_spoken_to_who_is_signed_in_and_else_that_of_the_account(
    account: str, accepted: str | None, said: str, world: World, sign_in: Callable[..., Visitor]
) -> None:
    if account == "zh-CN":
        speak_chinese(world.make, world.accounts["dispatcher"])
    world.do(
        raise_attention,
        kind="review",
        entity="visit",
        entity_id=world.make.org.id,
        message="Required steps were left open: safe",
    )
    visitor = sign_in(world.accounts["dispatcher"])
    headers = {} if accepted is None else {"Accept_Language": accepted}
    refusal = visitor.call("POST", "/v1/work-orders", {"title": 7}, **headers)
    assert bool(re.search("[\u4e00-\u9fff]", refusal.json["message"])) == (said == "zh-CN")
    items = visitor.get("/v1/attention", **headers)["items"]
    assert items[0]["message"] == say("Required steps were left open: safe", said)


def test_each_request_is_answered_in_its_own_language_though_the_token_is_remembered(
    world: World, sign_in: Callable[..., Visitor]
) -> None:
    visitor = sign_in(world.accounts["dispatcher"])
    heard = [
        visitor.call("POST", "/v1/work-orders", {}, **headers).json["message"]
        for headers in ({}, {"Accept_Language": "zh"}, {}, {"Accept_Language": "en"})
    ]
    assert heard[0] == heard[2] == heard[3] == "Some fields are missing or make no sense."
    assert re.search("[\u4e00-\u9fff]", heard[1])


def test_every_field_that_is_wrong_is_named_in_chinese(
    world: World, sign_in: Callable[..., Visitor]
) -> None:
    speak_chinese(world.make, world.accounts["admin"])
    visitor = sign_in(world.accounts["admin"])
    wrong = {
        "title": 7,
        "priority": 9,
        "duration_min": "x",
        "window_from": "2026-01-01T00:00:00",
        "asset_id": "x",
        "skills": [{"level": 1}],
        "parts": "x",
        "kind": "x",
        "checklist": [{"key": "a" * 61, "label": [], "kind": "check", "required": "yes"}],
        "more": 1,
    }
    answer = visitor.call("POST", "/v1/work-orders", wrong)
    fields = answer.json["details"]["fields"]
    assert {name.split(".")[0] for name in fields} == set(wrong)
    assert fields["skills.0.code"] == ["此项必填。"]
    assert fields["priority"] == ["必须在 1 到 4 之间。"]
    for name, said in fields.items():
        assert all(re.search("[\u4e00-\u9fff]", one) for one in said), (name, said)
    past = visitor.call("POST", "/v1/dispatch/plans", {"day": "2020-01-01"})
    assert past.json["details"]["fields"] == {"day": ["已经过去。"]}


def test_what_a_person_has_to_look_at_is_said_in_their_language(
    world: World, sign_in: Callable[..., Visitor]
) -> None:
    speak_chinese(world.make, world.accounts["dispatcher"])
    world.do(
        raise_attention,
        kind="review",
        entity="visit",
        entity_id=world.make.org.id,
        message="Required steps were left open: safe",
    )
    items = sign_in(world.accounts["dispatcher"]).get("/v1/attention")["items"]
    assert [item["message"] for item in items] == [
        "必做步骤未完成：safe",
        "客户对本次维修有异议。",
    ]
