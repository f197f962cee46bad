"""A model of a tenant's own, as an admin asks for it, completed by what is known of its provider's model."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.domain.pricing.rates import Rates
from stoa.store.catalogue.own_models import KnownModel, OwnModel

_NOTHING = KnownModel(None, None, None, None, {}, None, None, None, None, None, None)
_CAUTIOUS_OUTPUT = 4096  # where nobody knows how long an answer may be


class AskedModel(Struct, frozen=True, kw_only=True):
    """A model to be made. None, or for prices UNSET: the registry or the feeds say it. Prices in USD per 1M tokens.

    `is_typed` says that `name` is the id that everyone in the tenant uses; else the tenant's slug stands before it.
    `shown` are columns of the overlay.
    """

    name: str
    is_typed: bool
    provider_id: str
    provider_model: str
    display_name: str
    known_for: str | None
    context_window: int | None
    max_output_tokens: int | None
    base_input_price: Decimal | UnsetType | None
    base_output_price: Decimal | UnsetType | None
    base_rates: Rates | None
    modalities: list[str] | None
    capabilities: list[str] | None
    is_novel: bool
    category: str | None
    access_tier: str
    unlock_price_cents: int | None
    daily_limit: int | None
    trial_messages: int
    speed: str | None
    quality: str | None
    display_order: int
    enabled: bool
    shown: Mapping[str, Any] = field(default_factory=dict)


def completed(asked: AskedModel, found: KnownModel | None) -> OwnModel:
    """Returns the model with what was not given. Raises InvalidFields naming a fact that nobody knows."""
    known = found or _NOTHING
    window = asked.context_window or known.context_window
    if window is None:
        raise InvalidFields([FieldProblem("contextWindow", _unknown(asked, "how many tokens fit"))])
    if known.context_window is not None and window > known.context_window:
        reason = f"the model takes {known.context_window} tokens at most"
        raise InvalidFields([FieldProblem("contextWindow", reason)])
    input_price, output_price = _prices(asked, known)
    return OwnModel(
        provider_id=asked.provider_id,
        provider_model=asked.provider_model,
        display_name=asked.display_name,
        known_for=asked.known_for or known.known_for or "",
        context_window=window,
        max_output_tokens=(asked.max_output_tokens or known.max_output_tokens or min(window, _CAUTIOUS_OUTPUT)),
        base_input_price=input_price,
        base_output_price=output_price,
        base_rates=asked.base_rates if asked.base_rates is not None else _rates(asked, known),
        modalities=asked.modalities or known.modalities or ["text"],
        capabilities=asked.capabilities or known.capabilities or ["chat"],
        is_novel=asked.is_novel,
        category=asked.category or known.category or "general",
        access_tier=asked.access_tier,
        unlock_price_cents=asked.unlock_price_cents,
        daily_limit=asked.daily_limit,
        trial_messages=asked.trial_messages,
        speed=asked.speed or known.speed or "standard",
        quality=asked.quality or known.quality or "good",
        display_order=asked.display_order,
        enabled=asked.enabled,
    )


def _prices(asked: AskedModel, known: KnownModel) -> tuple[Decimal | None, Decimal | None]:
    given = asked.base_input_price, asked.base_output_price
    if given[0] is UNSET and given[1] is UNSET:
        if known.base_input_price is None or known.base_output_price is None:
            reason = _unknown(asked, "what it costs") + _HOW_TO_PRICE
            raise InvalidFields([FieldProblem("baseInputPrice", reason), FieldProblem("baseOutputPrice", reason)])
        return known.base_input_price, known.base_output_price
    input_price, output_price = (None if price is UNSET else price for price in given)
    if UNSET in given or (input_price is None) != (output_price is None):
        reason = "send both base prices, or null for both (then it is not sold)"
        raise InvalidFields([FieldProblem("baseOutputPrice", reason)])
    assert not isinstance(input_price, UnsetType) and not isinstance(output_price, UnsetType)
    return input_price, output_price


_HOW_TO_PRICE = "; send baseInputPrice and baseOutputPrice in USD per one million tokens, or null for both (not sold)"


def _rates(asked: AskedModel, known: KnownModel) -> Rates:
    return Rates.from_json(known.base_rates if asked.base_input_price is UNSET else {})


def _unknown(asked: AskedModel, what: str) -> str:
    return f"neither the registry nor the feeds know {what} of {asked.provider_model!r} at {asked.provider_id}"
