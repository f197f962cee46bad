"""Servers of feeds and lists that answer in unexpected ways."""

import hashlib
import json
import re
import socket
from datetime import UTC, date, datetime
from typing import Any

import pytest

from stoa.clients.feeds import fetch
from stoa.clients.feeds.fetch import FeedUnreadable
from stoa.clients.feeds.model_prices_feed import ModelPrices
from stoa.clients.feeds.provider_lists import read_list
from stoa.clients.wires.types import Endpoint
from stoa.domain.sync.feed import FeedResult, Listing
from tests.integration.wires.canned import Canned, json_answer
from tests.unit.clients.feeds.samples import interval, snapshot

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DATA = json.dumps(snapshot({"m": [interval(input=1, output=2)]}))
SHA256 = hashlib.sha256(DATA.encode()).hexdigest()


def asked(server: Canned) -> list[str]:
    """Yields the addresses that were asked for."""
    return [request.split(b" ")[1].decode() for _, request in server.requests]


def second(server: Canned, path: str = "/v1/latest.json") -> FeedResult:
    return ModelPrices(("openai",), server.address + path).read(NOW)


def test_a_manifest_leads_to_the_snapshot_that_it_names() -> None:
    with Canned(json_answer(json.dumps({"sha256": SHA256})), json_answer(DATA)) as server:
        result = second(server)
        assert asked(server) == ["/v1/latest.json", f"/v1/{SHA256}.json"]
    assert result.complete
    assert [model.provider_model for model in result.models] == ["m"]


def test_a_snapshot_that_is_not_the_one_named_is_not_read() -> None:
    with Canned(json_answer(json.dumps({"sha256": SHA256})), json_answer(DATA + " ")) as server:
        result = second(server)
    assert [problem.reason for problem in result.problems] == ["the snapshot is not the one that latest.json names"]


@pytest.mark.parametrize("named", ["../../etc/passwd", "a?b=c", ""])
def test_a_manifest_leads_nowhere_else(named: str) -> None:
    with Canned(json_answer(json.dumps({"sha256": named}))) as server:
        assert not second(server).complete
        assert len(server.requests) == 1


def test_what_is_compressed_is_not_guessed_at() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"
    with Canned(answer) as server:
        assert [problem.reason for problem in second(server).problems] == ["compressed, which was not asked for"]


def test_nothing_new_without_anything_old_is_no_answer() -> None:
    with Canned(b"HTTP/1.1 304 Not Modified\r\n\r\n") as server:
        assert [problem.reason for problem in second(server).problems] == ["HTTP 304 to a question without a condition"]


def test_an_answer_that_breaks_off_is_not_half_read() -> None:
    def broken(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n[1, 2")
        connection.shutdown(socket.SHUT_RDWR)

    with Canned(broken) as server, pytest.raises(FeedUnreadable, match="the connection broke off"):
        fetch.get(server.address)


def test_an_answer_that_never_comes_is_waited_for_so_long_only() -> None:
    with Canned(lambda connection: None) as server, pytest.raises(FeedUnreadable, match="in time"):
        fetch.get(server.address, seconds=0.05)


def list_of(server: Canned, wire: str = "openai") -> Listing:
    endpoint = Endpoint("acme", wire, server.address, "a-key", {"chat_path": "/v1/chat/completions"})
    return read_list(endpoint)


def one_list(answer: Any, wire: str = "openai") -> Listing:
    with Canned(json_answer(json.dumps(answer))) as server:
        return list_of(server, wire)


@pytest.mark.parametrize(
    ("answer", "models"),
    [
        ({"object": "list", "data": [{"id": "a"}]}, [("a", None)]),
        ([{"id": "a", "context_length": 8192, "pricing": {"input": 1}}], [("a", 8192)]),
        ({"data": [{"id": "a", "context_window": 131072}]}, [("a", 131072)]),
        ({"data": [{"id": "a", "max_context_length": 32768}]}, [("a", 32768)]),
        ({"data": [{"id": "a", "max_model_len": 4096}]}, [("a", 4096)]),
        ({"data": [{"id": "models/gemini"}]}, [("gemini", None)]),
        ({"models": [{"name": "command", "context_length": 128000.0}]}, [("command", 128000)]),
        ({"data": [{"id": "a"}, {"id": "a", "context_length": 7}]}, [("a", None)]),
    ],
)
def test_forms_of_a_list(answer: Any, models: list[tuple[str, int | None]]) -> None:
    listing = one_list(answer)
    assert [(model.provider_model, model.context_window) for model in listing.models] == models
    assert listing.complete
    assert listing.problems == ()


@pytest.mark.parametrize(
    ("entry", "ends_on", "tells_end"),
    [
        ({"shutdown_date": "2027-03-01"}, date(2027, 3, 1), True),
        ({"expiration_date": "2027-03-01"}, date(2027, 3, 1), True),
        ({"deprecation": "2027-03-01T12:00:00Z"}, date(2027, 3, 1), True),
        ({"deprecation": "2027-03-01T23:00:00-05:00"}, date(2027, 3, 2), True),
        ({"expiration_date": None}, None, True),
        ({}, None, False),
    ],
)
def test_a_list_that_tells_when_a_model_ends(entry: Any, ends_on: date | None, tells_end: bool) -> None:
    (model,) = one_list({"data": [{"id": "a", **entry}]}).models
    assert (model.ends_on, model.tells_end) == (ends_on, tells_end)


@pytest.mark.parametrize(
    "spoilt",
    [
        None,
        "b",
        {},
        {"id": 7},
        {"id": ""},
        {"id": "two words"},
        {"id": "x" * 300},
        {"id": "b", "context_length": -1},
        {"id": "b", "context_length": 1e30},
        {"id": "b", "context_window": "wide"},
        {"id": "b", "expiration_date": "soon"},
        {"id": "b", "expiration_date": "9999-12-31"},
        {"id": "b", "shutdown_date": 1800000000},
    ],
)
def test_a_bad_entry_is_reported_and_then_nothing_is_taken_to_be_gone(spoilt: Any) -> None:
    listing = one_list({"data": [{"id": "a"}, spoilt]})
    assert [model.provider_model for model in listing.models] == ["a"]
    assert len(listing.problems) == 1
    assert not listing.complete


@pytest.mark.parametrize("answer", [{}, {"data": {}}, {"data": None}, {"error": {"message": "no"}}, 7, None, "x"])
def test_what_is_no_list(answer: Any) -> None:
    listing = one_list(answer)
    assert (listing.models, listing.complete) == ((), False)
    assert [problem.reason for problem in listing.problems] == ["not a list of models"]


def test_an_empty_list_takes_nothing_back() -> None:
    listing = one_list({"data": []})
    assert not listing.complete
    assert [problem.reason for problem in listing.problems] == ["only 0 models: none is taken to be gone"]


def page(name: str, following: Any) -> bytes:
    return json_answer(json.dumps({"data": [{"id": name}], "links": {"next": following}}))


def test_pages_that_a_list_leads_to_are_read() -> None:
    with Canned(page("a", "/v1/models?offset=1&limit=1"), page("b", None)) as server:
        listing = list_of(server)
        assert asked(server) == ["/v1/models", "/v1/models?offset=1&limit=1"]
    assert ([model.provider_model for model in listing.models], listing.complete) == (["a", "b"], True)


@pytest.mark.parametrize(
    "following", ["https://elsewhere.test/v1/models", "//elsewhere.test/", "http://[", "/v1/models"]
)
def test_pages_that_lead_elsewhere_or_round_in_circles_are_not_followed(following: str) -> None:
    with Canned(page("a", following), page("b", None)) as server:
        listing = list_of(server)
        assert len(server.requests) == 1
    assert (listing.models, listing.complete) == ((), False)
    assert [problem.reason for problem in listing.problems] == ["says that there is more, and not where"]


@pytest.mark.parametrize("last", [None, 7, "two words", "a&limit=1"])
def test_pages_that_do_not_say_where_the_next_one_is(last: Any) -> None:
    listing = one_list({"data": [{"id": "a"}], "has_more": True, "last_id": last}, "anthropic")
    assert (listing.models, listing.complete) == ((), False)


def test_pages_that_lead_to_themselves_end() -> None:
    page = json_answer(json.dumps({"data": [{"id": "a"}], "has_more": True, "last_id": "a"}))
    with Canned(page, page, page) as server:
        assert not list_of(server, "anthropic").complete
        assert asked(server) == ["/v1/models?limit=1000", "/v1/models?limit=1000&after_id=a"]


def test_a_list_is_asked_for_with_the_key_and_no_problem_tells_it() -> None:
    refusal = json_answer('{"error": "a-key is not known"}', "401 Unauthorized")
    with Canned(refusal) as server:
        listing = list_of(server)
        head = server.requests[0][1].decode()
    assert re.search(r"^Authorization: Bearer a-key\r$", head, re.MULTILINE)
    assert "a-key" not in repr(listing)
