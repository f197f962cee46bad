"""The caller of a use case, and the check that keeps two editors from overwriting each other."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from stoa.core.errors import Conflict
from stoa.core.language import DEFAULT_LANGUAGE
from stoa.database.pool import Database, Scope
from stoa.identity.members import Member
from stoa.store.tenancy.audit import Actor


class Caller(Struct, frozen=True):
    """The member on whose behalf a use case runs, the database it works on, and the instant of the request.

    `actor` names the member in the audit log. Whether the caller is an admin was checked before: by the door.
    """

    database: Database
    member: Member
    actor: Actor
    now: datetime
    language: str = DEFAULT_LANGUAGE  # in which the caller wants to read

    @property
    def tenant_id(self) -> UUID:
        """The caller's tenant."""
        return self.member.tenant_id

    @property
    def user_id(self) -> UUID:
        """The caller's own id."""
        return self.member.user_id

    @property
    def email(self) -> str | None:
        """The verified e-mail that invitations may be for, in lower case. None: there is none."""
        email = self.member.principal.email
        return email and email.lower()

    @property
    def own_scope(self) -> Scope:
        """Sees the caller's own rows and nothing else."""
        return self.member.scope

    @property
    def tenant_scope(self) -> Scope:
        """Sees the whole tenant: for admins, and for use cases that check membership themselves."""
        return Scope(tenant_id=self.member.tenant_id)


def check_version(present: int, read: int | None, what: str) -> None:
    """Raises Conflict when the version that the editor read is not the present one. None: the editor did not say."""
    if read is not None and read != present:
        raise Conflict(
            "STALE_EDIT",
            f"Somebody changed {what} since you read it. Read it again, then repeat your change.",
            details={"version": present},
        )
