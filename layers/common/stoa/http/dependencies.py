"""Dependencies of routes: the caller in each role, and the database. A route without a caller is public."""

from datetime import UTC, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends, Request
from msgspec.structs import replace

from stoa.core.errors import Forbidden
from stoa.core.language import preferred
from stoa.core.settings import settings
from stoa.database.pool import Database, database
from stoa.identity.caller import Caller
from stoa.identity.members import members, principal_from_event
from stoa.store.tenancy.audit import Actor


def member(request: Request) -> Caller:
    """Returns the member who asks. The first request makes their row. Raises Unauthenticated or Forbidden."""
    event = request.resolved_event.raw_event
    # Members are kept for a while. The claims are this request's: an e-mail may be unverified by now.
    principal = principal_from_event(event, settings())
    found = replace(members.get(database(), principal), principal=principal)
    request_id = (event.get("requestContext") or {}).get("requestId")
    actor = Actor(found.user_id, found.principal.email, request_id)
    return Caller(database(), found, actor, _now(), preferred((event.get("headers") or {}).get("accept-language")))


def admin(request: Request) -> Caller:
    """Returns the member who asks, an admin of their tenant. Raises Forbidden for anybody else."""
    if not principal_from_event(request.resolved_event.raw_event, settings()).is_admin:
        raise Forbidden("Only admins of your tenant may do this.", code="ADMIN_ONLY")
    return member(request)


def operator(request: Request) -> Caller:
    """Returns the member who asks, an operator of the installation. Raises Forbidden for anybody else."""
    if not principal_from_event(request.resolved_event.raw_event, settings()).is_operator:
        raise Forbidden("Only operators of the installation may do this.", code="OPERATOR_ONLY")
    return member(request)


def process_database() -> Database:
    """Returns the process's database."""
    return database()


AsMember = Annotated[Caller, Depends(member)]
AsAdmin = Annotated[Caller, Depends(admin)]
AsOperator = Annotated[Caller, Depends(operator)]
WithDatabase = Annotated[Database, Depends(process_database)]

ROLES = (member, admin, operator)


def _now() -> datetime:
    return datetime.now(UTC)
