"""Before a chat: read everything in one round trip, refuse what must be refused, and decide which model answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stoa.clients.wires.types import Turn
from stoa.db import Row, Statement
from stoa.domain.context import turn_tokens
from stoa.domain.offers import ChatRequest, Decision, ModeDefaults, Refusal, Snapshot
from stoa.domain.prompt import Prompt, build_prompt
from stoa.domain.quota import next_reset
from stoa.domain.selection import select
from stoa.errors import Conflict, InvalidFields, NotFound
from stoa.identity import Member
from stoa.member_view import load_with, refused
from stoa.store import conversations, ledger, snapshots
from stoa.store.snapshots import MemberSnapshot, Prompts
from stoa.workflows.chat.values import ChatMessage, Tools


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message ready to be sent: the decision, the prompt and the earlier turns, oldest first."""

    snapshot: MemberSnapshot
    decision: Decision
    prompt: Prompt
    history: tuple[Turn, ...]
    resets_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Replay:
    """The same request was answered before; this is what it was answered."""

    content: str
    metadata: Mapping[str, Any]
    citations: list[dict[str, Any]]


def prepare(tools: Tools, member: Member, message: ChatMessage) -> Prepared | Replay:
    """Decide how `message` is served.

    Raises what the client must be told: InvalidFields, NotFound, Conflict for a misused key, or a refusal of the rules.
    """
    now = tools.clock()
    plan = _Plan(member, message)
    snapshot, answers = load_with(tools.database, member, now, plan.statements)
    if message.idempotency_key:
        replay = _earlier_answer(message, plan.rows(answers, "key"))
        if replay is not None:
            return replay
    prompts = _checked_prompts(message, plan.rows(answers, "prompts"))
    history = _checked_history(message, plan.rows(answers, "conversation"), plan.rows(answers, "history"))
    prompt = build_prompt(prompts.persona, prompts.domain_mode, prompts.focus_mode)
    resets_at = next_reset(now, snapshot.time_zone)
    decision = select(_rules_snapshot(message, snapshot, prompts, prompt, history, resets_at, now))
    if isinstance(decision, Refusal):
        raise refused(decision)
    return Prepared(snapshot, decision, prompt, history, resets_at, now)


class _Plan:
    """The statements this message needs besides the snapshot, each under a name."""

    def __init__(self, member: Member, message: ChatMessage) -> None:
        tenant_id, user_id = member.tenant_id, member.user_id
        named: dict[str, Statement] = {}
        if message.persona_id or message.domain_mode or message.focus_mode:
            named["prompts"] = snapshots.prompts_statement(
                tenant_id, user_id, message.persona_id, message.domain_mode, message.focus_mode
            )
        if message.conversation_id:
            own, turns = conversations.history_statements(tenant_id, user_id, message.conversation_id)
            named |= {"conversation": own, "history": turns}
        if message.idempotency_key:
            named["key"] = ledger.key_statement(tenant_id, user_id, message.idempotency_key)
        self._names = list(named)
        self.statements = list(named.values())

    def rows(self, answers: list[list[Row]], name: str) -> list[Row]:
        return answers[self._names.index(name)] if name in self._names else []


def _earlier_answer(message: ChatMessage, rows: list[Row]) -> Replay | None:
    if not rows:
        return None
    earlier = rows[0]
    if earlier["request_hash"] != message.request_hash:
        raise Conflict(
            "IDEMPOTENCY_KEY_REUSED",
            "This Idempotency-Key was used for another request. Use a new key for a new message.",
        )
    if earlier["status"] == "reserved":
        raise Conflict(
            "IDEMPOTENCY_KEY_IN_PROGRESS",
            "The first request with this Idempotency-Key is still being answered. Ask again in a moment.",
            headers={"Retry-After": "2"},
        )
    if earlier["status"] in ("failed", "expired"):
        return None
    if earlier["message_id"] is None:
        raise Conflict(
            "IDEMPOTENCY_ANSWER_DELETED",
            "This message was answered and charged once; its conversation has been deleted since. Use a new key.",
        )
    return Replay(earlier["content"], earlier["metadata"], earlier["citations"])


def _checked_prompts(message: ChatMessage, rows: list[Row]) -> Prompts:
    prompts = snapshots.prompts_from_row(rows[0]) if rows else Prompts()
    if message.persona_id and prompts.persona is None:
        raise NotFound("persona")
    if message.domain_mode and prompts.domain_mode is None:
        raise InvalidFields(
            [{"path": "domainMode", "reason": "there is no such domain mode; see GET /api/domain-modes"}]
        )
    if prompts.domain_mode is not None and not prompts.domain_mode["enabled"]:
        raise InvalidFields([{"path": "domainMode", "reason": "this domain mode is switched off for your tenant"}])
    if message.focus_mode and prompts.focus_mode is None:
        raise InvalidFields([{"path": "focusMode", "reason": "there is no such focus mode; see GET /api/focus-modes"}])
    return prompts


def _checked_history(message: ChatMessage, own: list[Row], newest_first: list[Row]) -> tuple[Turn, ...]:
    if message.conversation_id and not own:
        raise NotFound("conversation")
    return tuple(Turn(row["role"], row["content"]) for row in reversed(newest_first))


def _rules_snapshot(
    message: ChatMessage,
    snapshot: MemberSnapshot,
    prompts: Prompts,
    prompt: Prompt,
    history: tuple[Turn, ...],
    resets_at: datetime,
    now: datetime,
) -> Snapshot:
    system_tokens = turn_tokens(prompt.system) if prompt.system else 0
    request = ChatRequest(
        content=message.content,
        model_id=message.model_id,
        persona_id=message.persona_id,
        domain_mode=message.domain_mode,
        focus_mode=message.focus_mode,
        max_output_tokens=message.max_output_tokens,
        context_tokens=system_tokens + sum(turn_tokens(turn.content) for turn in history),
        system_tokens=system_tokens,
    )
    return Snapshot(
        request=request,
        preferences=snapshot.preferences,
        offers=snapshot.offers,
        modes=ModeDefaults(
            domain_default=prompts.domain_mode["default_model"] if prompts.domain_mode else None,
            focus_default=prompts.focus_mode["default_model_id"] if prompts.focus_mode else None,
        ),
        now=now,
        limit_resets_at=resets_at,
        force_system_default=snapshot.force_system_default,
    )
