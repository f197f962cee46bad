"""Routes and schedules read from template.yaml, so that the local gateway and the deployed one cannot differ."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FUNCTION = "AWS::Serverless::Function"
HTTP_EVENT, REST_EVENT = "HttpApi", "Api"
SCHEDULE_EVENTS = ("Schedule", "ScheduleV2")
QUEUE_EVENT = "SQS"
_EVERY = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_MINUTES = {"minute": 1, "hour": 60, "day": 1440}


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function of the template. Its handler is imported from `module`."""

    name: str
    logical_id: str
    module: str
    attribute: str
    timeout: int  # seconds
    memory: int  # MB


@dataclass(frozen=True, slots=True)
class Route:
    """A route: `kind` is the event type (HttpApi or Api), `public` when no authorizer stands before it."""

    kind: str
    method: str
    path: str
    function: Function
    public: bool
    authorizer: Function | None = None  # None: the HTTP API's own JWT authorizer


@dataclass(frozen=True, slots=True)
class Schedule:
    """A function that EventBridge calls every so many minutes (None: a cron expression, fired only by hand here)."""

    function: Function
    expression: str
    every_minutes: int | None
    input: str | None


@dataclass(frozen=True, slots=True)
class QueueSource:
    """A function that Lambda calls with what comes into a queue of the template."""

    function: Function
    queue: str  # its logical id
    batch_size: int


@dataclass(slots=True)
class Template:
    """The part of template.yaml that the gateway serves."""

    functions: dict[str, Function] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    schedules: list[Schedule] = field(default_factory=list)
    queues: list[QueueSource] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)  # literal variables that all functions get


def read_template(path: Path) -> Template:
    """The template at `path`. Raises ValueError when a function is described in a way that is not understood here."""
    document = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506 - a safe loader, see below
    resources: Mapping[str, Any] = document["Resources"]
    defaults: Mapping[str, Any] = (document.get("Globals") or {}).get("Function") or {}
    found = Template(environment=_literals((defaults.get("Environment") or {}).get("Variables") or {}))
    described = {name: value for name, value in resources.items() if value["Type"] == FUNCTION}
    for logical_id, resource in described.items():
        function = _function(logical_id, {**defaults, **resource["Properties"]})
        found.functions[function.name] = function
    by_logical_id = {function.logical_id: function for function in found.functions.values()}
    for logical_id, resource in described.items():
        for event in (resource["Properties"].get("Events") or {}).values():
            _add_event(found, by_logical_id, by_logical_id[logical_id], event, resources)
    return found


def _function(logical_id: str, properties: Mapping[str, Any]) -> Function:
    code, handler = properties.get("CodeUri"), properties.get("Handler")
    if not isinstance(code, str) or not isinstance(handler, str):
        raise ValueError(f"{logical_id} in template.yaml needs CodeUri and Handler as plain text.")
    folder = code.strip("./")
    module, _, attribute = handler.rpartition(".")
    return Function(
        name=folder.rpartition("/")[2],
        logical_id=logical_id,
        module=module,
        attribute=attribute,
        timeout=int(properties.get("Timeout", 3)),
        memory=int(properties.get("MemorySize", 128)),
    )


def _add_event(
    found: Template,
    functions: Mapping[str, Function],
    function: Function,
    event: Mapping[str, Any],
    resources: Mapping[str, Any],
) -> None:
    kind, properties = event["Type"], event.get("Properties") or {}
    if kind in (HTTP_EVENT, REST_EVENT):
        chosen = (properties.get("Auth") or {}).get("Authorizer")
        authorizer = _lambda_authorizer(kind, properties, resources, functions)
        found.routes.append(
            Route(kind, properties["Method"].upper(), properties["Path"], function, chosen == "NONE", authorizer)
        )
    elif kind in SCHEDULE_EVENTS:
        expression = properties.get("Schedule") or properties["ScheduleExpression"]
        every = _EVERY.fullmatch(expression)
        minutes = int(every[1]) * _MINUTES[every[2]] if every else None
        found.schedules.append(Schedule(function, expression, minutes, properties.get("Input")))
    elif kind == QUEUE_EVENT:
        queue = properties["Queue"]["Fn::GetAtt"][0]
        found.queues.append(QueueSource(function, queue, int(properties.get("BatchSize", 10))))


def _lambda_authorizer(
    kind: str, properties: Mapping[str, Any], resources: Mapping[str, Any], functions: Mapping[str, Function]
) -> Function | None:
    """The function behind the API's default (or the route's) authorizer; None for a JWT authorizer."""
    api = properties.get("ApiId") if kind == HTTP_EVENT else properties.get("RestApiId")
    resource = resources.get(api.get("Ref", "")) if isinstance(api, Mapping) else None
    if resource is None:
        candidates = [value for value in resources.values() if value["Type"] == f"AWS::Serverless::{kind}"]
        resource = candidates[0] if len(candidates) == 1 else None
    auth = ((resource or {}).get("Properties") or {}).get("Auth") or {}
    name = (properties.get("Auth") or {}).get("Authorizer") or auth.get("DefaultAuthorizer")
    described = (auth.get("Authorizers") or {}).get(name) or {}
    arn = described.get("FunctionArn")
    if arn is None:
        return None
    logical_id = arn["Fn::GetAtt"][0] if "Fn::GetAtt" in arn else arn.get("Ref")
    return functions[logical_id]


def _literals(variables: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in variables.items() if not isinstance(value, Mapping)}


class RouteTable:
    """Finds the route of a request as API Gateway does: exact paths first, then those with parameters."""

    def __init__(self, routes: list[Route]) -> None:
        self._exact = {(route.method, route.path): route for route in routes if "{" not in route.path}
        with_parameters = [route for route in routes if "{" in route.path]
        self._patterns = [(_pattern(route.path), route) for route in sorted(with_parameters, key=_rank)]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route and its path parameters, still percent-encoded."""
        route = self._exact.get((method, path)) or self._exact.get(("ANY", path))
        if route is not None:
            return route, {}
        for pattern, route in self._patterns:
            if route.method in (method, "ANY") and (match := pattern.fullmatch(path)):
                return route, match.groupdict()
        return None


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("/".join(_segment(part) for part in path.split("/")))


def _segment(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    name = part[1:-1]
    return f"(?P<{name[:-1]}>.+)" if name.endswith("+") else f"(?P<{name}>[^/]+)"


def _rank(route: Route) -> tuple[int, ...]:
    """More literal routes first: literal segments before parameters, parameters before greedy ones."""
    return tuple(2 if part.endswith("+}") else int(part.startswith("{")) for part in route.path.split("/"))


class _Loader(yaml.CSafeLoader):
    """Reads YAML with CloudFormation's short forms: `!Ref x` reads as {"Ref": "x"}, `!Sub x` as {"Fn::Sub": "x"}.

    Uses libyaml, because Python's own loader takes ten times as long for our template.
    """


def _short_form(loader: yaml.CSafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)
