"""What is written to the log: enough to find the fault, at no great cost."""

import time

import pytest
import structlog

from core.logs import configure_logs


@pytest.fixture(autouse=True)
def _as_before() -> object:
    yield
    structlog.reset_defaults()


def fail(secret: str) -> None:
    raise ValueError("No such thing")


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_error_is_logged_with_its_place_and_without_what_variables_held(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(form)
    began = time.thread_time()
    try:
        fail("hush" * 3)
    except ValueError:
        structlog.get_logger("test").exception("it broke")
    took = time.thread_time() - began
    written = capsys.readouterr().err
    assert "it broke" in written
    assert "No such thing" in written
    assert "in fail" in written
    assert "hushhushhush" not in written
    # Errors are logged while rows are locked.
    assert took < 0.1
