"""The report of a statement that failed: enough to find it, and nothing that somebody wrote."""

import traceback
from uuid import UUID

import pytest

from stoa.database.pool import Database, Scope, StatementFailed

WRITTEN = "what a member wrote"


def test_a_failed_statement_quotes_no_value(runtime_database: Database, tenant: UUID) -> None:
    with pytest.raises(StatementFailed) as caught, runtime_database.autocommit(Scope(tenant_id=tenant)) as connection:
        connection.run("SELECT :written ::text ::uuid AS id", written=WRITTEN)
    assert caught.value.sqlstate == "22P02"  # PostgreSQL's message: invalid input syntax for type uuid: "what a …"
    # A function that is not asked by HTTP lets it through, and Lambda logs all of this.
    assert WRITTEN not in "".join(traceback.format_exception(caught.value))


def test_what_else_went_wrong_is_told(runtime_database: Database, tenant: UUID) -> None:
    scope = Scope(tenant_id=tenant)
    with (
        pytest.raises(StatementFailed, match=r"23514 pricing_configs_external_default_markup_check .*violates check"),
        runtime_database.autocommit(scope) as connection,
    ):
        connection.run("INSERT INTO pricing_configs (tenant_id, external_default_markup) VALUES (:id, 11)", id=tenant)
