"""The values a selection is made from and the decision it ends in.

A `Snapshot` is everything known about one member and one message at one instant. It is read from the
database in one round trip and handed to the pure rules; nothing in it is looked up later.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct, field

from stoa.domain.catalogue.model_facts import ALWAYS, NO_FACTS, ModelFacts
from stoa.domain.pricing.rates import NO_RATES, Rates
from stoa.domain.teams.team_tokens import TeamShare

Aliases = Mapping[str, tuple[str, ...]]  # other spellings of a model's id, and the models that each fits

ACCESS_FREE = "free"
ACCESS_ENTITLED = "entitled"
ACCESS_TEAM = "team"
ACCESS_TRIAL = "trial"

TEXT_CAPABILITIES = frozenset({"chat", "reasoning", "code"})


def gives_text(max_output_tokens: int, capabilities: Iterable[str]) -> bool:
    """False for models that give no text answer, such as embeddings and voice-only models."""
    return max_output_tokens > 0 and not TEXT_CAPABILITIES.isdisjoint(capabilities)


class Prices(Struct, frozen=True):
    """A price-book row. Prices are USD per 1,000,000 tokens; the minimum charge is USD per message."""

    row_id: UUID
    input_price: Decimal
    output_price: Decimal
    base_input_price: Decimal
    base_output_price: Decimal
    minimum_charge: Decimal
    rates: Rates = NO_RATES  # what a member pays for tokens that are not plain input or output
    base_rates: Rates = NO_RATES  # and what the provider takes for them


class PendingPrices(Struct, frozen=True):
    """The next change of what a member pays that is announced, and when it comes."""

    prices: Prices
    effective_from: datetime


class Offer(Struct, frozen=True):
    """A model as one tenant offers it to one member at one instant: overlay, access, counters and price."""

    model_id: str
    display_name: str
    provider_id: str
    provider_name: str
    provider_model: str
    context_window: int
    max_output_tokens: int
    modalities: tuple[str, ...]
    capabilities: tuple[str, ...]
    is_novel: bool
    is_self_hosted: bool
    category: str
    known_for: str
    speed: str  # fastest | fast | standard | slower
    quality: str  # good | excellent | exceptional
    display_order: int
    enabled: bool
    healthy: bool
    deprecated_at: datetime | None
    successor_id: str | None
    access_tier: str  # free | premium
    unlock_price_cents: int | None
    daily_limit: int | None
    used_today: int
    trial_messages: int
    trials_used: int
    entitlement_source: str | None  # purchase | admin_grant | team | plan, when one is in force
    prices: Prices | None  # None: no price-book row is in force, so the model cannot be sold
    pending: PendingPrices | None = None
    fallback_ids: tuple[str, ...] = ()  # who stands in first, as the tenant decided
    # The team that covers the model, where nothing of the member's own does. While it has tokens left for the member,
    # `entitlement_source` is "team".
    team: TeamShare | None = None
    facts: ModelFacts = NO_FACTS
    thinktank_enabled: bool = True  # False: the chat's picker leaves it out
    own_words: str | None = None  # what an admin of the tenant wrote of it
    reachable: bool = True  # False: its provider refused our key, or does not know the model

    @property
    def trials_remaining(self) -> int:
        """Free messages left on this premium model, never negative."""
        return max(0, self.trial_messages - self.trials_used)

    @property
    def can_chat(self) -> bool:
        """Whether it can answer a message."""
        return self.facts.is_servable and gives_text(self.max_output_tokens, self.capabilities)

    @property
    def thinks_first(self) -> bool:
        """True for models that reason at length, in billed output tokens, before they answer (o1, R1)."""
        return self.facts.thinking == ALWAYS or ("reasoning" in self.capabilities and "chat" not in self.capabilities)


class Preferences(Struct, frozen=True):
    """A member's choices (S2 in the product notes). Absent rows read as these defaults."""

    selection_mode: str = "manual"  # auto | manual | favorites
    default_model_id: str | None = None
    persona_overrides: Mapping[str, str] = field(default_factory=dict)
    domain_overrides: Mapping[str, str] = field(default_factory=dict)
    favorite_models: tuple[str, ...] = ()
    show_standard_models: bool = True
    show_novel_models: bool = True
    show_self_hosted_models: bool = True
    show_cost_per_message: bool = True
    max_cost_per_message: Decimal | None = None  # USD
    prefer_cost_optimization: bool = False


class ModeDefaults(Struct, frozen=True):
    """The tenant's models for the message's domain mode and focus mode: a model id, `auto`, or None."""

    domain_default: str | None = None
    focus_default: str | None = None


class ChatRequest(Struct, frozen=True):
    """The part of a message that selection looks at."""

    content: str
    model_id: str | None = None
    persona_id: str | None = None
    domain_mode: str | None = None
    focus_mode: str | None = None
    max_output_tokens: int | None = None
    attachments: tuple[str, ...] = ()  # modalities other than text, such as "image"
    context_tokens: int = 0  # estimated tokens of system prompt and history that come before `content`
    system_tokens: int = 0  # of these, the system prompt's: unlike history it is never dropped


class Snapshot(Struct, frozen=True):
    """Everything a selection may use. `now` is aware and UTC; `limit_resets_at` is the tenant's next midnight."""

    request: ChatRequest
    preferences: Preferences
    offers: Mapping[str, Offer]
    modes: ModeDefaults
    now: datetime
    limit_resets_at: datetime
    default_ids: tuple[str, ...] = ()  # the models that answer where nobody chose one, the first that can
    aliases: Aliases = field(default_factory=dict)
    force_system_default: bool = False  # the tenant's switch that sends everyone to the system default
    currency: str = "usd"  # of unlock prices, ISO 4217 in lower case; prices per token are always USD


class Candidate(Struct, frozen=True):
    """A model that may serve the message: under which access, at which price row, for about how much."""

    offer: Offer
    prices: Prices
    access: str  # one of the ACCESS_ values
    estimated_cost: Decimal  # USD, 9 places; 0 for a trial message
    estimated_tokens: int = 0  # input and expected output

    @property
    def paying_team(self) -> TeamShare | None:
        """The team whose tokens the message takes, where one does."""
        return self.offer.team if self.access == ACCESS_TEAM else None


class Decision(Struct, frozen=True):
    """The model that serves the message, and in which order others would if it fails.

    `rule` is one of: request, persona_override, domain_override, default_model, favorite, auto, domain_default,
    focus_default, system_default, forced_system_default, fallback, successor, cheapest_free.
    `reason` says why in words. `requested_model_id` is what was asked for when that differs from what is used.
    """

    chosen: Candidate
    rule: str
    reason: str
    requested_model_id: str | None = None
    fallbacks: tuple[Candidate, ...] = ()
