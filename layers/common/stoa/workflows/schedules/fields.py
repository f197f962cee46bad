"""What a member sends of a schedule, checked as a whole: fields that belong together may come in parts."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.core.public_addresses import webhook_problem
from stoa.database.pool import Database
from stoa.domain.schedules.cadence import CRON, INTERVAL, ONCE
from stoa.domain.selection.offers import ChatRequest
from stoa.domain.selection.refusals import MODEL_CANNOT_CHAT, MODEL_NOT_FOUND, RATE_LIMIT_EXCEEDED, Refusal
from stoa.identity.members import Member
from stoa.store.schedules.schedules import EMAIL, WEBHOOK
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
    "webhook_secret": None,
}


def joined(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`before` with what was sent. What belonged to a type or destination that was left goes with it."""
    left: dict[str, Any] = {}
    if given.get("kind", before.get("kind")) != before.get("kind"):
        left |= dict.fromkeys(_RHYTHM.values())
    if given.get("output_destination", before.get("output_destination")) != before.get("output_destination"):
        left |= {"webhook_url": None, "webhook_secret": None}
    return {**before, **left, **given}


def check_delivery(fields: Mapping[str, Any], member: Member) -> None:
    """Raises InvalidFields when the output could not be delivered so."""
    destination, url = fields["output_destination"], fields["webhook_url"]
    problem = None
    if destination == WEBHOOK:
        problem = "a webhook needs it" if url is None else webhook_problem(url)
    elif url is not None:
        problem = f'it belongs to the destination "webhook", not to "{destination}"'
    if problem is not None:
        raise InvalidFields([FieldProblem("webhookUrl", problem)])
    if destination == EMAIL and not (fields["notification_email"] or member.principal.email):
        reason = "your account has no e-mail address; say where the output goes"
        raise InvalidFields([FieldProblem("notificationEmail", reason)])


def check_model(
    database: Database, member: Member, fields: Mapping[str, Any], given: Mapping[str, Any], now: datetime
) -> None:
    """Raises what chat would refuse the prompt with now, unless nothing of it changed.

    A daily limit that is reached today is no reason: it will have been reset by the time that counts.
    """
    if _ANSWERED_BY.isdisjoint(given):
        return
    asked = ChatRequest(
        content=fields["prompt"],
        model_id=fields["model_id"],
        persona_id=fields["persona_id"],
        domain_mode=fields["domain_mode"],
    )
    decision = decide(database, member, asked, now)
    if not isinstance(decision, Refusal) or decision.code == RATE_LIMIT_EXCEEDED:
        return
    if decision.code in (MODEL_NOT_FOUND, MODEL_CANNOT_CHAT):
        raise InvalidFields([FieldProblem("model", decision.message)])
    raise refused(decision)


def new_secret() -> str:
    """A webhook's signing secret, as its owner is shown it once."""
    return f"whsec_{secrets.token_hex(32)}"
