"""A call on its way through a practice provider: read, noted, refused or answered, and spoilt as it was ordered."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from dev.practice.answers import Answer, Question, Refusal, compose
from dev.practice.anthropic_wire import AnthropicWriter
from dev.practice.calls import CallLog, TakenCall, key_hash
from dev.practice.exchange import Exchange, Request
from dev.practice.faults import Fault, Faults
from dev.practice.wire import StreamWriter, Wire
from dev.serving.client import ClientGone

Answering = Callable[[Exchange, Wire, Question, Fault | None, TakenCall], Awaitable[None]]
PAGE = b"<!doctype html><html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>"
STREAM_FAULTS_END = {"cut", "end_early", "error_event", "malformed"}


class Stage:
    """Answers all calls. Keeps the faults that were ordered and the calls that came."""

    def __init__(self, delay_seconds: float) -> None:
        self.delay_seconds = delay_seconds  # before every word of every stream
        self.faults = Faults()
        self.log = CallLog()

    async def call(self, exchange: Exchange, wire: Wire, provider: str, answer: Answering) -> None:
        """Take one call: read it, note it, let the ordered fault have its way, answer."""
        request = exchange.request
        try:
            self._check_key(provider, request)
            question = wire.question(provider, request)
        except Refusal as refusal:
            taken = self.note(exchange, provider, None, None)
            taken.status, taken.ended = refusal.status, "refused"
            await exchange.respond(
                refusal.status, wire.error(refusal.status, refusal.message), headers=wire.error_headers(refusal.status)
            )
            return
        fault = self.faults.of(provider, question.model, question.message, key_of(request.headers))
        taken = self.note(exchange, provider, question, fault)
        try:
            if fault is None or not await self._refused(exchange, wire, fault, taken):
                await answer(exchange, wire, question, fault, taken)
        except ClientGone:
            taken.ended = taken.ended or "client_disconnected"
        finally:
            self.log.notify()

    async def answer(
        self, exchange: Exchange, wire: Wire, question: Question, fault: Fault | None, taken: TakenCall
    ) -> None:
        """Answer with words, streamed or whole."""
        answer = compose(question, fault)
        taken.input_tokens = answer.input_tokens
        usage = fault is None or fault.fault != "no_usage"
        if question.streamed:
            writer = wire.writer(question, answer)
            if not usage and isinstance(writer, AnthropicWriter):
                writer.without_usage()
            taken.status = 200
            await exchange.start(writer.content_type)
            await self.play(exchange, writer, answer, fault, taken, usage=usage)
        else:
            if fault is not None and fault.delay:
                await exchange.pause(fault.delay)
            # Noted before it is sent: whoever has the answer finds the call complete.
            taken.status, taken.output_tokens, taken.ended = 200, len(answer.pieces), "complete"
            if fault is not None and fault.fault == "malformed":
                await exchange.respond(200, b'{"choices": [')
            else:
                await exchange.respond(200, wire.whole(question, answer, usage=usage))

    async def _refused(self, exchange: Exchange, wire: Wire, fault: Fault, taken: TakenCall) -> bool:
        status = fault.status
        if fault.fault == "refuse":
            taken.ended = "cut"
            await exchange.drop()
        elif fault.fault == "hang":
            await exchange.until_gone()
        elif fault.fault == "html":
            taken.status, taken.ended = 200, "refused"
            await exchange.respond(200, PAGE, "text/html; charset=utf-8")
        elif status is not None or fault.fault == "context_length":
            status = status or 400
            message = "This model's maximum context length is exceeded." if fault.status is None else "Practice fault."
            headers = wire.error_headers(status)
            if status == 429 or fault.retry_after is not None:
                headers["Retry-After"] = f"{2 if fault.retry_after is None else fault.retry_after:g}"
            taken.status, taken.ended = status, "refused"
            await exchange.respond(status, wire.error(status, message), headers=headers)
        else:
            return False
        return True

    async def play(
        self,
        exchange: Exchange,
        writer: StreamWriter,
        answer: Answer,
        fault: Fault | None,
        taken: TakenCall,
        *,
        usage: bool,
    ) -> None:
        """Stream an answer, with what was ordered to go wrong on the way."""
        kind = fault.fault if fault is not None else ""
        delay = fault.delay if fault is not None and kind == "slow" else self.delay_seconds
        if fault is not None and kind == "slow_first_token":
            await exchange.pause(fault.delay)
        for event in writer.opening():
            await exchange.write(event)
        stop_at = fault.after_chunks if fault is not None and kind in {*STREAM_FAULTS_END, "hold"} else -1
        for number, piece in enumerate(answer.pieces):
            if number == stop_at and await self._spoil(exchange, writer, kind, taken):
                return
            await exchange.pause(delay)
            taken.chunks_sent = taken.output_tokens = number + 1
            await exchange.write(writer.piece(piece))
            if number == 0 or number + 1 == stop_at:
                self.log.notify()
        for event in writer.closing(answer.stop, len(answer.pieces), usage=usage):
            await exchange.write(event)
        taken.ended = "complete"
        await exchange.end()
        if kind == "close_after":
            await asyncio.sleep(0)
            await exchange.drop()

    async def _spoil(self, exchange: Exchange, writer: StreamWriter, kind: str, taken: TakenCall) -> bool:
        """Do what a stream fault orders; True when nothing follows."""
        if kind == "hold":
            await exchange.until(self.faults.gate)
            return False
        taken.ended = "cut"
        if kind == "cut":
            await exchange.drop()
            return True
        if kind != "end_early":
            await exchange.write(writer.error_event() if kind == "error_event" else writer.broken())
        await exchange.end()
        return True

    def _check_key(self, provider: str, request: Request) -> None:
        if key_of(request.headers) is None and provider not in ("self_hosted",):
            raise Refusal(401, "No key was sent. Practice providers take any.")

    def note(self, exchange: Exchange, provider: str, question: Question | None, fault: Fault | None) -> TakenCall:
        """Put a call on the log."""
        request = exchange.request
        call = TakenCall(
            number=self.log.next_number(),
            connection=exchange.connection_number,
            provider=provider,
            model=question.model if question else "",
            path=request.path,
            streamed=question.streamed if question else False,
            header_names=sorted(request.headers),
            key_sha256=key_hash(key_of(request.headers)),
            fault=fault.fault if fault else None,
        )
        self.log.add(call)
        return call


def key_of(headers: Mapping[str, str]) -> str | None:
    """The key that a request carries, wherever its provider wants it."""
    bearer = headers.get("authorization", "").removeprefix("Bearer ") or None
    return headers.get("x-api-key") or headers.get("api-key") or bearer
