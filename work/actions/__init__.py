"""What people do with requests, orders and visits."""

from work.actions.attention import raise_attention, settle_attention
from work.actions.notes import add_comment, attach_photo, expect_comments, photo_arrived
from work.actions.orders import (
    cancel_order,
    close_order,
    edit_order,
    hold_order,
    open_order,
    release_order,
)
from work.actions.requests import accept_request, reject_request, report_fault
from work.actions.signoff import give_verdict, seal_signoff, share_report
from work.actions.visits import (
    accept_visit,
    answer_step,
    arrive,
    complete_visit,
    decline_visit,
    edit_visit,
    expect_completions,
    pause_visit,
    place_visit,
    start_travel,
    start_work,
    use_part,
)

__all__ = [
    "accept_request",
    "accept_visit",
    "add_comment",
    "answer_step",
    "arrive",
    "attach_photo",
    "cancel_order",
    "close_order",
    "complete_visit",
    "decline_visit",
    "edit_order",
    "edit_visit",
    "expect_comments",
    "expect_completions",
    "give_verdict",
    "hold_order",
    "open_order",
    "pause_visit",
    "photo_arrived",
    "place_visit",
    "raise_attention",
    "reject_request",
    "release_order",
    "report_fault",
    "seal_signoff",
    "settle_attention",
    "share_report",
    "start_travel",
    "start_work",
    "use_part",
]
