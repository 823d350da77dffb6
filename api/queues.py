"""Handing jobs to RQ: the row's id and nothing else."""

from collections.abc import Callable
from uuid import UUID

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

QUEUES = ("default", "plans", "papers")
LONGEST_JOB_S = 900


def queue(redis_url: str, name: str) -> Queue:
    """Return a queue of ours."""
    return Queue(
        f"fieldwright-{name}", connection=Redis.from_url(redis_url), serializer=JSONSerializer
    )


def rq_sender(redis_url: str) -> Callable[[str, UUID], None]:
    """Return the function that sends a job's id to the workers."""
    connection = Redis.from_url(redis_url)

    def send(name: str, job_id: UUID) -> None:
        Queue(f"fieldwright-{name}", connection=connection, serializer=JSONSerializer).enqueue(
            "core.jobs.run_by_id",
            str(job_id),
            job_timeout=LONGEST_JOB_S,
            result_ttl=0,
            failure_ttl=0,
        )

    return send
