"""Practice side of Replicate: predictions, their event streams, and cancelling.

https://replicate.com/docs/reference/http and https://replicate.com/docs/topics/predictions/streaming
"""

import itertools
import json
import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dev.practice.answers import Answer, Question, Refusal
from dev.practice.calls import TakenCall
from dev.practice.exchange import Request
from dev.practice.faults import Fault
from dev.practice.openai_wire import json_object

_OFFICIAL = re.compile(r"/models/([^/]+/[^/]+)/predictions$")
REMEMBERED = 1000


@dataclass(slots=True)
class Prediction:
    """A prediction: made by one request, streamed by another, asked for by a third."""

    id: str
    question: Question
    answer: Answer
    fault: Fault | None
    taken: TakenCall
    status: str = "starting"  # starting | processing | succeeded | failed | canceled


class ReplicateWire:
    """`POST …/predictions` and what follows it."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._predictions: OrderedDict[str, Prediction] = OrderedDict()

    def question(self, provider: str, request: Request) -> Question:
        """Read a request for a prediction."""
        body = json_object(request.body)
        official = _OFFICIAL.search(request.path)
        model = official[1] if official else body.get("version")
        given = body.get("input")
        if not isinstance(model, str) or not isinstance(given, dict) or "prompt" not in given:
            raise Refusal(422, "- input: prompt is required\n- version is required")
        limit = given.get("max_tokens", given.get("max_new_tokens"))
        system = [given["system_prompt"]] if given.get("system_prompt") else []
        streamed = bool(body.get("stream"))
        return Question(provider, model, (*system, str(given["prompt"])), limit, streamed)

    def writer(self, question: Question, answer: Answer) -> "ReplicateWriter":  # noqa: ARG002 (the protocol's form)
        """See `wire.Wire`."""
        return ReplicateWriter()

    def whole(self, question: Question, answer: Answer, *, usage: bool) -> dict[str, Any]:
        """See `wire.Wire`; Replicate answers with a prediction instead (`told`)."""
        raise NotImplementedError

    def error(self, status: int, message: str) -> dict[str, Any]:
        """See `wire.Wire`."""
        return {"title": "Practice", "detail": message, "status": status}

    def error_headers(self, status: int) -> dict[str, str]:
        """See `wire.Wire`."""
        return {"ratelimit-remaining": "0"} if status == 429 else {}

    def make(self, question: Question, answer: Answer, fault: Fault | None, taken: TakenCall) -> Prediction:
        """A new prediction. One that nobody streams has its whole answer at once."""
        made = Prediction(f"practice{next(self._numbers)}", question, answer, fault, taken)
        if not question.streamed:
            made.status = "succeeded"
        self._predictions[made.id] = made
        while len(self._predictions) > REMEMBERED:
            self._predictions.popitem(last=False)
        return made

    def find(self, prediction_id: str) -> Prediction | None:
        """The prediction with that id."""
        return self._predictions.get(prediction_id)

    def told(self, prediction: Prediction, base_url: str) -> dict[str, Any]:
        """A prediction as JSON."""
        address = f"{base_url}/predictions/{prediction.id}"
        body: dict[str, Any] = {
            "id": prediction.id,
            "model": prediction.question.model,
            "input": {},
            "output": None,
            "error": None,
            "status": prediction.status,
            "urls": {"get": address, "cancel": f"{address}/cancel", "stream": f"{address}/stream"},
        }
        if prediction.status == "succeeded":
            body["output"] = list(prediction.answer.pieces)
            if prediction.fault is None or prediction.fault.fault != "no_usage":
                body["metrics"] = {
                    "input_token_count": prediction.answer.input_tokens,
                    "output_token_count": len(prediction.answer.pieces),
                    "predict_time": 0.001,
                }
        return body


class ReplicateWriter:
    """Returns an event stream."""

    content_type = "text/event-stream"

    def __init__(self) -> None:
        self._ids = itertools.count(1)

    def opening(self) -> Iterable[bytes]:
        """See `wire.StreamWriter`: Replicate's streams begin with a comment."""
        yield b": hi\n\n"

    def piece(self, text: str) -> bytes:
        """See `wire.StreamWriter`."""
        lines = "\n".join(f"data: {line}" for line in text.split("\n"))
        return f"id: 1690212292:{next(self._ids)}\nevent: output\n{lines}\n\n".encode()

    def closing(self, stop: str, output_tokens: int, *, usage: bool) -> Iterable[bytes]:  # noqa: ARG002
        """See `wire.StreamWriter`."""
        yield b"event: done\ndata: {}\n\n"

    def error_event(self) -> bytes:
        """See `wire.StreamWriter`."""
        return f"event: error\ndata: {json.dumps({'detail': 'The model failed.'})}\n\n".encode()

    def broken(self) -> bytes:
        """See `wire.StreamWriter`: text that is not UTF-8."""
        return b"event: output\ndata: \xff\xfe\xff\n\n"
