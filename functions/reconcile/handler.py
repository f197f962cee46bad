"""Every few minutes: Stripe's events that failed are tried again, purchases and teams without news asked about."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stoa.clients.stripe.stripe_client import stripe_calls
from stoa.core.observe import logger
from stoa.database.pool import database
from stoa.workflows.billing.apply_stripe_event import retry_events
from stoa.workflows.billing.reconcile_purchases import reconcile_purchases
from stoa.workflows.billing.reconcile_teams import reconcile_teams


def handler(event: Mapping[str, Any], context: Any) -> dict[str, dict[str, int]]:
    """Does all three and returns their counts. `{"reviveDead": true}`, by hand, tries again what was given up."""
    now = datetime.now(UTC)
    revive = event.get("reviveDead") is True
    done = {
        "events": retry_events(database(), stripe_calls, now, revive=revive),
        "purchases": reconcile_purchases(database(), stripe_calls, now),
        "teams": reconcile_teams(database(), stripe_calls, now),
    }
    if done["events"]["dead"]:
        logger().error("events of Stripe's wait for a person", extra={"alarm": "stripe_events_dead", **done["events"]})
    return done
