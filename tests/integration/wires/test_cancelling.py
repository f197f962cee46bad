"""An answer that nobody wants any more stops at the provider, whoever says so and whenever."""

import threading

import pytest

from stoa.clients.wires import Cancel, Cancelled, Finish, Text, stream
from stoa.core.errors import StoaError
from tests.integration.wires.conftest import WIRES, call

BOUND = 10.0  # seconds until a test gives up waiting


class Reader(threading.Thread):
    """Reads an answer in a thread of its own, as a request's worker does."""

    def __init__(self, endpoint, asked, cancel: Cancel) -> None:
        super().__init__(daemon=True)
        self._answer = stream(endpoint, asked, cancel)
        self.items: list[object] = []
        self.ended_with: StoaError | None = None
        self.start()

    def run(self) -> None:
        try:
            for item in self._answer:
                self.items.append(item)
        except StoaError as error:
            self.ended_with = error

    def end(self) -> StoaError | None:
        self.join(BOUND)
        assert not self.is_alive(), "a blocked read did not return"
        return self.ended_with


@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_a_read_that_waits_for_the_next_token_returns_at_once(endpoint, practice, provider: str, model: str) -> None:
    practice.fault("hold", afterChunks=3)
    cancel = Cancel()
    reader = Reader(endpoint(provider), call(model, seconds=600.0), cancel)
    practice.wait_for(lambda calls: bool(calls) and calls[0]["chunksSent"] == 3)
    cancel.cancel()
    assert isinstance(reader.end(), Cancelled)
    (taken,) = practice.wait_for(lambda calls: calls[0]["ended"] is not None)
    assert taken["clientDisconnected"]
    assert taken["chunksSent"] == 3


@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_a_read_that_waits_for_the_answer_to_begin_returns_at_once(
    endpoint, practice, provider: str, model: str
) -> None:
    practice.fault("hang")
    cancel = Cancel()
    reader = Reader(endpoint(provider), call(model, seconds=600.0), cancel)
    practice.wait_for(lambda calls: len(calls) == 1)
    cancel.cancel()
    assert isinstance(reader.end(), Cancelled)
    practice.wait_for(lambda calls: calls[0]["ended"] == "client_disconnected")


def test_replicate_is_told_to_cancel_because_it_would_go_on_otherwise(endpoint, practice) -> None:
    practice.fault("hold", afterChunks=3)
    cancel = Cancel()
    reader = Reader(endpoint("replicate"), call("meta/llama", seconds=600.0), cancel)
    practice.wait_for(lambda calls: bool(calls) and calls[0]["chunksSent"] == 3)
    cancel.cancel()
    assert isinstance(reader.end(), Cancelled)
    practice.wait_for(lambda calls: calls[0]["cancelled"])


@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_closing_the_stream_stops_the_provider(endpoint, practice, provider: str, model: str) -> None:
    practice.fault("hold", afterChunks=3)
    answer = stream(endpoint(provider), call(model), Cancel())
    assert isinstance(next(answer), Text)
    answer.close()
    practice.wait_for(lambda calls: calls[0]["ended"] == "client_disconnected")


@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_a_call_cancelled_before_it_began_is_not_made(endpoint, practice, provider: str, model: str) -> None:
    cancel = Cancel()
    cancel.cancel()
    with pytest.raises(Cancelled):
        next(stream(endpoint(provider), call(model), cancel))
    assert practice.calls() == []


@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_cancelling_after_the_end_harms_nobody_else(endpoint, practice, provider: str, model: str) -> None:
    cancel = Cancel()
    assert isinstance(list(stream(endpoint(provider), call(model), cancel))[-1], Finish)
    practice.fault("hold", afterChunks=2, times=1)
    answer = stream(endpoint(provider), call(model), Cancel())  # on the connection that the first call gave back
    assert isinstance(next(answer), Text)
    practice.wait_for(lambda calls: calls[-1]["chunksSent"] == 2)
    cancel.cancel()
    cancel.cancel()
    practice.release()
    assert isinstance(list(answer)[-1], Finish)
    assert len({taken["connection"] for taken in practice.calls()}) == 1


def test_two_hundred_streams_at_once_all_end_whole(endpoint, practice) -> None:
    called = endpoint("openai")
    practice.fault("hold", afterChunks=1)
    readers = [Reader(called, call("gpt-4o-mini", seconds=120.0), Cancel()) for _ in range(200)]
    practice.wait_for(lambda calls: sum(taken["chunksSent"] for taken in calls) == 200, seconds=60)
    assert practice.counters()["running"] == 200
    practice.release()
    for reader in readers:
        reader.join(60)
        assert reader.ended_with is None
        assert isinstance(reader.items[-1], Finish)
