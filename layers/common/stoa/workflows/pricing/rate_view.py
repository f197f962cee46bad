"""Rates as clients read them: camelCase names, and numbers like prices."""

from typing import Any

from stoa.domain.pricing.rates import Rates, Tier

_OUTER = {
    "input": "input",
    "output": "output",
    "cached_input": "cachedInput",
    "cache_write": "cacheWrite",
    "input_audio": "inputAudio",
    "output_audio": "outputAudio",
    "input_image": "inputImage",
    "output_image": "outputImage",
}


def rates_view(rates: Rates) -> dict[str, Any] | None:
    """Returns the rates there are, and the tiers. None where everything costs as input or output do."""
    if not rates:
        return None
    tiers = [{"aboveInputTokens": tier.above_input_tokens, **_named(tier)} for tier in rates.tiers]
    return {**_named(rates), **({"tiers": tiers} if tiers else {})}


def _named(part: Rates | Tier) -> dict[str, Any]:
    return {_OUTER[kind]: rate for kind, rate in part.given().items()}
