"""The page of hazards: it leaves none out, and names every test that there is."""

from tools import hazards


def test_every_hazard_has_a_test() -> None:
    assert set(hazards.tests()) == set(hazards.HAZARDS)


def test_the_page_names_every_test() -> None:
    assert hazards.PAGE.read_text() == hazards.page(), (
        "write it anew with `python -m tools.hazards`"
    )
