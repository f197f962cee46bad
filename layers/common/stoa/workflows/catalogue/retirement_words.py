"""The end of a model in words: a notice in the client, and a mail."""

from datetime import datetime

from msgspec import Struct

from stoa.domain.catalogue.lifecycle import Retirement


class Notice(Struct, frozen=True):
    """The end of a model that a member chose. `kind` is model_retiring or model_retired."""

    kind: str
    model_id: str
    model_name: str
    retires_at: datetime
    successor_id: str | None
    successor_name: str | None
    message: str


def notice(retirement: Retirement, *, is_over: bool) -> Notice:
    """Returns the notice that the client shows beside the preferences that name the model."""
    return Notice(
        kind="model_retired" if is_over else "model_retiring",
        model_id=retirement.offer.model_id,
        model_name=retirement.offer.display_name,
        retires_at=retirement.ends_at,
        successor_id=retirement.heir.model_id if retirement.heir else None,
        successor_name=retirement.heir.display_name if retirement.heir else None,
        message=_sentence(retirement, is_over=is_over),
    )


def subject(retirement: Retirement, *, is_over: bool) -> str:
    """Returns the mail's subject."""
    name = retirement.offer.display_name
    if not is_over:
        return f"{name} ends on {retirement.ends_at:%d %B %Y}"
    return f"{name} has ended: {retirement.heir.display_name} answers now" if retirement.heir else f"{name} has ended"


def text(retirement: Retirement, *, is_over: bool) -> str:
    """Returns the mail's text."""
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
