"""Properties of every price book, whatever admins and providers do to it."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from stoa.domain.pricing.price_book import BasePrices, Override, PriceRow, PricingConfig
from stoa.domain.pricing.rates import KINDS, NO_RATES, Rates, Tier, token_prices
from stoa.domain.pricing.timeline import Step, Timeline
from tests.unit.domain.price_books import HOUR, Book, at, opened

# The minimum charge, and the price of each kind of token in messages below, between and above the tiers' thresholds.
DIMENSIONS = ("minimum", *((tokens, kind) for tokens in (1, 7, 30) for kind in KINDS))
Dimension = str | tuple[int, str]

planned = settings(max_examples=200, deadline=None)

prices = st.integers(0, 5).map(Decimal)
markups = st.sampled_from([Decimal(text) for text in ("0", "0.2", "0.4", "0.75", "3")])
values = st.builds(
    Override, markup=st.none() | markups, input_price=st.none() | prices, output_price=st.none() | prices
)
some = st.none() | prices
tiers = st.builds(
    lambda above, input, cached: (Tier(above_input_tokens=above, input=input, cached_input=cached),),
    st.sampled_from([5, 20]),
    prices,
    some,
)
rates = st.just(NO_RATES) | st.builds(
    Rates, cached_input=some, cache_write=some, output_audio=some, tiers=st.just(()) | tiers
)
Edit = tuple[int, Callable[[Book, int], None]]


def set_config(markup: Decimal, minimum: Decimal) -> Callable[[Book, int], None]:
    def edit(book: Book, hour: int) -> None:
        book.config = PricingConfig(markup, markup, minimum / 1000)

    return edit


def set_base(now: Decimal, later: Decimal, delay: int, rates: Rates, later_rates: Rates) -> Callable[[Book, int], None]:
    def edit(book: Book, hour: int) -> None:
        prices = (BasePrices(now, now * 2, rates), BasePrices(later, later * 3, later_rates))
        steps = [Step(at(hour), prices[0]), Step(at(hour + delay), prices[1])]
        book.base = Timeline(steps)

    return edit


def set_override(override: Override, delay: int, length: int | None) -> Callable[[Book, int], None]:
    def edit(book: Book, hour: int) -> None:
        book.overrides = book.overrides.replaced(at(hour + delay), None if override == Override() else override)
        if length is not None:
            book.overrides = book.overrides.replaced(at(hour + delay + length), None)

    return edit


def change_nothing(book: Book, hour: int) -> None:
    pass


edits = st.tuples(
    st.integers(0, 30),  # hours since the edit before; 0: in the same instant
    st.one_of(
        st.builds(set_config, markups, prices),
        st.builds(set_base, prices, prices, st.integers(1, 40), rates, rates),
        st.builds(set_override, values, st.sampled_from([0, 0, 3, 30]), st.none() | st.integers(1, 60)),
        st.just(change_nothing),
    ),
)


@st.composite
def books(draw: st.DrawFn) -> Book:
    """Draws a book after some edits."""
    book = opened(grace=timedelta(hours=draw(st.sampled_from([0, 1, 24, 24, 48]))))
    hour = 0
    for pause, edit in draw(st.lists(edits, max_size=9)):
        hour += pause
        edit(book, hour)
        check_edit(book, hour)
    return book


def paid(row: PriceRow, dimension: Dimension) -> Decimal:
    """Returns the amount that a member pays under the row in one dimension."""
    if isinstance(dimension, str):
        return row.minimum_charge
    tokens, kind = dimension
    return Decimal(getattr(token_prices(row.input_price, row.output_price, row.rates, tokens), kind))


def check_edit(book: Book, hour: int) -> None:
    """Plans an edit, and holds the plan against the book as it was."""
    now = at(hour)
    before = book.price_at(now)
    planned = book.replan(now)
    wanted, holds = planned.wanted[0], book.price_at(now)
    for dimension in DIMENSIONS:
        wish, was = paid(wanted, dimension), paid(before, dimension)
        if wish <= was or not book.grace:
            assert paid(holds, dimension) == wish, "a decrease holds at once"
        else:
            assert paid(holds, dimension) == was, "an increase does not"
    for name in ("base_input_price", "base_output_price", "base_rates"):
        assert getattr(holds, name) == getattr(wanted, name)
    wishes = Timeline([Step(row.effective_from, row) for row in planned.wanted])
    for row in book.seen(now):
        if row.effective_from >= now + book.grace:
            wish = wishes.at(row.effective_from)
            assert all(paid(row, name) == paid(wish, name) for name in DIMENSIONS), "after the grace as wanted"
            assert not row.held
    assert not book.planned(now).changes_anything, "planned twice, changed once"


@planned
@given(books())
def test_rows_do_not_overlap(book: Book) -> None:
    for instant in book.edits:
        begins = [row.effective_from for row in book.seen(instant)]
        assert len(begins) == len(set(begins))


@planned
@given(books())
def test_no_increase_comes_that_was_not_announced_for_the_whole_grace_period(book: Book) -> None:
    rows = book.seen(book.edits[-1])
    for previous, row in pairwise(rows):
        for dimension in DIMENSIONS:
            if paid(row, dimension) > paid(previous, dimension):
                assert was_announced(book, row, dimension)


def was_announced(book: Book, row: PriceRow, dimension: Dimension) -> bool:
    """Returns whether everybody who looked within the grace saw at least its price come, no later than it does."""
    first = row.effective_from - book.grace
    looked = [first, *(edit for edit in book.edits if first < edit < row.effective_from)]
    return all(
        any(
            paid(seen, dimension) >= paid(row, dimension)
            for seen in book.seen(instant)
            if instant < seen.effective_from <= row.effective_from or (not book.grace and seen is row)
        )
        for instant in looked
    )


@planned
@given(books(), st.lists(st.integers(0, 400), max_size=20))
def test_no_message_is_charged_at_a_price_that_was_not_shown(book: Book, hours: list[int]) -> None:
    final = book.seen(book.edits[-1])
    for hour in hours:
        instant = min(at(hour), book.edits[-1])
        in_the_end = [row for row in final if row.effective_from <= instant][-1]
        assert in_the_end == book.price_at(instant)


@planned
@given(books(), st.integers(0, 100))
def test_a_plan_that_nobody_touches_stays_as_it_is(book: Book, hours: int) -> None:
    assert not book.planned(book.edits[-1] + hours * HOUR, "sync").changes_anything


@planned
@given(books())
def test_a_row_that_is_not_held_is_its_own_formula(book: Book) -> None:
    for kept in book.kept:
        row = kept.stored.row
        for dimension in ("input_price", "output_price"):
            override = getattr(row, f"override_{dimension}")
            base = getattr(row, f"base_{dimension}") if override is None else override
            assert row.held or getattr(row, dimension) == base * (1 + row.markup)
