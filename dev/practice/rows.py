"""The provider rows that Stoa ships, read without Stoa: practice providers also run on their own."""

import csv
import re
from pathlib import Path
from urllib.parse import urlsplit

_PLACE = re.compile(r"\{([a-z_]+)\}")
DATA = Path(__file__).parents[2] / "layers" / "common" / "stoa" / "data"


def _rows() -> list[dict[str, str]]:
    with (DATA / "providers.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


ROWS = {row["id"]: row for row in _rows()}
OPTIONS = {name: dict(pair.split("=", 1) for pair in row["options"].split("|") if pair) for name, row in ROWS.items()}


def places(provider: str) -> list[str]:
    """Returns the values for a provider's chat path that its row lacks, such as a project's name."""
    return [name for name in _PLACE.findall(ROWS[provider]["chat_path"]) if name not in {"model", *OPTIONS[provider]}]


def base_path(provider: str) -> str:
    """The path that belongs to a provider's base address, such as `/v1`; self-hosted servers have `/v1`, too."""
    address = ROWS[provider]["api_base"]
    path = urlsplit(address).path if address else "/v1"
    return _PLACE.sub("practice", path)
