"""The Lambda authorizer of the streaming REST API: a bearer token in, an IAM policy and the caller's identity out.

The HTTP API checks the same tokens by itself. A refusal is the exception whose text is "Unauthorized": that is how API
Gateway is told to answer 401; any other exception makes it answer 500, which is right when the issuer is out of reach.
"""

import os
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jwt  # noqa: F401 - imported while the instance starts, so that SnapStart's snapshot holds it already

from stoa.core.observe import logger
from stoa.core.settings import settings
from stoa.identity.signing_keys import SigningKeys, issuers_keys
from stoa.identity.tokens import API_KEY_PREFIX, InvalidToken, UnknownKey, verified_email, verify


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer a TOKEN or REQUEST authorizer event. Raises Exception("Unauthorized") when the token proves nothing."""
    try:
        claims = claims_of(bearer_token(event))
    except InvalidToken as error:
        logger().info("a token was refused", extra={"reason": error.message})
        raise Exception("Unauthorized") from None  # noqa: TRY002 - API Gateway reads exactly this text
    return {
        "principalId": claims["sub"],
        "policyDocument": policy(event["methodArn"]),
        "context": identity(claims),
    }


def claims_of(token: str) -> dict[str, Any]:
    """Returns the claims behind a bearer token. Raises InvalidToken, or Unavailable."""
    if token.startswith(API_KEY_PREFIX):
        return api_key_claims(token)
    issuer = os.environ["STOA_JWT_ISSUER"]
    audiences = [one.strip() for one in os.environ["STOA_JWT_AUDIENCE"].split(",") if one.strip()]
    now = datetime.now(UTC)
    try:
        return verify(token, signing_keys().current(), issuer, audiences, now)
    except UnknownKey:
        return verify(token, signing_keys().fresh(), issuer, audiences, now)


def api_key_claims(key: str) -> dict[str, Any]:
    """Refuses every API key, because there are none yet."""
    raise InvalidToken("API keys are not accepted here yet. Send the JWT that you signed in with.")


def bearer_token(event: dict[str, Any]) -> str:
    """Returns the token out of either kind of authorizer event. Raises InvalidToken when there is none."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    scheme, _, token = (event.get("authorizationToken") or headers.get("authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidToken("There is no bearer token.")
    return str(token.strip())


def identity(claims: dict[str, Any]) -> dict[str, str]:
    """Returns what the function behind the authorizer is told. API Gateway passes on flat strings only."""
    groups = claims.get(settings().claim_groups) or []
    listed = groups.split(",") if isinstance(groups, str) else groups
    return {
        "subject": claims["sub"],
        "email": verified_email(claims) or "",
        "tenantId": str(claims.get(settings().claim_tenant) or ""),
        # A comma inside a name would make one group into two.
        "groups": ",".join(name for name in map(str, listed) if "," not in name),
    }


def policy(method_arn: str) -> dict[str, Any]:
    """Leave to call this stage of this API. API Gateway keeps the policy for other calls with the same token, so it
    names the stage and not the one method that was called first."""
    api, stage = method_arn.split("/")[:2]
    return {
        "Version": "2012-10-17",
        "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{api}/{stage}/*"}],
    }


@cache
def signing_keys() -> SigningKeys:
    """Returns the issuer's keys, kept as long as this instance lives."""
    return issuers_keys(os.environ["STOA_JWT_ISSUER"], os.environ.get("STOA_JWKS_URL"))
