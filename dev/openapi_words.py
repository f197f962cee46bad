"""The words of the OpenAPI document that belong to no function."""

ABOUT = """
The back end between an AI chat product's users and the model providers.

Every error is `{"error": {code, message, details?, requestId}}`; clients switch on `code`. Prices are USD per one
million tokens. Amounts that must stay exact (`charge`, `estimatedCost`) are strings. Unknown fields in a request body
are refused.
"""

TAGS = {
    "chat": "Messages and their answers.",
    "models": "The catalogue, trials, limits, and which model would answer.",
    "preferences": "What a member prefers.",
    "conversations": "What was said.",
    "personas": "Whom to talk to.",
    "modes": "Kinds of work and fields of knowledge.",
    "schedules": "Prompts that run by themselves, and what came of them.",
    "teams": "Members who share a plan: its models, its tokens, what it costs.",
    "usage": "What a member used and was charged.",
    "purchases": "Unlocking premium models by one payment through Stripe.",
    "pricing": "How a tenant makes its prices: markups, overrides, prices to come, history. For its admins.",
    "admin": "What admins of a tenant decide.",
    "operator": "What operators of the installation decide for all tenants.",
    "installation": "What the installation says of itself.",
}

RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}

ERROR_SCHEMA = {
    "description": "The one shape of all errors.",
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "requestId"],
            "properties": {
                "code": {"type": "string", "description": "Stable; clients switch on it.", "examples": ["NOT_FOUND"]},
                "message": {"type": "string", "description": "What to do, for people."},
                "details": {"description": "What a client needs to act on it."},
                "requestId": {"type": "string"},
            },
        }
    },
}
