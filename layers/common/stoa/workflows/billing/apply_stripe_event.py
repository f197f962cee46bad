"""Stripe's events: into the inbox once, then applied and marked in one transaction. One that fails is tried again."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from stoa.clients.stripe import stripe_signature
from stoa.clients.stripe.stripe_client import StripeCalls
from stoa.clients.stripe.stripe_event import parse_event
from stoa.core.failures import where
from stoa.core.observe import logger
from stoa.database.pool import Database, Scope
from stoa.domain.billing.purchase_state import PurchaseFacts
from stoa.domain.billing.stripe_events import Notice, Reference, read_event
from stoa.domain.billing.subscription_events import SubscriptionNotice, read_subscription_event
from stoa.store.billing import webhook_inbox as inbox
from stoa.store.billing.webhook_inbox import InboxEvent
from stoa.workflows.billing import team_books
from stoa.workflows.billing.purchase_books import report_purchase, settle_purchase

OPERATOR = Scope(operator=True)
# Nobody else takes up an event while its first attempt may still run: longer than any function that applies events.
FIRST_RETRY = timedelta(minutes=6)
LONGEST_WAIT = timedelta(hours=6)
MOST_ATTEMPTS = 10  # over about a day
RETRIES_A_RUN = 100


def receive_event(
    database: Database,
    stripe: Callable[[], StripeCalls],
    body: bytes,
    signature: str | None,
    secrets: Sequence[str],
    now: datetime,
) -> str:
    """Takes one webhook request. Returns the status of its event: applied, ignored, failed (it will be tried again) or
    dead.

    Raises BadSignature, MalformedRequest, and Unavailable when the event could not even be recorded: Stripe sends it
    again then.
    """
    stripe_signature.verify(body, signature, secrets, now)
    event = parse_event(body)
    with database.autocommit(OPERATOR) as connection:
        kept = inbox.add(connection, event, now, now + FIRST_RETRY)
    return kept.status if kept.is_settled else _attempt(database, stripe, kept, now)


def retry_events(
    database: Database, stripe: Callable[[], StripeCalls], now: datetime, *, revive: bool = False
) -> dict[str, int]:
    """Tries events again that failed or were left in the middle and are due. Returns how many became applied, ignored
    and failed, and how many are `dead` in all.

    `revive` gives those that were given up another try.
    """
    counts = {"applied": 0, "ignored": 0, "failed": 0}
    with database.autocommit(OPERATOR) as connection:
        if revive:
            inbox.revive(connection, now)
        due = inbox.claim_due(connection, now, retry_at=now + FIRST_RETRY, rows=RETRIES_A_RUN)
    for event_id in due:
        with database.autocommit(OPERATOR) as connection:
            event = inbox.get(connection, event_id)
        if event is not None:
            became = _attempt(database, stripe, event, now)
            counts[became] = counts.get(became, 0) + 1
    with database.autocommit(OPERATOR) as connection:
        return {**counts, "dead": inbox.count_dead(connection)}


def _attempt(database: Database, stripe: Callable[[], StripeCalls], event: InboxEvent, now: datetime) -> str:
    try:
        return _apply(database, stripe, event, now)
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the event must stay and be tried again
        return _failed(database, event.event_id, error, now)


def _apply(database: Database, stripe: Callable[[], StripeCalls], event: InboxEvent, now: datetime) -> str:
    subscription = read_subscription_event(event.payload)
    if subscription is not None:
        return _apply_to_team(database, event.event_id, subscription, now)
    notice = read_event(event.payload)
    if notice is None:
        return _ignore(database, event.event_id, "ignored: no event that purchases or teams need", now)
    reference = notice.reference or _reference_at_stripe(stripe, notice)
    if reference is None:
        return _ignore(database, event.event_id, "ignored: not one of ours", now)
    return _apply_to_purchase(database, event.event_id, reference, notice, now)


def _apply_to_purchase(database: Database, event_id: str, reference: Reference, notice: Notice, now: datetime) -> str:
    # The inbox is the operator's, the purchase the tenant's; both change together or not at all.
    with database.transaction(Scope(tenant_id=reference.tenant_id, operator=True)) as connection:
        if not inbox.lock_unsettled(connection, event_id):
            return inbox.APPLIED  # another delivery of it was quicker
        settled = settle_purchase(connection, reference, notice, now)
        purchase = settled.purchase
        status = inbox.IGNORED if purchase is None else inbox.APPLIED
        inbox.settle_event(
            connection,
            event_id,
            status,
            settled.outcome,
            now,
            tenant_id=None if purchase is None else purchase.tenant_id,
            purchase_id=None if purchase is None else purchase.id,
        )
    report_purchase(settled)
    return status


def _apply_to_team(database: Database, event_id: str, notice: SubscriptionNotice, now: datetime) -> str:
    reference = notice.reference
    if reference is None:
        return _ignore(database, event_id, "ignored: not one of ours", now)
    with database.transaction(Scope(tenant_id=reference.tenant_id, operator=True)) as connection:
        if not inbox.lock_unsettled(connection, event_id):
            return inbox.APPLIED  # another delivery of it was quicker
        settled = team_books.settle(connection, reference, notice, now)
        known = settled.team is not None
        status = inbox.APPLIED if known else inbox.IGNORED
        tenant_id = reference.tenant_id if known else None
        inbox.settle_event(connection, event_id, status, settled.outcome, now, tenant_id=tenant_id)
    team_books.report(settled)
    return status


def _reference_at_stripe(stripe: Callable[[], StripeCalls], notice: Notice) -> Reference | None:
    """Asks Stripe for the purchase whose payment was refunded or disputed, outside any transaction.

    Does not ask about a notice that always carries our metadata (a session's), or one with nothing but a receipt.
    """
    if notice.payment_intent_id is None or notice.session_id is not None or notice.facts == PurchaseFacts():
        return None
    return stripe().reference_of_payment(notice.payment_intent_id)


def _ignore(database: Database, event_id: str, outcome: str, now: datetime) -> str:
    with database.autocommit(OPERATOR) as connection:
        inbox.settle_event(connection, event_id, inbox.IGNORED, outcome, now)
    return inbox.IGNORED


def _failed(database: Database, event_id: str, error: Exception, now: datetime) -> str:
    said = type(error).__name__  # its text may quote what is in the event
    with database.autocommit(OPERATOR) as connection:
        event = inbox.get(connection, event_id)
        attempts = event.attempts if event is not None else 0
        retry_at = now + min(timedelta(minutes=2 ** min(attempts, 20)), LONGEST_WAIT)
        failed = inbox.fail_event(connection, event_id, said, now, retry_at=retry_at, most_attempts=MOST_ATTEMPTS)
    if failed is None:
        return inbox.APPLIED
    told = {"eventId": event_id, "error": said, "where": where(error), "attempts": failed.attempts}
    if failed.status == inbox.DEAD:
        logger().error("a Stripe event was given up", extra={"alarm": "stripe_event_dead", **told})
    else:
        logger().warning("a Stripe event failed and will be tried again", extra=told)
    return failed.status
