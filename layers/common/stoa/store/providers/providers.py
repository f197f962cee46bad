"""Providers of the registry, as they are called and named."""

from stoa.database.pool import Connection, Rows, Statement, typed
from stoa.domain.providers.provider import Provider

_COLUMNS = "p.id, p.display_name, p.api_base, p.auth, p.wire, p.chat_path, p.options"

_ALL = f"SELECT {_COLUMNS} FROM providers p ORDER BY lower(p.display_name), p.id"  # noqa: S608 - a constant of this file

_ONE = f"SELECT {_COLUMNS} FROM providers p WHERE p.id = :id"  # noqa: S608


def statement() -> Statement:
    """Returns the statement that reads every provider. Its rows go to `by_id`."""
    return _ALL, {}


def by_id(rows: Rows) -> dict[str, Provider]:
    """Returns the providers by their ids, from the rows of `statement`."""
    return {provider.id: provider for provider in typed(Provider, rows)}


def listed(connection: Connection) -> list[Provider]:
    """Returns every provider, in the order of their names."""
    return connection.fetch(Provider, _ALL)


def get(connection: Connection, provider_id: str) -> Provider | None:
    """Returns one provider. None: there is none of that id."""
    return connection.fetch_one(Provider, _ONE, id=provider_id)
