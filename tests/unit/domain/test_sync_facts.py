"""The facts of all sources together, reading by reading."""

from datetime import date
from decimal import Decimal

import pytest
from msgspec.structs import replace

from stoa.domain.sync.facts import Facts, Key, Reading, merged
from stoa.domain.sync.feed import FeedModel, FeedResult, ListedModel, Listing
from tests.unit.domain.feed_models import feed_model
from tests.unit.domain.sync_facts import fact, price


def feed(*models: FeedModel, complete: bool = True) -> FeedResult:
    return FeedResult("test", models, (), complete)


def listing(*names: str, complete: bool = True, context: int | None = None) -> Listing:
    return Listing("acme", tuple(ListedModel("acme", name, context) for name in names), (), complete)


NOTHING = feed(complete=False)


def one(*readings: Reading) -> Facts:
    """Returns the only model's facts after these readings."""
    facts: dict[tuple[str, str], Facts] = {}
    for reading in readings:
        facts = merged(facts, reading)
    (found,) = facts.values()
    return found


@pytest.mark.parametrize(
    ("second", "agreed"),
    [
        (feed(feed_model()), "agreed"),
        (feed(feed_model(prices=("1.005", "2"))), "agreed"),
        (feed(feed_model(prices=("1.1", "2"))), "differs"),
        (feed(), "only_one"),
        (NOTHING, "only_one"),
    ],
)
def test_the_second_source_confirms(second: FeedResult, agreed: str) -> None:
    assert one(Reading(feed(feed_model()), second)).agreement == agreed


def test_what_only_the_second_source_knows_is_known_and_confirmed_by_nobody() -> None:
    found = one(Reading(feed(), feed(feed_model())))
    assert (found.price, found.agreement) == (price("1", "2"), "only_one")


def test_a_source_that_cannot_be_read_takes_nothing_back() -> None:
    known = Reading(feed(feed_model()), feed(feed_model()))
    assert one(known, Reading(NOTHING, NOTHING)) == one(known)
    assert one(known, Reading(feed(feed_model()), NOTHING)) == one(known)
    assert one(known, Reading(NOTHING, feed(feed_model(prices=("9", "9"))))) == one(known)


def test_a_price_that_moves_while_the_second_source_cannot_be_read_is_confirmed_by_nobody() -> None:
    moved = Reading(feed(feed_model(prices=("3", "4"))), NOTHING)
    found = one(Reading(feed(feed_model()), feed(feed_model())), moved)
    assert (found.price, found.agreement) == (price("3", "4"), "only_one")


def test_what_an_entry_leaves_out_stays_as_it_was() -> None:
    full = feed_model(max_output_tokens=50, deprecated_on=date(2030, 1, 1), lifecycle="deprecated")
    bare = feed_model(prices=(None, None), context_window=None)
    found = one(Reading(feed(full), feed()), Reading(feed(bare), feed()))
    assert (found.price, found.context_window, found.max_output_tokens) == (price("1", "2"), 128_000, 50)
    assert (found.deprecated_on, found.lifecycle) == (date(2030, 1, 1), "active")


def test_a_model_that_a_feed_leaves_out_is_kept() -> None:
    before = merged({}, Reading(feed(feed_model()), feed()))
    assert merged(before, Reading(feed(feed_model("m-2")), feed())).keys() == {("acme", "m-1"), ("acme", "m-2")}


def test_a_list_tells_what_is_there_and_what_is_gone() -> None:
    known = Reading(feed(feed_model("m-1"), feed_model("m-2")), feed())
    facts = merged({}, known)
    assert {found.is_listed for found in facts.values()} == {None}
    facts = merged(facts, known._replace(listings=(listing("m-1"),)))
    assert [found.is_listed for found in facts.values()] == [True, None], "never listed is not gone"
    facts = merged(facts, known._replace(listings=(listing("m-2", complete=False),)))
    assert [found.is_listed for found in facts.values()] == [True, True], "nothing is gone by half a list"
    facts = merged(facts, known._replace(listings=(listing("m-2"),)))
    assert [found.is_listed for found in facts.values()] == [False, True]
    facts = merged(facts, known._replace(listings=(listing("m-1", "m-2"),)))
    assert [found.is_listed for found in facts.values()] == [True, True]


def test_a_list_names_models_as_the_feed_knows_them() -> None:
    dated = feed_model("m-1", stems=frozenset({"m-1"}))
    facts = merged({}, Reading(feed(dated), feed(), (listing("m-1-2024-08-06"),)))
    assert [(found.key, found.is_listed) for found in facts.values()] == [(("acme", "m-1"), True)]


def test_a_name_of_ours_has_an_end_of_its_own() -> None:
    model = feed_model("m-1", stems=frozenset({"m-1"}))
    plain = ListedModel("acme", "m-1", None, None, tells_end=True)
    dated = ListedModel("acme", "m-1-2024-08-06", None, date(2030, 1, 1), tells_end=True)

    def facts(*readings: tuple[ListedModel, ...]) -> dict[str, tuple[bool | None, date | None]]:
        known: dict[Key, Facts] = {}
        for listed in readings:
            reading = Reading(feed(model), feed(), (Listing("acme", listed, (), True),))
            known = merged(known, reading, {("acme", "m-1-2024-08-06")})
        return {fact.provider_model: (fact.is_listed, fact.deprecated_on) for fact in known.values()}

    both = {"m-1": (True, None), "m-1-2024-08-06": (True, date(2030, 1, 1))}
    assert facts((plain, dated)) == facts((dated, plain)) == both
    assert facts((plain, dated), (plain,)) == both | {"m-1-2024-08-06": (False, date(2030, 1, 1))}
    assert facts((plain, dated), (dated,))["m-1"] == (True, None), "the model is there under one of its names"


def test_a_list_alone_makes_a_model_known_without_prices() -> None:
    found = one(Reading(feed(), feed(), (listing("m-9", context=5_000),)))
    assert (found.display_name, found.price, found.context_window, found.is_listed) == ("m-9", None, 5_000, True)


def test_a_feeds_context_stands_before_a_lists() -> None:
    reading = Reading(feed(feed_model()), feed(), (listing("m-1", context=5_000),))
    assert one(reading).context_window == 128_000
    assert one(reading) == one(reading, reading)


def test_a_list_that_says_something_else_of_a_model_that_no_feed_sizes() -> None:
    readings = [Reading(feed(), feed(), (listing("m-9", context=context),)) for context in (5_000, 6_000, None)]
    assert [one(*readings[:count]).context_window for count in (1, 2, 3)] == [5_000, 6_000, 6_000]
    unread = Reading(NOTHING, feed(), (listing("m-9", context=7_000),))
    assert one(*readings, unread).context_window == 6_000, "the feed, which cannot be read now, may have said so"


def test_an_end_that_a_list_announces_and_takes_back() -> None:
    def ending(on: date | None, *, told: bool = True) -> Reading:
        listed = ListedModel("acme", "m-1", None, on, told)
        return Reading(feed(feed_model()), feed(), (Listing("acme", (listed,), (), True),))

    day = date(2030, 1, 1)
    assert one(ending(day)).deprecated_on == day
    assert one(ending(day), ending(None, told=False)).deprecated_on == day
    assert one(ending(day), ending(None)).deprecated_on is None


def test_models_are_the_first_sources_and_what_it_has_not() -> None:
    first, second = feed_model("m-1", prices=("1", "2")), feed_model("m-1", prices=("3", "4"))
    other = replace(second, provider_model="m-2")
    assert Reading(feed(first), feed(second, other)).models() == [first, other]
    assert Reading(NOTHING, feed(second)).models() == [second]
    assert Reading(feed(first), feed(other, complete=False)).models() == [first]
    assert len(Reading(feed(first), feed(), (listing("m-1"),)).parts) == 3


def test_a_price_is_compared_by_its_value() -> None:
    assert fact(price=price("1.000000", "2")) == fact(price=price("1", "2"))
    found = fact().price
    assert found is not None
    assert found.input_price == Decimal(1)
