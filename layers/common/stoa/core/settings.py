"""Settings from the environment, read when first asked for and never at import."""

import os
from collections.abc import Mapping
from functools import cache

from stoa.core.values import Private


class Settings(Private, frozen=True):
    """The installation's decisions. Names of environment variables are the fields, upper-case, with `STOA_` before."""

    database_url: str | None
    database_secret_arn: str | None
    database_connections: int
    migration_database_url: str | None
    migration_secret_arn: str | None
    provider_secret_arn: str | None
    claim_tenant: str
    claim_groups: str
    client_url: str | None = None  # where the web client is: Stripe sends members back there
    stripe_api_key: str | None = None
    stripe_api_base: str | None = None
    stripe_webhook_secret: str | None = None
    stripe_secret_arn: str | None = None
    feed_url: str | None = None  # where prices are read; None: from the packages that came with the software
    second_feed_url: str | None = None
    run_queue_url: str | None = None  # SQS: runs of scheduled prompts on their way to the workers
    results_bucket: str | None = None  # S3: results of scheduled prompts that are kept as files
    patience_seconds: float = 30.0  # how long a model may be silent before another is tried
    kms_arn: str | None = None  # the KMS key for tenants' own provider keys; none: tenants bring no keys
    mail_from: str | None = None  # the address that mail comes from; none: mail waits in the outbox


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings out of an environment mapping. Pure, so that tests pass their own."""
    return Settings(
        database_url=environment.get("STOA_DATABASE_URL"),
        database_secret_arn=environment.get("STOA_DATABASE_SECRET_ARN"),
        # A Lambda instance serves one request at a time, so one connection is all it can use.
        database_connections=int(environment.get("STOA_DATABASE_CONNECTIONS", "1")),
        migration_database_url=environment.get("STOA_MIGRATION_DATABASE_URL"),
        migration_secret_arn=environment.get("STOA_MIGRATION_SECRET_ARN"),
        provider_secret_arn=environment.get("STOA_PROVIDER_SECRET_ARN"),
        claim_tenant=environment.get("STOA_CLAIM_TENANT", "custom:tenant_id"),
        claim_groups=environment.get("STOA_CLAIM_GROUPS", "cognito:groups"),
        client_url=environment.get("STOA_CLIENT_URL"),
        # Stripe's own names, as its tools and everybody's habits have them.
        stripe_api_key=environment.get("STRIPE_API_KEY"),
        stripe_api_base=environment.get("STRIPE_API_BASE"),
        stripe_webhook_secret=environment.get("STRIPE_WEBHOOK_SECRET"),
        stripe_secret_arn=environment.get("STOA_STRIPE_SECRET_ARN"),
        feed_url=environment.get("STOA_FEED_URL") or None,
        second_feed_url=environment.get("STOA_SECOND_FEED_URL") or None,
        run_queue_url=environment.get("STOA_RUN_QUEUE_URL") or None,
        results_bucket=environment.get("STOA_RESULTS_BUCKET") or None,
        patience_seconds=float(environment.get("STOA_PATIENCE_SECONDS", "30")),
        kms_arn=environment.get("STOA_KMS_ARN") or None,
        mail_from=environment.get("STOA_MAIL_FROM") or None,
    )


@cache
def settings() -> Settings:
    """This process's settings."""
    return read_settings(os.environ)
