"""Bundles as a member sees them."""

from stoa.domain.catalogue.access import is_on_offer
from stoa.identity.caller import Caller
from stoa.store.billing import bundles
from stoa.store.billing.bundles import BundleOnSale
from stoa.workflows.selection.member_view import load_with


def list_bundles(caller: Caller) -> list[BundleOnSale]:
    """Returns the bundles on sale, in the tenant's order. A bundle with a model that is not on offer any more is not
    sold."""
    asked = bundles.on_sale_statement(caller.tenant_id, caller.user_id)
    view, (answered,) = load_with(caller.database, caller.member, caller.now, [asked])
    on_offer = {model_id for model_id, offer in view.offers.items() if is_on_offer(offer, caller.now)}
    return [bundle for bundle in bundles.on_sale_from_rows(answered) if on_offer.issuperset(bundle.model_ids)]
