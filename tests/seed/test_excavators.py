"""The real data: all of it, with its dirt."""

import importlib.metadata
from collections import Counter
from datetime import date

import pytest

from seed import excavators
from seed.codes import CODES
from seed.excavators import DataMissing, ExcavatorOrder, locations, read


@pytest.fixture(scope="module")
def orders() -> list[ExcavatorOrder]:
    return read()


def test_no_row_is_dropped(orders: list[ExcavatorOrder]) -> None:
    assert len(orders) == 5485
    assert Counter(order.machine for order in orders) == {
        "D": 2374,
        "B": 1017,
        "C": 992,
        "E": 951,
        "A": 151,
    }
    assert (min(order.day for order in orders), max(order.day for order in orders)) == (
        date(2001, 7, 5),
        date(2012, 12, 13),
    )


def test_costs_that_make_no_sense_are_kept_and_doubted(orders: list[ExcavatorOrder]) -> None:
    doubted = [order.cost_micro for order in orders if order.cost_doubted]

    assert sum(cost < 0 for cost in doubted) == 6
    assert sum(cost == 0 for cost in doubted) == 1288
    assert [cost for cost in doubted if cost > 0] == [1_026_684_200_000]
    assert min(doubted) == -339_810_000


def test_the_row_that_was_cut_at_its_apostrophe_is_whole_again(
    orders: list[ExcavatorOrder],
) -> None:
    (mended,) = [order for order in orders if order.text == "won't swing"]

    assert (mended.kind, mended.cost_micro, mended.location) == (
        "corrective",
        94_630_000,
        "Electrical System Field Devices",
    )


def test_every_word_is_one_of_ours_or_none(orders: list[ExcavatorOrder]) -> None:
    ours = {code for words in CODES.values() for code, _, _ in words}

    assert {order.mode for order in orders} - ours == {None}
    assert {order.remedy for order in orders} - ours == {None}
    assert {order.cause for order in orders} - ours == {None}
    assert Counter(order.kind for order in orders) == {
        "corrective": 5315,
        "preventive": 163,
        "installation": 7,
    }


def test_a_machine_is_no_place_inside_itself(orders: list[ExcavatorOrder]) -> None:
    named = {location for _, location, _ in locations(orders, at_least=1)}

    assert "GREASE LUBE SYSTEM" in named
    assert not any("O&K" in location for location in named)


def test_people_are_told_what_to_do_when_the_data_are_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nothing(_name: str) -> None:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(excavators.importlib.metadata, "files", nothing)

    with pytest.raises(DataMissing, match="make"):
        read()
