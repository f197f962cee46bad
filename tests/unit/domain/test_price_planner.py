"""The planner by literal figures. The model costs 2.50 and 10.00 at the provider: 3.50 and 14.00 with 40 %."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from stoa.domain.pricing.markup import UnknownPrice
from stoa.domain.pricing.price_book import BasePrices, PricingConfig
from stoa.domain.pricing.price_planner import Plan
from stoa.domain.pricing.timeline import Step, Timeline
from tests.unit.domain.price_books import DAY, START, Book, at, opened

FIRST = (0.0, "3.5", "14")


def markup(text: str) -> PricingConfig:
    return PricingConfig(external_default_markup=Decimal(text))


def base(input_price: str, output_price: str) -> Timeline[BasePrices]:
    return Timeline.always(BasePrices(Decimal(input_price), Decimal(output_price)))


def test_the_first_price_holds_at_once() -> None:
    assert opened().figures() == [FIRST]


def test_a_decrease_holds_at_once() -> None:
    book = opened()
    book.config = markup("0.2")
    book.replan(at(5))
    assert book.figures() == [FIRST, (5, "3", "12")]


def test_an_increase_waits_for_the_grace() -> None:
    book = opened()
    book.config = markup("0.6")
    planned = book.replan(at(5))
    assert book.figures() == [FIRST, (29, "4", "16")]
    assert [row.source for row in planned.added] == ["config"]


def test_what_falls_in_one_dimension_and_rises_in_the_other_takes_two_rows() -> None:
    book = opened()
    book.override(at(5), at(5), input_price="2", output_price="20")
    assert book.figures() == [FIRST, (5, "2.8", "14"), (29, "2.8", "28")]
    assert [kept.stored.row.held for kept in book.kept] == [False, True, False]


def test_a_minimum_charge_that_rises_waits_too() -> None:
    book = opened()
    book.config = PricingConfig(minimum_charge=Decimal("0.002"))
    book.replan(at(5))
    assert book.price_at(at(6)).minimum_charge == Decimal("0.001")
    (_, later) = [kept.stored.row for kept in book.kept]
    assert (later.minimum_charge, later.effective_from) == (Decimal("0.002"), at(29))


def test_a_dearer_provider_costs_us_at_once_and_the_member_later() -> None:
    book = opened()
    book.base = base("3", "10")
    book.replan(at(5), "base")
    assert book.figures() == [FIRST, (5, "3.5", "14"), (29, "4.2", "14")]
    held = book.price_at(at(6))
    assert (held.base_input_price, held.held, held.source) == (Decimal(3), True, "base")


def test_a_cheaper_provider_is_cheaper_for_the_member_at_once() -> None:
    book = opened()
    book.base = base("2", "8")
    book.replan(at(5), "base")
    assert book.figures() == [FIRST, (5, "2.8", "11.2")]


def test_an_override_with_both_dates_leaves_two_rows() -> None:
    book = opened()
    planned = book.override(at(1), at(48), at(96), markup="0.1")
    assert book.figures() == [FIRST, (48, "2.75", "11"), (96, "3.5", "14")]
    assert [row.source for row in planned.added] == ["override", "override_end"]


def test_an_override_that_ends_within_the_grace_ends_when_the_grace_is_over() -> None:
    book = opened()
    book.override(at(1), at(1), at(3), markup="0.1")
    assert book.figures() == [FIRST, (1, "2.75", "11"), (25, "3.5", "14")]


def test_an_increase_scheduled_for_later_than_the_grace_comes_as_scheduled() -> None:
    book = opened()
    book.override(at(1), at(100), markup="1")
    assert book.figures() == [FIRST, (100, "5", "20")]


def test_an_increase_scheduled_within_the_grace_waits_for_it() -> None:
    book = opened()
    book.override(at(1), at(3), markup="1")
    assert book.figures() == [FIRST, (25, "5", "20")]


def test_an_override_of_one_dimension_leaves_the_other() -> None:
    book = opened()
    book.override(at(1), at(1), input_price="1")
    assert book.figures() == [FIRST, (1, "1.4", "14")]


def test_trap_an_override_to_zero_is_a_price() -> None:
    book = opened()
    book.override(at(1), at(1), input_price="0", markup="0")
    assert book.figures() == [FIRST, (1, "0", "10")]


@pytest.mark.parametrize(
    ("own", "first", "second"),
    [
        ("1", (25, "5", "20"), (50, "3.5", "14")),  # dear: it came after its grace and goes at once
        ("0.1", (1, "2.75", "11"), (74, "3.5", "14")),  # cheap: it came at once and goes after the grace
    ],
)
def test_removing_an_override_is_a_change_like_any_other(
    own: str, first: tuple[float, str, str], second: tuple[float, str, str]
) -> None:
    book = opened()
    book.override(at(1), at(1), markup=own)
    book.overrides = book.overrides.replaced(at(50), None)
    planned = book.replan(at(50), "override_end")
    assert book.figures() == [FIRST, first, second]
    assert [row.source for row in planned.added] == ["override_end"]


def test_an_announced_increase_stays_when_something_else_is_planned() -> None:
    book = opened()
    book.config = markup("0.6")
    book.replan(at(0))
    planned = book.override(at(10), at(200), markup="0")
    assert book.figures() == [FIRST, (24, "4", "16"), (200, "2.5", "10")]
    assert not planned.cancelled


def test_an_announced_increase_that_becomes_smaller_keeps_its_date() -> None:
    book = opened()
    book.config = markup("0.6")
    book.replan(at(0))
    book.config = markup("0.5")
    book.replan(at(10))
    assert book.figures() == [FIRST, (24, "3.75", "15")]


def test_an_announced_increase_that_becomes_larger_comes_in_two_steps() -> None:
    book = opened()
    book.config = markup("0.6")
    book.replan(at(0))
    book.config = markup("0.8")
    book.replan(at(10))
    assert book.figures() == [FIRST, (24, "4", "16"), (34, "4.5", "18")]


def test_an_announcement_in_one_dimension_is_none_in_the_other() -> None:
    book = opened()
    book.override(at(0), at(0), input_price="3")  # announces 4.20 for input from hour 24 on, and output as it is
    book.override(at(20), at(20), at(25), input_price="3", output_price="5")
    # From hour 25 on the output price should be 14 again; nobody has announced that before hour 20.
    assert book.figures() == [FIRST, (20, "3.5", "7"), (24, "4.2", "7"), (25, "3.5", "7"), (44, "3.5", "14")]


def test_an_announced_increase_can_be_withdrawn() -> None:
    book = opened()
    book.config = markup("0.6")
    book.replan(at(0))
    book.config = markup("0.4")
    planned = book.replan(at(10))
    assert book.figures() == [FIRST]
    assert len(planned.cancelled) == 1


def test_an_announced_decrease_can_be_withdrawn_too() -> None:
    book = opened()
    book.override(at(0), at(10), markup="0")
    book.overrides = book.overrides.replaced(at(5), None)
    book.replan(at(5), "override_end")
    assert book.figures() == [FIRST]


def test_a_price_that_was_lowered_by_mistake_comes_back_after_the_grace() -> None:
    book = opened()
    book.config = markup("0.04")
    book.replan(at(5))
    book.config = markup("0.4")
    book.replan(at(6))
    assert book.figures() == [FIRST, (5, "2.6", "10.4"), (30, "3.5", "14")]


def test_trap_of_two_edits_at_one_instant_the_later_one_counts() -> None:
    book = opened()
    book.config = markup("0.2")
    book.replan(at(5))
    book.config = markup("0.1")
    planned = book.replan(at(5))
    assert book.figures() == [FIRST, (5, "2.75", "11")]
    assert [row.row.input_price for row in planned.cancelled] == [3]


def test_a_markup_alone_is_told_even_where_the_price_is_zero() -> None:
    book = opened(base=base("0", "0"))
    book.config = markup("0.9")
    book.replan(at(5))
    assert book.figures() == [(0, "0", "0"), (5, "0", "0")]
    assert book.price_at(at(5)).markup == Decimal("0.9")


def test_a_provider_price_known_beforehand_is_announced_for_its_day() -> None:
    book = opened()
    book.base = Timeline(
        [Step(START, BasePrices(Decimal("2.5"), Decimal(10))), Step(at(200), BasePrices(Decimal(5), Decimal(20)))]
    )
    book.replan(at(1), "sync")
    assert book.figures() == [FIRST, (200, "7", "28")]


def test_without_a_grace_period_everything_holds_at_once() -> None:
    book = opened(grace=DAY * 0)
    book.config = markup("0.6")
    book.replan(at(5))
    assert book.figures() == [FIRST, (5, "4", "16")]


def test_trap_an_unknown_base_price_is_an_error_and_never_zero() -> None:
    book = opened()
    book.base = Timeline.always(BasePrices(None, Decimal(10)))
    with pytest.raises(UnknownPrice, match="base input price"):
        book.override(at(1), at(1), input_price="3")


def test_trap_two_overrides_at_once_cannot_be_written_down() -> None:
    book = opened()
    book.override(at(1), at(10), at(100), markup="0")
    book.override(at(2), at(50), markup="0.2")
    steps = [(step.begins, step.value and step.value.markup) for step in book.overrides.steps]
    assert steps == [(at(10), 0), (at(50), Decimal("0.2"))]
    with pytest.raises(ValueError, match="same instant"):
        Timeline([*book.overrides.steps, replace(book.overrides.steps[0])])


def test_in_full_from_is_when_nothing_is_held_back_any_more() -> None:
    falls, rises, both = opened(), opened(), opened()
    assert falls.override(at(1), at(1), markup="0").in_full_from(at(1)) == at(1)
    assert rises.override(at(1), at(1), markup="1").in_full_from(at(1)) == at(25)
    assert both.override(at(1), at(1), input_price="1", output_price="20").in_full_from(at(1)) == at(25)
    assert Book().replan(at(3)).in_full_from(at(3)) == at(3)


def test_a_plan_that_never_reaches_what_is_wanted_says_so() -> None:
    nothing = Plan(in_force=None, kept=(), cancelled=(), added=(), rows=(), wanted=())
    assert nothing.in_full_from(START) is None
