"""Use cases of tenancy: tenants, their settings and the audit log."""
