"""The gateway's reading of a SAM template, and its finding of a request's route."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dev.gateway.template import HTTP_EVENT, Function, Route, RouteTable, Schedule, read_template
from dev.gateway.ticking import due

TEMPLATE = """
Globals:
  Function:
    Timeout: 29
    Environment:
      Variables: {LITERAL: value, NUMBER: 3, FROM_PARAMETER: !Ref Something}
Resources:
  Http:
    Type: AWS::Serverless::HttpApi
    Properties: {Auth: {DefaultAuthorizer: Jwt, Authorizers: {Jwt: {JwtConfiguration: {issuer: !Ref Issuer}}}}}
  Rest:
    Type: AWS::Serverless::Api
    Properties: {Auth: {DefaultAuthorizer: Token, Authorizers: {Token: {FunctionArn: !GetAtt GuardFunction.Arn}}}}
  GuardFunction:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/guard, Handler: functions.guard.handler.handler, Timeout: 10, MemorySize: 512}
  ThingsFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: ./functions/things/
      Handler: functions.things.handler.handler
      Events:
        Open: {Type: HttpApi, Properties: {ApiId: !Ref Http, Method: GET, Path: /open, Auth: {Authorizer: NONE}}}
        One: {Type: HttpApi, Properties: {ApiId: !Ref Http, Method: get, Path: "/things/{id}"}}
        Talk: {Type: Api, Properties: {RestApiId: !Ref Rest, Method: POST, Path: /talk}}
        Often: {Type: Schedule, Properties: {Schedule: rate(1 minute)}}
        Daily: {Type: ScheduleV2, Properties: {ScheduleExpression: "cron(0 3 * * ? *)", Input: '{"a": 1}'}}
"""


@pytest.fixture
def template(tmp_path: Path):
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    return read_template(path)


def test_routes_say_their_function_and_who_guards_them(template):
    guard = Function("guard", "GuardFunction", "functions.guard.handler", "handler", 10, 512)
    things = Function("things", "ThingsFunction", "functions.things.handler", "handler", 29, 128)
    assert template.routes == [
        Route("HttpApi", "GET", "/open", things, public=True),
        Route("HttpApi", "GET", "/things/{id}", things, public=False),
        Route("Api", "POST", "/talk", things, public=False, authorizer=guard),
    ]


def test_schedules_with_a_rate_say_how_often(template):
    assert [(one.expression, one.every_minutes, one.input) for one in template.schedules] == [
        ("rate(1 minute)", 1, None),
        ("cron(0 3 * * ? *)", None, '{"a": 1}'),
    ]


def test_only_literal_variables_are_taken_over(template):
    assert template.environment == {"LITERAL": "value", "NUMBER": "3"}


def test_a_function_without_its_code_named_in_plain_text_is_refused(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text("Resources: {F: {Type: AWS::Serverless::Function, Properties: {CodeUri: !Ref Bucket}}}")
    with pytest.raises(ValueError, match="F in template"):
        read_template(path)


def route(method: str, path: str) -> Route:
    return Route(HTTP_EVENT, method, path, Function("f", "F", "functions.f.handler", "handler", 3, 128), public=True)


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", "/models", ("/models", {})),
        ("GET", "/models/a", ("/models/{id}", {"id": "a"})),
        ("GET", "/models/a%2Fb", ("/models/{id}", {"id": "a%2Fb"})),
        ("GET", "/models/best", ("/models/best", {})),
        ("GET", "/models/a/use", ("/models/{id}/use", {"id": "a"})),
        ("GET", "/models/a/b/c", ("/{rest+}", {"rest": "models/a/b/c"})),
        ("DELETE", "/anything", ("/anything", {})),
        ("POST", "/models", None),
        ("GET", "/", None),
    ],
)
def test_exact_paths_win_over_parameters_and_these_over_greedy_ones(method, path, found):
    table = RouteTable(
        [
            route("GET", "/{rest+}"),
            route("GET", "/models/{id}"),
            route("GET", "/models/{id}/use"),
            route("GET", "/models/best"),
            route("GET", "/models"),
            route("ANY", "/anything"),
        ]
    )
    got = table.find(method, path)
    assert (got and (got[0].path, got[1])) == found


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        (datetime(2026, 11, 21, 9, 0, 0, 400, UTC), ["minute", "five"]),
        (datetime(2026, 11, 21, 9, 1, 59, 0, UTC), ["minute"]),
        (datetime(2026, 11, 21, 9, 5, 0, 0, UTC), ["minute", "five"]),
    ],
)
def test_a_rate_falls_on_the_minutes_that_it_divides(instant, expected):
    def schedule(name: str, minutes: int | None) -> Schedule:
        return Schedule(Function(name, name, name, "handler", 3, 128), "", minutes, None)

    schedules = [schedule("minute", 1), schedule("five", 5), schedule("by cron", None)]
    assert [one.function.name for one in due(schedules, instant)] == expected
