"""Fits what a model is sent into its room: system prompt, the persona's knowledge, and the newest turns."""

from msgspec import Struct

from stoa.clients.wires.types import Turn
from stoa.domain.chat.context import FittedConversation, fit_conversation, input_limit, turn_tokens
from stoa.domain.personas.knowledge import PromptPassage, fitting, with_passages
from stoa.domain.selection.offers import Candidate
from stoa.domain.selection.refusals import Refusal
from stoa.workflows.chat.prepare import Prepared
from stoa.workflows.chat.values import ChatMessage


class Fitted(Struct, frozen=True):
    """A message as one model is sent it. `passages` are those that stand in `system`, in the order of their numbers."""

    system: str
    passages: tuple[PromptPassage, ...]
    conversation: FittedConversation[Turn]


def fitted(candidate: Candidate, prepared: Prepared, message: ChatMessage) -> Fitted | Refusal:
    """Returns the message for the candidate's window. A refusal: it is too long even without passages and history."""
    prompt = prepared.prompt
    requested = message.max_output_tokens or prompt.max_output_tokens
    room = input_limit(candidate.offer, requested) - turn_tokens(prompt.system) - turn_tokens(message.content)
    passages = fitting(prompt.passages, room)
    system = with_passages(prompt.system, passages)
    conversation = fit_conversation(
        candidate.offer, prepared.history, system=system, message=message.content, requested_output=requested
    )
    return conversation if isinstance(conversation, Refusal) else Fitted(system, passages, conversation)
