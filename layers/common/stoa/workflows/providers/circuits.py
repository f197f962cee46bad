"""Circuits in the hands of an installation's operators. In ordinary times nobody needs this: they close alone."""

from typing import Any

from stoa.core.errors import NotFound
from stoa.core.text import iso
from stoa.database.pool import Row
from stoa.identity.caller import Caller
from stoa.store.providers import circuits as store
from stoa.store.tenancy import audit


def list_circuits(caller: Caller) -> list[dict[str, Any]]:
    """Every circuit that opened lately: those of providers and shared models, and of the operator's tenant's own."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return [_described(row, caller) for row in store.newest(connection)]


def reset_circuit(caller: Caller, circuit_id: str) -> bool:
    """Close a circuit; False when it was not open. Raises NotFound when there is none of that name."""
    kind, _, subject_id = circuit_id.partition(":")
    with caller.database.transaction(caller.tenant_scope) as connection:
        if not any((row["kind"], row["subject_id"]) == (kind, subject_id) for row in store.newest(connection)):
            raise NotFound("circuit")
        was_open = store.reset(connection, kind, subject_id, "closed by an operator", caller.now)
        if was_open:
            audit.record(
                connection,
                caller.tenant_id,
                caller.actor,
                "circuit.reset",
                circuit_id,
                before={"state": "open"},
                after={"state": "closed"},
            )
    return was_open


def _described(row: Row, caller: Caller) -> dict[str, Any]:
    until = row["open_until"]
    return {
        "id": f"{row['kind']}:{row['subject_id']}",
        "kind": row["kind"],
        "subjectId": row["subject_id"],
        "state": "closed" if until is None else "open" if until > caller.now else "half_open",
        "reason": row["reason"],
        "opens": row["opens"],
        "openedAt": iso(row["opened_at"]),
        "openUntil": until and iso(until),
        "closedAt": row["closed_at"] and iso(row["closed_at"]),
    }
