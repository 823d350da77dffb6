"""A PostgreSQL of our own that may be killed: with fsync on, as in earnest."""

import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.services import START_SECONDS, free_port, postgres_programs


class Cluster:
    """A cluster in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = postgres_programs()
        self.port = free_port()
        self.become: dict[str, Any] = {}
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            accounts = {entry.pw_name: entry for entry in pwd.getpwall()}
            account = accounts.get("postgres") or accounts["nobody"]
            os.chown(folder, account.pw_uid, account.pw_gid)
            self.become = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    @property
    def url(self) -> str:
        """Return the address of its first database."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        """Make its files and start it."""
        self._call("initdb", "-D", "data", "-A", "trust", "-U", "postgres", "-E", "UTF8",
                   "--locale=C.UTF-8")  # fmt: skip
        self._control("start")

    def restart(self) -> None:
        """Kill it, as a machine that loses its power does, and start it again."""
        self._control("restart", "-m", "immediate")

    def stop(self) -> None:
        """End it."""
        self._control("stop", "-m", "immediate")

    def _control(self, what: str, *more: str) -> None:
        options = (
            f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c max_connections=200"
        )
        self._call("pg_ctl", what, "-D", "data", "-w", "-t", str(START_SECONDS), "-l", "log",
                   "-o", options, *more)  # fmt: skip

    def _call(self, program: str, *arguments: str) -> None:
        # Into a file: a pipe would stay open as long as the server does.
        with (self.folder / f"{program}.txt").open("a") as output:
            subprocess.run(
                [self.programs / program, *arguments],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=START_SECONDS * 3,
                check=True,
                **self.become,
            )


@contextmanager
def own_cluster() -> Iterator[Cluster]:
    """Run a cluster for as long as the block runs.

    Raises NotFound where there are no programs to make one.
    """
    with tempfile.TemporaryDirectory(
        prefix="fieldwright-pg-", ignore_cleanup_errors=True
    ) as folder:
        cluster = Cluster(Path(folder))
        cluster.make()
        try:
            yield cluster
        finally:
            cluster.stop()
