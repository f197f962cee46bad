"""Stripe's form encoding: `line_items[0][price_data][currency]=eur` as nested dictionaries and lists."""

import re
from typing import Any
from urllib.parse import parse_qsl

_STEPS = re.compile(r"\[([^\]]*)\]")


def decode(text: str) -> dict[str, Any]:
    """The nested values of a form or a query string. Values stay text."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        first, _, rest = name.partition("[")
        steps = [first, *(_STEPS.findall(f"[{rest}") if rest else [])]
        place = tree
        for step in steps[:-1]:
            place = place.setdefault(step, {})
        last = steps[-1]
        place[last or str(len(place))] = value  # `expand[]=a&expand[]=b`
    return {name: _listed(value) for name, value in tree.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(name.isdigit() for name in value):
        return [_listed(value[name]) for name in sorted(value, key=int)]
    return {name: _listed(item) for name, item in value.items()}
