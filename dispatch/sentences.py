"""The planner's codes as sentences. The numbers in them are the planner's; nothing is guessed here."""

from collections.abc import Callable, Mapping
from typing import Any

from core.languages import say
from dispatch.engine.plan import ReasonCode, WhyCode
from dispatch.placing import Finding
from dispatch.travel.roads import ESTIMATED

OBSTACLES = {
    ReasonCode.NO_ENGINEER: "Nobody works on this day.",
    ReasonCode.LOCKED_ELSEWHERE: "{name}: the visit is promised to somebody else.",
    ReasonCode.FORBIDDEN: "{name} may not go to this customer.",
    ReasonCode.SKILL_MISSING: "{name} lacks the skill {skill}.",
    ReasonCode.SKILL_LEVEL: "{name} has {skill} at level {has}, level {needs} is needed.",
    ReasonCode.PART_MISSING: "{name} has not enough of {part} in the van.",
    ReasonCode.WINDOW_OUTSIDE_SHIFT: "{name} does not work in the promised window.",
    ReasonCode.NO_TIME_LEFT: "{name} would be {minutes} min too late.",
    ReasonCode.SKILL_EXPIRED: "{name}: the skill {skill} ends before the work would.",
    ReasonCode.NOT_AMONG: "{name} is not among those who may go.",
    ReasonCode.TERRITORY: "{name} does not work in {territory}.",
    ReasonCode.TOOL_MISSING: "{name} does not have the tool {tool}.",
    ReasonCode.CAPACITY: "{name} has no room for the load.",
    ReasonCode.MOST_VISITS: "{name} has as many visits as allowed.",
    ReasonCode.MOST_WORK: "{name} would work longer than allowed.",
    ReasonCode.MOST_TRAVEL: "{name} would drive longer than allowed.",
    ReasonCode.CREW: "There are not {needs} with time at the same hour; {name} alone is not enough.",
    ReasonCode.AFTER: "{name}: another visit has to come first, and it is left out.",
    ReasonCode.LINKED_ELSEWHERE: "{name}: somebody else makes the visit it belongs to.",
    ReasonCode.TOO_COSTLY: "{name} could go, at a higher cost than leaving it for another day.",
}

# What people call the usual skills; a company's own code is read as it is written.
SKILLS = {
    "crane": "lifting",
    "electrical": "electrics",
    "engine": "engines",
    "hvac": "air conditioning",
    "hydraulics": "hydraulics",
    "structural": "steel structures",
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

FINDINGS = {
    "not_working": "{name} does not work on this day.",
    "shift_over": "The shift of {name} is over.",
    "under_way": "{visit} is under way already.",
    "window": "{visit} would begin at {at}; the customer was promised {from} to {to}.",
    "window_day": "{visit} is promised for a later day.",
    "absent": "{name} is away.",
    "locked_start": "{visit} is locked to its start at {to}.",
    "locked_day": "{visit} is locked to its start on another day.",
    "window_over": "{visit} was promised for an earlier day.",
    "shift": "{name} would be back at {at}; the day ends at {to}, overtime included.",
    "past": "{visit} would begin before now.",
    "break": "{name} would be left without a break.",
    "leaves": "{name} would have to leave at {at}, and can leave at {to} at the earliest.",
    "rule": "{visit} does not fit into the day of {name}.",
    "earliest": "{name} can begin at {at} at the earliest.",
    "pushed": "{visit} would begin {minutes} min later.",
    "late": "{visit} would begin {minutes} min after it is due.",
    "estimated": ESTIMATED,
    "not_wished": "{visit}: the customer would rather have somebody else.",
    "overtime": "{name} would work {minutes} min of overtime.",
}


def skill_name(code: str, language: str) -> str:
    """Return what people call a skill."""
    return say(SKILLS.get(code) or code.replace("_", " "), language)


def _named(details: dict[str, Any], language: str) -> dict[str, Any]:
    """Return the details as a sentence says them; in the answer the codes stay codes."""
    if "skill" not in details:
        return details
    return details | {"skill": skill_name(str(details["skill"]), language)}


def obstacle(code: str, details: dict[str, Any], language: str) -> str:
    """Return why one technician cannot take a visit."""
    return say(OBSTACLES[ReasonCode(code)], language, _named(details, language))


def choice(code: str, language: str) -> str:
    """Return what settled the choice of a technician."""
    return say(CHOICES[WhyCode(code)], language)


def finding(code: str, details: dict[str, Any], language: str) -> str:
    """Return what placing a visit by hand would break, or what is good to know about it."""
    sentence = FINDINGS.get(code) or OBSTACLES[ReasonCode(code)]
    return say(sentence, language, _named(details, language))


def said(
    one: Finding,
    language: str,
    *,
    name: str,
    titles: Mapping[str, str],
    clock: Callable[[int], str],
    sku: Callable[[str], str],
) -> dict[str, Any]:
    """Return a finding with its sentence: moments as the clock at the company shows them, parts by number.

    `name` is the technician's, `titles` those of the visits by id.
    """
    figures: dict[str, Any] = {}
    for key, value in one.details.items():
        if key.endswith("_s"):
            figures[key.removesuffix("_s")] = clock(int(value))
        else:
            figures[key] = sku(str(value)) if key == "part" else value
    figures |= {"name": name, "visit": titles.get(one.visit_id or "", "")}
    return {
        "code": one.code,
        "visit_id": one.visit_id,
        "message": finding(one.code, figures, language),
        "details": figures,
    }
