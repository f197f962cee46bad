"""Brings the database to the present schema and loads the registry: by hand, or by CloudFormation on a deployment."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stoa.core.observe import logger
from stoa.core.secrets import read_secret
from stoa.core.settings import settings
from stoa.database.dsn import Dsn, parse_secret, parse_url
from stoa.database.pool import Database, database
from stoa.workflows.operations.migrate import OlderShape, allow_login, migrate
from stoa.workflows.tenancy.registry import load_registry

_OPERATORS_WAY_OUT = (
    "Name an empty database in both secrets (MigrationSecretArn, DatabaseSecretArn), or empty this one as its owner: "
    "DROP SCHEMA public CASCADE; CREATE SCHEMA public; (all data in it is lost). Then deploy again."
)


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Migrate, and tell CloudFormation how it went when it was CloudFormation that asked."""
    if "ResponseURL" not in event:
        return _run()
    outcome: dict[str, Any] = {"Status": "SUCCESS"}
    try:
        if event["RequestType"] != "Delete":  # deleting the stack leaves the data alone
            outcome["Data"] = {"applied": ",".join(_run()["applied"])}
    except Exception as error:  # noqa: BLE001 - CloudFormation waits an hour for an answer that does not come
        logger().exception("migration failed")
        outcome = {"Status": "FAILED", "Reason": f"{type(error).__name__}: {error}"[:1000]}
    _answer_cloudformation(event, outcome)
    return outcome


def _run() -> dict[str, Any]:
    owner = Database(_owner_dsn())
    try:
        applied = migrate(owner, _migrations_folder())
        allow_login(owner, _runtime_password())
    except OlderShape as error:
        raise RuntimeError(f"{error} {_OPERATORS_WAY_OUT}") from error
    finally:
        owner.close()
    load_registry(database(), datetime.now(UTC))
    logger().info("migrated", extra={"applied": applied})
    return {"applied": applied}


def _owner_dsn() -> Dsn:
    chosen = settings()
    if chosen.migration_database_url:
        return parse_url(chosen.migration_database_url)
    if chosen.migration_secret_arn:
        return parse_secret(read_secret(chosen.migration_secret_arn))
    raise RuntimeError("Set STOA_MIGRATION_DATABASE_URL or STOA_MIGRATION_SECRET_ARN.")


def _runtime_password() -> str | None:
    chosen = settings()
    if chosen.database_url:
        return parse_url(chosen.database_url).password
    if chosen.database_secret_arn:
        return str(read_secret(chosen.database_secret_arn)["password"])
    raise RuntimeError("Set STOA_DATABASE_URL or STOA_DATABASE_SECRET_ARN.")


def _migrations_folder() -> Path:
    # Packaged beside the handler on Lambda, at the top of the project otherwise.
    beside = Path(__file__).parent / "migrations"
    return beside if beside.is_dir() else Path(__file__).parents[2] / "migrations"


def _answer_cloudformation(event: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
    import urllib.request

    body = {
        **outcome,
        "PhysicalResourceId": event.get("PhysicalResourceId", "stoa-schema"),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    request = urllib.request.Request(  # noqa: S310 - the pre-signed https address that CloudFormation gave us
        event["ResponseURL"], json.dumps(body).encode(), {"Content-Type": ""}, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310
        return
