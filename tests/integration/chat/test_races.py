"""Many messages at once: counters are exact, and the ledger agrees with them."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from stoa.core.errors import StoaError
from stoa.http.answers import status_of
from tests.integration.chat.support import Desk, overlay

REQUESTS = 200


def _all_at_once(desk: Desk, model_id: str) -> Counter[str]:
    together = Barrier(REQUESTS)

    def send(_: int) -> str:
        together.wait()
        try:
            metadata = desk.send(model_id=model_id)[-2]
        except StoaError as error:
            return f"{status_of(error)} {error.code}"
        return f"{metadata.data['access']} {metadata.data['modelId']}"

    with ThreadPoolExecutor(REQUESTS) as pool:
        return Counter(pool.map(send, range(REQUESTS)))


def test_two_trials_give_exactly_two_answers_under_200_requests(desk: Desk) -> None:
    outcomes = _all_at_once(desk, "gpt-4o")
    assert outcomes == {"trial gpt-4o": 2, "402 MODEL_LOCKED": REQUESTS - 2}
    assert desk.trials_used("gpt-4o") == 2
    assert desk.used("gpt-4o") == 2
    assert [line["status"] for line in desk.lines()] == ["completed", "completed"]


def test_a_limit_of_seven_gives_exactly_seven_answers_under_200_requests(desk: Desk) -> None:
    overlay(desk, "gpt-4o-mini", daily_limit=7)
    outcomes = _all_at_once(desk, "gpt-4o-mini")
    assert outcomes == {"free gpt-4o-mini": 7, "429 RATE_LIMIT_EXCEEDED": REQUESTS - 7}
    assert desk.used("gpt-4o-mini") == 7
    assert len(desk.lines()) == 7


def test_trap_counters_are_not_read_then_written(desk: Desk) -> None:
    overlay(desk, "gpt-4o-mini", daily_limit=100_000)
    outcomes = _all_at_once(desk, "gpt-4o-mini")
    assert outcomes == {"free gpt-4o-mini": REQUESTS}
    assert desk.used("gpt-4o-mini") == REQUESTS
