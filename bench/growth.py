"""What members and the ledger do to a selection when there are many of them, and how fast the ledger takes lines."""

import multiprocessing
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stoa.db import Database, Scope
from stoa.dsn import parse_url
from stoa.identity import Member, Members, Principal
from stoa.ids import new_id
from stoa.member_view import load_member_view
from stoa.store import ledger

from bench.curves import draw
from bench.measure import ROUNDS, Result, at_least, at_most, in_turn, milliseconds
from bench.server import Server, run_script

STEPS = (1_000, 10_000, 100_000, 1_000_000)
CLIENTS = 16
LINES_A_CLIENT = 150

# Members with preferences, a counter of today and one ledger line each, like the ones that the functions make.
_MORE = """
INSERT INTO users (id, tenant_id, subject) SELECT gen_random_uuid(), '{tenant}', 'bulk-' || n FROM generate_series({first}, {last}) n;
INSERT INTO user_preferences (tenant_id, user_id)
SELECT tenant_id, id FROM users u WHERE subject LIKE 'bulk-%' AND NOT EXISTS (SELECT FROM user_preferences p WHERE p.user_id = u.id);
INSERT INTO daily_counters (tenant_id, user_id, model_id, day, used)
SELECT u.tenant_id, u.id, 'gpt-4o-mini', current_date, 1 FROM users u
WHERE subject LIKE 'bulk-%' AND NOT EXISTS (SELECT FROM daily_counters d WHERE d.user_id = u.id);
INSERT INTO usage (
    id, tenant_id, user_id, model_id, provider_id, price_row_id, rule, access, status, local_day, estimated_cost,
    reserved_at, expires_at, settled_at, input_tokens, output_tokens, provider_cost, charge, latency_ms
)
SELECT gen_random_uuid(), u.tenant_id, u.id, 'gpt-4o-mini', 'openai', b.id, 'system_default', 'free', 'completed', current_date,
    0.001, now(), now(), now(), 100, 200, 0.0001, 0.001, 900
FROM users u, (SELECT id FROM price_book WHERE tenant_id = '{tenant}' AND model_id = 'gpt-4o-mini' LIMIT 1) b
WHERE subject LIKE 'bulk-%' AND NOT EXISTS (SELECT FROM usage l WHERE l.user_id = u.id);
"""


def measure(server: Server, charts: Path) -> list[Result]:
    """Selection p50 at each size of the installation; members and ledger lines grow together."""
    database = Database(parse_url(server.url))
    member = _member(database, server)
    curve: list[tuple[float, float]] = []
    there = 0
    for size in STEPS:
        run_script(server.owner_url, _MORE.format(tenant=server.tenant_id, first=there + 1, last=size))
        there = size
        run_script(server.owner_url, "ANALYZE")
        read = {"read": lambda: milliseconds(lambda: load_member_view(database, member, datetime.now(UTC)), 200)}
        curve.append((float(size), in_turn(read, ROUNDS)["read"]))
        print(f"  {size:,} members and ledger lines: {curve[-1][1]:.3f} ms", flush=True)
    database.close()
    draw(charts / "selection-growth.svg", "Snapshot of a selection (ms, p50) by members and ledger lines", curve)
    ratio = curve[-1][1] / curve[0][1]
    detail = f"{curve[-1][1]:.3f} ms at {STEPS[-1]:,}, {curve[0][1]:.3f} ms at {STEPS[0]:,}"
    return [at_most(f"selection p50 at {STEPS[-1]:,} members ÷ at {STEPS[0]:,}", ratio, 1.10, detail)]


def measure_writes(server: Server) -> list[Result]:
    """Reservations a second from 16 processes, against bare inserts of a row as wide, both durable."""
    run_script(
        server.owner_url,
        "CREATE TABLE bare (LIKE usage); ALTER TABLE bare ADD PRIMARY KEY (id); GRANT INSERT ON bare TO stoa_runtime",
    )
    rates = in_turn(
        {"reserve": lambda: _rate(_reserve_lines, server), "bare": lambda: _rate(_insert_lines, server)}, rounds=5
    )
    detail = f"{rates['reserve']:.0f}/s against {rates['bare']:.0f}/s, {CLIENTS} clients"
    return [at_least("metered writes ÷ bare inserts", rates["reserve"] / rates["bare"], 0.7, detail, **rates)]


def _rate(work: Any, server: Server) -> float:
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(CLIENTS + 1)
    clients = [context.Process(target=work, args=(server, number, barrier)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    barrier.wait()
    began = time.perf_counter()
    for client in clients:
        client.join()
    return CLIENTS * LINES_A_CLIENT / (time.perf_counter() - began)


def _reserve_lines(server: Server, number: int, barrier: Any) -> None:
    database = Database(parse_url(server.url))
    member = _member(database, server, f"writer-{number}")
    snapshot = load_member_view(database, member, datetime.now(UTC))
    barrier.wait()
    with database.autocommit(member.scope) as connection:
        for _ in range(LINES_A_CLIENT):
            ledger.reserve(connection, _reservation(member, snapshot))


def _insert_lines(server: Server, number: int, barrier: Any) -> None:
    database = Database(parse_url(server.url))
    member = _member(database, server, f"writer-{number}")
    barrier.wait()
    with database.autocommit(Scope()) as connection:
        for _ in range(LINES_A_CLIENT):
            now = datetime.now(UTC)
            connection.run(
                "INSERT INTO bare (id, tenant_id, user_id, model_id, provider_id, price_row_id, rule, access, status,"
                " local_day, tokens_estimated, estimated_cost, reserved_at, expires_at) VALUES (:id, :tenant_id, :user_id, 'gpt-4o-mini', 'openai',"
                " :price_row_id, 'system_default', 'free', 'reserved', :day, false, 0.001, :now, :now)",
                id=new_id(),
                tenant_id=member.tenant_id,
                user_id=member.user_id,
                price_row_id=member.user_id,
                day=now.date(),
                now=now,
            )


def _reservation(member: Member, snapshot: Any) -> ledger.Reservation:
    offer, now = snapshot.offers["gpt-4o-mini"], datetime.now(UTC)
    return ledger.Reservation(
        usage_id=new_id(),
        tenant_id=member.tenant_id,
        user_id=member.user_id,
        model_id=offer.model_id,
        provider_id=offer.provider_id,
        price_row_id=offer.prices.row_id,
        requested_model_id=None,
        rule="system_default",
        access="free",
        local_day=snapshot.local_day,
        daily_limit=None,
        trial_messages=0,
        persona_id=None,
        domain_mode=None,
        focus_mode=None,
        conversation_id=new_id(),
        estimated_cost=offer.prices.minimum_charge,
        now=now,
        expires_at=now,
        key=None,
        request_hash=None,
    )


def _member(database: Database, server: Server, subject: str = "bench") -> Member:
    return Members().get(database, Principal(subject, server.tenant_id, None, frozenset()))
