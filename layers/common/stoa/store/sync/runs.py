"""Readings of the feeds that are on file, for operators. Written in the operator's scope."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from stoa.database.pool import Connection, json_parameter
from stoa.domain.sync.feed import FeedProblem

_LAST_RUN = "SELECT r.sources, r.problems_digest FROM feed_runs r ORDER BY r.id DESC LIMIT 1"

_ADD_RUN = """
INSERT INTO feed_runs (id, sources, problems, problems_digest, models_added, models_changed, created_at)
VALUES (
    :id, :sources ::jsonb, :problems ::jsonb, :problems_digest, :models_added, :models_changed, :now ::timestamptz
)
"""

_RUNS = """
SELECT r.id, r.created_at, r.sources, r.problems, r.models_added, r.models_changed
FROM feed_runs r
WHERE :before ::uuid IS NULL OR r.id < :before
ORDER BY r.id DESC
LIMIT :rows
"""


class SourceRead(Struct, frozen=True):
    """The result of reading a source. `models` is the number of models when it was last read in full."""

    source: str
    complete: bool
    models: int | None
    problems: int


class FeedRun(Struct, frozen=True):
    """A reading of all sources, and what it added and changed."""

    id: UUID
    created_at: datetime
    sources: list[SourceRead]
    problems: list[FeedProblem]
    models_added: int
    models_changed: int


class LastRun(Struct, frozen=True):
    """The part of the newest reading that the next one is compared with."""

    sources: list[SourceRead]
    problems_digest: str


def last(connection: Connection) -> LastRun | None:
    """Returns the newest reading on file. None: there is none."""
    rows = connection.run(_LAST_RUN)
    return LastRun(_sources(rows[0]["sources"]), rows[0]["problems_digest"]) if rows else None


def add(connection: Connection, run: FeedRun, problems_digest: str) -> None:
    """Puts a reading on file."""
    connection.run(
        _ADD_RUN,
        id=run.id,
        sources=json_parameter([asdict(source) for source in run.sources]),
        problems=json_parameter([asdict(problem) for problem in run.problems]),
        problems_digest=problems_digest,
        models_added=run.models_added,
        models_changed=run.models_changed,
        now=run.created_at,
    )


def newest(connection: Connection, *, before: UUID | None, rows: int) -> list[FeedRun]:
    """Returns the newest readings on file. `before` is the last one of the previous page."""
    return [_run(row) for row in connection.run(_RUNS, before=before, rows=rows)]


def _run(row: Mapping[str, Any]) -> FeedRun:
    problems = [FeedProblem(**problem) for problem in row["problems"]]
    return FeedRun(**{**row, "sources": _sources(row["sources"]), "problems": problems})


def _sources(stored: Sequence[dict[str, Any]]) -> list[SourceRead]:
    return [SourceRead(**source) for source in stored]
