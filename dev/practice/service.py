"""The practice providers' service: who is called, what goes wrong on purpose, and the control endpoints."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from dev.practice.anthropic_wire import AnthropicWire
from dev.practice.bedrock_wire import BedrockWire
from dev.practice.exchange import Exchange, Request, take
from dev.practice.faults import UnknownFault, fault_from
from dev.practice.feed import GENAI_PATH, SECOND_PATH, PracticeFeed, UnknownOrder
from dev.practice.openai_wire import CREATED, OpenAIWire
from dev.practice.predictions import Predictions
from dev.practice.responses_wire import ResponsesWire
from dev.practice.rows import ROWS
from dev.practice.stage import Stage, key_of
from dev.practice.wire import Wire
from dev.serving.application import plain_refusal
from dev.serving.client import Client, ClientGone, Receive, Scope, Send
from dev.serving.requests import RequestRefused

LISTS = ("/models", "/account", "/key", "/serving-endpoints")  # what a key is tried on
FEEDS = (GENAI_PATH, SECOND_PATH)


class Service:
    """All practice providers of one process."""

    def __init__(self, delay_seconds: float) -> None:
        self._stage = Stage(delay_seconds)
        self.faults, self.log = self._stage.faults, self._stage.log
        self.feed = PracticeFeed()
        self._openai = OpenAIWire()
        self._responses = ResponsesWire()
        self._anthropic = AnthropicWire()
        self._bedrock = BedrockWire()
        self._predictions = Predictions(self._stage)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called by uvicorn for each request."""
        try:
            exchange = await take(scope, receive, send)
        except ClientGone:
            return
        except RequestRefused as refused:
            answer = plain_refusal(refused)
            await Client(scope, receive, send).refuse(answer.status, answer.headers, answer.body)
            return
        self.log.connections.add(exchange.connection_number)
        try:
            await self._handle(exchange)
        except ClientGone:
            return
        except (UnknownFault, UnknownOrder) as error:
            await exchange.respond(422, {"error": {"message": str(error)}})
        finally:
            await exchange.close()

    async def _handle(self, exchange: Exchange) -> None:
        request = exchange.request
        _, first, rest = (request.path + "/").split("/", 2)
        rest = "/" + rest.rstrip("/")
        if first == "practice" and request.method == "GET" and rest in FEEDS:
            await self._feed(exchange, rest)
        elif first == "practice":
            status, body = self._control(request, rest)
            await exchange.respond(status, body)
        elif first not in ROWS:
            await exchange.respond(404, {"error": {"message": f"No practice provider is called {first!r}."}})
        elif (wire := self._wire_at(rest, request.method)) is not None:
            await self._stage.call(exchange, wire, first, self._stage.answer)
        elif "/predictions" in rest:
            await self._predictions.handle(exchange, first, rest)
        elif request.method == "GET" and rest.endswith(LISTS):
            await self._models(exchange, first, rest)
        else:
            await exchange.respond(404, {"error": {"message": f"{first} has nothing at {rest}."}})

    def _wire_at(self, path: str, method: str) -> Wire | None:
        if method == "POST" and path.endswith("/chat/completions"):
            return self._openai
        if method == "POST" and path.endswith("/responses"):
            return self._responses
        if method == "POST" and path.endswith("/v1/messages"):
            return self._anthropic
        if method == "POST" and path.endswith(("/converse", "/converse-stream")):
            return self._bedrock
        return None

    async def _models(self, exchange: Exchange, provider: str, path: str) -> None:
        """Lists of models, and Replicate's account: what a key is tried on. A fault of the key's is had here, too."""
        taken = self._stage.note(exchange, provider, None, None)
        key = key_of(exchange.request.headers)
        fault = self.faults.of(provider, "", "", key) if key else None
        may_ask = key is not None or provider == "self_hosted"
        taken.status, taken.ended = (fault.status if fault and fault.status else 200 if may_ask else 401), "complete"
        if taken.status != 200:
            await exchange.respond(taken.status, self._openai.error(taken.status, "Practice fault."))
            return
        if not path.endswith("/models"):
            await exchange.respond(200, {"type": "user", "username": "practice"})
            return
        names = self.feed.names(provider) or ["practice-small", "practice-large"]
        if provider == "anthropic":
            await exchange.respond(200, _anthropic_page(names, parse_qs(exchange.request.query)))
            return
        models = [
            {"id": name, "object": "model", "created": CREATED, "owned_by": provider}
            | {"shutdown_date": self.feed.ends_on(provider, name)}
            for name in names
        ]
        await exchange.respond(200, {"object": "list", "data": models})

    async def _feed(self, exchange: Exchange, path: str) -> None:
        status, body, headers = self.feed.answer(path)
        etag = headers.get("ETag")
        if etag and exchange.request.headers.get("if-none-match") == etag:
            await exchange.respond(304, b"", headers=headers)
        else:
            await exchange.respond(status, body, headers.pop("Content-Type", "application/json"), headers)

    def _control(self, request: Request, path: str) -> tuple[int, dict[str, Any]]:
        match request.method, path:
            case "POST", "/faults":
                self.faults.add(fault_from(_object(request.body)))
                return 201, {"added": True}
            case "DELETE", "/faults":
                self.faults.clear()
                return 200, {"cleared": True}
            case "POST", "/release":
                self.faults.release()
                return 200, {"released": True}
            case "GET", "/calls":
                return 200, {"calls": self.log.listed(), "counters": self.log.counters()}
            case "DELETE", "/calls":
                self.log.clear()
                return 200, {"cleared": True}
            case "POST", "/feed":
                self.feed.order(_object(request.body))
                return 201, {"ordered": True}
            case "DELETE", "/feed":
                self.feed.clear()
                return 200, {"cleared": True}
            case "GET", "/health":
                return 200, {"practice": True}
            case _:
                return 404, {"error": {"message": "See dev/practice/README.md for the control endpoints."}}


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


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UnknownFault("Send a JSON object.")
    return value
