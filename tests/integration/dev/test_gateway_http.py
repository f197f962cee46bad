"""The gateway's HTTP on real sockets: what is accepted, refused, kept open, and how errors look."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from stoa.runtime.streaming import Context

from .conftest import GOOD, RunGateway, ask, read_all, read_until


def test_an_http_api_event_carries_path_query_claims_and_body(run_gateway: RunGateway) -> None:
    seen = []

    def things(event: dict[str, Any], context: Context) -> dict[str, Any]:
        seen.append((event, context))
        return {"statusCode": 201, "headers": {"X-Made": "yes"}, "body": '{"ok":true}', "cookies": ["a=1", "b=2"]}

    gateway = run_gateway(things=things)
    answer, text = ask(gateway, "GET", "/things/a%20b?limit=3&tag=x&tag=y", headers=GOOD)
    assert (answer.status, text, answer.headers["x-made"]) == (201, b'{"ok":true}', "yes")
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]
    event, context = seen[0]
    assert event["version"] == "2.0"
    assert event["routeKey"] == "GET /things/{id}"
    assert event["rawPath"] == "/things/a b"
    assert event["rawQueryString"] == "limit=3&tag=x&tag=y"
    assert event["queryStringParameters"] == {"limit": "3", "tag": "x,y"}
    assert event["pathParameters"] == {"id": "a b"}
    assert event["requestContext"]["authorizer"]["jwt"]["claims"]["cognito:groups"] == "[admin member]"
    assert event["requestContext"]["requestId"] == context.aws_request_id == answer.headers["apigw-requestid"]
    assert 0 < context.get_remaining_time_in_millis() <= 3000


def test_text_bodies_come_as_text_and_others_in_base64(run_gateway: RunGateway) -> None:
    gateway = run_gateway(things=lambda event, _: {"statusCode": 200, "body": json.dumps(event)})
    _, text = ask(gateway, "POST", "/things", '{"a":"ü"}'.encode(), {**GOOD, "Content-Type": "application/json"})
    assert (json.loads(text)["body"], json.loads(text)["isBase64Encoded"]) == ('{"a":"ü"}', False)
    _, text = ask(gateway, "POST", "/things", b"\xff\xfe", {**GOOD, "Content-Type": "application/json"})
    assert (json.loads(text)["body"], json.loads(text)["isBase64Encoded"]) == ("//4=", True)
    _, text = ask(gateway, "POST", "/things", b"ab", {**GOOD, "Content-Type": "application/octet-stream"})
    assert (json.loads(text)["body"], json.loads(text)["isBase64Encoded"]) == ("YWI=", True)


def test_a_rest_api_event_carries_the_lambda_authorizers_context(run_gateway: RunGateway) -> None:
    def authorizer(event: dict[str, Any], _: Any) -> dict[str, Any]:
        assert event["type"] == "TOKEN"
        if event["authorizationToken"] != "Bearer good":
            raise Exception("Unauthorized")  # noqa: TRY002 - the word API Gateway documents for a 401
        policy = {"Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}]}
        return {"principalId": "s-1", "policyDocument": policy, "context": {"subject": "s-1", "groups": "admin"}}

    gateway = run_gateway(authorizer=authorizer, chat=lambda event, _: {"statusCode": 200, "body": json.dumps(event)})
    _, text = ask(gateway, "POST", "/chat?a=1&a=2", b"{}", {**GOOD, "Content-Type": "application/json"})
    event = json.loads(text)
    assert (event["httpMethod"], event["resource"], event["body"]) == ("POST", "/chat", "{}")
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"]}
    assert event["requestContext"]["authorizer"] == {"subject": "s-1", "groups": "admin", "principalId": "s-1"}
    answer, text = ask(gateway, "POST", "/chat", b"{}", {"Authorization": "Bearer bad"})
    assert (answer.status, json.loads(text)["error"]["code"]) == (401, "UNAUTHENTICATED")


def test_a_denying_policy_is_403(run_gateway: RunGateway) -> None:
    denied = {"principalId": "s-1", "policyDocument": {"Statement": [{"Effect": "Deny"}]}}
    gateway = run_gateway(authorizer=lambda *_: denied)
    answer, text = ask(gateway, "POST", "/chat", b"{}", GOOD)
    assert (answer.status, json.loads(text)["error"]["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Basic Zm9v"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer x"},
    ],
)
def test_without_a_good_token_the_answer_is_401_and_the_function_is_not_called(
    run_gateway: RunGateway, headers: dict[str, str]
) -> None:
    called = []
    gateway = run_gateway(things=lambda *_: called.append(1))
    answer, text = ask(gateway, "GET", "/things/1", headers=headers)
    assert (answer.status, json.loads(text)["error"]["code"]) == (401, "UNAUTHENTICATED")
    assert called == []


def test_public_routes_need_no_token(run_gateway: RunGateway) -> None:
    answer, _ = ask(run_gateway(), "GET", "/open")
    assert answer.status == 200


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nothing"), ("DELETE", "/things/1"), ("GET", "/things/1/more"), ("GET", "/things/")]
)
def test_unknown_routes_are_404_in_our_shape(run_gateway: RunGateway, method: str, path: str) -> None:
    answer, text = ask(run_gateway(), method, path, headers=GOOD)
    assert (answer.status, json.loads(text)["error"]["code"]) == (404, "NOT_FOUND")


def test_one_connection_serves_many_requests_also_when_they_are_sent_together(run_gateway: RunGateway) -> None:
    gateway = run_gateway(things=lambda event, _: {"statusCode": 200, "body": event["rawPath"]})
    one = b"GET /things/%d HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n\r\n"
    with gateway.connect() as client:
        client.sendall(one % 1 + one % 2)
        first_two = read_until(client, b"/things/2")
        assert first_two.index(b"/things/1") < first_two.index(b"/things/2")
        client.sendall(one % 3)
        read_until(client, b"/things/3")


def test_a_connection_is_closed_when_the_client_asks_or_speaks_http_1_0(run_gateway: RunGateway) -> None:
    gateway = run_gateway()
    assert (
        b"connection: close" in gateway.exchange(b"GET /open HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").lower()
    )
    assert b"connection: close" in gateway.exchange(b"GET /open HTTP/1.0\r\n\r\n").lower()


def test_a_chunked_body_and_expect_continue_are_understood(run_gateway: RunGateway) -> None:
    gateway = run_gateway(things=lambda event, _: {"statusCode": 200, "body": event["body"]})
    head = b"POST /things HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\nContent-Type: text/plain\r\n"
    with gateway.connect() as client:
        client.sendall(head + b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
        assert read_until(client, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n")
        assert read_until(client, b"abcde").startswith(b"HTTP/1.1 200 OK\r\n")


def test_head_is_routed_as_api_gateway_does_and_never_has_a_body(run_gateway: RunGateway) -> None:
    raw = run_gateway().exchange(b"HEAD /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 404 ")
    assert raw.endswith(b"\r\n\r\n")


def test_browsers_of_any_origin_are_let_in(run_gateway: RunGateway) -> None:
    gateway = run_gateway()
    asked = {
        "Origin": "http://app.test",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization",
    }
    answer, text = ask(gateway, "OPTIONS", "/things/1", headers=asked)
    assert (answer.status, text) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "authorization"
    assert "PUT" in answer.headers["access-control-allow-methods"]
    answer, _ = ask(gateway, "GET", "/open", headers={"Origin": "http://app.test"})
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_function_that_raises_is_500_without_internals(run_gateway: RunGateway) -> None:
    def things(*_: Any) -> dict[str, Any]:
        raise ValueError("the secret of the house")

    gateway = run_gateway(things=things)
    answer, text = ask(gateway, "GET", "/things/1", headers=GOOD)
    assert (answer.status, json.loads(text)["error"]["code"]) == (500, "INTERNAL_ERROR")
    assert b"secret" not in text


@pytest.mark.parametrize(
    "nonsense",
    [{"no": "status"}, {"statusCode": "200"}, {"statusCode": 100}, {"statusCode": 200, "headers": {"no name": "x"}}],
)
def test_a_function_that_answers_nonsense_is_502(run_gateway: RunGateway, nonsense: dict[str, Any]) -> None:
    gateway = run_gateway(things=lambda *_: nonsense)
    answer, text = ask(gateway, "GET", "/things/1", headers=GOOD)
    assert (answer.status, json.loads(text)["error"]["code"]) == (502, "BAD_GATEWAY")


def test_header_values_of_a_function_cannot_split_the_answer(run_gateway: RunGateway) -> None:
    gateway = run_gateway(things=lambda *_: {"statusCode": 200, "headers": {"X": "a\r\nSet-Cookie: b"}, "body": ""})
    answer, _ = ask(gateway, "GET", "/things/1", headers=GOOD)
    assert answer.headers.get("set-cookie") is None


def test_each_request_is_logged_in_one_line_without_its_query(run_gateway: RunGateway) -> None:
    gateway = run_gateway()
    answer, _ = ask(gateway, "GET", "/open?token=hidden")
    gateway.server.stop()
    (line,) = gateway.lines
    assert line.startswith("GET /open 200 ")
    assert answer.headers["apigw-requestid"] in line
    assert "hidden" not in line


def test_two_hundred_requests_are_in_a_function_at_once(run_gateway: RunGateway) -> None:
    together = Barrier(200, timeout=30)

    def things(event: dict[str, Any], _: Any) -> dict[str, Any]:
        together.wait()
        return {"statusCode": 200, "body": event["rawPath"]}

    gateway = run_gateway(things=things)
    with ThreadPoolExecutor(200) as pool:
        answers = pool.map(lambda number: ask(gateway, "GET", f"/things/{number}", headers=GOOD), range(200))
        assert [(a.status, text) for a, text in answers] == [(200, b"/things/%d" % n) for n in range(200)]


def test_stopping_lets_a_request_in_flight_finish_and_takes_no_more(run_gateway: RunGateway) -> None:
    entered, leave = Barrier(2, timeout=10), Barrier(2, timeout=10)

    def things(*_: Any) -> dict[str, Any]:
        entered.wait()
        leave.wait()
        return {"statusCode": 200, "body": "finished"}

    gateway = run_gateway(things=things)
    with ThreadPoolExecutor(2) as pool, gateway.connect() as idle:
        asked = pool.submit(ask, gateway, "GET", "/things/1", None, GOOD)
        entered.wait()
        stopped = pool.submit(gateway.server.stop)
        assert read_all(idle) == b""  # idle connections are closed at once
        leave.wait()
        assert asked.result()[1] == b"finished"
        stopped.result()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", gateway.server.port), 1)
