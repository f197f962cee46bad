"""Decides which model would answer a message now. Reserves and counts nothing."""

from datetime import datetime

from stoa.database.pool import Database
from stoa.domain.selection.offers import ChatRequest, Decision
from stoa.domain.selection.refusals import Refusal
from stoa.domain.selection.selection import select
from stoa.identity.members import Member
from stoa.workflows.selection.member_view import load_with
from stoa.workflows.selection.message_view import checked_prompts, prompt_of, prompt_statements, rules_snapshot


def decide(database: Database, member: Member, asked: ChatRequest, now: datetime) -> Decision | Refusal:
    """Returns the decision that chat would make. Raises InvalidFields or NotFound for a persona or mode, like chat."""
    view, answers = load_with(database, member, now, prompt_statements(member, asked, now))
    prompts = checked_prompts(asked, answers[0] if answers else ())
    return select(rules_snapshot(asked, view, prompts, prompt_of(prompts), now))
