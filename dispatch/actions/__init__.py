"""What dispatchers do with days: plan, publish, move by hand, and answer to what happens."""

from dispatch.actions.moves import move_visits
from dispatch.actions.plans import (
    Posed,
    ask_plan,
    cancel_plan,
    fail_plan,
    keep_answer,
    pose_problem,
)
from dispatch.actions.publication import publish_plan
from dispatch.actions.rules import set_planning_rules

__all__ = [
    "Posed",
    "ask_plan",
    "cancel_plan",
    "fail_plan",
    "keep_answer",
    "move_visits",
    "pose_problem",
    "publish_plan",
    "set_planning_rules",
]
