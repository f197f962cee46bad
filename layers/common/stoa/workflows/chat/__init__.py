"""Chat: one message in, a streamed answer out, and every message metered and charged exactly once.

The order is reserve → call → settle. No transaction is open while a provider is called:

1. `prepare`  one round trip: snapshot, prompts, history and idempotency key; then the pure selection;
2. `books`    one round trip: the reservation, which counts the message under any concurrency;
3. `answer`   the provider's stream, with failover to the decision's fallbacks before the first token;
4. `books`    one round trip: settlement and the saved conversation together, or a release that gives all back.
"""

from stoa.workflows.chat.answer import chat
from stoa.workflows.chat.values import ChatMessage, Citations, Content, Done, Event, Failure, Metadata, Selection, Tools

__all__ = [
    "ChatMessage",
    "Citations",
    "Content",
    "Done",
    "Event",
    "Failure",
    "Metadata",
    "Selection",
    "Tools",
    "chat",
]
