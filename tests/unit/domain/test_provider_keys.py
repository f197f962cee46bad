"""What is shown of a key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.domain.provider_keys import fingerprint, last_four


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
