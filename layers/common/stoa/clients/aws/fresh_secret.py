"""Secrets that are read again from time to time, so that a rotated key works without a deployment."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from stoa.core.observe import logger
from stoa.core.secrets import SecretError, read_secret

FRESH_SECONDS = 300.0  # a value is used for so long before it is read again
PAUSE_SECONDS = 30.0  # between two reads at least


class FreshSecret:
    """Reads JSON secrets by their ARN. Not safe to use from several threads at once: its user has a lock of its own."""

    def __init__(
        self,
        read: Callable[[str], Mapping[str, Any]] = read_secret,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._clock = clock
        self._values: dict[str, Mapping[str, Any]] = {}
        self._read_at: dict[str, float] = {}

    def __call__(self, arn: str) -> Mapping[str, Any]:
        """Returns the secret, at most FRESH_SECONDS old where Secrets Manager answers.

        Where it does not answer, the value at hand stays in use. Raises SecretError where there is no value.
        """
        if arn not in self._values:
            self._values[arn] = self._read(arn)
            self._read_at[arn] = self._clock()
        elif self._clock() - self._read_at[arn] >= FRESH_SECONDS:
            self._reread(arn)
        return self._values[arn]

    def expire(self) -> None:
        """Makes the next calls read secrets again, because a key in them was refused."""
        due = self._clock() - FRESH_SECONDS
        for arn, read_at in self._read_at.items():
            if self._clock() - read_at >= PAUSE_SECONDS:
                self._read_at[arn] = due

    def _reread(self, arn: str) -> None:
        try:
            self._values[arn] = self._read(arn)
            self._read_at[arn] = self._clock()
        except SecretError as error:
            self._read_at[arn] = self._clock() - FRESH_SECONDS + PAUSE_SECONDS
            logger().warning("secret not read again", extra={"secret": arn, "error": error.code})
