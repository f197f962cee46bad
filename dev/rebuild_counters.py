"""`python -m dev.rebuild_counters [--check]`: derive the counters from the ledger again, or only prove that they agree.

The database is that of `STOA_DATABASE_URL`, the variable that functions are given, too.
"""

import argparse
import os
import sys
from datetime import UTC, datetime

from stoa.database.dsn import parse_url
from stoa.database.pool import Database
from stoa.workflows.operations.counters import check_counters, rebuild_counters

MOST_SHOWN = 50


def main(arguments: list[str] | None = None) -> int:
    """Check or rebuild; the exit code of a check is 1 when a counter differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail when a counter differs")
    checking = parser.parse_args(arguments).check
    url = os.environ.get("STOA_DATABASE_URL")
    if url is None:
        print("Set STOA_DATABASE_URL to the database that the functions use.", file=sys.stderr)
        return 2
    database = Database(parse_url(url))
    try:
        return _check(database) if checking else _rebuild(database)
    finally:
        database.close()


def _check(database: Database) -> int:
    found = check_counters(database, datetime.now(UTC))
    for difference in found[:MOST_SHOWN]:
        print(difference)
    if not found:
        print("All counters agree with the ledger.")
        return 0
    print(f"{len(found)} counters differ. Run without --check to put them right.", file=sys.stderr)
    return 1


def _rebuild(database: Database) -> int:
    repaired = rebuild_counters(database, datetime.now(UTC))
    print(f"{repaired} counters put right." if repaired else "All counters agreed with the ledger.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
