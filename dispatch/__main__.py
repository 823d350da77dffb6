"""The planner on the command line: `python -m dispatch COMMAND …`, each command in a module of its own."""

import importlib
import sys

COMMANDS = {"solve": "dispatch.solving", "bench": "dispatch.bench", "warm": "dispatch.engine.warm"}
USAGE = 2


def main() -> int:
    """Run the command that is asked for."""
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.stderr.write(f"python -m dispatch {{{','.join(COMMANDS)}}} …\n")
        return USAGE
    command = importlib.import_module(COMMANDS[sys.argv[1]])
    return int(command.main(sys.argv[2:]) or 0)


if __name__ == "__main__":
    sys.exit(main())
