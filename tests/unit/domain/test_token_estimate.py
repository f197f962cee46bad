"""The token estimate: near the truth for ordinary texts, safe for odd ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.domain.chat.tokens import estimate_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("a", 1),
        ("four", 1),
        ("Hello world how are you", 6),  # 23 letters and blanks
        ("x = [1, 2];", 5),  # signs and digits weigh twice
        ("日本語", 3),
        ("Привет", 3),
        ("naïve", 2),
        ("😀", 2),
        ("\ud800", 1),  # a lone surrogate, as JSON can carry one
        ("the quick brown fox " * 200, 1000),
    ],
)
def test_estimate(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


@given(st.text(), st.text())
def test_a_longer_text_is_never_fewer_tokens(one: str, other: str) -> None:
    both = estimate_tokens(one + other)
    assert max(estimate_tokens(one), estimate_tokens(other)) <= both <= estimate_tokens(one) + estimate_tokens(other)


@given(st.text(min_size=1))
def test_a_text_is_at_least_one_token_and_at_most_two_a_character(text: str) -> None:
    assert 1 <= estimate_tokens(text) <= 2 * len(text)
