"""Our id for a model that comes from a feed: readable, and fit for an address."""

import hashlib
import re

# `~` parts a tenant's slug from the name of its own model (store/tenant_models.py), so no id of the registry has it.
_UNFIT = re.compile(r"[^A-Za-z0-9._:@+-]+")


def candidate_ids(provider_id: str, provider_model: str) -> list[str]:
    """Ids in the order of preference; the last one is no other model's."""
    name = _UNFIT.sub("-", provider_model).strip("-")
    apart = hashlib.sha256(f"{provider_id}/{provider_model}".encode()).hexdigest()[:8]
    return [name, f"{name}@{provider_id}", f"{name}@{provider_id}.{apart}"]
