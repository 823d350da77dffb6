"""The planner's codes as sentences. The numbers in them are the planner's; nothing is guessed here."""

from typing import Any

from core.languages import say
from dispatch.engine.plan import ReasonCode, WhyCode

OBSTACLES = {
    ReasonCode.NO_ENGINEER: "Nobody works on this day.",
    ReasonCode.LOCKED_ELSEWHERE: "{name}: the visit is promised to somebody else.",
    ReasonCode.FORBIDDEN: "{name} may not go to this customer.",
    ReasonCode.SKILL_MISSING: "{name} lacks the skill {skill}.",
    ReasonCode.SKILL_LEVEL: "{name} has {skill} at level {has}, level {needs} is needed.",
    ReasonCode.PART_MISSING: "{name} has not enough of {part} in the van.",
    ReasonCode.WINDOW_OUTSIDE_SHIFT: "{name} does not work in the promised window.",
    ReasonCode.NO_TIME_LEFT: "{name} would be {minutes} min too late.",
    ReasonCode.TOO_COSTLY: "{name} could go, at a higher cost than leaving it for another day.",
}

CHOICES = {
    WhyCode.RUNNING: "Already under way.",
    WhyCode.LOCKED: "Locked by the office.",
    WhyCode.ONLY_ONE_ABLE: "The only one with the skill and the parts.",
    WhyCode.ONLY_ONE_FREE: "The only one with time.",
    WhyCode.PREFERRED: "Preferred by the customer.",
    WhyCode.KEPT: "Kept where it was.",
    WhyCode.CHEAPEST: "The shortest extra way.",
    WhyCode.WHOLE_PLAN: "Fits the whole day best.",
}


def obstacle(code: str, details: dict[str, Any], language: str) -> str:
    """Return why one technician cannot take a visit."""
    return say(OBSTACLES[ReasonCode(code)], language, details)


def choice(code: str, language: str) -> str:
    """Return what settled the choice of a technician."""
    return say(CHOICES[WhyCode(code)], language)
