"""Values of a call to a model provider, the same for every wire format."""

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal

from msgspec import Struct, field

from stoa.core.errors import StoaError, UpstreamFailed
from stoa.core.values import Private

FailureKind = Literal["rate_limited", "unavailable", "timeout", "rejected", "auth", "malformed"]

MOST_TOKENS = 1_000_000_000  # what the ledger's columns hold, and more than any message has

RETRYABLE_KINDS = frozenset({"rate_limited", "unavailable", "timeout", "malformed"})


class Endpoint(Private, frozen=True):
    """The address, key and options of one provider. `stoa.clients.wires.endpoints.endpoint_for` makes it."""

    provider_id: str
    wire: str  # openai | responses | anthropic | bedrock | replicate
    base_url: str
    api_key: str | None
    options: Mapping[str, str] = field(default_factory=dict)  # docs/providers.md explains them
    other_keys: tuple[str, ...] = field(default=())  # as good as `api_key`: `stoa.clients.wires.key_spread`
    own_key: bool = False  # the tenant's own: it pays the provider itself, and the key's failures are its alone


class Turn(Private, frozen=True):
    """An earlier or present message of the conversation."""

    role: str  # user | assistant
    content: str


class Call(Private, frozen=True):
    """A question to one model. Times are seconds. `deadline` is a `time.monotonic()` value for the whole call."""

    model: str  # the provider's own name for it
    system: str | None
    turns: tuple[Turn, ...]
    max_output_tokens: int
    temperature: float | None
    connect_timeout: float
    first_token_timeout: float  # from the start of the call to the first sign of an answer
    deadline: float
    refuses: frozenset[str] = frozenset()  # parameters with which the model would refuse the request


class Text(Struct, frozen=True):
    """The next piece of the answer, never empty."""

    text: str


class Citation(Struct, frozen=True):
    """A source that the provider names for its answer."""

    url: str
    title: str | None = None


class Finish(Struct, frozen=True):
    """The last item of every complete stream. Token counts are None where the provider sent none.

    `input_tokens` counts everything that was read, cached or not, and `output_tokens` includes reasoning that was not
    shown. The counts below them are parts of these two: what the provider read from its cache and wrote to it, sound
    and pictures.
    """

    stop_reason: str  # stop | length | content_filter | tool_use | other
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    input_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    output_audio_tokens: int | None = None
    output_image_tokens: int | None = None
    citations: tuple[Citation, ...] = ()


def token_count(value: Any) -> int | None:
    """Returns a provider's count, or None for anything that cannot be one."""
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None


class ProviderError(UpstreamFailed):
    """The provider did not give a complete answer.

    The message says which provider, what kind of failure and Stoa's own word for the reason. It never holds what the
    provider wrote, because providers repeat keys and messages in their errors.

    kind           meaning                                        the same model again?
    rate_limited   too many requests; wait `retry_after` seconds  yes, later
    unavailable    unreachable, overloaded, broke off mid-stream  yes
    timeout        no connection, first token or end in time      yes
    malformed      the answer is not of the wire's format         yes
    rejected       the request as it is will never be served      no; another model may serve it
    auth           key, permission, credit or configuration       no; another provider may serve it
    """

    def __init__(
        self,
        kind: FailureKind,
        *,
        provider_id: str,
        reason: str | None = None,
        retry_after: float | None = None,
        upstream_status: int | None = None,
    ) -> None:
        because = [reason] if reason else []
        if upstream_status is not None:
            because.append(f"HTTP {upstream_status}")
        message = f"The provider {provider_id} failed: {kind}" + (f" ({', '.join(because)})." if because else ".")
        details: dict[str, object] = {"provider": provider_id, "kind": kind}
        if reason:
            details["reason"] = reason
        if retry_after is not None:
            details["retry_after"] = retry_after
        super().__init__("PROVIDER_FAILED", message, details=details, retry_after=retry_after)
        self.kind = kind
        self.provider_id = provider_id
        self.reason = reason
        self.upstream_status = upstream_status

    @property
    def retryable(self) -> bool:
        """True when the same call to the same model may succeed later."""
        return self.kind in RETRYABLE_KINDS


class Cancelled(StoaError):
    """Stoa broke the call off itself (`Cancel.cancel`). It is no ProviderError: nothing else should be tried."""

    def __init__(self) -> None:
        super().__init__("CANCELLED", "The call was broken off because its answer is no longer wanted.")


class Cancel:
    """Lets any thread break a call off. It shuts the socket down, so that a blocked read returns at once.

    While a connection is being opened there is no socket to shut; the call then ends at its connect timeout or when
    the connection stands, whichever comes first.
    """

    __slots__ = ("_lock", "_socket", "cancelled")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.cancelled = False

    def cancel(self) -> None:
        """Breaks the call off. Safe from any thread, any number of times, before, during and after the call."""
        with self._lock:
            self.cancelled = True
            if self._socket is not None:
                _shut(self._socket)

    def attach(self, connected: socket.socket) -> None:
        """Names the socket that a cancel has to shut. Raises Cancelled when that has been asked for already."""
        with self._lock:
            if self.cancelled:
                raise Cancelled
            self._socket = connected

    def detach(self) -> None:
        """Forgets the socket: from here on it may serve another call."""
        with self._lock:
            self._socket = None

    def check(self) -> None:
        """Raises Cancelled when the call has been broken off."""
        if self.cancelled:
            raise Cancelled


def _shut(connected: socket.socket) -> None:
    # Not SSLSocket.shutdown: it takes the TLS state away under the thread that is reading.
    with suppress(OSError):  # already closed by the other side: that is what we want
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
