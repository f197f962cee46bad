"""Finds the member behind a request: the claims that an authorizer verified, and the row that they belong to."""

import re
import threading
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.core.errors import Forbidden, Unauthenticated
from stoa.core.settings import Settings
from stoa.database.pool import Database, Scope
from stoa.identity.tokens import verified_email
from stoa.store.members import users

# How long a process may take a member's row for granted before it looks again: a block takes effect within this time.
MEMBER_CACHE_SECONDS = 60
MEMBER_CACHE_SIZE = 10_000


class Principal(Struct, frozen=True):
    """Verified claims. `subject` is the issuer's own id of the person, `groups` their roles.

    `email` is None, too, where the issuer says that it is unverified: grants, invitations and mail go by it.
    """

    subject: str
    tenant_id: UUID
    email: str | None
    groups: frozenset[str]

    @property
    def is_admin(self) -> bool:
        """True for the tenant's admins."""
        return "admin" in self.groups

    @property
    def is_operator(self) -> bool:
        """True for operators of the whole installation."""
        return "operator" in self.groups


class Member(Struct, frozen=True):
    """A principal with its row: what workflows work for."""

    user_id: UUID
    tenant_id: UUID
    principal: Principal

    @property
    def scope(self) -> Scope:
        """Sees this member's own rows and nothing else."""
        return Scope(tenant_id=self.tenant_id, user_id=self.user_id)


def principal_from_event(event: Mapping[str, Any], settings: Settings) -> Principal:
    """Returns an API Gateway event's principal, from the HTTP API's JWT authorizer or the REST API's Lambda authorizer.

    Raises Unauthenticated without an identity, Forbidden when the identity belongs to no tenant.
    """
    authorizer = (event.get("requestContext") or {}).get("authorizer") or {}
    claims = (authorizer.get("jwt") or {}).get("claims")
    if claims is not None:
        tenant, groups = claims.get(settings.claim_tenant), claims.get(settings.claim_groups)
        subject, email = claims.get("sub"), verified_email(claims)
    else:
        tenant, groups = authorizer.get("tenantId"), authorizer.get("groups")
        subject, email = authorizer.get("subject"), authorizer.get("email")
    if not subject:
        raise Unauthenticated
    return Principal(str(subject), _tenant_id(tenant), email or None, _groups(groups))


def _tenant_id(value: Any) -> UUID:
    try:
        return UUID(str(value))
    except ValueError as error:
        raise Forbidden("Your account belongs to no tenant of this installation.", code="NO_TENANT") from error


def _groups(value: Any) -> frozenset[str]:
    # HTTP APIs flatten an array claim to "[admin operator]"; our own authorizer joins with commas.
    if isinstance(value, (list, tuple)):
        return frozenset(str(group) for group in value)
    return frozenset(filter(None, re.split(r"[\s,\[\]\"]+", str(value or ""))))


class Members:
    """Finds the member's row, makes it on the first request, and remembers it for a short while."""

    def __init__(self) -> None:
        self._known: dict[tuple[UUID, str], tuple[float, Member]] = {}
        self._lock = threading.Lock()

    def get(self, database: Database, principal: Principal) -> Member:
        """Returns the member behind `principal`.

        Raises Forbidden when the tenant is unknown or the member is blocked.
        """
        key = (principal.tenant_id, principal.subject)
        cached = self._known.get(key)
        if cached is not None and cached[0] > time.monotonic():
            return cached[1]
        with database.autocommit(Scope(tenant_id=principal.tenant_id)) as connection:
            row = users.ensure(
                connection, principal.tenant_id, principal.subject, principal.email, is_admin=principal.is_admin
            )
        if row is None:
            raise Forbidden("Your account belongs to no tenant of this installation.", code="NO_TENANT")
        if row.status != "active":
            raise Forbidden("Your account is blocked. Ask your administrator.", code="ACCOUNT_BLOCKED")
        member = Member(row.id, principal.tenant_id, principal)
        with self._lock:
            if len(self._known) >= MEMBER_CACHE_SIZE:
                self._known.clear()
            self._known[key] = (time.monotonic() + MEMBER_CACHE_SECONDS, member)
        return member


members = Members()
