"""Practice side of Bedrock's Converse, whole and streamed in AWS's binary event framing.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html (the framing)
"""

import json
import re
import struct
import zlib
from collections.abc import Iterable
from typing import Any

from dev.practice.answers import Answer, Question, Refusal
from dev.practice.exchange import Request
from dev.practice.openai_wire import json_object, text_of

_PATH = re.compile(r"/model/(.+)/converse(-stream)?$")
STOP = {"stop": "end_turn", "length": "max_tokens", "content_filter": "guardrail_intervened"}
EXCEPTIONS = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}
STRING = 7  # the framing's type for header values


class BedrockWire:
    """`POST …/model/{id}/converse` and `…/converse-stream`."""

    def question(self, provider: str, request: Request) -> Question:
        """Read a request."""
        body = json_object(request.body)
        found = _PATH.search(request.path)
        messages = body.get("messages")
        if found is None or not isinstance(messages, list) or not messages:
            raise Refusal(400, "The format of the value at messages is invalid")
        if not all(isinstance(message.get("content"), list) for message in messages):
            raise Refusal(400, "content is a list of blocks")
        return Question(
            provider=provider,
            model=found[1],
            texts=(
                *(block.get("text", "") for block in body.get("system") or ()),
                *(text_of(message["content"]) for message in messages),
            ),
            max_tokens=(body.get("inferenceConfig") or {}).get("maxTokens"),
            streamed=found[2] is not None,
        )

    def writer(self, question: Question, answer: Answer) -> "BedrockWriter":
        """See `wire.Wire`."""
        return BedrockWriter(question, answer)

    def whole(self, question: Question, answer: Answer, *, usage: bool) -> dict[str, Any]:  # noqa: ARG002
        """See `wire.Wire`."""
        return {
            "output": {"message": {"role": "assistant", "content": [{"text": answer.text}]}},
            "stopReason": STOP[answer.stop],
            "usage": usage_of(answer, len(answer.pieces) if usage else 0),
            "metrics": {"latencyMs": 1},
        }

    def error(self, status: int, message: str) -> dict[str, Any]:  # noqa: ARG002 (the protocol's form)
        """See `wire.Wire`."""
        if "context length" in message:
            message = "Input is too long for requested model."
        return {"message": message}

    def error_headers(self, status: int) -> dict[str, str]:
        """See `wire.Wire`: the exception's name is in a header."""
        name = EXCEPTIONS.get(status, "InternalServerException")
        return {"x-amzn-ErrorType": f"{name}:http://internal.amazon.com/coral/com.amazon.bedrock/"}


class BedrockWriter:
    """Returns a streamed turn of a conversation."""

    content_type = "application/vnd.amazon.eventstream"

    def __init__(self, question: Question, answer: Answer) -> None:
        self._question = question
        self._answer = answer

    def opening(self) -> Iterable[bytes]:
        """See `wire.StreamWriter`."""
        yield _event("messageStart", {"role": "assistant"})

    def piece(self, text: str) -> bytes:
        """See `wire.StreamWriter`."""
        return _event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})

    def closing(self, stop: str, output_tokens: int, *, usage: bool) -> Iterable[bytes]:
        """See `wire.StreamWriter`."""
        yield _event("contentBlockStop", {"contentBlockIndex": 0})
        yield _event("messageStop", {"stopReason": STOP[stop]})
        if usage:
            counts = usage_of(self._answer, output_tokens)
            yield _event("metadata", {"usage": counts, "metrics": {"latencyMs": 1}})

    def error_event(self) -> bytes:
        """See `wire.StreamWriter`."""
        headers = {
            ":exception-type": "modelStreamErrorException",
            ":content-type": "application/json",
            ":message-type": "exception",
        }
        return frame(headers, b'{"message": "The model stopped answering."}')

    def broken(self) -> bytes:
        """See `wire.StreamWriter`: the framing is whole, its check sum is not."""
        whole = bytearray(self.piece("broken"))
        whole[-1] ^= 0xFF
        return bytes(whole)


def usage_of(answer: Answer, output_tokens: int) -> dict[str, int]:
    """Counts in Bedrock's form: its input tokens are those that the cache had nothing to do with.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
    """
    return {
        "inputTokens": answer.input_tokens - answer.cached_tokens - answer.written_tokens,
        "outputTokens": output_tokens,
        "totalTokens": answer.input_tokens + output_tokens,
        "cacheReadInputTokens": answer.cached_tokens,
        "cacheWriteInputTokens": answer.written_tokens,
    }


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """Returns a message: lengths and their check sum, headers, payload, check sum of everything."""
    packed = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", STRING, len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(packed) + len(payload), len(packed))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + packed + payload
    return message + struct.pack("!I", zlib.crc32(message))


def _event(name: str, payload: dict[str, Any]) -> bytes:
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, json.dumps(payload).encode())
