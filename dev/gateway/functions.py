"""The functions of the template, called in this process as Lambda would call them."""

import importlib
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dev.gateway.template import Function
from stoa.runtime.streaming import Context

Handler = Callable[[dict[str, Any], Context], Any]


class Functions:
    """Handlers by function name, imported once, in a thread, so that a first request need not wait for all of them."""

    def __init__(self, functions: Iterable[Function], load: Callable[[Function], Handler] | None = None) -> None:
        self._functions = {function.name: function for function in functions}
        loader = ThreadPoolExecutor(1, "functions")
        self._handlers = {name: loader.submit(load or load_handler, one) for name, one in self._functions.items()}
        loader.shutdown(wait=False)

    def wait_until_loaded(self) -> None:
        """Waits for all imports. Raises what the first module that cannot be imported raises."""
        for handler in self._handlers.values():
            handler.result()

    def call(self, name: str, event: dict[str, Any], request_id: str) -> Any:
        """Returns the function's result. Raises the function's own exception."""
        handler = self._handlers[name].result()
        return handler(event, _context(self._functions[name], request_id))


def load_handler(function: Function) -> Handler:
    """The handler that the template names. Raises what its module raises when it is imported."""
    handler: Handler = getattr(importlib.import_module(function.module), function.attribute)
    return handler


def _context(function: Function, request_id: str) -> Context:
    return Context(
        aws_request_id=request_id,
        invoked_function_arn=f"arn:aws:lambda:local:000000000000:function:{function.name}",
        deadline_ms=int((time.time() + function.timeout) * 1000),
        function_name=function.name,
        function_version="$LATEST",
        memory_limit_in_mb=str(function.memory),
        log_group_name=f"/aws/lambda/{function.name}",
        log_stream_name="local",
    )
