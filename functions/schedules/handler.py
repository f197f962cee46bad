"""A member's scheduled prompts."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from stoa.http.api import Api, Request
from stoa.http.cursors import paged, read_id
from stoa.workflows.schedules import owner, runs

api = Api(__name__)
handler = api


@api.route("GET", "/api/schedules", summary="Own schedules", answer="ScheduleListAnswer", tags=("schedules",))
def get_schedules(request: Request) -> dict[str, Any]:
    """All of the member's schedules, the oldest first; at most 50."""
    return {"data": owner.list_schedules(request.database, request.member())}


@api.route(
    "POST",
    "/api/schedules",
    summary="Schedule a prompt",
    body="NewSchedule",
    answer="NewScheduleAnswer",
    status=201,
    errors=(402, 404, 409, 413, 503),
    tags=("schedules",),
)
def post_schedule(request: Request) -> dict[str, Any]:
    """Save a prompt that runs by itself. `webhookSecret`, which signs deliveries, is shown this once."""
    member = request.member()
    fields = request.body().fields()
    return {"data": owner.create_schedule(request.database, member, fields, datetime.now(UTC))}


@api.route(
    "POST",
    "/api/schedules/preview",
    summary="When a schedule would run",
    body="CadencePreview",
    answer="PreviewAnswer",
    tags=("schedules",),
)
def post_preview(request: Request) -> dict[str, Any]:
    """A rhythm in plain words and its next five times. Saves nothing."""
    request.member()
    return {"data": owner.preview(request.body().fields(), datetime.now(UTC))}


@api.route("GET", "/api/schedules/{scheduleId}", summary="One schedule", answer="ScheduleAnswer", tags=("schedules",))
def get_schedule(request: Request) -> dict[str, Any]:
    """One of the member's own schedules."""
    return {"data": owner.read_schedule(request.database, request.member(), _schedule_id(request))}


@api.route(
    "PATCH",
    "/api/schedules/{scheduleId}",
    summary="Change a schedule",
    body="ScheduleChange",
    answer="NewScheduleAnswer",
    errors=(402, 409, 413, 503),
    tags=("schedules",),
)
def patch_schedule(request: Request) -> dict[str, Any]:
    """Absent keeps, null clears. A new rhythm is counted from now. A first webhook's secret is shown this once."""
    member = request.member()
    fields = request.body().fields()
    now = datetime.now(UTC)
    return {"data": owner.change_schedule(request.database, member, _schedule_id(request), fields, now)}


@api.route(
    "DELETE", "/api/schedules/{scheduleId}", summary="Delete a schedule", answer="DeletedAnswer", tags=("schedules",)
)
def delete_schedule(request: Request) -> dict[str, Any]:
    """Delete a schedule with its runs. What was metered and charged stays on the ledger."""
    owner.delete_schedule(request.database, request.member(), _schedule_id(request))
    return {"data": {"deleted": True}}


@api.route(
    "POST",
    "/api/schedules/{scheduleId}/pause",
    summary="Pause a schedule",
    answer="ScheduleAnswer",
    tags=("schedules",),
)
def post_pause(request: Request) -> dict[str, Any]:
    """Plan no more runs; one that is running ends."""
    return {"data": owner.pause(request.database, request.member(), _schedule_id(request), datetime.now(UTC))}


@api.route(
    "POST",
    "/api/schedules/{scheduleId}/resume",
    summary="Resume a schedule",
    answer="ScheduleAnswer",
    errors=(409,),
    tags=("schedules",),
)
def post_resume(request: Request) -> dict[str, Any]:
    """Go on from the next time of its rhythm. Times that fell into the pause are not made up for."""
    return {"data": owner.resume(request.database, request.member(), _schedule_id(request), datetime.now(UTC))}


@api.route(
    "POST",
    "/api/schedules/{scheduleId}/run",
    summary="Run a schedule now",
    answer="RunAnswer",
    status=202,
    errors=(409,),
    tags=("schedules",),
)
def post_run(request: Request) -> dict[str, Any]:
    """Start a run beside those of the clock. It does not count against `maxRuns`."""
    member = request.member()
    return {"data": runs.run_now(request.database, member, _schedule_id(request), datetime.now(UTC), _send)}


@api.route(
    "POST",
    "/api/schedules/{scheduleId}/webhook-secret",
    summary="A new secret for the webhook",
    answer="SecretAnswer",
    errors=(409,),
    tags=("schedules",),
)
def post_webhook_secret(request: Request) -> dict[str, Any]:
    """Replace the secret that signs deliveries. The new one is shown this once; the old one is void."""
    return {"data": owner.rotate_secret(request.database, request.member(), _schedule_id(request), datetime.now(UTC))}


@api.route(
    "GET",
    "/api/schedules/{scheduleId}/runs",
    summary="Runs of a schedule",
    answer="RunListAnswer",
    paged=True,
    tags=("schedules",),
)
def get_runs(request: Request) -> dict[str, Any]:
    """The newest first, with tokens, charge, latency and the first 2,000 characters of each output."""
    member = request.member()
    before = read_id(request.cursor())
    page = runs.list_runs(request.database, member, _schedule_id(request), before=before, limit=request.limit())
    return paged(page)


@api.route(
    "GET", "/api/schedules/{scheduleId}/runs/{runId}", summary="One run", answer="RunAnswer", errors=(503,),
    tags=("schedules",),
)  # fmt: skip
def get_run(request: Request) -> dict[str, Any]:
    """One run with its whole output, and a link to the file where it was stored, which lasts fifteen minutes."""
    member = request.member()
    run_id = request.identifier("runId", "run")
    return {"data": runs.read_run(request.database, member, _schedule_id(request), run_id)}


def _schedule_id(request: Request) -> UUID:
    return request.identifier("scheduleId", "schedule")


def _send(tenant_id: UUID, run_id: UUID) -> None:
    from stoa.clients.aws import run_queue  # its AWS client costs 270 ms, and most requests start nothing

    run_queue.send([run_queue.Job(tenant_id, run_id)])
