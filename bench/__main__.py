"""`python -m bench [name …]`: print timings."""

import contextlib
import os
import sys

import structlog

from bench import board, dispatch, orders, planning, sync

KINDS = ("sqlite", "postgresql")


def main() -> None:
    """Run the benchmarks named, or all."""
    wanted = sys.argv[1:] or ["orders", "sync", "planning", "board", "dispatch"]
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        structlog.reset_defaults()
        for name in wanted:
            if name == "orders":
                for kind in KINDS:
                    orders.run(kind)
            elif name == "sync":
                for kind in KINDS:
                    sync.run(kind)
            elif name == "board":
                for kind in KINDS:
                    board.run(kind)
            elif name == "planning":
                planning.run()
            elif name == "dispatch":
                dispatch.run()


if __name__ == "__main__":
    main()
