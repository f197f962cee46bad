"""Plans of teams: what an admin decides of one, its terms when an owner paid, and a team's size under them. Pure."""

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

from stoa.core.text import document_of


class PlanTerms(Struct, frozen=True):
    """A plan as it is bought: its price a month in the currency's smallest unit, and the most that a team may have."""

    name: str
    price_cents: int
    currency: str
    max_members: int
    total_tokens_monthly: int
    models: list[str]


class PlanValues(Struct, frozen=True):
    """Everything that an admin decides of a plan. `price_cents` is a month's, in the currency's smallest unit."""

    name: str
    price_cents: int
    max_members: int
    total_tokens_monthly: int
    models: list[str]
    enabled: bool


class Sized(Protocol):
    """Whatever has the size of a team."""

    @property
    def max_members(self) -> int: ...
    @property
    def total_tokens_monthly(self) -> int: ...
    @property
    def models(self) -> list[str]: ...


class TeamSize(Struct, frozen=True):
    """The size of a team: everything of it that its plan limits."""

    max_members: int
    total_tokens_monthly: int
    models: list[str]


def exceeded(terms: PlanTerms, team: Sized) -> list[str]:
    """Returns the names of the fields of which a team has more than the terms allow."""
    beyond = {
        "max_members": team.max_members > terms.max_members,
        "total_tokens_monthly": team.total_tokens_monthly > terms.total_tokens_monthly,
        "models": not set(team.models) <= set(terms.models),
    }
    return [name for name, is_too_much in beyond.items() if is_too_much]


def within(terms: PlanTerms, size: TeamSize) -> TeamSize:
    """Returns as much of a team's size as the terms allow.

    While its pay page was open its people could still change all of it.
    """
    return TeamSize(
        max_members=min(size.max_members, terms.max_members),
        total_tokens_monthly=min(size.total_tokens_monthly, terms.total_tokens_monthly),
        models=[model_id for model_id in size.models if model_id in terms.models],
    )


def terms_to_json(terms: PlanTerms | None) -> dict[str, Any]:
    """Returns terms as they are kept with a team. Nothing was bought: an empty document."""
    return {} if terms is None else dict(document_of(terms))


def terms_from_json(kept: Mapping[str, Any]) -> PlanTerms | None:
    """Returns the terms that `terms_to_json` wrote."""
    if not kept:
        return None
    return PlanTerms(
        name=kept["name"],
        price_cents=kept["priceCents"],
        currency=kept["currency"],
        max_members=kept["maxMembers"],
        total_tokens_monthly=kept["totalTokensMonthly"],
        models=kept["models"],
    )
