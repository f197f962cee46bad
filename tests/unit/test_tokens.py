"""The checks of a bearer token, and the keeping of the issuer's keys."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from stoa.core.errors import Unavailable
from stoa.http.answers import status_of
from stoa.identity.signing_keys import SigningKeys, discover, fetch_document, issuers_keys
from stoa.identity.tokens import InvalidToken, UnknownKey, read_keys, verify

ISSUER = "https://issuer.example"
AUDIENCE = "stoa-web"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def entry(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    """A private key's public half as a JWKS lists it."""
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", **more}


JWKS = {"keys": [entry(RSA_KEY, "one", alg="RS256"), entry(EC_KEY, "two", alg="ES256")]}


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims with changes; None takes a claim out."""
    good = {
        "sub": "subject-1",
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": NOW.timestamp() + 600,
        "iat": NOW.timestamp() - 5,
        "custom:tenant_id": "tenant-1",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def token(key: Any = RSA_KEY, kid: str | None = "one", algorithm: str = "RS256", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm, headers={"kid": kid} if kid else None)


def check(candidate: str, jwks: dict[str, Any] = JWKS) -> dict[str, Any]:
    return verify(candidate, read_keys(jwks), ISSUER, [AUDIENCE], NOW)


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "good",
    [
        token(),
        token(EC_KEY, "two", "ES256"),
        token(aud=["another", AUDIENCE]),
        token(aud=None, client_id=AUDIENCE),  # a Cognito access token
        token(exp=NOW.timestamp() - 29),  # within the leeway
        token(nbf=NOW.timestamp() + 29),
        token(iat=None),
    ],
)
def test_a_good_token_gives_its_claims(good: str) -> None:
    assert check(good)["sub"] == "subject-1"


def test_a_token_without_a_tenant_is_genuine_all_the_same() -> None:
    assert "custom:tenant_id" not in check(token(**{"custom:tenant_id": None}))


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (token(OTHER_RSA_KEY), "signature is wrong"),
        (token()[:-6] + "AAAAAA", "signature is wrong"),
        (token(exp=NOW.timestamp() - 30), "expired"),
        (token(exp=None), "no expiry"),
        (token(exp=True), "exp is not a point in time"),
        (token(exp="soon"), "exp is not a point in time"),
        (token(exp=float("nan")), "exp is not a point in time"),
        (token(exp=float("inf")), "exp is not a point in time"),
        (token(exp=10**400), "exp is not a point in time"),
        (token(nbf=-(10**400)), "nbf is not a point in time"),
        (token(nbf=NOW.timestamp() + 31), "not valid yet"),
        (token(iat=NOW.timestamp() + 31), "not valid yet"),
        (token(iss="https://other.example"), "another issuer"),
        (token(iss=None), "another issuer"),
        (token(aud="other"), "another audience"),
        (token(aud=None), "another audience"),
        (token(aud="other", client_id=AUDIENCE), "another audience"),
        (token(aud=[["nested"]]), "another audience"),
        (token(sub=None), "no subject"),
        (token(sub=""), "no subject"),
        (token(algorithm="RS512"), "RS256 or ES256"),
        (token(algorithm="PS256"), "RS256 or ES256"),
        (token(EC_KEY, "one", "ES256"), "RS256 or ES256"),
        (token(kid="three"), "does not publish"),
        (token(kid=None), "does not publish"),
        ("", "malformed"),
        ("a.b.c", "malformed"),
        ("é.é.é", "malformed"),
        ("a" * 16_385, "too long"),
        (jwt.api_jws.encode(b"[1]", RSA_KEY, "RS256", {"kid": "one"}), "no claims"),
        (jwt.api_jws.encode(b"not json", RSA_KEY, "RS256", {"kid": "one"}), "malformed"),
        (jwt.api_jws.encode(b"[" * 9000, RSA_KEY, "RS256", {"kid": "one"}), "malformed"),
    ],
)
def test_a_bad_token_is_refused_and_the_reason_is_told(bad: str, why: str) -> None:
    with pytest.raises(InvalidToken) as refusal:
        check(bad)

    assert why in refusal.value.message
    assert status_of(refusal.value) == 401


def test_a_token_without_signature_is_refused() -> None:
    for algorithm in ("none", "None", "NONE"):
        with pytest.raises(InvalidToken):
            check(f"{part({'alg': algorithm, 'kid': 'one'})}.{part(claims())}.")


def test_the_public_key_is_no_hmac_secret() -> None:
    public = RSA_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signed = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(claims())}"
    signature = base64.urlsafe_b64encode(hmac.digest(public, signed.encode(), hashlib.sha256)).rstrip(b"=").decode()

    with pytest.raises(InvalidToken, match="RS256 or ES256"):
        check(f"{signed}.{signature}")


SOME_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=3)


@given(st.text() | st.lists(st.text("aA0-_.="), min_size=3, max_size=3).map(".".join))
def test_whatever_is_sent_as_a_token_is_an_invalid_token(anything: str) -> None:
    with pytest.raises(InvalidToken):
        check(anything)


@given(st.sampled_from(["exp", "nbf", "iat", "iss", "aud", "sub", "client_id"]), SOME_JSON)
def test_whatever_a_signed_token_claims_is_good_or_an_invalid_token(name: str, value: Any) -> None:
    payload = json.dumps(claims() | {name: value}).encode()
    signed = jwt.api_jws.encode(payload, RSA_KEY, "RS256", {"kid": "one"})

    try:
        verified = check(signed)
    except InvalidToken:
        return
    assert (verified["iss"], verified["sub"] != "") == (ISSUER, True)


def test_without_an_expected_audience_nobody_is_let_in() -> None:
    with pytest.raises(InvalidToken, match="audience"):
        verify(token(), read_keys(JWKS), ISSUER, [], NOW)


def test_a_token_without_key_id_is_checked_by_the_only_key() -> None:
    assert check(token(kid=None), {"keys": [entry(RSA_KEY, "one")]})["sub"] == "subject-1"


@pytest.mark.parametrize(
    "useless",
    [
        entry(RSA_KEY, "one", use="enc"),
        entry(RSA_KEY, "one", alg="RS512"),
        {"kty": "oct", "kid": "one", "k": "c2VjcmV0"},
        {"kty": "RSA", "kid": "one"},
        {"kty": "RSA", "kid": "one", "n": "!", "e": "AQAB"},
        entry(ec.generate_private_key(ec.SECP384R1()), "one"),
        entry(rsa.generate_private_key(public_exponent=65537, key_size=1024), "one"),
        "not an object",
    ],
)
def test_keys_of_other_kinds_are_left_out(useless: Any) -> None:
    assert list(read_keys({"keys": [useless, entry(EC_KEY, "two")]})) == ["two"]


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}])
def test_something_else_than_a_jwks_is_an_error(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="list named keys"):
        read_keys(document)


class Issuer:
    """Answers what it is told to, and counts how often it is asked."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] | Exception = {"keys": [entry(RSA_KEY, "one")]}
        self.asked = 0
        self.time = 1_000_000.0

    def fetch(self) -> dict[str, Any]:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def keys(self) -> SigningKeys:
        return SigningKeys(self.fetch, lambda: self.time)


def test_the_keys_are_fetched_once_and_again_when_they_are_old() -> None:
    issuer = Issuer()
    keys = issuer.keys()

    assert [list(keys.current()) for _ in range(3)] == [["one"]] * 3
    assert issuer.asked == 1
    issuer.time += 3600
    keys.current()
    assert issuer.asked == 2


def test_a_new_key_is_found_at_once_and_strangers_do_not_flood_the_issuer() -> None:
    issuer = Issuer()
    keys = issuer.keys()
    keys.current()
    issuer.answer = {"keys": [entry(RSA_KEY, "one"), entry(OTHER_RSA_KEY, "three")]}

    issuer.time += 60
    assert "three" in keys.fresh()
    for _ in range(50):
        keys.fresh()
    assert issuer.asked == 2


@pytest.mark.parametrize("trouble", [OSError("down"), ValueError("not JSON"), {"keys": []}, {"error": "oops"}])
def test_an_issuer_in_trouble_does_not_sign_anybody_out(trouble: Any) -> None:
    issuer = Issuer()
    keys = issuer.keys()
    keys.current()
    issuer.answer = trouble

    issuer.time += 4000
    assert list(keys.current()) == ["one"]
    assert list(keys.fresh()) == ["one"]
    assert issuer.asked == 2


@pytest.mark.parametrize("trouble", [OSError("down"), {"keys": []}])
def test_without_any_key_it_is_an_outage_and_no_bad_token(trouble: Any) -> None:
    issuer = Issuer()
    issuer.answer = trouble
    keys = issuer.keys()

    for _ in range(2):
        with pytest.raises(Unavailable):
            keys.current()
    issuer.answer = JWKS
    assert set(keys.current()) == {"one", "two"}


def test_the_first_key_is_fetched_for_an_unknown_one_too() -> None:
    assert list(Issuer().keys().fresh()) == ["one"]


@pytest.fixture
def documents() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A server on loopback: its address, and the documents it serves by path."""
    served: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200 if self.path in served else 404)
            self.end_headers()
            self.wfile.write(served.get(self.path, b""))

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", served
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_keys_are_found_through_discovery(documents: tuple[str, dict[str, bytes]]) -> None:
    address, served = documents
    where = "/.well-known/openid-configuration"
    served[where] = json.dumps({"issuer": address, "jwks_uri": f"{address}/keys"}).encode()

    assert discover(address) == f"{address}/keys"


def test_an_issuers_keys_come_from_where_it_says_or_from_where_we_are_told(
    documents: tuple[str, dict[str, bytes]],
) -> None:
    address, served = documents
    served["/.well-known/openid-configuration"] = json.dumps({"issuer": address, "jwks_uri": f"{address}/a"}).encode()
    served["/a"] = json.dumps({"keys": [entry(RSA_KEY, "one")]}).encode()
    served["/b"] = json.dumps({"keys": [entry(EC_KEY, "two")]}).encode()

    assert list(issuers_keys(address).current()) == ["one"]
    assert list(issuers_keys(address, f"{address}/b").current()) == ["two"]


@pytest.mark.parametrize(
    "document", [{"issuer": "https://other.example", "jwks_uri": "x"}, {}, {"issuer": "SELF"}, {"issuer": "SELF/"}]
)
def test_a_discovery_document_that_is_wrong_is_not_believed(
    documents: tuple[str, dict[str, bytes]], document: dict[str, str]
) -> None:
    address, served = documents
    text = json.dumps(document).replace("SELF", address)
    served["/.well-known/openid-configuration"] = text.encode()

    with pytest.raises(ValueError, match="discovery document"):
        discover(address)


@pytest.mark.parametrize("content", [b"[]", b"{", b" " * 1_000_001])
def test_a_document_that_is_no_json_object_is_refused(documents: tuple[str, dict[str, bytes]], content: bytes) -> None:
    address, served = documents
    served["/keys"] = content

    with pytest.raises(ValueError):
        fetch_document(f"{address}/keys")


def test_a_missing_document_is_an_outage(documents: tuple[str, dict[str, bytes]]) -> None:
    with pytest.raises(OSError, match="404"):
        fetch_document(f"{documents[0]}/keys")


@pytest.mark.parametrize("url", ["http://issuer.example/keys", "file:///etc/passwd", "ftp://127.0.0.1/keys"])
def test_keys_are_not_fetched_over_an_open_line(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        fetch_document(url)


def test_a_token_signed_by_a_new_key_is_unknown_until_the_keys_are_fresh() -> None:
    issuer = Issuer()
    keys = issuer.keys()
    signed = token(OTHER_RSA_KEY, "three")
    check_with: Callable[[Any], Any] = lambda found: verify(signed, found, ISSUER, [AUDIENCE], NOW)  # noqa: E731
    with pytest.raises(UnknownKey):
        check_with(keys.current())
    issuer.answer = {"keys": [entry(OTHER_RSA_KEY, "three")]}
    issuer.time += 60

    assert check_with(keys.fresh())["sub"] == "subject-1"
