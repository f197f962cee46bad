"""What the feeds say of models, as last told, and the readings that changed it. Written in the operator's scope."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from stoa.database.pool import Connection, Row, json_parameter
from stoa.domain.pricing.rates import Rates
from stoa.domain.sync.facts import Facts, Key, Price

# One document: PostgreSQL builds it faster than the driver decodes thousands of values one by one.
_ALL = """
SELECT json_agg(json_build_array(
    f.provider_id, f.provider_model, f.display_name, f.context_window, f.max_output_tokens, f.agreement, f.lifecycle,
    f.deprecated_on, f.is_listed, f.input_price::text, f.output_price::text, f.rates
)) AS facts
FROM feed_models f
"""

_SAVE = """
INSERT INTO feed_models AS f (
    provider_id, provider_model, display_name, context_window, max_output_tokens, input_price, output_price, rates,
    agreement, lifecycle, deprecated_on, is_listed, first_seen_at, changed_at
)
SELECT
    r.provider_id, r.provider_model, r.display_name, r.context_window, r.max_output_tokens, r.input_price,
    r.output_price, r.rates, r.agreement, r.lifecycle, r.deprecated_on, r.is_listed, :now ::timestamptz, :now
FROM jsonb_to_recordset(:rows ::jsonb) AS r (
    provider_id text, provider_model text, display_name text, context_window int, max_output_tokens int,
    input_price numeric, output_price numeric, rates jsonb, agreement text, lifecycle text, deprecated_on date,
    is_listed boolean
)
JOIN providers p ON p.id = r.provider_id
ON CONFLICT (provider_id, provider_model) DO UPDATE SET
    display_name = excluded.display_name, context_window = excluded.context_window,
    max_output_tokens = excluded.max_output_tokens, input_price = excluded.input_price,
    output_price = excluded.output_price, rates = excluded.rates, agreement = excluded.agreement,
    lifecycle = excluded.lifecycle, deprecated_on = excluded.deprecated_on, is_listed = excluded.is_listed,
    changed_at = excluded.changed_at
"""

# Readings of the feeds take turns, so that none overwrites what another one just learnt.
_LOCK = "SELECT pg_advisory_xact_lock(:number)"
_LOCK_NUMBER = 7_862_034

_LAST_RUN = "SELECT r.sources, r.problems_digest FROM feed_runs r ORDER BY r.id DESC LIMIT 1"

_ADD_RUN = """
INSERT INTO feed_runs (id, sources, problems, problems_digest, models_added, models_changed, created_at)
VALUES (
    :id, :sources ::jsonb, :problems ::jsonb, :problems_digest, :models_added, :models_changed, :now ::timestamptz
)
"""

_RUNS = """
SELECT r.id, r.created_at, r.sources, r.problems, r.models_added, r.models_changed
FROM feed_runs r
WHERE :before ::uuid IS NULL OR r.id < :before
ORDER BY r.id DESC
LIMIT :rows
"""


def lock(connection: Connection) -> None:
    """Make other readings of the feeds wait until the transaction ends."""
    connection.run(_LOCK, number=_LOCK_NUMBER)


def all_facts(connection: Connection) -> dict[Key, Facts]:
    """Everything that is known, by provider and its name for the model."""
    rows = connection.run(_ALL)[0]["facts"] or ()
    return {(row[0], row[1]): _facts(*row) for row in rows}


def save(connection: Connection, facts: Iterable[Facts], now: datetime) -> None:
    """Write the facts given, in the place of what was known of these models."""
    connection.run(_SAVE, rows=json_parameter([_row(fact) for fact in facts]), now=now)


def last_run(connection: Connection) -> Row | None:
    """`sources` and `problems_digest` of the newest reading on file."""
    rows = connection.run(_LAST_RUN)
    return rows[0] if rows else None


def add_run(
    connection: Connection,
    run_id: UUID,
    *,
    sources: Iterable[Mapping[str, Any]],
    problems: Iterable[Mapping[str, Any]],
    problems_digest: str,
    models_added: int,
    models_changed: int,
    now: datetime,
) -> None:
    """Put a reading on file."""
    connection.run(
        _ADD_RUN,
        id=run_id,
        sources=json_parameter(list(sources)),
        problems=json_parameter(list(problems)),
        problems_digest=problems_digest,
        models_added=models_added,
        models_changed=models_changed,
        now=now,
    )


def runs(connection: Connection, *, before: UUID | None, rows: int) -> list[Row]:
    """The newest readings on file; `before` is the last one of the previous page."""
    return connection.run(_RUNS, before=before, rows=rows)


def _facts(
    provider_id: str,
    provider_model: str,
    display_name: str,
    context_window: int | None,
    max_output_tokens: int | None,
    agreement: Any,
    lifecycle: Any,
    deprecated_on: str | None,
    is_listed: bool | None,
    input_price: str | None,
    output_price: str | None,
    rates: Mapping[str, Any],
) -> Facts:
    price = None
    if input_price is not None and output_price is not None:
        price = Price(Decimal(input_price), Decimal(output_price), Rates.from_json(rates))
    ends = None if deprecated_on is None else date.fromisoformat(deprecated_on)
    return Facts(
        provider_id,
        provider_model,
        display_name,
        context_window,
        max_output_tokens,
        price,
        agreement,
        lifecycle,
        ends,
        is_listed,
    )


def _row(fact: Facts) -> dict[str, Any]:
    return {
        "provider_id": fact.provider_id,
        "provider_model": fact.provider_model,
        "display_name": fact.display_name,
        "context_window": fact.context_window,
        "max_output_tokens": fact.max_output_tokens,
        "input_price": fact.price and fact.price.input_price,
        "output_price": fact.price and fact.price.output_price,
        "rates": fact.price.rates.to_json() if fact.price else {},
        "agreement": fact.agreement,
        "lifecycle": fact.lifecycle,
        "deprecated_on": fact.deprecated_on,
        "is_listed": fact.is_listed,
    }
