"""Fitting a conversation into a window."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.domain.chat.context import FittedConversation, fit_conversation, input_limit, output_budget, turn_tokens
from stoa.domain.selection.refusals import Refusal
from stoa.http.refusals import STATUSES as REFUSALS
from stoa.http.refusals import refusal_details
from tests.unit.domain.builders import offer


@dataclass(frozen=True)
class Turn:
    role: str
    content: str


def said(tokens: int) -> str:
    """A text of so many tokens together with a turn's overhead."""
    return "word" * (tokens - 4)


def conversation(*sizes: int) -> list[Turn]:
    """Turns of these many tokens, the user's first."""
    return [Turn("assistant" if index % 2 else "user", said(size)) for index, size in enumerate(sizes)]


SMALL = offer(context_window=1000, max_output_tokens=400)


@pytest.mark.parametrize(
    ("window", "maximum", "capabilities", "requested", "budget"),
    [
        (128_000, 16_384, ("chat",), None, 4096),
        (128_000, 16_384, ("chat",), 500, 500),
        (128_000, 16_384, ("chat",), 99_999, 16_384),
        (128_000, 2_000, ("chat",), None, 2_000),
        (200_000, 100_000, ("reasoning", "math"), None, 16_384),
        (200_000, 100_000, ("reasoning", "chat"), None, 4096),
        (4_000, 4_000, ("chat",), None, 2_000),  # half of the window is kept for the question
        (4_000, 4_000, ("chat",), 0, 1),
    ],
)
def test_output_budget(
    window: int, maximum: int, capabilities: tuple[str, ...], requested: int | None, budget: int
) -> None:
    model = offer(context_window=window, max_output_tokens=maximum, capabilities=capabilities)
    assert output_budget(model, requested) == budget
    assert input_limit(model, requested) == window - budget


@pytest.mark.parametrize(
    ("sizes", "kept", "dropped", "tokens"),
    [
        ((), 0, 0, 200),
        ((100, 100), 2, 0, 400),
        ((100, 100, 100, 100), 4, 0, 600),  # exactly the 600 that 1000 - 400 leaves
        ((101, 100, 100, 100), 2, 2, 400),
        ((100, 101, 100, 100), 2, 2, 400),
        ((100, 100, 100, 100, 100, 100), 4, 2, 600),
        ((10, 10, 500, 10), 0, 4, 200),  # the answer would fit, its question does not
        ((100, 100, 100), 3, 0, 500),  # the last question was never answered
    ],
)
def test_the_oldest_turns_go_first(sizes: tuple[int, ...], kept: int, dropped: int, tokens: int) -> None:
    turns = conversation(*sizes)
    fitted = fit_conversation(SMALL, turns, system=said(100), message=said(100))
    assert isinstance(fitted, FittedConversation)
    assert fitted.turns == tuple(turns[len(turns) - kept :])
    assert (fitted.dropped, fitted.input_tokens, fitted.output_budget) == (dropped, tokens, 400)


def test_an_answer_without_its_question_is_not_kept() -> None:
    turns = [Turn("assistant", said(10)), *conversation(10, 10)]
    fitted = fit_conversation(SMALL, turns, system="", message=said(10))
    assert isinstance(fitted, FittedConversation)
    assert (len(fitted.turns), fitted.dropped, fitted.input_tokens) == (2, 1, 30)


def test_a_message_that_does_not_fit_alone_is_refused() -> None:
    refusal = fit_conversation(SMALL, conversation(10, 10), system=said(100), message=said(501))
    assert isinstance(refusal, Refusal)
    assert (refusal.code, REFUSALS[type(refusal)]) == ("INPUT_TOO_LONG", 413)
    assert refusal_details(refusal) == {
        "modelId": "gpt-4o-mini",
        "modelName": "Gpt 4O Mini",
        "limit": 600,
        "estimate": 601,
    }


def test_a_shorter_answer_leaves_room_for_a_longer_message() -> None:
    fitted = fit_conversation(SMALL, [], system="", message=said(900), requested_output=100)
    assert isinstance(fitted, FittedConversation)
    assert fitted.output_budget == 100


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(max_size=600))), st.text(max_size=900))
def test_what_is_kept_fits_is_the_newest_and_starts_with_the_user(turns: list[tuple[str, str]], message: str) -> None:
    history = [Turn(role, content) for role, content in turns]
    fitted = fit_conversation(SMALL, history, system="", message=message)
    if isinstance(fitted, Refusal):
        assert turn_tokens(message) > 600
        return
    assert fitted.turns == tuple(history[fitted.dropped :])
    assert fitted.input_tokens == turn_tokens(message) + sum(turn_tokens(turn.content) for turn in fitted.turns)
    assert fitted.input_tokens + fitted.output_budget <= SMALL.context_window
    assert not fitted.turns or fitted.turns[0].role == "user"
    # Nothing was dropped that could have stayed: the next older question would not have fitted.
    older = [position for position in range(fitted.dropped) if history[position].role == "user"]
    if older:
        wanted = sum(turn_tokens(turn.content) for turn in history[older[-1] :])
        assert turn_tokens(message) + wanted > 600
