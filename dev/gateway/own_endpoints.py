"""Routes of the gateway's own, besides the template's: the issuer's documents, tokens, and functions by hand."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from dev.gateway.events import scheduled_event
from dev.gateway.functions import Functions
from dev.gateway.gateway import OwnEndpoint
from dev.gateway.issuer import LIFETIME_SECONDS, Issuer
from dev.gateway.template import Schedule
from dev.serving.answers import Answer
from dev.serving.requests import Request
from stoa.core.errors import FieldProblem, InvalidFields, MalformedRequest, NotFound, StoaError, UpstreamFailed
from stoa.core.failures import where
from stoa.core.observe import logger
from stoa.core.text import to_json

DEFAULT_TENANT = "demo"
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_EMAIL = re.compile(r"[^@\s\x00]{1,64}@[^@\s\x00]{1,190}")


class OwnEndpoints:
    """`find_tenant` gives the id of a tenant by its slug, made on first use; `groups` those of a token without any;
    `sent_mail` what the stand-in for SES took."""

    def __init__(
        self,
        issuer: Issuer,
        functions: Functions,
        schedules: Sequence[Schedule],
        find_tenant: Callable[[str], UUID],
        groups: Callable[[str, str], list[str]],
        sent_mail: Callable[[], list[dict[str, Any]]],
    ) -> None:
        self._issuer = issuer
        self._functions = functions
        self._schedules = {schedule.function.name: schedule for schedule in schedules}
        self._find_tenant = find_tenant
        self._groups = groups
        self._sent_mail = sent_mail

    def table(self) -> dict[tuple[str, str], OwnEndpoint]:
        """The endpoints by method and path, as `Gateway` takes them."""
        return {
            ("GET", "/.well-known/openid-configuration"): lambda _: _json(self._issuer.discovery()),
            ("GET", "/.well-known/jwks.json"): lambda _: _json(self._issuer.keys()),
            ("POST", "/dev/token"): self.token,
            ("POST", "/dev/run/*"): self.run,
            ("GET", "/dev/mail"): lambda _: _json({"data": self._sent_mail()}),
        }

    def token(self, request: Request) -> Answer:
        """`{"email", "tenant"?, "groups"?[]}` → `{"access_token", …}`. Raises MalformedRequest or InvalidFields."""
        asked = _token_request(request.body)
        email, slug = asked["email"], asked.get("tenant", DEFAULT_TENANT)
        groups = asked["groups"] if "groups" in asked else self._groups(email, slug)
        token = self._issuer.token(email, self._find_tenant(slug), groups)
        return _json({"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_SECONDS})

    def run(self, request: Request) -> Answer:
        """Fire a scheduled function once, with the body's fields in its event, and answer what it returned.

        Raises NotFound, MalformedRequest, and what the function raises; an error that is none of ours becomes one which
        tells what Lambda tells of it: its type and text.
        """
        name = request.path.rpartition("/")[2]
        if name not in self._schedules:
            raise NotFound(f"scheduled function; there are: {', '.join(sorted(self._schedules)) or 'none'}")
        event = {**scheduled_event(self._schedules[name], datetime.now(UTC)), **_by_hand(request.body)}
        try:
            returned = self._functions.call(name, event, str(uuid4()))
        except StoaError:
            raise
        except Exception as error:  # whatever a function raises ends its run
            logger().warning("function failed", extra={"error": type(error).__name__, "where": where(error)})
            raise UpstreamFailed("FUNCTION_FAILED", f"{type(error).__name__}: {error}") from error
        return _json({"function": name, "returned": returned})


def _by_hand(body: bytes) -> Mapping[str, Any]:
    """Returns the fields that the client adds to the event, such as `{"atOnce": true}`. Raises MalformedRequest."""
    try:
        added = json.loads(body or b"{}")
    except ValueError as error:
        raise MalformedRequest("Send nothing, or a JSON object to add to the event.") from error
    if not isinstance(added, dict):
        raise MalformedRequest("Send nothing, or a JSON object to add to the event.")
    return added


def _token_request(body: bytes) -> Mapping[str, Any]:
    try:
        asked = json.loads(body)
    except ValueError as error:
        raise MalformedRequest('Send JSON: {"email": "ada@demo.test"}') from error
    if not isinstance(asked, dict):
        raise MalformedRequest('Send a JSON object: {"email": "ada@demo.test"}')
    problems = [FieldProblem(name, "this field is not known here") for name in asked.keys() - _CHECKS.keys()]
    for name, (check, reason) in _CHECKS.items():
        if (name in asked or name == "email") and not check(asked.get(name)):
            problems.append(FieldProblem(name, reason))
    if problems:
        raise InvalidFields(problems)
    return asked


def _is_groups(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and re.fullmatch(r"[\w.-]+", one) for one in value)


_CHECKS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "email": (lambda value: isinstance(value, str) and _EMAIL.fullmatch(value), "an e-mail address"),
    "tenant": (
        lambda value: isinstance(value, str) and _SLUG.fullmatch(value),
        "a slug of lower-case letters, digits and dashes",
    ),
    "groups": (_is_groups, 'a list of names, such as ["admin"]'),
}


def _json(document: Any) -> Answer:
    return Answer(
        200, [("content-type", "application/json"), ("cache-control", "no-store")], to_json(document).encode()
    )
