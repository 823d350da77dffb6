"""Our own server under the conformance kit."""

from flask import Flask

from conformance.line import Answer, Line
from conformance.server import Company, examine
from tests.makers import PASSWORD, Maker


def line_to(app: Flask) -> Line:
    def ask(method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        answer = app.test_client().open(path, method=method, data=body, headers=headers)
        told = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status_code, told, answer.data)

    return ask


def test_our_server_conforms(app: Flask, make: Maker) -> None:
    account = make.account("technician")
    technician = make.technician(account=account)
    for _ in range(4):
        make.part()
        make.visit(by=technician)
    lines: list[str] = []
    failed = examine(Company(line_to(app), account.email, PASSWORD), lines.append)
    assert failed == 0, "\n".join(lines)
    assert len(lines) > 20
