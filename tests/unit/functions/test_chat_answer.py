"""A chat's events as one JSON document."""

from decimal import Decimal
from uuid import UUID

from stoa.domain.chat.answer_report import AnswerReport
from stoa.domain.pricing.markup import TokenUsage
from stoa.http.chat_events import whole_answer
from stoa.workflows.chat import Content, Done, Metadata, Selection
from stoa.workflows.chat.values import MessageLimit

SOME_ID = UUID(int=7)


def selected(model_id: str, limit: int) -> Selection:
    return Selection(
        model_id=model_id,
        model_name=model_id,
        provider_id="p",
        rule="request",
        reason="You asked for it.",
        access="free",
        requested_model_id=None,
        conversation_id=SOME_ID,
        estimated_cost=Decimal(0),
        limit=MessageLimit(limit, 1, 60),
    )


def report(model_id: str) -> AnswerReport:
    return AnswerReport(
        model_id=model_id,
        model_name=model_id,
        provider_id="p",
        rule="request",
        reason="You asked for it.",
        access="free",
        requested_model_id=None,
        failed_models=(),
        deprecation=None,
        is_trial_message=False,
        trial_messages_remaining=0,
        unlock_price=None,
        usage=TokenUsage(1, 2),
        charge=Decimal("0.001"),
        currency="USD",
        stop_reason="stop",
        is_partial=False,
        context_turns_dropped=0,
        conversation_id=SOME_ID,
        message_id=SOME_ID,
    )


def test_after_a_failover_the_limits_told_are_those_of_the_model_that_answered() -> None:
    events = [selected("a", 50), selected("b", 10), Content("Hi"), Metadata(report("b")), Done(SOME_ID, SOME_ID)]
    answer = whole_answer(events, "request-1")
    assert answer.headers["RateLimit-Limit"] == "10"
    assert b'"modelId":"b"' in next(answer.body)
