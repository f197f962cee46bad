"""Routes as they are documented, and the body of a request. Cheap to import: no web framework."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Route:
    """One route as it is documented. `body` and `answer` name classes in the function's `models` module.

    `parameters` names one whose fields are further query parameters, or headers where their schema says so.
    """

    method: str
    path: str
    summary: str
    answer: str | None = None
    body: str | None = None
    status: int = 200
    public: bool = False
    parameters: str | None = None
    paged: bool = False
    streams: bool = False
    description: str = ""
    errors: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    module: str = ""
