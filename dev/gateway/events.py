"""Events as API Gateway and EventBridge make them, and Lambda's answers as API Gateway reads them."""

import base64
import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

from dev.gateway.template import Route, Schedule
from dev.serving.answers import Answer
from dev.serving.client import Headers
from dev.serving.requests import Request

ACCOUNT = "000000000000"
API_ID = "local"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TEXT_TYPES = ("application/json", "application/javascript", "application/xml")


class MalformedAnswer(Exception):
    """A function returned something that API Gateway would refuse (502)."""


def http_event(
    request: Request, route: Route, parameters: Mapping[str, str], request_id: str, claims: Mapping[str, Any] | None
) -> dict[str, Any]:
    """An HTTP API event, payload version 2.0."""
    headers = request.lower
    route_key = f"{route.method} {route.path}"
    path = unquote(request.path)
    now = time.time()
    context: dict[str, Any] = {
        "accountId": ACCOUNT,
        "apiId": API_ID,
        "domainName": headers.get("host", ""),
        "domainPrefix": API_ID,
        "http": {
            "method": request.method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.client_address,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": route_key,
        "stage": "$default",
        "time": _log_time(now),
        "timeEpoch": int(now * 1000),
    }
    if claims is not None:
        context["authorizer"] = {"jwt": {"claims": flat_claims(claims), "scopes": None}}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": context,
    }
    if "cookie" in headers:
        event["cookies"] = [cookie.strip() for cookie in headers["cookie"].split(";")]
    if request.query:
        event["queryStringParameters"] = _joined(parse_qsl(request.query, keep_blank_values=True))
    if parameters:
        event["pathParameters"] = {name: unquote(value) for name, value in parameters.items()}
    event.update(_body(request, headers.get("content-type", "")))
    return event


def rest_event(
    request: Request, route: Route, parameters: Mapping[str, str], request_id: str, authorizer: Mapping[str, Any] | None
) -> dict[str, Any]:
    """A REST API proxy event (version 1.0); `authorizer` is the Lambda authorizer's flat context."""
    query = parse_qsl(request.query, keep_blank_values=True)
    now = time.time()
    context: dict[str, Any] = {
        "accountId": ACCOUNT,
        "apiId": API_ID,
        "domainName": request.lower.get("host", ""),
        "httpMethod": request.method,
        "identity": {"sourceIp": request.client_address, "userAgent": request.lower.get("user-agent", "")},
        "path": request.path,
        "protocol": "HTTP/1.1",
        "requestId": request_id,
        "extendedRequestId": request_id,
        "requestTime": _log_time(now),
        "requestTimeEpoch": int(now * 1000),
        "resourceId": route.path,
        "resourcePath": route.path,
        "stage": "local",
    }
    if authorizer is not None:
        context["authorizer"] = authorizer
    event: dict[str, Any] = {
        "resource": route.path,
        "path": request.path,
        "httpMethod": request.method,
        "headers": dict(request.headers),
        "multiValueHeaders": _lists(request.headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _lists(query) or None,
        "pathParameters": {name: unquote(value) for name, value in parameters.items()} or None,
        "stageVariables": None,
        "requestContext": context,
        "body": None,
        "isBase64Encoded": False,
    }
    event.update(_body(request, request.lower.get("content-type", "")))
    return event


def authorizer_event(request: Request, route: Route, request_id: str) -> dict[str, Any]:
    """Returns the event of a Lambda authorizer: everything that a TOKEN and a REQUEST authorizer read."""
    event = rest_event(request, route, {}, request_id, None)
    del event["body"], event["isBase64Encoded"]
    return {
        **event,
        "type": "TOKEN",
        "authorizationToken": request.lower.get("authorization", ""),
        "methodArn": f"arn:aws:execute-api:local:{ACCOUNT}:{API_ID}/local/{request.method}{request.path}",
    }


def scheduled_event(schedule: Schedule | None, now: datetime) -> dict[str, Any]:
    """Returns the event that a scheduled function gets: the rule's constant input, or EventBridge's own."""
    if schedule is not None and schedule.input:
        given = json.loads(schedule.input)
        assert isinstance(given, dict)
        return given
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "local",
        "resources": [f"arn:aws:events:local:{ACCOUNT}:rule/local"],
        "detail": {},
    }


def flat_claims(claims: Mapping[str, Any]) -> dict[str, str]:
    """Claims as the HTTP API's JWT authorizer hands them on: all text, lists as `[a b]`."""
    return {name: _flat(value) for name, value in claims.items()}


def answer_from(returned: Any) -> Answer:
    """A Lambda proxy answer: a dictionary with `statusCode`. Raises MalformedAnswer."""
    if not isinstance(returned, Mapping) or returned.get("statusCode") not in range(200, 600):
        raise MalformedAnswer("The function returned no statusCode from 200 to 599.")
    headers: Headers = [(name.lower(), str(value)) for name, value in (returned.get("headers") or {}).items()]
    for name, values in (returned.get("multiValueHeaders") or {}).items():
        headers += [(name.lower(), str(value)) for value in values]
    headers += [("set-cookie", cookie) for cookie in returned.get("cookies") or ()]
    if not all(_NAME.fullmatch(name) for name, _ in headers):
        raise MalformedAnswer("The function returned a header whose name HTTP does not allow.")
    body = returned.get("body") or ""
    try:
        raw = base64.b64decode(body, validate=True) if returned.get("isBase64Encoded") else body.encode()
    except (ValueError, AttributeError) as error:
        raise MalformedAnswer("The function returned a body that is no text.") from error
    return Answer(returned["statusCode"], headers, raw)


def _flat(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(str(item) for item in value) + "]"
    return json.dumps(value)


def _body(request: Request, content_type: str) -> dict[str, Any]:
    """Text as it is, everything else in base64."""
    if not request.body:
        return {"isBase64Encoded": False}
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _TEXT_TYPES or kind.startswith("text/") or kind.endswith(("+json", "+xml")):
        try:
            return {"body": request.body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            """Not text after all."""
    return {"body": base64.b64encode(request.body).decode("ascii"), "isBase64Encoded": True}


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _lists(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _log_time(now: float) -> str:
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now))
