"""Differences between the feeds and a tenant's registry: admins decide on them, operators watch the runs."""

from typing import Annotated, get_args

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BeforeValidator, WithJsonSchema

from functions.registry_admin.models import (
    ChangeApproval,
    ChangeRejection,
    FeedRunsAnswer,
    RegistryChangeAnswer,
    RegistryChangesAnswer,
)
from stoa.domain.sync.change import Kind, Status
from stoa.http.cursors import id_after
from stoa.http.dependencies import AsAdmin, AsOperator
from stoa.http.door import Door
from stoa.http.errors import errors
from stoa.http.parameters import DEFAULT_PAGE, Cursor, Limit, UuidText, one_of, short_text
from stoa.store.sync.changes import ChangeFilter
from stoa.workflows.sync import review

app = Door()

ChangeId = Annotated[UuidText, Path(alias="changeId")]
WantedStatus = Annotated[
    Status | None, BeforeValidator(one_of(get_args(Status))), Query(description="Only changes in this state.")
]
WantedKind = Annotated[
    Kind | None, BeforeValidator(one_of(get_args(Kind))), Query(description="Only changes of this kind.")
]
WantedProvider = Annotated[
    str | None,
    BeforeValidator(short_text(200)),
    WithJsonSchema({"type": "string", "maxLength": 200}),
    Query(alias="providerId", description="Only changes of this provider's models.", examples=["openai"]),
]


@app.get("/api/admin/registry/changes", summary="List what the feeds say otherwise", tags=["admin"])
def get_changes(
    caller: AsAdmin,
    status: WantedStatus = None,
    kind: WantedKind = None,
    provider_id: WantedProvider = None,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = None,
) -> RegistryChangesAnswer:
    """Returns new models, moves of prices, other context sizes and retirements, newest first: changes that wait for a
    decision (`status=open`), changes that the policy applied, and changes that were decided."""
    wanted = ChangeFilter(status, kind, provider_id)
    return RegistryChangesAnswer.of(review.list_changes(caller, wanted, before=id_after(cursor), limit=limit))


@app.post(
    "/api/admin/registry/changes/<changeId>/approve",
    summary="Accept what the feeds say",
    tags=["admin"],
    responses=errors(409),
)
def approve_change(caller: AsAdmin, change_id: ChangeId, approval: ChangeApproval) -> RegistryChangeAnswer:
    """Accepts a change. A price that rises by it does so after the grace period, a price that falls does so at once. A
    model whose price you override keeps it. A new model is offered from now on: send its tier, and its prices where no
    source knows them. The values of a change never change while you look at it. A newer value is another change, and
    this one then answers 409."""
    return RegistryChangeAnswer.of(review.approve_change(caller, change_id, approval.given()))


@app.post(
    "/api/admin/registry/changes/<changeId>/reject",
    summary="Leave things as they are",
    tags=["admin"],
    responses=errors(409),
)
def reject_change(caller: AsAdmin, change_id: ChangeId, rejection: ChangeRejection) -> RegistryChangeAnswer:
    """Rejects a change. The same is not proposed again until the feeds say something else."""
    return RegistryChangeAnswer.of(review.reject_change(caller, change_id, rejection.reason))


@app.post(
    "/api/admin/registry/changes/<changeId>/undo",
    summary="Take back what was accepted",
    tags=["admin"],
    responses=errors(409),
)
def undo_change(caller: AsAdmin, change_id: ChangeId) -> RegistryChangeAnswer:
    """Restores what held before, whether an admin accepted the change or the policy did. A new model is offered no
    more. A price that rises by it waits for the grace period. The same is not proposed again."""
    return RegistryChangeAnswer.of(review.undo_change(caller, change_id))


@app.get("/api/operator/sync/runs", summary="List readings of the feeds", tags=["operator"])
def get_runs(caller: AsOperator, limit: Limit = DEFAULT_PAGE, cursor: Cursor = None) -> FeedRunsAnswer:
    """Returns, for operators, each reading that changed something or met other problems than the one before, with the
    problems of each entry."""
    return FeedRunsAnswer.of(review.list_runs(caller, before=id_after(cursor), limit=limit))


handler = app.ready()
