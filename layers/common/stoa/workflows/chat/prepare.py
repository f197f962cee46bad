"""Prepares a chat: reads everything in one round trip, refuses what must be refused, and decides who answers."""

from datetime import datetime
from itertools import islice

from msgspec import Struct

from stoa.clients.wires.types import Turn
from stoa.core.errors import Conflict, NotFound
from stoa.database.pool import Rows, Statement
from stoa.domain.chat.answer_report import AnswerReport, Citation
from stoa.domain.chat.context import turn_tokens
from stoa.domain.chat.prompt import Prompt
from stoa.domain.selection.offers import ChatRequest, Decision
from stoa.domain.selection.refusals import Refusal
from stoa.domain.selection.selection import select
from stoa.identity.members import Member
from stoa.store.chat import conversations, ledger
from stoa.store.chat.answer_documents import read_citations, read_report
from stoa.store.selection.snapshots import MemberSnapshot
from stoa.workflows.chat.values import ChatMessage, Tools
from stoa.workflows.selection.member_view import load_with, refused
from stoa.workflows.selection.message_view import checked_prompts, prompt_of, prompt_statements, rules_snapshot


class Prepared(Struct, frozen=True):
    """A message ready to be sent: the decision, the prompt and the earlier turns, oldest first."""

    snapshot: MemberSnapshot
    decision: Decision
    prompt: Prompt
    history: tuple[Turn, ...]
    resets_at: datetime
    now: datetime


class Replay(Struct, frozen=True):
    """The answer that the same request was given before."""

    content: str
    report: AnswerReport
    citations: tuple[Citation, ...]


def prepare(tools: Tools, member: Member, message: ChatMessage) -> Prepared | Replay:
    """Decides how `message` is served.

    Raises what the client must be told: InvalidFields, NotFound, Conflict for a misused key, or a refusal of the rules.
    """
    now = tools.clock()
    asked = _asked(message)
    queries = _Queries(
        prompts=prompt_statements(member, asked, now),
        conversation=conversations.history_statements(member.tenant_id, member.user_id, message.conversation_id),
        key=ledger.key_statements(member.tenant_id, member.user_id, message.idempotency_key),
    )
    snapshot, answers = load_with(tools.database, member, now, queries.statements)
    found = queries.answers(answers)
    replay = _earlier_answer(message, found["key"])
    if replay is not None:
        return replay
    prompts = checked_prompts(asked, found["prompts"][0] if found["prompts"] else [])
    history = _checked_history(message, found["conversation"])
    prompt = prompt_of(prompts)
    history_tokens = sum(turn_tokens(turn.content) for turn in history)
    rules = rules_snapshot(asked, snapshot, prompts, prompt, now, history_tokens)
    decision = select(rules)
    if isinstance(decision, Refusal):
        raise refused(decision)
    return Prepared(snapshot, decision, prompt, history, rules.limit_resets_at, now)


class _Queries:
    """The statements a message needs besides the snapshot, under names, so that their answers are found again."""

    def __init__(self, **named: list[Statement]) -> None:
        self._named = named
        self.statements = [statement for statements in named.values() for statement in statements]

    def answers(self, rows: list[Rows]) -> dict[str, list[Rows]]:
        remaining = iter(rows)
        return {name: list(islice(remaining, len(statements))) for name, statements in self._named.items()}


def _asked(message: ChatMessage) -> ChatRequest:
    return ChatRequest(
        content=message.content,
        model_id=message.model_id,
        persona_id=message.persona_id,
        domain_mode=message.domain_mode,
        focus_mode=message.focus_mode,
        max_output_tokens=message.max_output_tokens,
    )


def _earlier_answer(message: ChatMessage, answers: list[Rows]) -> Replay | None:
    earlier = ledger.keyed_answer(answers[0]) if answers else None
    if earlier is None:
        return None
    if earlier.request_hash != message.request_hash:
        raise Conflict(
            "IDEMPOTENCY_KEY_REUSED",
            "This Idempotency-Key was used for another request. Use a new key for a new message.",
        )
    if earlier.status == "reserved":
        raise Conflict(
            "IDEMPOTENCY_KEY_IN_PROGRESS",
            "The first request with this Idempotency-Key is still being answered. Ask again in a moment.",
            retry_after=2,
        )
    if earlier.status in ("failed", "expired"):
        return None
    if earlier.message_id is None:
        raise Conflict(
            "IDEMPOTENCY_ANSWER_DELETED",
            "This message was answered and charged once; its conversation has been deleted since. Use a new key.",
        )
    return Replay(earlier.content or "", read_report(earlier.metadata or {}), read_citations(earlier.citations or ()))


def _checked_history(message: ChatMessage, answers: list[Rows]) -> tuple[Turn, ...]:
    if message.conversation_id is None:
        return ()
    own, newest_first = answers
    if not own:
        raise NotFound("conversation")
    return tuple(Turn(turn.role, turn.content) for turn in reversed(conversations.turns(newest_first)))
