"""The facts that the feeds last gave of models. Written in the operator's scope."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from stoa.database.pool import Connection, json_parameter
from stoa.domain.pricing.rates import Rates
from stoa.domain.sync.agreement import Agreement
from stoa.domain.sync.facts import Facts, Key, Price
from stoa.domain.sync.feed import Lifecycle

# All rows come as one document, because PostgreSQL builds it faster than the driver decodes thousands of values.
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


class _Columns(NamedTuple):
    """The columns of `_ALL` in their order."""

    provider_id: str
    provider_model: str
    display_name: str
    context_window: int | None
    max_output_tokens: int | None
    agreement: Agreement
    lifecycle: Lifecycle
    deprecated_on: str | None
    is_listed: bool | None
    input_price: str | None
    output_price: str | None
    rates: Mapping[str, Any]


def lock(connection: Connection) -> None:
    """Makes other readings of the feeds wait until the transaction ends."""
    connection.run(_LOCK, number=_LOCK_NUMBER)


def all_facts(connection: Connection) -> dict[Key, Facts]:
    """Returns all facts, by provider and its name for the model."""
    found = [_facts(_Columns._make(row)) for row in connection.run(_ALL)[0]["facts"] or ()]
    return {fact.key: fact for fact in found}


def save(connection: Connection, facts: Iterable[Facts], now: datetime) -> None:
    """Writes the facts in the place of what was known of these models."""
    connection.run(_SAVE, rows=json_parameter([_row(fact) for fact in facts]), now=now)


def _facts(row: _Columns) -> Facts:
    price = None
    if row.input_price is not None and row.output_price is not None:
        price = Price(Decimal(row.input_price), Decimal(row.output_price), Rates.from_json(row.rates))
    return Facts(
        row.provider_id,
        row.provider_model,
        row.display_name,
        row.context_window,
        row.max_output_tokens,
        price,
        row.agreement,
        row.lifecycle,
        None if row.deprecated_on is None else date.fromisoformat(row.deprecated_on),
        row.is_listed,
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
