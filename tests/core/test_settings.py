"""Settings are read from the environment and refused with a sentence when they make no sense."""

from pathlib import Path

import pytest

from core.settings import SettingsError, from_environment


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
        ({"FIELDWRIGHT_PROXIES": "many"}, "whole number from 0 to 5"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    tmp_path: Path, given: dict[str, str], word: str
) -> None:
    with pytest.raises(SettingsError, match=word):
        read(tmp_path, **given)


def test_the_usual_spelling_of_a_postgresql_address_is_understood(tmp_path: Path) -> None:
    settings = from_environment(
        {"FIELDWRIGHT_VAR": str(tmp_path), "FIELDWRIGHT_DATABASE_URL": "postgres://u@h/d"},
        root=tmp_path,
    )
    assert settings.database_url == "postgresql+psycopg://u@h/d"
