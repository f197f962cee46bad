"""Vertex AI's service accounts: a signed statement is exchanged for a token, once for many calls."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from stoa.clients.wires import ProviderError, google_token
from stoa.clients.wires.endpoints import endpoint_for
from tests.integration.wires.conftest import ROWS


class Google(ThreadingHTTPServer):
    """As much of Google's token service as is asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked: list[dict[str, list[str]]] = []
        self.answer: tuple[int, Any] = (200, {"access_token": "ya29.token", "expires_in": 3599})
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/token"

    def account(self, key_id: str, **changed: str) -> str:
        private = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        account = {"type": "service_account", "client_email": "stoa@project.test", "private_key_id": key_id}
        return json.dumps({**account, "private_key": private, "token_uri": self.address, **changed})


class Answering(BaseHTTPRequestHandler):
    server: Google

    def do_POST(self) -> None:
        self.server.asked.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        status, value = self.server.answer
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Google]:
    monkeypatch.setattr(google_token, "_tokens", {})
    with Google() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def vertex(account: str) -> str | None:
    settings = {"STOA_PROVIDER_VERTEX_AI_API_KEY": account, "STOA_PROVIDER_VERTEX_AI_PROJECT": "p"}
    return endpoint_for(ROWS["vertex_ai"], settings).api_key


def test_the_statement_is_signed_and_says_what_google_wants(google: Google) -> None:
    assert vertex(google.account("one")) == "ya29.token"
    (asked,) = google.asked
    assert asked["grant_type"] == [google_token.GRANT]
    (statement,) = asked["assertion"]
    claims = jwt.decode(statement, google.key.public_key(), algorithms=["RS256"], audience=google.address)
    assert (claims["iss"], claims["scope"], claims["exp"] - claims["iat"]) == (
        "stoa@project.test", google_token.SCOPE, 3600,
    )  # fmt: skip
    assert jwt.get_unverified_header(statement)["kid"] == "one"


def test_a_token_serves_until_it_nearly_ends(google: Google) -> None:
    for _ in range(3):
        vertex(google.account("one"))
    assert len(google.asked) == 1
    vertex(google.account("another"))
    assert len(google.asked) == 2
    google.answer = (200, {"access_token": "short", "expires_in": google_token.SPARE_SECONDS})
    for _ in range(2):
        assert vertex(google.account("third")) == "short"
    assert len(google.asked) == 4


def test_a_token_may_be_configured_as_it_is(google: Google) -> None:
    assert vertex("ya29.mine") == "ya29.mine"
    assert google.asked == []


ANSWERS = [
    (400, {"error": "invalid_grant"}, "auth"),
    (401, {}, "auth"),
    (503, {}, "unavailable"),
    (200, [], "malformed"),
    (200, {"access_token": "x"}, "malformed"),
]


@pytest.mark.parametrize(("status", "value", "kind"), ANSWERS)
def test_what_google_may_answer(google: Google, status: int, value: Any, kind: str) -> None:
    google.answer = (status, value)
    with pytest.raises(ProviderError) as failure:
        vertex(google.account("one"))
    assert failure.value.kind == kind


@pytest.mark.parametrize("account", ["{", "{}", '{"client_email": "x"}'])
def test_a_key_that_is_none(account: str) -> None:
    with pytest.raises(ProviderError) as failure:
        vertex(account)
    assert failure.value.kind == "auth"


def test_a_private_key_that_cannot_be_read_is_not_repeated(google: Google) -> None:
    with pytest.raises(ProviderError) as failure:
        vertex(google.account("one", private_key="secret-garbage"))
    assert failure.value.kind == "auth"
    assert "garbage" not in f"{failure.value!r}{failure.value.__cause__!r}"


def test_whoever_names_another_keys_id_is_not_given_its_token(google: Google) -> None:
    assert vertex(google.account("one")) == "ya29.token"
    google.answer = (400, {"error": "invalid_grant"})
    with pytest.raises(ProviderError):
        vertex(google.account("one", client_email="somebody@else.test"))
