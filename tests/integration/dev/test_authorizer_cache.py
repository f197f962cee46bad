"""The time for which the gateway remembers who a token is."""

import pytest

from dev.gateway.authorizers import AuthorizerCache
from stoa.core.errors import Unauthenticated


class Asked:
    """Stands for the authorizer: counts how often it is asked, and for a clock."""

    def __init__(self, **claims) -> None:
        self.now, self.times, self.claims = 1000.0, 0, claims
        self.cache = AuthorizerCache(lambda: self.now)

    def find(self):
        self.times += 1
        return self.claims

    def identity(self, kind="jwt", token="t"):
        return self.cache.identity(kind, token, self.find)


def test_it_asks_again_after_a_minute():
    asked = Asked(sub="s")
    for now, times in ((1000.0, 1), (1059.9, 1), (1060.0, 2)):
        asked.now = now
        assert asked.identity() == {"sub": "s"}
        assert asked.times == times


def test_a_token_is_never_remembered_past_its_expiry():
    asked = Asked(sub="s", exp=1010)
    for now, times in ((1000.0, 1), (1009.9, 1), (1010.0, 2)):
        asked.now = now
        asked.identity()
        assert asked.times == times


def test_each_authorizer_and_token_has_its_own_answer():
    asked = Asked(sub="s")
    asked.identity("jwt", "a")
    asked.identity("authorizer", "a")
    asked.identity("jwt", "b")
    assert asked.times == 3


def test_a_refusal_is_not_remembered():
    asked = Asked(sub="s")

    def refuse():
        raise Unauthenticated

    with pytest.raises(Unauthenticated):
        asked.cache.identity("jwt", "t", refuse)
    assert asked.identity() == {"sub": "s"}
