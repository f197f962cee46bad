"""Values for the tests of the rules. Everything has a sensible default; a test names only what it is about."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from stoa.domain.selection.offers import (
    ChatRequest,
    Decision,
    ModeDefaults,
    Offer,
    Preferences,
    Prices,
    Snapshot,
)
from stoa.domain.selection.refusals import Refusal
from stoa.domain.selection.selection import select

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
YESTERDAY = datetime(2026, 11, 20, tzinfo=UTC)
TOMORROW = datetime(2026, 11, 22, tzinfo=UTC)
ROW = UUID(int=7)


def prices(input_price: str = "0.21", output_price: str = "0.84", minimum_charge: str = "0.001") -> Prices:
    """A price-book row whose base prices are half of the user prices."""
    return Prices(
        row_id=ROW,
        input_price=Decimal(input_price),
        output_price=Decimal(output_price),
        base_input_price=Decimal(input_price) / 2,
        base_output_price=Decimal(output_price) / 2,
        minimum_charge=Decimal(minimum_charge),
    )


def offer(model_id: str = "gpt-4o-mini", **changes: Any) -> Offer:
    """A free, healthy, enabled chat model with a price."""
    values: dict[str, Any] = {
        "model_id": model_id,
        "display_name": model_id.replace("-", " ").title(),
        "provider_id": "openai",
        "provider_name": "OpenAI",
        "provider_model": model_id,
        "context_window": 128_000,
        "max_output_tokens": 16_384,
        "modalities": ("text",),
        "capabilities": ("chat",),
        "is_novel": False,
        "is_self_hosted": False,
        "category": "economy",
        "known_for": "",
        "speed": "fast",
        "quality": "good",
        "display_order": 1,
        "enabled": True,
        "healthy": True,
        "deprecated_at": None,
        "successor_id": None,
        "access_tier": "free",
        "unlock_price_cents": None,
        "daily_limit": None,
        "used_today": 0,
        "trial_messages": 0,
        "trials_used": 0,
        "entitlement_source": None,
        "prices": prices(),
    }
    return Offer(**(values | changes))


def premium(model_id: str = "gpt-4o", *, trials: int = 2, used: int = 0, **changes: Any) -> Offer:
    """A premium model at $2.99 that the member has not bought, with trial messages."""
    values: dict[str, Any] = {
        "display_name": "GPT-4o",
        "access_tier": "premium",
        "unlock_price_cents": 299,
        "trial_messages": trials,
        "trials_used": used,
        "quality": "excellent",
        "speed": "standard",
        "prices": prices("3.5", "14"),
        "display_order": 10,
    }
    return offer(model_id, **(values | changes))


def snapshot(
    *offers: Offer,
    request: ChatRequest | str | None = None,
    preferences: Preferences | None = None,
    modes: ModeDefaults | None = None,
    **changes: Any,
) -> Snapshot:
    """A snapshot at NOW; `request` may be just a model id. Without offers there is only the system default."""
    if request is None or isinstance(request, str):
        request = ChatRequest(content="Hello there", model_id=request)
    return Snapshot(
        request=request,
        preferences=preferences or Preferences(),
        offers=by_id(offers or (offer(),)),
        modes=modes or ModeDefaults(),
        **({"now": NOW, "limit_resets_at": MIDNIGHT, "default_ids": ("gpt-4o-mini",)} | changes),
    )


def by_id(offers: Iterable[Offer]) -> dict[str, Offer]:
    return {entry.model_id: entry for entry in offers}


def decided(given: Snapshot) -> Decision:
    """The decision, where a refusal would be a failure of the test."""
    outcome = select(given)
    assert isinstance(outcome, Decision), outcome
    return outcome


def refused(given: Snapshot) -> Refusal:
    """The refusal, where a decision would be a failure of the test."""
    outcome = select(given)
    assert isinstance(outcome, Refusal), outcome
    return outcome


def model_of(given: Snapshot) -> tuple[str, str, str]:
    """Model, rule and access of the decision: what most tables of examples are about."""
    decision = decided(given)
    return decision.chosen.offer.model_id, decision.rule, decision.chosen.access


def entitled(entry: Offer, source: str = "purchase") -> Offer:
    return replace(entry, entitlement_source=source)


# The registry in small: id, provider, window, most output, user prices, modalities, capabilities, novel, tier, speed,
# quality, order. Prices are the provider's plus 40 %.
_REGISTRY = """
gpt-4o-mini|openai|128000|16384|0.21|0.84|text image|chat vision|0|free|fast|good|1
claude-3.5-haiku|anthropic|200000|8192|0.35|1.75|text|chat code|0|free|fastest|good|2
llama-3.1-8b|together|131072|4096|0.252|0.252|text|chat open_weights|0|free|fast|good|3
gpt-4o|openai|128000|16384|3.5|14|text image audio|chat reasoning vision audio|0|premium|standard|excellent|10
claude-3.5-sonnet|anthropic|200000|8192|4.2|21|text image|chat reasoning analysis code|0|premium|standard|excellent|11
gemini-1.5-pro|google|2000000|8192|1.75|7|text image|chat reasoning vision long_context|0|premium|standard|excellent|13
claude-4-opus|anthropic|200000|8192|21|105|text image|chat reasoning analysis code|0|premium|slower|exceptional|20
o1|openai|200000|100000|21|84|text image|reasoning analysis math code|0|premium|slower|exceptional|22
gemini-2.0-flash|google|1000000|8192|0.105|0.42|text image|chat vision fast|0|free|fastest|good|24
deepseek-v3|deepseek|64000|8192|0.196|0.392|text|chat code reasoning|0|free|standard|good|28
mistral-large-2|mistral|128000|8192|2.8|8.4|text|chat reasoning multilingual|0|premium|standard|excellent|29
codestral-latest|mistral|32000|8192|0.42|1.26|text|code code_generation code_review|0|free|fast|good|30
deepseek-r1|deepseek|64000|8192|0.77|3.066|text|reasoning chain_of_thought analysis|1|free|slower|excellent|51
grok-embed|xai|8192|0|0.14|0|text|embeddings|1|free|fastest|good|59
gpt-4o-realtime|openai|128000|4096|7|28|text audio video|voice streaming realtime|1|premium|fastest|excellent|61
qwen-2.5-coder|together|128000|8192|0.42|1.26|text|code code_generation|1|free|fast|good|63
phi-4|azure_openai|16000|4096|0.098|0.196|text|chat reasoning efficient|1|free|fast|good|65
"""


def registry(*, owned: Iterable[str] = ()) -> list[Offer]:
    """The small registry as offers to a member who owns those models."""
    owned = set(owned)
    offers = []
    for line in _REGISTRY.strip().splitlines():
        (
            model_id, provider_id, window, most_output, input_price, output_price,
            modalities, capabilities, novel, tier, speed, quality, order,
        ) = line.split("|")  # fmt: skip
        offers.append(
            offer(
                model_id,
                provider_id=provider_id,
                context_window=int(window),
                max_output_tokens=int(most_output),
                prices=prices(input_price, output_price),
                modalities=tuple(modalities.split()),
                capabilities=tuple(capabilities.split()),
                is_novel=novel == "1",
                access_tier=tier,
                unlock_price_cents=299 if tier == "premium" else None,
                trial_messages=2 if tier == "premium" else 0,
                speed=speed,
                quality=quality,
                display_order=int(order),
                entitlement_source="purchase" if model_id in owned else None,
            )
        )
    return offers
