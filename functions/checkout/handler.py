"""Buying: pay pages for models, bundles and teams' plans, own purchases with receipts, and what is on sale."""

from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.params import Path

from functions.checkout.models import (
    AdminBundleAnswer,
    AdminBundleListAnswer,
    BillingPortalAnswer,
    BundleChange,
    BundleCreate,
    BundleListAnswer,
    CreateSessionAnswer,
    CreateSessionRequest,
    PurchaseAnswer,
    PurchaseListAnswer,
    TeamPlanAnswer,
    TeamPlanListAnswer,
    TeamPlanUpdate,
    TeamSubscriptionAnswer,
)
from stoa.clients.stripe.stripe_client import stripe_calls
from stoa.core.errors import NotFound, Unavailable
from stoa.core.settings import settings
from stoa.domain.billing.team_subscription import TEAM_TYPES
from stoa.http.cursors import id_after
from stoa.http.dependencies import AsAdmin, AsMember
from stoa.http.door import Door
from stoa.http.errors import errors
from stoa.http.parameters import (
    DEFAULT_PAGE,
    Cursor,
    IfMatch,
    Limit,
    UuidText,
    expected_version,
)
from stoa.identity.caller import Caller
from stoa.store.billing.bundles import BundleTerms
from stoa.workflows.billing import bundle_admin, bundles, purchases, team_billing, team_plans
from stoa.workflows.billing.start_purchase import Wanted, start_purchase

app = Door()

SessionId = Annotated[str, Path(alias="sessionId")]
BundleId = Annotated[UuidText, Path(alias="bundleId")]
TeamId = Annotated[UuidText, Path(alias="teamId")]
PlanType = Annotated[str, Path(alias="planType")]


@app.post(
    "/api/purchases/create-session",
    summary="Begin to buy a model or a bundle",
    tags=["purchases"],
    responses=errors(404, 409, 502, 503),
)
def create_session(caller: AsMember, body: CreateSessionRequest) -> CreateSessionAnswer:
    """The address of Stripe's pay page, at the tenant's present price. One that is still open comes again."""
    wanted = Wanted(body.product_type, body.product_id, body.source)
    return CreateSessionAnswer.model_validate(start_purchase(caller, stripe_calls(), wanted, _client_url()))


@app.get("/api/purchases", summary="Own purchases", tags=["purchases"])
def get_purchases(caller: AsMember, limit: Limit = DEFAULT_PAGE, cursor: Cursor = None) -> PurchaseListAnswer:
    """Own purchases with how they stand and Stripe's receipt, the newest first."""
    return PurchaseListAnswer.of(purchases.list_purchases(caller, before=id_after(cursor), limit=limit))


@app.get(
    "/api/purchases/session/<sessionId>",
    summary="The purchase of a pay page",
    tags=["purchases"],
    responses=errors(502),
)
def get_purchase_of_session(caller: AsMember, session_id: SessionId) -> PurchaseAnswer:
    """For the page a member returns to: Stripe is asked at once when it has not told us of the payment yet."""
    return PurchaseAnswer.of(purchases.read_purchase_of_session(caller, stripe_calls, session_id))


@app.get("/api/bundles", summary="Bundles on sale", tags=["purchases"])
def get_bundles(caller: AsMember) -> BundleListAnswer:
    """Several models sold as one, with what they cost together."""
    return BundleListAnswer.of(bundles.list_bundles(caller))


@app.get("/api/admin/bundles", summary="All bundles", tags=["admin"])
def get_all_bundles(caller: AsAdmin) -> AdminBundleListAnswer:
    """The tenant's bundles in its order, those switched off, too."""
    return AdminBundleListAnswer.of(bundle_admin.list_all_bundles(caller))


@app.post("/api/admin/bundles", summary="Sell several models as one", tags=["admin"], status_code=201)
def post_bundle(caller: AsAdmin, body: BundleCreate) -> AdminBundleAnswer:
    """A new bundle of premium models at one price."""
    return AdminBundleAnswer.of(bundle_admin.create_bundle(caller, BundleTerms(**body.model_dump())))


@app.patch("/api/admin/bundles/<bundleId>", summary="Change a bundle", tags=["admin"], responses=errors(409))
def patch_bundle(
    caller: AsAdmin, bundle_id: BundleId, body: BundleChange, if_match: IfMatch = None
) -> AdminBundleAnswer:
    """A field that is sent is replaced, one that is not is kept. Who bought it keeps what it had then."""
    given = body.given()
    version = expected_version(if_match, given.pop("version", None))
    return AdminBundleAnswer.of(bundle_admin.change_bundle(caller, bundle_id, given, version=version))


@app.get("/api/team-plans", summary="Plans for teams on sale", tags=["teams"])
def get_team_plans(caller: AsMember) -> TeamPlanListAnswer:
    """The price of each plan a month, and the most that a team may then have."""
    return TeamPlanListAnswer.of(team_plans.list_plans(caller))


@app.post(
    "/api/teams/<teamId>/subscription",
    summary="Begin to pay for a team",
    tags=["teams"],
    responses=errors(404, 409, 502, 503),
)
def post_subscription(caller: AsMember, team_id: TeamId) -> CreateSessionAnswer:
    """The address of Stripe's pay page for the plan of the team's type. For its owner; an open page comes again."""
    return CreateSessionAnswer.model_validate(team_billing.subscribe(caller, stripe_calls(), team_id, _client_url()))


@app.get("/api/teams/<teamId>/subscription", summary="How a team's subscription stands", tags=["teams"])
def get_subscription(caller: AsMember, team_id: TeamId) -> TeamSubscriptionAnswer:
    """The plan, until when it is paid, and until when the team gives access. For its members."""
    return TeamSubscriptionAnswer.of(team_billing.read_subscription_of(caller, team_id))


@app.delete(
    "/api/teams/<teamId>/subscription",
    summary="End a team's subscription",
    tags=["teams"],
    responses=errors(404, 409, 502, 503),
)
def delete_subscription(caller: AsMember, team_id: TeamId) -> TeamSubscriptionAnswer:
    """Ends the subscription with the month that is paid. Until then it can be resumed. For the team's owner."""
    return _end_with_period(caller, team_id, ends=True)


@app.post(
    "/api/teams/<teamId>/subscription/resume",
    summary="Go on with a team's subscription",
    tags=["teams"],
    responses=errors(404, 409, 502, 503),
)
def resume_subscription(caller: AsMember, team_id: TeamId) -> TeamSubscriptionAnswer:
    """Takes the end of the subscription back. For the team's owner."""
    return _end_with_period(caller, team_id, ends=False)


@app.post(
    "/api/teams/<teamId>/billing-portal",
    summary="Stripe's billing page of a team",
    tags=["teams"],
    responses=errors(404, 409, 502, 503),
)
def post_billing_portal(caller: AsMember, team_id: TeamId) -> BillingPortalAnswer:
    """The page where the owner changes the card and finds the invoices."""
    return BillingPortalAnswer(url=team_billing.open_billing(caller, stripe_calls(), team_id, _client_url()))


@app.get("/api/admin/team-plans", summary="All plans for teams", tags=["admin"])
def get_all_team_plans(caller: AsAdmin) -> TeamPlanListAnswer:
    """The tenant's plans, those switched off, too."""
    return TeamPlanListAnswer.of(team_plans.list_all_plans(caller))


@app.put(
    "/api/admin/team-plans/<planType>", summary="Set the plan of a type of team", tags=["admin"], responses=errors(409)
)
def put_team_plan(
    caller: AsAdmin, plan_type: PlanType, body: TeamPlanUpdate, if_match: IfMatch = None
) -> TeamPlanAnswer:
    """Written whole. Teams that bought it keep what they bought, at the price they bought it for."""
    if plan_type not in TEAM_TYPES:
        raise NotFound("type of team")
    version = expected_version(if_match, body.version)
    return TeamPlanAnswer.of(team_plans.put_plan(caller, plan_type, body.values(), version))


def _end_with_period(caller: Caller, team_id: UUID, *, ends: bool) -> TeamSubscriptionAnswer:
    return TeamSubscriptionAnswer.of(team_billing.end_with_period(caller, stripe_calls(), team_id, ends=ends))


def _client_url() -> str:
    chosen = settings().client_url
    if not chosen:
        raise Unavailable("This installation sells nothing yet: set STOA_CLIENT_URL.", "PAYMENTS_NOT_CONFIGURED")
    return chosen


handler = app.ready()
