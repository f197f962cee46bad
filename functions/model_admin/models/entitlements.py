"""Requests and answers about access to premium models."""

from typing import Annotated, Literal, Self
from uuid import UUID

from msgspec.structs import asdict
from pydantic import Field, StringConstraints, model_validator

from functions.model_admin.models.fields import Words
from stoa.http.fields import Identifier
from stoa.http.request_schemas import Moment, Schema
from stoa.http.schemas import AnswerSchema, DataAnswer, Id, Instant, ModelId, PageAnswer
from stoa.workflows.members.grants import Granted


class GrantRequest(Schema):
    """Access for one member, named by id or e-mail."""

    user_id: Annotated[UUID, Field(strict=False)] | None = None
    email: Annotated[str, StringConstraints(min_length=3, max_length=320)] | None = Field(
        None, examples=["ada@demo.test"]
    )
    model_id: Identifier = Field(examples=["gpt-4o"])
    source: Literal["admin_grant", "trial", "plan"] = Field(
        "admin_grant", description="`trial`: for a time, or extra trial messages. Purchases and teams make their own."
    )
    notes: Words | None = None
    expires_at: Moment | None = Field(None, description="Null: for good.")
    extra_trial_messages: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="With source `trial`: so many more free messages, and no other access."
    )

    @model_validator(mode="after")
    def _one_way_to_name_the_member(self) -> Self:
        if (self.user_id is None) == (self.email is None):
            raise ValueError("send either userId or email")
        return self


class Entitlement(AnswerSchema):
    """The reason for which a member may use a model."""

    id: Id
    user_id: Id
    email: str | None
    model_id: ModelId
    model_name: str
    source: str = Field(description="purchase, admin_grant, trial, team or plan")
    notes: str | None
    extra_trial_messages: int | None = Field(description="Free messages granted; such a row gives no other access.")
    granted_by: Id | None = Field(description="The admin's user id; null where nobody granted it.")
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None
    revoked_by: Id | None = Field(description="The admin's user id; null where a refund or dispute revoked it.")
    active: bool


class EntitlementAnswer(DataAnswer[Entitlement]):
    """An entitlement under `data`."""


class GrantedEntitlement(Entitlement):
    """An entitlement, and whether the member had it before."""

    already_granted: bool


class GrantAnswer(AnswerSchema):
    """The member's entitlement after the grant."""

    data: GrantedEntitlement

    @classmethod
    def of(cls, granted: Granted) -> Self:
        """Returns the answer for a grant."""
        shown = {**asdict(granted.entitlement), "already_granted": granted.already_granted}
        return cls.model_validate({"data": shown})


class EntitlementListAnswer(PageAnswer[Entitlement]):
    """Entitlements, newest first."""
