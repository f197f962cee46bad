"""What is written about scheduled prompts: outputs to whom their owner names, all else to the owner.

Plain text; the key keeps the same from being told twice.
"""

from zoneinfo import ZoneInfo

from stoa.database.pool import Row
from stoa.domain.schedules.cron_words import instant_words, place_words
from stoa.store.schedules import schedule_runs
from stoa.workflows.schedules.values import MOST_FAILURES_IN_ROW


def output(row: Row, text: str) -> dict[str, str]:
    """The output of a run, in full."""
    return {
        "subject": row["name"],
        "text": f"{text}\n\n-- \n{_origin(row)}",
        "dedupe_key": schedule_runs.mail_key(row["id"]),
    }


def stored(row: Row, link: str, hours: int) -> dict[str, str]:
    """Where the output of a run was stored."""
    return {
        "subject": row["name"],
        "text": (
            f"The result is here, for {hours} hours at most:\n{link}\n\n"
            f"After that, the run's page gives a new link.\n\n-- \n{_origin(row)}"
        ),
        "dedupe_key": schedule_runs.mail_key(row["id"]),
    }


def deactivated(row: Row) -> dict[str, str]:
    """The schedule failed too often and was switched off."""
    return {
        "subject": f"Switched off: {row['name']}",
        "text": (
            f'Your scheduled prompt "{row["name"]}" failed {MOST_FAILURES_IN_ROW} times in a row and was switched off. '
            "Its runs say why. Put it right, then resume it."
        ),
        "dedupe_key": f"schedule-failing-{row['id']}",
    }


def unreadable(row: Row) -> dict[str, str]:
    """The schedule's times cannot be reckoned any more, so it was switched off."""
    return {
        "subject": f"Switched off: {row['name']}",
        "text": (
            f'The times of your scheduled prompt "{row["name"]}" cannot be reckoned any more: its time zone '
            f"({row['time_zone']}) is no longer known. Set another one, then resume it."
        ),
        "dedupe_key": f"schedule-unreadable-{row['id']}-{row['next_run']:%Y%m%d%H%M}",
    }


def _origin(row: Row) -> str:
    when = instant_words(row["planned_at"], ZoneInfo(row["time_zone"]))
    own, told = row["email"], row["notification_email"]
    is_owners = told is None or own is None or told.lower() == own.lower()
    prompt = f'your scheduled prompt "{row["name"]}"' if is_owners else f'the scheduled prompt "{row["name"]}" of {own}'
    return f"From {prompt}, {when} ({place_words(row['time_zone'])})."
