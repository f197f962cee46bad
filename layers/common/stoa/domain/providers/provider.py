"""A provider as the registry knows it: its wire, its address and its way to sign callers in."""

import re
from collections.abc import Mapping

from msgspec import Struct

PLACE = re.compile(r"\{([a-z_]+)\}")
MODEL_PLACE = "model"  # filled by each call


class Provider(Struct, frozen=True):
    """A provider. `api_base` and `chat_path` may have places to fill, such as `{resource}`.

    `options` are explained in docs/providers.md. Without `api_base` the address is the installation's own.
    """

    id: str
    display_name: str
    api_base: str | None
    auth: str
    wire: str  # openai | anthropic | bedrock | replicate
    chat_path: str
    options: Mapping[str, str]

    @property
    def places(self) -> frozenset[str]:
        """The places in the address that have to be filled, such as Azure's `resource`."""
        return frozenset(PLACE.findall(f"{self.api_base or ''}{self.chat_path}")) - {MODEL_PLACE}
