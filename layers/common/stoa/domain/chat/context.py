"""Fitting a conversation into a model's window: what is kept, what is dropped, what is reserved for the answer."""

from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from stoa.domain.catalogue.model_facts import NEVER
from stoa.domain.chat.tokens import estimate_tokens
from stoa.domain.selection.offers import Offer
from stoa.domain.selection.refusals import Refusal, input_too_long

DEFAULT_OUTPUT_TOKENS = 4096  # about six pages; a client that wants more says so
DEFAULT_THINKING_OUTPUT_TOKENS = 16384  # models that think first spend their output tokens on thinking, too
TURN_OVERHEAD_TOKENS = 4  # role and separators around each turn, OpenAI's published figure rounded up


class SpokenTurn(Protocol):
    """A turn of a conversation: `role` is "user" or "assistant"."""

    @property
    def role(self) -> str: ...
    @property
    def content(self) -> str: ...


TurnT = TypeVar("TurnT", bound=SpokenTurn)


class FittedConversation(NamedTuple, Generic[TurnT]):
    """The turns to send, in order, the number of older ones that were dropped, and the token budget around them."""

    turns: tuple[TurnT, ...]
    dropped: int
    input_tokens: int  # estimated: system prompt, kept turns and new message
    output_budget: int


def output_budget(offer: Offer, requested: int | None) -> int:
    """Returns the most tokens an answer may take: what was requested, within the model's own maximum.

    Never more than half of the window, so that there is always room for a question, and never less than 1.
    """
    thinks = offer.thinks_first or offer.facts.thinking != NEVER
    default = DEFAULT_THINKING_OUTPUT_TOKENS if thinks else DEFAULT_OUTPUT_TOKENS
    wanted = default if requested is None else requested
    return max(1, min(wanted, offer.max_output_tokens, offer.context_window // 2))


def input_limit(offer: Offer, requested: int | None) -> int:
    """Returns the most tokens a model accepts as input once room for its answer is reserved."""
    room = offer.context_window - output_budget(offer, requested)
    return min(room, offer.facts.max_input_tokens or room)


def turn_tokens(content: str) -> int:
    """Estimated tokens of one turn, with what the provider wraps around it."""
    return estimate_tokens(content) + TURN_OVERHEAD_TOKENS


def fit_conversation(
    offer: Offer, turns: Sequence[TurnT], *, system: str, message: str, requested_output: int | None = None
) -> FittedConversation[TurnT] | Refusal:
    """Keep the newest turns that fit beside system prompt, new message and answer; drop the older ones.

    The first kept turn is always the user's, so that no answer stands without its question. Where the new message
    and the system prompt alone do not fit, the outcome is the refusal INPUT_TOO_LONG.
    """
    limit = input_limit(offer, requested_output)
    used = turn_tokens(message) + (turn_tokens(system) if system else 0)
    if used > limit:
        return input_too_long(offer, limit=limit, estimate=used)
    first_kept = len(turns)
    kept_tokens = running = 0
    for position in range(len(turns) - 1, -1, -1):
        running += turn_tokens(turns[position].content)
        if used + running > limit:
            break
        if turns[position].role == "user":
            first_kept, kept_tokens = position, running
    budget = output_budget(offer, requested_output)
    return FittedConversation(tuple(turns[first_kept:]), first_kept, used + kept_tokens, budget)
