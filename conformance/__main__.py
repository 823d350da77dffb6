"""`python -m conformance server URL …` examines a server, `… client …` a client; README.md says how."""

import argparse
import os
import subprocess
import sys

from conformance import play, server
from conformance.line import line_to


def main() -> int:
    """Do what the command line says, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    one = kinds.add_parser("server", help="examine a server of the protocol")
    one.add_argument("url")
    one.add_argument("--email", required=True, help="an engineer's, with at least one visit")
    one.add_argument("--password", required=True)
    other = kinds.add_parser("client", help="examine a client of the protocol")
    other.add_argument("--listen", type=int, default=0, metavar="PORT")
    other.add_argument("--only", default="", help="play only what has this in its name")
    other.add_argument("command", nargs="*", help="how the client under test is started")
    last = kinds.add_parser("record", help="write the recorded vectors anew, from a server")
    last.add_argument("url")
    last.add_argument("--email", required=True)
    last.add_argument("--password", required=True)
    told = parser.parse_args()
    if told.kind == "client":
        return _client(told.listen, told.only, told.command)
    company = server.Company(line_to(told.url), told.email, told.password)
    if told.kind == "server":
        return _exit(server.examine(company, _tell))
    # Recording needs the server's own code, which who examines something else may not have.
    from conformance import record  # noqa: PLC0415

    record.record_company(company)
    record.record_functions()
    return 0


def _client(port: int, only: str, command: list[str]) -> int:
    theatre = play.Theatre(port)
    _tell(f"The client under test is awaited at {theatre.url}")
    started = None
    if command:
        # What is started is what the person at the command line said.
        started = subprocess.Popen(command, env=os.environ | {"CONFORMANCE_URL": theatre.url})  # noqa: S603
    try:
        return _exit(play.examine(theatre, _tell, only))
    finally:
        theatre.close()
        if started is not None:
            started.wait(play.PATIENCE_S)


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _exit(failed: int) -> int:
    _tell(f"{failed} failed" if failed else "All is as the protocol says.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
