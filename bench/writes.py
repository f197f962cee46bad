"""Measures how fast the ledger takes lines, against bare inserts of as wide a row; both durable, both sent by libpq."""

import multiprocessing
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from bench.libpq import Bound, Pipeline
from bench.measure import Result, at_least, in_turn
from bench.server import Server, member_of, run_script
from stoa.core.ids import new_id
from stoa.database import pool
from stoa.database.dsn import parse_url
from stoa.database.pool import Database
from stoa.identity.members import Member
from stoa.store.chat import ledger
from stoa.store.selection.snapshots import MemberSnapshot
from stoa.workflows.selection.member_view import load_member_view

CLIENTS = 16
LINES_A_CLIENT = 301  # the first of them only warms up

_BARE_TABLE = """
CREATE TABLE bare (LIKE usage INCLUDING DEFAULTS);
ALTER TABLE bare ADD PRIMARY KEY (id);
GRANT INSERT ON bare TO stoa_runtime;
"""
_BARE_INSERT = """
INSERT INTO bare (
    id, tenant_id, user_id, model_id, provider_id, price_row_id, rule, access, local_day, conversation_id,
    estimated_cost, reserved_at, expires_at
)
VALUES (
    :id, :tenant_id, :user_id, 'gpt-4o-mini', 'openai', :price_row_id, 'system_default', 'free', :day, :conversation_id,
    0.001, :now, :now
)
"""


def measure(server: Server) -> list[Result]:
    """Reservations a second by 16 processes, each its own member, against single inserts with nothing around them."""
    run_script(server.owner_url, _BARE_TABLE)
    rates = in_turn({"reserve": lambda: _rate(_reserve, server), "bare": lambda: _rate(_insert, server)})
    ours, bare = rates["reserve"], rates["bare"]
    detail = f"{ours:.0f}/s against {bare:.0f}/s, {CLIENTS} clients"
    return [at_least("metered writes ÷ bare inserts", ours / bare, 0.7, detail, **rates)]


def _rate(work: Callable[[Server, int, Any], None], server: Server) -> float:
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(CLIENTS + 1)
    clients = [context.Process(target=work, args=(server, number, barrier)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    barrier.wait(timeout=60)
    began = time.perf_counter()
    for client in clients:
        client.join()
    took = time.perf_counter() - began
    failed = sum(client.exitcode != 0 for client in clients)
    assert not failed, f"{failed} clients broke off"
    return CLIENTS * (LINES_A_CLIENT - 1) / took


def _reserve(server: Server, number: int, barrier: Any) -> None:
    """As a chat does: whose rows it may see, then the counter and the line, in one transaction."""
    database = Database(parse_url(server.url))
    member = member_of(database, server, f"writer-{number}")
    snapshot = load_member_view(database, member, datetime.now(UTC))
    scope = {"tenant_id": member.tenant_id, "user_id": member.user_id, "kind": ""}
    with psycopg.connect(server.url, autocommit=True) as connection:
        pipeline = Pipeline(connection, [pool._SET_SCOPE, ledger._RESERVE])
        lines = [pipeline.bind(scope, _fields(member, snapshot)) for _ in range(LINES_A_CLIENT)]
        _write(pipeline, lines, barrier)


def _insert(server: Server, number: int, barrier: Any) -> None:
    member = member_of(Database(parse_url(server.url)), server, f"writer-{number}")
    ids = {"tenant_id": member.tenant_id, "user_id": member.user_id, "price_row_id": member.user_id}
    now = datetime.now(UTC)
    with psycopg.connect(server.url, autocommit=True) as connection:
        pipeline = Pipeline(connection, [_BARE_INSERT])
        lines = [
            pipeline.bind({**ids, "id": new_id(), "conversation_id": new_id(), "day": now.date(), "now": now})
            for _ in range(LINES_A_CLIENT)
        ]
        _write(pipeline, lines, barrier)


def _write(pipeline: Pipeline, lines: list[Bound], barrier: Any) -> None:
    pipeline.run(lines[0])  # connections, plans and caches are warm
    barrier.wait()
    for line in lines[1:]:
        pipeline.run(line)


def _fields(member: Member, snapshot: MemberSnapshot) -> dict[str, Any]:
    reservation = _reservation(member, snapshot)
    return {name: getattr(reservation, name) for name in reservation.__slots__}


def _reservation(member: Member, snapshot: MemberSnapshot) -> ledger.Reservation:
    offer, now = snapshot.offers["gpt-4o-mini"], datetime.now(UTC)
    assert offer.prices is not None
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
        expires_at=now + timedelta(minutes=6),
        key=None,
        request_hash=None,
    )
