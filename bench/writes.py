"""Measures the books of whole chats against the barest writes of the same widths; all durable, all by libpq.

The books are every write of a chat as our code sends them: the reservation in one transaction; settlement,
conversation, question and answer in another. Against them stand one insert in a transaction, and one update with
three inserts in another, into tables of the same columns that have no constraint, index or policy but their key.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from bench.libpq import Pipeline, Values
from bench.measure import Result, at_least, at_most, in_turn, not_measured, told
from bench.quiet import logs_unseen
from bench.recorded import Recorded, Trip, recorded, recording
from bench.server import Server, member_of, run_script
from stoa.clients.wires.types import Call, Cancel, Endpoint, Finish, Text
from stoa.database import pool
from stoa.database.dsn import parse_url
from stoa.database.pool import Database
from stoa.identity.members import Member
from stoa.store.chat import conversations, ledger
from stoa.workflows.chat import ChatMessage, Tools, chat

CLIENTS = 16
CHATS_A_CLIENT = 201  # the first of them only warms up
COUNTED_CHATS = 1_000  # for processor time and log of one chat
QUESTION = "Explain the difference between a list and a tuple in Python."
ANSWER = "A list can be changed after it was made, and a tuple cannot. " * 8

_BARE_TABLES = """
CREATE TABLE bare_usage (LIKE usage INCLUDING DEFAULTS);
CREATE TABLE bare_conversations (LIKE conversations INCLUDING DEFAULTS);
CREATE TABLE bare_messages (LIKE messages INCLUDING DEFAULTS);
ALTER TABLE bare_usage ADD PRIMARY KEY (id);
ALTER TABLE bare_conversations ADD PRIMARY KEY (id);
ALTER TABLE bare_messages ADD PRIMARY KEY (id);
GRANT SELECT, INSERT, UPDATE ON bare_usage, bare_conversations, bare_messages TO stoa_runtime;
"""
_BARE_LINE = """
INSERT INTO bare_usage (
    id, tenant_id, user_id, model_id, provider_id, price_row_id, requested_model_id, rule, access, local_day,
    conversation_id, estimated_cost, reserved_at, expires_at
)
VALUES (
    :usage_id, :tenant_id, :user_id, :model_id, :provider_id, :price_row_id, :requested_model_id, :rule, :access,
    :local_day, :conversation_id, :estimated_cost, :asked_at, :expires_at
)
"""
_BARE_SETTLEMENT = """
UPDATE bare_usage SET
    status = :status, settled_at = :now, input_tokens = :input_tokens, output_tokens = :output_tokens,
    provider_cost = :provider_cost, charge = :charge, latency_ms = :latency_ms, first_token_ms = :first_token_ms,
    stop_reason = :stop_reason
WHERE id = :usage_id
"""
_BARE_CONVERSATION = """
INSERT INTO bare_conversations (id, tenant_id, user_id, title, message_count, created_at, updated_at)
VALUES (:conversation_id, :tenant_id, :user_id, :title, 2, :now, :now)
"""
_BARE_QUESTION = """
INSERT INTO bare_messages (id, tenant_id, user_id, conversation_id, role, content, created_at)
VALUES (:question_id, :tenant_id, :user_id, :conversation_id, 'user', :question, :asked_at)
"""
_BARE_ANSWER = """
INSERT INTO bare_messages (
    id, tenant_id, user_id, conversation_id, role, content, model_id, usage_id, metadata, citations, created_at
)
VALUES (
    :answer_id, :tenant_id, :user_id, :conversation_id, 'assistant', :answer, :model_id, :usage_id, :metadata,
    :citations, :now
)
"""


def measure(server: Server) -> list[Result]:
    """Books of whole chats a second by 16 processes, each its own member; then what one chat costs the server."""
    run_script(server.owner_url, _BARE_TABLES)
    rounds = in_turn({"books": lambda: _rate(books, server), "bare": lambda: _rate(_bare, server)})
    ours, bare = rounds.medians["books"], rounds.medians["bare"]
    detail = f"{ours:.0f} chats/s against {bare:.0f}/s, {CLIENTS} clients, two commits each"
    name = "books of whole chats ÷ insert, update and three inserts"
    return [at_least(name, rounds.ratio("books", "bare"), 0.5, detail, **rounds.medians), *_costs(server)]


def books(trips: list[Trip]) -> list[Trip]:
    """The round trips that write: the reservation's and the settlement's."""
    return [trip for trip in trips if {sql for sql, _ in trip} & {ledger._RESERVE, ledger._SETTLE}]


def record(server: Server, member: Member, keep: Callable[[list[Trip]], list[Trip]]) -> Recorded:
    """Returns what `keep` leaves of round trips of a chat in a new conversation, answered at once by nobody's model."""
    database = Database(parse_url(server.url))
    trips: list[list[Trip]] = []
    for _ in range(3):  # the first one also fills caches
        with logs_unseen(), recording() as sent:
            list(chat(_tools(database), member, ChatMessage(content=QUESTION), Cancel()))
        trips.append(keep(list(sent)))
    database.close()
    assert len(books(trips[1])) <= 2
    return recorded(trips[1], trips[2])


def _tools(database: Database) -> Tools:
    def endpoint(provider_id: str, _tenant_id: UUID) -> Endpoint:
        return Endpoint(provider_id, "openai", "http://provider.invalid", None)

    def stream(_endpoint: Endpoint, _call: Call, _cancel: Cancel) -> Iterator[Text | Finish]:
        yield Text(ANSWER)
        yield Finish("stop", 12, 130)

    return Tools(database, lambda: datetime.now(UTC), endpoint, stream, time.monotonic() + 60)  # type: ignore[arg-type]


def _bare(trips: list[Trip]) -> list[Trip]:
    """The barest writes with the values of the same chat."""
    ours = {ledger._RESERVE, ledger._SETTLE, conversations._SAVE, conversations._SAVE_MESSAGES}
    values: dict[str, Any] = {}
    for trip in books(trips):
        for sql, parameters in trip:
            if sql in ours:
                values |= parameters
    rest = (_BARE_SETTLEMENT, _BARE_CONVERSATION, _BARE_QUESTION, _BARE_ANSWER)
    return [[(_BARE_LINE, values)], [(sql, values) for sql in rest]]


def _ledger(trips: list[Trip]) -> list[Trip]:
    """Reservation and settlement alone, with the scope before each."""
    wanted = {pool._SET_SCOPE, ledger._RESERVE, ledger._SETTLE}
    return [[statement for statement in trip if statement[0] in wanted] for trip in books(trips)]


def _rate(keep: Callable[[list[Trip]], list[Trip]], server: Server) -> float:
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(CLIENTS + 1)
    clients = [context.Process(target=_write, args=(server, number, keep, barrier)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    barrier.wait(timeout=120)
    began = time.perf_counter()
    for client in clients:
        client.join()
    took = time.perf_counter() - began
    failed = sum(client.exitcode != 0 for client in clients)
    assert not failed, f"{failed} clients broke off"
    return CLIENTS * (CHATS_A_CLIENT - 1) / took


def _write(server: Server, number: int, keep: Callable[[list[Trip]], list[Trip]], barrier: Any) -> None:
    member = member_of(Database(parse_url(server.url)), server, f"writer-{number}")
    chats = record(server, member, keep)
    with psycopg.connect(server.url, autocommit=True) as connection:
        pipelines = [Pipeline(connection, trip) for trip in chats.trips]
        values = [chats.again() for _ in range(CHATS_A_CLIENT)]
        _send(pipelines, values[0])  # connections, plans and caches are warm
        barrier.wait()
        for chat_values in values[1:]:
            _send(pipelines, chat_values)


def _send(pipelines: list[Pipeline], values: list[list[Values]]) -> None:
    for pipeline, bound in zip(pipelines, values, strict=True):
        pipeline.run(bound)


def _costs(server: Server) -> list[Result]:
    """Processor time of the server's process, and bytes of its log, for one chat; one client, after a checkpoint."""
    names = ("server CPU of reserve + settle (µs)", "log (WAL) of reserve + settle (bytes)")
    member = member_of(Database(parse_url(server.url)), server, "writer-0")
    with psycopg.connect(server.url, autocommit=True) as connection:
        if not Path(f"/proc/{connection.info.backend_pid}/schedstat").exists():
            return [not_measured(name, "needs Linux's /proc/…/schedstat of the server's process") for name in names]
        ledger_us, ledger_bytes = _cost(server, connection, record(server, member, _ledger))
        whole_us, whole_bytes = _cost(server, connection, record(server, member, books))
    whole = f"with conversation and messages: {whole_us:.0f} µs, {whole_bytes:.0f} bytes"
    return [
        at_most(names[0], ledger_us, 450, whole, whole_chat=whole_us),
        at_most(names[1], ledger_bytes, 1_100, whole, whole_chat=whole_bytes),
        told("log (WAL) of a whole chat (bytes)", whole_bytes, "reservation, settlement, conversation, two messages"),
    ]


def _cost(server: Server, connection: "psycopg.Connection[Any]", chats: Recorded) -> tuple[float, float]:
    pipelines = [Pipeline(connection, trip) for trip in chats.trips]
    run_script(server.owner_url, "CHECKPOINT")
    for _ in range(COUNTED_CHATS // 4):  # the pages that are written to have their full image in the log now
        _send(pipelines, chats.again())
    values = [chats.again() for _ in range(COUNTED_CHATS)]
    nanoseconds, written = _on_processor(connection), _logged(connection)
    for chat_values in values:
        _send(pipelines, chat_values)
    took = (_on_processor(connection) - nanoseconds) / 1000 / COUNTED_CHATS
    return took, (_logged(connection) - written) / COUNTED_CHATS


def _on_processor(connection: "psycopg.Connection[Any]") -> int:
    return int(Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text().split()[0])


def _logged(connection: "psycopg.Connection[Any]") -> int:
    row = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    return int(row[0])
