"""Spreads calls over several keys of one provider. A key that the provider refuses makes way for the next.

Only a refusal before the first piece of an answer leads to another key, so a member never sees two answers, and the
message stays on the one ledger line that was reserved for it.
"""

import itertools
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing

from msgspec.structs import replace

from stoa.clients.wires.types import Call, Cancel, Endpoint, Finish, ProviderError, Text
from stoa.core.observe import logger
from stoa.domain.providers.provider_keys import fingerprint

Stream = Generator[Text | Finish, None, None]
Ask = Callable[[Endpoint, Call, Cancel], Stream]

ATTEMPTS = 3  # keys for one message: an outage that looks like refusals must not be multiplied by their number
REST_SECONDS = 2.0  # after a 429 that does not say how long
LONGEST_REST_SECONDS = 60.0  # providers count limits by the minute; with longer ones we rather ask again
REFUSED_REST_SECONDS = 300.0  # after 401, 402 or 403: somebody has to do something about that key

_MOST_RESTS = 10_000


class KeySpread:
    """Knows which keys rest in this process, and until when. Safe to use from many threads.

    A key rests for one model: providers count their limits, and give their permissions, by model. `renewed` gives an
    endpoint whose keys were just looked up again; it is asked when every key of the present one is refused.
    """

    def __init__(
        self,
        ask: Ask,
        renewed: Callable[[Endpoint], Endpoint] = lambda endpoint: endpoint,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._renewed = renewed
        self._clock = clock
        self._turns = itertools.count()
        self._lock = threading.Lock()
        # The end of the rest and its reason, by provider, key and model.
        self._rests: dict[tuple[str, str, str], tuple[float, str]] = {}

    def stream(self, endpoint: Endpoint, call: Call, cancel: Cancel) -> Stream:
        """Streams as `stoa.clients.wires.stream`. Raises ProviderError(rate_limited) at once while all keys rest."""
        if endpoint.api_key is None:
            yield from self._ask(endpoint, call, cancel)
            return
        tried: list[str] = []
        turn = next(self._turns)
        while True:
            key = self._next_key(endpoint, call.model, turn, tried)
            tried.append(key)
            begun = False
            try:
                with closing(self._ask(replace(endpoint, api_key=key, other_keys=()), call, cancel)) as answer:
                    for item in answer:
                        begun = True
                        yield item
                return
            except ProviderError as error:
                if begun or error.kind not in ("rate_limited", "auth"):
                    raise
                self._rest(endpoint, key, call.model, error)
                cancel.check()
                endpoint = self._with_another_key(endpoint, tried, error)

    def _with_another_key(self, endpoint: Endpoint, tried: list[str], error: ProviderError) -> Endpoint:
        """Returns the endpoint, renewed if need be, with an untried key. Raises the error when there is none."""
        if len(tried) < ATTEMPTS:
            if not _keys(endpoint) <= set(tried):
                return endpoint
            if error.kind == "auth" and not _keys(endpoint := self._renewed(endpoint)) <= set(tried):
                return endpoint
        raise error

    def _next_key(self, endpoint: Endpoint, model: str, turn: int, tried: list[str]) -> str:
        """Returns the next key in turn that does not rest.

        Where all were refused, the next of them is tried all the same: only the provider knows when the refusal ends.
        """
        present = [key for key in (endpoint.api_key, *endpoint.other_keys) if key]
        start = turn % len(present)
        in_turn = [key for key in present[start:] + present[:start] if key not in tried]
        now = self._clock()
        with self._lock:
            known = {key: self._rests.get((endpoint.provider_id, key, model)) for key in in_turn}
        rests = {key: rest for key, rest in known.items() if rest is not None and rest[0] > now}
        ready = [key for key in in_turn if key not in rests]
        if ready:
            return ready[0]
        waits = [until - now for until, kind in rests.values() if kind == "rate_limited"]
        if waits:
            raise ProviderError(
                "rate_limited", provider_id=endpoint.provider_id, reason="all keys are resting", retry_after=min(waits)
            )
        return in_turn[0]

    def _rest(self, endpoint: Endpoint, key: str, model: str, error: ProviderError) -> None:
        seconds = REFUSED_REST_SECONDS
        if error.kind == "rate_limited":
            told = REST_SECONDS if error.retry_after is None else error.retry_after
            seconds = min(told, LONGEST_REST_SECONDS)
        now = self._clock()
        with self._lock:
            if len(self._rests) >= _MOST_RESTS:
                self._rests = {name: rest for name, rest in self._rests.items() if rest[0] > now}
            self._rests[endpoint.provider_id, key, model] = (now + seconds, error.kind)
        logger().warning(
            "provider key refused",
            extra={
                "provider": endpoint.provider_id,
                "key": (endpoint.api_key, *endpoint.other_keys).index(key) + 1,
                "fingerprint": fingerprint(key),
                "ownKey": endpoint.own_key,
                "kind": error.kind,
                "reason": error.reason,
                "restsSeconds": round(seconds, 1),
            },
        )


def _keys(endpoint: Endpoint) -> set[str]:
    return {key for key in (endpoint.api_key, *endpoint.other_keys) if key}
