"""Bundles as a member sees them."""

from datetime import datetime
from typing import Any

from stoa.database.pool import Database
from stoa.domain.catalogue.access import is_on_offer
from stoa.identity.members import Member
from stoa.store.billing import bundles
from stoa.workflows.selection.member_view import load_with


def list_bundles(database: Database, member: Member, now: datetime) -> list[dict[str, Any]]:
    """What is sold together, in the tenant's order. A bundle with a model that is not on offer any more is not sold."""
    view, (rows,) = load_with(database, member, now, [bundles.on_sale(member.tenant_id, member.user_id)])
    on_offer = {model_id for model_id, offer in view.offers.items() if is_on_offer(offer, now)}
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
        if on_offer.issuperset(row["model_ids"])
    ]
