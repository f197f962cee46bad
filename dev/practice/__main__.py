"""`python -m dev.practice --port 8790`: practice providers until Ctrl-C."""

import argparse
import asyncio
import contextlib
import signal

from dev.practice.running import DEFAULT_DELAY, provider_url, serve
from dev.practice.service import Service


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m dev.practice", description=__doc__)
    parser.add_argument("--port", type=int, default=8790, help="0 takes a free one (default: 8790)")
    parser.add_argument(
        "--delay-ms", type=float, default=DEFAULT_DELAY * 1000, help="pause before every word (default: 15)"
    )
    arguments = parser.parse_args()

    def started(port: int) -> None:
        print(f"Practice providers listen on http://127.0.0.1:{port}", flush=True)
        print(f"for example OpenAI's at {provider_url(port, 'openai')}", flush=True)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has those it starts with & ignore it
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(Service(arguments.delay_ms / 1000), arguments.port, started))


main()
