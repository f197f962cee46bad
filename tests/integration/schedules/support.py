"""An office of scheduled prompts without AWS: a queue in memory, a clock that is set, deliveries kept for a look."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from stoa.clients.aws.run_queue import Job
from stoa.core.ids import new_id
from stoa.database.pool import Scope
from stoa.identity.caller import Caller
from stoa.identity.members import Member
from stoa.workflows.schedules import owner, runs
from stoa.workflows.schedules.ask import answered
from stoa.workflows.schedules.deliver import deliver
from stoa.workflows.schedules.prompt_run import RunAnswer, RunPrompt
from stoa.workflows.schedules.run import run
from stoa.workflows.schedules.tick import TickReport, tick
from stoa.workflows.schedules.values import Worker
from stoa.workflows.schedules.views import ShownRun
from tests.integration.chat.support import Desk, caller_of

NOON = datetime(2027, 5, 3, 12, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
HOOK = {"output_destination": "webhook", "webhook_url": "https://example.org/hook"}


@dataclass
class Office:
    """A member's schedules, at a clock that stands still until it is moved."""

    desk: Desk
    now: datetime = NOON - timedelta(minutes=1)
    queue: deque[Job] = field(default_factory=deque)
    takes: Callable[[Job], bool] = lambda job: True
    posted: list[dict[str, Any]] = field(default_factory=list)
    post_failures: list[Exception] = field(default_factory=list)
    stored: dict[str, bytes] = field(default_factory=dict)
    ask: Callable[[Member, RunPrompt], RunAnswer] | None = None

    @property
    def tenant_id(self) -> UUID:
        return self.desk.member.tenant_id

    @property
    def caller(self) -> Caller:
        """The member, at the office's clock."""
        return caller_of(self.desk, self.now)

    def schedule(self, **fields: Any) -> UUID:
        """Makes a schedule, due hourly on the hour unless told otherwise."""
        given = {
            "name": "Hourly",
            "prompt": "One thought.",
            "model_id": "gpt-4o-mini",
            "kind": "cron",
            "cron_expression": "0 * * * *",
            "output_destination": "email",
        }
        return owner.create_schedule(self.caller, given | fields).schedule.id

    def tick(self, at: datetime | None = None) -> TickReport:
        self.now = at or self.now

        def send(jobs: Sequence[Job]) -> list[Job]:
            taken = [job for job in jobs if self.takes(job)]
            self.queue.extend(taken)
            return taken

        return tick(self.desk.database, send, lambda: self.now, self.now + timedelta(seconds=50))

    def worker(self) -> Worker:
        def ask(member: Member, prompt: RunPrompt) -> RunAnswer:
            tools = self.desk.tools()
            return answered(tools, member, prompt)

        def post(url: str, body: bytes, *, secret: bytes, delivery_id: str, timestamp: int) -> int:
            self.posted.append({"url": url, "body": body, "secret": secret, "id": delivery_id, "at": timestamp})
            if self.post_failures:
                raise self.post_failures.pop(0)
            return 200

        def store(key: str, content: bytes, content_type: str) -> None:
            self.stored[key] = content

        def link(key: str, seconds: int, file_name: str) -> str:
            return f"https://files.test/{key}?for={seconds}&as={file_name}"

        return Worker(self.desk.database, lambda: self.now, self.ask or ask, post, store, link)

    def work(self) -> None:
        """Do all that is in the queue."""
        while self.queue:
            self.do(self.queue.popleft())

    def do(self, job: Job) -> None:
        worker = self.worker()
        if job.delivery is not None:
            deliver(worker, job.tenant_id, job.run_id, job.delivery)
        elif run(worker, job.tenant_id, job.run_id):
            deliver(worker, job.tenant_id, job.run_id, 0)

    def runs(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM schedule_runs r WHERE r.tenant_id = :tenant_id ORDER BY r.id")

    def told(self, schedule_id: UUID) -> ShownRun:
        """Returns the newest run, as its owner is told of it."""
        return runs.list_runs(self.caller, schedule_id, before=None, limit=1).rows[0]

    def one(self, schedule_id: UUID) -> dict[str, Any]:
        return self.rows("SELECT * FROM schedules s WHERE s.tenant_id = :tenant_id AND s.id = :id", id=schedule_id)[0]

    def mail(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM mail_outbox m WHERE m.tenant_id = :tenant_id ORDER BY m.id")

    def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        with self.desk.database.autocommit(Scope(tenant_id=self.tenant_id)) as connection:
            return connection.run(sql, tenant_id=self.tenant_id, **parameters)

    def bulk(self, count: int, due: datetime, model_id: str = "gpt-4o-mini") -> None:
        """Many schedules of the member at once, beyond the limit that people have, due at an instant."""
        with self.desk.database.autocommit(Scope(tenant_id=self.tenant_id)) as connection:
            connection.run(
                """
                INSERT INTO schedules (
                    id, tenant_id, user_id, name, prompt, model_id, kind, cron_expression, anchor, time_zone,
                    output_destination, next_run, created_at, updated_at
                )
                SELECT i::uuid, :tenant_id ::uuid, :user_id ::uuid, 'Many', 'One of many.', :model_id, 'cron',
                    '0 * * * *', :due ::timestamptz, 'UTC', 'email', :due, :due, :due
                FROM unnest(:ids ::text[]) AS i
                """,
                tenant_id=self.tenant_id,
                user_id=self.desk.member.user_id,
                ids=[str(new_id()) for _ in range(count)],
                due=due,
                model_id=model_id,
            )
