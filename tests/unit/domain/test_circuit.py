"""Tests when a circuit opens, for how long, and which call may try it again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.domain.catalogue.model_facts import ALWAYS, OPTIONAL, ModelFacts
from stoa.domain.providers.circuit import (
    FIRST_COOL_DOWN,
    LONGEST_COOL_DOWN,
    MODEL,
    PROVIDER,
    RELAPSE,
    Circuit,
    Outcome,
    Patience,
    Seen,
    Tally,
    bucket_of,
    opening,
    opening_again,
    outcome_of,
    trouble_in,
)
from tests.unit.domain.builders import NOW, offer


def seen(seconds_ago: float, model_id: str = "m", **tally: int) -> Seen:
    return Seen(model_id, bucket_of(NOW - timedelta(seconds=seconds_ago)), Tally(**tally))


@pytest.mark.parametrize(
    ("tally", "opens"),
    [
        (Tally(), False),
        (Tally(calls=4, failed=4), False),
        (Tally(calls=5, failed=5), True),
        (Tally(calls=10, failed=5), True),
        (Tally(calls=11, failed=5), False),
        (Tally(calls=1, timed_out=1), False),
        (Tally(calls=2, timed_out=2), True),  # a provider that hangs: every call costs its member long seconds
        (Tally(calls=10, timed_out=2), True),
        (Tally(calls=11, timed_out=2), False),
        (Tally(calls=9, rate_limited=9), False),
        (Tally(calls=10, rate_limited=10), True),
        (Tally(calls=11, rate_limited=10), False),  # somebody is served: the rest wait or go elsewhere
        (Tally(calls=5, slow=5), True),
        (Tally(calls=6, failed=2, slow=2, timed_out=1), True),
        (Tally(calls=1000, failed=499), False),
    ],
)
def test_how_much_trouble_opens_a_circuit(tally: Tally, opens: bool) -> None:
    assert tally.is_too_much is opens
    assert (trouble_in(MODEL, [Seen("m", bucket_of(NOW), tally)], None, NOW) is not None) is opens


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("unavailable", Outcome.FAILED),
        ("malformed", Outcome.FAILED),
        ("timeout", Outcome.TIMED_OUT),
        ("rate_limited", Outcome.RATE_LIMITED),
        ("rejected", None),  # the message's fault
        ("auth", None),  # ours
    ],
)
def test_which_failures_count(kind: str, outcome: Outcome | None) -> None:
    assert outcome_of(kind) is outcome


def test_many_calls_in_seconds_and_few_in_minutes_both_suffice() -> None:
    busy = [seen(age, calls=100) for age in range(30, 120, 10)] + [seen(0, calls=100, failed=100)]
    assert trouble_in(MODEL, busy, None, NOW) == Tally(calls=100, failed=100)
    quiet = [seen(age, calls=1, failed=1) for age in (100, 80, 60, 40, 0)]
    assert trouble_in(MODEL, quiet, None, NOW) == Tally(calls=5, failed=5)


def test_what_one_process_meets_in_a_row_opens_however_well_others_fared() -> None:
    busy = [seen(0, calls=1000)]
    assert trouble_in(MODEL, busy, None, NOW, Tally(calls=4, failed=4)) is None
    assert trouble_in(MODEL, busy, None, NOW, Tally(calls=5, failed=5)) == Tally(calls=5, failed=5)


def test_the_first_window_is_the_bucket_that_is_being_filled() -> None:
    assert bucket_of(NOW) == NOW
    before = [seen(1, calls=100)]
    assert trouble_in(MODEL, [*before, seen(0, calls=5, failed=5)], None, NOW) == Tally(calls=5, failed=5)
    assert trouble_in(MODEL, [*before, seen(1, calls=9, failed=9)], None, NOW) is None


def test_what_lies_past_the_windows_is_over() -> None:
    assert trouble_in(MODEL, [seen(130, calls=9, failed=9)], None, NOW) is None


def test_what_failed_before_a_circuit_closed_does_not_open_it_again() -> None:
    closed = Circuit(MODEL, "m", 1, NOW, None, closed_at=NOW - timedelta(seconds=30))
    before = [seen(50, calls=9, failed=9)]
    assert trouble_in(MODEL, before, closed, NOW) is None
    assert trouble_in(MODEL, [*before, seen(5, calls=5, failed=5)], closed, NOW) == Tally(calls=5, failed=5)


def test_a_provider_is_to_blame_when_two_of_its_models_fail() -> None:
    one = [seen(0, "a", calls=9, failed=9)]
    assert trouble_in(PROVIDER, one, None, NOW) is None
    assert trouble_in(PROVIDER, [*one, seen(0, "b", calls=3)], None, NOW) is None
    assert trouble_in(PROVIDER, [*one, seen(0, "b", calls=1, failed=1)], None, NOW) == Tally(calls=10, failed=10)


def test_a_circuit_that_opens_again_cools_down_longer_and_never_longer_than_the_bound() -> None:
    circuit = opening(MODEL, "m", None, NOW)
    cool_downs = []
    for _ in range(8):
        assert circuit.open_until is not None
        cool_downs.append((circuit.open_until - circuit.opened_at).total_seconds())
        circuit = opening_again(circuit, circuit.open_until)
    assert cool_downs == [10, 20, 40, 80, 160, 300, 300, 300]


@pytest.mark.parametrize(("since_closed", "opens"), [(RELAPSE - timedelta(seconds=1), 4), (RELAPSE, 1)])
def test_one_that_relapses_goes_on_where_it_was(since_closed: timedelta, opens: int) -> None:
    closed = Circuit(MODEL, "m", 3, NOW - timedelta(hours=1), None, closed_at=NOW - since_closed)
    assert opening(MODEL, "m", closed, NOW).opens == opens


def test_one_probe_at_a_time_after_the_cool_down() -> None:
    cooled = NOW + FIRST_COOL_DOWN
    circuit = opening(MODEL, "m", None, NOW)
    assert [circuit.may_probe(at) for at in (NOW, cooled - timedelta(microseconds=1), cooled)] == [False, False, True]
    probed = Circuit(MODEL, "m", 1, NOW, cooled, probe_until=cooled + timedelta(seconds=45))
    assert not probed.may_probe(cooled + timedelta(seconds=44))
    assert probed.may_probe(cooled + timedelta(seconds=45))  # whoever probed has crashed
    assert not Circuit(MODEL, "m", 1, NOW, None).may_probe(cooled)  # closed: no need to


def test_a_circuit_concerns_its_model_or_all_of_its_providers() -> None:
    mini = offer("gpt-4o-mini", provider_id="openai")
    concerned = [
        (kind, subject)
        for kind, subject in ((MODEL, "gpt-4o-mini"), (MODEL, "openai"), (PROVIDER, "openai"), (PROVIDER, "groq"))
        if Circuit(kind, subject, 1, NOW, NOW).concerns(mini)
    ]
    assert concerned == [(MODEL, "gpt-4o-mini"), (PROVIDER, "openai")]


def test_patience_with_models_that_think_and_with_those_in_trouble() -> None:
    patience, chat, thinker = Patience(30), offer(), offer(capabilities=("reasoning",))
    waits = [patience.first_token_timeout(one, probing=probing) for one in (chat, thinker) for probing in (False, True)]
    assert waits == [30, 10, 180, 60]
    facts = [ModelFacts(thinking=OPTIONAL), ModelFacts(patience_seconds=240), ModelFacts(thinking=ALWAYS)]
    silent = [patience.first_token_timeout(offer(facts=one), probing=False) for one in facts]
    assert silent == [60, 240, 180]
    assert [patience.verdict(chat, seconds) for seconds in (10, 10.1)] == [Outcome.OK, Outcome.SLOW]
    assert patience.verdict(thinker, 50) is Outcome.OK


def test_successes_are_those_that_the_member_got_an_answer_from() -> None:
    assert [outcome for outcome in Outcome if outcome.is_success] == [Outcome.OK, Outcome.SLOW]


def test_the_reason_in_words() -> None:
    assert Tally(calls=7, failed=3, timed_out=1, slow=1).in_words() == "of 7 calls: 3 failed, 1 timed out, 1 slow"


@given(st.lists(st.sampled_from(Outcome)))
def test_a_tally_counts_each_call_once(outcomes: list[Outcome]) -> None:
    tally = Tally()
    for outcome in outcomes:
        tally = tally.counting(outcome)
    assert tally.calls == len(outcomes)
    assert tally.failed + tally.timed_out + tally.slow + tally.rate_limited == sum(
        outcome is not Outcome.OK for outcome in outcomes
    )
    assert not (tally.is_too_much and all(outcome is Outcome.OK for outcome in outcomes))


@given(st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_a_bucket_begins_within_ten_seconds_before(now: datetime) -> None:
    assert timedelta() <= now - bucket_of(now) < timedelta(seconds=10)
    assert bucket_of(bucket_of(now)) == bucket_of(now)


@given(st.integers(1, 10_000))
def test_a_cool_down_is_never_shorter_than_the_first_nor_longer_than_the_longest(opens: int) -> None:
    circuit = opening_again(Circuit(MODEL, "m", opens, NOW, NOW), NOW)
    assert circuit.open_until is not None
    assert FIRST_COOL_DOWN <= circuit.open_until - NOW <= LONGEST_COOL_DOWN
