"""Mail: queued with what it tells of, told once, sent through SES, tried again, given up."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from uuid import UUID

import pytest

from dev.aws_setup import MAIL_FROM, prepare_aws, sent_mail
from functions.mailer.handler import handler
from stoa.clients.aws import mail
from stoa.clients.aws.mail import Mail, MailNotSent, as_bytes
from stoa.core.ids import new_id
from stoa.core.settings import settings
from stoa.database.pool import Database, Scope
from stoa.store.operations import mail_outbox
from stoa.workflows.operations.send_mail import LEASE, WAITS, MailReport, send_mail

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


class Killed(BaseException):
    """As kill -9 would."""


def die(_: Mail) -> None:
    raise Killed


class Post:
    """Takes mail, and fails as it is told to."""

    def __init__(self, *failures: Exception) -> None:
        self.taken: list[Mail] = []
        self.failures = list(failures)

    def __call__(self, one: Mail) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append(one)


@pytest.fixture(autouse=True)
def empty(owner_database: Database) -> None:
    with owner_database.autocommit(Scope()) as connection:
        connection.run("DELETE FROM mail_outbox")


def put(database: Database, tenant: UUID, key: str = "k", *, subject: str = "Hello", now: datetime = NOW) -> bool:
    mail = {"to": "ada@demo.test", "subject": subject, "text": "A text.", "dedupe_key": key}
    with database.transaction(Scope(tenant_id=tenant)) as connection:
        return mail_outbox.put(connection, tenant_id=tenant, now=now, **mail)


def rows(owner: Database) -> list[tuple[str, int, str | None]]:
    with owner.autocommit(Scope()) as connection:
        found = connection.run("SELECT status, attempts, body FROM mail_outbox ORDER BY id")
    return [(row["status"], row["attempts"], row["body"]) for row in found]


def test_the_same_is_told_once(runtime_database: Database, tenant: UUID) -> None:
    assert put(runtime_database, tenant) is True
    assert put(runtime_database, tenant) is False


def test_what_was_sent_is_forgotten(runtime_database: Database, owner_database: Database, tenant: UUID) -> None:
    put(runtime_database, tenant, subject="One\r\nBcc: all@demo.test")
    post = Post()

    assert send_mail(runtime_database, post, lambda: NOW, 5) == MailReport(sent=1)
    assert [(one.to, one.subject, one.text) for one in post.taken] == [
        ("ada@demo.test", "One Bcc: all@demo.test", "A text.")
    ]
    assert rows(owner_database) == [("sent", 1, None)]
    assert send_mail(runtime_database, post, lambda: NOW, 5) == MailReport()


def test_what_waited_long_to_be_sent_is_not_forgotten_with_what_was(
    runtime_database: Database, owner_database: Database, tenant: UUID
) -> None:
    put(runtime_database, tenant)
    late = NOW + timedelta(days=91)  # an installation that had no sender until then
    assert send_mail(runtime_database, Post(), lambda: late, 5) == MailReport(sent=1)
    send_mail(runtime_database, Post(), lambda: late, 5)
    assert put(runtime_database, tenant, now=late) is False
    send_mail(runtime_database, Post(), lambda: late + timedelta(days=91), 5)
    assert rows(owner_database) == []


def test_it_is_tried_again_and_given_up(runtime_database: Database, owner_database: Database, tenant: UUID) -> None:
    put(runtime_database, tenant)
    post = Post(*[MailNotSent("Throttling", permanent=False)] * (len(WAITS) + 1))
    clock = [NOW]

    def run() -> MailReport:
        return send_mail(runtime_database, post, lambda: clock[0], 5)

    for wait in WAITS:
        assert run() == MailReport(postponed=1, reasons={"Throttling": 1})
        clock[0] += wait - timedelta(seconds=1)
        assert run() == MailReport()
        clock[0] += timedelta(seconds=1)

    last = run()
    assert (last, last.reasons) == (MailReport(given_up=1, reasons={"Throttling": 1}), {"Throttling": 1})
    assert rows(owner_database) == [("dead", len(WAITS) + 1, None)]


def test_what_will_never_go_is_given_up_at_once_and_holds_up_nothing(runtime_database: Database, tenant: UUID) -> None:
    put(runtime_database, tenant, "first")
    put(runtime_database, tenant, "second")
    post = Post(MailNotSent("MessageRejected", permanent=True))

    assert send_mail(runtime_database, post, lambda: NOW, 5) == MailReport(
        sent=1, given_up=1, reasons={"MessageRejected": 1}
    )


def test_a_mailer_that_died_is_followed_by_another(runtime_database: Database, tenant: UUID) -> None:
    for key in ("first", "second", "third"):
        put(runtime_database, tenant, key)

    with pytest.raises(Killed):
        send_mail(runtime_database, die, lambda: NOW, 5)
    post = Post()
    # Only the one that it had in its hands waits.
    assert send_mail(runtime_database, post, lambda: NOW + LEASE - timedelta(seconds=1), 5) == MailReport(sent=2)
    assert send_mail(runtime_database, post, lambda: NOW + LEASE, 5) == MailReport(sent=1)


def test_a_mail_that_kills_every_mailer_is_given_up(
    runtime_database: Database, owner_database: Database, tenant: UUID
) -> None:
    put(runtime_database, tenant)
    clock = [NOW]
    for _ in range(len(WAITS) + 1):
        with pytest.raises(Killed):
            send_mail(runtime_database, die, lambda: clock[0], 5)
        clock[0] += LEASE
    assert send_mail(runtime_database, die, lambda: clock[0], 5) == MailReport(given_up=1, reasons={"killed": 1})
    assert rows(owner_database) == [("dead", len(WAITS) + 2, None)]


def test_a_mail_that_trips_our_own_code_holds_up_no_other(
    runtime_database: Database, tenant: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    put(runtime_database, tenant, "first")
    put(runtime_database, tenant, "second")

    assert send_mail(runtime_database, Post(ZeroDivisionError("secret")), lambda: NOW, 5) == MailReport(
        sent=1, postponed=1, reasons={"ZeroDivisionError": 1}
    )
    (told,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert vars(told)["error"] == "ZeroDivisionError"
    assert "secret" not in caplog.text


def test_one_mail_is_claimed_however_the_query_is_planned(
    owner_database: Database, runtime_database: Database, tenant: UUID
) -> None:
    for number in range(3):
        put(runtime_database, tenant, f"key {number}")
    with owner_database.autocommit(Scope()) as connection:
        connection.run("ANALYZE mail_outbox")  # now the planner knows how small the table is
    with runtime_database.autocommit(Scope(operator=True)) as connection:
        mail_outbox.claim(connection, NOW, retry_at=NOW + LEASE)
        assert connection.run("SELECT count(*) AS claimed FROM mail_outbox WHERE attempts > 0") == [{"claimed": 1}]


def test_two_mailers_at_once_send_each_mail_once(runtime_database: Database, tenant: UUID) -> None:
    for number in range(120):
        put(runtime_database, tenant, f"key {number}")
    post = Post()
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: send_mail(runtime_database, post, lambda: NOW, 20), range(4)))

    assert sum(report.sent for report in reports) == 120
    assert len({one.mail_id for one in post.taken}) == 120


def test_a_tenant_never_sees_anothers_mail(runtime_database: Database, tenant: UUID) -> None:
    put(runtime_database, tenant)
    with runtime_database.autocommit(Scope(tenant_id=new_id())) as connection:
        assert connection.run("SELECT id FROM mail_outbox") == []


# Those after the first trip Python's own parser of addresses.
@pytest.mark.parametrize("address", ["ada@demo.test\r\nBcc: all@demo.test", "a@", "a@[", "a@[1.2.3", "<", '"'])
def test_an_address_that_no_header_can_hold_is_refused_for_good(address: str) -> None:
    with pytest.raises(MailNotSent) as raised:
        as_bytes(Mail(new_id(), address, "Hello", "A text."), MAIL_FROM)

    assert raised.value.permanent


def test_a_mail_is_what_mail_programs_read() -> None:
    mail_id = new_id()
    parsed = message_from_bytes(
        as_bytes(Mail(mail_id, "ada@demo.test", "Grüße", "Zeile eins\nλόγος"), f"Stoa <{MAIL_FROM}>"),
        policy=policy.default,
    )

    assert (parsed["Subject"], parsed["To"], parsed["From"]) == ("Grüße", "ada@demo.test", f"Stoa <{MAIL_FROM}>")
    assert parsed["Message-ID"] == f"<{mail_id}@stoa.test>"
    assert parsed.get_content().splitlines() == ["Zeile eins", "λόγος"]


@pytest.fixture
def ses(aws: str, monkeypatch: pytest.MonkeyPatch, function_environment: None) -> Iterator[str]:
    monkeypatch.setenv("STOA_MAIL_FROM", MAIL_FROM)
    settings.cache_clear()
    mail._ses.cache_clear()
    yield aws
    mail._ses.cache_clear()


def test_it_goes_out_through_ses(ses: str, runtime_database: Database, tenant: UUID) -> None:
    now = datetime.now(UTC) - timedelta(seconds=1)
    put(runtime_database, tenant, subject="Before anybody verified the sender", now=now)
    assert handler({}, None) == {"sent": 0, "postponed": 1, "given_up": 0, "reasons": {"MessageRejected": 1}}
    prepare_aws(ses)
    put(runtime_database, tenant, "another", subject="An invitation", now=now)

    assert handler({}, None) == {"sent": 1, "postponed": 0, "given_up": 0, "reasons": {}}
    (told,) = sent_mail(ses)
    assert (told["to"], told["subject"], told["text"]) == (["ada@demo.test"], "An invitation", "A text.\n")


def test_without_a_sender_it_waits(
    function_environment: None, runtime_database: Database, owner_database: Database, tenant: UUID
) -> None:
    put(runtime_database, tenant, now=datetime.now(UTC))

    assert handler({}, None) == {}
    assert rows(owner_database) == [("queued", 0, "A text.")]
