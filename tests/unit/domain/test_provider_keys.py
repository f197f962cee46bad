"""The part of a key that is shown."""

import json
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.domain.providers.provider_keys import GOOGLE_TOKEN_URI, fingerprint, key_problem, last_four, settings_problems


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("sk-proj-abcdWXYZ", "WXYZ"),
        ('{"type": "service_account", "private_key_id": "aabbccdd", "private_key": "secret"}', "ccdd"),
        ('{"some": "object"}', 'ct"}'),
        ('["a", "list"]', 'st"]'),
        ("1234567890", "7890"),
    ],
)
def test_the_last_four_characters_tell_a_key(key: str, shown: str) -> None:
    assert last_four(key) == shown


def test_a_fingerprint_is_the_beginning_of_the_sha_256() -> None:
    assert fingerprint("abc") == "ba7816bf8f01"  # FIPS 180-2, appendix B.1


@given(st.text(min_size=20))
def test_no_more_than_four_characters_are_shown(key: str) -> None:
    assert len(last_four(key)) <= 4
    assert len(fingerprint(key)) == 12


ACCOUNT = {
    "client_email": "stoa@ours.iam.gserviceaccount.com",
    "private_key": "-----BEGIN PRIVATE KEY-----",
    "private_key_id": "0a1b2c3d",
    "token_uri": GOOGLE_TOKEN_URI,
}


@pytest.mark.parametrize(
    ("auth", "key", "problem"),
    [
        ("api_key", "sk-proj-1234", None),
        ("api_key", "with space", "printable ASCII"),
        ("api_key", "tab\there", "printable ASCII"),
        ("api_key", "line\r\nInjected: header", "printable ASCII"),
        ("api_key", "schlüssel", "printable ASCII"),
        ("service_account", "ya29.an-access-token", None),
        ("service_account", json.dumps(ACCOUNT), None),
        ("service_account", "{not json", "not the JSON"),
        ("service_account", "{}", "it needs client_email"),
        ("service_account", json.dumps(ACCOUNT | {"private_key": 7}), "it needs client_email"),
        ("service_account", json.dumps(ACCOUNT | {"token_uri": "http://10.0.0.1"}), "token_uri has to be"),
        ("api_key", json.dumps(ACCOUNT), "printable ASCII"),
    ],
)
def test_what_a_key_can_be(auth: str, key: str, problem: str | None) -> None:
    found = key_problem(auth, key)
    assert found is None if problem is None else problem in (found or "")


@pytest.mark.parametrize(
    ("places", "preset", "given", "named"),
    [
        (set(), set(), {}, set()),
        (set(), set(), {"resource": "x"}, {"resource"}),
        ({"resource", "api_version"}, {"api_version"}, {"resource": "ours"}, set()),
        ({"resource", "api_version"}, {"api_version"}, {}, {"resource"}),
        ({"resource", "api_version"}, {"api_version"}, {"resource": "ours", "api_version": "2025-01-01"}, set()),
        ({"resource"}, set(), {"resource": "ours.evil.example/"}, {"resource"}),
        ({"resource"}, set(), {"resource": "a" * 64}, {"resource"}),
        ({"resource"}, set(), {"resource": "ours\n"}, {"resource"}),
        ({"resource"}, set(), {"resource": "ours", "base_url": "http://10.0.0.1"}, {"base_url"}),
    ],
)
def test_what_fills_an_address(places: set[str], preset: set[str], given: dict[str, str], named: set[str]) -> None:
    assert set(settings_problems(places, preset, given)) == named


@given(st.text())
def test_whatever_fills_an_address_stays_one_label_of_it(value: str) -> None:
    if not settings_problems({"resource"}, set(), {"resource": value}):
        parts = urlsplit(f"https://{value}.openai.azure.com/openai")
        assert (parts.hostname, parts.path) == (f"{value}.openai.azure.com", "/openai")
