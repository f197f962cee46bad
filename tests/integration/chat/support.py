"""A scripted provider and the questions tests ask of the database."""

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from stoa.clients.wires.types import Call, Cancel, Endpoint, Finish, Text
from stoa.core.errors import StoaError
from stoa.database.pool import Database, Scope
from stoa.http.chat_events import selection_headers, told
from stoa.identity.caller import Caller
from stoa.identity.members import Member, Members, Principal
from stoa.store.tenancy.audit import Actor
from stoa.workflows.chat import ChatMessage, Event, Failure, Tools, chat

Script = Callable[[Call, Cancel], Generator[Text | Finish, None, None]]


def says(*pieces: str, input_tokens: int | None = 10, output_tokens: int | None = 20) -> Script:
    """A provider that answers in these pieces."""

    def script(call: Call, cancel: Cancel) -> Generator[Text | Finish, None, None]:
        yield from (Text(piece) for piece in pieces)
        yield Finish("stop", input_tokens, output_tokens)

    return script


def fails(error: Exception, *pieces: str) -> Script:
    """A provider that says these pieces and then breaks off."""

    def script(call: Call, cancel: Cancel) -> Generator[Text | Finish, None, None]:
        yield from (Text(piece) for piece in pieces)
        raise error

    return script


@dataclass
class ScriptedProviders:
    """Answers by the provider's own name for a model; `default` for the others. Remembers the calls."""

    default: Script = field(default_factory=lambda: says("Hello ", "there."))
    by_model: dict[str, Script] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def stream(self, endpoint: Endpoint, call: Call, cancel: Cancel) -> Generator[Text | Finish, None, None]:
        self.calls.append(call)
        return self.by_model.get(call.model, self.default)(call, cancel)


@dataclass(frozen=True)
class Told:
    """An event as our API tells it, beside the event itself."""

    name: str
    data: dict[str, Any]
    headers: dict[str, str]
    event: Event

    @classmethod
    def of(cls, event: Event) -> "Told":
        name, data = told(event, "request-1")
        return cls(name, data, selection_headers(event), event)

    @property
    def text(self) -> str:
        """The text of a content event."""
        return str(self.data["text"])

    @property
    def items(self) -> list[dict[str, Any]]:
        """The citations of a citations event."""
        return list(self.data["citations"])

    @property
    def error(self) -> StoaError:
        """The error of an error event."""
        assert isinstance(self.event, Failure)
        return self.event.error


@dataclass
class Desk:
    """A member at a desk: sends messages and looks into the books."""

    database: Database
    member: Member
    providers: ScriptedProviders
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    own_key: bool = False  # of the tenant, at every provider
    endpoint: Callable[[str, UUID], Endpoint] | None = None

    def tools(self) -> Tools:
        def endpoint(provider_id: str, tenant_id: UUID) -> Endpoint:
            return Endpoint(provider_id, "openai", "http://provider.invalid", None, own_key=self.own_key)

        return Tools(self.database, self.clock, self.endpoint or endpoint, self.providers.stream, time.monotonic() + 60)

    def events(self, content: str = "Hello", **message: Any) -> Generator[Told, None, None]:
        """Sends a message and yields its events as our API tells them. Closing it closes the chat."""
        with closing(chat(self.tools(), self.member, ChatMessage(content, **message), Cancel())) as events:
            for event in events:
                yield Told.of(event)

    def send(self, content: str = "Hello", **message: Any) -> list[Told]:
        return list(self.events(content, **message))

    def lines(self) -> list[dict[str, Any]]:
        return self.query("SELECT * FROM usage WHERE user_id = :user_id ORDER BY id")

    def used(self, model_id: str) -> int:
        rows = self.query(
            "SELECT sum(used) AS used FROM daily_counters WHERE user_id = :user_id AND model_id = :model_id",
            model_id=model_id,
        )
        return int(rows[0]["used"] or 0)

    def trials_used(self, model_id: str) -> int:
        rows = self.query(
            "SELECT used FROM trial_counters WHERE user_id = :user_id AND model_id = :model_id", model_id=model_id
        )
        return rows[0]["used"] if rows else 0

    def query(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        with self.database.autocommit(self.member.scope) as connection:
            return connection.run(sql, user_id=self.member.user_id, **parameters)

    def change(self, sql: str, **parameters: Any) -> None:
        """Do what an admin of the tenant would do."""
        with self.database.autocommit(Scope(tenant_id=self.member.tenant_id)) as connection:
            connection.run(sql, tenant_id=self.member.tenant_id, **parameters)


def caller_of(desk: Desk, now: datetime) -> Caller:
    """The member at the desk as the caller of a use case."""
    return Caller(desk.database, desk.member, Actor(desk.member.user_id), now)


def make_member(database: Database, tenant_id: UUID, subject: str = "ada") -> Member:
    """A member of the tenant, provisioned as the first request does it."""
    return Members().get(database, Principal(subject, tenant_id, f"{subject}@example.test", frozenset()))


OVERLAY = """
INSERT INTO tenant_models AS o (tenant_id, model_id, enabled, has_daily_limit, daily_limit, trial_messages)
VALUES (:tenant_id, :model_id, :enabled, :has_daily_limit, :daily_limit, :trial_messages)
ON CONFLICT (tenant_id, model_id) DO UPDATE SET
    enabled = coalesce(excluded.enabled, o.enabled),
    has_daily_limit = coalesce(excluded.has_daily_limit, o.has_daily_limit),
    daily_limit = coalesce(excluded.daily_limit, o.daily_limit),
    trial_messages = coalesce(excluded.trial_messages, o.trial_messages)
"""


def overlay(desk: Desk, model_id: str, **decided: Any) -> None:
    """Sets what the tenant decides about a model: enabled, daily_limit, trial_messages."""
    limit = decided.get("daily_limit")
    desk.change(
        OVERLAY,
        model_id=model_id,
        enabled=decided.get("enabled"),
        has_daily_limit=None if limit is None else True,
        daily_limit=limit,
        trial_messages=decided.get("trial_messages"),
    )


def kinds(events: list[Any]) -> list[str]:
    """The names of events, in order."""
    return [type(event.event).__name__.lower() for event in events]
