"""The profile: what members tell of themselves, to personas and to the admins of their tenant."""

from collections.abc import Mapping
from typing import Any

from stoa.identity.caller import Caller
from stoa.store.members import users as store
from stoa.store.members.users import Profile


def read_profile(caller: Caller) -> Profile:
    """Returns the caller's own profile."""
    with caller.database.autocommit(caller.own_scope) as connection:
        return store.profile(connection, caller.tenant_id, caller.user_id)


def change_profile(caller: Caller, given: Mapping[str, Any]) -> Profile:
    """Writes what `given` names and returns the profile. Null clears, absent keeps."""
    with caller.database.autocommit(caller.own_scope) as connection:
        if given:
            store.change_profile(connection, caller.tenant_id, caller.user_id, given)
        return store.profile(connection, caller.tenant_id, caller.user_id)
