"""Settings are read from the environment and refused with a sentence when they make no sense."""

from pathlib import Path

import pytest

from core.settings import SettingsError, Spans, from_environment


def read(folder: Path, **given: str) -> object:
    return from_environment({"FIELDWRIGHT_VAR": str(folder)} | given, root=folder)


def test_an_empty_environment_is_a_laptop_with_sqlite(tmp_path: Path) -> None:
    settings = from_environment({"FIELDWRIGHT_VAR": str(tmp_path)}, root=tmp_path)
    assert settings.database_url.startswith("sqlite:///")
    assert not settings.production
    assert settings.redis_url is None


def test_a_laptop_s_key_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    first = from_environment({"FIELDWRIGHT_VAR": str(tmp_path)}, root=tmp_path).secret_key
    assert from_environment({"FIELDWRIGHT_VAR": str(tmp_path)}, root=tmp_path).secret_key == first
    assert (tmp_path / "secret.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"FIELDWRIGHT_ENV": "live"}, "development, production"),
        ({"FIELDWRIGHT_ENV": "production"}, "FIELDWRIGHT_SECRET_KEY is missing"),
        ({"FIELDWRIGHT_SECRET_KEY": "short"}, "at least 32"),
        ({"FIELDWRIGHT_DATABASE_URL": "mysql://x/y"}, "sqlite:///… or postgresql"),
        ({"FIELDWRIGHT_REDIS_URL": "http://x"}, "redis://"),
        ({"FIELDWRIGHT_PUBLIC_URL": "example.com"}, "address people open"),
        (
            {
                "FIELDWRIGHT_ENV": "production",
                "FIELDWRIGHT_SECRET_KEY": "k" * 32,
                "FIELDWRIGHT_PASSWORD_MEMORY_KIB": "19455",
            },
            "whole number from 19456 to",
        ),
        ({"FIELDWRIGHT_PROXIES": "many"}, "whole number from 0 to 5"),
        ({"FIELDWRIGHT_PROXIES": "²"}, "whole number from 0 to 5"),
        ({"FIELDWRIGHT_PROXIES": "9" * 5000}, "whole number from 0 to 5"),
        ({"FIELDWRIGHT_DAYS_BACK": "-1"}, "DAYS_BACK is '-1'; it must be a whole number from 0"),
        ({"FIELDWRIGHT_DAYS_AHEAD": "a fortnight"}, "DAYS_AHEAD is 'a fortnight'"),
        ({"FIELDWRIGHT_DAYS_AHEAD": "1e9"}, "whole number from 0 to 3650"),
        ({"FIELDWRIGHT_REMOVALS_DAYS": "0"}, "whole number from 7 to 3650"),
        ({"FIELDWRIGHT_RECEIPTS_DAYS": ""}, "whole number from 7 to 3650"),
        ({"FIELDWRIGHT_RECEIPTS_DAYS": "3651"}, "whole number from 7 to 3650"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    tmp_path: Path, given: dict[str, str], word: str
) -> None:
    with pytest.raises(SettingsError, match=word):
        read(tmp_path, **given)


def test_how_long_phones_carry_and_we_remember_is_usual_unless_it_is_said(tmp_path: Path) -> None:
    given = {"FIELDWRIGHT_VAR": str(tmp_path)}
    assert from_environment(given, root=tmp_path).spans == Spans(30, 14, 90, 90)
    said = {"BACK": "7", "AHEAD": "0"}
    given |= {f"FIELDWRIGHT_DAYS_{name}": days for name, days in said.items()}
    given |= {"FIELDWRIGHT_REMOVALS_DAYS": "400", "FIELDWRIGHT_RECEIPTS_DAYS": "30"}
    assert from_environment(given, root=tmp_path).spans == Spans(7, 0, 400, 30)


def test_the_usual_spelling_of_a_postgresql_address_is_understood(tmp_path: Path) -> None:
    settings = from_environment(
        {"FIELDWRIGHT_VAR": str(tmp_path), "FIELDWRIGHT_DATABASE_URL": "postgres://u@h/d"},
        root=tmp_path,
    )
    assert settings.database_url == "postgresql+psycopg://u@h/d"
