"""docs/providers.md against the rows that are shipped."""

import re
from pathlib import Path

import pytest

from stoa.clients.wires.endpoints import packaged_providers

PAGE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text(encoding="utf-8")
LINES = {line.split("`")[1]: line for line in PAGE.splitlines() if re.match(r"\| `\w+` \|", line)}
ROWS = {provider.id: provider for provider in packaged_providers()}


def test_each_provider_is_explained_and_none_else() -> None:
    assert sorted(LINES) == sorted(ROWS)
    assert f"ships with {len(ROWS)} providers" in PAGE


@pytest.mark.parametrize("provider", ROWS)
def test_its_address_and_how_usage_comes_are_the_row_s(provider: str) -> None:
    row, (_, _, address, key, usage, checked, _) = ROWS[provider], LINES[provider].split("|")
    options = row.options
    assert f"`{options.get('base') or row.api_base}`" in address or provider == "self_hosted"
    assert f"`{row.chat_path.partition('?')[0]}`" in address
    assert ("auth_header" in options) == (f"`{options.get('auth_header')}`" in key)
    assert ("asked" in usage) == (options.get("usage") == "stream_options")
    assert "https://" in checked, "where its documentation is"


def test_there_are_25_or_more() -> None:
    assert len(ROWS) >= 25
