"""The errors of routes as the OpenAPI document tells them."""

from typing import Any

DESCRIPTIONS = {
    400: ("Malformed", "The request cannot be read: bad JSON, or a cursor of another list."),
    401: ("Unauthenticated", "No valid bearer token came with the request."),
    402: (
        "Payment",
        "The model is locked, the team's tokens are used up, or the message is too dear. `details` says which.",
    ),
    403: ("Forbidden", "The identity belongs to no tenant, is blocked, or lacks the role."),
    404: ("NotFound", "There is no such thing, or it is somebody else's."),
    405: ("MethodNotAllowed", "The path is known, and not with this method. `Allow` names those it takes."),
    409: ("Conflict", "The request contradicts the present state."),
    410: ("Expired", "The offer or invitation has ended."),
    413: ("TooLarge", "The body or the message is larger than Stoa or the model accepts."),
    422: ("InvalidFields", "Fields are not acceptable. `details` lists path and reason of each."),
    429: ("LimitReached", "The daily limit is reached. `Retry-After` and `details.resetAt` say until when."),
    500: ("Failed", "Something went wrong on our side."),
    502: ("ProviderFailed", "The provider failed and no other model could take over."),
    503: ("Unavailable", "No model, or a part of the installation, is available at the moment."),
}


def errors(*statuses: int) -> dict[int, Any]:
    """Returns the `responses` of a route that may answer with these statuses, beside those that every route may."""
    return {status: {"description": DESCRIPTIONS[status][1]} for status in statuses}
