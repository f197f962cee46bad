"""Text that cannot be stored: refused where somebody can correct it, replaced where nobody can."""

import pytest

from stoa.core.text import made_storable, storable


@pytest.mark.parametrize("text", ["", "plain", "Ünïcödé 漢字 🙂", "line\nfeed"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert storable(text) == made_storable(text) == text


@pytest.mark.parametrize("character", ["\x00", "\ud800", "\udfff"])
def test_what_cannot_be_stored_is_refused_or_replaced(character: str) -> None:
    with pytest.raises(ValueError):
        storable(f"a{character}b")
    assert made_storable(f"a{character}b") == "a\ufffdb"
