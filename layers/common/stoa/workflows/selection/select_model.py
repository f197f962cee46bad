"""A dry run of a selection: the decision that a chat message would meet now. Nothing is reserved or counted."""

from decimal import Decimal

from msgspec import Struct

from stoa.domain.selection.offers import ChatRequest
from stoa.domain.selection.refusals import Refusal
from stoa.identity.caller import Caller
from stoa.workflows.selection.dry_selection import decide
from stoa.workflows.selection.member_view import refused


class SelectedModel(Struct, frozen=True):
    """A decision. `estimated_cost` in USD; 0 for a trial message."""

    model_id: str
    model_name: str
    rule: str
    reason: str
    access: str
    requested_model_id: str | None
    estimated_cost: Decimal
    fallbacks: list[str]


def select_model(caller: Caller, asked: ChatRequest) -> SelectedModel:
    """Returns which model would answer, why, under which access and for about how much.

    Raises what a chat would be refused with: InvalidFields, NotFound, or a refusal of the rules.
    """
    decision = decide(caller.database, caller.member, asked, caller.now)
    if isinstance(decision, Refusal):
        raise refused(decision)
    chosen = decision.chosen
    return SelectedModel(
        model_id=chosen.offer.model_id,
        model_name=chosen.offer.display_name,
        rule=decision.rule,
        reason=decision.reason,
        access=chosen.access,
        requested_model_id=decision.requested_model_id,
        estimated_cost=chosen.estimated_cost,
        fallbacks=[fallback.offer.model_id for fallback in decision.fallbacks],
    )
