"""Errors as logs tell them: their kind and place, never their text, which may quote what a member wrote."""

from typing import Any


def failure(error: BaseException) -> dict[str, Any]:
    """Returns what a log tells of an error: its kind and where it came from. Its text may quote what a member wrote."""
    told = {name: getattr(error, name, None) for name in ("code", "sqlstate", "constraint")}
    return {
        "error": type(error).__name__,
        **{name: value for name, value in told.items() if value is not None},
        "where": where(error),
    }


def where(error: BaseException) -> list[str]:
    """Returns the files and lines an exception came through, for logs: its own text may quote what a member wrote."""
    steps = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        steps.append(f"{code.co_filename.rsplit('/', 3)[-1]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return steps[-8:]
