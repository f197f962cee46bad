"""Measures a selection while members and ledger lines grow in number."""

import statistics
from datetime import UTC, datetime
from pathlib import Path

from bench.curves import draw
from bench.measure import ROUNDS, Result, at_most, milliseconds
from bench.server import Server, member_of, run_script
from stoa.database.dsn import parse_url
from stoa.database.pool import Database
from stoa.workflows.selection.member_view import load_member_view

STEPS = (1_000, 10_000, 100_000, 1_000_000)
CALLS = 200  # a round

# Members with preferences, a counter of today and one ledger line each, like the ones that the functions make.
_MORE = """
INSERT INTO users (id, tenant_id, subject)
SELECT gen_random_uuid(), '{tenant}', 'bulk-' || n FROM generate_series({first}, {last}) n;
INSERT INTO user_preferences (tenant_id, user_id)
SELECT tenant_id, id FROM users u
WHERE subject LIKE 'bulk-%' AND NOT EXISTS (SELECT FROM user_preferences p WHERE p.user_id = u.id);
INSERT INTO daily_counters (tenant_id, user_id, model_id, day, used)
SELECT u.tenant_id, u.id, 'gpt-4o-mini', current_date, 1 FROM users u
WHERE subject LIKE 'bulk-%' AND NOT EXISTS (SELECT FROM daily_counters d WHERE d.user_id = u.id);
INSERT INTO usage (
    id, tenant_id, user_id, model_id, provider_id, price_row_id, rule, access, status, local_day, estimated_cost,
    reserved_at, expires_at, settled_at, input_tokens, output_tokens, provider_cost, charge, latency_ms
)
SELECT gen_random_uuid(), u.tenant_id, u.id, 'gpt-4o-mini', 'openai', b.id, 'system_default', 'free', 'completed',
    current_date, 0.001, now(), now(), now(), 100, 200, 0.0001, 0.001, 900
FROM users u, (SELECT id FROM price_book WHERE tenant_id = '{tenant}' AND model_id = 'gpt-4o-mini' LIMIT 1) b
WHERE subject LIKE 'bulk-%' AND NOT EXISTS (SELECT FROM usage l WHERE l.user_id = u.id);
"""


def measure(server: Server, charts: Path) -> list[Result]:
    """Snapshot p50 at each size of the installation; members and ledger lines grow together."""
    database = Database(parse_url(server.url))
    member = member_of(database, server, "bench")
    curve: list[tuple[float, float]] = []
    there = 0
    for size in STEPS:
        run_script(server.owner_url, _MORE.format(tenant=server.tenant_id, first=there + 1, last=size))
        run_script(server.owner_url, "ANALYZE")
        there = size
        rounds = [
            milliseconds(lambda: load_member_view(database, member, datetime.now(UTC)), CALLS) for _ in range(ROUNDS)
        ]
        curve.append((float(size), statistics.median(rounds)))
        print(f"  {size:,} members and ledger lines: {curve[-1][1]:.3f} ms", flush=True)
    database.close()
    draw(charts / "selection-growth.svg", "Snapshot of a selection (ms, p50) by members and ledger lines", curve)
    ratio = curve[-1][1] / curve[0][1]
    detail = f"{curve[-1][1]:.3f} ms at {STEPS[-1]:,}, {curve[0][1]:.3f} ms at {STEPS[0]:,}"
    figures = {f"{size:.0f}": took for size, took in curve}
    return [at_most(f"selection p50 at {STEPS[-1]:,} members ÷ at {STEPS[0]:,}", ratio, 1.10, detail, **figures)]
