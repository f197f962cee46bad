"""The routes of HTTP functions as tests see them, and the documented shape of their answers."""

import importlib
import re
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter

# While functions move to the resolver one by one, some still have the route table.


def route_of(modules: tuple[ModuleType, ...], method: str, path: str) -> tuple[Any, Any]:
    """Returns the route that answers, and the function it belongs to. Raises LookupError where there is none."""
    for module in modules:
        if hasattr(module, "app"):
            for route in module.app.routes:
                if route.method == method and route.rule.match(path):
                    return route, module.app
        else:
            for old in module.api.routes:
                if old.method == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", old.path), path):
                    return old, module.api
    raise LookupError(f"no function answers {method} {path}")


def check_answer(route: Any, status: int, text: str) -> None:
    """Raises unless a success looks as the route's answer type says: the same fields, no more."""
    if hasattr(route, "dependant"):
        assert status == route.status_code
        answer = route.dependant.return_param
        assert answer is not None, f"{route.path} names no answer"
        if answer.type_ is not str:
            TypeAdapter(answer.type_).validate_json(text)
        return
    assert status == route.status
    if route.answer is not None:
        models = importlib.import_module(route.module.replace(".handler", ".models"))
        getattr(models, route.answer).model_validate_json(text, strict=True)
