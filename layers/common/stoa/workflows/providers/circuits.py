"""Circuits as an installation's operators see and reset them. In ordinary times nobody needs this: they close alone."""

from datetime import datetime

from msgspec import Struct

from stoa.core.errors import NotFound
from stoa.identity.caller import Caller
from stoa.store.providers import circuits as store
from stoa.store.providers.circuits import KnownCircuit
from stoa.store.tenancy import audit


class CircuitView(Struct, frozen=True):
    """A circuit and its state: closed, open, or half_open, which lets one message at a time try."""

    id: str  # kind:subject_id
    kind: str  # provider | model
    subject_id: str
    state: str
    reason: str
    opens: int
    opened_at: datetime
    open_until: datetime | None
    closed_at: datetime | None


def list_circuits(caller: Caller) -> list[CircuitView]:
    """Returns every circuit that opened lately: of providers, shared models and the operator's tenant's own models."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return [_view_of(circuit, caller.now) for circuit in store.newest(connection)]


def reset_circuit(caller: Caller, circuit_id: str) -> bool:
    """Closes a circuit and returns whether it was open. Raises NotFound when there is none of that name."""
    kind, _, subject_id = circuit_id.partition(":")
    with caller.database.transaction(caller.tenant_scope) as connection:
        if not any((circuit.kind, circuit.subject_id) == (kind, subject_id) for circuit in store.newest(connection)):
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


def _view_of(circuit: KnownCircuit, now: datetime) -> CircuitView:
    until = circuit.open_until
    return CircuitView(
        id=f"{circuit.kind}:{circuit.subject_id}",
        kind=circuit.kind,
        subject_id=circuit.subject_id,
        state="closed" if until is None else "open" if until > now else "half_open",
        reason=circuit.reason,
        opens=circuit.opens,
        opened_at=circuit.opened_at,
        open_until=until,
        closed_at=circuit.closed_at,
    )
