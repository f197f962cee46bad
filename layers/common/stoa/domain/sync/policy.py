"""A tenant's rules for changes: which apply by themselves, which wait for an admin, and which are told.

A tenant sets a rule for each kind of change. A price that looks like a slip of the pen waits under every rule.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, NamedTuple

from stoa.domain.sync.change import NEW_MODEL, PRICE, RETIREMENT, Change, Ending, Sizes, price_of

Rule = Literal["apply", "agreed", "within_threshold", "review", "ignore"]

# The rules of a tenant that decided nothing, by the names under which rules are stored. A fall needs no threshold:
# members pay less.
DEFAULTS: Mapping[str, Rule] = {
    "newModel": "review",
    "priceRise": "within_threshold",
    "priceFall": "agreed",
    "contextLarger": "apply",
    "contextSmaller": "review",
    "retirement": "review",
}

# A price that falls or rises further at once has probably lost a digit, or been given one too many.
DEEPEST_FALL = Decimal(-90)
STEEPEST_RISE = Decimal(900)


def with_rules(policy: Mapping[str, Rule], given: Mapping[str, Rule | None]) -> dict[str, Rule]:
    """Returns the policy with the rules given. None goes back to the default. A rule that is not given stays."""
    merged = {**policy, **given}
    return {matter: rule for matter, rule in merged.items() if rule is not None}


class Decision(NamedTuple):
    """The outcome for a change, and the reason in words."""

    outcome: Literal["apply", "propose", "ignore"]
    reason: str


def decide(change: Change, policy: Mapping[str, Rule], threshold: Decimal) -> Decision:
    """Returns what becomes of a change by the tenant's policy. `threshold` is in percent."""
    matter = matter_of(change)
    rule = policy.get(matter, DEFAULTS[matter])
    if rule == "ignore":
        return Decision("ignore", "The policy leaves changes of this kind out.")
    if rule == "review":
        return Decision("propose", "The policy wants changes of this kind reviewed.")
    if change.over_own:
        return Decision("propose", "You have set this yourself. Approve it to follow the feeds again.")
    if (doubt := _doubt(change)) is not None:
        return Decision("propose", doubt)
    if rule == "apply":
        return Decision("apply", "The policy applies changes of this kind.")
    if change.agreement != "agreed":
        told = "The two sources differ." if change.agreement == "differs" else "Only one source knows the price."
        return Decision("propose", told)
    if rule == "within_threshold" and _is_beyond(change, threshold):
        return Decision("propose", f"The price moves by more than {threshold.normalize():f} %.")
    return Decision("apply", "Both sources agree.")


def is_told(change: Change, threshold: Decimal) -> bool:
    """Returns whether admins are written to: a price that moves by more than the threshold, an end, less context."""
    matter = matter_of(change)
    if change.kind == PRICE:
        return _is_beyond(change, threshold)
    return matter in ("retirement", "contextSmaller")


def matter_of(change: Change) -> str:
    """Returns the name of the rule for a change."""
    if change.kind == NEW_MODEL:
        return "newModel"
    if change.kind == RETIREMENT:
        return "retirement"
    if isinstance(change.after, Sizes) and isinstance(change.before, Sizes):
        return "contextLarger" if _grows(change.before, change.after) else "contextSmaller"
    rises = not change.moves or any(move.rises for move in change.moves)
    return "priceRise" if rises else "priceFall"


def _doubt(change: Change) -> str | None:
    """Returns why a change waits under every rule, so that nothing is charged at 0, or at a slip of the pen."""
    if change.kind == NEW_MODEL and price_of(change.after) is None:
        return "No price is known."
    if isinstance(change.after, Ending) and change.after.deprecated_at is None:
        return "No date is known."
    if change.kind == PRICE:
        if change.before is None:
            return "No price was known before."
        for move in change.moves:
            if move.percent is None or move.after == 0:
                return "A price of 0 waits for an admin."
            if move.percent < DEEPEST_FALL:
                return f"A price that falls by more than {-DEEPEST_FALL} % waits for an admin."
            if move.percent > STEEPEST_RISE:
                return f"A price that rises by more than {STEEPEST_RISE} % waits for an admin."
    return None


def _is_beyond(change: Change, threshold: Decimal) -> bool:
    if not change.moves:
        return True
    return any(move.percent is None or abs(move.percent) > threshold for move in change.moves)


def _grows(before: Sizes, after: Sizes) -> bool:
    was = before.given()
    return all(tokens > was[name] for name, tokens in after.given().items())
