"""Does the work of EventBridge: fires the template's scheduled functions, each minute that divides by their rate."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from dev.gateway.template import Schedule
from stoa.http.answers import known_error

MINUTE = 60.0


class Ticker:
    """A thread that calls `fire(schedule, instant)` for what is due, at each full minute. A failure is logged."""

    def __init__(self, schedules: Sequence[Schedule], fire: Callable[[Schedule, datetime], None]) -> None:
        self._schedules = schedules
        self._fire = fire
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """End it; a function that is being run gets `seconds` to finish."""
        self._stop.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stop.wait(MINUTE - time.time() % MINUTE):
            now = datetime.now(UTC)
            for schedule in due(self._schedules, now):
                try:
                    self._fire(schedule, now)
                except Exception as error:  # noqa: BLE001 - as on AWS, one failed run does not end the schedule
                    known_error(error, f"schedule of {schedule.function.name}")


def due(schedules: Sequence[Schedule], now: datetime) -> list[Schedule]:
    """The schedules whose rate falls on this minute."""
    minute = int(now.timestamp() // MINUTE)
    return [schedule for schedule in schedules if schedule.every_minutes and minute % schedule.every_minutes == 0]
