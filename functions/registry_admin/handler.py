"""What the feeds say otherwise than a tenant has it: for its admins to approve or reject, for operators to watch."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BeforeValidator, WithJsonSchema

from functions.registry_admin.models import (
    ChangeApproval,
    ChangeRejection,
    FeedRunsAnswer,
    RegistryChangeAnswer,
    RegistryChangesAnswer,
)
from stoa.http.cursors import id_after
from stoa.http.dependencies import AsAdmin, AsOperator
from stoa.http.door import Door
from stoa.http.errors import errors
from stoa.http.parameters import DEFAULT_PAGE, Cursor, Limit, UuidText, one_of, short_text
from stoa.workflows.sync import registry_review

app = Door()

STATUSES = ("open", "applied", "approved", "rejected", "superseded", "withdrawn")
KINDS = ("new_model", "price", "context", "retirement")

StatusFilter = Annotated[
    str | None,
    BeforeValidator(one_of(STATUSES, f"one of {', '.join(STATUSES)}")),
    WithJsonSchema({"type": "string", "enum": list(STATUSES)}),
    Query(alias="status", description="Only those."),
]
KindFilter = Annotated[
    str | None,
    BeforeValidator(one_of(KINDS, f"one of {', '.join(KINDS)}")),
    WithJsonSchema({"type": "string", "enum": list(KINDS)}),
    Query(alias="kind", description="Only those."),
]
ProviderIdFilter = Annotated[
    str | None,
    BeforeValidator(short_text(200)),
    WithJsonSchema({"type": "string"}),
    Query(alias="providerId", description="Only its models."),
]
ChangeId = Annotated[UuidText, Path(alias="changeId")]


@app.get("/api/admin/registry/changes", summary="What the feeds say otherwise", tags=["admin"])
def get_changes(
    caller: AsAdmin,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = None,
    status: StatusFilter = None,
    kind: KindFilter = None,
    provider_id: ProviderIdFilter = None,
) -> RegistryChangesAnswer:
    """New models, moves of prices, other context sizes and retirements, newest first: those that wait for a decision
    (`status=open`), those that the policy applied, and what became of the others."""
    page = registry_review.list_changes(
        caller,
        status=status,
        kind=kind,
        provider_id=provider_id,
        before=id_after(cursor),
        limit=limit,
    )
    return RegistryChangesAnswer.of(page)


@app.post(
    "/api/admin/registry/changes/<changeId>/approve",
    summary="Accept what the feeds say",
    tags=["admin"],
    responses=errors(409),
)
def approve_change(caller: AsAdmin, change_id: ChangeId, body: ChangeApproval) -> RegistryChangeAnswer:
    """A price that rises by it does so after the grace period, one that falls at once; a model whose price you override
    keeps it. A new model is offered from now on: send its prices where no source knows them, and its tier. A change
    never changes while you look at it: a newer value is another change, and this one then answers 409."""
    return RegistryChangeAnswer.of(registry_review.approve_change(caller, change_id, body.given()))


@app.post(
    "/api/admin/registry/changes/<changeId>/reject",
    summary="Leave things as they are",
    tags=["admin"],
    responses=errors(409),
)
def reject_change(caller: AsAdmin, change_id: ChangeId, body: ChangeRejection) -> RegistryChangeAnswer:
    """The same is not proposed again until the feeds say something else."""
    return RegistryChangeAnswer.of(registry_review.reject_change(caller, change_id, body.reason))


@app.post(
    "/api/admin/registry/changes/<changeId>/undo",
    summary="Take back what was accepted",
    tags=["admin"],
    responses=errors(409),
)
def undo_change(caller: AsAdmin, change_id: ChangeId) -> RegistryChangeAnswer:
    """What held before holds again, whether an admin accepted the change or the policy did; a new model is offered no
    more. A price that rises by it waits for the grace period. The same is not proposed again."""
    return RegistryChangeAnswer.of(registry_review.undo_change(caller, change_id))


@app.get("/api/operator/sync/runs", summary="How reading the feeds went", tags=["operator"])
def get_runs(caller: AsOperator, limit: Limit = DEFAULT_PAGE, cursor: Cursor = None) -> FeedRunsAnswer:
    """For operators: each reading that changed something or met other problems than the one before, with what was wrong
    entry by entry."""
    return FeedRunsAnswer.of(registry_review.list_runs(caller.database, before=id_after(cursor), limit=limit))


handler = app.ready()
