"""The mail that tells a tenant's admins what its providers changed."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from stoa.domain.sync.moves import Move
from stoa.domain.sync.diff import CONTEXT, PRICE
from stoa.domain.sync.review import Entry

MOST_LINES = 50


class Notice(NamedTuple):
    """A mail's subject and text."""

    subject: str
    text: str


def notice(entries: Sequence[Entry]) -> Notice:
    """One mail for all that a run found. `entries` are those that are told, at least one."""
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
    if change.kind == PRICE:
        told = [f"{change.subject}: the provider's price has moved ({state}). {entry.reason}"]
        if not change.moves:
            told.append(f"  now {change.after['inputPrice']} and {change.after['outputPrice']} USD per 1M tokens")
        return told + [f"  {_told(move)}" for move in change.moves]
    if change.kind == CONTEXT:
        return [f"{change.subject}: {_pairs(change.before)} becomes {_pairs(change.after)} ({state})."]
    ends, successor = change.after["deprecatedAt"], change.after["successorId"]
    when = f"ends on {ends[:10]}" if ends else f"is {change.after['why']} at its provider, without a date"
    return [f"{change.subject} {when} ({state}). Suggested successor: {successor or 'none'}."]


def _told(move: Move) -> str:
    kind = move.kind.replace("_", " ")
    above = f" above {move.above_input_tokens:,} input tokens" if move.above_input_tokens else ""
    by = "" if move.percent is None else f" ({move.percent:+.1f} %)"
    return f"{kind}{above}: {move.before.normalize():f} → {move.after.normalize():f} USD per 1M tokens{by}"


def _pairs(values: Any) -> str:
    return ", ".join(f"{name} {value:,}" for name, value in (values or {}).items())
