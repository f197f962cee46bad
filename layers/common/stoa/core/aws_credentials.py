"""The AWS identity of this function, read from its environment each time and never kept.

Lambda puts a function's keys into the environment. For a function that runs from a SnapStart snapshot it names an
address instead that gives them, because keys inside a snapshot would have expired when it is restored:
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html#snapstart-credentials
"""

import json
from collections.abc import Mapping

from stoa.core.aws_http import send
from stoa.core.aws_signature import Credentials


class NoCredentials(Exception):
    """The environment names no AWS credentials, or the address that it names does not give them."""


def credentials(environment: Mapping[str, str]) -> Credentials:
    """The present credentials. Raises NoCredentials, or OSError or HTTPException when their address is not reached."""
    key_id, key = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if key_id and key:
        return Credentials(key_id, key, environment.get("AWS_SESSION_TOKEN") or None)
    url = environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if not url:
        raise NoCredentials("The environment names no AWS credentials.")
    token = environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    status, body = send("GET", url, {"Authorization": token} if token else {})
    if status != 200:
        raise NoCredentials(f"The address of the AWS credentials answered {status}.")
    try:
        given = json.loads(body)
        return Credentials(str(given["AccessKeyId"]), str(given["SecretAccessKey"]), str(given["Token"]))
    except (ValueError, KeyError, TypeError):
        raise NoCredentials("The address of the AWS credentials answered with something else.") from None
