"""A message before the rules: its prompts checked, its snapshot put together. Shared by chat and its dry run."""

from datetime import datetime

from msgspec.structs import replace

from stoa.core.errors import FieldProblem, InvalidFields, NotFound
from stoa.database.pool import Rows, Statement
from stoa.domain.catalogue.names import default_order
from stoa.domain.chat.context import turn_tokens
from stoa.domain.chat.prompt import Prompt, build_prompt
from stoa.domain.personas.knowledge import passages_tokens
from stoa.domain.selection.offers import ChatRequest, ModeDefaults, Snapshot
from stoa.domain.selection.quota import next_reset
from stoa.identity.members import Member
from stoa.store.selection import prompts
from stoa.store.selection.prompts import Prompts
from stoa.store.selection.snapshots import MemberSnapshot


def prompt_statements(member: Member, asked: ChatRequest, now: datetime) -> list[Statement]:
    """Returns the query for the message's persona and modes, to be sent with the snapshot's. Empty: it names none."""
    if not (asked.persona_id or asked.domain_mode or asked.focus_mode):
        return []
    return [prompts.statement(member.tenant_id, member.user_id, asked, now)]


def checked_prompts(asked: ChatRequest, rows: Rows) -> Prompts:
    """Returns the message's persona and modes, from the rows of `prompt_statements`; none where it names none.

    Raises NotFound for a persona that the member may not use, InvalidFields for a mode that is not there or is off.
    """
    found = prompts.from_row(rows[0]) if rows else Prompts()
    if asked.persona_id and found.persona is None:
        raise NotFound("persona")
    if asked.domain_mode and found.domain_mode is None:
        raise _unusable("domainMode", "there is no such domain mode; see GET /api/domain-modes")
    if found.domain_mode is not None and not found.domain_mode.enabled:
        raise _unusable("domainMode", "this domain mode is switched off for your tenant")
    if asked.focus_mode and found.focus_mode is None:
        raise _unusable("focusMode", "there is no such focus mode; see GET /api/focus-modes")
    if found.focus_mode is not None and not found.focus_mode.enabled:
        raise _unusable("focusMode", "this focus mode is switched off for your tenant")
    return found


def prompt_of(found: Prompts) -> Prompt:
    """Returns the prompt that the message's persona and modes make."""
    domain, focus = (mode.prompt if mode else None for mode in (found.domain_mode, found.focus_mode))
    return build_prompt(found.persona, domain, focus, member=found.member, passages=found.passages)


def rules_snapshot(
    asked: ChatRequest, view: MemberSnapshot, found: Prompts, prompt: Prompt, now: datetime, history_tokens: int = 0
) -> Snapshot:
    """Returns all that the selection looks at. `history_tokens` estimates the turns that go before the message."""
    system_tokens = turn_tokens(prompt.system) if prompt.system else 0
    # Passages count where a model is chosen, and what the message costs; like history they never make it too long.
    passage_tokens = passages_tokens(prompt.passages)
    context_tokens = system_tokens + passage_tokens + history_tokens
    return Snapshot(
        request=replace(
            asked,
            context_tokens=context_tokens,
            system_tokens=system_tokens,
            max_output_tokens=asked.max_output_tokens or prompt.max_output_tokens,
        ),
        preferences=view.preferences,
        offers=view.offers,
        modes=ModeDefaults(
            domain_default=found.domain_mode.default_model if found.domain_mode else None,
            focus_default=found.focus_mode.default_model if found.focus_mode else None,
        ),
        now=now,
        limit_resets_at=next_reset(now, view.time_zone),
        default_ids=default_order(view.default_ids, view.offers, view.aliases, now),
        aliases=view.aliases,
        force_system_default=view.force_system_default,
        currency=view.currency,
    )


def _unusable(path: str, reason: str) -> InvalidFields:
    return InvalidFields([FieldProblem(path, reason)])
