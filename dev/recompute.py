"""`python -m dev.recompute [--days N]`: derive past charges and prices again, and tell what differs.

The database is that of `STOA_DATABASE_URL`, the variable that functions are given, too. Nothing is changed.
"""

import argparse
import os
import sys
from datetime import UTC, datetime, timedelta

from stoa.database.dsn import parse_url
from stoa.database.pool import Database
from stoa.domain.pricing.markup import money_text
from stoa.workflows.pricing.recompute import recompute_all

MOST_SHOWN = 50
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def main(arguments: list[str] | None = None) -> int:
    """Recompute; the exit code is 1 when something differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--days", type=int, help="messages of the last N days only (all, if not given)")
    days = parser.parse_args(arguments).days
    url = os.environ.get("STOA_DATABASE_URL")
    if url is None:
        print("Set STOA_DATABASE_URL to the database that the functions use.", file=sys.stderr)
        return 2
    database = Database(parse_url(url))
    try:
        done = recompute_all(database, BEGINNING if days is None else datetime.now(UTC) - timedelta(days=days))
    finally:
        database.close()
    for difference in done.differences[:MOST_SHOWN]:
        print(difference)
    print(
        f"{done.lines} charges ({money_text(done.charged)} USD) and {done.rows} price rows recomputed: "
        + (f"{len(done.differences)} differences." if done.differences else "all agree.")
    )
    return 1 if done.differences else 0


if __name__ == "__main__":
    sys.exit(main())
