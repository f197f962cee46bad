"""Mails about scheduled prompts: outputs go to the address that the owner names, all else goes to the owner.

They are plain text. The key of a mail keeps the same from being told twice.
"""

from zoneinfo import ZoneInfo

from stoa.core.values import Private
from stoa.domain.schedules.cron_words import instant_words, place_words
from stoa.store.schedules.deliveries import Delivery, mail_key
from stoa.store.schedules.schedule_runs import StartedRun
from stoa.store.schedules.schedules import DueSchedule
from stoa.workflows.schedules.values import MOST_FAILURES_IN_ROW


class Mail(Private, frozen=True):
    """A mail without its recipient."""

    subject: str
    text: str
    dedupe_key: str


def output(run: StartedRun | Delivery, text: str) -> Mail:
    """Returns the mail that holds the output of a run in full."""
    return Mail(run.name, f"{text}\n\n-- \n{_origin(run)}", mail_key(run.id))


def stored(run: Delivery, link: str, hours: int) -> Mail:
    """Returns the mail that says where the output of a run was stored."""
    text = (
        f"The result is here, for {hours} hours at most:\n{link}\n\n"
        f"After that, the run's page gives a new link.\n\n-- \n{_origin(run)}"
    )
    return Mail(run.name, text, mail_key(run.id))


def deactivated(run: StartedRun) -> Mail:
    """Returns the mail that says that the schedule failed too often and was switched off."""
    text = (
        f'Your scheduled prompt "{run.name}" failed {MOST_FAILURES_IN_ROW} times in a row and was switched off. '
        "Its runs say why. Put it right, then resume it."
    )
    return Mail(f"Switched off: {run.name}", text, f"schedule-failing-{run.id}")


def unreadable(schedule: DueSchedule) -> Mail:
    """Returns the mail that says that the schedule was switched off because its times cannot be reckoned any more."""
    text = (
        f'The times of your scheduled prompt "{schedule.name}" cannot be reckoned any more: its time zone '
        f"({schedule.time_zone}) is no longer known. Set another one, then resume it."
    )
    key = f"schedule-unreadable-{schedule.id}-{schedule.next_run:%Y%m%d%H%M}"
    return Mail(f"Switched off: {schedule.name}", text, key)


def _origin(run: StartedRun | Delivery) -> str:
    when = instant_words(run.planned_at, ZoneInfo(run.time_zone))
    own, told = run.email, run.notification_email
    is_owners = told is None or own is None or told.lower() == own.lower()
    prompt = f'your scheduled prompt "{run.name}"' if is_owners else f'the scheduled prompt "{run.name}" of {own}'
    return f"From {prompt}, {when} ({place_words(run.time_zone)})."
