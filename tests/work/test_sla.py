from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from work.sla import (
    Met,
    NaiveTime,
    NoWorkingTime,
    Opening,
    OpeningHours,
    Paused,
    PolicyError,
    Reopened,
    Reprioritised,
    Resumed,
    Segment,
    SegmentState,
    SlaPolicy,
    Target,
    breach_at,
    country_hours,
    next_promise,
    opening,
    run_clock,
)

MONDAY_TO_FRIDAY = range(5)
NINE_TO_FIVE = OpeningHours.weekly("UTC", MONDAY_TO_FRIDAY, "09:00-17:00")
EIGHT_TO_SIX = OpeningHours.weekly("UTC", MONDAY_TO_FRIDAY, "08:00-18:00")
EVENING = datetime(2026, 12, 31, tzinfo=UTC)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def on(day: int, clock: str, month: int = 3, zone: str = "UTC") -> datetime:
    """A moment in 2026; 2 March is a Monday."""
    wall = datetime.combine(date(2026, month, day), time.fromisoformat(clock))
    return wall.replace(tzinfo=ZoneInfo(zone))


# The golden cases.


def test_three_hours_from_friday_four_o_clock_end_on_monday_at_eleven() -> None:
    assert breach_at(on(6, "16:00"), SlaPolicy(hours(3)), NINE_TO_FIVE) == on(9, "11:00")


def test_a_promise_within_the_day_warns_an_hour_before_it_is_due() -> None:
    policy = SlaPolicy(hours(4), warn_before=hours(1))
    clock = run_clock(on(2, "10:00"), policy, EIGHT_TO_SIX, now=on(2, "10:00"))
    assert (clock.due_at, clock.warn_at) == (on(2, "14:00"), on(2, "13:00"))


def test_the_warning_is_counted_in_working_time_too() -> None:
    policy = SlaPolicy(hours(4), warn_before=hours(1))
    clock = run_clock(on(2, "17:00"), policy, EIGHT_TO_SIX, now=on(2, "17:00"))
    assert (clock.due_at, clock.warn_at) == (on(3, "11:00"), on(3, "10:00"))


def test_four_hours_opened_at_four_are_due_at_ten_the_next_day() -> None:
    assert breach_at(on(2, "16:00"), SlaPolicy(hours(4)), EIGHT_TO_SIX) == on(3, "10:00")


def test_a_hold_overnight_adds_nothing() -> None:
    held = [Paused(on(2, "17:00"), "customer"), Resumed(on(3, "09:00"))]
    clock = run_clock(on(2, "09:00"), SlaPolicy(hours(8)), NINE_TO_FIVE, held, now=on(3, "09:00"))
    assert clock.due_at == on(2, "17:00")
    assert clock.paused == timedelta(0)
    assert clock.consumed == hours(8)


def test_a_hold_over_the_weekend_adds_nothing_to_a_promise_in_days() -> None:
    policy = SlaPolicy(NINE_TO_FIVE.days(2))
    held = [Paused(on(7, "08:00"), "customer"), Resumed(on(8, "20:00"))]
    clock = run_clock(on(5, "10:00"), policy, NINE_TO_FIVE, held, now=on(9, "09:00"))
    assert clock.due_at == on(9, "10:00")


def test_a_priority_raised_while_on_hold_keeps_the_hold() -> None:
    events = [
        Paused(on(2, "10:00"), "parts"),
        Reprioritised(on(2, "12:00"), SlaPolicy(hours(4))),
        Resumed(on(2, "14:00")),
    ]
    clock = run_clock(
        on(2, "09:00"), SlaPolicy(hours(16)), NINE_TO_FIVE, events, now=on(2, "15:00")
    )
    assert clock.paused == hours(4)
    assert clock.due_at == on(2, "17:00")
    assert clock.breached_at is None


def test_what_is_resolved_from_a_long_hold_excludes_the_hold() -> None:
    events = [Paused(on(2, "10:00", month=2), "customer"), Met(on(3, "16:00", month=8))]
    clock = run_clock(
        on(2, "09:00", month=2), SlaPolicy(hours(8)), NINE_TO_FIVE, events, now=EVENING
    )
    assert clock.consumed == hours(1)
    assert clock.met_at == on(3, "16:00", month=8)
    assert clock.breached_at is None


def test_the_agents_zone_does_not_make_a_new_ticket_late() -> None:
    riyadh = OpeningHours.weekly("Asia/Riyadh", [6, 0, 1, 2, 3], "09:00-17:00")
    opened = on(2, "11:30", zone="Asia/Kolkata")  # 09:00 in Riyadh, 06:00 UTC
    clock = run_clock(opened, SlaPolicy(hours(2)), riyadh, now=opened)
    assert clock.due_at == on(2, "11:00", zone="Asia/Riyadh")
    assert clock.due_at.utcoffset() == timedelta(0)
    assert clock.breached_at is None


def test_a_shorter_update_target_does_not_overrule_the_first_response() -> None:
    response, update, resolve = (
        run_clock(
            on(2, "09:00"), SlaPolicy(hours(h), target=target), NINE_TO_FIVE, now=on(2, "09:00")
        )
        for target, h in [(Target.RESPONSE, 4), (Target.UPDATE, 1), (Target.RESOLVE, 8)]
    )
    assert next_promise([update, resolve, response]) is response
    answered = run_clock(
        on(2, "09:00"), response.policy, NINE_TO_FIVE, [Met(on(2, "09:30"))], now=on(2, "09:30")
    )
    assert next_promise([update, resolve, answered]) is update


# Calendars.


def test_lunch_is_not_working_time() -> None:
    shop = OpeningHours.weekly("Asia/Shanghai", MONDAY_TO_FRIDAY, "08:30-12:00", "13:30-18:00")
    noon = on(2, "11:30", zone="Asia/Shanghai")
    assert shop.add(noon, hours(1)) == on(2, "14:00", zone="Asia/Shanghai")
    assert shop.between(noon, on(2, "14:00", zone="Asia/Shanghai")) == hours(1)


def test_chinas_make_up_days_are_worked_and_its_holidays_are_not() -> None:
    nine_to_six = tuple(opening(text) for text in ("09:00-12:00", "13:00-18:00"))
    china = country_hours("CN", "Asia/Shanghai", dict.fromkeys(range(5), nine_to_six), [2026])
    assert china.openings_on(date(2026, 9, 20)) == nine_to_six
    assert china.openings_on(date(2026, 10, 10)) == nine_to_six
    assert china.openings_on(date(2026, 10, 1)) == ()
    assert china.openings_on(date(2026, 9, 19)) == ()
    # Eight hours from Wednesday 30 September, 14:00: four that day, then the holidays.
    start = on(30, "14:00", month=9, zone="Asia/Shanghai")
    assert china.add(start, hours(8)) == on(8, "14:00", month=10, zone="Asia/Shanghai")


def test_a_half_day_can_be_set_by_hand() -> None:
    christmas_eve = {date(2026, 12, 24): (opening("09:00-12:00"),)}
    short = NINE_TO_FIVE.with_days(christmas_eve)
    assert short.add(on(24, "10:00", month=12), hours(3)) == on(25, "10:00", month=12)


def test_an_emergency_service_never_sleeps() -> None:
    assert OpeningHours.always().add(on(7, "23:30"), hours(30)) == on(9, "05:30")


def test_a_night_shift_runs_into_the_next_day() -> None:
    night = OpeningHours.weekly("UTC", [4], "22:00-06:00")
    assert night.add(on(6, "21:00"), hours(7)) == on(7, "05:00")
    assert night.between(on(7, "01:00"), on(7, "09:00")) == hours(5)


def test_stretches_that_overlap_count_once() -> None:
    double = OpeningHours.weekly("UTC", [0], "09:00-13:00", "11:00-15:00")
    assert double.between(on(2, "00:00"), on(3, "00:00")) == hours(6)


def test_the_usual_day_is_the_commonest_one() -> None:
    week = dict.fromkeys(range(5), (opening("08:00-17:00"),)) | {5: (opening("08:00-12:00"),)}
    assert OpeningHours("UTC", week).usual_day() == hours(9)


def test_the_night_the_clocks_go_forward_is_an_hour_shorter() -> None:
    berlin = OpeningHours.always("Europe/Berlin")
    midnight = on(29, "00:00", zone="Europe/Berlin")
    assert berlin.between(midnight, on(30, "00:00", zone="Europe/Berlin")) == hours(23)
    early = OpeningHours.weekly("Europe/Berlin", range(7), "01:00-05:00")
    assert early.between(midnight, on(30, "00:00", zone="Europe/Berlin")) == hours(3)


def test_the_night_the_clocks_go_back_is_an_hour_longer() -> None:
    early = OpeningHours.weekly("Europe/Berlin", range(7), "01:00-05:00")
    midnight = on(25, "00:00", month=10, zone="Europe/Berlin")
    assert early.between(midnight, midnight + hours(24)) == hours(5)


def test_an_opening_that_the_clocks_skip_opens_when_they_have_jumped() -> None:
    early = OpeningHours.weekly("Europe/Berlin", [6], "02:20-02:40", "02:30-04:00")
    spans = list(early.spans(on(28, "12:00"), on(30, "00:00")))
    assert spans == [(on(29, "01:00"), on(29, "02:00"))]


def test_working_hours_keep_their_wall_time_across_the_change() -> None:
    berlin = OpeningHours.weekly("Europe/Berlin", range(7), "09:00-17:00")
    due = berlin.add(on(28, "16:00", zone="Europe/Berlin"), hours(2))
    assert due == on(29, "10:00", zone="Europe/Berlin") == on(29, "08:00")


def test_a_calendar_without_an_open_day_is_named_and_does_not_loop() -> None:
    closed = OpeningHours("UTC", {})
    with pytest.raises(NoWorkingTime):
        closed.add(on(2, "09:00"), hours(1))
    with pytest.raises(NoWorkingTime):
        closed.usual_day()


def test_a_moment_without_an_offset_is_refused() -> None:
    with pytest.raises(NaiveTime):
        NINE_TO_FIVE.add(datetime(2026, 3, 2, 9), hours(1))  # noqa: DTZ001


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: SlaPolicy(timedelta(0)),
        lambda: SlaPolicy(hours(2), warn_before=hours(2)),
        lambda: OpeningHours("UTC", {7: ()}),
    ],
    ids=map(str, count(1)),
)
def test_a_promise_that_nobody_can_keep_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(PolicyError):
        wrong()


# Clocks.


def test_the_segments_tell_the_clocks_story() -> None:
    events = [Paused(on(2, "16:00"), "parts"), Resumed(on(3, "10:00"))]
    clock = run_clock(on(2, "15:00"), SlaPolicy(hours(4)), NINE_TO_FIVE, events, now=on(3, "11:00"))
    assert clock.segments == (
        Segment(on(2, "15:00"), on(2, "16:00"), SegmentState.RUNNING),
        Segment(on(2, "16:00"), on(2, "17:00"), SegmentState.PAUSED, "parts"),
        Segment(on(2, "17:00"), on(3, "09:00"), SegmentState.OUT_OF_HOURS),
        Segment(on(3, "09:00"), on(3, "10:00"), SegmentState.PAUSED, "parts"),
        Segment(on(3, "10:00"), on(3, "11:00"), SegmentState.RUNNING),
    )
    assert (clock.consumed, clock.paused, clock.due_at) == (hours(2), hours(2), on(3, "13:00"))


def test_a_hold_that_the_policy_does_not_excuse_goes_on_counting() -> None:
    policy = SlaPolicy(hours(4), pausing=frozenset({"customer"}))
    events = [Paused(on(2, "10:00"), "reprioritised"), Resumed(on(2, "12:00"))]
    clock = run_clock(on(2, "09:00"), policy, NINE_TO_FIVE, events, now=on(2, "12:00"))
    assert clock.due_at == on(2, "13:00")
    assert clock.segments[1] == Segment(
        on(2, "10:00"), on(2, "12:00"), SegmentState.RUNNING, "reprioritised"
    )


def test_a_broken_promise_keeps_the_moment_it_broke() -> None:
    events = [Paused(on(2, "12:00"), "parts"), Resumed(on(4, "12:00"))]
    clock = run_clock(on(2, "09:00"), SlaPolicy(hours(2)), NINE_TO_FIVE, events, now=on(5, "09:00"))
    assert clock.breached_at == clock.due_at == on(2, "11:00")


def test_a_promise_met_on_the_stroke_is_kept_and_a_second_later_broken() -> None:
    def breached(at: datetime) -> datetime | None:
        return run_clock(
            on(2, "09:00"), SlaPolicy(hours(2)), NINE_TO_FIVE, [Met(at)], now=EVENING
        ).breached_at

    assert breached(on(2, "11:00")) is None
    assert breached(on(2, "11:00") + timedelta(seconds=1)) == on(2, "11:00")


def test_a_clock_on_hold_does_not_break_the_second_it_is_resumed() -> None:
    held = [Paused(on(2, "10:00"), "customer")]
    policy = SlaPolicy(hours(2))
    on_hold = run_clock(on(2, "09:00"), policy, NINE_TO_FIVE, held, now=on(4, "10:00"))
    assert on_hold.due_at == on(4, "11:00")
    resumed = run_clock(
        on(2, "09:00"), policy, NINE_TO_FIVE, [*held, Resumed(on(4, "10:00"))], now=on(4, "10:00")
    )
    assert resumed.due_at == on(4, "11:00")
    assert resumed.breached_at is None


def test_a_fault_that_returns_soon_goes_on_with_the_old_clock() -> None:
    policy = SlaPolicy(hours(4), reopens_within=timedelta(days=3))
    events = [Met(on(2, "11:00")), Reopened(on(3, "09:00"))]
    clock = run_clock(on(2, "09:00"), policy, NINE_TO_FIVE, events, now=on(3, "10:00"))
    assert clock.met_at is None
    assert clock.consumed == hours(3)
    assert clock.due_at == on(3, "11:00")


def test_a_fault_that_returns_late_leaves_the_old_clock_met() -> None:
    policy = SlaPolicy(hours(4), reopens_within=timedelta(days=3))
    events = [Met(on(2, "11:00")), Reopened(on(16, "09:00"))]
    clock = run_clock(on(2, "09:00"), policy, NINE_TO_FIVE, events, now=on(17, "09:00"))
    assert clock.met_at == on(2, "11:00")


def test_a_late_event_from_a_phone_counts_when_it_happened() -> None:
    story = [Resumed(on(2, "12:00")), Met(on(2, "13:00")), Paused(on(2, "10:00"), "access")]
    clock = run_clock(on(2, "09:00"), SlaPolicy(hours(3)), NINE_TO_FIVE, story, now=EVENING)
    assert clock.consumed == hours(2)
    assert clock.breached_at is None


def test_what_has_not_happened_yet_does_not_count() -> None:
    clock = run_clock(
        on(2, "09:00"), SlaPolicy(hours(3)), NINE_TO_FIVE, [Met(on(2, "11:00"))], now=on(2, "10:00")
    )
    assert clock.met_at is None
    assert clock.consumed == hours(1)


# The walk against counting minute by minute.

MINUTE = timedelta(minutes=1)
ZONES = ["UTC", "Asia/Shanghai", "Asia/Kolkata", "Europe/Berlin", "America/New_York"]


@st.composite
def calendars(draw: st.DrawFn) -> OpeningHours:
    # Stretches keep clear of the small hours: there the clocks change, tested above by hand.
    def stretch() -> tuple[Opening, ...]:
        edges = draw(st.lists(st.integers(4 * 60, 24 * 60 - 1), max_size=4, unique=True))
        edges = sorted(edges)[: len(edges) // 2 * 2]
        marks = [time(edge // 60, edge % 60) for edge in edges]
        return tuple(map(Opening, marks[::2], marks[1::2]))

    week = {day: stretch() for day in draw(st.sets(st.integers(0, 6)))}
    unlike = {
        date(2026, 3, 23) + timedelta(days=day): stretch()
        for day in draw(st.sets(st.integers(0, 10), max_size=2))
    }
    week[draw(st.integers(0, 6))] = (Opening(time(10), time(11)),)
    return OpeningHours(draw(st.sampled_from(ZONES)), week, unlike)


def is_open(calendar: OpeningHours, moment: datetime) -> bool:
    local = moment.astimezone(ZoneInfo(calendar.zone))
    return any(
        stretch.opens <= local.time() < stretch.closes
        for stretch in calendar.openings_on(local.date())
    )


@settings(deadline=None, max_examples=60)
@given(
    calendars(),
    st.integers(0, 6 * 24 * 60),
    st.integers(1, 150),
    st.lists(st.integers(0, 3 * 24 * 60), max_size=4, unique=True),
)
def test_walking_finds_what_counting_minutes_finds(
    calendar: OpeningHours, opened: int, target: int, marks: list[int]
) -> None:
    start = on(25, "00:00") + opened * MINUTE
    edges = [start + mark * MINUTE for mark in sorted(marks)[: len(marks) // 2 * 2]]
    holds = list(zip(edges[::2], edges[1::2], strict=True))
    events = [event for since, until in holds for event in (Paused(since, "parts"), Resumed(until))]

    minute, counted = start, 0
    while counted < target:
        held = any(since <= minute < until for since, until in holds)
        counted += is_open(calendar, minute) and not held
        minute += MINUTE

    clock = run_clock(start, SlaPolicy(target * MINUTE), calendar, events, now=minute + hours(80))
    assert clock.due_at == minute
