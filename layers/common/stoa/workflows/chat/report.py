"""What the client is told of a chat: the data of its events, and the product events for whoever analyses them."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from stoa.core.observe import emit
from stoa.core.text import iso
from stoa.domain.catalogue.lifecycle import retirement_headers, retires_at
from stoa.domain.pricing.markup import TokenUsage, money_text
from stoa.domain.selection.offers import ACCESS_TRIAL, Decision, Offer
from stoa.domain.selection.quota import rate_limit_headers
from stoa.workflows.chat.books import LedgerLine
from stoa.workflows.chat.prepare import Prepared
from stoa.workflows.chat.values import ChatMessage

_PARTS = {
    "cached_input_tokens": "cachedInputTokens",
    "cache_write_tokens": "cacheWriteTokens",
    "input_audio_tokens": "inputAudioTokens",
    "input_image_tokens": "inputImageTokens",
    "output_audio_tokens": "outputAudioTokens",
    "output_image_tokens": "outputImageTokens",
}


def selection_data(decision: Decision, conversation_id: UUID) -> dict[str, Any]:
    """The `selection` event: which model answers, why, under which access and for about how much."""
    candidate, offer = decision.chosen, decision.chosen.offer
    return {
        "modelId": offer.model_id,
        "modelName": offer.display_name,
        "providerId": offer.provider_id,
        "rule": decision.rule,
        "reason": decision.reason,
        "access": candidate.access,
        "requestedModelId": decision.requested_model_id,
        "estimatedCost": money_text(candidate.estimated_cost),
        "fallbacks": [fallback.offer.model_id for fallback in decision.fallbacks],
        "conversationId": str(conversation_id),
    }


def answer_headers(prepared: Prepared, line: LedgerLine) -> dict[str, str]:
    """`RateLimit-*` headers, this message counted, and `Deprecation` and `Sunset` of a model that will be retired."""
    used, offer = int(line.counted["used_today"]), line.candidate.offer
    limits = rate_limit_headers(offer.daily_limit, used, prepared.resets_at, prepared.now)
    return {**limits, **retirement_headers(offer, prepared.now)}


def deprecation(offer: Offer, now: datetime) -> dict[str, Any] | None:
    """The announced end of the model that answered; None where there is none."""
    ends_at = retires_at(offer, now)
    return None if ends_at is None else {"sunsetAt": iso(ends_at), "successorId": offer.successor_id}


def metadata(
    line: LedgerLine,
    selection: Mapping[str, Any],
    usage: TokenUsage,
    *,
    answer_id: UUID,
    stop_reason: str,
    turns_dropped: int,
    failed_models: list[str],
    partial: bool,
    give_back: bool,
) -> dict[str, Any]:
    """The `metadata` event: what served the message and what it cost. `charge` is exact, hence a string (USD)."""
    offer, is_trial = line.candidate.offer, line.candidate.access == ACCESS_TRIAL
    trials_used = int(line.counted["trials_used"] or offer.trials_used) - (1 if is_trial and give_back else 0)
    return {
        "modelId": offer.model_id,
        "modelName": offer.display_name,
        "providerId": offer.provider_id,
        "rule": selection["rule"],
        "reason": selection["reason"],
        "access": line.candidate.access,
        "requestedModelId": selection["requestedModelId"],
        "failedModels": failed_models,
        "deprecation": deprecation(offer, line.asked_at),
        "isTrialMessage": is_trial,
        "trialMessagesRemaining": max(0, offer.trial_messages - trials_used),
        "unlockPrice": offer.unlock_price_cents,
        "usage": {
            "inputTokens": usage.input_tokens,
            "outputTokens": usage.output_tokens,
            "totalTokens": usage.input_tokens + usage.output_tokens,
            "estimated": usage.estimated,
            **_parts(usage),
        },
        "charge": money_text(line.charge(usage)),
        "currency": "USD",
        "stopReason": stop_reason,
        "isPartial": partial,
        "contextTurnsDropped": turns_dropped,
        "conversationId": str(line.conversation_id),
        "messageId": str(answer_id),
    }


def _parts(usage: TokenUsage) -> dict[str, int]:
    """The kinds of tokens in it that may have a rate of their own; only those there are any of."""
    return {outer: count for part, outer in _PARTS.items() if (count := getattr(usage, part))}


def emit_sent(message: ChatMessage, line: LedgerLine, charge: Decimal) -> None:
    """The product events of a message that was served, wholly or in part, and that counts."""
    offer, is_trial = line.candidate.offer, line.candidate.access == ACCESS_TRIAL
    emit(
        "model_message_sent",
        modelId=offer.model_id,
        personaId=message.persona_id,
        isTrialMessage=is_trial,
        messageLength=len(message.content),
        charge=money_text(charge),
    )
    if is_trial:
        used = int(line.counted["trials_used"])
        if used == 1:
            emit("model_trial_started", modelId=offer.model_id)
        remaining = max(0, offer.trial_messages - used)
        emit("model_trial_message_used", modelId=offer.model_id, trialMessagesRemaining=remaining)


def emit_selected(message: ChatMessage, decision: Decision) -> None:
    """The product event of a decision."""
    emit(
        "model_selected",
        modelId=decision.chosen.offer.model_id,
        personaId=message.persona_id,
        isDefault=decision.rule in ("default_model", "system_default", "domain_default", "focus_default"),
        isOverride=decision.rule in ("persona_override", "domain_override"),
    )


def emit_refused(code: str, details: Any) -> None:
    """The product event of a refusal that analysts count."""
    if code == "RATE_LIMIT_EXCEEDED":
        emit(
            "model_rate_limit_hit",
            modelId=details["modelId"],
            dailyLimit=details["limit"],
            resetAt=details["resetAt"],
        )
    elif code == "MODEL_LOCKED" and details["reason"] == "TRIAL_EXPIRED":
        emit("model_trial_expired_prompt", modelId=details["modelId"], priceCents=details["priceCents"])
