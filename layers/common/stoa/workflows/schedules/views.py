"""Schedules and their runs as their owner is shown them."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from stoa.core.errors import InvalidFields
from stoa.core.text import iso
from stoa.database.pool import Row
from stoa.domain.pricing.markup import money_text
from stoa.domain.schedules.cadence import Cadence, read_cadence
from stoa.domain.schedules.cron_words import instant_words
from stoa.store.operations.mail_outbox import MailStanding

_OF_MAIL = {"queued": "pending", "sent": "delivered", "dead": "failed"}
SHOWN_CHARACTERS = 2000  # of an output in a list; alone it is shown whole


def cadence_of(row: Row) -> Cadence:
    """The rhythm of a saved schedule."""
    return read_cadence(row, row["anchor"])


def described_schedule(row: Row) -> dict[str, Any]:
    """One schedule. Its webhook's secret is never shown again."""
    return {
        "id": str(row["id"]),
        "name": row["name"],
        "prompt": row["prompt"],
        "model": row["model_id"],
        "personaId": row["persona_id"],
        "domainMode": row["domain_mode"],
        "type": row["kind"],
        "cronExpression": row["cron_expression"],
        "runAt": row["run_at"] and iso(row["run_at"]),
        "intervalMinutes": row["interval_minutes"],
        "timezone": row["time_zone"],
        "description": _words(row),
        "maxRuns": row["max_runs"],
        "missedRuns": row["missed_runs"],
        "notificationEmail": row["notification_email"],
        "outputDestination": row["output_destination"],
        "webhookUrl": row["webhook_url"],
        "isActive": row["is_active"],
        "inactiveReason": row["inactive_reason"],
        "nextRun": row["next_run"] and iso(row["next_run"]),
        "lastRun": row["last_run"] and iso(row["last_run"]),
        "lastStatus": row["last_status"],
        "runCount": row["run_count"],
        "totalRuns": row["total_runs"],
        "failuresInRow": row["failures_in_row"],
        "createdAt": iso(row["created_at"]),
        "updatedAt": iso(row["updated_at"]),
    }


def _words(row: Row) -> str:
    try:
        return cadence_of(row).words()
    except InvalidFields:  # its zone was lost; the owner must still find it to set another one
        return "Never: its times cannot be reckoned any more"


def described_preview(cadence: Cadence, now: datetime) -> dict[str, Any]:
    """A rhythm in plain words, and its next times by UTC and by the zone's clocks."""
    zone = ZoneInfo(cadence.time_zone)
    return {
        "description": cadence.words(),
        "nextRuns": [
            {
                "at": iso(at),
                "local": at.astimezone(zone).isoformat(timespec="seconds"),
                "words": instant_words(at, zone),
            }
            for at in cadence.upcoming(now)
        ],
    }


def is_by_mail(row: Row) -> bool:
    """Whether the run was handed to the outbox, where its delivery stands."""
    return bool(row["delivery_status"] == "delivered" and row["delivery_attempts"] == 0)


def described_run(row: Row, mail: MailStanding | None = None) -> dict[str, Any]:
    """One run, with what the query brought of its output."""
    return {
        "id": str(row["id"]),
        "scheduleId": str(row["schedule_id"]),
        "trigger": "schedule" if row["trigger"] == "clock" else "manual",
        "status": row["status"],
        "plannedAt": iso(row["planned_at"]),
        "startedAt": row["started_at"] and iso(row["started_at"]),
        "endedAt": row["ended_at"] and iso(row["ended_at"]),
        "attempts": row["attempts"],
        "output": row["output_start"],
        "outputTruncated": (row["output_length"] or 0) > len(row["output_start"] or ""),
        "modelId": row["model_id"],
        "conversationId": row["conversation_id"] and str(row["conversation_id"]),
        "inputTokens": row["input_tokens"],
        "outputTokens": row["output_tokens"],
        "charge": None if row["charge"] is None else money_text(row["charge"]),
        "latencyMs": row["latency_ms"],
        "error": row["error_code"] and {"code": row["error_code"], "message": row["error_message"]},
        "delivery": _described_mail(mail) if is_by_mail(row) else _described_delivery(row),
    }


def _described_delivery(row: Row) -> dict[str, Any] | None:
    if row["delivery_status"] is None:
        return None
    return {
        "status": row["delivery_status"],
        "attempts": row["delivery_attempts"],
        "deliveredAt": row["delivered_at"] and iso(row["delivered_at"]),
        "error": row["delivery_error"],
        "link": None,
    }


def _described_mail(mail: MailStanding | None) -> dict[str, Any] | None:
    if mail is None:  # forgotten: workflows/send_mail.py
        return None
    is_sent = mail.status == "sent"
    error = mail.last_error and f"the mail was not taken ({mail.last_error})"
    return {
        "status": _OF_MAIL[mail.status],
        "attempts": mail.attempts,
        "deliveredAt": iso(mail.settled_at) if is_sent and mail.settled_at else None,
        "error": None if is_sent else error,
        "link": None,
    }
