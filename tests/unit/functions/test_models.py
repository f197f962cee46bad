"""Request models of the functions against each other and against the packaged data."""

import tomllib
from importlib.resources import files
from typing import get_args

from functions.chat.models import ChatRequest
from functions.preferences.models import MOST_FAVORITES, DomainModeId, SelectRequest
from stoa.workflows.preferences import MAX_FAVORITES


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
