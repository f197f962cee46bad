"""Circuits and the outcomes of calls that open them. `stoa.domain.providers.circuit` has the rules."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from stoa.database.pool import Connection, Rows, Statement, json_parameter, typed
from stoa.domain.providers.circuit import WINDOWS, Circuit, Seen, Tally

# A tenant's own model says nothing about its provider: two that fail would otherwise shut the provider for everybody.
# In the order of the key, so that two processes never wait for each other.
_RECORD = """
INSERT INTO call_outcomes AS o (
    model_id, bucket, shard, tenant_id, provider_id, calls, failed, timed_out, rate_limited, slow
)
SELECT
    m.id, r.bucket, :shard ::int, m.tenant_id, CASE WHEN m.tenant_id IS NULL THEN m.provider_id END,
    r.calls, r.failed, r.timed_out, r.rate_limited, r.slow
FROM jsonb_to_recordset(:seen ::jsonb) AS r (
    model_id text, bucket timestamptz, calls int, failed int, timed_out int, rate_limited int, slow int
)
JOIN models m ON m.id = r.model_id
ORDER BY m.id, r.bucket
ON CONFLICT (model_id, bucket, shard) DO UPDATE SET
    calls = o.calls + excluded.calls,
    failed = o.failed + excluded.failed,
    timed_out = o.timed_out + excluded.timed_out,
    rate_limited = o.rate_limited + excluded.rate_limited,
    slow = o.slow + excluded.slow
"""

_SEEN = """
SELECT
    o.model_id, o.bucket, o.model_id = :model_id ::text AS is_model, o.provider_id IS NOT NULL AS is_provider,
    sum(o.calls)::int AS calls, sum(o.failed)::int AS failed, sum(o.timed_out)::int AS timed_out,
    sum(o.rate_limited)::int AS rate_limited, sum(o.slow)::int AS slow
FROM call_outcomes o
WHERE (o.model_id = :model_id OR o.provider_id = :provider_id ::text) AND o.bucket > :since ::timestamptz
GROUP BY o.model_id, o.bucket, o.provider_id
"""

_COLUMNS = "c.kind, c.subject_id, c.opens, c.opened_at, c.open_until, c.probe_until, c.closed_at"

_OF = f"""
SELECT {_COLUMNS} FROM circuits c
WHERE c.kind = 'model' AND c.subject_id = :model_id ::text OR c.kind = 'provider' AND c.subject_id = :provider_id ::text
"""  # noqa: S608 - a constant of this file

# The second process finds the circuit open and changes nothing.
_OPEN = """
INSERT INTO circuits AS c (kind, subject_id, tenant_id, opens, opened_at, open_until, reason)
SELECT
    :kind ::text, :subject_id ::text,
    CASE WHEN :kind = 'model' THEN (SELECT m.tenant_id FROM models m WHERE m.id = :subject_id) END,
    :opens ::int, :opened_at ::timestamptz, :open_until ::timestamptz, :reason ::text
ON CONFLICT (kind, subject_id) DO UPDATE SET
    opens = excluded.opens, opened_at = excluded.opened_at, open_until = excluded.open_until, probe_until = NULL,
    reason = excluded.reason
WHERE c.open_until IS NULL
RETURNING c.subject_id
"""

# All of a call's half-open circuits or none: with refuse() the reservation that came before it is undone, too.
_CLAIM = """
WITH claimed AS (
    UPDATE circuits c SET probe_until = :lease ::timestamptz
    FROM jsonb_to_recordset(:probes ::jsonb) AS r (kind text, subject_id text, opened_at timestamptz)
    WHERE c.kind = r.kind AND c.subject_id = r.subject_id AND c.opened_at = r.opened_at
        AND c.open_until <= :now ::timestamptz AND (c.probe_until IS NULL OR c.probe_until <= :now)
    RETURNING c.subject_id
)
SELECT CASE WHEN (SELECT count(*) FROM claimed) < :number ::int THEN refuse('probe') END
"""

_CLOSE = """
UPDATE circuits c SET open_until = NULL, probe_until = NULL, closed_at = :now ::timestamptz
FROM jsonb_to_recordset(:probes ::jsonb) AS r (kind text, subject_id text, opened_at timestamptz)
WHERE c.kind = r.kind AND c.subject_id = r.subject_id AND c.opened_at = r.opened_at AND c.open_until IS NOT NULL
"""

_OPEN_AGAIN = """
UPDATE circuits c SET
    opens = r.opens, opened_at = r.opened_at, open_until = r.open_until, probe_until = NULL,
    reason = 'a probe failed: ' || :outcome ::text
FROM jsonb_to_recordset(:probes ::jsonb) AS r (
    kind text, subject_id text, was_opened_at timestamptz, opens int, opened_at timestamptz, open_until timestamptz
)
WHERE c.kind = r.kind AND c.subject_id = r.subject_id AND c.opened_at = r.was_opened_at AND c.open_until IS NOT NULL
"""

_LET_GO = """
UPDATE circuits c SET probe_until = NULL
FROM jsonb_to_recordset(:probes ::jsonb) AS r (kind text, subject_id text, opened_at timestamptz)
WHERE c.kind = r.kind AND c.subject_id = r.subject_id AND c.opened_at = r.opened_at AND c.open_until IS NOT NULL
"""

# For the snapshot: the circuits that are open or half-open. Mostly there are none.
OPEN_CIRCUITS = """
    SELECT json_agg(json_build_array(c.kind, c.subject_id, c.opens, c.opened_at, c.open_until, c.probe_until))
    FROM circuits c WHERE c.open_until IS NOT NULL
"""

_LIST = """
SELECT c.kind, c.subject_id, c.reason, c.opens, c.opened_at, c.open_until, c.closed_at
FROM circuits c
ORDER BY c.open_until DESC NULLS LAST, c.kind, c.subject_id
"""

_RESET = """
UPDATE circuits c SET open_until = NULL, probe_until = NULL, closed_at = :now ::timestamptz, reason = :reason
WHERE c.kind = :kind AND c.subject_id = :subject_id AND c.open_until IS NOT NULL
RETURNING c.subject_id
"""

_PURGE_OUTCOMES = "DELETE FROM call_outcomes o WHERE o.bucket < :outcomes_before ::timestamptz"

# A circuit that stayed closed is forgotten; so is one that nobody has asked for since, whose model may be gone.
_PURGE_CIRCUITS = """
DELETE FROM circuits c
WHERE coalesce(c.closed_at, c.opened_at) < :circuits_before ::timestamptz
    AND (c.open_until IS NULL OR c.open_until < :circuits_before)
"""


class KnownCircuit(Struct, frozen=True):
    """A circuit as operators see it. `reason` tells what opened it last, or who closed it."""

    kind: str  # provider | model
    subject_id: str
    reason: str
    opens: int
    opened_at: datetime
    open_until: datetime | None
    closed_at: datetime | None


class _Outcomes(Struct, frozen=True):
    """A model's calls within one bucket, and whether they concern the model that was asked about, or its provider."""

    model_id: str
    bucket: datetime
    is_model: bool
    is_provider: bool
    calls: int
    failed: int
    timed_out: int
    rate_limited: int
    slow: int

    def seen(self) -> Seen:
        tally = Tally(self.calls, self.failed, self.timed_out, self.rate_limited, self.slow)
        return Seen(self.model_id, self.bucket, tally)


def record_statement(shard: int, seen: Iterable[Seen]) -> Statement:
    """Returns the statement that adds what a process has seen to the sums. `shard` spreads processes over rows."""
    rows = [{"model_id": entry.model_id, "bucket": entry.bucket, **asdict(entry.tally)} for entry in seen]
    return _RECORD, {"shard": shard, "seen": json_parameter(rows)}


def look_statements(model_id: str, provider_id: str, now: datetime) -> list[Statement]:
    """Returns the statements that read the recent outcomes of a model and its provider, and both circuits.

    Their rows go to `looked`.
    """
    subject = {"model_id": model_id, "provider_id": provider_id}
    return [(_SEEN, {**subject, "since": now - max(WINDOWS)}), (_OF, subject)]


def looked(outcomes: Rows, circuits: Rows) -> tuple[list[Seen], list[Seen], list[Circuit]]:
    """Returns the model's outcomes, its provider's, and both circuits, from the rows of `look_statements`."""
    found = typed(_Outcomes, outcomes)
    of_model = [entry.seen() for entry in found if entry.is_model]
    of_provider = [entry.seen() for entry in found if entry.is_provider]
    return of_model, of_provider, typed(Circuit, circuits)


def open_circuits(found: Sequence[Sequence[Any]] | None) -> tuple[Circuit, ...]:
    """Returns the circuits that are not closed, from the snapshot's row."""
    return tuple(
        Circuit(kind, subject_id, opens, *(then and datetime.fromisoformat(then) for then in instants))
        for kind, subject_id, opens, *instants in found or ()
    )


def open_circuit(connection: Connection, circuit: Circuit, reason: str) -> bool:
    """Opens a circuit that is closed. False: another process opened it before."""
    rows = connection.run(
        _OPEN,
        kind=circuit.kind,
        subject_id=circuit.subject_id,
        opens=circuit.opens,
        opened_at=circuit.opened_at,
        open_until=circuit.open_until,
        reason=reason,
    )
    return bool(rows)


def claim_statement(probes: Sequence[Circuit], lease: datetime, now: datetime) -> Statement:
    """Returns the statement that claims these half-open circuits for one probe.

    It refuses (probe) where another process is trying one of them.
    """
    return _CLAIM, {"probes": _named(probes), "number": len(probes), "lease": lease, "now": now}


def close_statement(probes: Sequence[Circuit], now: datetime) -> Statement:
    """Returns the statement that closes the circuits after a probe that succeeded."""
    return _CLOSE, {"probes": _named(probes), "now": now}


def open_again_statement(probes: Sequence[Circuit], again: Sequence[Circuit], outcome: str) -> Statement:
    """Returns the statement that opens the circuits again after a probe that failed.

    Each of `probes` becomes the circuit at its place in `again`.
    """
    rows = [
        {
            "kind": new.kind,
            "subject_id": new.subject_id,
            "was_opened_at": old.opened_at,
            "opens": new.opens,
            "opened_at": new.opened_at,
            "open_until": new.open_until,
        }
        for old, new in zip(probes, again, strict=True)
    ]
    return _OPEN_AGAIN, {"probes": json_parameter(rows), "outcome": outcome}


def let_go_statement(probes: Sequence[Circuit]) -> Statement:
    """Returns the statement that lets another process probe at once, because this probe found out nothing."""
    return _LET_GO, {"probes": _named(probes)}


def newest(connection: Connection) -> list[KnownCircuit]:
    """Returns every circuit that is not forgotten, the open ones first."""
    return connection.fetch(KnownCircuit, _LIST)


def reset(connection: Connection, kind: str, subject_id: str, reason: str, now: datetime) -> bool:
    """Closes an open circuit by hand. False: it is not open."""
    return bool(connection.run(_RESET, kind=kind, subject_id=subject_id, reason=reason, now=now))


def purge(connection: Connection, *, outcomes_before: datetime, circuits_before: datetime) -> None:
    """Forgets old outcomes, and circuits that have long been closed or unused."""
    connection.run_all(
        [
            (_PURGE_OUTCOMES, {"outcomes_before": outcomes_before}),
            (_PURGE_CIRCUITS, {"circuits_before": circuits_before}),
        ]
    )


def _named(circuits: Sequence[Circuit]) -> str:
    return json_parameter(
        [{"kind": one.kind, "subject_id": one.subject_id, "opened_at": one.opened_at} for one in circuits]
    )
