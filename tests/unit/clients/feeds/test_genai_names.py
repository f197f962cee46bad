"""The names that genai-prices' clauses give a model."""

from typing import Any

import pytest

from stoa.clients.feeds.genai_names import accepts, names_of

EITHER = {"or": [{"equals": "A"}, {"starts_with": "a-"}, {"or": [{"contains": "x.a"}]}]}
NARROWED = {"and": [{"starts_with": "a"}, {"regex": "^(?!.*tts)"}]}


@pytest.mark.parametrize(
    ("clause", "names"),
    [
        ({"equals": "A"}, (["A"], [])),
        (EITHER, (["A"], ["a-", "x.a"])),
        (NARROWED, ([], [])),
        ({"ends_with": "/a"}, ([], [])),
        ({"regex": r"^gpt-5\.6-sol-\d{4}-\d{2}-\d{2}$"}, ([], ["gpt-5.6-sol"])),
        ({"regex": r"^x-ai/grok-4\.3-\d{8}$"}, ([], ["x-ai/grok-4.3"])),
        ({"regex": r"^(a+)+$"}, ([], [])),
        ({"equals": 7}, ([], [])),
        ({"equals": ""}, ([], [])),
        ({"or": {"equals": "a"}}, ([], [])),
        ({"or": [None, "a", {"equals": "b"}]}, (["b"], [])),
        ("a", ([], [])),
        (None, ([], [])),
    ],
)
def test_names(clause: Any, names: tuple[list[str], list[str]]) -> None:
    assert names_of(clause) == names


@pytest.mark.parametrize(
    ("clause", "name", "yes"),
    [
        ({"equals": "A"}, "a", True),
        ({"equals": "a"}, "ab", False),
        (EITHER, "a-2", True),
        (EITHER, "us.x.a", True),
        (EITHER, "b", False),
        (NARROWED, "ab", True),
        (NARROWED, "b", False),
        ({"ends_with": "/a"}, "x/A", True),
        ({"ends_with": "/a"}, "a", False),
        ({"regex": "^(a+)+$"}, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", True),  # never run
        ({"starts_with": []}, "a", False),
        ({}, "a", False),
        (None, "a", False),
    ],
)
def test_which_names_a_clause_lets_through(clause: Any, name: str, yes: bool) -> None:
    assert accepts(clause, name) is yes


def test_clauses_within_clauses_end_somewhere() -> None:
    clause: Any = {"equals": "a"}
    for _ in range(900):
        clause = {"or": [clause]}
    assert names_of(clause) == ([], [])
    assert not accepts(clause, "a")
