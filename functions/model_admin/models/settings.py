"""The settings of a tenant."""

from typing import Annotated

from pydantic import Field, StringConstraints

from functions.model_admin.models.fields import Copy
from stoa.http.fields import Edit, Identifier
from stoa.http.request_schemas import says
from stoa.http.schemas import AnswerSchema, DataAnswer


class SettingsChange(Edit):
    """Changes for the whole tenant."""

    name: Copy | None = Field(None, examples=["Example Ltd"])
    time_zone: Identifier | None = Field(
        None, description="IANA's name of the zone whose midnight ends the day.", examples=["Europe/Berlin"]
    )
    currency: (
        Annotated[
            str, StringConstraints(pattern="^[a-z]{3}$"), says("three lower-case letters of ISO 4217, such as eur")
        ]
        | None
    ) = Field(None, description="ISO 4217, lower case, of new purchases.", examples=["eur"])
    force_system_default: bool | None = Field(
        None, description="Every message goes to the system default while trouble lasts."
    )
    purchases_paused: bool | None = Field(None, description="No new purchases; those begun are fulfilled.")


class Settings(AnswerSchema):
    """Settings that hold for the whole tenant."""

    slug: str
    name: str
    time_zone: str
    currency: str
    force_system_default: bool
    purchases_paused: bool
    version: int


class SettingsAnswer(DataAnswer[Settings]):
    """The tenant's settings."""
