"""Requests, read whole, within the limits that API Gateway sets."""

from dataclasses import dataclass
from functools import cached_property

from dev.serving.client import ClientGone, Headers, Receive, Scope

HEAD_LIMIT = 10_240  # bytes of request line and headers, as API Gateway's quota
BODY_LIMIT = 10 * 1024 * 1024  # bytes, as API Gateway's quota


class RequestRefused(Exception):
    """The request is not acceptable, whatever it asks for. After the answer the connection is closed."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass
class Request:
    """A request with its whole body. Header names are in lower case, as ASGI gives them."""

    method: str
    target: str
    headers: Headers
    body: bytes
    client_address: str

    @cached_property
    def lower(self) -> dict[str, str]:
        """Headers by name; the values of a repeated one joined by commas."""
        found: dict[str, str] = {}
        for name, value in self.headers:
            found[name] = f"{found[name]},{value}" if name in found else value
        return found

    @cached_property
    def path(self) -> str:
        """The path as it was sent, still percent-encoded."""
        return self.target.partition("?")[0]

    @cached_property
    def query(self) -> str:
        """Returns the text after the question mark, as it was sent."""
        return self.target.partition("?")[2]


async def read_request(
    scope: Scope, receive: Receive, head_limit: int = HEAD_LIMIT, body_limit: int = BODY_LIMIT
) -> Request:
    """The request of an ASGI scope. Raises RequestRefused or ClientGone."""
    method: str = scope["method"]
    sent: bytes = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    target = _origin_form(method, sent.decode("latin-1"))
    headers: Headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    if len(method) + len(sent) + sum(len(name) + len(value) + 4 for name, value in headers) > head_limit:
        raise RequestRefused(431, "HEADERS_TOO_LARGE", f"Keep request line and headers below {head_limit} bytes.")
    request = Request(method, target, headers, b"", scope["client"][0])
    if "transfer-encoding" in request.lower and "content-length" in request.lower:
        raise _malformed("Content-Length and Transfer-Encoding contradict each other.")
    if int(request.lower.get("content-length", 0)) > body_limit:
        raise _too_large(body_limit)
    request.body = await _read_body(receive, body_limit)
    return request


async def _read_body(receive: Receive, limit: int) -> bytes:
    pieces: list[bytes] = []
    total = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        pieces.append(message["body"])
        total += len(message["body"])
        if total > limit:
            raise _too_large(limit)
        if not message["more_body"]:
            return b"".join(pieces)


def _origin_form(method: str, target: str) -> str:
    """The path and query of a request target; proxies may send the absolute form."""
    if target.startswith("/"):
        return target.partition("#")[0]
    if target == "*" and method == "OPTIONS":
        return "/"
    scheme, separator, rest = target.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        return "/" + rest.partition("/")[2]
    raise _malformed("The request target is not a path.")


def _malformed(message: str) -> RequestRefused:
    return RequestRefused(400, "MALFORMED_REQUEST", message)


def _too_large(limit: int) -> RequestRefused:
    return RequestRefused(413, "PAYLOAD_TOO_LARGE", f"Keep the body below {limit // 1024 // 1024} MB.")
