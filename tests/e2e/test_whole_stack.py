"""The whole stack over HTTP: what a client sees when all goes well, when providers fail, and when processes die."""

import json
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest

from dev.practice.calls import key_hash
from tests.e2e.clients import Client, Stack, events, running_stack, until

KEY = "sk-a-secret-that-no-log-may-show"
WORDS = "a secret sentence of the member"


_KEYS = {f"STOA_PROVIDER_{name}_API_KEY": KEY for name in ("OPENAI", "ANTHROPIC")}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(**_KEYS) as started:
        yield started


@pytest.fixture(autouse=True)
def _no_faults(stack: Stack) -> Iterator[None]:
    yield
    stack.practice.clear()
    stack.query("DELETE FROM call_outcomes")
    stack.query("DELETE FROM circuits")


@pytest.fixture
def someone(stack: Stack, request: pytest.FixtureRequest) -> Client:
    """A member who has never been seen before."""
    return Client(stack.port, f"{abs(hash(request.node.nodeid))}@demo.test")


def test_the_first_piece_arrives_while_the_provider_is_still_producing(stack: Stack, someone: Client) -> None:
    stack.practice.fault("hold", afterChunks=2, times=1)
    connection, answer = someone.stream()
    stream = events(answer)
    assert [next(stream)[0] for _ in range(3)] == ["selection", "content", "content"]
    assert stack.practice.counters()["running"] == 1
    stack.practice.release()
    rest = [name for name, _ in stream]
    assert rest[-2:] == ["metadata", "done"]
    assert set(rest[:-2]) == {"content"}
    connection.close()


def test_a_client_that_leaves_stops_the_provider_and_keeps_what_it_saw(stack: Stack, someone: Client) -> None:
    stack.practice.fault("hold", afterChunks=2, times=1)
    connection, answer = someone.stream()
    stream = events(answer)
    conversation_id = next(stream)[1]["conversationId"]
    seen = next(stream)[1]["text"] + next(stream)[1]["text"]
    assert connection.sock is None or connection.sock.shutdown(socket.SHUT_RDWR) is None
    connection.close()
    answer.close()
    stack.practice.wait_for(lambda calls: bool(calls) and bool(calls[-1]["clientDisconnected"]))
    saved = until(lambda: dict([someone.call("GET", f"/api/conversations/{conversation_id}")]).get(200))
    assert seen.strip() in json.dumps(saved, ensure_ascii=False)


def test_200_requests_at_once_on_two_trials(stack: Stack, someone: Client) -> None:
    someone.call("GET", "/api/models")
    together = Barrier(200)

    def send(_: int) -> tuple[int, str]:
        together.wait()
        answered, body = someone.chat(modelId="gpt-4o")
        return answered, body["error"]["code"] if "error" in body else body["data"]["metadata"]["access"]

    with ThreadPoolExecutor(200) as pool:
        outcomes = Counter(pool.map(send, range(200)))
    assert outcomes == {(200, "trial"): 2, (402, "MODEL_LOCKED"): 198}
    assert someone.call("GET", "/api/models/gpt-4o/trial-status")[1]["data"] == {
        "trialMessagesRemaining": 0,
        "totalTrialMessages": 2,
        "canUseTrial": False,
    }


def test_a_fallback_answers_for_a_provider_that_is_down_and_says_so(stack: Stack, someone: Client) -> None:
    stack.practice.fault("error_500", provider="openai")
    status, answer = someone.chat(modelId="gpt-4o-mini")
    metadata = answer["data"]["metadata"]
    assert status == 200
    assert metadata["failedModels"] == ["gpt-4o-mini"]
    assert metadata["providerId"] != "openai"
    selection = answer["data"]["selection"]
    assert metadata["requestedModelId"] == selection["requestedModelId"] == "gpt-4o-mini"
    assert selection["modelId"] not in selection["fallbacks"]


@pytest.mark.parametrize("fault", ["error_500", "error_429", "malformed", "html", "refuse", "cut"])
def test_when_every_provider_fails_no_trial_is_lost(stack: Stack, someone: Client, fault: str) -> None:
    stack.practice.fault(fault, afterChunks=0, retryAfter=0)  # a key that met its limit need not rest
    status, answer = someone.chat(modelId="gpt-4o")
    assert (status, answer["error"]["code"]) == (502, "PROVIDER_FAILED")
    assert someone.call("GET", "/api/models/gpt-4o/trial-status")[1]["data"]["trialMessagesRemaining"] == 2


def test_a_provider_that_breaks_off_ends_the_stream_with_what_it_cost_and_why(stack: Stack, someone: Client) -> None:
    stack.practice.fault("cut", afterChunks=3)
    connection, answer = someone.stream(modelId="gpt-4o")
    told = list(events(answer))
    connection.close()
    assert [name for name, _ in told] == ["selection", "content", "content", "content", "metadata", "error"]
    assert told[-2][1]["isPartial"] is True
    assert told[-2][1]["trialMessagesRemaining"] == 2
    assert told[-1][1]["error"]["code"] == "PROVIDER_FAILED"


def test_a_killed_stack_loses_no_trial(stack: Stack, someone: Client) -> None:
    stack.practice.fault("hold", afterChunks=1, times=1)
    connection, answer = someone.stream(modelId="gpt-4o")
    stream = events(answer)
    assert [next(stream)[0] for _ in range(2)] == ["selection", "content"]
    stack.running.stop(signal.SIGKILL)
    connection.close()
    stack.practice.clear()
    stack.start()
    assert someone.call("GET", "/api/models/gpt-4o/trial-status")[1]["data"]["trialMessagesRemaining"] == 1
    # The reservation's time passes.
    shifted = stack.query(
        "UPDATE usage SET expires_at = now() - interval '1 second' WHERE status = 'reserved' RETURNING id"
    )
    assert len(shifted) == 1
    status, swept = someone.call("POST", "/dev/run/sweep")
    assert (status, swept["returned"]) == (200, {"expired": 1})
    assert someone.call("GET", "/api/models/gpt-4o/trial-status")[1]["data"]["trialMessagesRemaining"] == 2
    assert someone.chat(modelId="gpt-4o")[0] == 200
    assert stack.query("SELECT id FROM usage WHERE status = 'reserved'") == []


def test_two_tenants_never_see_each_other(stack: Stack) -> None:
    ours, theirs = Client(stack.port, "same@mail.test"), Client(stack.port, "same@mail.test", tenant="rival")
    conversation_id = ours.chat(WORDS)[1]["data"]["metadata"]["conversationId"]
    assert theirs.call("GET", f"/api/conversations/{conversation_id}")[0] == 404
    assert theirs.call("DELETE", f"/api/conversations/{conversation_id}")[0] == 404
    assert theirs.chat(conversationId=conversation_id)[0] == 404
    assert theirs.call("GET", "/api/conversations")[1]["data"] == []
    assert theirs.call("GET", "/api/usage")[1]["data"] == []
    assert ours.call("GET", f"/api/conversations/{conversation_id}")[0] == 200


def test_a_personas_answer_cites_what_it_knows_streamed_and_as_one_document(stack: Stack, someone: Client) -> None:
    persona = {"name": "Baker", "systemPrompt": "You bake."}
    status, made = someone.call("POST", "/api/personas", persona)
    assert status == 201
    persona_id = made["data"]["id"]
    text = {"title": "Handbook", "content": "# Sourdough\n\nFeed the starter twice a day. It floats when it is ready."}
    status, known = someone.call("POST", f"/api/personas/{persona_id}/knowledge", text)
    assert status == 201
    asked = {"content": "When is the starter ready?", "personaId": persona_id}
    (citation,) = someone.chat(**asked)[1]["data"]["citations"]
    assert citation["passageId"] == known["data"]["passages"][0]["id"]
    assert citation["title"] == "Handbook, Sourdough"
    assert citation["quote"] in text["content"]
    connection, answer = someone.stream(**asked)
    told = dict(events(answer))
    connection.close()
    assert told["citations"] == {"citations": [citation]}
    unrelated = someone.chat(content="Hello!", personaId=persona_id)[1]["data"]
    assert unrelated["citations"] == []
    other = Client(stack.port, "other@mail.test")
    assert other.chat(**asked)[0] == other.call("GET", f"/api/personas/{persona_id}")[0] == 404


@pytest.mark.parametrize(
    ("body", "status", "code", "named"),
    [
        (b"{not json", 400, "MALFORMED_REQUEST", "JSON"),
        (b"[]", 422, "INVALID_FIELDS", "body"),
        (b"", 422, "INVALID_FIELDS", "content"),
        ({"content": 5}, 422, "INVALID_FIELDS", "content"),
        ({"content": ""}, 422, "INVALID_FIELDS", "content"),
        ({"content": "x", "colour": "red"}, 422, "INVALID_FIELDS", "colour"),
        ({"content": "x", "modelId": ["gpt-4o"]}, 422, "INVALID_FIELDS", "modelId"),
        ({"content": "x", "maxOutputTokens": -1}, 422, "INVALID_FIELDS", "maxOutputTokens"),
        ({"content": "x", "maxOutputTokens": "9"}, 422, "INVALID_FIELDS", "maxOutputTokens"),
        ({"content": "x", "conversationId": "no-id"}, 422, "INVALID_FIELDS", "conversationId"),
        ({"content": "nul \x00 character"}, 422, "INVALID_FIELDS", "content"),
        ({"content": "x", "modelId": "no-such-model"}, 404, "MODEL_NOT_FOUND", "no-such-model"),
        ({"content": "x", "modelId": "grok-embed"}, 422, "MODEL_CANNOT_CHAT", "Grok Embed"),
        ({"content": "x" * 2_000_000}, 413, "PAYLOAD_TOO_LARGE", "1,000,000"),
        ({"content": "word " * 70_000, "modelId": "codestral-latest"}, 413, "INPUT_TOO_LONG", "Codestral"),
    ],
)
def test_bad_bodies_are_refused_by_name(
    stack: Stack, someone: Client, body: Any, status: int, code: str, named: str
) -> None:
    answered, answer = someone.call("POST", "/api/chat", body)
    assert (answered, answer["error"]["code"]) == (status, code)
    assert named in answer["error"]["message"]
    assert answer["error"]["requestId"]


@pytest.mark.parametrize("token", ["", "garbage", "a.b.c", "sk-stoa-0123456789"])
@pytest.mark.parametrize("route", [("POST", "/api/chat"), ("GET", "/api/models")])
def test_bad_tokens_are_401(stack: Stack, someone: Client, token: str, route: tuple[str, str]) -> None:
    method, path = route
    answered, answer = someone.call(method, path, {"content": "x"} if method == "POST" else None, token=token)
    assert (answered, answer["error"]["code"]) == (401, "UNAUTHENTICATED")


def test_neither_keys_nor_what_was_said_are_in_any_log(stack: Stack, someone: Client) -> None:
    someone.chat(WORDS)
    stack.practice.fault("cut", afterChunks=2)
    someone.chat(WORDS, modelId="gpt-4o")
    stack.practice.fault("error_500")
    someone.chat(WORDS, modelId="o1")
    stack.running.wait_for_line("POST /api/chat 502")
    logged = "\n".join(stack.running.lines)
    assert '"upstreamStatus":500' in logged
    for secret in (KEY, WORDS, someone.token):
        assert secret not in logged


def test_a_tenants_own_key_serves_its_members_and_shows_nowhere(stack: Stack) -> None:
    own = "sk-brought-by-the-tenant-itself"
    admin = Client(stack.port, "admin@own.test", "own-keys")
    asked_for = {"email": "admin@own.test", "tenant": "own-keys", "groups": ["admin"]}
    admin.token = admin.call("POST", "/dev/token", asked_for)[1]["access_token"]
    member = Client(stack.port, "ada@own.test", "own-keys")
    status, kept = admin.call("PUT", "/api/admin/provider-keys/openai", {"key": own, "verify": True})
    assert (status, kept["data"]["lastFour"], kept["data"]["verifiedAt"] is not None) == (200, "self", True)
    assert member.call("PUT", "/api/admin/provider-keys/openai", {"key": own})[0] == 403
    assert member.chat(WORDS, modelId="gpt-4o-mini")[0] == 200
    Client(stack.port, "bea@demo.test").chat(modelId="gpt-4o-mini")
    asked = [call for call in stack.practice.calls() if call["path"].endswith("/chat/completions")]
    assert [call["keySha256"] == key_hash(own) for call in asked] == [True, False]
    (line,) = stack.query("SELECT u.* FROM usage u JOIN tenants t ON t.id = u.tenant_id WHERE t.slug = 'own-keys'")
    assert (line["own_key"], line["provider_cost"], line["charge"] > 0) == (True, 0, True)
    told = f"{kept} {admin.call('GET', '/api/admin/provider-keys')} {admin.call('GET', '/api/admin/audit')}"
    assert own not in told + "\n".join(stack.running.lines)


def test_what_the_provider_had_in_its_cache_is_charged_at_its_rate(stack: Stack, someone: Client) -> None:
    operator = Client(stack.port, "operator@demo.test")
    asked_for = {"email": "operator@demo.test", "tenant": "demo", "groups": ["operator"]}
    operator.token = operator.call("POST", "/dev/token", asked_for)[1]["access_token"]
    model = "/api/operator/models/gpt-4o-mini"
    assert operator.call("PATCH", model, {"baseRates": {"cachedInput": 0.075}})[0] == 200
    stack.practice.fault("tokens", inputTokens=1_000_000, cachedTokens=600_000)
    metadata = someone.chat(modelId="gpt-4o-mini")[1]["data"]["metadata"]
    usage = metadata["usage"]
    assert (usage["inputTokens"], usage["cachedInputTokens"]) == (1_000_000, 600_000)
    # Input 0.15, cached 0.075 and output 0.60 a million, each with 40 % on top.
    assert Decimal(metadata["charge"]) == Decimal("0.147") + usage["outputTokens"] * Decimal("0.84") / 1_000_000
    assert operator.call("PATCH", model, {"baseRates": {}})[0] == 200
