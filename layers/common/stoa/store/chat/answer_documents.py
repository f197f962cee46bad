"""The documents that are saved beside an answer: its report and its citations. Clients are shown them as they are."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from stoa.core.text import iso
from stoa.domain.chat.answer_report import AnswerReport, Citation, ModelEnding, PassageCitation, WebCitation
from stoa.domain.pricing.markup import PARTS, TokenUsage, money_text

_PARTS = {
    "cached_input_tokens": "cachedInputTokens",
    "cache_write_tokens": "cacheWriteTokens",
    "input_audio_tokens": "inputAudioTokens",
    "input_image_tokens": "inputImageTokens",
    "output_audio_tokens": "outputAudioTokens",
    "output_image_tokens": "outputImageTokens",
}


def report_document(report: AnswerReport) -> dict[str, Any]:
    """Returns a report as it is saved. `charge` is exact, hence a string (USD)."""
    return {
        "modelId": report.model_id,
        "modelName": report.model_name,
        "providerId": report.provider_id,
        "rule": report.rule,
        "reason": report.reason,
        "access": report.access,
        "requestedModelId": report.requested_model_id,
        "failedModels": list(report.failed_models),
        "deprecation": report.deprecation
        and {"sunsetAt": iso(report.deprecation.sunset_at), "successorId": report.deprecation.successor_id},
        "isTrialMessage": report.is_trial_message,
        "trialMessagesRemaining": report.trial_messages_remaining,
        "unlockPrice": report.unlock_price,
        "usage": _usage_document(report.usage),
        "charge": money_text(report.charge),
        "currency": report.currency,
        "stopReason": report.stop_reason,
        "isPartial": report.is_partial,
        "contextTurnsDropped": report.context_turns_dropped,
        "conversationId": str(report.conversation_id),
        "messageId": str(report.message_id),
    }


def read_report(saved: Mapping[str, Any]) -> AnswerReport:
    """Returns a saved report."""
    ending, usage = saved["deprecation"], saved["usage"]
    return AnswerReport(
        model_id=saved["modelId"],
        model_name=saved["modelName"],
        provider_id=saved["providerId"],
        rule=saved["rule"],
        reason=saved["reason"],
        access=saved["access"],
        requested_model_id=saved["requestedModelId"],
        failed_models=tuple(saved["failedModels"]),
        deprecation=ending and ModelEnding(datetime.fromisoformat(ending["sunsetAt"]), ending["successorId"]),
        is_trial_message=saved["isTrialMessage"],
        trial_messages_remaining=saved["trialMessagesRemaining"],
        unlock_price=saved["unlockPrice"],
        usage=TokenUsage(
            usage["inputTokens"],
            usage["outputTokens"],
            estimated=usage["estimated"],
            **{part: usage.get(outer, 0) for part, outer in _PARTS.items()},
        ),
        charge=Decimal(saved["charge"]),
        currency=saved["currency"],
        stop_reason=saved["stopReason"],
        is_partial=saved["isPartial"],
        context_turns_dropped=saved["contextTurnsDropped"],
        conversation_id=UUID(saved["conversationId"]),
        message_id=UUID(saved["messageId"]),
    )


def citation_documents(citations: Sequence[Citation]) -> list[dict[str, Any]]:
    """Returns citations as they are saved."""
    return [_citation_document(citation) for citation in citations]


def read_citations(saved: Sequence[Mapping[str, Any]]) -> tuple[Citation, ...]:
    """Returns saved citations."""
    return tuple(
        PassageCitation(UUID(one["passageId"]), one["personaId"], one["title"], one["quote"], one["marker"])
        if "passageId" in one
        else WebCitation(one["url"], one["title"])
        for one in saved
    )


def _usage_document(usage: TokenUsage) -> dict[str, Any]:
    """Kinds of tokens that may have a rate of their own are named only where there are any."""
    parts = {_PARTS[part]: count for part in PARTS if (count := getattr(usage, part))}
    return {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.input_tokens + usage.output_tokens,
        "estimated": usage.estimated,
        **parts,
    }


def _citation_document(citation: Citation) -> dict[str, Any]:
    if isinstance(citation, WebCitation):
        return {"url": citation.url, "title": citation.title}
    return {
        "passageId": str(citation.passage_id),
        "personaId": citation.persona_id,
        "title": citation.title,
        "quote": citation.quote,
        "marker": citation.marker,
    }
