"""Changes that apply by themselves, that wait, that are told, and that a run writes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.domain.sync.change import Change, Status
from stoa.domain.sync.diff import Held, diff, new_models
from stoa.domain.sync.facts import Facts
from stoa.domain.sync.ids import candidate_ids
from stoa.domain.sync.notice import MOST_LINES, notice
from stoa.domain.sync.policy import decide, is_told, matter_of, with_rules
from stoa.domain.sync.review import OVERRULED, Entry, Filed, Review, review
from stoa.domain.sync.times import is_due
from tests.unit.domain.sync_facts import fact, held, price

NOW = datetime(2027, 1, 1, tzinfo=UTC)
TEN = Decimal(10)
ID = UUID(int=7)


def change(told: Facts, model: Held | None = None) -> Change:
    (found,) = diff([model or held()], {"m-1": told}, NOW)
    return found


def moved(*prices: str, agreement: str = "agreed", **rates: Any) -> Change:
    return change(fact(price=price(*prices, **rates), agreement=agreement))


NEW = new_models([fact()], set())[0]
NEW_UNPRICED = new_models([fact(price=None, is_listed=True)], set())[0]
LARGER = change(fact(context_window=2000))
SMALLER = change(fact(context_window=500))
RETIRED = change(fact(deprecated_on=NOW.date() + timedelta(days=90)))
FROM_ZERO = change(fact(), held(price=price("0", "2")))
RETIRED_SOME_DAY = change(fact(lifecycle="deprecated"))


@pytest.mark.parametrize(
    ("found", "matter"),
    [
        (NEW, "newModel"),
        (LARGER, "contextLarger"),
        (SMALLER, "contextSmaller"),
        (change(fact(context_window=2000, max_output_tokens=50)), "contextSmaller"),
        (RETIRED, "retirement"),
        (moved("1.1", "2"), "priceRise"),
        (moved("0.5", "2.1"), "priceRise"),
        (moved("0.5", "2"), "priceFall"),
        (change(fact(), held(price=None)), "priceRise"),
    ],
)
def test_every_change_is_a_matter_of_the_policy(found: Change, matter: str) -> None:
    assert matter_of(found) == matter


@pytest.mark.parametrize(
    ("own", "told", "outcome"),
    [
        ({"price"}, {"price": price("0.5", "1")}, "propose"),
        ({"price"}, {"context_window": 2000}, "apply"),
        ({"context_window"}, {"context_window": 2000}, "propose"),
        ({"context_window"}, {"max_output_tokens": 200}, "apply"),
        ({"max_output_tokens"}, {"context_window": 2000, "max_output_tokens": 200}, "propose"),
        ({"deprecated_at"}, {"deprecated_on": NOW.date() + timedelta(days=90)}, "propose"),
    ],
)
def test_what_an_admin_decided_otherwise_waits_whatever_the_policy(own: Any, told: Any, outcome: str) -> None:
    found = change(fact(**told), held(own=frozenset(own)))
    assert decide(found, {matter_of(found): "apply"}, TEN).outcome == outcome
    assert decide(found, {matter_of(found): "ignore"}, TEN).outcome == "ignore"


@pytest.mark.parametrize(
    ("found", "rule", "outcome", "reason"),
    [
        # By default.
        (moved("1.1", "2"), None, "apply", "Both sources agree."),
        (moved("1.11", "2"), None, "propose", "The price moves by more than 10 %."),
        (moved("1.1", "2", agreement="differs"), None, "propose", "The two sources differ."),
        (moved("1.1", "2", agreement="only_one"), None, "propose", "Only one source knows the price."),
        (moved("0.5", "1"), None, "apply", "Both sources agree."),
        (moved("0.5", "1", agreement="differs"), None, "propose", "The two sources differ."),
        (moved("1", "2", cache_write="1.25"), None, "propose", "The price moves by more than 10 %."),
        (NEW, None, "propose", "The policy wants changes of this kind reviewed."),
        (LARGER, None, "apply", "The policy applies changes of this kind."),
        (SMALLER, None, "propose", "The policy wants changes of this kind reviewed."),
        (RETIRED, None, "propose", "The policy wants changes of this kind reviewed."),
        # As the tenant decides.
        (moved("2", "2"), "agreed", "apply", "Both sources agree."),
        (moved("2", "2", agreement="differs"), "apply", "apply", "The policy applies changes of this kind."),
        (moved("1.01", "2"), "review", "propose", "The policy wants changes of this kind reviewed."),
        (moved("1.01", "2"), "ignore", "ignore", "The policy leaves changes of this kind out."),
        (moved("0.8", "2"), "within_threshold", "propose", "The price moves by more than 10 %."),
        (NEW, "agreed", "apply", "Both sources agree."),
        (RETIRED, "apply", "apply", "The policy applies changes of this kind."),
        # Whatever the policy says.
        (NEW_UNPRICED, "agreed", "propose", "No price is known."),
        (RETIRED_SOME_DAY, "apply", "propose", "No date is known."),
        (change(fact(), held(price=None)), "apply", "propose", "No price was known before."),
        (FROM_ZERO, "apply", "propose", "A price of 0 waits for an admin."),
        (moved("0", "2"), "apply", "propose", "A price of 0 waits for an admin."),
        (moved("0.09", "2"), "apply", "propose", "A price that falls by more than 90 % waits for an admin."),
        (moved("0.1", "2"), "apply", "apply", "The policy applies changes of this kind."),
        (moved("10.1", "2"), "apply", "propose", "A price that rises by more than 900 % waits for an admin."),
        (moved("10", "2"), "agreed", "apply", "Both sources agree."),
    ],
)  # fmt: skip
def test_decisions(found: Change, rule: Any, outcome: str, reason: str) -> None:
    policy = {} if rule is None else {matter_of(found): rule}
    assert decide(found, policy, TEN) == (outcome, reason)


def test_rules_are_set_kept_and_given_back() -> None:
    policy = with_rules({"newModel": "ignore"}, {"priceRise": "review"})
    assert policy == {"newModel": "ignore", "priceRise": "review"}
    assert with_rules(policy, {"newModel": None, "priceFall": None}) == {"priceRise": "review"}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (moved("1.1", "2"), False),
        (moved("1.11", "2"), True),
        (moved("0.5", "2"), True),
        (change(fact(), held(price=None)), True),
        (FROM_ZERO, True),
        (NEW, False),
        (LARGER, False),
        (SMALLER, True),
        (RETIRED, True),
    ],
)
def test_what_is_told(found: Change, told: bool) -> None:
    assert is_told(found, TEN) is told


prices = st.decimals(Decimal("0.001"), Decimal(100), places=3)


@given(
    prices, prices, st.sampled_from(["agreed", "differs", "only_one"]), st.decimals(Decimal(0), Decimal(50), places=1)
)
def test_by_default_no_price_rises_unseen(
    input_price: Decimal, output_price: Decimal, agreed: Any, most: Decimal
) -> None:
    told = fact(price=price(str(input_price), str(output_price)), agreement=agreed)
    for found in diff([held()], {"m-1": told}, NOW):
        if decide(found, {}, most).outcome == "apply":
            assert agreed == "agreed"
            assert input_price <= 1 + most / 100
            assert output_price <= 2 + 2 * most / 100


def filed(found: Change, *, status: Status = "open", digest: str | None = None) -> dict[tuple[str, str], Filed]:
    known = Filed(ID, found.kind, found.subject, digest or found.digest, status)
    return {(found.kind, found.subject): known}


def run(*found: Change, on_file: Any = None, policy: Any = None, looked_at: Any = (("price", "m-1"),)) -> Review:
    return review(found, on_file or {}, policy or {}, TEN, looked_at)


RISE = moved("2", "2")


def test_what_is_new_is_filed() -> None:
    (entry,) = run(RISE).entries
    assert (entry.change, entry.applies, entry.told, entry.replaces) == (RISE, False, True, None)


def test_what_is_on_file_is_not_filed_again() -> None:
    assert run(RISE, on_file=filed(RISE)) == Review([], [])
    assert run(RISE, on_file=filed(RISE, status="rejected")) == Review([], [])


@pytest.mark.parametrize("status", ["approved", "applied"])
def test_a_price_that_an_operator_overruled_is_proposed_and_never_applied_by_itself(status: Status) -> None:
    (entry,) = run(RISE, on_file=filed(RISE, status=status), policy={"priceRise": "apply"}).entries
    assert (entry.applies, entry.reason, entry.told, entry.replaces) == (False, OVERRULED, False, None)
    assert run(RETIRED, on_file=filed(RETIRED, status=status)).entries == [], "an admin chose another date"


def test_another_value_takes_the_open_ones_place_and_is_told() -> None:
    (entry,) = run(RISE, on_file=filed(RISE, digest="other")).entries
    assert (entry.replaces, entry.told) == (ID, True)
    (entry,) = run(RISE, on_file=filed(RISE, status="rejected", digest="other")).entries
    assert (entry.replaces, entry.told) == (None, True)


def test_what_waited_and_may_apply_now_does_so_and_is_not_told_again() -> None:
    (entry,) = run(RISE, on_file=filed(RISE), policy={"priceRise": "apply"}).entries
    assert (entry.applies, entry.replaces, entry.told) == (True, ID, False)


def test_what_nothing_asks_for_any_more_is_withdrawn_where_it_was_looked_at() -> None:
    assert run(on_file=filed(RISE)).withdrawn == [ID]
    assert run(on_file=filed(RISE), looked_at=[("context", "m-1")]).withdrawn == []
    assert run(on_file=filed(RISE, status="rejected")).withdrawn == []
    assert run(on_file=filed(NEW), looked_at=()).withdrawn == [ID]
    assert run(RISE, on_file=filed(RISE), policy={"priceRise": "ignore"}).withdrawn == [ID]


def test_a_mail_tells_each_change_in_a_line() -> None:
    def entry(found: Change, *, applies: bool = False) -> Entry:
        return Entry(found, applies, "Why.", True, None)

    unknown = change(fact(), held(price=None))
    tier = moved("1", "2", tiers=[{"above_input_tokens": 200_000, "input": "2"}])
    found = [RISE, unknown, tier, FROM_ZERO, SMALLER, RETIRED, RETIRED_SOME_DAY]
    mail = notice([entry(one, applies=one is RISE) for one in found])
    assert mail.subject == "Providers changed 7 models, 6 to review"
    for line in (
        "m-1: the provider's price has moved (applied). Why.",
        "  input: 1 → 2 USD per 1M tokens (+100.0 %)",
        "  now 1 and 2 USD per 1M tokens",
        "  input above 200,000 input tokens: 1 → 2 USD per 1M tokens (+100.0 %)",
        "  input: 0 → 1 USD per 1M tokens",
        "m-1: contextWindow 1,000 becomes contextWindow 500 (waits for review).",
        "m-1 ends on 2027-04-01 (waits for review). Suggested successor: none.",
        "m-1 is deprecated at its provider, without a date (waits for review). Suggested successor: none.",
    ):
        assert line in mail.text.splitlines()
    alone = notice([entry(RISE, applies=True)])
    assert alone.subject == "Providers changed 1 model"
    assert "Your policy has applied them" in alone.text
    assert "… and 3 more." in notice([entry(RISE)] * (MOST_LINES + 3)).text


@pytest.mark.parametrize(
    ("frequency", "passed", "due"),
    [
        ("hourly", timedelta(minutes=49), False),
        ("hourly", timedelta(minutes=55), True),
        ("daily", timedelta(hours=23), False),
        ("daily", timedelta(hours=23, minutes=50), True),
        ("weekly", timedelta(days=6), False),
        ("weekly", timedelta(days=7), True),
    ],
)
def test_when_a_tenant_is_due(frequency: str, passed: timedelta, due: bool) -> None:
    assert is_due(frequency, NOW - passed, NOW) is due
    assert is_due(frequency, None, NOW)


@pytest.mark.parametrize(
    ("name", "readable"),
    [("gpt-4o", "gpt-4o"), ("org/Model-7B", "org-Model-7B"), ("a~b", "a-b"), ("@cf/x", "@cf-x"), ("m:free", "m:free")],
)  # fmt: skip
def test_ids_are_readable_and_fit_for_an_address(name: str, readable: str) -> None:
    first, second, third = candidate_ids("acme", name)
    assert (first, second) == (readable, f"{readable}@acme")
    assert third.startswith(f"{second}.")
    assert candidate_ids("acme", "a/b")[2] != candidate_ids("acme", "a-b")[2]
