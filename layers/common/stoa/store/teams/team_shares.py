"""Reads what a member's teams give them, out of the member's snapshot."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from stoa.domain.selection.quota import day_begins
from stoa.domain.teams.periods import period_of
from stoa.domain.teams.team_tokens import TeamShare, effective_allotment

# Of a team `g`: whether its members may use its models now.
GIVES_ACCESS = """
    g.status IN ('active', 'past_due') AND g.anchor_day IS NOT NULL
    AND (g.access_until IS NULL OR g.access_until > :now)
"""

# For the snapshot query (store/snapshots.py), of which `t` is the tenant. With what was used in the last period that
# has begun; whether that is the present one, `from_entries` knows.
SUBQUERY = f"""
    SELECT json_agg(json_build_array(
        g.id, g.name, g.models, g.total_tokens_monthly, g.shared_pool, g.anchor_day, m.allotment,
        p.starts_on, p.tokens_used, s.tokens_used
    ))
    FROM team_members m
    JOIN teams g ON g.id = m.team_id
    LEFT JOIN LATERAL (
        SELECT q.starts_on, q.tokens_used FROM team_periods q
        WHERE q.tenant_id = :tenant_id AND q.team_id = g.id AND q.starts_on <= t.local_day
        ORDER BY q.starts_on DESC
        LIMIT 1
    ) AS p ON true
    LEFT JOIN team_member_periods s
        ON s.tenant_id = :tenant_id AND s.team_id = g.id AND s.starts_on = p.starts_on AND s.user_id = m.user_id
    WHERE m.tenant_id = :tenant_id AND m.user_id = :user_id AND m.status = 'active' AND {GIVES_ACCESS}
"""  # noqa: S608 - a constant of this file


def from_entries(entries: Sequence[Sequence[Any]] | None, today: date, zone: str) -> tuple[TeamShare, ...]:
    """Returns the rows of `SUBQUERY` as values. `today` and `zone` are the tenant's."""
    return tuple(_share(entry, today, zone) for entry in entries or ())


def _share(entry: Sequence[Any], today: date, zone: str) -> TeamShare:
    team_id, name, models, pool, shared_pool, anchor_day, allotment, begun_on, pool_used, own_used = entry
    period = period_of(today, anchor_day)
    is_present = begun_on == period.starts_on.isoformat()
    return TeamShare(
        team_id=UUID(team_id),
        team_name=name,
        models=frozenset(models),
        pool=pool,
        pool_used=pool_used if is_present else 0,
        allotment=effective_allotment(allotment, shared_pool=shared_pool),
        own_used=own_used or 0 if is_present else 0,
        starts_on=period.starts_on,
        ends_on=period.ends_on,
        resets_at=day_begins(period.ends_on, zone),
    )
