"""Stripe's events. No token is asked for: the signature says who speaks."""

from datetime import UTC, datetime

from aws_lambda_powertools.event_handler import Request

from functions.stripe_webhook.models import WebhookAnswer
from stoa.clients.stripe.stripe_client import stripe_calls, webhook_secrets
from stoa.http.bodies import body_bytes
from stoa.http.dependencies import WithDatabase
from stoa.http.door import Door
from stoa.http.errors import errors
from stoa.workflows.billing.apply_stripe_event import receive_event

app = Door()


@app.post("/api/webhooks/stripe", summary="For Stripe's events", tags=["purchases"], responses=errors(400, 413))
def receive(database: WithDatabase, request: Request) -> WebhookAnswer:
    """Records an event and applies it. 200 says that it is recorded. What could not be applied yet is tried again."""
    event = request.resolved_event.raw_event
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    status = receive_event(
        database,
        stripe_calls,
        body_bytes(event),
        headers.get("stripe-signature"),
        webhook_secrets(),
        datetime.now(UTC),
    )
    return WebhookAnswer.model_validate({"received": True, "status": status})


handler = app.ready()
