"""The system prompt: persona, field and kind of work."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from stoa.domain.chat.prompt import Introduction, ModePrompt, PersonaPrompt, build_prompt

PERSONA = PersonaPrompt("You are Marcus.", traits=["plain"], domains=["duty", "resilience"], style={}, language="en")
PLAIN = replace(PERSONA, traits=[], domains=[])
ADA = Introduction("Ada", "I write engines.", date(2026, 11, 21))
MEDICAL = ModePrompt("Be careful.", Decimal("0.20"))
WRITER = ModePrompt("Write well.", temperature=None, max_output_tokens=800)


def test_nothing_chosen_means_no_prompt_and_the_models_own_temperature() -> None:
    prompt = build_prompt(None, None, None)
    assert (prompt.system, prompt.temperature) == ("", None)


def test_persona_speaks_first_then_the_field_then_the_work() -> None:
    assert build_prompt(PERSONA, MEDICAL, WRITER).system == (
        "You are Marcus.\nYour manner: plain.\nYou know most about: duty, resilience.\n\nBe careful.\n\nWrite well."
    )


def test_a_persona_without_traits_and_domains_is_its_prompt() -> None:
    assert build_prompt(PLAIN, None, None).system == "You are Marcus."


@pytest.mark.parametrize(
    ("domain", "focus", "temperature"),
    [
        (MEDICAL, WRITER, 0.2),
        (MEDICAL, replace(WRITER, temperature=Decimal(1)), 0.2),
        (None, replace(WRITER, temperature=Decimal("0.7")), 0.7),
        (replace(MEDICAL, temperature=Decimal(0)), None, 0.0),
        (None, WRITER, None),
    ],
)
def test_the_fields_temperature_goes_before_the_works(domain: Any, focus: Any, temperature: float | None) -> None:
    assert build_prompt(None, domain, focus).temperature == temperature


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"style": {"tone": "warm", "length": "short"}}, "Your style: length: short; tone: warm."),
        ({"style": {"emoji": False, "lists": True, "size": 2}}, "Your style: emoji: no; lists: yes; size: 2."),
        ({"language": "de"}, "Answer in German, unless you are spoken to in another language."),
        ({"language": "xx"}, "Answer in xx, unless you are spoken to in another language."),
    ],
)
def test_style_and_language_are_told(fields: dict[str, Any], line: str) -> None:
    assert build_prompt(replace(PLAIN, **fields), None, None).system == f"You are Marcus.\n{line}"


@pytest.mark.parametrize(
    ("member", "told"),
    [
        (ADA, "You are talking with Ada.\nWhat they tell of themselves: I write engines."),
        (replace(ADA, about_me=None), "You are talking with Ada."),
        (replace(ADA, display_name=None, about_me=None), ""),
    ],
)
def test_a_persona_is_told_the_day_and_whom_it_talks_to(member: Introduction, told: str) -> None:
    expected = "\n".join(filter(None, ["You are Marcus.\n\nToday is Saturday, 21 November 2026.", told]))
    assert build_prompt(PLAIN, None, None, member=member).system == expected


def test_the_work_says_how_long_an_answer_may_be() -> None:
    assert build_prompt(PERSONA, MEDICAL, WRITER).max_output_tokens == 800
    assert build_prompt(PERSONA, MEDICAL, None).max_output_tokens is None


def test_without_a_persona_nobody_is_introduced() -> None:
    assert build_prompt(None, MEDICAL, None, member=ADA).system == "Be careful."
