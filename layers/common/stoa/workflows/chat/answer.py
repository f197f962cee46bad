"""The chat itself: reserve, call the provider, pass its answer on as it comes, settle."""

from collections.abc import Generator, Iterator
from contextlib import closing

from msgspec import Struct, field

from stoa.clients.wires.asking import speaking
from stoa.clients.wires.types import Call, Cancel, Cancelled, Finish, ProviderError, Text, Turn
from stoa.core.errors import Unavailable
from stoa.core.ids import new_id
from stoa.core.observe import logger
from stoa.core.text import made_storable
from stoa.database.pool import RuleRefused
from stoa.domain.chat.answer_report import AnswerReport, Citation, WebCitation
from stoa.domain.selection.offers import Candidate, Decision
from stoa.domain.selection.refusals import Refusal
from stoa.domain.selection.selection import taken_over
from stoa.identity.members import Member
from stoa.workflows.chat import report
from stoa.workflows.chat.books import LedgerLine
from stoa.workflows.chat.fitting import Fitted, fitted
from stoa.workflows.chat.prepare import Prepared, Replay, prepare
from stoa.workflows.chat.values import (
    ChatMessage,
    Citations,
    Content,
    Done,
    Event,
    Failure,
    Metadata,
    Selection,
    Tools,
)
from stoa.workflows.selection.member_view import Refused, refused

# A counter may move between the snapshot and the reservation. Then we look again, and the fresh snapshot gives the
# refusal or the other model that is right now. Each look sees at least one more message counted, so few are enough.
LOOKS = 3

CONNECT_TIMEOUT_SECONDS = 5.0


def chat(tools: Tools, member: Member, message: ChatMessage, cancel: Cancel) -> Generator[Event, None, None]:
    """Answers `message` as a stream of events. Closing it stops early, and what was produced is settled.

    Before the first event it raises what the client must be told instead of an answer: a refusal, a conflict, a field.
    After it, a failure comes as an event. `cancel` stops a provider that is being waited for.
    """
    try:
        found = _reserved(tools, member, message)
    except Refused as refused_error:
        report.emit_refused(refused_error.refusal)
        raise
    if isinstance(found, Replay):
        yield from _replayed(found)
        return
    prepared, line, fits = found
    try:
        yield from _Conversation(tools, member, message, cancel, prepared, line).events(fits)
    finally:
        report.emit_selected(message, prepared.decision)  # at the end: nobody waits for a log line then


def _reserved(tools: Tools, member: Member, message: ChatMessage) -> Replay | tuple[Prepared, LedgerLine, Fitted]:
    for _ in range(LOOKS):
        prepared = prepare(tools, member, message)
        if isinstance(prepared, Replay):
            return prepared
        decision = prepared.decision
        line = LedgerLine(tools, member, message, prepared, message.conversation_id or new_id())
        fits = fitted(decision.chosen, prepared, message)
        if isinstance(fits, Refusal):
            raise refused(fits)
        try:
            line.reserve(decision)
        except RuleRefused:
            continue
        return prepared, line, fits
    raise Unavailable("Other messages are being counted just now. Try again in a moment.")


def _replayed(replay: Replay) -> Iterator[Event]:
    yield report.replayed(replay)
    yield Content(replay.content)
    yield Metadata(replay.report)
    if replay.citations:
        yield Citations(replay.citations)
    yield Done(replay.report.conversation_id, replay.report.message_id)


def _citations(answer: str, finish: Finish, fits: Fitted) -> tuple[Citation, ...]:
    # A provider that searches numbers its own sources, so a number in its answer means one of those.
    if not finish.citations:
        return _cited(answer, fits)
    return tuple(
        WebCitation(_web_page(citation.url), citation.title and made_storable(citation.title))
        for citation in finish.citations
    )


def _web_page(url: str) -> str | None:
    # Clients make links of them, and a source keeps its place in the list, because answers cite it by number.
    return made_storable(url) if url.lower().startswith(("https://", "http://")) else None


def _cited(answer: str, fits: Fitted) -> tuple[Citation, ...]:
    if not fits.passages:
        return ()
    from stoa.domain.chat.citations import citations  # its patterns cost 3 ms of a cold start

    return tuple(citations(answer, fits.passages))


class _Progress(Struct):
    """Holds what one provider has said so far."""

    pieces: list[str] = field(default_factory=list)
    finish: Finish | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class _Conversation:
    """Takes a message through its candidates, the chosen model first."""

    def __init__(
        self, tools: Tools, member: Member, message: ChatMessage, cancel: Cancel, prepared: Prepared, line: LedgerLine
    ) -> None:
        self._tools, self._member, self._message, self._cancel = tools, member, message, cancel
        self._prepared, self._line = prepared, line
        self._failed_models: list[str] = []
        self._selection: Selection | None = None

    def events(self, fits: Fitted) -> Iterator[Event]:
        """Try the chosen model, with what fits it, and, until a first piece of an answer has come, the fallbacks in
        their order."""
        decision, health = self._prepared.decision, self._tools.health
        health.begin(decision.chosen.offer.provider_id)
        failure = yield from self._attempt(decision, fits)
        for fallback in decision.fallbacks:
            if failure is None:
                return
            if not health.may_fail_over(self._line.candidate.offer.provider_id):
                break
            reason = f"{self._line.candidate.offer.display_name} failed ({failure.kind}); the next model answers."
            following = taken_over(decision, fallback, reason)
            if self._reserve_again(following):
                failure = yield from self._attempt(following, fitted(fallback, self._prepared, self._message))
        if failure is not None:
            yield Failure(failure)

    def _reserve_again(self, decision: Decision) -> bool:
        line = LedgerLine(self._tools, self._member, self._message, self._prepared, self._line.conversation_id)
        try:
            line.reserve(decision)
        except RuleRefused:
            return False
        self._line = line
        return True

    def _attempt(self, decision: Decision, fits: Fitted | Refusal) -> Generator[Event, None, ProviderError | None]:
        """Let its model answer. Returns the provider's failure when it failed before the first piece, else None."""
        candidate, line, progress = decision.chosen, self._line, _Progress()
        if isinstance(fits, Refusal):  # a fallback with a smaller window
            line.release("INPUT_TOO_LONG")
            return ProviderError("rejected", provider_id=candidate.offer.provider_id, reason="input too long")
        selected = self._selection = report.selection(decision, self._prepared, line)
        try:
            yield selected
            yield from self._streamed(candidate, fits, progress)
            yield from self._complete(fits, progress)
        except ProviderError as error:
            self._failed_models.append(candidate.offer.model_id)
            line.provider_failed(error)
            told = {"modelId": candidate.offer.model_id, "upstreamStatus": error.upstream_status}
            logger().warning("provider failed", extra={**told, **(error.details or {})})
            if not progress.pieces:
                line.release(error.code)
                return error
            yield self._partial(fits, progress, "error", error.code, give_back=True)
            yield Failure(error)
        except (Cancelled, GeneratorExit):
            self._client_gone(fits, progress)
            raise
        finally:
            if line.is_open:  # an error of our own: nobody pays for it
                line.release("INTERNAL_ERROR")
        return None

    def _streamed(self, candidate: Candidate, fits: Fitted, progress: _Progress) -> Iterator[Event]:
        offer, prompt = candidate.offer, self._prepared.prompt
        call = Call(
            model=offer.provider_model,
            system=fits.system or None,
            turns=(*fits.conversation.turns, Turn("user", self._message.content)),
            max_output_tokens=fits.conversation.output_budget,
            temperature=prompt.temperature,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            first_token_timeout=self._tools.health.patience.first_token_timeout(offer, probing=bool(self._line.probes)),
            deadline=self._tools.deadline,
            refuses=frozenset(offer.facts.refused_parameters),
        )
        endpoint = speaking(self._tools.endpoint(offer.provider_id, self._member.tenant_id), offer.facts.wire)
        self._line.own_key = endpoint.own_key
        with closing(self._tools.stream(endpoint, call, self._cancel)) as stream:
            for item in stream:
                if isinstance(item, Text):
                    self._line.first_token()
                    text = made_storable(item.text)
                    progress.pieces.append(text)
                    yield Content(text)
                else:
                    progress.finish = item

    def _complete(self, fits: Fitted, progress: _Progress) -> Iterator[Event]:
        finish = progress.finish or Finish("other")
        cited = _citations(progress.text, finish, fits)
        told = self._account(fits, progress, finish.stop_reason)
        usage = told.usage
        exchange = self._line.exchange(progress.text, told, cited)
        self._line.settle(usage, exchange, status="completed", stop_reason=finish.stop_reason)
        report.emit_sent(self._message, self._line, self._line.charge(usage))
        yield Metadata(told)
        if cited:
            yield Citations(cited)
        yield Done(told.conversation_id, told.message_id)

    def _partial(
        self,
        fits: Fitted,
        progress: _Progress,
        stop_reason: str,
        error_code: str,
        *,
        give_back: bool,
    ) -> Metadata:
        told = self._account(fits, progress, stop_reason, partial=True, give_back=give_back)
        usage = told.usage
        exchange = self._line.exchange(progress.text, told, _cited(progress.text, fits))
        self._line.settle(
            usage, exchange, status="partial", stop_reason=stop_reason, error_code=error_code, give_back=give_back
        )
        if not give_back:
            report.emit_sent(self._message, self._line, self._line.charge(usage))
        return Metadata(told)

    def _client_gone(self, fits: Fitted, progress: _Progress) -> None:
        # The member closed the connection. What they were shown is theirs and is paid; what they never saw is not.
        if self._line.is_open:
            if progress.pieces:
                self._partial(fits, progress, "cancelled", "CLIENT_GONE", give_back=False)
            else:
                self._line.release("CLIENT_GONE")

    def _account(
        self,
        fits: Fitted,
        progress: _Progress,
        stop_reason: str,
        *,
        partial: bool = False,
        give_back: bool = False,
    ) -> AnswerReport:
        assert self._selection is not None  # a provider is called after its selection was told
        return report.account(
            self._line,
            self._selection,
            self._line.usage(fits.conversation.input_tokens, progress.text, progress.finish),
            answer_id=new_id(),
            stop_reason=stop_reason,
            turns_dropped=fits.conversation.dropped,
            failed_models=self._failed_models,
            partial=partial,
            give_back=give_back,
        )
