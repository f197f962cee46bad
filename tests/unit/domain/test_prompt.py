"""Who speaks, in which field, for what kind of work."""

from decimal import Decimal
from typing import Any

import pytest

from stoa.domain.prompt import build_prompt

PERSONA = {"system_prompt": "You are Marcus.", "traits": ["plain"], "domains": ["duty", "resilience"]}
MEDICAL = {"system_prompt": "Be careful.", "temperature": Decimal("0.20")}
WRITER = {"system_prompt": "Write well.", "temperature": None}


def test_nothing_chosen_means_no_prompt_and_the_models_own_temperature() -> None:
    prompt = build_prompt(None, None, None)
    assert (prompt.system, prompt.temperature) == ("", None)


def test_persona_speaks_first_then_the_field_then_the_work() -> None:
    assert build_prompt(PERSONA, MEDICAL, WRITER).system == (
        "You are Marcus.\nYour manner: plain.\nYou know most about: duty, resilience.\n\nBe careful.\n\nWrite well."
    )


def test_a_persona_without_traits_and_domains_is_its_prompt() -> None:
    assert build_prompt({**PERSONA, "traits": [], "domains": []}, None, None).system == "You are Marcus."


@pytest.mark.parametrize(
    ("domain", "focus", "temperature"),
    [
        (MEDICAL, WRITER, 0.2),
        (MEDICAL, {**WRITER, "temperature": Decimal(1)}, 0.2),
        (None, {**WRITER, "temperature": Decimal("0.7")}, 0.7),
        ({**MEDICAL, "temperature": Decimal(0)}, None, 0.0),
        (None, WRITER, None),
    ],
)
def test_the_fields_temperature_goes_before_the_works(domain: Any, focus: Any, temperature: float | None) -> None:
    assert build_prompt(None, domain, focus).temperature == temperature
