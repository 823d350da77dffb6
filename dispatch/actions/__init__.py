"""What dispatchers do with days: plan, publish, move by hand, and answer to what happens."""

from dispatch.actions.absences import call_off_absence, note_absence
from dispatch.actions.moves import move_visits
from dispatch.actions.plans import (
    Posed,
    ask_plan,
    cancel_plan,
    clear_proposals,
    expire_proposals,
    fail_plan,
    keep_answer,
    pose_problem,
)
from dispatch.actions.publication import publish_plan
from dispatch.actions.replans import keep_instead, keep_look, keep_replan, search_replan
from dispatch.actions.rules import set_planning_rules

__all__ = [
    "Posed",
    "ask_plan",
    "call_off_absence",
    "cancel_plan",
    "clear_proposals",
    "expire_proposals",
    "fail_plan",
    "keep_answer",
    "keep_instead",
    "keep_look",
    "keep_replan",
    "move_visits",
    "note_absence",
    "pose_problem",
    "publish_plan",
    "search_replan",
    "set_planning_rules",
]
