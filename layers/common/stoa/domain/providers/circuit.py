"""Circuit breakers: when Stoa leaves a model or a provider alone for a while, and how it tries again.

closed → open (for a cool-down that grows) → half-open (one probe at a time) → closed, or open again. The pattern is
M. Nygard's (Release It!, 2nd edition, "Circuit Breaker"). Two windows are looked at, so that few calls in minutes and
many in seconds both suffice: the idea of the SRE Workbook's multiwindow alerts (chapter 5). Failures that one process
meets in a row open at once, however well the model did for other processes just before.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import astuple

from stoa.domain.catalogue.model_facts import ALWAYS, NEVER, OPTIONAL
from stoa.domain.selection.offers import Offer

BUCKET = timedelta(seconds=10)
WINDOWS = (BUCKET, timedelta(minutes=2))  # the first holds the bucket that is being filled, and no other

FIRST_COOL_DOWN = timedelta(seconds=10)
LONGEST_COOL_DOWN = timedelta(minutes=5)
# A circuit that opens again this soon after it closed has not recovered: its cool-down goes on growing.
RELAPSE = timedelta(minutes=5)
# Longer than most answers take; a prober that crashed holds the others up no longer than this.
PROBE_LEASE = timedelta(seconds=45)

PROVIDER = "provider"
MODEL = "model"


class Outcome(StrEnum):
    """The end of a call, as far as it says something about the provider."""

    OK = "ok"
    SLOW = "slow"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    RATE_LIMITED = "rate_limited"

    @property
    def is_success(self) -> bool:
        """True when the member got an answer."""
        return self in (Outcome.OK, Outcome.SLOW)


# A refused request (`rejected`) is the message's fault and a refused key (`auth`) is ours: neither is in here.
_OUTCOMES: Mapping[str, Outcome] = {
    "unavailable": Outcome.FAILED,
    "malformed": Outcome.FAILED,
    "timeout": Outcome.TIMED_OUT,
    "rate_limited": Outcome.RATE_LIMITED,
}

# In halves of a failed call. A time-out costs its member long seconds, so two in a row are enough. A 429 is the
# provider's word that others are served: only when every call is answered by it does it weigh as much as the calls.
_WEIGHTS: Mapping[str, int] = {"failed": 2, "timed_out": 5, "slow": 2, "rate_limited": 1}
ENOUGH_TROUBLE = 10


def outcome_of(failure_kind: str) -> Outcome | None:
    """Returns the outcome that a failure counts as. None: it says nothing about the provider."""
    return _OUTCOMES.get(failure_kind)


class Tally(Struct, frozen=True):
    """Counts of calls by outcome. `calls` includes those of the other fields."""

    calls: int = 0
    failed: int = 0
    timed_out: int = 0
    rate_limited: int = 0
    slow: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    @property
    def trouble(self) -> int:
        """The weight of all trouble, in halves of a failed call."""
        return sum(weight * int(getattr(self, name)) for name, weight in _WEIGHTS.items())

    @property
    def is_too_much(self) -> bool:
        """True for several failures' worth of trouble, and at least half a failure for each call."""
        return self.trouble >= max(ENOUGH_TROUBLE, self.calls)

    def counting(self, outcome: Outcome) -> "Tally":
        """Returns the tally with one more call."""
        one = Tally(calls=1) if outcome is Outcome.OK else Tally(**{"calls": 1, outcome.value: 1})
        return self + one

    def in_words(self) -> str:
        """Returns the trouble in words."""
        parts = [f"{getattr(self, name)} {name.replace('_', ' ')}" for name in _WEIGHTS if getattr(self, name)]
        return f"of {self.calls} calls: {', '.join(parts)}"


NO_CALLS = Tally()


class Circuit(Struct, frozen=True):
    """A circuit as the database has it."""

    kind: str  # provider | model
    subject_id: str
    opens: int
    opened_at: datetime
    open_until: datetime | None
    probe_until: datetime | None = None
    closed_at: datetime | None = None

    def may_probe(self, now: datetime) -> bool:
        """Returns whether it is half-open and no other process is trying."""
        cooled = self.open_until is not None and self.open_until <= now
        return cooled and (self.probe_until is None or self.probe_until <= now)

    def concerns(self, offer: Offer) -> bool:
        """Returns whether calls to this model go through it."""
        return self.subject_id == (offer.provider_id if self.kind == PROVIDER else offer.model_id)


class Seen(Struct, frozen=True):
    """The outcomes of one model in one bucket."""

    model_id: str
    bucket: datetime
    tally: Tally


def bucket_of(now: datetime) -> datetime:
    """Returns the beginning of the ten seconds that `now` lies in."""
    return datetime.fromtimestamp(now.timestamp() // BUCKET.total_seconds() * BUCKET.total_seconds(), UTC)


def trouble_in(
    kind: str, seen: Sequence[Seen], circuit: Circuit | None, now: datetime, in_a_row: Tally = NO_CALLS
) -> Tally | None:
    """Returns the tally that opens a closed circuit, or None. `seen` holds the calls that go through it, `in_a_row` the
    outcomes of this process since its last success.

    A provider is only to blame when two of its models fail: one alone is that model's own circuit.
    """
    if in_a_row.is_too_much:
        return in_a_row
    # The bucket in which it closed counts: nobody but the probe had been let through for longer than that.
    closed_at = circuit.closed_at if circuit is not None else None
    since = datetime.min.replace(tzinfo=UTC) if closed_at is None else bucket_of(closed_at)
    for window in WINDOWS:
        recent = [entry for entry in seen if entry.bucket >= since and entry.bucket > now - window]
        total = sum((entry.tally for entry in recent), NO_CALLS)
        in_trouble = {entry.model_id for entry in recent if entry.tally.trouble}
        if total.is_too_much and (kind == MODEL or len(in_trouble) > 1):
            return total
    return None


def opening(kind: str, subject_id: str, before: Circuit | None, now: datetime) -> Circuit:
    """Returns the circuit as it opens, after having been closed or never open."""
    relapsed = before is not None and before.closed_at is not None and now - before.closed_at < RELAPSE
    return _open(kind, subject_id, before.opens + 1 if before is not None and relapsed else 1, now)


def opening_again(circuit: Circuit, now: datetime) -> Circuit:
    """Returns the circuit after a probe has failed."""
    return _open(circuit.kind, circuit.subject_id, circuit.opens + 1, now)


def _open(kind: str, subject_id: str, opens: int, now: datetime) -> Circuit:
    cool_down = min(LONGEST_COOL_DOWN, FIRST_COOL_DOWN * 2 ** min(opens - 1, 30))
    return Circuit(kind, subject_id, opens, now, now + cool_down)


# Models that think are silent meanwhile, those that always do for minutes.
_PATIENCE = {NEVER: 1, OPTIONAL: 2, ALWAYS: 6}


class Patience(Struct, frozen=True):
    """The time that a model may be silent before it speaks, in seconds."""

    first_token: float = 30.0

    def first_token_timeout(self, offer: Offer, *, probing: bool) -> float:
        """Returns the longest time to the first token. A model that is known to be in trouble gets a third of it."""
        given = offer.facts.patience_seconds
        if given is not None:
            longest = float(given)
        else:
            longest = self.first_token * _PATIENCE[ALWAYS if offer.thinks_first else offer.facts.thinking]
        return longest / 3 if probing else longest

    def verdict(self, offer: Offer, first_token_seconds: float) -> Outcome:
        """Returns OK or SLOW for an answer. A model that thinks first may take its time."""
        slow = offer.facts.thinking == NEVER and not offer.thinks_first and first_token_seconds > self.first_token / 3
        return Outcome.SLOW if slow else Outcome.OK
