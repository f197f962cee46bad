"""The system prompt of a message: who speaks, to whom, in which field, for what kind of work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from stoa.domain.personas.knowledge import PromptPassage
from stoa.domain.personas.languages import language_name

Columns = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Prompt:
    """`system` goes before the conversation; `temperature` is None where the model's own default should hold.

    `passages` are what may go behind it, best first, as far as the model that answers has room for them.
    """

    system: str
    temperature: float | None
    passages: tuple[PromptPassage, ...] = ()
    max_output_tokens: int | None = None  # the focus mode's, where the message names none


def build_prompt(
    persona: Columns | None,
    domain_mode: Columns | None,
    focus_mode: Columns | None,
    *,
    member: Columns | None = None,
    passages: Sequence[PromptPassage] = (),
) -> Prompt:
    """Returns the prompt: the persona, then the member, the domain's rules and the kind of work, each where chosen.

    The temperature is the domain mode's, else the focus mode's. A member is introduced to personas alone.
    """
    parts = [_persona_prompt(persona), _member_prompt(member)] if persona else []
    parts += [mode["system_prompt"] for mode in (domain_mode, focus_mode) if mode]
    temperatures = [mode["temperature"] for mode in (domain_mode, focus_mode) if mode]
    chosen = next((value for value in temperatures if value is not None), None)
    system = "\n\n".join(part for part in parts if part)
    temperature = None if chosen is None else float(Decimal(chosen))
    longest = focus_mode["max_output_tokens"] if focus_mode else None
    return Prompt(system, temperature, tuple(passages), longest)


def _persona_prompt(persona: Columns) -> str:
    lines = [persona["system_prompt"]]
    if persona["traits"]:
        lines.append(f"Your manner: {', '.join(persona['traits'])}.")
    if persona["domains"]:
        lines.append(f"You know most about: {', '.join(persona['domains'])}.")
    if persona["style"]:
        told = "; ".join(f"{name}: {_word(value)}" for name, value in sorted(persona["style"].items()))
        lines.append(f"Your style: {told}.")
    if persona["language"] != "en":
        lines.append(f"Answer in {language_name(persona['language'])}, unless you are spoken to in another language.")
    return "\n".join(lines)


def _member_prompt(member: Columns | None) -> str:
    if member is None:
        return ""
    lines = [f"Today is {_day(member['today'])}."]
    if member["display_name"]:
        lines.append(f"You are talking with {member['display_name']}.")
    if member["about_me"]:
        lines.append(f"What they tell of themselves: {member['about_me']}")
    return "\n".join(lines)


def _day(today: date | str) -> str:
    day = date.fromisoformat(today) if isinstance(today, str) else today
    return f"{day:%A}, {day.day} {day:%B %Y}"


def _word(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
