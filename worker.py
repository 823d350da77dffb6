"""The job process: `python worker.py` works the queues in Redis.

RQ brings a row's id; the row says what to do and whether it is still to be done. Beside the
workers a relay hands over rows whose message was lost, so that a flushed Redis loses nothing.
"""

import sys

from redis import Redis
from rq import Worker
from rq.serializers import JSONSerializer

from api.app import create_app
from api.queues import QUEUES, rq_sender
from core.database import bound
from core.jobs import Clockwork
from core.settings import SettingsError
from dispatch.nursery import nursery


def main() -> int:
    """Work until told to stop."""
    try:
        app = create_app()
    except SettingsError as error:
        sys.stderr.write(f"Fieldwright cannot start: {error}\n")
        return 2
    redis_url = app.extensions["fieldwright"].redis_url
    if not redis_url:
        sys.stderr.write(
            "FIELDWRIGHT_REDIS_URL is not set: without Redis the web process works its jobs itself.\n"
        )
        return 2
    relay = Clockwork(bound(), rq_sender(redis_url)).start()
    try:
        # RQ forks for each job: what is loaded here is there for all of them.
        nursery.open(idle_s=None)
        names = [f"fieldwright-{name}" for name in QUEUES]
        Worker(names, connection=Redis.from_url(redis_url), serializer=JSONSerializer).work()
    finally:
        nursery.close()
        relay.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
