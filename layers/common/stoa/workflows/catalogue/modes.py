"""The focus and domain modes that a member may choose from. Their prompts stay on the server."""

from stoa.identity.caller import Caller
from stoa.store.catalogue import modes as store
from stoa.store.catalogue.modes import DomainMode, FocusMode


def list_focus_modes(caller: Caller) -> list[FocusMode]:
    """Returns the system's focus modes and the tenant's own, in order."""
    with caller.database.autocommit(caller.own_scope) as connection:
        return store.focus_modes(connection, caller.tenant_id)


def list_domain_modes(caller: Caller) -> list[DomainMode]:
    """Returns the domain modes that the tenant has switched on, in order."""
    with caller.database.autocommit(caller.own_scope) as connection:
        return store.domain_modes(connection, caller.tenant_id)
