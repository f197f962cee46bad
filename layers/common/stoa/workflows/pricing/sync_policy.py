"""The tenant's rules for what providers change: as stored, and with the defaults filled in."""

from collections.abc import Mapping

from msgspec import Struct

from stoa.core.text import camel_case, snake_case
from stoa.domain.sync.policy import DEFAULTS, Rule, with_rules


class SyncPolicy(Struct, frozen=True):
    """The rule for each kind of change that the feeds tell of."""

    new_model: Rule
    price_rise: Rule
    price_fall: Rule
    context_larger: Rule
    context_smaller: Rule
    retirement: Rule


def policy_of(stored: Mapping[str, Rule]) -> SyncPolicy:
    """Returns the tenant's rule for each kind of change, or the default where the tenant has none."""
    return SyncPolicy(**{snake_case(kind): rule for kind, rule in {**DEFAULTS, **stored}.items()})


def changed(stored: Mapping[str, Rule], given: Mapping[str, Rule | None]) -> dict[str, Rule]:
    """Returns the stored policy with the rules given, by the fields' names. None goes back to the default."""
    return with_rules(stored, {camel_case(kind): rule for kind, rule in given.items()})
