"""Base of values that nobody but their reader may see."""

from msgspec import Struct


class Private(Struct, frozen=True):
    """Holds a secret or a person's own words. Its repr, which may reach a log, shows no field."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"
