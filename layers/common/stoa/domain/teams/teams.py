"""Rules of a team: roles and what each may do, room, and how long an invitation holds."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from stoa.core.errors import Conflict, Expired, Forbidden, LimitReached
from stoa.core.text import camel_case

OWNER, ADMIN, MEMBER = "owner", "admin", "member"
INCOMPLETE, ACTIVE, SUSPENDED, CANCELED, CLOSED = "incomplete", "active", "suspended", "canceled", "closed"
INVITED, REMOVED, DECLINED = "invited", "removed", "declined"  # of members, beside active

INVITATION_HOLDS = timedelta(days=14)
PAY_PAGE_OPEN = timedelta(hours=25)  # a day at Stripe, and an hour until we have heard of the payment
OWNED_TEAMS = 10  # that one member may have at a time

# What a team pays for. Its own people decide it until the team is switched on; then it is part of the plan.
PLAN_FIELDS = frozenset({"type", "max_members", "total_tokens_monthly", "models"})

# Invitations are mails to whomever a member names. Teams that nobody pays for send few of them, and one member not more
# by having several such teams, or one after the other.
UNPAID = frozenset({INCOMPLETE, CANCELED, CLOSED})
INVITATIONS_A_DAY = 20
INVITATIONS_TO_ONE_A_DAY = 3


class Places(Protocol):
    """The size of a team, and the pay page that may be open for it."""

    @property
    def status(self) -> str: ...
    @property
    def max_members(self) -> int: ...
    @property
    def checkout(self) -> Mapping[str, Any]: ...


class Planned(Protocol):
    """A team, as its plan sees it."""

    @property
    def status(self) -> str: ...
    @property
    def plan_terms(self) -> Mapping[str, Any]: ...
    @property
    def type(self) -> str: ...
    @property
    def max_members(self) -> int: ...
    @property
    def total_tokens_monthly(self) -> int: ...
    @property
    def models(self) -> list[str]: ...


def check_owner(role: str) -> None:
    """Raises Forbidden unless the role is the owner's."""
    if role != OWNER:
        raise Forbidden("Only the team's owner may do this.", code="TEAM_OWNER_ONLY")


def check_manager(role: str) -> None:
    """Raises Forbidden unless the role is the owner's or an admin's."""
    if role not in (OWNER, ADMIN):
        raise Forbidden("Only the team's owner and admins may do this.", code="TEAM_MANAGERS_ONLY")


def check_may_manage(role: str, other_role: str) -> None:
    """Raises Forbidden unless who has `role` may invite, remove or allot to who has `other_role`.

    The owner manages everyone, an admin members alone.
    """
    check_manager(role)
    if role == ADMIN and other_role != MEMBER:
        raise Forbidden("Admins of a team manage its members; admins are the owner's matter.", code="TEAM_OWNER_ONLY")


def check_may_remove(role: str, other_role: str, *, is_self: bool) -> None:
    """Raises Conflict for the owner, who hands over first, and Forbidden for others than oneself as above."""
    if other_role == OWNER:
        raise Conflict("OWNER_STAYS", "The owner cannot leave a team. Hand it over to another member first.")
    if not is_self:
        check_may_manage(role, other_role)


def check_owned(owned: int, *, who: str) -> None:
    """Raises Conflict for one more team than somebody may own; `who` begins the sentence that says so."""
    if owned >= OWNED_TEAMS:
        raise Conflict(
            "TOO_MANY_TEAMS", f"{who} {OWNED_TEAMS} teams, the most there may be. One of them has to be closed first."
        )


def places(team: Places, now: datetime) -> int:
    """Returns how many may be in a team. Who came in beyond what an open pay page sells would stay once it is paid."""
    terms, most = team.checkout.get("terms"), team.max_members
    if not terms or team.status not in (INCOMPLETE, CANCELED):
        return most
    is_open = now - datetime.fromisoformat(team.checkout["madeAt"]) < PAY_PAGE_OPEN
    return min(most, terms["maxMembers"]) if is_open else most


def check_room(seats_taken: int, max_members: int) -> None:
    """Raises Conflict when active members and open invitations fill the team."""
    if seats_taken >= max_members:
        raise Conflict(
            "TEAM_FULL",
            f"All {max_members} places of the team are taken, open invitations included. Somebody has to leave first.",
            details={"max_members": max_members, "members": seats_taken},
        )


def check_invitations(*, today: int, to_one_today: int, status: str, max_members: int) -> None:
    """Raises 429 when a team has sent so many invitations within a day that more of them would be a nuisance."""
    allowed = INVITATIONS_A_DAY if status in UNPAID else INVITATIONS_A_DAY + 2 * max_members
    if today >= allowed or to_one_today >= INVITATIONS_TO_ONE_A_DAY:
        raise LimitReached(
            "TOO_MANY_INVITATIONS",
            "The team has sent as many invitations as it may within a day. Send this one tomorrow.",
            retry_after=86400,
        )


def check_in_time(expires_at: datetime, now: datetime) -> None:
    """Raises 410 for an invitation whose time is over."""
    if expires_at <= now:
        raise Expired("INVITATION_EXPIRED", "This invitation has expired. Ask the team to invite you again.")


def check_plan_is_open(team: Planned, given: Mapping[str, Any]) -> None:
    """Raises Conflict when a team that is switched on would change what it pays for.

    Within what was bought with its plan (`plan_terms`) its people choose as they like.
    """
    changed = {name for name in PLAN_FIELDS & given.keys() if given[name] != getattr(team, name)}
    if team.status not in (INCOMPLETE, CANCELED):
        closed = sorted(name for name in changed if not _is_within(team.plan_terms, name, given[name]))
        if closed:
            raise Conflict(
                "PLAN_FIXED",
                "This belongs to the team's plan or is more than it has. Ask an admin of your tenant to change it.",
                details={"fields": [camel_case(name) for name in closed], "plan": team.plan_terms or None},
            )


def _is_within(terms: Mapping[str, Any], name: str, value: Any) -> bool:
    if name == "type" or not terms:
        return False
    if name == "models":
        return set(value) <= set(terms["models"])
    return bool(value <= terms[camel_case(name)])


def check_size(max_members: int, seats_taken: int) -> None:
    """Raises Conflict when a team would be smaller than the members and open invitations that it has."""
    if max_members < seats_taken:
        raise Conflict(
            "MEMBERS_EXCEED_SIZE",
            f"The team has {seats_taken} members, open invitations included. Remove some before you make it smaller.",
            details={"members": seats_taken},
        )
