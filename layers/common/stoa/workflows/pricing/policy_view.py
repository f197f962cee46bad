"""The tenant's rules for what providers change, as admins are shown them."""

from collections.abc import Mapping

from stoa.domain.sync.policy import DEFAULTS


def policy_view(policy: Mapping[str, str]) -> dict[str, str]:
    """The rule for each kind of change: the tenant's, else the default."""
    return {**DEFAULTS, **policy}
