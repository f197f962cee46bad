"""Facts of a model: its family and class, the calls that it takes, and what people should know of it."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from msgspec import Struct, field

NEVER, OPTIONAL, ALWAYS = "never", "optional", "always"  # whether a model thinks before it answers

SMALL, STANDARD, FLAGSHIP, REASONING = "small", "standard", "flagship", "reasoning"
# The classes of models that chat, the nearest to each other side by side.
CLASSES = (SMALL, STANDARD, FLAGSHIP, REASONING)
# Classes that are for one purpose. The nearest of the four stands in for each.
NEAREST = {"search": STANDARD, "code": STANDARD, "embedding": SMALL, "realtime": STANDARD}


class ModelFacts(Struct, frozen=True):
    """Facts of a model beside its prices and sizes, from the registry. Texts are by language.

    `wire` None is the provider's own. `max_input_tokens` None: the window is the only limit. `patience_seconds` None:
    the longest silence follows from `thinking`. A request fails with one of the `refused_parameters`.
    """

    family: str | None = None
    model_class: str | None = None
    wire: str | None = None
    max_input_tokens: int | None = None
    thinking: str = NEVER
    patience_seconds: int | None = None
    refused_parameters: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    descriptions: Mapping[str, str] = field(default_factory=dict)
    best_for: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    released_on: date | None = None
    never_offered: bool = False
    is_servable: bool = True
    shown_cost: Decimal | None = None  # USD per 1M tokens, as an admin wants it shown; nothing is charged by it
    updated_at: datetime | None = None


NO_FACTS = ModelFacts()


def class_distance(one: str | None, other: str | None) -> int:
    """Returns how far two classes are apart: 0 for the same, 9 where one is not known."""
    if one == other:
        return 0
    places = [NEAREST.get(name or "", name or "") for name in (one, other)]
    if not all(place in CLASSES for place in places):
        return 9
    return max(1, abs(CLASSES.index(places[0]) - CLASSES.index(places[1])))
