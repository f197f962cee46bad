"""A member's scheduled prompts."""

from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.params import Path

from functions.schedules.models import (
    CadencePreview,
    DeletedAnswer,
    NewSchedule,
    NewScheduleAnswer,
    PreviewAnswer,
    RunAnswer,
    RunListAnswer,
    Schedule,
    ScheduleAnswer,
    ScheduleChange,
    ScheduleListAnswer,
    ScheduleWithSecret,
    SecretAnswer,
)
from stoa.clients.aws import run_queue
from stoa.http.cursors import id_after
from stoa.http.dependencies import AsMember
from stoa.http.door import Door
from stoa.http.errors import errors
from stoa.http.parameters import DEFAULT_PAGE, Cursor, Limit, UuidText
from stoa.workflows.schedules import owner, runs

app = Door()

ScheduleId = Annotated[UuidText, Path(alias="scheduleId")]
RunId = Annotated[UuidText, Path(alias="runId")]


@app.get("/api/schedules", summary="Own schedules", tags=["schedules"])
def get_schedules(caller: AsMember) -> ScheduleListAnswer:
    """All of the member's schedules, the oldest first; at most 50."""
    return ScheduleListAnswer.of([Schedule.of(shown) for shown in owner.list_schedules(caller)])


@app.post(
    "/api/schedules",
    summary="Schedule a prompt",
    tags=["schedules"],
    status_code=201,
    responses=errors(402, 404, 409, 413, 503),
)
def post_schedule(caller: AsMember, body: NewSchedule) -> NewScheduleAnswer:
    """Save a prompt that runs by itself. `webhookSecret`, which signs deliveries, is shown this once."""
    return NewScheduleAnswer.of(ScheduleWithSecret.of(owner.create_schedule(caller, body.fields())))


@app.post("/api/schedules/preview", summary="When a schedule would run", tags=["schedules"])
def post_preview(caller: AsMember, body: CadencePreview) -> PreviewAnswer:
    """A rhythm in plain words and its next five times. Saves nothing."""
    return PreviewAnswer.of(owner.preview(body.fields(), caller.now))


@app.get("/api/schedules/<scheduleId>", summary="One schedule", tags=["schedules"])
def get_schedule(caller: AsMember, schedule_id: ScheduleId) -> ScheduleAnswer:
    """Returns a schedule of the member's own."""
    return ScheduleAnswer.of(Schedule.of(owner.read_schedule(caller, schedule_id)))


@app.patch(
    "/api/schedules/<scheduleId>", summary="Change a schedule", tags=["schedules"], responses=errors(402, 409, 413, 503)
)
def patch_schedule(caller: AsMember, schedule_id: ScheduleId, body: ScheduleChange) -> NewScheduleAnswer:
    """Absent keeps, null clears. A new rhythm is counted from now. A first webhook's secret is shown this once."""
    return NewScheduleAnswer.of(ScheduleWithSecret.of(owner.change_schedule(caller, schedule_id, body.fields())))


@app.delete("/api/schedules/<scheduleId>", summary="Delete a schedule", tags=["schedules"])
def delete_schedule(caller: AsMember, schedule_id: ScheduleId) -> DeletedAnswer:
    """Delete a schedule with its runs. What was metered and charged stays on the ledger."""
    owner.delete_schedule(caller, schedule_id)
    return DeletedAnswer.of({"deleted": True})


@app.post("/api/schedules/<scheduleId>/pause", summary="Pause a schedule", tags=["schedules"])
def post_pause(caller: AsMember, schedule_id: ScheduleId) -> ScheduleAnswer:
    """Plan no more runs; one that is running ends."""
    return ScheduleAnswer.of(Schedule.of(owner.pause(caller, schedule_id)))


@app.post("/api/schedules/<scheduleId>/resume", summary="Resume a schedule", tags=["schedules"], responses=errors(409))
def post_resume(caller: AsMember, schedule_id: ScheduleId) -> ScheduleAnswer:
    """Go on from the next time of its rhythm. Times that fell into the pause are not made up for."""
    return ScheduleAnswer.of(Schedule.of(owner.resume(caller, schedule_id)))


@app.post(
    "/api/schedules/<scheduleId>/run",
    summary="Run a schedule now",
    tags=["schedules"],
    status_code=202,
    responses=errors(409),
)
def post_run(caller: AsMember, schedule_id: ScheduleId) -> RunAnswer:
    """Start a run beside those of the clock. It does not count against `maxRuns`."""
    return RunAnswer.of(runs.run_now(caller, schedule_id, _send))


@app.post(
    "/api/schedules/<scheduleId>/webhook-secret",
    summary="A new secret for the webhook",
    tags=["schedules"],
    responses=errors(409),
)
def post_webhook_secret(caller: AsMember, schedule_id: ScheduleId) -> SecretAnswer:
    """Replace the secret that signs deliveries. The new one is shown this once; the old one is void."""
    return SecretAnswer.of({"webhook_secret": owner.rotate_secret(caller, schedule_id)})


@app.get("/api/schedules/<scheduleId>/runs", summary="Runs of a schedule", tags=["schedules"])
def get_runs(
    caller: AsMember, schedule_id: ScheduleId, limit: Limit = DEFAULT_PAGE, cursor: Cursor = None
) -> RunListAnswer:
    """The newest first, with tokens, charge, latency and the first 2,000 characters of each output."""
    return RunListAnswer.of(runs.list_runs(caller, schedule_id, before=id_after(cursor), limit=limit))


@app.get("/api/schedules/<scheduleId>/runs/<runId>", summary="One run", tags=["schedules"], responses=errors(503))
def get_run(caller: AsMember, schedule_id: ScheduleId, run_id: RunId) -> RunAnswer:
    """Returns a run with its whole output, and a link to the file where it was stored, which lasts fifteen minutes."""
    return RunAnswer.of(runs.read_run(caller, schedule_id, run_id))


def _send(tenant_id: UUID, run_id: UUID) -> None:
    run_queue.send([run_queue.Job(tenant_id, run_id)])


handler = app.ready()
