"""The system prompt of a message: who speaks, in which field, for what kind of work."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Prompt:
    """`system` goes before the conversation; `temperature` is None where the model's own default should hold."""

    system: str
    temperature: float | None


def build_prompt(
    persona: Mapping[str, Any] | None, domain_mode: Mapping[str, Any] | None, focus_mode: Mapping[str, Any] | None
) -> Prompt:
    """The persona speaks first, then the domain's rules, then the kind of work; each part only where it was chosen.

    The temperature is the domain mode's, else the focus mode's.
    """
    parts = [_persona_prompt(persona)] if persona else []
    parts += [mode["system_prompt"] for mode in (domain_mode, focus_mode) if mode]
    temperatures = [mode["temperature"] for mode in (domain_mode, focus_mode) if mode]
    chosen = next((value for value in temperatures if value is not None), None)
    return Prompt("\n\n".join(part for part in parts if part), None if chosen is None else float(Decimal(chosen)))


def _persona_prompt(persona: Mapping[str, Any]) -> str:
    lines = [persona["system_prompt"]]
    if persona["traits"]:
        lines.append(f"Your manner: {', '.join(persona['traits'])}.")
    if persona["domains"]:
        lines.append(f"You know most about: {', '.join(persona['domains'])}.")
    return "\n".join(lines)
