"""The practice providers' service: who is called, what goes wrong on purpose, and the control endpoints."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from dev.practice.answers import Answer, Question, Refusal, compose
from dev.practice.anthropic_wire import AnthropicWire, AnthropicWriter
from dev.practice.bedrock_wire import BedrockWire
from dev.practice.calls import CallLog, TakenCall, key_hash
from dev.practice.faults import Fault, Faults, UnknownFault, fault_from
from dev.practice.feed import PracticeFeed, UnknownOrder
from dev.practice.http_server import ClientGone, Exchange, Request
from dev.practice.openai_wire import CREATED, OpenAIWire
from dev.practice.predictions import Predictions
from dev.practice.rows import ROWS
from dev.practice.wire import StreamWriter, Wire

Answering = Callable[[Exchange, Wire, Question, Fault | None, TakenCall], Awaitable[None]]
PAGE = b"<!doctype html><html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>"
LISTS = ("/models", "/account", "/key", "/serving-endpoints")  # what a key is tried on
STREAM_FAULTS_END = {"cut", "end_early", "error_event", "malformed"}


class Service:
    """All practice providers of one process."""

    def __init__(self, delay_seconds: float) -> None:
        self.delay_seconds = delay_seconds  # before every word of every stream
        self.faults = Faults()
        self.log = CallLog()
        self.feed = PracticeFeed()
        self._openai = OpenAIWire()
        self._anthropic = AnthropicWire()
        self._bedrock = BedrockWire()
        self._predictions = Predictions(self)

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        request = exchange.request
        _, first, rest = (request.path + "/").split("/", 2)
        rest = "/" + rest.rstrip("/")
        try:
            if first == "practice":
                self._control(exchange, rest)
            elif first not in ROWS:
                exchange.respond(404, {"error": {"message": f"No practice provider is called {first!r}."}})
            elif (wire := self._wire_at(rest, request.method)) is not None:
                await self.call(exchange, wire, first, self._answer)
            elif "/predictions" in rest:
                await self._predictions.handle(exchange, first, rest)
            elif request.method == "GET" and rest.endswith(LISTS):
                self._models(exchange, first, rest)
            else:
                exchange.respond(404, {"error": {"message": f"{first} has nothing at {rest}."}})
        except (UnknownFault, UnknownOrder) as error:
            exchange.respond(422, {"error": {"message": str(error)}})

    def _wire_at(self, path: str, method: str) -> Wire | None:
        if method == "POST" and path.endswith("/chat/completions"):
            return self._openai
        if method == "POST" and path.endswith("/v1/messages"):
            return self._anthropic
        if method == "POST" and path.endswith(("/converse", "/converse-stream")):
            return self._bedrock
        return None

    async def call(self, exchange: Exchange, wire: Wire, provider: str, answer: Answering) -> None:
        """Take one call: read it, note it, let the ordered fault have its way, answer."""
        request = exchange.request
        try:
            self._check_key(provider, request)
            question = wire.question(provider, request)
        except Refusal as refusal:
            taken = self._taken(exchange, provider, None, None)
            taken.status, taken.ended = refusal.status, "refused"
            exchange.respond(
                refusal.status, wire.error(refusal.status, refusal.message), headers=wire.error_headers(refusal.status)
            )
            return
        fault = self.faults.of(provider, question.model, question.message, key_of(request.headers))
        taken = self._taken(exchange, provider, question, fault)
        try:
            if fault is None or not await self._refused(exchange, wire, fault, taken):
                await answer(exchange, wire, question, fault, taken)
        except ClientGone:
            taken.ended = taken.ended or "client_disconnected"
        finally:
            self.log.notify()

    async def _answer(
        self, exchange: Exchange, wire: Wire, question: Question, fault: Fault | None, taken: TakenCall
    ) -> None:
        answer = compose(question, fault)
        taken.input_tokens = answer.input_tokens
        usage = fault is None or fault.fault != "no_usage"
        if question.streamed:
            writer = wire.writer(question, answer)
            if not usage and isinstance(writer, AnthropicWriter):
                writer.without_usage()
            taken.status = 200
            exchange.start(writer.content_type)
            await self.play(exchange, writer, answer, fault, taken, usage=usage)
        else:
            if fault is not None and fault.delay:
                await exchange.pause(fault.delay)
            # Noted before it is sent: whoever has the answer finds the call complete.
            taken.status, taken.output_tokens, taken.ended = 200, len(answer.pieces), "complete"
            if fault is not None and fault.fault == "malformed":
                exchange.respond(200, b'{"choices": [')
            else:
                exchange.respond(200, wire.whole(question, answer, usage=usage))

    async def _refused(self, exchange: Exchange, wire: Wire, fault: Fault, taken: TakenCall) -> bool:
        status = fault.status
        if fault.fault == "refuse":
            taken.ended = "cut"
            exchange.drop()
        elif fault.fault == "hang":
            await exchange.until_gone()
        elif fault.fault == "html":
            taken.status, taken.ended = 200, "refused"
            exchange.respond(200, PAGE, "text/html; charset=utf-8")
        elif status is not None or fault.fault == "context_length":
            status = status or 400
            message = "This model's maximum context length is exceeded." if fault.status is None else "Practice fault."
            headers = wire.error_headers(status)
            if status == 429 or fault.retry_after is not None:
                headers["Retry-After"] = f"{2 if fault.retry_after is None else fault.retry_after:g}"
            taken.status, taken.ended = status, "refused"
            exchange.respond(status, wire.error(status, message), headers=headers)
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
        exchange.end()
        if kind == "close_after":
            await asyncio.sleep(0)
            exchange.drop()

    async def _spoil(self, exchange: Exchange, writer: StreamWriter, kind: str, taken: TakenCall) -> bool:
        """Do what a stream fault orders; True when nothing follows."""
        if kind == "hold":
            await exchange.until(self.faults.gate)
            return False
        taken.ended = "cut"
        if kind == "cut":
            exchange.drop()
            return True
        if kind != "end_early":
            await exchange.write(writer.error_event() if kind == "error_event" else writer.broken())
        exchange.end()
        return True

    def _check_key(self, provider: str, request: Request) -> None:
        if key_of(request.headers) is None and provider not in ("self_hosted",):
            raise Refusal(401, "No key was sent. Practice providers take any.")

    def _taken(self, exchange: Exchange, provider: str, question: Question | None, fault: Fault | None) -> TakenCall:
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

    def _models(self, exchange: Exchange, provider: str, path: str) -> None:
        """Lists of models, and Replicate's account: what a key is tried on. A fault of the key's is had here, too."""
        taken = self._taken(exchange, provider, None, None)
        key = key_of(exchange.request.headers)
        fault = self.faults.of(provider, "", "", key) if key else None
        may_ask = key is not None or provider == "self_hosted"
        taken.status, taken.ended = (fault.status if fault and fault.status else 200 if may_ask else 401), "complete"
        if taken.status != 200:
            exchange.respond(taken.status, self._openai.error(taken.status, "Practice fault."))
            return
        if not path.endswith("/models"):
            exchange.respond(200, {"type": "user", "username": "practice"})
            return
        names = self.feed.names(provider) or ["practice-small", "practice-large"]
        if provider == "anthropic":
            exchange.respond(200, _anthropic_page(names, parse_qs(exchange.request.query)))
            return
        models = [
            {"id": name, "object": "model", "created": CREATED, "owned_by": provider}
            | {"shutdown_date": self.feed.ends_on(provider, name)}
            for name in names
        ]
        exchange.respond(200, {"object": "list", "data": models})

    def _feed(self, exchange: Exchange, path: str) -> None:
        status, body, headers = self.feed.answer(path)
        etag = headers.get("ETag")
        if etag and exchange.request.headers.get("if-none-match") == etag:
            exchange.respond(304, b"", headers=headers)
        else:
            exchange.respond(status, body, headers.pop("Content-Type", "application/json"), headers)

    def _control(self, exchange: Exchange, path: str) -> None:
        request = exchange.request
        match request.method, path:
            case "POST", "/faults":
                self.faults.add(fault_from(_object(request.body)))
                exchange.respond(201, {"added": True})
            case "DELETE", "/faults":
                self.faults.clear()
                exchange.respond(200, {"cleared": True})
            case "POST", "/release":
                self.faults.release()
                exchange.respond(200, {"released": True})
            case "GET", "/calls":
                exchange.respond(200, {"calls": self.log.listed(), "counters": self.log.counters()})
            case "DELETE", "/calls":
                self.log.clear()
                exchange.respond(200, {"cleared": True})
            case "POST", "/feed":
                self.feed.order(_object(request.body))
                exchange.respond(201, {"ordered": True})
            case "DELETE", "/feed":
                self.feed.clear()
                exchange.respond(200, {"cleared": True})
            case "GET", "/feed/genai-prices.json" | "/feed/model-prices.json":
                self._feed(exchange, path)
            case "GET", "/health":
                exchange.respond(200, {"practice": True})
            case _:
                exchange.respond(404, {"error": {"message": "See dev/practice/README.md for the control endpoints."}})


def _anthropic_page(names: list[str], query: Mapping[str, list[str]]) -> dict[str, Any]:
    """A page as https://docs.anthropic.com/en/api/models-list has it: `limit` models after the one of `after_id`."""
    after = query.get("after_id", [""])[0]
    rest = names[names.index(after) + 1 :] if after in names else names
    page = rest[: int(query.get("limit", ["20"])[0])]
    listed = [
        {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"} for name in page
    ]
    first, last = (page[0], page[-1]) if page else (None, None)
    return {"data": listed, "has_more": len(page) < len(rest), "first_id": first, "last_id": last}


def key_of(headers: Mapping[str, str]) -> str | None:
    """The key that a request carries, wherever its provider wants it."""
    bearer = headers.get("authorization", "").removeprefix("Bearer ") or None
    return headers.get("x-api-key") or headers.get("api-key") or bearer


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UnknownFault("Send a JSON object.")
    return value
