"""The compiled part of the planner, and where its machine code is kept.

Numba looks whether a file has changed, not whether what it calls in other files has. So the code of
each state of these sources is kept in a folder of its own: under `var/`, where `NUMBA_CACHE_DIR`
says, or in the system's temporary folder where the installation cannot be written to.
"""

import hashlib
import os
import tempfile
from pathlib import Path

import numba

HERE = Path(__file__).parent
PROJECT = HERE.parents[2]


def _sources() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(HERE.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _base() -> Path:
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(given)
    wanted = PROJECT / "var" / "compiled"
    try:
        wanted.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.gettempdir()) / f"fieldwright-compiled-{os.getuid()}"
    if os.access(wanted, os.W_OK):
        return wanted
    return Path(tempfile.gettempdir()) / f"fieldwright-compiled-{os.getuid()}"


CACHE = _base() / _sources()
# Said to Numba by name: it makes its settings up when it is loaded.
setattr(numba.config, "CACHE_DIR", str(CACHE))  # noqa: B010
