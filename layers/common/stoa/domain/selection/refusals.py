"""The refusals a selection may end in, each with what the client needs to act on it."""

from datetime import datetime, timedelta
from decimal import Decimal

from stoa.domain.pricing.markup import money_text
from stoa.domain.selection.offers import Offer, Refusal
from stoa.domain.selection.quota import rate_limit_headers, utc_text
from stoa.domain.teams.team_tokens import TeamShare

MODEL_NOT_FOUND = "MODEL_NOT_FOUND"
MODEL_CANNOT_CHAT = "MODEL_CANNOT_CHAT"
MODEL_LOCKED = "MODEL_LOCKED"
RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
TEAM_POOL_EXHAUSTED = "TEAM_POOL_EXHAUSTED"
COST_LIMIT_EXCEEDED = "COST_LIMIT_EXCEEDED"
INPUT_TOO_LONG = "INPUT_TOO_LONG"
NO_MODEL_AVAILABLE = "NO_MODEL_AVAILABLE"

PURCHASE_PATH = "/api/purchases/create-session"


def model_not_found(model_id: str) -> Refusal:
    """404: the request names a model that this tenant does not have."""
    return Refusal(
        MODEL_NOT_FOUND,
        f"There is no model {model_id!r}. GET /api/models lists those you can use; null or 'auto' lets Stoa choose.",
        404,
        {"modelId": model_id},
    )


def model_cannot_chat(offer: Offer) -> Refusal:
    """422: the model exists and gives no text answers."""
    return Refusal(
        MODEL_CANNOT_CHAT,
        f"{offer.display_name} does not answer in text. Choose a model that can chat.",
        422,
        {"modelId": offer.model_id, "modelName": offer.display_name, "capabilities": list(offer.capabilities)},
    )


def model_locked(offer: Offer, currency: str) -> Refusal:
    """402: a premium model that the member has not bought and has no trial messages left on.

    `currency` is the tenant's, of the unlock price. Where a team covers the model, its tokens are used up and the
    refusal says when there are new ones.
    """
    if offer.team is not None:
        return _team_exhausted(offer, offer.team, currency)
    trial_used_up = offer.trial_messages > 0
    why = "your trial messages are used up" if trial_used_up else "it has not been purchased"
    return Refusal(
        MODEL_LOCKED,
        f"{offer.display_name} is locked: {why}. {_how_to_unlock(offer, currency)}, or choose another model.",
        402,
        {
            "reason": "TRIAL_EXPIRED" if trial_used_up else "NOT_PURCHASED",
            "modelId": offer.model_id,
            "modelName": offer.display_name,
            "priceCents": offer.unlock_price_cents,
            "currency": currency,
            "trialMessagesRemaining": 0,
            "purchase": _purchase(offer),
        },
    )


def _team_exhausted(offer: Offer, team: TeamShare, currency: str) -> Refusal:
    pool_used_up = team.pool_remaining == 0
    what = f"the tokens of {team.team_name}" if pool_used_up else f"your tokens from {team.team_name}"
    return Refusal(
        TEAM_POOL_EXHAUSTED,
        f"{offer.display_name} is paid for by your team, and {what} are used up, messages under way included. New "
        f"ones come at {utc_text(team.resets_at)}. Ask the team's owner for more or choose another model. "
        f"{_how_to_unlock(offer, currency)}.",
        402,
        {
            "reason": "POOL_USED_UP" if pool_used_up else "ALLOTMENT_USED_UP",
            "modelId": offer.model_id,
            "modelName": offer.display_name,
            "teamId": str(team.team_id),
            "teamName": team.team_name,
            "limit": team.pool if pool_used_up else team.allotment,
            "remaining": 0,
            "resetAt": utc_text(team.resets_at),
            "priceCents": offer.unlock_price_cents,
            "currency": currency,
            "purchase": _purchase(offer),
        },
    )


def _how_to_unlock(offer: Offer, currency: str) -> str:
    if offer.unlock_price_cents is None:
        return "Ask an admin to grant access"
    return f"Unlock it once for {Decimal(offer.unlock_price_cents).scaleb(-2):.2f} {currency.upper()}"


def _purchase(offer: Offer) -> dict[str, object] | None:
    if offer.unlock_price_cents is None:
        return None
    return {"method": "POST", "path": PURCHASE_PATH, "body": {"productType": "model", "modelId": offer.model_id}}


def rate_limit_exceeded(offer: Offer, *, limit: int, reset_at: datetime, now: datetime) -> Refusal:
    """429: the member has used up today's messages on this model. The reset told is never in the past."""
    reset_at = max(reset_at, now + timedelta(seconds=1))
    return Refusal(
        RATE_LIMIT_EXCEEDED,
        f"Today's limit of {limit} messages on {offer.display_name} is reached. Wait for the reset at "
        f"{utc_text(reset_at)} or choose another model.",
        429,
        {
            "modelId": offer.model_id,
            "modelName": offer.display_name,
            "limit": limit,
            "remaining": 0,
            "resetAt": utc_text(reset_at),
        },
        rate_limit_headers(limit, limit, reset_at, now, refused=True),
    )


def cost_limit_exceeded(offer: Offer, *, estimate: Decimal, ceiling: Decimal) -> Refusal:
    """402: the message would probably cost more than the member's own ceiling per message."""
    return Refusal(
        COST_LIMIT_EXCEEDED,
        f"This message would cost about {_dollars(estimate)} with {offer.display_name}, more than your ceiling of "
        f"{_dollars(ceiling)} per message. Choose a cheaper model, shorten the message or raise the ceiling.",
        402,
        {
            "modelId": offer.model_id,
            "modelName": offer.display_name,
            "estimate": money_text(estimate),
            "limit": money_text(ceiling),
        },
    )


def _dollars(amount: Decimal) -> str:
    """The amount for people: at least cents, and no zeros behind them."""
    whole, _, fraction = money_text(amount).partition(".")
    return f"{whole}.{fraction.rstrip('0'):0<2} USD"


def input_too_long(offer: Offer, *, limit: int, estimate: int) -> Refusal:
    """413: the message and system prompt alone do not fit the model's window beside the answer. In tokens."""
    return Refusal(
        INPUT_TOO_LONG,
        f"The message is about {estimate} tokens and {offer.display_name} accepts {limit}. Shorten it, ask for a "
        "shorter answer or choose a model with a larger window.",
        413,
        {"modelId": offer.model_id, "modelName": offer.display_name, "limit": limit, "estimate": estimate},
    )


def no_model_available() -> Refusal:
    """503: nothing that the member may use can serve the message."""
    return Refusal(
        NO_MODEL_AVAILABLE,
        "No model can serve this message at the moment. Try again soon, choose a model by name or ask an admin to "
        "enable one.",
        503,
    )
