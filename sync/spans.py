"""How long phones carry visits, and how long the server remembers, as the installation says."""

from dataclasses import dataclass
from datetime import timedelta

from core.settings import Spans


@dataclass(slots=True)
class _Kept:
    # How far back a phone carries finished visits, and how far ahead visits to come.
    back: timedelta
    ahead: timedelta
    # For how long a phone may be away and still be told what left its scopes.
    removals: timedelta
    # A phone that is put back to a backup says again what it had long been answered.
    receipts: timedelta


def _of(spans: Spans) -> _Kept:
    return _Kept(
        *(timedelta(days=n) for n in (spans.back, spans.ahead, spans.removals, spans.receipts))
    )


kept = _of(Spans())


def configure(spans: Spans) -> None:
    """Take the spans of this installation."""
    told = _of(spans)
    kept.back, kept.ahead = told.back, told.ahead
    kept.removals, kept.receipts = told.removals, told.receipts
