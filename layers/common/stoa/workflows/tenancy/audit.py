"""The audit log as admins read it: changes with their author, before and after."""

from uuid import UUID

from stoa.core.pages import Page, page_of
from stoa.identity.caller import Caller
from stoa.store.tenancy import audit as store
from stoa.store.tenancy.audit import AuditedChange, Filter


def list_changes(caller: Caller, wanted: Filter, *, before: UUID | None, limit: int) -> Page[AuditedChange]:
    """Returns a page of the tenant's changes that match, newest first. Its cursor is the last one's id."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        found = store.page(connection, caller.tenant_id, wanted, before=before, rows=limit + 1)
    return page_of(found, limit, lambda change: (change.id,))
