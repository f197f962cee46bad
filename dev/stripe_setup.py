"""`python -m dev.stripe_setup [--tenant SLUG]`: products and prices at Stripe for everything that tenants sell.

Needs the functions' own settings: STOA_DATABASE_URL (or STOA_DATABASE_SECRET_ARN) and STRIPE_API_KEY (or
STOA_STRIPE_SECRET_ARN). It may be run again at any time, and should be after prices changed; nothing depends on it.
"""

import argparse
import sys

from stoa.clients.stripe.stripe_client import stripe_calls
from stoa.core.errors import StoaError
from stoa.database.pool import database
from stoa.workflows.billing.stripe_products import set_up_products


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m dev.stripe_setup", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tenant", help="slug of the only tenant to do it for (default: all)")
    only_tenant = parser.parse_args().tenant
    try:
        done = set_up_products(database(), stripe_calls(), print, only_tenant=only_tenant)
    except (StoaError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"Products: {done['created']} created, {done['renamed']} renamed, {done['found']} found. "
        f"Prices: {done['prices']} created."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
