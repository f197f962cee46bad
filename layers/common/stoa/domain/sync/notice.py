"""The mail that tells a tenant's admins which changes its providers made."""

from collections.abc import Sequence
from typing import NamedTuple

from stoa.core.text import camel_case
from stoa.domain.sync.change import Change, Ending, Side, Sizes, price_of
from stoa.domain.sync.moves import Move
from stoa.domain.sync.review import Entry

MOST_LINES = 50


class Notice(NamedTuple):
    """A mail's subject and text."""

    subject: str
    text: str


def notice(entries: Sequence[Entry]) -> Notice:
    """Returns one mail for all that a run found. `entries` are those that admins are told of, at least one."""
    waiting = sum(not entry.applies for entry in entries)
    subject = f"Providers changed {len(entries)} model{'s' if len(entries) > 1 else ''}"
    lines = [line for entry in entries[:MOST_LINES] for line in _lines(entry)]
    if len(entries) > MOST_LINES:
        lines.append(f"… and {len(entries) - MOST_LINES} more.")
    closing = (
        f"{waiting} of them wait for you: approve or reject each (GET /api/admin/registry/changes?status=open)."
        if waiting
        else "Your policy has applied them; what gets dearer waits for your grace period."
    )
    return Notice(f"{subject}, {waiting} to review" if waiting else subject, "\n".join([*lines, "", closing, ""]))


def _lines(entry: Entry) -> list[str]:
    change = entry.change
    state = "applied" if entry.applies else "waits for review"
    match change.after:
        case Sizes():
            return [f"{change.subject}: {_sizes(change.before)} becomes {_sizes(change.after)} ({state})."]
        case Ending():
            return [_end(change.subject, change.after, state)]
    told = [f"{change.subject}: the provider's price has moved ({state}). {entry.reason}"]
    return told + ([f"  {_move(move)}" for move in change.moves] or [_first_price(change)])


def _first_price(change: Change) -> str:
    price = price_of(change.after)
    assert price is not None  # a change of a price has one
    prices = [f"{one.normalize():f}" for one in (price.input_price, price.output_price)]
    return f"  now {' and '.join(prices)} USD per 1M tokens"


def _move(move: Move) -> str:
    kind = move.kind.replace("_", " ")
    above = f" above {move.above_input_tokens:,} input tokens" if move.above_input_tokens else ""
    by = "" if move.percent is None else f" ({move.percent:+.1f} %)"
    return f"{kind}{above}: {move.before.normalize():f} → {move.after.normalize():f} USD per 1M tokens{by}"


def _sizes(side: Side | None) -> str:
    given = side.given() if isinstance(side, Sizes) else {}
    return ", ".join(f"{camel_case(name)} {tokens:,}" for name, tokens in given.items())


def _end(subject: str, after: Ending, state: str) -> str:
    ends = after.deprecated_at
    when = f"ends on {ends.date()}" if ends else f"is {after.why} at its provider, without a date"
    return f"{subject} {when} ({state}). Suggested successor: {after.successor_id or 'none'}."
