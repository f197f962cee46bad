"""The deliveries of scheduled prompts: webhooks, signed and tried again with a bound, and files."""

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from dev import ROOT
from stoa.clients.aws.mail import Mail, MailNotSent
from stoa.clients.http.webhook_out import DeliveryFailed, signature
from stoa.core.errors import Unavailable
from stoa.workflows.operations.send_mail import KEPT, send_mail
from stoa.workflows.schedules import owner
from stoa.workflows.schedules.deliver import deliver
from stoa.workflows.schedules.run import run
from stoa.workflows.schedules.views import ShownDelivery
from tests.integration.schedules.support import HOOK, HOUR, MINUTE, NOON, Office


def test_a_mail_is_delivered_when_it_was_sent_and_not_before(office: Office) -> None:
    sent, refused = office.schedule(), office.schedule(notification_email="nobody@example.test")
    office.tick(NOON)
    office.work()
    waiting = ShownDelivery("pending", 0, None, None)
    assert [office.told(each).delivery for each in (sent, refused)] == [waiting, waiting]

    def send(mail: Mail) -> None:
        if mail.to == "nobody@example.test":
            raise MailNotSent("InvalidParameterValue", permanent=True)

    send_mail(office.desk.database, send, lambda: NOON + MINUTE, 5)
    assert office.told(sent).delivery == ShownDelivery("delivered", 1, NOON + MINUTE, None)
    not_taken = "the mail was not taken (InvalidParameterValue)"
    assert office.told(refused).delivery == ShownDelivery("failed", 1, None, not_taken)
    send_mail(office.desk.database, send, lambda: NOON + KEPT + HOUR, 5)
    assert office.told(refused).delivery is None  # forgotten with the mail


def test_a_webhook_gets_the_output_signed_and_is_tried_again(office: Office) -> None:
    schedule_id = office.schedule(**HOOK)
    office.post_failures = [DeliveryFailed("HTTP 503", retryable=True), DeliveryFailed("HTTP 500", retryable=True)]
    office.tick(NOON)
    office.work()
    (row,) = office.runs()
    assert (row["status"], row["delivery_status"], row["delivery_attempts"]) == ("succeeded", "pending", 1)
    assert (row["delivery_error"], row["deliver_at"]) == ("HTTP 503", NOON + MINUTE)
    office.tick(NOON + MINUTE)
    (job,) = office.queue
    office.work()
    office.do(job)  # the same message twice is one attempt
    assert len(office.posted) == 2
    assert office.tick(NOON + 5 * MINUTE).deliveries == 0
    assert office.tick(NOON + 6 * MINUTE).deliveries == 1
    office.work()
    (row,) = office.runs()
    assert (row["delivery_status"], row["delivery_attempts"], row["delivery_error"]) == ("delivered", 3, None)
    assert row["delivered_at"] == NOON + 6 * MINUTE
    assert {one["id"] for one in office.posted} == {str(row["id"])}
    told = json.loads(office.posted[-1]["body"])
    documented = json.loads((ROOT / "docs" / "functions.md").read_text().split("```json\n")[1].split("```")[0])
    assert shape(told) == shape(documented)
    assert (told["id"], told["output"], told["schedule"]["id"]) == (str(row["id"]), "Hello there.", str(schedule_id))
    assert told["charge"] == f"{row['charge']:f}"
    assert office.mail() == []
    assert office.desk.used("gpt-4o-mini") == 1


def shape(value: Any) -> Any:
    return {name: shape(inner) for name, inner in value.items()} if isinstance(value, dict) else type(value)


def test_the_signature_verifies_by_the_lines_in_the_docs(office: Office) -> None:
    asked = {"name": "H", "prompt": "P", "model_id": "gpt-4o-mini", "kind": "cron", "cron_expression": "0 * * * *"}
    secret = owner.create_schedule(office.caller, asked | HOOK).webhook_secret
    office.tick(NOON)
    office.work()
    (sent,) = office.posted
    header = signature(sent["secret"], sent["at"], sent["body"])
    documented = (ROOT / "docs" / "functions.md").read_text()
    names: dict[str, Any] = {"hmac": hmac, "hashlib": hashlib}
    exec(documented.split("```python\n")[1].split("```")[0], names)
    is_ours = names["is_ours"]
    assert is_ours(secret, header, sent["body"], NOON.timestamp() + 299)
    assert not is_ours(secret, header, sent["body"], NOON.timestamp() + 301)
    assert not is_ours(secret, header, sent["body"] + b" ", NOON.timestamp())
    assert not is_ours("whsec_other", header, sent["body"], NOON.timestamp())


def test_a_webhook_that_will_never_take_it_is_given_up_at_once(office: Office) -> None:
    schedule_id = office.schedule(**HOOK)
    office.post_failures = [DeliveryFailed("HTTP 410", retryable=False)]
    office.tick(NOON)
    office.work()
    (row,) = office.runs()
    assert (row["status"], row["delivery_status"], row["delivery_error"]) == ("succeeded", "failed", "HTTP 410")
    assert office.one(schedule_id)["failures_in_row"] == 0


def test_a_webhook_is_given_up_after_six_attempts(office: Office) -> None:
    office.schedule(kind="once", cron_expression=None, run_at=NOON, **HOOK)
    office.post_failures = [DeliveryFailed("HTTP 503", retryable=True)] * 10
    at = NOON
    for _ in range(10):
        office.tick(at)
        office.work()
        at += timedelta(hours=13)
    (row,) = office.runs()
    assert (row["delivery_status"], row["delivery_attempts"], len(office.posted)) == ("failed", 6, 6)


def test_what_waits_for_delivery_goes_where_its_schedule_delivers_by_then(office: Office) -> None:
    to_mail, to_file = office.schedule(**HOOK), office.schedule(**HOOK)
    office.post_failures = [DeliveryFailed("HTTP 503", retryable=True)] * 2
    office.tick(NOON)
    office.work()
    for schedule_id, destination in ((to_mail, "email"), (to_file, "storage")):
        change = {"output_destination": destination}
        owner.change_schedule(office.caller, schedule_id, change)
    office.tick(NOON + MINUTE)
    office.work()
    assert {row["delivery_status"] for row in office.runs()} == {"delivered"}
    (mail,) = office.mail()
    assert (mail["recipient"], mail["body"].partition("\n")[0]) == ("ada@example.test", "Hello there.")
    assert [key.split("/")[2] for key in office.stored] == [str(to_file)]
    assert len(office.posted) == 2


def test_a_worker_that_dies_while_delivering_leaves_it_to_another(office: Office) -> None:
    office.schedule(**HOOK)
    office.tick(NOON)

    class Died(BaseException):
        """As kill -9 would."""

    office.post_failures = [Died()]  # type: ignore[list-item]
    with pytest.raises(Died):
        office.work()
    assert office.tick(NOON + MINUTE).deliveries == 0
    assert office.tick(NOON + 2 * MINUTE).deliveries == 1
    office.work()
    assert [row["delivery_status"] for row in office.runs()] == ["delivered"]
    assert len({one["id"] for one in office.posted}) == 1


def test_a_delivery_that_kills_every_worker_is_given_up(office: Office) -> None:
    office.schedule(kind="once", cron_expression=None, run_at=NOON, **HOOK)

    class Died(BaseException):
        """As kill -9 would."""

    office.post_failures = [Died()] * 6  # type: ignore[list-item]
    at = NOON
    for _ in range(6):
        office.tick(at)
        with pytest.raises(Died):
            office.work()
        at += 2 * MINUTE
    office.tick(at)
    office.work()
    (row,) = office.runs()
    assert (row["delivery_status"], row["delivery_error"]) == ("failed", "no attempt came to an end")
    assert office.tick(at + timedelta(days=1)).deliveries == 0
    assert len(office.posted) == 6


def test_a_file_is_stored_and_its_link_mailed_to_who_was_named(office: Office) -> None:
    schedule_id = office.schedule(output_destination="storage", notification_email="team@example.test")
    office.tick(NOON)
    office.work()
    (row,) = office.runs()
    key = f"schedules/{office.tenant_id}/{schedule_id}/{row['id']}.md"
    assert (row["delivery_status"], row["storage_key"]) == ("delivered", key)
    assert office.stored == {key: b"Hello there."}
    (mail,) = office.mail()
    assert mail["recipient"] == "team@example.test"
    assert f"https://files.test/{key}?for=43200&as={row['id']}.md" in mail["body"]
    assert mail["body"].endswith(
        'From the scheduled prompt "Hourly" of ada@example.test, Monday 3 May 2027 at 12:00 (UTC).'
    )


def test_whoever_else_is_mailed_an_output_is_told_whose_it_is(office: Office) -> None:
    office.schedule(notification_email="team@example.test")
    office.schedule(notification_email="Ada@example.test")
    office.tick(NOON)
    office.work()
    ends = {mail["recipient"]: mail["body"].rpartition("-- \n")[2].partition(",")[0] for mail in office.mail()}
    assert ends == {
        "team@example.test": 'From the scheduled prompt "Hourly" of ada@example.test',
        "Ada@example.test": 'From your scheduled prompt "Hourly"',
    }


def test_a_store_that_is_out_of_reach_is_tried_again(office: Office) -> None:
    office.schedule(output_destination="storage")
    office.tick(NOON)

    def broken(key: str, content: bytes, content_type: str) -> None:
        raise Unavailable("The result could not be stored.")

    (job,) = office.queue
    run(office.worker(), job.tenant_id, job.run_id)
    deliver(replace(office.worker(), store=broken), job.tenant_id, job.run_id, 0)
    assert [(row["delivery_status"], row["delivery_attempts"]) for row in office.runs()] == [("pending", 1)]
    office.queue.clear()
    office.tick(NOON + MINUTE)
    office.work()
    assert [row["delivery_status"] for row in office.runs()] == ["delivered"]
    assert office.mail() == []
