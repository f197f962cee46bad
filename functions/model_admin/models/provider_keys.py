"""A tenant's own keys at providers."""

from typing import Annotated, Self

from pydantic import Field, SecretStr

from functions.model_admin.models.fields import Copy, Word
from stoa.http.fields import Version
from stoa.http.request_schemas import Schema, says
from stoa.http.schemas import AnswerSchema, DataAnswer, Instant
from stoa.workflows.providers.provider_keys import GivenKey, TenantKeys


class ProviderKey(Schema):
    """A key of the tenant's own, and the settings that its provider's address needs."""

    key: Annotated[SecretStr, Field(min_length=8, max_length=4096), says("a key of 8 to 4096 characters")] = Field(
        description="As the provider shows it; for Vertex AI a service account's JSON. It never comes out again.",
        examples=["sk-proj-0123456789"],
    )
    settings: dict[Word, Copy] = Field(
        default_factory=dict,
        max_length=10,
        description="Values for the places in the provider's address, such as Azure's `resource`.",
        examples=[{}],
    )
    verify: bool = Field(False, description="True: the provider is asked for its list of models with the key first.")
    version: Version | None = Field(
        None, description="The version you read, 0 for none. Another one now: 409.", examples=[0]
    )

    def given_key(self) -> GivenKey:
        """Returns the key as the use case takes it."""
        return GivenKey(self.key.get_secret_value().strip(), self.settings, self.verify)


class KeptProviderKey(AnswerSchema):
    """The part of a key that may be shown."""

    provider_id: str
    provider_name: str
    settings: dict[str, str]
    last_four: str
    fingerprint: str = Field(description="First 12 hexadecimal digits of the key's SHA-256.")
    created_by: str | None = Field(description="E-mail, or id, of the admin who set it.")
    created_at: Instant
    verified_at: Instant | None = Field(description="When the provider accepted it at our asking.")
    version: int


class ProviderKeyAnswer(DataAnswer[KeptProviderKey]):
    """A key as it is kept."""


class KeyTaker(AnswerSchema):
    """A provider at which the tenant may have a key of its own."""

    id: str
    name: str
    settings: list[str] = Field(description="Settings that its address needs, to be sent with the key.")
    optional_settings: list[str] = Field(description="Settings that may be sent. The installation has values for them.")


class ProviderKeysMeta(AnswerSchema):
    """The providers that take a key."""

    providers: list[KeyTaker]


class ProviderKeyListAnswer(AnswerSchema):
    """The tenant's keys, by provider."""

    data: list[KeptProviderKey]
    meta: ProviderKeysMeta

    @classmethod
    def of(cls, found: TenantKeys) -> Self:
        """Returns the answer for the tenant's keys and the providers that take one."""
        return cls.model_validate({"data": found.keys, "meta": {"providers": found.providers}})


class DeletedKey(AnswerSchema):
    """The key is gone."""

    deleted: bool


class DeletedKeyAnswer(DataAnswer[DeletedKey]):
    """The outcome of a deletion."""
