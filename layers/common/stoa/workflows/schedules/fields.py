"""The fields of a schedule, checked as a whole: fields that belong together may come in parts."""

import secrets
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.core.public_addresses import webhook_problem
from stoa.domain.schedules.cadence import CRON, INTERVAL, ONCE, Rhythm
from stoa.domain.selection.offers import ChatRequest
from stoa.domain.selection.refusals import MODEL_CANNOT_CHAT, MODEL_NOT_FOUND, RATE_LIMIT_EXCEEDED, Refusal
from stoa.identity.caller import Caller
from stoa.identity.members import Member
from stoa.store.schedules.schedules import EMAIL, WEBHOOK, Schedule
from stoa.workflows.selection.dry_selection import decide
from stoa.workflows.selection.member_view import refused

_RHYTHM = {ONCE: "run_at", CRON: "cron_expression", INTERVAL: "interval_minutes"}
CADENCE_FIELDS = frozenset({"kind", "time_zone", *_RHYTHM.values()})
_ANSWERED_BY = frozenset({"model_id", "persona_id", "domain_mode", "prompt"})

DEFAULTS: Mapping[str, Any] = {
    "persona_id": None,
    "domain_mode": None,
    "cron_expression": None,
    "run_at": None,
    "interval_minutes": None,
    "time_zone": "UTC",
    "max_runs": None,
    "missed_runs": "run_once",
    "notification_email": None,
    "webhook_url": None,
}


def rhythm_given(given: Mapping[str, Any]) -> Rhythm:
    """Returns the rhythm that a client described."""
    return Rhythm(
        given["kind"],
        given.get("time_zone", DEFAULTS["time_zone"]),
        given.get("cron_expression"),
        given.get("run_at"),
        given.get("interval_minutes"),
    )


def changed(before: Schedule, given: Mapping[str, Any]) -> Schedule:
    """Returns `before` with the fields that were sent. Fields of a type or destination that was left are cleared."""
    left: dict[str, Any] = {}
    if given.get("kind", before.kind) != before.kind:
        left |= dict.fromkeys(_RHYTHM.values())
    if given.get("output_destination", before.output_destination) != before.output_destination:
        left |= {"webhook_url": None, "webhook_secret": None}
    return replace(before, **{**left, **given})


def check_delivery(schedule: Schedule, member: Member) -> None:
    """Raises InvalidFields when the output could not be delivered so."""
    destination, url = schedule.output_destination, schedule.webhook_url
    problem = None
    if destination == WEBHOOK:
        problem = "a webhook needs it" if url is None else webhook_problem(url)
    elif url is not None:
        problem = f'it belongs to the destination "webhook", not to "{destination}"'
    if problem is not None:
        raise InvalidFields([FieldProblem("webhookUrl", problem)])
    if destination == EMAIL and not (schedule.notification_email or member.principal.email):
        reason = "your account has no e-mail address; say where the output goes"
        raise InvalidFields([FieldProblem("notificationEmail", reason)])


def check_model(caller: Caller, schedule: Schedule, given: Mapping[str, Any]) -> None:
    """Raises the error with which chat would refuse the prompt now, unless nothing of it changed.

    A daily limit that is reached today is no reason: it will have been reset by the time that counts.
    """
    if _ANSWERED_BY.isdisjoint(given):
        return
    asked = ChatRequest(
        content=schedule.prompt,
        model_id=schedule.model_id,
        persona_id=schedule.persona_id,
        domain_mode=schedule.domain_mode,
    )
    decision = decide(caller.database, caller.member, asked, caller.now)
    if not isinstance(decision, Refusal) or decision.code == RATE_LIMIT_EXCEEDED:
        return
    if decision.code in (MODEL_NOT_FOUND, MODEL_CANNOT_CHAT):
        raise InvalidFields([FieldProblem("model", decision.message)])
    raise refused(decision)


def new_secret() -> str:
    """Returns a new signing secret of a webhook, as its owner is shown it once."""
    return f"whsec_{secrets.token_hex(32)}"
