"""Buying: a pay page for a model or a bundle, own purchases with receipts, and what bundles there are."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from stoa.api import Api, Request, make_cursor
from stoa.clients.stripe_client import stripe_calls
from stoa.errors import StoaError
from stoa.pages import read_place
from stoa.settings import settings
from stoa.workflows import bundle_admin, bundles, purchases
from stoa.workflows.start_purchase import Wanted, start_purchase

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
    (before,) = read_place(request.cursor(), UUID) or (None,)
    page = purchases.list_purchases(request.database, member, before=before, limit=request.limit())
    return {"data": page.rows, "meta": {"nextCursor": None if page.cursor is None else make_cursor(*page.cursor)}}


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
    tags=("admin",),
)
def patch_bundle(request: Request) -> dict[str, Any]:
    """A field that is sent is replaced, one that is not is kept. Who bought it keeps what it had then."""
    admin = request.admin()
    bundle_id = request.identifier("bundleId", "bundle")
    changed = bundle_admin.change_bundle(
        request.database, admin, request.actor(admin), bundle_id, request.body().given(), datetime.now(UTC)
    )
    return {"data": changed}


def _client_url() -> str:
    chosen = settings().client_url
    if not chosen:
        raise StoaError(
            "PAYMENTS_NOT_CONFIGURED", "This installation sells nothing yet: set STOA_CLIENT_URL.", status=503
        )
    return chosen
