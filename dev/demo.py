"""The demo tenant and its people, and tenants made by asking for a token."""

import threading
from datetime import UTC, datetime
from uuid import UUID

from dev.gateway.issuer import Issuer
from stoa.database.pool import Database, Scope
from stoa.store.members import users
from stoa.workflows.tenancy.registry import create_tenant

DEMO_TENANT = "demo"
ADMIN = "admin@demo.test"
MEMBERS = ("ada@demo.test", "ben@demo.test")


class Tenants:
    """Tenants by slug, made on first use with prices for every model."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, UUID] = {}
        self._lock = threading.Lock()

    def find_or_create(self, slug: str) -> UUID:
        """Returns the tenant's id. Raises StatementFailed when the database refuses the slug."""
        with self._lock:
            if slug not in self._known:
                name = f"{slug.replace('-', ' ').capitalize()} (local)"
                self._known[slug] = create_tenant(self._database, slug, name, "UTC", datetime.now(UTC))
            return self._known[slug]


def add_people(database: Database, tenants: Tenants, issuer: Issuer) -> None:
    """Makes the demo tenant with one admin and two members. Idempotent."""
    tenant_id = tenants.find_or_create(DEMO_TENANT)
    with database.autocommit(Scope(tenant_id=tenant_id)) as connection:
        for email in (ADMIN, *MEMBERS):
            users.ensure(connection, tenant_id, issuer.subject(email, tenant_id), email, is_admin=email == ADMIN)


def default_groups(email: str, slug: str) -> list[str]:
    """Returns the groups of a token that was asked for without any."""
    return ["admin"] if (email, slug) == (ADMIN, DEMO_TENANT) else []
