"""Languages and the text search for each."""

import pytest

from stoa.domain.personas.languages import language_name, search_config


@pytest.mark.parametrize(
    ("code", "name", "config"),
    [
        ("en", "English", "english"),
        ("de", "German", "german"),
        ("zh", "Chinese", "simple"),
        ("xx", "xx", "simple"),
    ],
)
def test_a_language_has_a_name_and_a_search(code: str, name: str, config: str) -> None:
    assert (language_name(code), search_config(code)) == (name, config)
