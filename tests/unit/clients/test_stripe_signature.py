"""Stripe's webhook signature, by examples and against Stripe's own library."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from stoa.clients.stripe.stripe_signature import BadSignature, sign, verify
from stoa.http.answers import status_of

NOW = datetime.now(UTC).replace(microsecond=0)
SECOND = int(NOW.timestamp())
BODY = b'{"id": "evt_1"}'
SECRET = "whsec_one"


def header(body: bytes = BODY, secret: str = SECRET, second: int = SECOND) -> str:
    return f"t={second},v1={sign(body, secret, second)}"


def test_a_known_signature() -> None:
    # echo -n '1795251600.{"id": "evt_1"}' | openssl dgst -sha256 -hmac whsec_one
    assert sign(BODY, SECRET, 1795251600) == "d407a1c63d18ad295c3727ce6035f7cc7ce74dc5e10af3824edb9c4dd2b156a4"


@pytest.mark.parametrize(
    "good",
    [
        header(),
        f"{header()},v0=old",
        f"t={SECOND},v1=wrong,v1={sign(BODY, SECRET, SECOND)}",
        header(second=SECOND - 300),
        header(second=SECOND + 300),
    ],
    ids=count(),
)
def test_good_signatures(good: str) -> None:
    verify(BODY, good, [SECRET], NOW)


def test_either_secret_serves_while_one_replaces_the_other() -> None:
    for secret in ("whsec_old", "whsec_new"):
        verify(BODY, header(secret=secret), ["whsec_new", " whsec_old "], NOW)


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "",
        "nonsense",
        "t=,v1=",
        "v1=" + sign(BODY, SECRET, SECOND),
        f"t={SECOND}",
        f"t={SECOND},v0={sign(BODY, SECRET, SECOND)}",
        f"t={SECOND + 1},v1={sign(BODY, SECRET, SECOND)}",
        header(secret="whsec_two"),
        header(body=BODY + b" "),
        header(second=SECOND - 301),
        header(second=SECOND + 301),
        f"t={'9' * 400},v1=x",
        f"t=٣,v1={sign(BODY, SECRET, SECOND)}",
        f"t={SECOND},v1=é",
    ],
    ids=count(),
)
def test_bad_stale_and_missing_signatures(bad: str | None) -> None:
    with pytest.raises(BadSignature) as caught:
        verify(BODY, bad, [SECRET], NOW)
    assert (status_of(caught.value), caught.value.code) == (400, "BAD_SIGNATURE")


@pytest.mark.parametrize("secrets", [[], [""], ["", "  "]])
def test_without_a_secret_everything_is_refused(secrets: list[str]) -> None:
    for secret in ("", "  ", SECRET):
        with pytest.raises(BadSignature):
            verify(BODY, header(secret=secret), secrets, NOW)


@given(st.text(max_size=200), st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_what_stripes_library_signs_we_accept_and_the_other_way_round(text: str, secret: str) -> None:
    body = text.encode()
    theirs = stripe.WebhookSignature.generate_signature_header(text, secret, SECOND)
    verify(body, theirs, [secret], NOW)
    assert stripe.WebhookSignature.verify_header(body, header(body, secret), secret, tolerance=10**6)
    with pytest.raises(BadSignature):
        verify(body + b".", theirs, [secret], NOW)
    with pytest.raises(BadSignature):
        verify(body, theirs, [secret], NOW + timedelta(seconds=301))
