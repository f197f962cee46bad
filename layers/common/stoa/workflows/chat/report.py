"""Accounts of a chat: the events that tell of it, and the product events of it."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from stoa.core.observe import emit
from stoa.domain.catalogue.lifecycle import retires_at
from stoa.domain.chat.answer_report import AnswerReport, ModelEnding
from stoa.domain.pricing.markup import TokenUsage, money_text
from stoa.domain.selection.offers import ACCESS_TRIAL, Decision, Offer
from stoa.domain.selection.quota import seconds_until, utc_text
from stoa.domain.selection.refusals import DailyLimitReached, ModelLocked, Refusal
from stoa.workflows.chat.books import LedgerLine
from stoa.workflows.chat.prepare import Prepared, Replay
from stoa.workflows.chat.values import ChatMessage, MessageLimit, Selection


def selection(decision: Decision, prepared: Prepared, line: LedgerLine) -> Selection:
    """Returns the `Selection` of a decision: which model answers, why, under which access and for about how much."""
    candidate, offer = decision.chosen, decision.chosen.offer
    return Selection(
        model_id=offer.model_id,
        model_name=offer.display_name,
        provider_id=offer.provider_id,
        rule=decision.rule,
        reason=decision.reason,
        access=candidate.access,
        requested_model_id=decision.requested_model_id,
        conversation_id=line.conversation_id,
        estimated_cost=candidate.estimated_cost,
        fallbacks=tuple(fallback.offer.model_id for fallback in decision.fallbacks),
        limit=_limit(offer, line, prepared),
        ends_at=retires_at(offer, prepared.now),
    )


def replayed(replay: Replay) -> Selection:
    """Returns the `Selection` of an answer that was given before."""
    told = replay.report
    return Selection(
        model_id=told.model_id,
        model_name=told.model_name,
        provider_id=told.provider_id,
        rule=told.rule,
        reason=told.reason,
        access=told.access,
        requested_model_id=told.requested_model_id,
        conversation_id=told.conversation_id,
        replayed=True,
    )


def account(
    line: LedgerLine,
    selected: Selection,
    usage: TokenUsage,
    *,
    answer_id: UUID,
    stop_reason: str,
    turns_dropped: int,
    failed_models: list[str],
    partial: bool,
    give_back: bool,
) -> AnswerReport:
    """Returns the account of an answer: what served the message and what it cost."""
    offer, is_trial = line.candidate.offer, line.candidate.access == ACCESS_TRIAL
    trials_used = (line.counted.trials_used or offer.trials_used) - (1 if is_trial and give_back else 0)
    return AnswerReport(
        model_id=offer.model_id,
        model_name=offer.display_name,
        provider_id=offer.provider_id,
        rule=selected.rule,
        reason=selected.reason,
        access=line.candidate.access,
        requested_model_id=selected.requested_model_id,
        failed_models=tuple(failed_models),
        deprecation=_ending(offer, line.asked_at),
        is_trial_message=is_trial,
        trial_messages_remaining=max(0, offer.trial_messages - trials_used),
        unlock_price=offer.unlock_price_cents,
        usage=usage,
        charge=line.charge(usage),
        currency="USD",
        stop_reason=stop_reason,
        is_partial=partial,
        context_turns_dropped=turns_dropped,
        conversation_id=line.conversation_id,
        message_id=answer_id,
    )


def _limit(offer: Offer, line: LedgerLine, prepared: Prepared) -> MessageLimit | None:
    if offer.daily_limit is None:
        return None
    wait = seconds_until(prepared.resets_at, prepared.now)
    return MessageLimit(offer.daily_limit, line.counted.used_today, wait)


def _ending(offer: Offer, now: datetime) -> ModelEnding | None:
    ends_at = retires_at(offer, now)
    return None if ends_at is None else ModelEnding(ends_at, offer.successor_id)


def emit_sent(message: ChatMessage, line: LedgerLine, charge: Decimal) -> None:
    """Writes the product events of a message that was served, wholly or in part, and that counts."""
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
        used = line.counted.trials_used or 0
        if used == 1:
            emit("model_trial_started", modelId=offer.model_id)
        remaining = max(0, offer.trial_messages - used)
        emit("model_trial_message_used", modelId=offer.model_id, trialMessagesRemaining=remaining)


def emit_selected(message: ChatMessage, decision: Decision) -> None:
    """Writes the product event of a decision."""
    emit(
        "model_selected",
        modelId=decision.chosen.offer.model_id,
        personaId=message.persona_id,
        isDefault=decision.rule in ("default_model", "system_default", "domain_default", "focus_default"),
        isOverride=decision.rule in ("persona_override", "domain_override"),
    )


def emit_refused(refusal: Refusal) -> None:
    """Writes the product event of a refusal that analysts count."""
    if isinstance(refusal, DailyLimitReached):
        emit(
            "model_rate_limit_hit",
            modelId=refusal.model_id,
            dailyLimit=refusal.limit,
            resetAt=utc_text(refusal.resets_at),
        )
    elif isinstance(refusal, ModelLocked) and refusal.reason == "TRIAL_EXPIRED":
        emit("model_trial_expired_prompt", modelId=refusal.model_id, priceCents=refusal.price_cents)
