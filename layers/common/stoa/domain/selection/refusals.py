"""Refusals that a selection may end in: typed facts, each with a message that says what to do.

A refusal knows no status and no JSON. Each door tells it in its own shape (`stoa.http.refusals`).
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from msgspec import Struct

from stoa.domain.pricing.markup import money_text
from stoa.domain.selection.offers import Offer
from stoa.domain.selection.quota import seconds_until, utc_text
from stoa.domain.teams.team_tokens import TeamShare

MODEL_NOT_FOUND = "MODEL_NOT_FOUND"
MODEL_CANNOT_CHAT = "MODEL_CANNOT_CHAT"
MODEL_LOCKED = "MODEL_LOCKED"
RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
TEAM_POOL_EXHAUSTED = "TEAM_POOL_EXHAUSTED"
COST_LIMIT_EXCEEDED = "COST_LIMIT_EXCEEDED"
INPUT_TOO_LONG = "INPUT_TOO_LONG"
NO_MODEL_AVAILABLE = "NO_MODEL_AVAILABLE"


class Refusal(Struct, frozen=True):
    """A reason why no model serves the message. `code` is stable: clients switch on it."""

    code: ClassVar[str]

    @property
    def message(self) -> str:
        """Says what happened and what to do, for people."""
        raise NotImplementedError


class ModelNotFound(Refusal, frozen=True):
    """The request names a model that this tenant does not have."""

    code: ClassVar[str] = MODEL_NOT_FOUND
    model_id: str

    @property
    def message(self) -> str:
        """Tells people what happened and what to do."""
        return (
            f"There is no model {self.model_id!r}. GET /api/models lists those you can use; null or 'auto' lets Stoa "
            "choose."
        )


class ModelCannotChat(Refusal, frozen=True):
    """The model exists and gives no text answers."""

    code: ClassVar[str] = MODEL_CANNOT_CHAT
    model_id: str
    model_name: str
    capabilities: tuple[str, ...]

    @property
    def message(self) -> str:
        """Tells people what happened and what to do."""
        return f"{self.model_name} does not answer in text. Choose a model that can chat."


class ModelLocked(Refusal, frozen=True):
    """The member has not bought a premium model and has no trial messages left on it.

    `reason` is TRIAL_EXPIRED or NOT_PURCHASED. `price_cents` None: it is not for sale, an admin may grant it.
    """

    code: ClassVar[str] = MODEL_LOCKED
    model_id: str
    model_name: str
    reason: str
    price_cents: int | None
    currency: str

    @property
    def message(self) -> str:
        """Tells people what happened and what to do."""
        used_up = self.reason == "TRIAL_EXPIRED"
        why = "your trial messages are used up" if used_up else "it has not been purchased"
        how = _how_to_unlock(self.price_cents, self.currency)
        return f"{self.model_name} is locked: {why}. {how}, or choose another model."


class TeamTokensUsedUp(Refusal, frozen=True):
    """A team covers the model, and its tokens, or the member's part of them, are used up until `resets_at`.

    `reason` is POOL_USED_UP or ALLOTMENT_USED_UP. `limit` is the pool or the allotment, in tokens.
    """

    code: ClassVar[str] = TEAM_POOL_EXHAUSTED
    model_id: str
    model_name: str
    reason: str
    team_id: UUID
    team_name: str
    limit: int | None
    resets_at: datetime
    price_cents: int | None
    currency: str

    @property
    def message(self) -> str:
        """Tells people what happened and what to do."""
        pool = self.reason == "POOL_USED_UP"
        what = f"the tokens of {self.team_name}" if pool else f"your tokens from {self.team_name}"
        return (
            f"{self.model_name} is paid for by your team, and {what} are used up, messages under way included. New "
            f"ones come at {utc_text(self.resets_at)}. Ask the team's owner for more or choose another model. "
            f"{_how_to_unlock(self.price_cents, self.currency)}."
        )


class DailyLimitReached(Refusal, frozen=True):
    """The member has used up today's messages on this model. `resets_at` is never in the past."""

    code: ClassVar[str] = RATE_LIMIT_EXCEEDED
    model_id: str
    model_name: str
    limit: int
    resets_at: datetime
    wait_seconds: int

    @property
    def message(self) -> str:
        """Tells people what happened and what to do."""
        return (
            f"Today's limit of {self.limit} messages on {self.model_name} is reached. Wait for the reset at "
            f"{utc_text(self.resets_at)} or choose another model."
        )


class TooExpensive(Refusal, frozen=True):
    """The message would probably cost more than the member's own ceiling per message. Both in USD."""

    code: ClassVar[str] = COST_LIMIT_EXCEEDED
    model_id: str
    model_name: str
    estimate: Decimal
    ceiling: Decimal

    @property
    def message(self) -> str:
        """Tells people what happened and what to do."""
        return (
            f"This message would cost about {_dollars(self.estimate)} with {self.model_name}, more than your ceiling "
            f"of {_dollars(self.ceiling)} per message. Choose a cheaper model, shorten the message or raise the "
            "ceiling."
        )


class InputTooLong(Refusal, frozen=True):
    """The message and system prompt alone do not fit the model's window beside the answer. In tokens."""

    code: ClassVar[str] = INPUT_TOO_LONG
    model_id: str
    model_name: str
    limit: int
    estimate: int

    @property
    def message(self) -> str:
        """Tells people what happened and what to do."""
        return (
            f"The message is about {self.estimate} tokens and {self.model_name} accepts {self.limit}. Shorten it, ask "
            "for a shorter answer or choose a model with a larger window."
        )


class NoModelAvailable(Refusal, frozen=True):
    """Nothing that the member may use can serve the message."""

    code: ClassVar[str] = NO_MODEL_AVAILABLE

    @property
    def message(self) -> str:
        """Tells people what happened and what to do."""
        return (
            "No model can serve this message at the moment. Try again soon, choose a model by name or ask an admin to "
            "enable one."
        )


def model_not_found(model_id: str) -> Refusal:
    """Refuses a model that this tenant does not have."""
    return ModelNotFound(model_id)


def model_cannot_chat(offer: Offer) -> Refusal:
    """Refuses a model that gives no text answers."""
    return ModelCannotChat(offer.model_id, offer.display_name, offer.capabilities)


def model_locked(offer: Offer, currency: str) -> Refusal:
    """Refuses a premium model that is neither bought nor on trial. `currency` is the tenant's, of the unlock price.

    Where a team covers the model, its tokens are used up and the refusal says when there are new ones.
    """
    if offer.team is not None:
        return _team_exhausted(offer, offer.team, currency)
    reason = "TRIAL_EXPIRED" if offer.trial_messages > 0 else "NOT_PURCHASED"
    return ModelLocked(offer.model_id, offer.display_name, reason, offer.unlock_price_cents, currency)


def rate_limit_exceeded(offer: Offer, *, limit: int, reset_at: datetime, now: datetime) -> Refusal:
    """Refuses a message over today's limit."""
    resets_at = max(reset_at, now + timedelta(seconds=1))
    wait = seconds_until(resets_at, now)
    return DailyLimitReached(offer.model_id, offer.display_name, limit, resets_at, wait)


def cost_limit_exceeded(offer: Offer, *, estimate: Decimal, ceiling: Decimal) -> Refusal:
    """Refuses a message above the member's own ceiling."""
    return TooExpensive(offer.model_id, offer.display_name, estimate, ceiling)


def input_too_long(offer: Offer, *, limit: int, estimate: int) -> Refusal:
    """Refuses a message that does not fit the model's window."""
    return InputTooLong(offer.model_id, offer.display_name, limit, estimate)


def no_model_available() -> Refusal:
    """Refuses because nothing can serve the message."""
    return NoModelAvailable()


def _team_exhausted(offer: Offer, team: TeamShare, currency: str) -> Refusal:
    pool_used_up = team.pool_remaining == 0
    return TeamTokensUsedUp(
        model_id=offer.model_id,
        model_name=offer.display_name,
        reason="POOL_USED_UP" if pool_used_up else "ALLOTMENT_USED_UP",
        team_id=team.team_id,
        team_name=team.team_name,
        limit=team.pool if pool_used_up else team.allotment,
        resets_at=team.resets_at,
        price_cents=offer.unlock_price_cents,
        currency=currency,
    )


def _how_to_unlock(price_cents: int | None, currency: str) -> str:
    if price_cents is None:
        return "Ask an admin to grant access"
    return f"Unlock it once for {Decimal(price_cents).scaleb(-2):.2f} {currency.upper()}"


def _dollars(amount: Decimal) -> str:
    """Returns the amount for people: at least cents, and no zeros behind them."""
    whole, _, fraction = money_text(amount).partition(".")
    return f"{whole}.{fraction.rstrip('0'):0<2} USD"
