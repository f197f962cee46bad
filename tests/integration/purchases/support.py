"""A member at a shop: buys, pays at practice Stripe, and the events are delivered as the test says."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from dev.practice_stripe import PRACTICE_KEY, PRACTICE_SECRET, PracticeStripe
from stoa.clients.stripe.stripe_client import StripeCalls, stripe_calls
from stoa.clients.stripe.stripe_signature import sign
from stoa.core.settings import settings
from stoa.database.pool import Connection, Database, Row, Scope
from stoa.domain.billing.stripe_events import PURCHASE_KEY
from stoa.identity.caller import Caller
from stoa.identity.members import Member
from stoa.store.tenancy.audit import Actor
from stoa.workflows.billing.apply_stripe_event import receive_event
from stoa.workflows.billing.start_purchase import Checkout, Wanted, start_purchase

CLIENT = "https://client.example"
MODEL = "gpt-4o"
OPERATOR = Scope(operator=True)


class Crash(BaseException):
    """The process dies: nothing of ours catches this."""


class StatementBroke(Exception):
    """Something fails in the middle: our code notices."""


class CrashingDatabase(Database):
    """A database under which the process dies after the `after`-th statement; COMMIT counts as one, too."""

    def __init__(self, database: Database, after: int, error: type[BaseException] = Crash) -> None:
        self._database, self._left, self._error = database, after, error
        self.crashed = False

    def tick(self, statements: int = 1) -> None:
        self._left -= statements
        if self._left <= 0 and not self.crashed:
            self.crashed = True
            raise self._error

    @contextmanager
    def autocommit(self, scope: Scope) -> Iterator[Connection]:
        with self._database.autocommit(scope) as connection:
            yield _CrashingConnection(connection, self)

    @contextmanager
    def transaction(self, scope: Scope) -> Iterator[Connection]:
        with self._database.transaction(scope) as connection:
            yield _CrashingConnection(connection, self)
        self.tick()


class _CrashingConnection(Connection):
    def __init__(self, connection: Connection, crashing: CrashingDatabase) -> None:
        self._connection, self._crashing = connection, crashing

    def run_all(self, statements: Any) -> list[list[Row]]:
        rows = self._connection.run_all(statements)
        self._crashing.tick(len(statements))
        return rows


@dataclass
class Shop:
    """A member of a tenant and a practice Stripe whose events wait to be delivered."""

    database: Database
    member: Member
    practice: PracticeStripe
    stripe: StripeCalls = field(init=False)

    def __post_init__(self) -> None:
        self.stripe = StripeCalls(PRACTICE_KEY, self.practice.url)

    def start(self, product_id: str = MODEL, product_type: str = "model", now: datetime | None = None) -> Checkout:
        wanted = Wanted(product_type, product_id, "test")
        return start_purchase(self.caller(now=now), self.stripe, wanted, CLIENT)

    def caller(self, member: Member | None = None, now: datetime | None = None) -> Caller:
        """The shop's member, or another one, as the caller of a use case."""
        asking = member or self.member
        return Caller(self.database, asking, Actor(asking.user_id), now or datetime.now(UTC))

    def act(self, checkout: Checkout, action: str) -> list[dict[str, Any]]:
        """Do something at the pay page; the events it made."""
        before = len(self.practice.service.account.events)
        self.practice.service.act(checkout.session_id, action)
        return self.practice.service.account.events[before:]

    def charge(self, checkout: Checkout) -> dict[str, Any]:
        account = self.practice.service.account
        intent = account.get("session", checkout.session_id)["payment_intent"]
        return account.get("charge", account.get("payment_intent", intent)["latest_charge"])

    def refund(self, checkout: Checkout, amount: int | None = None) -> list[dict[str, Any]]:
        before = len(self.practice.service.account.events)
        self.practice.service.account.refund(self.charge(checkout), amount)
        return self.practice.service.account.events[before:]

    def dispute(self, checkout: Checkout, outcome: str | None = None) -> list[dict[str, Any]]:
        account = self.practice.service.account
        before = len(account.events)
        dispute = account.dispute(self.charge(checkout))
        if outcome:
            account.close_dispute(dispute, outcome)
        return account.events[before:]

    def deliver(self, *events: dict[str, Any], database: Any = None, now: datetime | None = None) -> list[str]:
        return [self._deliver(event, database or self.database, now or datetime.now(UTC)) for event in events]

    def _deliver(self, event: dict[str, Any], database: Any, now: datetime) -> str:
        body = json.dumps(event).encode()
        timestamp = int(now.timestamp())
        header = f"t={timestamp},v1={sign(body, PRACTICE_SECRET, timestamp)}"
        return receive_event(database, lambda: self.stripe, body, header, [PRACTICE_SECRET], now)

    def buy(self, product_id: str = MODEL) -> Checkout:
        """Buy and have all events delivered."""
        checkout = self.start(product_id)
        self.deliver(*self.act(checkout, "pay"))
        return checkout

    def purchases(self) -> list[Row]:
        return self.query("SELECT * FROM purchases WHERE user_id = :user_id ORDER BY id")

    def purchase(self, checkout: Checkout) -> Row:
        return next(row for row in self.purchases() if row["session_id"] == checkout.session_id)

    def state(self, checkout: Checkout) -> tuple[str, bool]:
        row = self.purchase(checkout)
        held = [entitlement for entitlement in self.entitlements() if entitlement["revoked_at"] is None]
        assert bool(held) == row["entitled"], (row, held)
        return row["status"], row["entitled"]

    def entitlements(self) -> list[Row]:
        return self.query("SELECT * FROM entitlements WHERE user_id = :user_id ORDER BY id")

    def query(self, sql: str, **parameters: Any) -> list[Row]:
        with self.database.autocommit(Scope(tenant_id=self.member.tenant_id)) as connection:
            return connection.run(sql, user_id=self.member.user_id, **parameters)

    def change(self, sql: str, **parameters: Any) -> None:
        """Change the tenant's rows, as an admin of it does."""
        with self.database.autocommit(Scope(tenant_id=self.member.tenant_id)) as connection:
            connection.run(sql, tenant_id=self.member.tenant_id, **parameters)

    def inbox(self) -> dict[str, Row]:
        with self.database.autocommit(OPERATOR) as connection:
            return {row["event_id"]: row for row in connection.run("SELECT * FROM webhook_inbox ORDER BY received_at")}


def price(shop: Shop, cents: int, model_id: str = MODEL) -> None:
    """The tenant sets an unlock price."""
    shop.change(
        """
        INSERT INTO tenant_models (tenant_id, model_id, unlock_price_cents) VALUES (:tenant_id, :model_id, :cents)
        ON CONFLICT (tenant_id, model_id) DO UPDATE SET unlock_price_cents = excluded.unlock_price_cents
        """,
        model_id=model_id,
        cents=cents,
    )


def purchase_id_in(event: dict[str, Any]) -> UUID:
    return UUID(event["data"]["object"]["metadata"][PURCHASE_KEY])


def forget() -> None:
    """Lets the functions read their settings anew."""
    settings.cache_clear()
    stripe_calls.cache_clear()
