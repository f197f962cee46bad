"""Personas as tests make them."""

from typing import Any

from tests.integration.member.support import Client, Reply

GRANDMOTHER: dict[str, Any] = {"name": "Grandmother", "systemPrompt": "You have run a bakery for fifty years."}


def made(reply: Reply) -> dict[str, Any]:
    """Returns what a 201 made."""
    assert reply.status == 201, reply.body
    return dict(reply.body["data"])


def add(owner: Client, **fields: Any) -> str:
    """A persona of the owner's; its id."""
    return str(made(owner.post("/api/personas", {**GRANDMOTHER, **fields}))["id"])


def ids(client: Client, **query: Any) -> list[str]:
    """The ids of a client's list of personas, page by page."""
    found, cursor = [], None
    while True:
        reply = client.get("/api/personas", **query, **({"cursor": cursor} if cursor else {}))
        found += [one["id"] for one in reply.data]
        cursor = reply.body["meta"]["nextCursor"]
        if cursor is None:
            return found
