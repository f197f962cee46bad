"""A member's own part of a selection: counters, trials, entitlements and preferences, beside the tenant's offers."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from stoa.database.pool import Statement
from stoa.domain.catalogue.access import SOURCE_TEAM
from stoa.domain.catalogue.names import resolved
from stoa.domain.providers.circuit import Circuit
from stoa.domain.selection.offers import Aliases, Offer, Preferences
from stoa.domain.teams.team_tokens import TeamShare, paying_team
from stoa.store.catalogue.catalogue import Catalogue
from stoa.store.providers.circuits import OPEN_CIRCUITS, open_circuits
from stoa.store.teams import team_shares

_SNAPSHOT = f"""
WITH tenant AS (
    SELECT
        t.id, t.time_zone, t.force_system_default, t.currency,
        (:now ::timestamptz AT TIME ZONE t.time_zone)::date AS local_day
    FROM tenants t
    WHERE t.id = :tenant_id ::uuid
)
SELECT
    t.time_zone,
    t.force_system_default,
    t.currency,
    t.local_day,
    (
        SELECT json_object_agg(d.model_id, d.used) FROM daily_counters d
        WHERE d.tenant_id = :tenant_id AND d.user_id = :user_id ::uuid AND d.day = t.local_day
    ) AS used_today,
    (
        SELECT json_object_agg(c.model_id, json_build_array(c.used, c.extra)) FROM trial_counters c
        WHERE c.tenant_id = :tenant_id AND c.user_id = :user_id
    ) AS trials,
    (
        -- Where several hold, the one that lasts longest: json_object_agg keeps the last of a key for its reader.
        SELECT json_object_agg(e.model_id, e.source ORDER BY e.expires_at NULLS LAST) FROM entitlements e
        WHERE e.tenant_id = :tenant_id AND e.user_id = :user_id
            AND e.revoked_at IS NULL AND (e.expires_at IS NULL OR e.expires_at > :now)
            AND e.extra_trial_messages IS NULL -- those are counted in trial_counters.extra
    ) AS entitled,
    ({team_shares.SUBQUERY}) AS teams,
    EXISTS (
        SELECT FROM usage l
        WHERE l.tenant_id = :tenant_id AND l.user_id = :user_id AND l.status = 'reserved' AND l.expires_at <= :now
    ) AS has_expired_reservations,
    (
        SELECT to_json(f) FROM user_preferences f WHERE f.tenant_id = :tenant_id AND f.user_id = :user_id
    ) AS preferences,
    ({OPEN_CIRCUITS}) AS circuits
FROM tenant t
"""  # noqa: S608 - constants of ours


class MemberSnapshot(Struct, frozen=True):
    """A member's view of the catalogue at an instant, with their preferences and the tenant's switches."""

    offers: Mapping[str, Offer]
    preferences: Preferences
    time_zone: str
    local_day: date  # the tenant's calendar day, whose counters `offers` carry
    force_system_default: bool
    currency: str  # of unlock prices
    default_ids: tuple[str, ...]  # as the tenant or the installation lists them
    aliases: Aliases
    has_expired_reservations: bool
    circuits: Sequence[Circuit] = ()  # those that are not closed

    def named(self, name: str, now: datetime) -> Offer | None:
        """Returns the model that a name means: our id, another spelling or the newest of a family. None: no model."""
        return self.offers.get(resolved(name, self.offers, self.aliases, now))

    def probes(self, offer: Offer, now: datetime) -> tuple[Circuit, ...]:
        """Returns the half-open circuits that a call to this model would try, on everybody's behalf."""
        return tuple(circuit for circuit in self.circuits if circuit.concerns(offer) and circuit.may_probe(now))


class _Columns(Struct, frozen=True):
    """The snapshot query's row. `trials` has the messages used and granted in addition, by model."""

    time_zone: str
    force_system_default: bool
    currency: str
    local_day: date
    used_today: Mapping[str, int] | None
    trials: Mapping[str, Sequence[int]] | None
    entitled: Mapping[str, str] | None
    teams: Sequence[Sequence[Any]] | None
    has_expired_reservations: bool
    preferences: Mapping[str, Any] | None
    circuits: Sequence[Sequence[Any]] | None


def statement(tenant_id: UUID, user_id: UUID, now: datetime) -> Statement:
    """Returns the snapshot query, to be sent together with the catalogue's. Its one row goes to `from_row`."""
    return _SNAPSHOT, {"tenant_id": tenant_id, "user_id": user_id, "now": now}


def from_row(row: Mapping[str, Any], catalogue: Catalogue, now: datetime) -> MemberSnapshot:
    """Returns the tenant's offers with this member's counters, trials and entitlements on them."""
    own = _Columns(**row)
    offers = catalogue.offers_at(now)
    shares = team_shares.from_entries(own.teams, own.local_day, own.time_zone)
    touched = {*(own.used_today or ()), *(own.trials or ()), *(own.entitled or ())}
    touched.update(*(share.models for share in shares))
    changed = {model_id: _own_offer(offers[model_id], own, shares) for model_id in touched if model_id in offers}
    circuits = open_circuits(own.circuits)
    return MemberSnapshot(
        offers=_without_ailing({**offers, **changed} if changed else offers, circuits, now),
        preferences=preferences_from_row(own.preferences),
        time_zone=own.time_zone,
        local_day=own.local_day,
        force_system_default=own.force_system_default,
        currency=own.currency,
        default_ids=catalogue.default_ids,
        aliases=catalogue.aliases,
        has_expired_reservations=own.has_expired_reservations,
        circuits=circuits,
    )


def preferences_from_row(row: Mapping[str, Any] | None) -> Preferences:
    """Returns a `user_preferences` row as values. None: the member has no row, and the defaults hold."""
    if row is None:
        return Preferences()
    return Preferences(
        selection_mode=row["selection_mode"],
        default_model_id=row["default_model_id"],
        persona_overrides=row["persona_overrides"],
        domain_overrides=row["domain_overrides"],
        favorite_models=tuple(row["favorite_models"]),
        show_standard_models=row["show_standard_models"],
        show_novel_models=row["show_novel_models"],
        show_self_hosted_models=row["show_self_hosted_models"],
        show_cost_per_message=row["show_cost_per_message"],
        max_cost_per_message=row["max_cost_per_message"],
        prefer_cost_optimization=row["prefer_cost_optimization"],
    )


def _without_ailing(offers: Mapping[str, Offer], circuits: Sequence[Circuit], now: datetime) -> Mapping[str, Offer]:
    """Returns the offers, with those marked whose own circuit or whose provider's lets nobody through."""
    shut = [circuit for circuit in circuits if not circuit.may_probe(now)]
    if not shut:
        return offers
    ailing = [offer for offer in offers.values() if any(circuit.concerns(offer) for circuit in shut)]
    return {**offers, **{offer.model_id: replace(offer, healthy=False) for offer in ailing}}


def _own_offer(offer: Offer, own: _Columns, shares: Sequence[TeamShare]) -> Offer:
    trials_used, extra = (own.trials or {}).get(offer.model_id, (0, 0))
    source = (own.entitled or {}).get(offer.model_id)
    team = None if source is not None else paying_team(offer.model_id, shares)
    return replace(
        offer,
        used_today=(own.used_today or {}).get(offer.model_id, 0),
        trial_messages=offer.trial_messages + extra,
        trials_used=trials_used,
        entitlement_source=SOURCE_TEAM if team is not None and team.remaining > 0 else source,
        team=team,
    )
