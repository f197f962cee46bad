"""Refusals of a selection as HTTP tells them: status, details and headers. Lean: chat imports it."""

from typing import Any

from stoa.domain.pricing.markup import money_text
from stoa.domain.selection.quota import utc_text
from stoa.domain.selection.refusals import (
    DailyLimitReached,
    InputTooLong,
    ModelCannotChat,
    ModelLocked,
    ModelNotFound,
    NoModelAvailable,
    Refusal,
    TeamTokensUsedUp,
    TooExpensive,
)
from stoa.http.headers import rate_limit_headers

PURCHASE_PATH = "/api/purchases/create-session"

STATUSES: dict[type[Refusal], int] = {
    ModelNotFound: 404,
    ModelCannotChat: 422,
    ModelLocked: 402,
    TeamTokensUsedUp: 402,
    TooExpensive: 402,
    DailyLimitReached: 429,
    InputTooLong: 413,
    NoModelAvailable: 503,
}


def refusal_details(refusal: Refusal) -> dict[str, Any]:
    """Returns what a client needs to act on a refusal, as JSON."""
    match refusal:
        case ModelNotFound(model_id):
            return {"modelId": model_id}
        case ModelCannotChat():
            return {**_model(refusal), "capabilities": list(refusal.capabilities)}
        case ModelLocked():
            return {
                "reason": refusal.reason,
                **_model(refusal),
                **_price(refusal),
                "trialMessagesRemaining": 0,
                "purchase": _purchase(refusal),
            }
        case TeamTokensUsedUp():
            return {
                "reason": refusal.reason,
                **_model(refusal),
                "teamId": str(refusal.team_id),
                "teamName": refusal.team_name,
                "limit": refusal.limit,
                "remaining": 0,
                "resetAt": utc_text(refusal.resets_at),
                **_price(refusal),
                "purchase": _purchase(refusal),
            }
        case DailyLimitReached():
            reset_at = utc_text(refusal.resets_at)
            return {**_model(refusal), "limit": refusal.limit, "remaining": 0, "resetAt": reset_at}
        case TooExpensive():
            amounts = {"estimate": money_text(refusal.estimate), "limit": money_text(refusal.ceiling)}
            return {**_model(refusal), **amounts}
        case InputTooLong():
            return {**_model(refusal), "limit": refusal.limit, "estimate": refusal.estimate}
    return {}


def refusal_headers(refusal: Refusal) -> dict[str, str]:
    """Returns the headers of a refusal: the daily limit's, with `Retry-After`."""
    if not isinstance(refusal, DailyLimitReached):
        return {}
    limits = rate_limit_headers(refusal.limit, refusal.limit, refusal.wait_seconds)
    return {**limits, "Retry-After": str(refusal.wait_seconds)}


Named = ModelCannotChat | ModelLocked | TeamTokensUsedUp | DailyLimitReached | TooExpensive | InputTooLong


def _model(refusal: Named) -> dict[str, Any]:
    return {"modelId": refusal.model_id, "modelName": refusal.model_name}


def _price(refusal: ModelLocked | TeamTokensUsedUp) -> dict[str, Any]:
    return {"priceCents": refusal.price_cents, "currency": refusal.currency}


def _purchase(refusal: ModelLocked | TeamTokensUsedUp) -> dict[str, object] | None:
    if refusal.price_cents is None:
        return None
    body = {"productType": "model", "modelId": refusal.model_id}
    return {"method": "POST", "path": PURCHASE_PATH, "body": body}
