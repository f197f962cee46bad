"""Texts that neither JSON nor PostgreSQL can carry: half a surrogate pair, the null character."""

from collections.abc import Generator

import pytest

from stoa.clients.wires.types import Call, Cancel, Citation, Finish, Text
from tests.integration.chat.support import Desk, kinds


def odd(call: Call, cancel: Cancel) -> Generator[Text | Finish, None, None]:
    yield Text("half \ud83d a pair, ")
    yield Text("zero \x00 byte")
    yield Finish("stop", 1, 1, citations=(Citation("https://a.test/\ud800", "title \x00 \udfff"),))


def test_text_that_cannot_be_stored_is_told_and_saved_alike(desk: Desk) -> None:
    desk.providers.default = odd
    events = desk.send()
    assert kinds(events) == ["selection", "content", "content", "metadata", "citations", "done"]
    told = "".join(event.text for event in events[1:3])
    assert told == "half \ufffd a pair, zero \ufffd byte"
    saved = desk.query("SELECT content, citations FROM messages WHERE user_id = :user_id AND role = 'assistant'")
    assert saved == [{"content": told, "citations": events[4].items}]
    assert events[4].items == [{"url": "https://a.test/\ufffd", "title": "title \ufffd \ufffd"}]
    assert desk.lines()[0]["status"] == "completed"


def test_a_value_that_cannot_be_sent_spoils_no_connection_for_the_next_request(desk: Desk) -> None:
    for _ in range(3):
        with pytest.raises(UnicodeEncodeError):
            desk.query("SELECT :text ::text AS text, CAST(:user_id AS uuid) AS user_id", text="\ud800")
        rows = desk.query("SELECT 'mine' AS answer, CAST(:user_id AS uuid) AS user_id")
        assert rows == [{"answer": "mine", "user_id": desk.member.user_id}]


def test_a_source_that_is_no_web_page_is_no_link(desk: Desk) -> None:
    def stream(call: Call, cancel: Cancel) -> Generator[Text | Finish, None, None]:
        yield Text("Read [1] and [2].")
        yield Finish(
            "stop", 1, 1, citations=(Citation("javascript:alert(1)", "One"), Citation("HTTPS://a.test", "Two"))
        )

    desk.providers.default = stream
    events = desk.send()
    assert events[3].items == [{"url": None, "title": "One"}, {"url": "HTTPS://a.test", "title": "Two"}]
