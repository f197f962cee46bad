"""The full feed into 50 tenants: how long it takes, and what a second run writes."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.measure import Result, at_most
from bench.server import run_script, server
from stoa.clients.feeds.genai_prices_feed import GenaiPrices
from stoa.clients.feeds.model_prices_feed import ModelPrices
from stoa.clients.feeds.provider_ids import our_provider
from stoa.core.observe import logger
from stoa.database.dsn import parse_url
from stoa.database.pool import Database, Scope
from stoa.domain.providers.provider import Provider
from stoa.domain.sync.facts import Reading
from stoa.workflows.sync.run import SyncReport, sync
from stoa.workflows.tenancy.registry import create_tenant

TENANTS = 50
DAY = timedelta(days=1)

# A provider that Stoa does not have yet, so that no model of the feed is left out.
_PROVIDER = "INSERT INTO providers (id, display_name, auth, wire) VALUES ('{id}', '{id}', 'bearer', 'openai');"

# Each row's place and the transaction that wrote it: it differs as soon as anything is written, whatever it is.
_WRITTEN = """
SELECT coalesce(json_object_agg(t.name, t.rows), '{{}}') AS written
FROM (SELECT '{table}' AS name, md5(coalesce(string_agg(r.ctid::text || r.xmin::text, ',' ORDER BY r.ctid), '')) AS rows
    FROM {table} r) AS t
"""
_TABLES = "SELECT c.relname AS name FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"


def measure(folder: Path) -> list[Result]:
    """A first run, one at once after it, one a day later with unchanged feeds, and one with every price moved."""
    now = datetime.now(UTC)
    logger().setLevel("WARNING")  # a thousand product events would scroll the figures away
    with server(folder) as running:
        database, owner = Database(parse_url(running.url)), Database(parse_url(running.owner_url))
        for number in range(1, TENANTS):
            create_tenant(database, f"sync-{number}", f"Tenant {number}", "UTC", now)
        _add_providers(database, running.owner_url)
        first_took, first = _timed(lambda: sync(database, _read(now), lambda: now))
        before = _written(owner)
        second_took, _ = _timed(lambda: sync(database, _read(now), lambda: now + timedelta(minutes=5)))
        second_writes = _differing(before, _written(owner))
        later_took, later = _timed(lambda: sync(database, _read(now), lambda: now + DAY))
        later_writes = _differing(before, _written(owner))
        database.close()
        owner.close()
    models = first.models_added
    assert models >= 2000 and first.tenants_synced == later.tenants_synced == TENANTS
    detail = f"{models:,} models, {first.changes_proposed:,} proposed, {first.changes_applied:,} applied"
    unchanged = f"{later_took:.1f} s; it writes {', '.join(later_writes)} (when each tenant was compared)"
    return [
        at_most(f"sync of the full feed into {TENANTS} tenants (s)", first_took, 10, detail, models=models),
        at_most("tables written by a second run", len(second_writes), 0, f"{second_took * 1000:.0f} ms"),
        at_most("tables written a day later, feeds unchanged", len(later_writes), 1, unchanged, seconds=later_took),
    ]


def _timed(run: Callable[[], SyncReport]) -> tuple[float, SyncReport]:
    began = time.perf_counter()
    report = run()
    return time.perf_counter() - began, report


def _read(now: datetime) -> Callable[[Sequence[Provider], Mapping[str, int]], Reading]:
    """The packaged feeds, read anew by each run as the function does it."""

    def read(providers: Sequence[Provider], counts: Mapping[str, int]) -> Reading:
        ids = [provider.id for provider in providers]
        first, second = GenaiPrices(ids), ModelPrices(ids)
        return Reading(first.read(now, counts.get(first.name)), second.read(now, counts.get(second.name)))

    return read


def _add_providers(database: Database, owner_url: str) -> None:
    from genai_prices.data import providers as in_feed

    with database.autocommit(Scope()) as connection:
        known = {row["id"] for row in connection.run("SELECT id FROM providers")}
    missing = {our_provider(provider.id)[0] for provider in in_feed} - known
    run_script(owner_url, "".join(_PROVIDER.format(id=provider) for provider in sorted(missing)))


def _written(owner: Database) -> dict[str, str]:
    written: dict[str, str] = {}
    with owner.autocommit(Scope()) as connection:
        for table in [row["name"] for row in connection.run(_TABLES)]:
            written |= connection.run(_WRITTEN.format(table=table))[0]["written"]
    return written


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return sorted(table for table in before if before[table] != after[table])
