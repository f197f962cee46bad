"""Several keys of one provider over real sockets: what the provider refuses with one key it serves with the next."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from dev.practice import PracticeProviders
from dev.practice.calls import key_hash
from stoa.clients.wires import Cancel, Endpoint, Finish, ProviderError, Text, stream
from stoa.clients.wires.key_spread import KeySpread
from tests.integration.wires.conftest import WIRES, call

KEYS = '["sk-one", "sk-two"]'


def answer(spread: KeySpread, endpoint: Endpoint, model: str) -> str:
    *texts, finish = spread.stream(endpoint, call(model), Cancel())
    assert isinstance(finish, Finish)
    return "".join(item.text for item in texts if isinstance(item, Text))


def statuses(practice: PracticeProviders) -> list[tuple[str, int]]:
    names = {key_hash("sk-one"): "one", key_hash("sk-two"): "two"}
    return [(names[taken["keySha256"]], taken["status"]) for taken in practice.calls()]


@pytest.mark.parametrize(("provider", "model"), WIRES)
@pytest.mark.parametrize("fault", ["error_429", "error_401", "error_403"])
def test_another_key_answers_the_same_message(practice, endpoint, provider: str, model: str, fault: str) -> None:
    practice.fault(fault, provider=provider, key="sk-one")
    spread, to = KeySpread(stream), endpoint(provider, KEYS)
    for _ in range(3):
        assert answer(spread, to, model)
    status = int(fault.removeprefix("error_"))
    answered = 201 if provider == "replicate" else 200
    assert statuses(practice) == [("one", status), ("two", answered), ("two", answered), ("two", answered)]


def test_all_keys_over_their_limit_are_left_in_peace_for_as_long_as_they_ask(practice, endpoint) -> None:
    practice.fault("error_429", retryAfter=40)
    spread, to = KeySpread(stream), endpoint("openai", KEYS)
    for _ in range(5):
        with pytest.raises(ProviderError) as failure:
            answer(spread, to, "m")
        assert failure.value.kind == "rate_limited"
        assert 39 < (failure.value.retry_after or 0) <= 40
    assert statuses(practice) == [("one", 429), ("two", 429)]


def test_many_at_once_are_spread_evenly(practice, endpoint) -> None:
    spread, to = KeySpread(stream), endpoint("openai", KEYS)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: answer(spread, to, "m"), range(40)))
    assert Counter(statuses(practice)) == {("one", 200): 20, ("two", 200): 20}
