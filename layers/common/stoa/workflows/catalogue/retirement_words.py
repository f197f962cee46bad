"""What members are told of a model's end, as a notice in the client and as a mail."""

from typing import Any

from stoa.core.text import iso
from stoa.domain.catalogue.lifecycle import Retirement


def notice(retirement: Retirement, *, is_over: bool) -> dict[str, Any]:
    """For the client, beside the preferences that name the model."""
    return {
        "kind": "model_retired" if is_over else "model_retiring",
        "modelId": retirement.offer.model_id,
        "modelName": retirement.offer.display_name,
        "retiresAt": iso(retirement.ends_at),
        "successorId": retirement.heir.model_id if retirement.heir else None,
        "successorName": retirement.heir.display_name if retirement.heir else None,
        "message": _sentence(retirement, is_over=is_over),
    }


def subject(retirement: Retirement, *, is_over: bool) -> str:
    """The mail's subject."""
    name = retirement.offer.display_name
    if not is_over:
        return f"{name} ends on {retirement.ends_at:%d %B %Y}"
    return f"{name} has ended: {retirement.heir.display_name} answers now" if retirement.heir else f"{name} has ended"


def text(retirement: Retirement, *, is_over: bool) -> str:
    """The mail's text."""
    choices = "default model, persona, domain, favourites or a scheduled prompt"
    why = f"You get this because it is among your choices: {choices}. You can choose another model at any time."
    return f"{_sentence(retirement, is_over=is_over)}\n\n{why}\n"


def _sentence(retirement: Retirement, *, is_over: bool) -> str:
    name, heir = retirement.offer.display_name, retirement.heir
    day = f"{retirement.ends_at:%d %B %Y}"
    if is_over:
        then = (
            f"{heir.display_name} takes its place in your choices"
            if heir
            else "Choose another model in your preferences"
        )
        return f"{name} was withdrawn by its provider on {day}. {then}."
    then = f"{heir.display_name} then takes its place in your choices" if heir else "Choose another model before then"
    return f"{name} will be withdrawn by its provider on {day}. {then}."
