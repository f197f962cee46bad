"""Each minute: sends the mail that waits in the outbox."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import asdict

from stoa.clients.aws import mail
from stoa.core.observe import logger
from stoa.database.pool import database
from stoa.workflows.operations.send_mail import send_mail

WORKING_SECONDS = 45  # of the function's 60


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Send what is due and report it. Where no sender is set, mail waits in the outbox and the log says so."""
    sender = mail.sender()
    if sender is None:
        logger().warning("no mail is sent: set STOA_MAIL_FROM")
        return {}
    report = send_mail(database(), lambda one: mail.send(one, sender), lambda: datetime.now(UTC), WORKING_SECONDS)
    return asdict(report)
