"""Bundles as a member sees them."""

from typing import Any

from stoa.db import Database
from stoa.identity import Member
from stoa.store import bundles


def list_bundles(database: Database, member: Member) -> list[dict[str, Any]]:
    """What is sold together, in the tenant's order."""
    with database.autocommit(member.scope) as connection:
        rows = bundles.on_sale(connection, member.tenant_id, member.user_id)
    return [
        {
            "id": row["id"],
            "name": row["name"],
            "description": row["description"],
            "priceCents": row["price_cents"],
            "currency": row["currency"],
            "modelIds": row["model_ids"],
            "owned": row["owned"],
        }
        for row in rows
    ]
