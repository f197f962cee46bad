"""The chat's refusals as a scheduled run tells them, and the time that a run may take."""

from types import SimpleNamespace
from typing import Any

import pytest

from functions.scheduled_prompts import handler as function
from stoa.core.errors import StoaError
from stoa.workflows.schedules import ask
from stoa.workflows.schedules.prompt_run import RunFailed, RunPrompt, TryAgain

PROMPT = RunPrompt(key="k", content="One thought.", model_id="gpt-4o-mini", persona_id=None, domain_mode=None)


@pytest.mark.parametrize(
    ("code", "becomes"),
    [
        ("UNAVAILABLE", TryAgain),  # the database; a moment later it is another answer
        ("IDEMPOTENCY_KEY_IN_PROGRESS", TryAgain),  # the first attempt's reservation still holds
        ("RATE_LIMIT_EXCEEDED", RunFailed),
        ("PROVIDER_FAILED", RunFailed),
    ],
)
def test_what_may_be_another_answer_in_a_moment_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, code: str, becomes: type[Exception]
) -> None:
    def refuses(*_: Any) -> Any:
        raise StoaError(code, "No.")

    monkeypatch.setattr(ask, "chat", refuses)
    with pytest.raises(becomes):
        ask.answered(SimpleNamespace(), SimpleNamespace(), PROMPT)


@pytest.mark.parametrize(("context", "seconds"), [(None, 300), (100.0, 100)])
def test_half_a_minute_is_left_to_settle_and_deliver(
    monkeypatch: pytest.MonkeyPatch, context: float | None, seconds: float
) -> None:
    monkeypatch.setattr(function.time, "monotonic", lambda: 1000.0)
    given = context and SimpleNamespace(get_remaining_time_in_millis=lambda: context * 1000)

    assert function._deadline(given) == 1000 + seconds - 30
