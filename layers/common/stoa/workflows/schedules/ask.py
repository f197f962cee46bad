"""The chat as a scheduled run asks it: the same limits, access, teams, persona and charge as for a member."""

import hashlib

from stoa.clients.wires.types import Cancel
from stoa.core.errors import StoaError
from stoa.domain.chat.answer_report import AnswerReport
from stoa.identity.members import Member
from stoa.workflows.chat import ChatMessage, Content, Failure, Metadata, Tools, chat
from stoa.workflows.schedules.prompt_run import RunAnswer, RunFailed, RunPrompt, TryAgain

# Answers that may be others in a moment: nothing is wrong with the prompt.
_LATER = frozenset({"IDEMPOTENCY_KEY_IN_PROGRESS", "UNAVAILABLE"})


def answered(tools: Tools, member: Member, prompt: RunPrompt) -> RunAnswer:
    """Returns the whole answer of a chat. Raises RunFailed or TryAgain."""
    message = ChatMessage(
        content=prompt.content,
        model_id=prompt.model_id,
        persona_id=prompt.persona_id,
        domain_mode=prompt.domain_mode,
        idempotency_key=prompt.key,
        # The key is this run's alone, so that a prompt which its owner changed meanwhile is no other request.
        request_hash=hashlib.sha256(prompt.key.encode()).hexdigest(),
    )
    try:
        pieces, report = _gathered(tools, member, message)
    except StoaError as error:
        if error.code in _LATER:
            raise TryAgain from error
        raise RunFailed(error.code, error.message) from error
    if report is None or report.is_partial:  # a replay of an answer that had broken off
        raise RunFailed("PROVIDER_FAILED", "The answer broke off.")
    return RunAnswer(
        text="".join(pieces),
        model_id=report.model_id,
        conversation_id=report.conversation_id,
        input_tokens=report.usage.input_tokens,
        output_tokens=report.usage.output_tokens,
        charge=report.charge,
    )


def _gathered(tools: Tools, member: Member, message: ChatMessage) -> tuple[list[str], AnswerReport | None]:
    pieces: list[str] = []
    report: AnswerReport | None = None
    for event in chat(tools, member, message, Cancel()):
        match event:
            case Content(text):
                pieces.append(text)
            case Metadata(account):
                report = account
            case Failure(error):
                raise error
    return pieces, report
