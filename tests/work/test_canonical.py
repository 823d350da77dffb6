import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from work.canonical import (
    FloatRefused,
    Json,
    NotCanonical,
    UnsafeInteger,
    canonical_json,
    sha256_hex,
)

VECTORS: list[tuple[Any, str]] = [
    ({}, "{}"),
    ([], "[]"),
    ({"b": 1, "a": [True, False, None]}, '{"a":[true,false,null],"b":1}'),
    ({"peach": 1, "péché": 2, "pêche": 3, "sin": 4}, '{"peach":1,"péché":2,"pêche":3,"sin":4}'),
    ('€$\u000f\nA\'B"\\\\"/', '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'),
    ("\x7f\u2028<>&/", '"\x7f\u2028<>&/"'),
    ({"": {"水泵": "更换"}}, '{"":{"水泵":"更换"}}'),
    (-9007199254740991, "-9007199254740991"),
]

# The sorting example of RFC 8785, section 3.2.3.
UNSORTED = {
    "\u20ac": "Euro Sign",
    "\r": "Carriage Return",
    "\ufb33": "Hebrew Letter Dalet With Dagesh",
    "1": "One",
    "\U0001f600": "Emoji: Grinning Face",
    "\u0080": "Control",
    "\u00f6": "Latin Small Letter O With Diaeresis",
}
SORTED = [
    "Carriage Return",
    "One",
    "Control",
    "Latin Small Letter O With Diaeresis",
    "Euro Sign",
    "Emoji: Grinning Face",
    "Hebrew Letter Dalet With Dagesh",
]


@pytest.mark.parametrize(("document", "spelling"), VECTORS)
def test_a_document_has_one_spelling(document: Json, spelling: str) -> None:
    assert canonical_json(document) == spelling.encode()


def test_keys_are_sorted_by_utf_16_code_units() -> None:
    assert list(json.loads(canonical_json(dict(UNSORTED))).values()) == SORTED


def test_the_hash_is_the_sha_256_of_the_canonical_bytes() -> None:
    assert sha256_hex({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert sha256_hex(b"abc") == hashlib.sha256(b"abc").hexdigest()


def test_a_float_is_refused_and_its_place_named() -> None:
    with pytest.raises(FloatRefused) as refused:
        canonical_json({"parts": [{"qty": 1.0}]})  # type: ignore[dict-item]
    assert refused.value.path == "$.parts[0].qty"


@pytest.mark.parametrize("number", [2**53, -(2**53)])
def test_an_integer_that_a_browser_cannot_hold_is_refused(number: int) -> None:
    with pytest.raises(UnsafeInteger):
        canonical_json(number)


@pytest.mark.parametrize(
    "strange", [{1: "a"}, {"a": {2}}, ("a",), b"bytes", "\ud800", {"\udc00": 1}]
)
def test_what_json_cannot_say_is_refused(strange: Any) -> None:
    with pytest.raises(NotCanonical):
        canonical_json({"value": strange})


def test_endless_nesting_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(NotCanonical):
        canonical_json(endless)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
)


@given(documents)
def test_what_was_spelled_reads_back_and_is_spelled_the_same_again(document: Json) -> None:
    body = canonical_json(document)
    again = json.loads(body)
    assert again == document
    assert canonical_json(again) == body
