"""The system prompt of a message: who speaks, to whom, in which field, for what kind of work."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from msgspec import Struct, field

from stoa.core.values import Private
from stoa.domain.personas.knowledge import PromptPassage
from stoa.domain.personas.languages import language_name


class PersonaPrompt(Private, frozen=True):
    """A persona as its prompt tells of it. `language` is a code of ISO 639-1."""

    system_prompt: str
    traits: Sequence[str] = ()
    domains: Sequence[str] = ()
    style: Mapping[str, Any] = field(default_factory=dict)
    language: str = "en"


class ModePrompt(Private, frozen=True):
    """The prompt of a domain mode or a focus mode. Only focus modes bound the length of an answer."""

    system_prompt: str
    temperature: Decimal | float | None
    max_output_tokens: int | None = None


class Introduction(Private, frozen=True):
    """A member as personas are told of them. `today` is the tenant's calendar day."""

    display_name: str | None
    about_me: str | None
    today: date


class Prompt(Struct, frozen=True):
    """`system` goes before the conversation; `temperature` is None where the model's own default should hold.

    `passages` are what may go behind it, best first, as far as the model that answers has room for them.
    """

    system: str
    temperature: float | None
    passages: tuple[PromptPassage, ...] = ()
    max_output_tokens: int | None = None  # the focus mode's, where the message names none


def build_prompt(
    persona: PersonaPrompt | None,
    domain_mode: ModePrompt | None,
    focus_mode: ModePrompt | None,
    *,
    member: Introduction | None = None,
    passages: Sequence[PromptPassage] = (),
) -> Prompt:
    """Puts the persona first, then the member, then the domain's rules, then the kind of work; each only where chosen.

    The temperature is the domain mode's, else the focus mode's. A member is introduced to personas alone.
    """
    parts = [_persona_prompt(persona), _member_prompt(member)] if persona else []
    parts += [mode.system_prompt for mode in (domain_mode, focus_mode) if mode]
    temperatures = [mode.temperature for mode in (domain_mode, focus_mode) if mode]
    chosen = next((value for value in temperatures if value is not None), None)
    system = "\n\n".join(part for part in parts if part)
    temperature = None if chosen is None else float(Decimal(chosen))
    longest = focus_mode.max_output_tokens if focus_mode else None
    return Prompt(system, temperature, tuple(passages), longest)


def _persona_prompt(persona: PersonaPrompt) -> str:
    lines = [persona.system_prompt]
    if persona.traits:
        lines.append(f"Your manner: {', '.join(persona.traits)}.")
    if persona.domains:
        lines.append(f"You know most about: {', '.join(persona.domains)}.")
    if persona.style:
        told = "; ".join(f"{name}: {_word(value)}" for name, value in sorted(persona.style.items()))
        lines.append(f"Your style: {told}.")
    if persona.language != "en":
        lines.append(f"Answer in {language_name(persona.language)}, unless you are spoken to in another language.")
    return "\n".join(lines)


def _member_prompt(member: Introduction | None) -> str:
    if member is None:
        return ""
    lines = [f"Today is {member.today:%A}, {member.today.day} {member.today:%B %Y}."]
    if member.display_name:
        lines.append(f"You are talking with {member.display_name}.")
    if member.about_me:
        lines.append(f"What they tell of themselves: {member.about_me}")
    return "\n".join(lines)


def _word(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
