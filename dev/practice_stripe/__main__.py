"""`python -m dev.practice_stripe --port 12111 --webhook URL`: a practice Stripe until Ctrl-C."""

import argparse
import contextlib
import threading

from dev.practice_stripe.running import PRACTICE_SECRET, PracticeStripe


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m dev.practice_stripe", description=__doc__)
    parser.add_argument("--port", type=int, default=12111, help="0 takes a free one (default: 12111)")
    parser.add_argument("--webhook", help="where events are sent (default: nowhere)")
    parser.add_argument("--secret", default=PRACTICE_SECRET, help=f"what signs them (default: {PRACTICE_SECRET})")
    arguments = parser.parse_args()
    with PracticeStripe(arguments.port, arguments.webhook, arguments.secret) as stripe:
        print(f"Practice Stripe listens on {stripe.url}; payments are listed on {stripe.url}/practice", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


main()
