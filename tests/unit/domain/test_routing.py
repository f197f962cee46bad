"""Auto by literal messages against a small registry: the choice should be one that a person finds sensible."""

from decimal import Decimal
from typing import Any

import pytest

from stoa.domain.selection.offers import ChatRequest, Preferences
from stoa.domain.selection.routing import CAPABILITY_VALUES, WEIGHTS
from stoa.domain.selection.task_features import features_of
from tests.unit.domain.builders import decided, offer, prices, registry, snapshot

AUTO = Preferences(selection_mode="auto")
LONG_TEXT = "The committee met again and discussed the matter at length. " * 2000  # about 30 000 tokens
BOOK = LONG_TEXT * 10


def auto(content: str, *, owned: tuple[str, ...] = (), preferences: Preferences = AUTO, **request: Any) -> str:
    """Auto's choice for the message to a member who owns those models."""
    given = snapshot(*registry(owned=owned), request=ChatRequest(content, **request), preferences=preferences)
    decision = decided(given)
    assert decision.rule == "auto"
    assert decision.chosen.access in ("free", "entitled")
    return decision.chosen.offer.model_id


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("```\nprint('x')\n```", "code"),
        ("Refactor my Python class", "code"),
        ("Why does this function return an empty array?", "code"),
        ("Which C libraries are there? c++ or c?", "code"),
        ("What is 17 * 23?", "maths"),
        ("Prove that the square root of 2 is irrational", "maths"),
        ("Integrate the polynomial", "maths"),
        ("∫ x dx", "maths"),
        ("Let us meet on 2026-11-21, any time, 24/7", "short"),
        ("Hi!", "short"),
        ("What should I cook tonight?", "short"),
        ("I bought a new dress. What is the dress code at the opera?", "short"),
        ("Tell me a story. " * 30, "general"),
        ("Как приготовить борщ?", "languages"),
        ("東京の天気はどうですか", "languages"),
        ("Wie ist das Wetter und was soll ich mit dem Rad machen?", "languages"),
        ("Comment est-ce que je peux apprendre la musique?", "languages"),
        ("My friend Zoë lives in Łódź and Αθήνα. What is a good way for her to travel to the sea?", "short"),
        ("……!?", "short"),
        (LONG_TEXT, "long"),
        (LONG_TEXT + "\nNow write a Python function that counts the words.", "code"),
    ],
)
def test_the_kind_of_task_is_read_from_the_message(content: str, kind: str) -> None:
    assert features_of(ChatRequest(content), input_tokens=len(content) // 4).kind == kind


@pytest.mark.parametrize(
    ("domain_mode", "focus_mode", "kind"),
    [
        ("medical", None, "expert"),
        ("legal", "writer", "expert"),
        ("academic", None, "expert"),
        ("scientific", None, "expert"),
        ("creative", None, "creative"),
        ("code", None, "code"),
        ("general", "writer", "creative"),
        (None, "analyst", "expert"),
        (None, "researcher", "expert"),
        (None, "code", "code"),
        ("general", "general", "short"),
        ("unheard-of", None, "short"),
    ],
)
def test_the_modes_tell_where_the_message_does_not(domain_mode: str | None, focus_mode: str | None, kind: str) -> None:
    request = ChatRequest("What do you think?", domain_mode=domain_mode, focus_mode=focus_mode)
    assert features_of(request, input_tokens=8).kind == kind


def test_every_kind_has_weights_and_capabilities() -> None:
    assert WEIGHTS.keys() == CAPABILITY_VALUES.keys()
    assert len(WEIGHTS) == 8


@pytest.mark.parametrize(
    ("content", "owned", "expected"),
    [
        ("Write a Python function that reverses a list.", (), "codestral-latest"),
        ("Hi, how are you?", (), "gemini-2.0-flash"),
        ("Hi, how are you?", ("gpt-4o", "claude-4-opus", "o1"), "gemini-2.0-flash"),
        ("Prove that there are infinitely many prime numbers.", (), "deepseek-r1"),
        ("Prove that there are infinitely many prime numbers.", ("o1", "gpt-4o"), "o1"),
        (BOOK, (), "gemini-2.0-flash"),
        (BOOK * 3, ("gemini-1.5-pro",), "gemini-1.5-pro"),
        ("Как приготовить борщ и что подать к нему?", ("mistral-large-2",), "mistral-large-2"),
    ],
)
def test_auto_chooses_what_suits_the_message(content: str, owned: tuple[str, ...], expected: str) -> None:
    assert auto(content, owned=owned) == expected


@pytest.mark.parametrize("domain", ["medical", "legal", "academic", "scientific"])
def test_expert_domains_get_the_higher_quality_among_the_usable(domain: str) -> None:
    question = "What should I know about the interactions here?"
    assert auto(question, owned=("claude-3.5-sonnet",), domain_mode=domain) == "claude-3.5-sonnet"
    assert auto(question, owned=("claude-3.5-sonnet", "claude-4-opus"), domain_mode=domain) == "claude-4-opus"


def test_auto_never_picks_a_locked_model_however_well_it_suits() -> None:
    assert auto("Prove this theorem.") == "deepseek-r1"
    assert auto(BOOK) == "gemini-2.0-flash"


def test_auto_picks_a_model_that_sees_the_picture() -> None:
    assert auto("What is in this picture?", attachments=("image",)) == "gemini-2.0-flash"
    assert auto("Listen", owned=("gpt-4o",), attachments=("audio",)) == "gpt-4o"


def test_without_a_model_for_the_attachment_the_system_default_is_left() -> None:
    given = snapshot(*registry(), request=ChatRequest("Watch", attachments=("video",)), preferences=AUTO)
    assert decided(given).rule == "system_default"


def test_auto_keeps_to_the_groups_that_the_member_shows() -> None:
    proof = "Prove this theorem."
    assert auto(proof, preferences=Preferences(selection_mode="auto", show_novel_models=False)) == "deepseek-v3"
    own = offer("own", is_self_hosted=True, is_novel=True)
    hidden = Preferences(selection_mode="auto", show_standard_models=False, show_novel_models=False)
    assert decided(snapshot(own, preferences=hidden)).rule == "auto"
    all_hidden = Preferences("auto", None, {}, {}, (), False, False, False)
    assert decided(snapshot(own, preferences=all_hidden)).rule == "cheapest_free"


def test_auto_takes_a_model_with_room_for_the_whole_conversation() -> None:
    question = "Write a Python function that reverses a list."
    assert auto(question, context_tokens=60_000) == "qwen-2.5-coder"  # Codestral's window is 32 000
    assert auto(question, context_tokens=160_000) == "claude-3.5-haiku"
    # Nothing holds two million tokens: then history is dropped, and the best of them all wins.
    assert auto(question, context_tokens=2_000_000) == "codestral-latest"


def test_auto_keeps_below_the_ceiling() -> None:
    owned = ("o1",)
    capped = Preferences(selection_mode="auto", max_cost_per_message=Decimal("0.05"))
    assert auto("Prove this theorem.", owned=owned) == "o1"
    assert auto("Prove this theorem.", owned=owned, preferences=capped) == "deepseek-r1"


def test_auto_passes_over_models_at_their_limit() -> None:
    full = offer("best", quality="exceptional", daily_limit=1, used_today=1)
    assert decided(snapshot(offer(), full, preferences=AUTO)).chosen.offer.model_id == "gpt-4o-mini"


def test_preferring_cheap_breaks_near_ties_toward_the_cheaper() -> None:
    good = offer("good", quality="excellent", prices=prices("4", "4"))
    cheaper = offer("cheaper", quality="excellent", prices=prices("3", "3"), speed="fast", is_novel=True)
    poor = offer("poor", quality="good", speed="slower", capabilities=("reasoning",), prices=prices("0.1", "0.1"))
    for prefer, expected in ((False, "good"), (True, "cheaper")):
        choices = Preferences(selection_mode="auto", prefer_cost_optimization=prefer)
        assert decided(snapshot(good, cheaper, poor, preferences=choices)).chosen.offer.model_id == expected


def test_equal_scores_go_to_the_cheaper_then_to_the_order_then_to_the_id() -> None:
    # Both are below a tenth of a cent, so that price does not tell in the score.
    dearer = offer("a", prices=prices("0.5", "0.5", "0.0001"), display_order=1)
    cheaper = offer("b", prices=prices("0.2", "0.2", "0.0001"), display_order=9)
    assert decided(snapshot(dearer, cheaper, preferences=AUTO)).chosen.offer.model_id == "b"
    first, second = offer("z", display_order=1), offer("y", display_order=2)
    assert decided(snapshot(second, first, preferences=AUTO)).chosen.offer.model_id == "z"
    assert decided(snapshot(offer("n"), offer("m"), preferences=AUTO)).chosen.offer.model_id == "m"


@pytest.mark.parametrize(
    ("content", "request_fields", "reason"),
    [
        (
            "Fix this bug in my Python code",
            {},
            "Auto chose Codestral Latest: the message contains code or asks for it; capable, fast and cheap.",
        ),
        (
            "Prove this theorem.",
            {},
            "Auto chose Deepseek R1: the message asks for mathematics; capable and excellent in quality.",
        ),
        (BOOK, {}, "Auto chose Gemini 2.0 Flash: there is much to read; fast and with room for all of it."),
        (
            "Tell me a story",
            {"domain_mode": "creative"},
            "Auto chose Gemini 2.0 Flash: it was sent in the creative domain; capable, fast and cheap.",
        ),
        (
            "Tell me a story",
            {"focus_mode": "writer"},
            "Auto chose Gemini 2.0 Flash: it was sent in the writer mode; capable, fast and cheap.",
        ),
    ],
)
def test_auto_says_why_in_words(content: str, request_fields: dict[str, Any], reason: str) -> None:
    given = snapshot(*registry(), request=ChatRequest(content, **request_fields), preferences=AUTO)
    assert decided(given).reason == reason


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"capabilities": ("code",), "speed": "slower", "prices": prices("500", "500")}, "the best of those usable"),
        ({"capabilities": ("chat",), "speed": "slower", "prices": prices("500", "500")}, "capable"),
        ({"capabilities": ("chat",), "speed": "brand-new", "quality": "unrated"}, "capable and cheap"),
    ],
)
def test_a_model_with_few_merits_is_described_honestly(changes: dict[str, object], words: str) -> None:
    reason = decided(snapshot(offer(**changes), preferences=AUTO)).reason
    assert reason == f"Auto chose Gpt 4O Mini: the message is short; {words}."
