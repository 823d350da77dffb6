"""Everything that takes long to prove; one exit code, and what went wrong on the last lines."""

import argparse
import random
import sys
import time
import traceback
from contextlib import ExitStack

from prove import overtaking, processes, stories
from tests.services import find_postgres


def main() -> int:
    """Run the proofs; return how many found something."""
    asked = argparse.ArgumentParser(prog="python -m prove", description=__doc__)
    asked.add_argument("--stories", type=int, default=20_000, help="how many stories are told")
    asked.add_argument("--cores", type=int, default=stories.cores(), help="by how many processes")
    asked.add_argument("--seconds", type=float, default=120, help="how long processes are killed")
    asked.add_argument("--seed", type=int, default=random.randrange(10**6))
    said = asked.parse_args()
    with ExitStack() as stack:
        server = find_postgres(stack).at
        assert server is not None
        proofs = [
            (
                f"Slow transactions beside fast ones, seed {said.seed}",
                lambda: overtaking.prove(server, said.seed),
            ),
            (
                f"Real processes that are killed, seed {said.seed}",
                lambda: processes.prove(said.seconds, said.seed),
            ),
            (
                f"{said.stories} stories on {said.cores} cores",
                lambda: stories.prove(server, said.stories, said.cores),
            ),
        ]
        failed = 0
        for name, prove in proofs:
            print(f"==> {name}", flush=True)
            began = time.monotonic()
            try:
                faults = prove()
            except Exception:  # noqa: BLE001 - the other proofs are to be run all the same
                faults = [traceback.format_exc()]
            failed += bool(faults)
            for fault in faults:
                print(fault)
            print(f"    {time.monotonic() - began:.0f} s", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
