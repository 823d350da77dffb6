"""What we say, in the reader's language. English sentences are the keys of the catalogue."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import orjson

LANGUAGES = ("en", "zh-CN")
_FOLDER = Path(__file__).parent / "texts"


@cache
def _catalogue(language: str) -> dict[str, str]:
    words: dict[str, str] = {}
    for path in sorted(_FOLDER.glob(f"*.{language}.json")):
        words |= orjson.loads(path.read_bytes())
    return words


def say(message: str, language: str, details: dict[str, Any] | None = None) -> str:
    """Return the sentence in this language, with `{names}` filled from the details."""
    sentence = _catalogue(language).get(message, message) if language != "en" else message
    return re.sub(r"\{(\w+)\}", lambda m: str((details or {}).get(m[1], m[0])), sentence)


def best(accepted: str | None, default: str = "en") -> str:
    """Return the language of ours that an Accept-Language header wants most."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate((accepted or "")[:500].split(",")):
        tag, _, rest = part.strip().partition(";")
        match = re.fullmatch(r"\s*q=([01](?:\.\d{1,3})?)\s*", rest) if rest else None
        wanted.append((-(float(match[1]) if match else 1.0), place, tag.strip().lower()))
    for _, _, tag in sorted(wanted):
        if tag == "zh" or tag.startswith("zh-"):
            return "zh-CN"
        if tag == "en" or tag.startswith("en-"):
            return "en"
    return default
