"""`python -m dev.practice --port 8790`: practice providers until Ctrl-C."""

import argparse
import contextlib
import signal
import threading

from dev.practice.running import DEFAULT_DELAY, PracticeProviders


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m dev.practice", description=__doc__)
    parser.add_argument("--port", type=int, default=8790, help="0 takes a free one (default: 8790)")
    parser.add_argument(
        "--delay-ms", type=float, default=DEFAULT_DELAY * 1000, help="pause before every word (default: 15)"
    )
    arguments = parser.parse_args()

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has those it starts with & ignore it
    with PracticeProviders(arguments.port, arguments.delay_ms / 1000) as practice:
        print(f"Practice providers listen on http://127.0.0.1:{practice.port}", flush=True)
        print(f"for example OpenAI's at {practice.url('openai')}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


main()
