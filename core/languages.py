"""What we say, in the reader's language. English sentences are the keys of the catalogue."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import orjson

LANGUAGES = ("en", "zh-CN")
LONGEST_SENTENCE = 1000
_FOLDER = Path(__file__).parent / "texts"


@cache
def _catalogue(language: str) -> dict[str, str]:
    words: dict[str, str] = {}
    for path in sorted(_FOLDER.glob(f"*.{language}.json")):
        words |= orjson.loads(path.read_bytes())
    return words


@cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Return the sentences with names in them as patterns of what they look like once filled."""
    found = []
    for sentence, translation in _catalogue(language).items():
        if "{" in sentence:
            filled = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(sentence))
            found.append((re.compile(filled, re.DOTALL), translation))
    # The one with most words of its own is meant when several fit.
    return sorted(found, key=lambda pair: -len(re.sub(r"\(\?P.*?\)", "", pair[0].pattern)))


def _known(message: str, language: str, details: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the sentence in this language; one that came filled already is known by its pattern."""
    if language == "en":
        return message, details
    sentence = _catalogue(language).get(message)
    if sentence is not None or len(message) > LONGEST_SENTENCE:
        return sentence or message, details
    for pattern, translation in _patterns(language):
        if match := pattern.fullmatch(message):
            return translation, match.groupdict()
    return message, details


def say(message: str, language: str, details: dict[str, Any] | None = None) -> str:
    """Return the sentence in this language, with `{names}` filled from the details."""
    sentence, names = _known(message, language, details or {})
    return re.sub(r"\{(\w+)\}", lambda m: str(names.get(m[1], m[0])), sentence)


def say_in_all(message: str, details: dict[str, Any] | None = None) -> dict[str, str]:
    """Return the sentence in each language: for a reader who chooses theirs later, without us."""
    return {language: say(message, language, details) for language in LANGUAGES}


def best(accepted: str | None, default: str = "en") -> str:
    """Return the language of ours that an Accept-Language header wants most."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate((accepted or "")[:500].split(",")):
        tag, _, rest = part.strip().partition(";")
        match = re.fullmatch(r"\s*q=([01](?:\.\d{1,3})?)\s*", rest) if rest else None
        wanted.append((-(float(match[1]) if match else 1.0), place, tag.strip().lower()))
    for weight, _, tag in sorted(wanted):
        if weight == 0:  # "anything but this"
            continue
        if tag == "zh" or tag.startswith("zh-"):
            return "zh-CN"
        if tag == "en" or tag.startswith("en-"):
            return "en"
    return default
