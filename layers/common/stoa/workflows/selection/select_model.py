"""A dry run of a selection: the decision that a chat message would meet now. Nothing is reserved or counted."""

from datetime import datetime
from typing import Any

from stoa.database.pool import Database
from stoa.domain.pricing.markup import money_text
from stoa.domain.selection.offers import ChatRequest, Refusal
from stoa.identity.members import Member
from stoa.workflows.selection.dry_selection import decide
from stoa.workflows.selection.member_view import refused


def select_model(database: Database, member: Member, asked: ChatRequest, now: datetime) -> dict[str, Any]:
    """Which model would answer, why, under which access and for about how much.

    Raises what a chat would be refused with: InvalidFields, NotFound, or a refusal of the rules.
    """
    decision = decide(database, member, asked, now)
    if isinstance(decision, Refusal):
        raise refused(decision)
    chosen = decision.chosen
    return {
        "modelId": chosen.offer.model_id,
        "modelName": chosen.offer.display_name,
        "rule": decision.rule,
        "reason": decision.reason,
        "access": chosen.access,
        "requestedModelId": decision.requested_model_id,
        "estimatedCost": money_text(chosen.estimated_cost),
        "fallbacks": [fallback.offer.model_id for fallback in decision.fallbacks],
    }
