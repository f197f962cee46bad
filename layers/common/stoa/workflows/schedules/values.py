"""The tools of a worker on runs, and the time that each piece of its work may take."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from msgspec import Struct

from stoa.database.pool import Database
from stoa.workflows.schedules.prompt_run import Ask

# A run that is in the queue is sent again after this time. A second message does no harm: a run is taken up once.
QUEUED_LEASE = timedelta(minutes=15)
# Longer than a worker may take (300 s, template.yaml) and than its reservation holds (360 s, workflows/chat/books.py),
# so that whoever takes a run up again finds the first attempt off the books.
RUN_LEASE = timedelta(seconds=420)
TRY_AGAIN_AFTER = timedelta(minutes=2)
MOST_ATTEMPTS = 5

# A webhook gives up after 10 s, S3 after 20.
DELIVERY_LEASE = timedelta(seconds=90)
DELIVERY_WAITS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=12),
)

MOST_FAILURES_IN_ROW = 5


class Post(Protocol):
    """Delivers a webhook: `stoa.clients.http.webhook_out.post`."""

    def __call__(self, url: str, body: bytes, *, secret: bytes, delivery_id: str, timestamp: int) -> int: ...


class Worker(Struct, frozen=True):
    """Holds the tools of a worker."""

    database: Database
    clock: Callable[[], datetime]  # aware, UTC
    ask: Ask
    post: Post
    store: Callable[[str, bytes, str], None]  # key, content, content type
    link: Callable[[str, int, str], str]  # key, seconds, file name
