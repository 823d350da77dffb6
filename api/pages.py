"""Lists at the REST door."""

from typing import Any

from core.pages import Page


def page_view(found: Page[Any]) -> dict[str, Any]:
    """Return a page as it goes out."""
    return {"items": found.items, "next": found.next}
