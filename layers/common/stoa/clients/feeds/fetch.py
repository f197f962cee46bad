"""Reads somebody else's JSON over HTTP, within bounds of size and time."""

import json
import time
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from stoa.clients.http.exchange import Exchange, Limits, Request
from stoa.clients.wires.types import Cancel, ProviderError
from stoa.core.errors import UpstreamFailed

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
LARGEST_BODY = 24 * 1024 * 1024  # bytes; the larger feed has 4 million
LONGEST_NUMBER = 40  # digits; and no more than so many places before or after the point
PLAIN = {"User-Agent": "stoa", "Accept": "application/json", "Accept-Encoding": "identity"}


class FeedUnreadable(UpstreamFailed):
    """A feed or list could not be read. The message never holds what was sent, nor a key."""

    def __init__(self, reason: str) -> None:
        super().__init__("FEED_UNREADABLE", reason)


class Answer(Struct, frozen=True):
    """The answer of an address, with status 200 or 304."""

    status: int
    body: bytes
    etag: str | None


def get(url: str, headers: Mapping[str, str] = PLAIN, *, seconds: float = ANSWER_SECONDS) -> Answer:
    """Returns the answer of an address. Redirects are not followed. Raises FeedUnreadable."""
    until = time.monotonic() + seconds
    limits = Limits(connect_timeout=CONNECT_SECONDS, first_token_timeout=seconds, deadline=until)
    try:
        with Exchange(Request("feed", "GET", url, headers), limits, Cancel()) as exchange:
            if exchange.status not in (200, 304):
                moved = "moved elsewhere, " if 300 <= exchange.status < 400 else ""
                raise FeedUnreadable(f"{moved}HTTP {exchange.status}")
            if exchange.headers.get("content-encoding", "identity") != "identity":
                raise FeedUnreadable("compressed, which was not asked for")
            return Answer(exchange.status, _bounded(exchange), exchange.headers.get("etag"))
    except ProviderError as error:
        raise FeedUnreadable(error.reason or error.kind) from None


def check_address(url: str) -> None:
    """Raises FeedUnreadable unless the address is https or on this machine. Nobody may change prices on the way."""
    try:
        parts = urlsplit(url)
        if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname))):
            return
    except ValueError:  # a bracket without its other half, and the like
        pass
    raise FeedUnreadable("the address does not begin with https://")


def parse_json(body: bytes) -> Any:
    """Returns the JSON value, with Decimals for numbers that are not whole. Raises FeedUnreadable.

    An impossible number becomes Decimal("NaN"), so that it spoils its own entry and not the whole feed.
    """
    if body.lstrip()[:1] == b"<":
        raise FeedUnreadable("a web page and not JSON")
    try:
        return json.loads(body.decode(), parse_float=_decimal, parse_int=_whole, parse_constant=Decimal)
    except (ValueError, RecursionError):
        raise FeedUnreadable("not JSON, or cut off") from None


class Download:
    """An address that is read now and then. While it answers that nothing changed, its last body holds."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._etag: str | None = None
        self._body = b""

    def read(self) -> bytes:
        """Returns the present body. Raises FeedUnreadable."""
        check_address(self.url)
        asked = {**PLAIN, "If-None-Match": self._etag} if self._etag else PLAIN
        answer = get(self.url, asked)
        if answer.status == 200:
            self._etag, self._body = answer.etag, answer.body
        elif not self._etag:
            raise FeedUnreadable("HTTP 304 to a question without a condition")
        return self._body


@cache
def download(url: str) -> Download:
    """Returns this process's download of an address. It is kept so that an unchanged feed is not sent again."""
    return Download(url)


def _bounded(exchange: Exchange) -> bytes:
    parts: list[bytes] = []
    size = 0
    for piece in exchange.pieces():
        size += len(piece)
        if size > LARGEST_BODY:
            raise FeedUnreadable(f"larger than {LARGEST_BODY:,} bytes")
        parts.append(piece)
    return b"".join(parts)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except ArithmeticError:
        return Decimal("NaN")
    return number if len(text) <= LONGEST_NUMBER and abs(number.adjusted()) <= LONGEST_NUMBER else Decimal("NaN")


def _whole(text: str) -> int | Decimal:
    return int(text) if len(text) <= LONGEST_NUMBER else Decimal("NaN")
