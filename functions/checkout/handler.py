"""Buying: pay pages for models, bundles and teams' plans, own purchases with receipts, and what is on sale."""

from datetime import UTC, datetime
from typing import Any

from stoa.clients.stripe.stripe_client import stripe_calls
from stoa.core.errors import NotFound, Unavailable
from stoa.core.settings import settings
from stoa.domain.billing.team_subscription import TEAM_TYPES
from stoa.http.api import Api, Request
from stoa.http.cursors import paged, read_id
from stoa.http.desks import desk_of
from stoa.http.preconditions import expected_version
from stoa.workflows.billing import bundle_admin, bundles, purchases, team_billing, team_plans
from stoa.workflows.billing.start_purchase import Wanted, start_purchase

TEAM_PLAN_FIELDS = ("name", "price_cents", "max_members", "total_tokens_monthly", "models", "enabled")

api = Api(__name__)
handler = api


@api.route(
    "POST",
    "/api/purchases/create-session",
    summary="Begin to buy a model or a bundle",
    body="CreateSessionRequest",
    answer="CreateSessionAnswer",
    errors=(404, 409, 502, 503),
    tags=("purchases",),
)
def create_session(request: Request) -> dict[str, Any]:
    """The address of Stripe's pay page, at the tenant's present price. One that is still open comes again."""
    member = request.member()
    body = request.body()
    wanted = Wanted(body.product_type, body.product_id, body.source)
    checkout = start_purchase(request.database, stripe_calls(), member, wanted, _client_url(), datetime.now(UTC))
    return {"sessionId": checkout.session_id, "url": checkout.url}


@api.route(
    "GET",
    "/api/purchases",
    summary="Own purchases",
    answer="PurchaseListAnswer",
    paged=True,
    tags=("purchases",),
)
def get_purchases(request: Request) -> dict[str, Any]:
    """Own purchases with how they stand and Stripe's receipt, the newest first."""
    member = request.member()
    before = read_id(request.cursor())
    page = purchases.list_purchases(request.database, member, before=before, limit=request.limit())
    return paged(page)


@api.route(
    "GET",
    "/api/purchases/session/{sessionId}",
    summary="The purchase of a pay page",
    answer="PurchaseAnswer",
    errors=(502,),
    tags=("purchases",),
)
def get_purchase_of_session(request: Request) -> dict[str, Any]:
    """For the page a member returns to: Stripe is asked at once when it has not told us of the payment yet."""
    found = purchases.read_purchase_of_session(
        request.database, stripe_calls, request.member(), request.path["sessionId"], datetime.now(UTC)
    )
    return {"data": found}


@api.route("GET", "/api/bundles", summary="Bundles on sale", answer="BundleListAnswer", tags=("purchases",))
def get_bundles(request: Request) -> dict[str, Any]:
    """Several models sold as one, with what they cost together."""
    return {"data": bundles.list_bundles(request.database, request.member(), datetime.now(UTC))}


@api.route(
    "GET",
    "/api/admin/bundles",
    summary="All bundles",
    answer="AdminBundleListAnswer",
    tags=("admin",),
)
def get_all_bundles(request: Request) -> dict[str, Any]:
    """The tenant's bundles in its order, those switched off, too."""
    return {"data": bundle_admin.list_all_bundles(request.database, request.admin())}


@api.route(
    "POST",
    "/api/admin/bundles",
    summary="Sell several models as one",
    body="BundleCreate",
    answer="AdminBundleAnswer",
    status=201,
    tags=("admin",),
)
def post_bundle(request: Request) -> dict[str, Any]:
    """A new bundle of premium models at one price."""
    admin = request.admin()
    made = bundle_admin.create_bundle(
        request.database, admin, request.actor(admin), request.body().given(), datetime.now(UTC)
    )
    return {"data": made}


@api.route(
    "PATCH",
    "/api/admin/bundles/{bundleId}",
    summary="Change a bundle",
    body="BundleChange",
    answer="AdminBundleAnswer",
    parameters="EditParameters",
    errors=(409,),
    tags=("admin",),
)
def patch_bundle(request: Request) -> dict[str, Any]:
    """A field that is sent is replaced, one that is not is kept. Who bought it keeps what it had then."""
    admin, given = request.admin(), request.body().given()
    version = expected_version(request.event, given.pop("version", None))
    bundle_id, now = request.identifier("bundleId", "bundle"), datetime.now(UTC)
    changed = bundle_admin.change_bundle(
        request.database, admin, request.actor(admin), bundle_id, given, now, version=version
    )
    return {"data": changed}


@api.route("GET", "/api/team-plans", summary="Plans for teams on sale", answer="TeamPlanListAnswer", tags=("teams",))
def get_team_plans(request: Request) -> dict[str, Any]:
    """What a plan costs a month, and the most that a team may then have."""
    return {"data": team_plans.list_plans(request.database, request.member())}


@api.route(
    "POST",
    "/api/teams/{teamId}/subscription",
    summary="Begin to pay for a team",
    answer="CreateSessionAnswer",
    errors=(404, 409, 502, 503),
    tags=("teams",),
)
def post_subscription(request: Request) -> dict[str, Any]:
    """The address of Stripe's pay page for the plan of the team's type. For its owner; an open page comes again."""
    member, team_id = request.member(), request.identifier("teamId", "team")
    checkout = team_billing.subscribe(
        request.database, stripe_calls(), member, team_id, _client_url(), datetime.now(UTC)
    )
    return {"sessionId": checkout.session_id, "url": checkout.url}


@api.route(
    "GET",
    "/api/teams/{teamId}/subscription",
    summary="How a team's subscription stands",
    answer="TeamSubscriptionAnswer",
    tags=("teams",),
)
def get_subscription(request: Request) -> dict[str, Any]:
    """What is paid until when, and until when the team gives access. For its members."""
    member, team_id = request.member(), request.identifier("teamId", "team")
    return {"data": team_billing.read_subscription_of(request.database, member, team_id)}


@api.route(
    "DELETE",
    "/api/teams/{teamId}/subscription",
    summary="End a team's subscription",
    answer="TeamSubscriptionAnswer",
    errors=(404, 409, 502, 503),
    tags=("teams",),
)
def delete_subscription(request: Request) -> dict[str, Any]:
    """It ends with the month that is paid; until then it can be resumed. For the team's owner."""
    return _end_with_period(request, ends=True)


@api.route(
    "POST",
    "/api/teams/{teamId}/subscription/resume",
    summary="Go on with a team's subscription",
    answer="TeamSubscriptionAnswer",
    errors=(404, 409, 502, 503),
    tags=("teams",),
)
def resume_subscription(request: Request) -> dict[str, Any]:
    """Take back that it ends with the month that is paid. For the team's owner."""
    return _end_with_period(request, ends=False)


@api.route(
    "POST",
    "/api/teams/{teamId}/billing-portal",
    summary="Stripe's billing page of a team",
    answer="BillingPortalAnswer",
    errors=(404, 409, 502, 503),
    tags=("teams",),
)
def post_billing_portal(request: Request) -> dict[str, Any]:
    """Where the owner changes the card and finds the invoices."""
    member, team_id = request.member(), request.identifier("teamId", "team")
    return {"url": team_billing.open_billing(request.database, stripe_calls(), member, team_id, _client_url())}


@api.route("GET", "/api/admin/team-plans", summary="All plans for teams", answer="TeamPlanListAnswer", tags=("admin",))
def get_all_team_plans(request: Request) -> dict[str, Any]:
    """The tenant's plans, those switched off, too."""
    return {"data": team_plans.list_all_plans(request.database, request.admin())}


@api.route(
    "PUT",
    "/api/admin/team-plans/{planType}",
    summary="Set the plan of a type of team",
    body="TeamPlanUpdate",
    answer="TeamPlanAnswer",
    parameters="EditParameters",
    errors=(409,),
    tags=("admin",),
)
def put_team_plan(request: Request) -> dict[str, Any]:
    """Written whole. Teams that bought it keep what they bought, at the price they bought it for."""
    admin, body = request.admin(), request.body()
    plan_type = request.path["planType"]
    if plan_type not in TEAM_TYPES:
        raise NotFound("type of team")
    given = {name: getattr(body, name) for name in TEAM_PLAN_FIELDS}
    version = expected_version(request.event, body.version)
    return {"data": team_plans.put_plan(desk_of(request), admin, plan_type, given, version)}


def _end_with_period(request: Request, *, ends: bool) -> dict[str, Any]:
    member, team_id = request.member(), request.identifier("teamId", "team")
    told = team_billing.end_with_period(request.database, stripe_calls(), member, team_id, datetime.now(UTC), ends=ends)
    return {"data": told}


def _client_url() -> str:
    chosen = settings().client_url
    if not chosen:
        raise Unavailable("This installation sells nothing yet: set STOA_CLIENT_URL.", "PAYMENTS_NOT_CONFIGURED")
    return chosen
