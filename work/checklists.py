"""The steps that every visit of a kind begins with; an order may bring its own."""

from typing import Any

_SAFE = {
    "key": "safe",
    "label": {"en": "Machine isolated and secured", "zh-CN": "设备已断电并锁定"},
    "kind": "check",
    "required": True,
}
_TESTED = {
    "key": "tested",
    "label": {"en": "Test run after the work", "zh-CN": "维修后已试运行"},
    "kind": "check",
    "required": True,
}
_HOURS = {
    "key": "hours",
    "label": {"en": "Operating hours on the meter", "zh-CN": "运行小时表读数"},
    "kind": "number",
    "required": False,
    "unit": "h",
    "min": 0,
    "max": 200_000,
}
_LEAKS = {
    "key": "leaks",
    "label": {"en": "Leaks seen", "zh-CN": "渗漏情况"},
    "kind": "choice",
    "required": False,
    "choices": ["none", "oil", "coolant", "fuel", "grease"],
}


def usual_checklist(kind: str) -> list[dict[str, Any]]:
    """Return the steps for an order of this kind."""
    steps = [_SAFE, _HOURS, _TESTED] if kind == "corrective" else [_SAFE, _HOURS, _LEAKS, _TESTED]
    return [dict(step) for step in steps]


def left_open(checklist: list[dict[str, Any]], answers: dict[str, Any], language: str) -> list[str]:
    """Return what the required steps without an answer are called, by their keys where they have no name."""
    return [
        label.get(language) or label.get("en") or s["key"]
        for s in checklist
        if s.get("required") and answers.get(s["key"]) in (None, "", False)
        for label in [s.get("label") or {}]
    ]
