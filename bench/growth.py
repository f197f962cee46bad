"""Measures a selection while members and ledger lines grow in number.

The curve is drawn while one installation grows. The goal is judged on two installations of both sizes, asked in turn,
because an hour lies between the curve's ends.
"""

import shutil
import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench.curves import draw
from bench.measure import ROUNDS, Result, at_most, in_turn, milliseconds
from bench.server import Server, member_of, run_script, server
from stoa.database.dsn import parse_url
from stoa.database.pool import Database
from stoa.workflows.selection.member_view import load_member_view

STEPS = (1_000, 10_000, 100_000, 1_000_000, 5_000_000)
CALLS = 200  # a round
BYTES_A_MEMBER = 5_000  # on the disk, with indexes and the log while it is filled

# Members with preferences, a counter of today and one ledger line each, like the ones that the functions make.
_MORE = """
CREATE TEMPORARY TABLE more AS SELECT gen_random_uuid() AS id, n FROM generate_series({first}, {last}) n;
INSERT INTO users (id, tenant_id, subject) SELECT id, '{tenant}', 'bulk-' || n FROM more;
INSERT INTO user_preferences (tenant_id, user_id) SELECT '{tenant}', id FROM more;
INSERT INTO daily_counters (tenant_id, user_id, model_id, day, used)
SELECT '{tenant}', id, 'gpt-4o-mini', current_date, 1 FROM more;
INSERT INTO usage (
    id, tenant_id, user_id, model_id, provider_id, price_row_id, rule, access, status, local_day, estimated_cost,
    reserved_at, expires_at, settled_at, input_tokens, output_tokens, provider_cost, charge, latency_ms
)
SELECT gen_random_uuid(), '{tenant}', m.id, 'gpt-4o-mini', 'openai', b.id, 'system_default', 'free', 'completed',
    current_date, 0.001, now(), now(), now(), 100, 200, 0.0001, 0.001, 900
FROM more m, (SELECT id FROM price_book WHERE tenant_id = '{tenant}' AND model_id = 'gpt-4o-mini' LIMIT 1) b;
DROP TABLE more;
"""


def measure(folder: Path, large: Server, charts: Path) -> list[Result]:
    """Snapshot p50 at each size of the installation; members and ledger lines grow together."""
    steps = [size for size in STEPS if size * BYTES_A_MEMBER < shutil.disk_usage(folder).free]
    look = _look(large)
    curve: list[tuple[float, float]] = []
    there = 0
    for size in steps:
        _grow(large, there + 1, size)
        there = size
        curve.append((float(size), statistics.median(look() for _ in range(ROUNDS))))
        print(f"  {size:,} members and ledger lines: {curve[-1][1]:.3f} ms", flush=True)
    draw(charts / "selection-growth.svg", "Snapshot of a selection (ms, p50) by members and ledger lines", curve)
    with server(folder / "small") as small:
        _grow(small, 1, steps[0])
        rounds = in_turn({"large": look, "small": _look(small)})
    medians = rounds.medians
    detail = f"{medians['large']:.3f} ms at {there:,}, {medians['small']:.3f} ms at {steps[0]:,}, asked in turn"
    if there < STEPS[-1]:
        detail += f"; not at {STEPS[-1]:,}, because the disk has no room for them"
    figures = {f"{size:.0f}": took for size, took in curve}
    name = f"selection p50 at {there:,} members ÷ at {steps[0]:,}"
    return [at_most(name, rounds.ratio("large", "small"), 1.10, detail, **figures)]


def _grow(one: Server, first: int, last: int) -> None:
    run_script(one.owner_url, _MORE.format(tenant=one.tenant_id, first=first, last=last))
    run_script(one.owner_url, "ANALYZE")


def _look(one: Server) -> Callable[[], float]:
    """A round of snapshots of one member there, in milliseconds each."""
    database = Database(parse_url(one.url))
    member = member_of(database, one, "bench")
    return lambda: milliseconds(lambda: load_member_view(database, member, datetime.now(UTC)), CALLS)
