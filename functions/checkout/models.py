"""Requests and answers of buying."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from stoa.domain.billing.plan_terms import PlanValues
from stoa.http.fields import Identifier, Part, Version
from stoa.http.request_schemas import Schema, at, says
from stoa.http.schemas import AnswerSchema, DataAnswer, Id, Instant, ModelId, PageAnswer

ProductType = Literal["model", "bundle"]
Status = Literal["pending", "processing", "paid", "failed", "expired", "refunded", "disputed", "mismatched"]


class CreateSessionRequest(Schema):
    """The product to buy. The price is the tenant's; a client cannot name one."""

    product_type: ProductType = Field(examples=["model"])
    model_id: Identifier | None = Field(None, description="For `model`.", examples=["gpt-4o"])
    bundle_id: Identifier | None = Field(None, description="For `bundle`.")
    source: Annotated[
        str,
        StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$"),
        says("up to 40 lower-case letters, digits, _ and -, a letter first"),
    ] = Field("api", description="Where in the product the purchase began, for the funnel.", examples=["model_picker"])

    @model_validator(mode="after")
    def _one_product(self) -> Self:
        named = {"model": self.model_id, "bundle": self.bundle_id}
        if named.pop(self.product_type) is None:
            raise at(f"{self.product_type}Id", f"productType {self.product_type} needs it")
        if any(named.values()):
            raise ValueError(f"only {self.product_type}Id goes with productType {self.product_type}")
        return self

    @property
    def product_id(self) -> str:
        """The id of what is bought."""
        return (self.model_id if self.product_type == "model" else self.bundle_id) or ""


class CreateSessionAnswer(AnswerSchema):
    """Stripe's pay page: send the member to `url`."""

    session_id: str
    url: str


class Purchase(AnswerSchema):
    """An attempt to buy, with its state."""

    id: Id
    product_type: ProductType
    model_id: ModelId | None
    bundle_id: str | None
    product_name: str
    model_ids: list[ModelId] = Field(description="What it unlocks.")
    amount_cents: int = Field(description="In the currency's smallest unit.")
    currency: str
    status: Status
    entitled: bool = Field(description="Whether it unlocks its models now.")
    refunded_cents: int
    session_id: str | None
    checkout_url: str | None = Field(description="The pay page, while nothing was paid.")
    receipt_url: str | None = Field(description="Stripe's receipt.")
    created_at: Instant
    paid_at: Instant | None


class PurchaseAnswer(DataAnswer[Purchase]):
    """A purchase."""


class PurchaseListAnswer(PageAnswer[Purchase]):
    """Own purchases, the newest first."""


class Bundle(AnswerSchema):
    """Several models sold as one."""

    id: Id
    name: str
    description: str
    price_cents: int = Field(description="In the smallest unit of `currency`.")
    currency: str
    model_ids: list[ModelId]
    owned: bool = Field(description="Every model of it is the member's already.")


class BundleListAnswer(DataAnswer[list[Bundle]]):
    """The bundles on sale."""


Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Description = Annotated[str, StringConstraints(max_length=2000)]
PriceCents = Annotated[int, Field(gt=0, le=99_999_999)]  # the most that Stripe takes
ModelIds = Annotated[list[Identifier], Field(min_length=1, max_length=100)]


class BundleCreate(Schema):
    """A new bundle."""

    name: Name = Field(examples=["Reasoners"])
    description: Description = ""
    price_cents: PriceCents = Field(description="In the smallest unit of the tenant's currency.", examples=[1999])
    model_ids: ModelIds = Field(examples=[["gpt-4o", "grok-2"]])
    enabled: bool = True
    display_order: Annotated[int, Field(ge=0, le=1_000_000)] = 100


class BundleChange(Part):
    """A change in part."""

    name: Name = Field("", examples=["Reasoners"])
    description: Description = ""
    price_cents: PriceCents = Field(1, examples=[2499])
    model_ids: ModelIds = Field([""], examples=[["gpt-4o", "grok-2"]])
    enabled: bool = True
    display_order: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    version: Version | None = Field(
        None, description="The version you read (or `If-Match`). Another one now: 409.", examples=[3]
    )


class AdminBundle(AnswerSchema):
    """A bundle as its admin sees it."""

    id: Id
    name: str
    description: str
    price_cents: int
    currency: str
    model_ids: list[ModelId]
    enabled: bool
    display_order: int
    version: int


class AdminBundleAnswer(DataAnswer[AdminBundle]):
    """A bundle."""


class AdminBundleListAnswer(DataAnswer[list[AdminBundle]]):
    """All bundles of the tenant."""


TeamType = Literal["family", "team", "enterprise"]
TokenCount = Annotated[int, Field(gt=0, le=1_000_000_000_000)]
MemberCount = Annotated[int, Field(gt=0, le=100_000)]


class TeamPlanUpdate(Schema):
    """A plan, whole."""

    name: Name = Field(examples=["Family plan"])
    price_cents: PriceCents = Field(
        description="A month, in the smallest unit of the tenant's currency.", examples=[1900]
    )
    max_members: MemberCount = Field(description="The most members a team may then have.", examples=[6])
    total_tokens_monthly: TokenCount = Field(description="The most tokens a month.", examples=[5_000_000])
    models: Annotated[list[Identifier], Field(max_length=200)] = Field(
        description="Premium models that a team may then cover.", examples=[["gpt-4o"]]
    )
    enabled: bool = Field(True, description="False: nobody new may buy it.")
    version: Annotated[int, Field(ge=0)] | None = Field(
        None, description="The version this edit was made from (or `If-Match`); 0 where there was none."
    )

    def values(self) -> PlanValues:
        """Returns the plan as it is to be written."""
        return PlanValues(
            name=self.name,
            price_cents=self.price_cents,
            max_members=self.max_members,
            total_tokens_monthly=self.total_tokens_monthly,
            models=self.models,
            enabled=self.enabled,
        )


class TeamPlan(AnswerSchema):
    """The plan that a tenant sells to teams of a type."""

    type: TeamType
    name: str
    price_cents: int = Field(description="A month, in the smallest unit of `currency`.")
    currency: str
    max_members: int
    total_tokens_monthly: int
    models: list[str]
    enabled: bool
    version: int


class TeamPlanAnswer(DataAnswer[TeamPlan]):
    """A single plan."""


class TeamPlanListAnswer(DataAnswer[list[TeamPlan]]):
    """Plans, the cheapest first."""


class BoughtPlan(AnswerSchema):
    """The plan that was bought, as it was then."""

    name: str
    price_cents: int
    currency: str
    max_members: int
    total_tokens_monthly: int
    models: list[str]


class TeamSubscription(AnswerSchema):
    """The state of a team's subscription."""

    status: str = Field(description="The team's: incomplete, active, past_due, suspended, canceled or closed.")
    paid_until: Instant | None
    access_until: Instant | None = Field(description="Until when the team gives access; null: no end is known.")
    ends_with_period: bool = Field(description="It was ended and runs out with the month that is paid.")
    plan: BoughtPlan | None


class TeamSubscriptionAnswer(DataAnswer[TeamSubscription]):
    """A single subscription."""


class BillingPortalAnswer(AnswerSchema):
    """Stripe's billing page: send the owner to `url`."""

    url: str
