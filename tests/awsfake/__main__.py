"""The fake AWS as a process of its own."""

import argparse
import sys

from tests.awsfake.server import AwsFake


def main() -> None:
    """Serve until standard input ends; print the address first."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--speed", type=float, default=1.0, metavar="FACTOR")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    with AwsFake(speed=given.speed, region=given.region, port=given.port) as fake:
        print(fake.url, flush=True)  # noqa: T201 - the one thing that the parent reads
        sys.stdin.read()


if __name__ == "__main__":
    main()
