"""Tokens of teams: taken with a reservation, corrected with its settlement. What is given back: store/ledger.py.

A pool's row is written by every message of its team, so these statements come last in their transaction: the row is
held for as long as the commit takes. A member's share comes before the pool, everywhere, so nobody waits in a circle.
"""

from uuid import UUID

from stoa.database.pool import Statement
from stoa.domain.selection.offers import Candidate
from stoa.domain.teams.team_tokens import TeamShare
from stoa.store.chat.ledger import Reservation, Settlement

# One message may begin as long as there is a token left; what it takes beyond is the most by which a pool is over-spent
# for each message under way. The member may have been removed since the snapshot was read.
_TAKE = """
WITH shared AS (
    INSERT INTO team_member_periods AS s (tenant_id, team_id, user_id, starts_on, tokens_used)
    SELECT :tenant_id ::uuid, m.team_id, m.user_id, :starts_on ::date, :tokens ::bigint
    FROM team_members m
    WHERE m.tenant_id = :tenant_id AND m.team_id = :team_id ::uuid AND m.user_id = :user_id ::uuid
        AND m.status = 'active' AND (:allotment ::bigint IS NULL OR :allotment > 0)
    ON CONFLICT (team_id, starts_on, user_id) DO UPDATE SET tokens_used = s.tokens_used + excluded.tokens_used
        WHERE :allotment IS NULL OR s.tokens_used < :allotment
    RETURNING s.team_id
),
pooled AS (
    INSERT INTO team_periods AS p (tenant_id, team_id, starts_on, ends_on, tokens_used)
    SELECT :tenant_id, shared.team_id, :starts_on, :ends_on ::date, :tokens
    FROM shared
    ON CONFLICT (team_id, starts_on) DO UPDATE SET tokens_used = p.tokens_used + excluded.tokens_used
        WHERE p.tokens_used < :pool ::bigint
    RETURNING p.team_id
)
SELECT CASE
    WHEN NOT EXISTS (SELECT FROM shared) THEN refuse('team_allotment')
    WHEN NOT EXISTS (SELECT FROM pooled) THEN refuse('team_pool')
END
"""

_CORRECT = """
WITH shared AS (
    UPDATE team_member_periods s SET tokens_used = greatest(s.tokens_used + :difference ::bigint, 0)
    WHERE s.tenant_id = :tenant_id ::uuid AND s.team_id = :team_id ::uuid AND s.starts_on = :starts_on ::date
        AND s.user_id = :user_id ::uuid
    RETURNING s.team_id
)
UPDATE team_periods p SET tokens_used = greatest(p.tokens_used + :difference, 0)
FROM (SELECT DISTINCT team_id FROM shared) AS team
WHERE p.tenant_id = :tenant_id AND p.team_id = team.team_id AND p.starts_on = :starts_on
"""


def take_statements(reservation: Reservation, team: TeamShare | None) -> list[Statement]:
    """Returns what holds a reservation's tokens, in its transaction. Refuses team_allotment or team_pool."""
    if team is None:
        return []
    values = {
        "tenant_id": reservation.tenant_id,
        "user_id": reservation.user_id,
        "team_id": team.team_id,
        "starts_on": team.starts_on,
        "ends_on": team.ends_on,
        "tokens": reservation.team_tokens,
        "allotment": team.allotment,
        "pool": team.pool,
    }
    return [(_TAKE, values)]


def correct_statements(tenant_id: UUID, user_id: UUID, candidate: Candidate, settlement: Settlement) -> list[Statement]:
    """Returns what turns held tokens into taken ones, in the settlement's transaction. Tokens of a message that is
    given back become 0."""
    team = candidate.paying_team
    if team is None:
        return []
    taken = 0 if settlement.give_back else settlement.team_tokens or 0
    values = {
        "tenant_id": tenant_id,
        "user_id": user_id,
        "team_id": team.team_id,
        "starts_on": team.starts_on,
        "difference": taken - candidate.estimated_tokens,
    }
    return [(_CORRECT, values)]
