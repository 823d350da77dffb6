"""How gunicorn serves Fieldwright; the command line may say otherwise."""

import gc
from typing import Any

worker_class = "gthread"
workers = 1
threads = 64
control_socket_disable = True
keepalive = 75


def post_worker_init(_worker: Any) -> None:
    """Let the collector pass over what was loaded at the start and stays until the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
