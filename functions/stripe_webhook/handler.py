"""Where Stripe tells what became of payments. No token: the signature says who speaks."""

from datetime import UTC, datetime
from typing import Any

from stoa.clients.stripe.stripe_client import stripe_calls, webhook_secrets
from stoa.http.api import Api, Request
from stoa.http.bodies import body_bytes
from stoa.workflows.billing.apply_stripe_event import receive_event

api = Api(__name__)
handler = api


@api.route(
    "POST",
    "/api/webhooks/stripe",
    summary="For Stripe's events",
    answer="WebhookAnswer",
    public=True,
    errors=(400, 413),
    tags=("purchases",),
)
def receive(request: Request) -> dict[str, Any]:
    """Record an event and apply it. 200 says that it is recorded; what could not be applied yet is tried again."""
    headers = {name.lower(): value for name, value in (request.event.get("headers") or {}).items()}
    status = receive_event(
        request.database,
        stripe_calls,
        body_bytes(request.event),
        headers.get("stripe-signature"),
        webhook_secrets(),
        datetime.now(UTC),
    )
    return {"received": True, "status": status}
