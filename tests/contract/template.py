"""template.yaml as values: CloudFormation's short forms read, functions by their folders, defaults filled in."""

from pathlib import Path
from typing import Any

import yaml

from dev.build import folder_of

ROOT = Path(__file__).parents[2]
FUNCTIONS = sorted(path.name for path in (ROOT / "functions").iterdir() if path.is_dir() and path.name != "__pycache__")


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Ref x` reads as {"Ref": "x"}, others as {"Fn::...": ...}."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    kinds: dict[type, Any] = {yaml.ScalarNode: loader.construct_scalar}
    kinds[yaml.SequenceNode] = lambda node: loader.construct_sequence(node, deep=True)
    kinds[yaml.MappingNode] = lambda node: loader.construct_mapping(node, deep=True)
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": kinds[type(node)](node)}


Loader.add_multi_constructor("!", _short_form)

TEMPLATE: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), Loader)
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
DESCRIBED = {
    folder_of(name): resource for name, resource in RESOURCES.items() if resource["Type"] == "AWS::Serverless::Function"
}


def properties(function: str) -> dict[str, Any]:
    """A function's properties, the defaults for all functions filled in."""
    own: dict[str, Any] = DESCRIBED[function]["Properties"]
    defaults: dict[str, Any] = TEMPLATE["Globals"]["Function"]
    return {**defaults, **own}


def variables(function: str) -> dict[str, Any]:
    shared: dict[str, Any] = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    return {**shared, **properties(function)["Environment"]["Variables"]}


def routes() -> dict[tuple[str, str], dict[str, Any]]:
    """Every route with its event, by method and path."""
    return {
        (event["Properties"]["Method"], event["Properties"]["Path"]): event
        for resource in DESCRIBED.values()
        for event in resource["Properties"].get("Events", {}).values()
        if event["Type"] in ("HttpApi", "Api")
    }


def statements() -> list[dict[str, Any]]:
    """Every policy statement of the template, wherever it stands."""
    found: list[dict[str, Any]] = []

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if "Effect" in value and ("Action" in value or "NotAction" in value):
                found.append(value)
            for part in value.values():
                look(part)
        elif isinstance(value, list):
            for part in value:
                look(part)

    look(RESOURCES)
    return found
