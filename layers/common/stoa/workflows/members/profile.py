"""What members tell of themselves: to personas, and to the admins of their tenant."""

from collections.abc import Mapping
from typing import Any

from stoa.database.pool import Database, Row
from stoa.identity.members import Member
from stoa.store.members import users as store


def read_profile(database: Database, member: Member) -> dict[str, Any]:
    """The member's own profile."""
    with database.autocommit(member.scope) as connection:
        return _described(store.profile(connection, member.tenant_id, member.user_id))


def change_profile(database: Database, member: Member, given: Mapping[str, Any]) -> dict[str, Any]:
    """Write what `given` names: null clears, absent keeps."""
    with database.autocommit(member.scope) as connection:
        if given:
            store.change_profile(connection, member.tenant_id, member.user_id, given)
        return _described(store.profile(connection, member.tenant_id, member.user_id))


def _described(row: Row) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "email": row["email"],
        "displayName": row["display_name"],
        "language": row["language"],
        "aboutMe": row["about_me"],
    }
