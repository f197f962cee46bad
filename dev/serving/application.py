"""The ASGI application in front of code that blocks: a function from request to answer, called in threads."""

import asyncio
from collections.abc import Callable

from dev.serving.answers import Answer, Streaming, send_whole
from dev.serving.client import Client, ClientGone, Receive, Scope, Send
from dev.serving.requests import Request, RequestRefused, read_request
from dev.serving.threads import Threads


def plain_refusal(refused: RequestRefused) -> Answer:
    """A refusal as text."""
    return Answer(refused.status, [("content-type", "text/plain; charset=utf-8")], refused.message.encode())


class Application:
    """Answers each request by `respond`, in a thread; it must not raise. `refuse` answers unacceptable requests."""

    def __init__(
        self,
        respond: Callable[[Request], Answer],
        refuse: Callable[[RequestRefused], Answer] = plain_refusal,
    ) -> None:
        self._respond = respond
        self._refuse = refuse
        self._threads = Threads("function")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Called by uvicorn for each request."""
        client = Client(scope, receive, send)
        try:
            request = await read_request(scope, receive)
        except ClientGone:
            return
        except RequestRefused as refused:
            answer = self._refuse(refused)
            await client.refuse(answer.status, answer.headers, answer.body)
            return
        answer = await asyncio.get_running_loop().run_in_executor(self._threads, self._respond, request)
        status, complete = answer.status, False
        try:
            if answer.stream is None:
                complete = await send_whole(answer, client)
            else:
                status, complete = await Streaming(answer, answer.stream, client, self._threads).run()
        finally:
            if answer.done is not None:
                answer.done(status, complete)
