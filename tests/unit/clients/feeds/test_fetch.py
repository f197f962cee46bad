"""Foreign JSON, and the addresses it may come from."""

from decimal import Decimal

import pytest

from stoa.clients.feeds.fetch import FeedUnreadable, check_address, parse_json


def test_numbers_keep_their_digits() -> None:
    assert parse_json(b"[0.075, 1, -2.50, 1e-6, 0.1]") == [
        Decimal("0.075"),
        1,
        Decimal("-2.5"),
        Decimal("1e-6"),
        Decimal("0.1"),
    ]


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1e400", "1e-400", "1e99999999999999999999", "9" * 5000, "0." + "1" * 50]
)
def test_a_number_that_nothing_could_be_spoils_no_other(text: str) -> None:
    value, other = parse_json(f"[{text}, 1.5]".encode())
    assert not Decimal(value).is_finite()
    assert other == Decimal("1.5")


@pytest.mark.parametrize(
    "body",
    [b"", b"   ", b"{", b'{"a": 1', b"[1,]", b"nul", b"\xff\xfe", b"\x1f\x8b\x08", b"[" * 100_000, b'{"a": 01}'],
)
def test_what_is_not_json(body: bytes) -> None:
    with pytest.raises(FeedUnreadable, match="not JSON, or cut off"):
        parse_json(body)


@pytest.mark.parametrize("body", [b"<!doctype html>", b"\n <html>", b"<?xml version='1.0'?>"])
def test_a_web_page_is_called_one(body: bytes) -> None:
    with pytest.raises(FeedUnreadable, match="a web page"):
        parse_json(body)


@pytest.mark.parametrize(
    "url", ["https://example.test/a", "http://127.0.0.1:8/a", "http://localhost/a", "http://[::1]:80/", "https://h:1/x"]
)
def test_addresses_that_are_read(url: str) -> None:
    check_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.test/a",
        "http://10.0.0.1/",
        "http://127.0.0.1.example.test/",
        "ftp://h/",
        "h/a",
        "",
        "https://",
        "file:///etc/passwd",
        "http://[::1",
        "//h/a",
        "http://169.254.169.254/latest",
    ],
)
def test_addresses_that_are_not(url: str) -> None:
    with pytest.raises(FeedUnreadable, match="https"):
        check_address(url)
