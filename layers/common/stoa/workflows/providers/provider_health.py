"""This process's view of the providers: it tells the database of outcomes and hears of other processes' troubles.

Nothing here costs a round trip. Outcomes travel with the statement that ends a message: successes are summed up and
sent every few seconds at most, failures at once, for a member waits for each. Only the one message in an outage whose
failure opens a circuit pays a statement of its own. (docs/decisions/0010)
"""

import random
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache

from msgspec import Struct, field

from stoa.core.observe import emit, logger
from stoa.core.settings import settings
from stoa.database.pool import Connection, Rows, Statement
from stoa.domain.providers.circuit import (
    MODEL,
    NO_CALLS,
    PROBE_LEASE,
    PROVIDER,
    WINDOWS,
    Circuit,
    Outcome,
    Patience,
    Seen,
    Tally,
    bucket_of,
    opening,
    opening_again,
    trouble_in,
)
from stoa.domain.providers.retry_budget import RetryBudget
from stoa.domain.selection.offers import Offer
from stoa.store.providers import circuits as store

SHARDS = 8  # rows that the processes of one model and bucket are spread over
TELL_EVERY = timedelta(seconds=5)


class Attempt(Struct, frozen=True):
    """A call as the circuits see it: its model, the circuits it probed, its outcome (None: it says nothing)."""

    offer: Offer
    probes: tuple[Circuit, ...] = ()
    outcome: Outcome | None = None


class ProviderHealth(Struct):
    """Holds the outcomes that the database has not been told of yet. Safe to use from many threads."""

    patience: Patience = field(default_factory=Patience)
    _sums: dict[tuple[str, datetime], Tally] = field(default_factory=dict)
    _told_at: datetime | None = None
    _in_a_row: dict[str, tuple[datetime, Tally]] = field(default_factory=dict)  # since when, and what
    _shard: int = field(default_factory=lambda: random.randrange(SHARDS))  # noqa: S311 - no secret
    _budgets: dict[str, RetryBudget] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def claim_statements(self, probes: Sequence[Circuit], now: datetime) -> list[Statement]:
        """Returns the statements that claim the probe, beside a reservation. They refuse (probe) when it is taken."""
        return [store.claim_statement(probes, now + PROBE_LEASE, now)] if probes else []

    def run(
        self,
        connection: Connection,
        statements: Sequence[Statement],
        attempt: Attempt,
        now: datetime,
        last: Sequence[Statement] = (),
    ) -> None:
        """Runs the statements that end a message, together with news of its outcome. `last` come after all."""
        before = [*statements, *self._news(attempt, now), *_verdict_on(attempt, now)]
        looks = _looks(attempt, now)
        answers = connection.run_all([*before, *looks, *last])
        if looks:
            outcomes, known = answers[len(before) : len(before) + len(looks)]
            self._open_what_failed(connection, attempt.offer, outcomes, known, now)

    def begin(self, provider_id: str) -> None:
        """Counts a message that goes to this provider first: it earns a part of a failover."""
        with self._lock:
            self._budget(provider_id).call(time.monotonic())

    def may_fail_over(self, provider_id: str) -> bool:
        """Returns whether another model may be tried after this provider has failed."""
        with self._lock:
            return self._budget(provider_id).take(time.monotonic())

    def _budget(self, provider_id: str) -> RetryBudget:
        return self._budgets.setdefault(provider_id, RetryBudget())

    def _news(self, attempt: Attempt, now: datetime) -> list[Statement]:
        if attempt.outcome is None:
            return []
        with self._lock:
            self._count_in_a_row(attempt.offer.model_id, attempt.outcome, now)
            key = attempt.offer.model_id, bucket_of(now)
            self._sums[key] = self._sums.get(key, NO_CALLS).counting(attempt.outcome)
            if self._told_at is None:
                self._told_at = now
            if attempt.outcome is Outcome.OK and now - self._told_at < TELL_EVERY:
                return []
            sums, self._sums, self._told_at = self._sums, {}, now
        # A frozen process wakes up with old news. It is too late for them.
        fresh = [Seen(*key, tally) for key, tally in sums.items() if key[1] > now - max(WINDOWS)]
        return [store.record_statement(self._shard, fresh)]

    def _count_in_a_row(self, model_id: str, outcome: Outcome, now: datetime) -> None:
        since, tally = self._in_a_row.get(model_id, (now, NO_CALLS))
        if outcome is Outcome.OK:
            self._in_a_row.pop(model_id, None)
        elif now - since < max(WINDOWS):
            self._in_a_row[model_id] = since, tally.counting(outcome)
        else:  # the first of them is long ago
            self._in_a_row[model_id] = now, NO_CALLS.counting(outcome)

    def _met_in_a_row(self, model_id: str, circuit: Circuit | None, now: datetime) -> Tally:
        since, tally = self._in_a_row.get(model_id, (now, NO_CALLS))
        closed_at = circuit.closed_at if circuit is not None else None
        if closed_at is not None and since <= closed_at:  # another process has had an answer since
            self._in_a_row.pop(model_id, None)
            return NO_CALLS
        return tally

    def _open_what_failed(
        self, connection: Connection, offer: Offer, outcomes: Rows, circuits: Rows, now: datetime
    ) -> None:
        of_model, of_provider, known = store.looked(outcomes, circuits)
        for kind, subject_id, seen in ((MODEL, offer.model_id, of_model), (PROVIDER, offer.provider_id, of_provider)):
            before = next((one for one in known if (one.kind, one.subject_id) == (kind, subject_id)), None)
            if before is not None and before.open_until is not None:
                continue
            in_a_row = self._met_in_a_row(offer.model_id, before, now) if kind == MODEL else NO_CALLS
            trouble = trouble_in(kind, seen, before, now, in_a_row)
            if trouble is None:
                continue
            opened = opening(kind, subject_id, before, now)
            if store.open_circuit(connection, opened, trouble.in_words()):
                logger().warning("circuit opened", extra={"kind": kind, "subject": subject_id, "opens": opened.opens})
                emit("circuit_opened", kind=kind, subjectId=subject_id, opens=opened.opens)


def _looks(attempt: Attempt, now: datetime) -> list[Statement]:
    """Returns the statements that read what opens a circuit, after every failure that is not a probe's."""
    if attempt.probes or attempt.outcome in (None, Outcome.OK):
        return []
    return store.look_statements(attempt.offer.model_id, attempt.offer.provider_id, now)


def _verdict_on(attempt: Attempt, now: datetime) -> list[Statement]:
    """Returns the statements that tell what a probe found out about the circuits that it tried."""
    if not attempt.probes:
        return []
    if attempt.outcome is None:
        return [store.let_go_statement(attempt.probes)]
    if attempt.outcome.is_success:
        return [store.close_statement(attempt.probes, now)]
    again = [opening_again(probe, now) for probe in attempt.probes]
    return [store.open_again_statement(attempt.probes, again, attempt.outcome.value)]


@cache
def provider_health() -> ProviderHealth:
    """Returns this process's view of the providers."""
    return ProviderHealth(Patience(settings().patience_seconds))
