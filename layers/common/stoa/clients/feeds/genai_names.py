"""Reads the names by which genai-prices knows a model from its `match` clauses, without running their patterns.

A clause is {"equals": …}, {"starts_with": …}, {"ends_with": …}, {"contains": …}, {"regex": …}, {"or": […]} or
{"and": […]}: https://github.com/pydantic/genai-prices, prices/README.md.
"""

import re
from typing import Any

DEEPEST = 8  # levels of clauses within clauses; the feed has 3
# A pattern that means `this name and a date`, as all but three patterns of the feed do.
_DATED = re.compile(r"\^([\w./\\-]+)-\\d\{(?:8\}|4\}-\\d\{2\}-\\d\{2\})\$")


def names_of(clause: Any, deep: int = 0) -> tuple[list[str], list[str]]:
    """Returns exact names, in the feed's order, and beginnings of names that are this model with any date or version.

    A clause within an `and` names nothing by itself.
    """
    exact: list[str] = []
    stems: list[str] = []
    for kind, said in _parts(clause, deep):
        if kind == "or":
            for part in said:
                deeper = names_of(part, deep + 1)
                exact += deeper[0]
                stems += deeper[1]
        elif kind == "equals":
            exact.append(said)
        elif kind in ("starts_with", "contains"):
            stems.append(said.lower())
        elif kind == "regex" and (dated := _DATED.fullmatch(said)):
            stems.append(dated[1].replace("\\", "").lower())
    return exact, stems


def accepts(clause: Any, name: str, deep: int = 0) -> bool:
    """Returns whether the clause accepts the name. A pattern counts as accepting, because it only narrows clauses."""
    name = name.lower()
    return any(_lets_through(kind, said, name, deep) for kind, said in _parts(clause, deep))


def _lets_through(kind: str, said: Any, name: str, deep: int) -> bool:
    match kind:
        case "or":
            return any(accepts(part, name, deep + 1) for part in said)
        case "and":
            return all(accepts(part, name, deep + 1) for part in said)
        case "equals":
            return bool(name == said.lower())
        case "starts_with":
            return bool(name.startswith(said.lower()))
        case "ends_with":
            return bool(name.endswith(said.lower()))
        case "contains":
            return said.lower() in name
    return kind == "regex"


def _parts(clause: Any, deep: int) -> list[tuple[str, Any]]:
    if not isinstance(clause, dict) or deep > DEEPEST:
        return []
    wanted = {"or": list, "and": list}
    return [(kind, said) for kind, said in clause.items() if isinstance(said, wanted.get(kind, str)) and said]
