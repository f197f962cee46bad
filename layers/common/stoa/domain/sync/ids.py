"""Our id for a model that comes from a feed: readable, and fit for an address."""

import hashlib
import re

# `~` separates a tenant's slug from the name of its own model (store/catalogue/tenant_models.py), so no id of the
# registry has it.
_UNFIT = re.compile(r"[^A-Za-z0-9._:@+-]+")


def candidate_ids(provider_id: str, provider_model: str) -> list[str]:
    """Returns ids in the order of preference. No other model has the last one."""
    name = _UNFIT.sub("-", provider_model).strip("-")
    apart = hashlib.sha256(f"{provider_id}/{provider_model}".encode()).hexdigest()[:8]
    return [name, f"{name}@{provider_id}", f"{name}@{provider_id}.{apart}"]
