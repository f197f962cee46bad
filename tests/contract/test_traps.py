"""Each trap that the first drafts of this design fell into has a test that names it, or waits for its part."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

# The trap of the domain → words that the name of its test must hold.
TRAPS = {
    "recursion when the preferred model is disabled": ("never_recurses",),
    "counters read then written": ("counters", "read_then_written"),
    "trial spent when the provider fails": ("no_trial_is_spent_when_the_provider_fails",),
    'limit reset by "older than 24 h"': ("limit", "not_after_24_hours"),
    "resetAt in the past": ("reset", "in_the_past"),
    "favourites lost when a partial update omits them": ("favourites",),
    "zero markup taken for not set": ("zero_markup",),
    "null and absent confused in PATCH": ("null", "absent"),
    "overrides joined without tenant": ("override", "tenant"),
    "price keys that differ between writer and reader": ("prices_written_are_the_prices_read",),
    "two open overrides for one model": ("two_open_overrides",),
    "bulk update that writes a field nobody reads": ("bulk",),
    "config saved where no row exists yet": ("config", "no_row"),
    "persona, schedule or team changed by id alone": ("persona", "changed_by_id_alone"),
    "shared pool never checked": ("shared_pool",),
    "month arithmetic past the 28th": ("month_arithmetic", "28th"),
    "average price printed per 1K": ("per_million", "never_per_thousand"),
    "cron without time zone": ("cron", "without_time_zone"),
    "5-field cron handed to EventBridge": ("cron", "eventbridge"),
    "one rule per schedule": ("one_rule_per_schedule",),
    "failed run that stays due forever": ("failed_run", "due_forever"),
}

# Traps of parts that are not built yet.
LATER = {
    "growth always shown with a plus": "analytics",
}


@pytest.fixture(scope="module")
def trap_tests() -> list[str]:
    """Names of all tests that say they are about a trap."""
    return [
        name
        for path in TESTS.rglob("test_*.py")
        for name in re.findall(r"def (test_\w*trap\w*)", path.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("trap", TRAPS)
def test_the_trap_has_a_test_that_names_it(trap: str, trap_tests: list[str]) -> None:
    assert [name for name in trap_tests if all(word in name for word in TRAPS[trap])], trap


def test_no_trap_is_forgotten() -> None:
    assert len(TRAPS) + len(LATER) == 22
