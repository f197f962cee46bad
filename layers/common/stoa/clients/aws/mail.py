"""Mail out, through Amazon SES."""

from email.errors import HeaderParseError
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from typing import Any
from uuid import UUID

from stoa.core.settings import settings
from stoa.core.values import Private

# What no later attempt will change. MessageRejected is not of it: SES says so, too, of a sender not verified yet.
# https://docs.aws.amazon.com/ses/latest/APIReference/CommonErrors.html
_PERMANENT = frozenset({"InvalidParameterValue", "ValidationError"})
_TIMEOUT_SECONDS = 5


class MailNotSent(Exception):
    """A mail was not taken. `permanent`: it never will be. The reason is a code, never an address or a text."""

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent


class Mail(Private, frozen=True):
    """A plain text mail. `mail_id` becomes its Message-ID, so that a mail sent twice is shown once."""

    mail_id: UUID
    to: str
    subject: str
    text: str


def send(mail: Mail, sender: str) -> None:
    """Hand a mail to SES. Raises MailNotSent."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        _ses().send_raw_email(Source=sender, Destinations=[mail.to], RawMessage={"Data": as_bytes(mail, sender)})
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "unknown"))
        raise MailNotSent(code, permanent=code in _PERMANENT) from None
    except BotoCoreError as error:
        raise MailNotSent(type(error).__name__, permanent=False) from None


def as_bytes(mail: Mail, sender: str) -> bytes:
    """Returns the mail as MIME (RFC 5322). Raises MailNotSent when an address cannot stand in a header."""
    message = EmailMessage(policy=SMTP)
    try:
        message["From"] = sender
        message["To"] = mail.to
        message["Subject"] = mail.subject
        message["Message-ID"] = f"<{mail.mail_id}@{sender.rpartition('@')[2].rstrip('>')}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: keeps holiday notices from answering
        message.set_content(mail.text)
        return message.as_bytes()
    except (ValueError, HeaderParseError, LookupError, AttributeError):  # the last two: its parser trips over "a@["
        raise MailNotSent("address", permanent=True) from None


@cache
def _ses() -> Any:
    import boto3  # 270 ms: only where mail is really sent
    from botocore.config import Config

    retries: Any = {"total_max_attempts": 1}  # the outbox tries again
    timeouts: Any = {"connect_timeout": _TIMEOUT_SECONDS, "read_timeout": _TIMEOUT_SECONDS}
    return boto3.client("ses", config=Config(retries=retries, **timeouts))


def sender() -> str | None:
    """Returns the address that mail comes from (`STOA_MAIL_FROM`), or None where this installation sends none."""
    return settings().mail_from
