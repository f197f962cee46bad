"""What a member used and was charged, by day and model."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from stoa.core.pages import Page
from stoa.database.pool import Database, Row
from stoa.domain.pricing.markup import money_text
from stoa.identity.members import Member
from stoa.store.members import member_usage as store


@dataclass(frozen=True, slots=True)
class UsageReport:
    """A page of sums by day and model, and what holds for the whole period."""

    page: Page
    period: dict[str, Any]


def read_usage(
    database: Database, member: Member, now: datetime, *, days: int, after: tuple[date, str] | None, limit: int
) -> UsageReport:
    """Messages, tokens and charges of the tenant's last `days` days, today included; the cursor is (day, model)."""
    with database.autocommit(member.scope) as connection:
        found = store.read(connection, member.tenant_id, member.user_id, now, days=days, after=after, rows=limit + 1)
    last = found.rows[limit - 1] if len(found.rows) > limit else None
    rows = [
        {"date": row["day"].isoformat(), "modelId": row["model_id"], "modelName": row["model_name"], **_sums(row)}
        for row in found.rows[:limit]
    ]
    period = {
        "from": found.totals["first_day"].isoformat(),
        "to": found.totals["last_day"].isoformat(),
        "timeZone": found.totals["time_zone"],
        "totals": _sums(found.totals),
    }
    return UsageReport(Page(rows, (last["day"], last["model_id"]) if last else None), period)


def _sums(row: Row) -> dict[str, Any]:
    return {
        "messages": row["messages"],
        "inputTokens": row["input_tokens"],
        "outputTokens": row["output_tokens"],
        "charge": money_text(row["charge"]),
    }
