"""Sends what is in the outbox. Runs each minute; may run twice at once, late, or be killed anywhere.

A mail is sent at least once: killed between SES taking it and our noting so, it goes out a second time, with the same
Message-ID, by which mailboxes show it once.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec import Struct, field
from msgspec.structs import asdict

from stoa.clients.aws.mail import Mail, MailNotSent
from stoa.core.observe import logger
from stoa.database.pool import Connection, Database, Scope
from stoa.store.operations import mail_outbox
from stoa.store.operations.mail_outbox import ClaimedMail

LEASE = timedelta(minutes=5)  # longer than the function may run
KEPT = timedelta(days=90)  # how long the same is not told again

# Waits after the first attempt, the second, …; after the last the mail is given up. A bit more than a day in all.
WAITS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=8),
    timedelta(hours=16),
)


class MailReport(Struct):
    """Counts of one run."""

    sent: int = 0
    postponed: int = 0
    given_up: int = 0
    reasons: dict[str, int] = field(default_factory=dict)  # why mail was not sent, and how often


def send_mail(
    database: Database, send: Callable[[Mail], None], clock: Callable[[], datetime], seconds: float
) -> MailReport:
    """Sends what is due until nothing is, or `seconds` are over. `send` raises MailNotSent.

    A mail that fails holds up no other, whatever is wrong with it. When the mailer dies, the one it had claimed comes
    again when its lease is over, as often as any other mail.
    """
    report = MailReport()
    ends = time.monotonic() + seconds
    with database.autocommit(Scope(operator=True)) as connection:
        mail_outbox.purge(connection, clock() - KEPT)
        while time.monotonic() < ends:
            now = clock()
            # One at a time: whatever ends this process ends no attempt but the one under way.
            mail = mail_outbox.claim(connection, now, retry_at=now + LEASE)
            if mail is None:
                break
            _send_one(connection, mail, send, clock, report)
    if report.given_up or report.postponed:
        logger().warning("mail was not sent", extra=asdict(report))
    return report


def _send_one(
    connection: Connection,
    mail: ClaimedMail,
    send: Callable[[Mail], None],
    clock: Callable[[], datetime],
    report: MailReport,
) -> None:
    if mail.attempts > len(WAITS) + 1:  # nobody lived to tell how the last attempt ended
        mail_outbox.settle(connection, mail.id, "dead", clock(), error="killed")
        report.given_up += 1
        report.reasons["killed"] = report.reasons.get("killed", 0) + 1
        return
    try:
        _send(send, mail)
    except MailNotSent as error:
        report.reasons[error.reason] = report.reasons.get(error.reason, 0) + 1
        if error.permanent or mail.attempts > len(WAITS):
            mail_outbox.settle(connection, mail.id, "dead", clock(), error=error.reason)
            report.given_up += 1
        else:
            mail_outbox.postpone(connection, mail.id, clock() + WAITS[mail.attempts - 1], error.reason)
            report.postponed += 1
    else:
        mail_outbox.settle(connection, mail.id, "sent", clock())
        report.sent += 1


def _send(send: Callable[[Mail], None], mail: ClaimedMail) -> None:
    try:
        send(Mail(mail.id, mail.recipient, mail.subject, mail.body))
    except MailNotSent:
        raise
    except Exception as error:  # noqa: BLE001 - a fault of ours that one mail brings to light keeps no other waiting
        kind = type(error).__name__  # its text may quote the mail
        logger().error("a mail could not even be tried", extra={"mailId": str(mail.id), "error": kind})
        raise MailNotSent(kind, permanent=False) from None
