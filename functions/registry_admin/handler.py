"""What the feeds say otherwise than a tenant has it: for its admins to approve or reject, for operators to watch."""

from typing import Any

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.http.api import Api, Request
from stoa.http.cursors import paged, read_id
from stoa.http.desks import desk_of
from stoa.workflows.sync import review

api = Api(__name__)
handler = api

STATUSES = ("open", "applied", "approved", "rejected", "superseded", "withdrawn")
KINDS = ("new_model", "price", "context", "retirement")


@api.route(
    "GET",
    "/api/admin/registry/changes",
    summary="What the feeds say otherwise",
    answer="RegistryChangesAnswer",
    parameters="RegistryChangesParameters",
    paged=True,
    tags=("admin",),
)
def get_changes(request: Request) -> dict[str, Any]:
    """New models, moves of prices, other context sizes and retirements, newest first: those that wait for a decision
    (`status=open`), those that the policy applied, and what became of the others."""
    page = review.list_changes(
        desk_of(request),
        status=_one_of(request, "status", STATUSES),
        kind=_one_of(request, "kind", KINDS),
        provider_id=request.text("providerId", 200),
        before=read_id(request.cursor()),
        limit=request.limit(),
    )
    return paged(page)


@api.route(
    "POST",
    "/api/admin/registry/changes/{changeId}/approve",
    summary="Accept what the feeds say",
    body="ChangeApproval",
    answer="RegistryChangeAnswer",
    errors=(409,),
    tags=("admin",),
)
def approve_change(request: Request) -> dict[str, Any]:
    """A price that rises by it does so after the grace period, one that falls at once; a model whose price you override
    keeps it. A new model is offered from now on: send its prices where no source knows them, and its tier. A change
    never changes while you look at it: a newer value is another change, and this one then answers 409."""
    desk, change_id = desk_of(request), request.identifier("changeId", "change")
    return {"data": review.approve_change(desk, change_id, request.body().given())}


@api.route(
    "POST",
    "/api/admin/registry/changes/{changeId}/reject",
    summary="Leave things as they are",
    body="ChangeRejection",
    answer="RegistryChangeAnswer",
    errors=(409,),
    tags=("admin",),
)
def reject_change(request: Request) -> dict[str, Any]:
    """The same is not proposed again until the feeds say something else."""
    desk, change_id = desk_of(request), request.identifier("changeId", "change")
    return {"data": review.reject_change(desk, change_id, request.body().reason)}


@api.route(
    "POST",
    "/api/admin/registry/changes/{changeId}/undo",
    summary="Take back what was accepted",
    answer="RegistryChangeAnswer",
    errors=(409,),
    tags=("admin",),
)
def undo_change(request: Request) -> dict[str, Any]:
    """What held before holds again, whether an admin accepted the change or the policy did; a new model is offered no
    more. A price that rises by it waits for the grace period. The same is not proposed again."""
    desk, change_id = desk_of(request), request.identifier("changeId", "change")
    return {"data": review.undo_change(desk, change_id)}


@api.route(
    "GET",
    "/api/operator/sync/runs",
    summary="How reading the feeds went",
    answer="FeedRunsAnswer",
    paged=True,
    tags=("operator",),
)
def get_runs(request: Request) -> dict[str, Any]:
    """For operators: each reading that changed something or met other problems than the one before, with what was wrong
    entry by entry."""
    request.operator()
    return paged(review.list_runs(request.database, before=read_id(request.cursor()), limit=request.limit()))


def _one_of(request: Request, name: str, values: tuple[str, ...]) -> str | None:
    text = request.query.get(name)
    if text is not None and text not in values:
        raise InvalidFields([FieldProblem(name, f"one of {', '.join(values)}")])
    return text
