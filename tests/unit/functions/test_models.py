"""Request models of the functions against each other and against the packaged data."""

import tomllib
from importlib.resources import files
from typing import get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from functions.chat.request import ChatRequest
from functions.preferences.models import MOST_FAVORITES, DomainModeId, SelectRequest
from functions.pricing_admin.models.config import SyncPolicy, SyncPolicyUpdate
from functions.schedules.models import NewSchedule
from functions.teams.models import Invite
from stoa.domain.sync.policy import DEFAULTS
from stoa.http.request_schemas import EmailAddress
from stoa.workflows.members.preferences import MAX_FAVORITES
from stoa.workflows.pricing import sync_policy


def test_the_dry_run_takes_what_chat_takes() -> None:
    for name, field in SelectRequest.model_fields.items():
        assert (field.annotation, field.metadata, field.default) == (
            ChatRequest.model_fields[name].annotation,
            ChatRequest.model_fields[name].metadata,
            ChatRequest.model_fields[name].default,
        ), name


def test_domain_modes_are_those_of_the_packaged_data() -> None:
    data = tomllib.loads(files("stoa.data").joinpath("modes.toml").read_text(encoding="utf-8"))
    assert list(get_args(DomainModeId)) == list(data["domain"])


def test_the_edge_and_the_workflow_agree_on_the_most_favourites() -> None:
    assert MOST_FAVORITES == MAX_FAVORITES


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("ada@example.test", True),
        ("ada+notes@example.test", True),
        ("жанна@пример.испытание", True),
        ("x" * 64 + "@" + "y" * 255, True),
        ("x" * 65 + "@example.test", False),
        ("ada", False),
        ("ada@b@example.test", False),
        ("ada,ben@example.test", False),  # two of them
        ("<ada@example.test>", False),
        ("ada@example.test\n", False),
        ("ada\r\nBcc: all@example.test", False),
        ("ada\x01@example.test", False),
        ("ada @example.test", False),
    ],
)
def test_an_address_is_one_address_and_fits_a_header(text: str, is_one: bool) -> None:
    try:
        TypeAdapter(EmailAddress).validate_python(text)
    except ValidationError:
        assert not is_one
    else:
        assert is_one


def test_mail_goes_to_such_addresses_alone() -> None:
    for model, name in ((NewSchedule, "notification_email"), (Invite, "email")):
        with pytest.raises(ValidationError, match="an e-mail address"):
            model.model_validate({name.replace("_e", "E"): "ada,ben@example.test"})


def test_every_default_of_the_sync_policy_is_a_rule_that_can_be_set() -> None:
    assert sync_policy.changed({}, SyncPolicyUpdate.model_validate(DEFAULTS).given()) == DEFAULTS
    assert SyncPolicy.model_validate(sync_policy.policy_of({})).model_dump(by_alias=True) == DEFAULTS
