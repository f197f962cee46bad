"""A tenant's own settings: name, time zone, currency, and the two switches for times of trouble."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.core.text import camel_case
from stoa.database.pool import Connection
from stoa.identity.caller import Caller, check_version
from stoa.store.tenancy import audit
from stoa.store.tenancy import tenant_settings as store
from stoa.store.tenancy.tenant_settings import TenantSettings

# Names in a machine's zone folder that name no place. Their meaning differs between machines.
_NO_PLACES = frozenset({"localtime", "posixrules", "Factory"})


def read_settings(caller: Caller) -> TenantSettings:
    """Returns the tenant's settings."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return store.get(connection, caller.tenant_id)


def change_settings(caller: Caller, given: Mapping[str, Any], *, version: int | None) -> TenantSettings:
    """Writes the settings that `given` names. A new time zone moves the end of the day, from this moment on.

    Raises InvalidFields for a zone that is not IANA's, Conflict when `version` is not the present one.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        before = store.locked(connection, caller.tenant_id)
        check_version(before.version, version, "the settings")
        if "time_zone" in given:
            _check_zone(connection, given["time_zone"])
        store.save(connection, caller.tenant_id, given)
        store.reopen_days(connection, caller.tenant_id, caller.now)
        audit.record(
            connection,
            caller.tenant_id,
            caller.actor,
            "settings.change",
            "settings",
            before={camel_case(name): getattr(before, name) for name in given},
            after={camel_case(name): value for name, value in given.items()},
        )
        return store.get(connection, caller.tenant_id)


def _check_zone(connection: Connection, name: str) -> None:
    # Both must know it: Python says when a limit resets, PostgreSQL which day a message counts on.
    if name not in available_timezones() - _NO_PLACES or not store.knows_zone(connection, name):
        reason = f"{name!r} is no IANA time zone; send one such as Europe/Berlin"
        raise InvalidFields([FieldProblem("timeZone", reason)])
