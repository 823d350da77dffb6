"""What the client library believes of documents is what the server says of them."""

from tools import client_types


def test_the_types_of_the_client_library_are_those_of_the_server() -> None:
    assert client_types.WHERE.read_text(encoding="utf-8") == client_types.written(), (
        "The shapes have changed: run `npm run types` in web/."
    )
