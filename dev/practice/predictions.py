"""Replicate's routes: a call is spread over several requests there."""

import re

from dev.practice.answers import Question, compose
from dev.practice.calls import TakenCall
from dev.practice.exchange import Exchange
from dev.practice.faults import Fault
from dev.practice.replicate_wire import Prediction, ReplicateWire
from dev.practice.stage import Stage
from dev.practice.wire import Wire
from dev.serving.client import ClientGone

_ONE = re.compile(r"/predictions/([^/]+)(/stream|/cancel)?$")
STATUS_AFTER = {"complete": "succeeded", "cut": "failed"}


class Predictions:
    """`…/predictions`, `…/predictions/{id}`, `…/stream`, `…/cancel`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._wire = ReplicateWire()

    async def handle(self, exchange: Exchange, provider: str, path: str) -> None:
        """Answer one request."""
        method = exchange.request.method
        if method == "POST" and path.endswith("/predictions"):
            await self._stage.call(exchange, self._wire, provider, self._made)
            return
        found = _ONE.search(path)
        prediction = self._wire.find(found[1]) if found else None
        if found is None or prediction is None:
            await exchange.respond(404, self._wire.error(404, "The requested resource could not be found."))
        elif found[2] == "/stream":
            await self._streamed(exchange, prediction)
        elif found[2] == "/cancel":
            await self._cancelled(exchange, prediction)
        else:
            await exchange.respond(200, self._wire.told(prediction, _base(exchange)))

    async def _made(
        self,
        exchange: Exchange,
        wire: Wire,  # noqa: ARG002 (the form of all answerers)
        question: Question,
        fault: Fault | None,
        taken: TakenCall,
    ) -> None:
        answer = compose(question, fault)
        taken.input_tokens = answer.input_tokens
        prediction = self._wire.make(question, answer, fault, taken)
        if not question.streamed:
            taken.output_tokens, taken.ended = len(answer.pieces), "complete"
        taken.status = 201
        await exchange.respond(201, self._wire.told(prediction, _base(exchange)))

    async def _streamed(self, exchange: Exchange, prediction: Prediction) -> None:
        taken, writer = prediction.taken, self._wire.writer(prediction.question, prediction.answer)
        prediction.status = "processing"
        try:
            await exchange.start(writer.content_type)
            await self._stage.play(exchange, writer, prediction.answer, prediction.fault, taken, usage=True)
        except ClientGone:
            taken.ended = taken.ended or "client_disconnected"
        finally:
            if prediction.status == "processing":
                prediction.status = STATUS_AFTER.get(taken.ended or "", "processing")
            self._stage.log.notify()

    async def _cancelled(self, exchange: Exchange, prediction: Prediction) -> None:
        if prediction.status in ("starting", "processing"):
            prediction.status = "canceled"
        prediction.taken.cancelled = True
        self._stage.log.notify()
        await exchange.respond(200, self._wire.told(prediction, _base(exchange)))


def _base(exchange: Exchange) -> str:
    """The address that the client came to, up to `/v1`."""
    request = exchange.request
    return f"http://{request.headers.get('host', '127.0.0.1')}{request.path.partition('/v1')[0]}/v1"
