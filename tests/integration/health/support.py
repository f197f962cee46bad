"""A clock to turn, and questions about circuits."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from stoa.clients.wires.types import FailureKind, ProviderError
from stoa.database.pool import Database, Scope
from stoa.domain.providers.circuit import BUCKET, bucket_of
from tests.integration.chat.support import Desk, Script, fails

DOWN = "gpt-4o-mini"  # free, OpenAI's and the system default; the provider calls it the same


@dataclass
class Clock:
    """Time that moves when it is told to. It begins with a bucket, so that tests know what falls into which."""

    now: datetime = field(default_factory=lambda: bucket_of(datetime.now(UTC) + BUCKET))

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def down(kind: FailureKind = "unavailable") -> Script:
    """A provider that fails before its first word."""
    return fails(ProviderError(kind, provider_id="openai"))


def circuits(owner_database: Database) -> dict[str, dict[str, Any]]:
    """Returns all circuits by kind and id."""
    with owner_database.autocommit(Scope()) as connection:
        rows = connection.run("SELECT * FROM circuits")
    return {f"{row['kind']}:{row['subject_id']}": row for row in rows}


def open_circuits(owner_database: Database) -> set[str]:
    """Those that are not closed."""
    return {name for name, row in circuits(owner_database).items() if row["open_until"] is not None}


def asked(desk: Desk, provider_model: str = DOWN) -> int:
    """Returns the number of calls that reached the model."""
    return sum(call.model == provider_model for call in desk.providers.calls)


def selection(desk: Desk, model_id: str = DOWN) -> dict[str, Any]:
    """Send a message to the model; what the last `selection` event says."""
    return dict([event for event in desk.send(model_id=model_id) if event.name == "selection"][-1].data)
