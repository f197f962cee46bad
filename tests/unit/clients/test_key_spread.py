"""Several keys of one provider, with a scripted provider and a clock of the test's own."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stoa.clients.wires import Call, Cancel, Cancelled, Endpoint, Finish, ProviderError, Text
from stoa.clients.wires.key_spread import ATTEMPTS, LONGEST_REST_SECONDS, REST_SECONDS, KeySpread, Stream
from stoa.core.observe import logger
from stoa.domain.providers.provider_keys import fingerprint
from stoa.http.answers import error_headers

KEYS = ("sk-alpha", "sk-beta", "sk-gamma", "sk-delta")


@dataclass
class Provider:
    """Answers "hello", unless a key is to be refused; remembers which keys it was asked with."""

    refusals: dict[str, ProviderError] = field(default_factory=dict)
    asked: list[str | None] = field(default_factory=list)
    pieces_before: int = 0

    def ask(self, endpoint: Endpoint, call: Call, cancel: Cancel) -> Stream:
        self.asked.append(endpoint.api_key)
        assert endpoint.other_keys == ()
        refusal = self.refusals.get(endpoint.api_key or "")
        if refusal is None:
            yield Text("hello")
            yield Finish("stop")
            return
        yield from (Text("he") for _ in range(self.pieces_before))
        raise refusal


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def spread(provider: Provider, clock: Clock) -> KeySpread:
    return KeySpread(provider.ask, clock=clock)


def endpoint(*keys: str, own_key: bool = False) -> Endpoint:
    first, *others = keys or (None,)
    return Endpoint("openai", "openai", "http://provider.invalid", first, {}, tuple(others), own_key)


def call(model: str = "m") -> Call:
    return Call(model, None, (), 9, None, 1.0, 1.0, 1.0)


def limited(seconds: float | None = None) -> ProviderError:
    return ProviderError("rate_limited", provider_id="openai", retry_after=seconds, upstream_status=429)


def refused() -> ProviderError:
    return ProviderError("auth", provider_id="openai", reason="invalid_key", upstream_status=401)


def send(spread: KeySpread, to: Endpoint, model: str = "m") -> list[Text | Finish]:
    return list(spread.stream(to, call(model), Cancel()))


def test_keys_are_used_in_turn(spread: KeySpread, provider: Provider) -> None:
    for _ in range(8):
        assert send(spread, endpoint(*KEYS)) == [Text("hello"), Finish("stop")]
    assert provider.asked == list(KEYS) * 2


def test_without_a_key_the_call_goes_out_as_it_is(spread: KeySpread, provider: Provider) -> None:
    provider.refusals[""] = refused()
    with pytest.raises(ProviderError):
        send(spread, endpoint())
    assert provider.asked == [None]


def test_a_key_over_its_limit_makes_way_in_the_same_message_and_rests(
    spread: KeySpread, provider: Provider, clock: Clock
) -> None:
    provider.refusals["sk-alpha"] = limited(7)
    assert send(spread, endpoint("sk-alpha", "sk-beta"))[0] == Text("hello")
    assert provider.asked == ["sk-alpha", "sk-beta"]
    clock.now += 6.9
    for _ in range(3):
        send(spread, endpoint("sk-alpha", "sk-beta"))
    assert provider.asked[2:] == ["sk-beta"] * 3
    clock.now += 0.2
    provider.refusals.clear()
    send(spread, endpoint("sk-alpha", "sk-beta"))
    send(spread, endpoint("sk-alpha", "sk-beta"))
    assert sorted(str(key) for key in provider.asked[5:]) == ["sk-alpha", "sk-beta"]


def test_a_key_rests_for_the_model_whose_limit_it_met(spread: KeySpread, provider: Provider) -> None:
    provider.refusals["sk-alpha"] = limited(7)
    with pytest.raises(ProviderError):
        send(spread, endpoint("sk-alpha"), "large")
    provider.refusals.clear()
    send(spread, endpoint("sk-alpha"), "small")
    assert provider.asked == ["sk-alpha", "sk-alpha"]


@pytest.mark.parametrize(
    ("told", "rests"), [(None, REST_SECONDS), (0.0, 0.0), (5.0, 5.0), (86400.0, LONGEST_REST_SECONDS)]
)
def test_a_rest_is_what_the_provider_asks_for_and_bounded(
    spread: KeySpread, provider: Provider, clock: Clock, told: float | None, rests: float
) -> None:
    provider.refusals["sk-alpha"] = limited(told)
    with pytest.raises(ProviderError):
        send(spread, endpoint("sk-alpha"))
    provider.refusals.clear()
    if rests:
        clock.now += rests - 0.01
        with pytest.raises(ProviderError) as resting:
            send(spread, endpoint("sk-alpha"))
        assert resting.value.retry_after == pytest.approx(0.01)
        clock.now += 0.01
    send(spread, endpoint("sk-alpha"))
    assert provider.asked == ["sk-alpha"] * 2


def test_while_all_keys_rest_nobody_is_called_and_the_shortest_wait_is_told(
    spread: KeySpread, provider: Provider, clock: Clock
) -> None:
    provider.refusals = {"sk-alpha": limited(30), "sk-beta": limited(12)}
    with pytest.raises(ProviderError) as first:
        send(spread, endpoint("sk-alpha", "sk-beta"))
    assert (first.value.kind, first.value.upstream_status) == ("rate_limited", 429)
    clock.now += 2
    with pytest.raises(ProviderError) as resting:
        send(spread, endpoint("sk-alpha", "sk-beta"))
    assert (resting.value.kind, resting.value.retry_after) == ("rate_limited", 10)
    assert error_headers(resting.value)["Retry-After"] == "10"
    assert len(provider.asked) == 2


def test_a_message_asks_with_three_keys_at_most(spread: KeySpread, provider: Provider) -> None:
    provider.refusals = {key: limited(9) for key in KEYS}
    with pytest.raises(ProviderError):
        send(spread, endpoint(*KEYS))
    assert provider.asked == list(KEYS[:ATTEMPTS])


def test_after_the_first_piece_no_other_key_is_tried(spread: KeySpread, provider: Provider) -> None:
    provider.refusals, provider.pieces_before = {"sk-alpha": limited(9)}, 1
    seen = []
    with pytest.raises(ProviderError):
        for item in spread.stream(endpoint("sk-alpha", "sk-beta"), call(), Cancel()):
            seen.append(item)
    assert (seen, provider.asked) == ([Text("he")], ["sk-alpha"])


@pytest.mark.parametrize("kind", ["unavailable", "timeout", "rejected", "malformed"])
def test_other_failures_are_not_the_keys(spread: KeySpread, provider: Provider, kind) -> None:
    provider.refusals["sk-alpha"] = ProviderError(kind, provider_id="openai")
    with pytest.raises(ProviderError) as failure:
        send(spread, endpoint("sk-alpha", "sk-beta"))
    assert failure.value.kind == kind
    assert provider.asked == ["sk-alpha"]


def test_whoever_is_gone_is_not_tried_again_for(spread: KeySpread, provider: Provider) -> None:
    provider.refusals["sk-alpha"] = limited(1)
    cancel = Cancel()
    answer = spread.stream(endpoint("sk-alpha", "sk-beta"), call(), cancel)
    cancel.cancel()
    with pytest.raises(Cancelled):
        next(answer)
    assert provider.asked == ["sk-alpha"]


def test_a_refused_key_is_passed_over_while_another_one_works(spread: KeySpread, provider: Provider) -> None:
    provider.refusals["sk-alpha"] = refused()
    for _ in range(4):
        assert send(spread, endpoint("sk-alpha", "sk-beta"))[0] == Text("hello")
    assert provider.asked == ["sk-alpha", "sk-beta", "sk-beta", "sk-beta", "sk-beta"]


def test_where_every_key_is_refused_they_are_asked_all_the_same(spread: KeySpread, provider: Provider) -> None:
    provider.refusals["sk-alpha"] = refused()
    for _ in range(2):
        with pytest.raises(ProviderError) as failure:
            send(spread, endpoint("sk-alpha"))
        assert failure.value.kind == "auth"
    provider.refusals.clear()  # somebody paid the bill
    assert send(spread, endpoint("sk-alpha"))[0] == Text("hello")


def test_a_rotated_key_is_found_in_the_message_that_the_old_one_failed(provider: Provider) -> None:
    renewals: list[Endpoint] = []

    def renewed(old: Endpoint) -> Endpoint:
        renewals.append(old)
        return endpoint("sk-new")

    provider.refusals["sk-alpha"] = refused()
    assert send(KeySpread(provider.ask, renewed), endpoint("sk-alpha"))[0] == Text("hello")
    assert provider.asked == ["sk-alpha", "sk-new"]
    assert len(renewals) == 1


def test_keys_that_are_still_the_same_are_not_asked_again(provider: Provider) -> None:
    provider.refusals = {"sk-alpha": refused(), "sk-beta": refused()}
    with pytest.raises(ProviderError):
        send(KeySpread(provider.ask), endpoint("sk-alpha", "sk-beta"))
    assert provider.asked == ["sk-alpha", "sk-beta"]


def test_the_log_names_a_refused_key_by_its_place_and_fingerprint(
    spread: KeySpread, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, object]] = []

    def warning(message: str, extra: dict[str, object]) -> None:
        told.append({"message": message, **extra})

    monkeypatch.setattr(logger(), "warning", warning)
    provider.refusals["sk-alpha"] = refused()
    send(spread, endpoint("sk-alpha", "sk-beta"))
    (line,) = told
    assert (line["key"], line["fingerprint"], line["kind"]) == (1, fingerprint("sk-alpha"), "auth")
    assert "sk-" not in json.dumps(line)


@given(
    keys=st.lists(st.sampled_from(KEYS), min_size=1, unique=True),
    bad=st.dictionaries(st.sampled_from(KEYS), st.sampled_from([limited, refused])),
    messages=st.integers(1, 12),
)
def test_no_message_asks_twice_with_one_key_and_a_good_key_is_found(
    keys: list[str], bad: dict[str, Callable[[], ProviderError]], messages: int
) -> None:
    provider, clock = Provider({key: make() for key, make in bad.items()}), Clock()
    spread = KeySpread(provider.ask, clock=clock)
    good = [key for key in keys if key not in bad]
    failures = 0
    for _ in range(messages):
        before = len(provider.asked)
        try:
            send(spread, endpoint(*keys))
        except ProviderError:
            failures += 1
        asked = provider.asked[before:]
        assert len(asked) == len(set(asked)) <= ATTEMPTS
    # Three bad keys may use a message up; they rest then, and the next one finds the good key.
    assert failures <= (1 if good and len(keys) > ATTEMPTS else 0 if good else messages)


def test_the_same_key_at_another_provider_does_not_rest(spread: KeySpread, provider: Provider) -> None:
    provider.refusals["sk-alpha"] = limited(7)
    with pytest.raises(ProviderError):
        send(spread, endpoint("sk-alpha"))
    provider.refusals.clear()
    assert send(spread, replace(endpoint("sk-alpha"), provider_id="groq"))[0] == Text("hello")
