"""How gunicorn serves Fieldwright; the command line may say otherwise."""

import gc
import sys
from typing import Any

worker_class = "api.serving.LingeringWorker"
workers = 1
threads = 64
control_socket_disable = True
keepalive = 75


def post_worker_init(_worker: Any) -> None:
    """Let the collector pass over what was loaded at the start and stays until the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    # A thread that comes back from the database with a lock in its hands waits no longer for the
    # interpreter than this; others may be waiting for that lock.
    sys.setswitchinterval(0.0005)
