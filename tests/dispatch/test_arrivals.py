"""When an engineer will be there, by a table of days and as a property of any day."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.arrivals import ROUNDED, Expected, Leg, called, expected

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
HALF, HOUR = timedelta(minutes=30), timedelta(hours=1)


def at(clock: str) -> datetime:
    hour, minute = clock.split(":")
    return NOW.replace(hour=int(hour), minute=int(minute))


def leg(planned: str | None = None, **more: datetime) -> Leg:
    return Leg(HALF, HOUR, planned_at=at(planned) if planned else None, **more)


def told(found: Expected | None) -> tuple[str, str, str, bool] | None:
    if found is None:
        return None
    return f"{found.at:%H:%M}", f"{found.earliest:%H:%M}", f"{found.latest:%H:%M}", found.late


@pytest.mark.parametrize(
    ("day", "left", "says"),
    [
        # Nothing before: as planned, or as soon as one can drive there.
        ([leg("13:00")], None, ("13:00", "12:40", "13:20", False)),
        ([leg("10:10")], None, ("10:30", "10:10", "10:50", True)),
        # On the way: the drive that was planned, never in the past, nearer where a position says so.
        ([leg("10:20", set_out_at=at("9:50"))], None, ("10:20", "10:10", "10:30", False)),
        ([leg("9:30", set_out_at=at("9:00"))], None, ("10:01", "10:00", "10:15", True)),
        ([leg("10:20", set_out_at=at("9:50"))], HOUR, ("11:00", "10:55", "11:05", True)),
        # Somebody else's work first: it began at 9:45 and takes an hour, then half an hour's drive.
        (
            [leg("9:30", arrived_at=at("9:40"), begun_at=at("9:45")), leg("11:00")],
            None,
            ("11:15", "10:45", "11:45", False),
        ),
        # It should have been over long ago: from now on.
        (
            [leg("7:00", arrived_at=at("7:00"), begun_at=at("7:00")), leg("9:00")],
            None,
            ("10:30", "10:00", "11:00", True),
        ),
        # A stop in between that nobody has set out for yet.
        (
            [leg("10:00"), leg("11:30"), leg("13:30")],
            None,
            ("13:30", "12:50", "14:10", False),
        ),
        ([leg()], None, None),
        ([leg("10:00"), leg()], None, ("12:00", "11:30", "12:30", False)),
    ],
)
def test_a_day_says_when_its_last_stop_is_reached(
    day: list[Leg], left: timedelta | None, says: tuple[str, str, str, bool] | None
) -> None:
    assert told(expected(NOW, day, left_to_drive=left)) == says


minutes = st.integers(-600, 600).map(lambda minutes: NOW + timedelta(minutes=minutes))
spans = st.integers(0, 300).map(lambda minutes: timedelta(minutes=minutes))
waiting = st.builds(Leg, travel=spans, work=spans, planned_at=st.none() | minutes)
under_way = st.builds(
    Leg,
    travel=spans,
    work=spans,
    planned_at=st.none() | minutes,
    set_out_at=st.none() | minutes.filter(lambda moment: moment <= NOW),
)


@given(st.lists(waiting, max_size=5), under_way, st.none() | spans)
def test_nobody_is_expected_in_the_past_and_the_window_holds_the_moment(
    before: list[Leg], mine: Leg, left: timedelta | None
) -> None:
    found = expected(NOW, [*before, mine], left_to_drive=left)
    if found is None:
        assert all(one.planned_at is None for one in [*before, mine])
        assert mine.set_out_at is None
        return
    assert found.at >= NOW
    assert found.earliest <= found.at <= found.latest
    assert found.earliest > NOW - ROUNDED
    assert found.earliest.timestamp() % 300 == found.latest.timestamp() % 300 == 0
    # One more stop before never makes it sooner.
    longer = expected(NOW, [Leg(HALF, HOUR, planned_at=NOW), *before, mine], left_to_drive=left)
    assert longer is not None
    assert longer.at >= found.at


@pytest.mark.parametrize(
    ("name", "english", "chinese"),
    [
        ("Wang Jun 王军", "Wang", "王师傅"),
        ("Daniel Novak", "Daniel", "Daniel"),
        ("王军", "王", "王师傅"),
        ("", "", ""),
    ],
)
def test_a_customer_learns_what_to_call_the_engineer_and_not_who_it_is(
    name: str, english: str, chinese: str
) -> None:
    assert (called(name, "en"), called(name, "zh-CN")) == (english, chinese)
